import Aggregation
import Commands
import NodeProcess
import Paillier
import Units
import Wire

func verify(_ arguments: Arguments) throws(Failure) {
  let word = arguments.words[0]
  if word == "modulus" {
    return try verifyModulus(try arguments.required("modulus"), json: arguments.wantsJSON)
  }
  guard word == "certificate" || word == "sum" else {
    for option in ["genesis", "certificate", "sum", "modulus"] where arguments.has(option) {
      throw Failure("--\(option) does not go with a folder", exitCode: Failure.usageCode)
    }
    return try verifyWhole(word, from: try earliestPeriod(arguments), json: arguments.wantsJSON)
  }
  guard !arguments.has("from") else { throw Failure("--from goes with a folder", exitCode: Failure.usageCode) }
  let genesis = try loadProvenGenesis(try arguments.required("genesis"))
  let certificatePath = try arguments.required("certificate")
  let sumPath = word == "sum" ? try arguments.required("sum") : nil
  let certificate = try verifyCertificate(certificatePath, genesis)
  guard let sumPath else { return describe(certificate, isChecked: true, json: arguments.wantsJSON) }
  let values = try verifySum(sumPath, certificate, genesis)
  printLine(
    arguments.wantsJSON
      ? "{\"sumWattHours\":\(wattHoursAsJSON(values, genesis))}"
      : "the sum holds: \(wattHours(values, genesis))")
}

private func verifyModulus(_ path: String, json: Bool) throws(Failure) {
  let bytes = try readFile(path, limit: 64 << 10)
  let proven: ProvenModulus
  do throws(WireError) { proven = try ProvenModulus(decoding: bytes.span) } catch { throw Failure("\(path): \(error)") }
  let modulus = proven.modulus
  let key: PublicKey
  do throws(PaillierError) { key = try PublicKey(n: modulus.span, layout: SlotLayout([.activeEnergyImport])) } catch {
    throw Failure("\(path): \(error)")
  }
  do throws(ModulusRefusal) { try proven.proof.check(of: key) } catch { throw Failure("\(path): \(error)") }
  printLine(
    json
      ? "{\"modulusBits\":\(modulus.count * 8),\"proof\":true}"
      : "the modulus has \(modulus.count * 8) bits, and its proof holds")
}

/// The period of --from; nil for a folder that begins with each set's first position.
private func earliestPeriod(_ arguments: Arguments) throws(Failure) -> UInt64? {
  guard let text = arguments.text("from") else { return nil }
  guard let period = UInt64(text) else {
    throw Failure("--from is not a period: \(text)", exitCode: Failure.usageCode)
  }
  return period
}

private func verifyWhole(_ path: String, from period: UInt64?, json: Bool) throws(Failure) {
  let folder = try verifyFolder(path, from: period ?? 0)
  let decisions = folder.decisions
  guard !decisions.isEmpty else { throw Failure("\(path)/published: there is nothing to verify") }
  let decryptions = decisions.count { $0.values != nil }
  let unreadable = decisions.count { $0.isUnreadable }
  let gaps = folder.gaps(from: period)
  if json {
    let whole = folder.stretches.map {
      "{\"owner\":\($0.first.owner),\"firstPosition\":\($0.first.position),\"lastPosition\":\($0.last.position),"
        + "\"firstPeriod\":\($0.first.period),\"lastPeriod\":\($0.last.period)}"
    }
    printLine(
      "{\"certificates\":\(decisions.count),\"decryptions\":\(decryptions),\"unreadable\":\(unreadable),"
        + "\"gaps\":\(gaps.count),\"whole\":[\(whole.joined(separator: ","))]}")
  } else {
    printLine("\(decisions.count) certificates and \(decryptions) decryptions hold")
    for stretch in folder.stretches {
      printLine(
        "set \(stretch.first.owner): whole from position \(stretch.first.position), period \(stretch.first.period), "
          + "to position \(stretch.last.position), period \(stretch.last.period)")
    }
    for one in decisions where one.isUnreadable {
      printLine("set \(one.owner): position \(one.position), period \(one.period), cannot be read; its energy is open")
    }
  }
  guard gaps.isEmpty else { throw Failure("\(path)/published: \(gaps.joined(separator: "; "))") }
}

// MARK: Sums as text

/// The names of the genesis' slots, in order.
func slotNames(_ genesis: Genesis) -> [String] {
  genesis.slots.map { Quantity(slotCode: $0).map { "\($0)" } ?? "quantity\($0)" }
}

/// One member for each slot; none for a decision without values.
func wattHoursAsJSON(_ values: [Int64], _ genesis: Genesis) -> String {
  let names = slotNames(genesis)
  var members: [String] = []
  for slot in values.indices { members.append("\"\(names[slot])\":\(values[slot])") }
  return "{\(members.joined(separator: ","))}"
}

func wattHours(_ values: [Int64], _ genesis: Genesis) -> String {
  let names = slotNames(genesis)
  var parts: [String] = []
  for slot in values.indices { parts.append("\(names[slot]) \(values[slot]) Wh") }
  return parts.joined(separator: ", ")
}
