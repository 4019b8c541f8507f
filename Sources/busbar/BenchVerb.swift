import Paillier

func bench(_ arguments: Arguments) throws(Failure) {
  switch arguments.words[0] {
  case "crypto": break
  case "packets", "consensus", "node", "round", "round-node", "fleet": return try otherBench(arguments)
  default:
    throw Failure(
      "bench knows crypto, packets, consensus, node, round and fleet, not \(arguments.words[0])",
      exitCode: Failure.usageCode)
  }
  let bits = Int(try arguments.integer("bits", default: 2048, in: 2048...3072))
  guard bits == 2048 || bits == 3072 else { throw Failure("--bits is 2048 or 3072", exitCode: Failure.usageCode) }
  let budget = UInt64(try arguments.integer("milliseconds", default: 1000, in: 10...60_000)) * 1_000_000
  do throws(PaillierError) {
    try benchCryptography(bits: bits, budgetNanoseconds: budget, json: arguments.wantsJSON)
  } catch { throw Failure("bench: \(error)") }
}

#if BUSBAR_BOARD
  /// A board's program has no room for them. (docs/PERFORMANCE.md)
  private func otherBench(_ arguments: Arguments) throws(Failure) {
    throw Failure(
      "bench \(arguments.words[0]) is not in a board's program; BENCHES=1 Toolchain/cross.sh TARGET builds one with it")
  }

  func simulateMeters(_ arguments: Arguments) throws(Failure) {
    throw Failure("simulate-meters is not in a board's program; BENCHES=1 Toolchain/cross.sh TARGET builds one with it")
  }
#endif
