import Aggregation
import Commands
import HAL
import LinuxPlatform
import NodeProcess

/// What `busbar bench fleet` was asked for.
struct FleetOptions {
  let aggregators: Int
  let metersPerSet: Int
  let bits: Int
  let seconds: UInt64
  let periods: UInt64
  let folder: String
  /// Where the numbers go as JSON; nil for nowhere but stdout.
  let report: String?
  let json: Bool

  init(_ arguments: Arguments) throws(Failure) {
    aggregators = Int(try arguments.integer("aggregators", default: 4, in: 4...64))
    metersPerSet = Int(try arguments.integer("meters", default: 500, in: 3...512))
    bits = try modulusBits(arguments, default: 3072)
    seconds = UInt64(try arguments.integer("seconds", default: 60, in: 2...3600))
    periods = UInt64(try arguments.integer("periods", default: 3, in: 1...1000))
    folder = arguments.text("data") ?? "fleet-data"
    report = arguments.text("report")
    json = arguments.wantsJSON
    guard 32_000 + aggregators * (1 + metersPerSet) + 1 <= 65_535 else {
      throw Failure("--aggregators and --meters ask for more ports than there are", exitCode: Failure.usageCode)
    }
  }
}
