import LinuxPlatform

/// What `busbar demo` was asked for.
struct DemoOptions {
  var folder: String
  var periods: UInt64
  var json: Bool
  /// The node to kill in the middle of ``killPeriod``, counted from 1.
  var kill: String?
  var killPeriod: UInt64
  /// Of armv6, armv7, arm64: meters 1–4 run as the first 32-bit one, aggregator-1 as arm64, under qemu.
  var targets: [String]

  /// - Throws: a usage error, before anything was started.
  init(_ arguments: Arguments) throws(Failure) {
    folder = arguments.text("data") ?? Self.freeFolder()
    while folder.utf8.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    periods = UInt64(try arguments.integer("periods", default: 5, in: 1...1000))
    json = arguments.wantsJSON
    kill = arguments.text("kill")
    killPeriod = UInt64(try arguments.integer("at-period", default: 1, in: 1...Int64(periods)))
    if let kill, !Demo.nodeNames.contains(kill) {
      throw Failure(
        "--kill: there is no node \(kill): aggregator-1 ... aggregator-\(Demo.aggregators), meter-1 ... "
          + "meter-\(Demo.meters) and bookkeeper-1 are", exitCode: Failure.usageCode)
    }
    guard kill != nil || !arguments.has("at-period") else {
      throw Failure("--at-period goes with --kill", exitCode: Failure.usageCode)
    }
    targets = (arguments.text("targets") ?? "").split(separator: ",").map { String($0) }
    for target in targets where !["armv6", "armv7", "arm64"].contains(target) {
      throw Failure("--targets knows armv6, armv7 and arm64, not \(target)", exitCode: Failure.usageCode)
    }
  }

  /// `demo-data`, or the first `demo-data-N` that is free: one run after another keeps its data.
  private static func freeFolder() -> String {
    var folder = "demo-data"
    var number = 2
    while Files.exists(folder) || Files.exists(folder + ".new") {
      folder = "demo-data-\(number)"
      number += 1
    }
    return folder
  }
}
