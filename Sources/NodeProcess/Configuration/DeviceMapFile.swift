import Commands
import Configuration
import Metering

/// A built-in map by its name, or one from a file: anything with a slash or ending in ".ini".
package func loadMap(_ name: String) throws(Failure) -> DeviceMap {
  var bytes: [UInt8]?
  if ModbusMeter.isFile(name) { bytes = try readConfiguration(name) }
  do throws(ConfigurationError) {
    if let bytes { return try DeviceMap(file: name, bytes: bytes.span) }
    if let map = try BuiltInDevices.map(named: name) { return map }
  } catch { throw Failure(error) }
  throw Failure(
    "--map is \(name), neither a file nor one of those that busbar devices lists",
    exitCode: Failure.usageCode)
}
