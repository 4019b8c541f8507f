import HAL

/// A bench for `busbar simulate-bus`. (docs/HARDWARE.md, Scenarios)
public struct ScenarioConfiguration: Sendable {
  /// Where a port of the bench can be reached.
  public enum Line: Equatable, Sendable {
    /// A pseudoterminal, with a link to it where a path is given.
    case pseudoterminal(link: String?)
    case tcp(Endpoint)
    case rtuOverTCP(Endpoint)
  }

  /// One line with devices on it, as a `[port NAME]` section says.
  public struct Port: Sendable {
    public let name: String
    public let line: Line
    /// The plug is pulled so often, for one second; 0 never.
    public let replugSeconds: Int64
  }

  /// One device on a port, as a `[device NAME]` section says.
  public struct Device: Sendable {
    /// What answers: a house with an SDM630, which draws and feeds in as its seed says, or an inverter.
    public enum Kind: Sendable {
      case house(seed: UInt64)
      case inverter(ratedWatts: Int64, availableWatts: Int64)
    }
    /// Place in ``ScenarioConfiguration/ports``.
    public let port: Int
    public let unit: UInt8
    public let kind: Kind
    public let fault: String
    public let faultFirst: UInt64
    public let faultEvery: UInt64
    public let latencyMilliseconds: Int64
  }

  public static let maximumPorts = 32
  public let ports: [Port]
  public let devices: [Device]
  /// Seconds of house time in a second.
  public let clockFactor: Int64
  public let startSeconds: Int64
  public let feederMilliohms: Int64
  /// Where every counter that was answered is written down; nil nowhere.
  public let truth: String?

  /// - Parameter faults: the words that name one.
  public init(file: String, bytes: Span<UInt8>, faults: [String]) throws(ConfigurationError) {
    let ini = try IniFile(file: file, bytes: bytes)
    var reader = SectionReader(ini)
    clockFactor = try reader.integer("world", "clockFactor", in: 1...100_000, default: 1)
    startSeconds = try reader.integer("world", "startSeconds", in: 0...86_399, default: 12 * 3_600)
    feederMilliohms = try reader.integer("world", "feederMilliohms", in: 0...10_000, default: 80)
    truth = try reader.optionalText("world", "truth")
    var ports: [Port] = []
    var devices: [Device] = []
    var sections = ["world"]
    for head in ini.sections where head.name.hasPrefix("port ") && !sections.contains(head.name) {
      sections.append(head.name)
      guard ports.count < Self.maximumPorts else {
        throw reader.wrongLine(head.line, "more than \(Self.maximumPorts) ports")
      }
      ports.append(try Self.port(&reader, head.name))
    }
    for head in ini.sections where head.name.hasPrefix("device ") && !sections.contains(head.name) {
      sections.append(head.name)
      devices.append(try Self.device(&reader, head.name, ports, faults))
    }
    guard !ports.isEmpty, !devices.isEmpty else {
      throw reader.wrongLine(max(1, ini.lineCount), "a scenario has a [port NAME] and a [device NAME] at least")
    }
    self.ports = ports
    self.devices = devices
    try reader.finish(sections: sections)
  }

  private static func port(_ reader: inout SectionReader, _ section: String) throws(ConfigurationError) -> Port {
    let line: Line
    switch try reader.choice(section, "kind", of: ["pty", "tcp", "rtu-tcp"]) {
    case "pty": line = .pseudoterminal(link: try reader.optionalText(section, "link"))
    case "tcp": line = .tcp(try listen(&reader, section))
    default: line = .rtuOverTCP(try listen(&reader, section))
    }
    return Port(
      name: String(section.dropFirst(5)), line: line,
      replugSeconds: try reader.integer(section, "replugSeconds", in: 0...86_400, default: 0))
  }

  /// ADDRESS:PORT, where port 0 takes one that is free.
  private static func listen(
    _ reader: inout SectionReader, _ section: String
  ) throws(ConfigurationError) -> Endpoint {
    guard let entry = reader.entry(section, "listen"), entry.value.hasSuffix(":0"),
      let any = Endpoint(entry.value.dropLast(1) + "1")
    else { return try reader.endpoint(section, "listen") }
    return Endpoint(address: any.address, port: 0)
  }

  private static func device(
    _ reader: inout SectionReader, _ section: String, _ ports: [Port], _ faults: [String]
  ) throws(ConfigurationError) -> Device {
    let name = try reader.text(section, "port")
    guard let port = ports.firstIndex(where: { $0.name == name }) else {
      throw reader.wrong(section, "port", "there is no [port \(name)]")
    }
    let isHouse = try reader.choice(section, "kind", of: ["house", "inverter"]) == "house"
    let kind: Device.Kind =
      isHouse
      ? .house(seed: UInt64(try reader.integer(section, "seed", in: 0...Int64.max, default: 1)))
      : .inverter(
        ratedWatts: try reader.integer(section, "ratedWatts", in: 100...30_000, default: 5_000),
        availableWatts: try reader.integer(section, "availableWatts", in: 0...30_000, default: 4_500))
    return Device(
      port: port, unit: UInt8(try reader.integer(section, "unit", in: 1...247, default: isHouse ? 1 : 126)), kind: kind,
      fault: try reader.choice(section, "fault", of: faults, default: "none"),
      faultFirst: UInt64(try reader.integer(section, "faultFirst", in: 1...1_000_000_000, default: 1)),
      faultEvery: UInt64(try reader.integer(section, "faultEvery", in: 0...1_000_000_000, default: 1)),
      latencyMilliseconds: try reader.integer(section, "latencyMilliseconds", in: 0...60_000, default: 20))
  }
}
