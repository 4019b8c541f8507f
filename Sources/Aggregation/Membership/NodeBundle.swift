import Consensus
import Cryptography
import Wire

/// Why a bundle is not taken.
public enum BundleRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed(WireError)
  /// The bytes are not those that were written: its checksum is another.
  case damaged

  public var description: String {
    switch self {
    case .malformed(let error): "malformed: \(error)"
    case .damaged: "damaged: its checksum does not fit; copy it once more"
    }
  }
}

/// What a node is handed to join a group: the genesis, its configuration, and its meter's map where that is no built-in one.
/// There is no secret in it. (docs/PROTOCOL.md)
///
/// The checksum finds what a copy or a card damaged. It does not say who made the bundle: that the genesis holds the node's own
/// keys does, together with its network identifier, which the nodes of a site must all show.
public struct NodeBundle: Equatable, Sendable {
  /// The genesis file.
  public let genesis: [UInt8]
  /// The text of the node's node.ini; its paths are relative to where it will stand.
  public let configuration: [UInt8]
  /// The text of the map file that its node.ini names; empty where it names none.
  public let map: [UInt8]
  public let checksum: Digest

  /// As long as any configuration file may be.
  public static let maximumConfigurationBytes = 65_536
  /// As long as any map file may be.
  public static let maximumMapBytes = 65_536
  private static let headBytes = 20
  private static let checksumBytes = 32
  public static let maximumBytes =
    headBytes + Genesis.maximumBytes + maximumConfigurationBytes + maximumMapBytes + checksumBytes

  /// Takes what a node is handed, and makes the checksum. What the texts say is not looked at.
  /// - Precondition: none is longer than its limit.
  public init(genesis: [UInt8], configuration: [UInt8], map: [UInt8] = []) {
    precondition(genesis.count <= Genesis.maximumBytes)
    precondition(configuration.count <= Self.maximumConfigurationBytes && map.count <= Self.maximumMapBytes)
    self.genesis = genesis
    self.configuration = configuration
    self.map = map
    let summed = [UInt8](capacity: Self.headBytes + genesis.count + configuration.count + map.count) { out in
      Self.encodeSummed(genesis, configuration, map, into: &out)
    }
    checksum = Blake2b.digest(domain: "BUSBARnc", summed.span)
  }

  private static func encodeSummed(
    _ genesis: [UInt8], _ configuration: [UInt8], _ map: [UInt8], into output: inout OutputSpan<UInt8>
  ) {
    output.writeTag("BUSBARnb")
    output.write(UInt32(genesis.count))
    output.write(UInt32(configuration.count))
    output.write(UInt32(map.count))
    output.write(genesis.span)
    output.write(configuration.span)
    output.write(map.span)
  }

  public var encodedBytes: Int {
    Self.headBytes + genesis.count + configuration.count + map.count + Self.checksumBytes
  }

  /// Appends ``encodedBytes`` bytes, the checksum last. (docs/PROTOCOL.md, NodeBundle)
  public func encode(into output: inout OutputSpan<UInt8>) {
    Self.encodeSummed(genesis, configuration, map, into: &output)
    output.write(checksum)
  }

  /// Looks at layout and checksum; whether genesis, configuration and map can be read is for who uses them.
  public init(decoding bytes: Span<UInt8>) throws(BundleRefusal) {
    do throws(WireError) {
      var reader = WireReader(bytes)
      try reader.readTag("BUSBARnb")
      let genesisBytes = try reader.read(UInt32.self)
      guard genesisBytes <= UInt32(Genesis.maximumBytes) else { throw .outOfRange(offset: 8) }
      let configurationBytes = try reader.read(UInt32.self)
      guard configurationBytes <= UInt32(Self.maximumConfigurationBytes) else { throw .outOfRange(offset: 12) }
      let mapBytes = try reader.read(UInt32.self)
      guard mapBytes <= UInt32(Self.maximumMapBytes) else { throw .outOfRange(offset: 16) }
      genesis = Array(copying: try reader.readBytes(Int(genesisBytes)))
      configuration = Array(copying: try reader.readBytes(Int(configurationBytes)))
      map = Array(copying: try reader.readBytes(Int(mapBytes)))
      checksum = try reader.read(Digest.self)
      try reader.expectEnd()
    } catch { throw .malformed(error) }
    let summed = bytes.extracting(0..<(bytes.count - Self.checksumBytes))
    guard Blake2b.digest(domain: "BUSBARnc", summed) == checksum || mutated(.bundleChecksumUnchecked) else {
      throw .damaged
    }
  }
}
