import Commands
import LinuxPlatform
import Paillier

/// What can be timed, by the word behind `bench`.
private enum BenchKind: String {
  case crypto
  case packets
  case consensus
  case node
  case round
  case roundNode = "round-node"
  case fleet
}

/// `busbar bench`.
package func bench(_ arguments: Arguments) throws(Failure) {
  guard let kind = BenchKind(rawValue: arguments.words[0]) else {
    throw Failure(
      "bench knows crypto, packets, consensus, node, round and fleet, not \(arguments.words[0])",
      exitCode: Failure.usageCode)
  }
  switch kind {
  case .crypto: try benchCryptography(arguments)
  case .packets:
    let packets = try arguments.integer("packets", default: 10_000_000, in: 32...100_000_000)
    try PacketBench(packets: UInt64(packets), json: arguments.wantsJSON).run()
  case .consensus:
    try ConsensusBench(messages: try messages(arguments), json: arguments.wantsJSON).run()
  case .node: try benchNode(arguments)
  case .round:
    try RoundBench(
      members: Int(try arguments.integer("aggregators", default: 4, in: 4...64)),
      metersPerSet: Int(try arguments.integer("meters", default: 100, in: 3...512)), bits: try modulusBits(arguments),
      periods: Int(try arguments.integer("periods", default: 1, in: RoundBench.allowedPeriods)),
      json: arguments.wantsJSON
    ).run()
  case .roundNode:
    guard arguments.has("driver") else { throw Failure("round-node needs --driver", exitCode: Failure.usageCode) }
    let port = UInt16(try arguments.integer("driver", default: 0, in: 1...65535))
    var node = RoundBenchNode(try RoundBenchNode.openSocket(), driver: port)
    try node.run()
  case .fleet:
    var fleet = Fleet(try FleetOptions(arguments))
    try fleet.run()
  }
}

private func messages(_ arguments: Arguments) throws(Failure) -> UInt64 {
  UInt64(try arguments.integer("messages", default: 1_000_000, in: 1000...100_000_000))
}

/// Of the Paillier key.
func modulusBits(_ arguments: Arguments, default fallback: Int64 = 2048) throws(Failure) -> Int {
  let bits = Int(try arguments.integer("bits", default: fallback, in: 2048...3072))
  guard bits == 2048 || bits == 3072 else { throw Failure("--bits is 2048 or 3072", exitCode: Failure.usageCode) }
  return bits
}

private func benchCryptography(_ arguments: Arguments) throws(Failure) {
  let bits = try modulusBits(arguments)
  let budget = UInt64(try arguments.integer("milliseconds", default: 1000, in: 10...60_000)) * 1_000_000
  do throws(PaillierError) {
    try benchCryptography(bits: bits, budgetNanoseconds: budget, json: arguments.wantsJSON)
  } catch { throw Failure("bench: \(error)") }
}

private func benchNode(_ arguments: Arguments) throws(Failure) {
  let messages = try messages(arguments)
  let folder = arguments.text("data")
  let meters = Int(try arguments.integer("meters", default: 4, in: 3...(folder == nil ? 64 : 512)))
  for option in ["periods", "bits", "seconds"] where folder == nil && arguments.has(option) {
    throw Failure("--\(option) goes with --data", exitCode: Failure.usageCode)
  }
  let bits = try modulusBits(arguments)
  if let folder, Files.exists(folder) { throw Failure("\(folder) exists; name a fresh folder") }
  try NodeBench(
    messages: messages, periods: UInt64(try arguments.integer("periods", default: 3, in: 1...100)),
    members: Int(try arguments.integer("aggregators", default: 4, in: 4...16)), metersPerSet: meters, bits: bits,
    periodSeconds: UInt64(try arguments.integer("seconds", default: 4, in: 4...3600)), folder: folder,
    json: arguments.wantsJSON
  ).run()
}
