import Commands
import LinuxPlatform

/// What `busbar demo` was asked for.
struct DemoOptions {
  var folder: String
  var periods: UInt64
  var json: Bool
  /// The node to kill in the middle of ``faultPeriod``, counted from 1.
  var kill: String?
  /// The node that stands still from then on for one and a half periods.
  var pause: String?
  /// The node that is killed then, loses its journal, and comes back half a period later.
  var wipe: String?
  var faultPeriod: UInt64
  /// Of armv6, armv7, arm64: meters 1–4 run as the first 32-bit one, aggregator-1 as arm64, under qemu.
  var targets: [String]

  /// - Throws: a usage error, before anything was started.
  init(_ arguments: Arguments) throws(Failure) {
    folder = withoutTrailingSlashes(arguments.text("data") ?? Self.freeFolder())
    periods = UInt64(try arguments.integer("periods", default: 5, in: 1...1000))
    json = arguments.wantsJSON
    kill = arguments.text("kill")
    pause = arguments.text("pause")
    wipe = arguments.text("wipe")
    faultPeriod = UInt64(try arguments.integer("at-period", default: 1, in: 1...Int64(periods)))
    for (option, node) in [("kill", kill), ("pause", pause), ("wipe", wipe)] {
      guard let node, !Demo.nodeNames.contains(node) else { continue }
      throw Failure(
        "--\(option): there is no node \(node): aggregator-1 ... aggregator-\(Demo.aggregators), meter-1 ... "
          + "meter-\(Demo.meters) and bookkeeper-1 are", exitCode: Failure.usageCode)
    }
    let faults = [kill, pause, wipe].compactMap { $0 }
    guard faults.count > 0 || !arguments.has("at-period") else {
      throw Failure("--at-period goes with --kill, --pause or --wipe", exitCode: Failure.usageCode)
    }
    guard faults.count <= 1 else {
      throw Failure("--kill, --pause and --wipe exclude each other", exitCode: Failure.usageCode)
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
