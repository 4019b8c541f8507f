import HAL
import Metering

/// `[meter]` of a node.ini whose source is modbus.
public struct ModbusMeter: Equatable, Sendable {
  /// A built-in map's name, or a path with a slash or ending in `.ini`.
  public var map: String
  public var port: PortPlace
  /// Nil takes the map's.
  public var unit: UInt8?
  public var baud: UInt32
  public var parity: String
  /// The SunSpec model to read; nil takes the first that the map knows.
  public var model: UInt16?
  /// Which of several such models, counted from 1.
  public var instance: UInt8
  /// What the device must say of itself; nil asks for nothing.
  public var serialNumber: String?
  /// Nil takes the map's, or what the port takes by itself.
  public var timeoutMilliseconds: UInt64?
  /// Nil takes the map's.
  public var connectDelayMilliseconds: UInt64?

  public var isMapFile: Bool { Self.isFile(map) }

  /// Whether a map is given by its file.
  public static func isFile(_ map: String) -> Bool { map.hasSuffix(".ini") || map.utf8.contains(UInt8(ascii: "/")) }

  /// Takes what a `[meter]` section or the command line says; nothing is checked here.
  public init(
    map: String, port: PortPlace, unit: UInt8?, baud: UInt32, parity: String, model: UInt16? = nil, instance: UInt8 = 1,
    serialNumber: String? = nil, timeoutMilliseconds: UInt64? = nil, connectDelayMilliseconds: UInt64? = nil
  ) {
    self.map = map
    self.port = port
    self.unit = unit
    self.baud = baud
    self.parity = parity
    self.model = model
    self.instance = instance
    self.serialNumber = serialNumber
    self.timeoutMilliseconds = timeoutMilliseconds
    self.connectDelayMilliseconds = connectDelayMilliseconds
  }

  /// - Parameter board: what stands in for `port`, `baud` and `parity` where the file leaves them out.
  init(_ reader: inout SectionReader, _ board: BoardConfiguration?) throws(ConfigurationError) {
    map = try reader.text("meter", "map")
    if !Self.isFile(map), !BuiltInDevices.names.contains(map) {
      throw reader.wrong(
        "meter", "map",
        "map is \(map), neither a file (with a slash, or ending in .ini) nor one of "
          + BuiltInDevices.names.joined(separator: ", "))
    }
    if Self.isFile(map) { map = placed(map, beside: reader.file) }
    port = try Self.port(&reader, board)
    unit = nil
    if reader.entry("meter", "unit") != nil { unit = UInt8(try reader.integer("meter", "unit", in: port.units)) }
    baud = UInt32(try reader.integer("meter", "baud", in: 1200...115_200, default: Int64(board?.baud ?? 9600)))
    parity = try reader.choice(
      "meter", "parity", of: ["none", "even", "odd"], default: board?.parity ?? "none")
    model = nil
    if reader.entry("meter", "model") != nil { model = UInt16(try reader.integer("meter", "model", in: 1...65_534)) }
    instance = UInt8(try reader.integer("meter", "instance", in: Self.instances, default: 1))
    serialNumber = try reader.optionalText("meter", "serial")
    timeoutMilliseconds = try reader.milliseconds("meter", "timeoutMilliseconds", in: DeviceMap.timeouts)
    connectDelayMilliseconds = try reader.milliseconds(
      "meter", "connectDelayMilliseconds", in: DeviceMap.connectDelays)
  }

  /// As many as a chain of models may have.
  static let instances: ClosedRange<Int64> = 1...Int64(SunSpecDiscovery.maximumModels)

  /// What of this does not fit the map, once that is read: the key, and what is wrong with it. Nil when all does.
  public func objection(to map: DeviceMap) -> (key: String, message: String)? {
    if map.layout != .sunSpec, model != nil || instance != 1 {
      let key = model != nil ? "model" : "instance"
      return (key, "\(key) is for SunSpec devices, not for \(map.name)")
    }
    if let model, !map.models.contains(where: { $0.identifier == model }) {
      return ("model", "model is \(model), which the map \(map.name) does not know")
    }
    if serialNumber != nil, map.serialNumber == nil {
      return ("serial", "the map \(map.name) does not say where the serial number is")
    }
    let unit = Int64(unit ?? map.unit)
    if !port.units.contains(unit) {
      return ("unit", "the map \(map.name) has unit \(unit), which nobody is on \(port): say unit")
    }
    return nil
  }

  /// A capture is no meter: what it says happened long ago.
  private static func port(
    _ reader: inout SectionReader, _ board: BoardConfiguration?
  ) throws(ConfigurationError) -> PortPlace {
    let text = try reader.text("meter", "port", default: board?.serialPort)
    switch PortPlace(text) {
    // A path that the board lends does not stand in this file.
    case .serial(let path): return .serial(reader.has("meter", "port") ? placed(path, beside: reader.file) : path)
    case .tcp(let endpoint): return .tcp(endpoint)
    case .rtuOverTCP(let endpoint): return .rtuOverTCP(endpoint)
    case .replay: throw reader.wrong("meter", "port", "port is a capture: \(text)")
    case nil:
      throw reader.wrong("meter", "port", "port is not a path, tcp:ADDRESS:PORT or rtu-tcp:ADDRESS:PORT: \(text)")
    }
  }
}
