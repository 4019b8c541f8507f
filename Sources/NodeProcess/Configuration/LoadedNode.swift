import CLinux
import Commands
import Configuration
import HAL
import LinuxPlatform
import Metering

/// The longest configuration file. The largest node.ini has 65 peers; a topology.ini of this length has some 2,000 meters.
private let maximumConfigurationBytes = 262_144

/// - Throws: with a configuration's exit code.
package func readConfiguration(_ path: String) throws(Failure) -> [UInt8] {
  do throws(PlatformError) { return try Files.read(path, limit: maximumConfigurationBytes) } catch {
    throw Failure(ConfigurationError(file: path, line: 0, message: "cannot be read: \(error)"))
  }
}

/// A node's configuration, with what its board lends it.
package struct LoadedNode {
  package let configuration: NodeConfiguration
  package let board: BoardConfiguration?
  /// Of a meter that is read over Modbus.
  package let map: DeviceMap?
}

/// A node.ini, with the board and the map that it names.
/// - Throws: with a configuration's exit code, and the line.
package func loadNode(_ path: String) throws(Failure) -> LoadedNode {
  let bytes = try readConfiguration(path)
  let entry: IniEntry?
  do throws(ConfigurationError) { entry = try NodeConfiguration.boardEntry(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
  var board: BoardConfiguration?
  if let entry {
    let file = placed(entry.value, beside: path)
    guard isReadable(file) else {
      throw Failure(ConfigurationError(file: path, line: entry.line, message: "board: there is no file \(file)"))
    }
    board = try loadBoard(file, try readConfiguration(file))
  }
  let configuration: NodeConfiguration
  do throws(ConfigurationError) {
    configuration = try NodeConfiguration(file: path, bytes: bytes.span, board: board)
  } catch { throw Failure(error) }
  return LoadedNode(configuration: configuration, board: board, map: try loadMap(of: configuration))
}

/// The map of a node's meter, held against what else is said of the meter; nil for other nodes.
private func loadMap(of configuration: NodeConfiguration) throws(Failure) -> DeviceMap? {
  guard case .modbus(let meter)? = configuration.source else { return nil }
  if meter.isMapFile, !isReadable(meter.map) {
    throw Failure(configuration.wrong("meter", "map", "map: there is no file \(meter.map)"))
  }
  let map = try loadMap(meter.map)
  if let objection = meter.objection(to: map) {
    throw Failure(configuration.wrong("meter", objection.key, objection.message))
  }
  return map
}

/// - Parameter bytes: of the file.
package func loadBoard(_ path: String, _ bytes: [UInt8]) throws(Failure) -> BoardConfiguration {
  do throws(ConfigurationError) { return try BoardConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
}

/// Whether this process may read a file.
package func isReadable(_ path: String) -> Bool {
  let file = busbar_open_read(path)
  if file >= 0 { busbar_close(file) }
  return file >= 0
}

func isFolder(_ path: String) -> Bool {
  let folder = busbar_open_folder(path)
  if folder >= 0 { busbar_close(folder) }
  return folder >= 0
}
