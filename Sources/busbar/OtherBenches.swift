import LinuxPlatform

/// All benches but that of the cryptography. Those in which real nodes run are as large as the nodes, so boards' programs are built
/// without them.
func otherBench(_ arguments: Arguments) throws(Failure) {
  switch arguments.words[0] {
  case "packets":
    let packets = try arguments.integer("packets", default: 10_000_000, in: 32...100_000_000)
    return try PacketBench(packets: UInt64(packets), json: arguments.wantsJSON).run()
  case "consensus":
    let messages = try arguments.integer("messages", default: 1_000_000, in: 1000...100_000_000)
    return try ConsensusBench(messages: UInt64(messages), json: arguments.wantsJSON).run()
  case "node":
    let messages = try arguments.integer("messages", default: 1_000_000, in: 1000...100_000_000)
    let folder = arguments.text("data")
    let meters = Int(try arguments.integer("meters", default: 4, in: 3...(folder == nil ? 64 : 512)))
    for option in ["periods", "bits", "seconds"] where folder == nil && arguments.has(option) {
      throw Failure("--\(option) goes with --data", exitCode: Failure.usageCode)
    }
    let bits = Int(try arguments.integer("bits", default: 2048, in: 2048...3072))
    guard bits == 2048 || bits == 3072 else { throw Failure("--bits is 2048 or 3072", exitCode: Failure.usageCode) }
    if let folder, Files.exists(folder) { throw Failure("\(folder) exists; name a fresh folder") }
    return try NodeBench(
      messages: UInt64(messages), periods: UInt64(try arguments.integer("periods", default: 3, in: 1...100)),
      members: Int(try arguments.integer("aggregators", default: 4, in: 4...16)), metersPerSet: meters, bits: bits,
      periodSeconds: UInt64(try arguments.integer("seconds", default: 4, in: 4...3600)), folder: folder,
      json: arguments.wantsJSON
    ).run()
  case "round":
    let bits = Int(try arguments.integer("bits", default: 2048, in: 2048...3072))
    guard bits == 2048 || bits == 3072 else { throw Failure("--bits is 2048 or 3072", exitCode: Failure.usageCode) }
    return try RoundBench(
      members: Int(try arguments.integer("aggregators", default: 4, in: 4...64)),
      metersPerSet: Int(try arguments.integer("meters", default: 100, in: 3...512)), bits: bits,
      periods: Int(try arguments.integer("periods", default: 1, in: RoundBench.allowedPeriods)),
      json: arguments.wantsJSON
    ).run()
  case "fleet":
    var fleet = Fleet(try FleetOptions(arguments))
    return try fleet.run()
  case "round-node":
    guard arguments.has("driver") else { throw Failure("round-node needs --driver", exitCode: Failure.usageCode) }
    let port = UInt16(try arguments.integer("driver", default: 0, in: 1...65535))
    var node = RoundBenchNode(try RoundBenchNode.openSocket(), driver: port)
    return try node.run()
  default: preconditionFailure("a bench")
  }
}
