import Configuration
import Foundation
import Metering
import Testing

@Suite("Device maps in bytes (docs/PROTOCOL.md)")
struct CompactMapTests {
  static func decoded(_ bytes: [UInt8]) throws(CompactMapError) -> DeviceMap { try DeviceMap(compact: bytes.span) }

  /// Both test maps, which between them have everything, and what is built in.
  static func maps() throws -> [DeviceMap] {
    var maps = [try DeviceMapTests.parse(DeviceMapTests.good), try DeviceMapTests.parse(DeviceMapTests.full)]
    for name in BuiltInDevices.names { maps.append(try #require(try BuiltInDevices.map(named: name))) }
    return maps
  }

  @Test("a small map is these bytes")
  func golden() throws {
    let map = try DeviceMapTests.parse(
      """
      [device]
      name = m
      title = A meter
      kind = meter
      function = 4
      order = cdab
      maximumRegisters = 20
      gapMilliseconds = 5
      timeoutMilliseconds = 3000
      baud = 9600
      parity = even
      [counter]
      ratedPowerWatts = 1000
      quantumMilliwattHours = 100
      [check]
      11 = u16 70...79 holding zero
      [ranges]
      voltage = 0...300 V
      activeEnergyImport = 0...100 kWh
      [readable]
      registers = 0-3
      [points]
      voltage.1 = 0 i32 V x0.1 sentinel=0x7FFFFFFF
      activeEnergyImport.0 = 18 acc32 Wh
      """)
    let encoded = try map.compact()
    #expect(encoded.map { String($0, radix: 16) }.joined(separator: " ") == Self.golden)
    #expect(try Self.decoded(encoded) == map)
  }

  /// Written down by another program, from the table.
  static let golden =
    "1 6d 7 41 20 6d 65 74 65 72 48 28 14 5 78 2e 40 56 2 1 0 68 f 64 1 0 1 2 b 4c 2 9 2 50 1 0 3 47 2 0 "
    + "1 1 0 3 0 0 2 3 1 4 1 7f 7f 7f 7f 7f 1 6 1 6 0 2 1 0 0 1c 1 20"

  @Test("every map is itself again, in bytes below 128")
  func roundTrip() throws {
    for map in try Self.maps() {
      let bytes = try map.compact()
      #expect(try Self.decoded(bytes) == map, "\(map.name)")
      #expect(bytes.allSatisfy { $0 < 0x80 })
    }
  }

  @Test("what is built in is what Devices/ says; else run Toolchain/embed-devices.sh")
  func files() throws {
    let folder = DocumentTests.root.appendingPathComponent("Devices")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".ini") }
      .sorted()
    #expect(BuiltInDevices.names == names.map { String($0.dropLast(4)) })
    for name in names {
      let bytes = Array(try DocumentTests.text("Devices/\(name)").utf8)
      let map = try DeviceMap(file: name, bytes: bytes.span)
      #expect(map.name + ".ini" == name)
      #expect(try BuiltInDevices.map(named: map.name) == map, "\(name)")
    }
    print("maps: \(names.count) built-in ones take \(BuiltInDevices.byteCount) bytes")
    // The ledger needs what is left of 3 MB.
    #expect(BuiltInDevices.byteCount <= 300 * names.count)
  }

  @Test("no prefix of a map is one")
  func prefixes() throws {
    for map in try Self.maps() {
      let bytes = try map.compact()
      for length in bytes.indices {
        #expect(throws: CompactMapError.self) { try Self.decoded(Array(bytes.prefix(length))) }
      }
      #expect(throws: CompactMapError(offset: bytes.count)) { try Self.decoded(bytes + [0]) }
    }
  }

  @Test("a single-bit flip is refused or gives another map, whose bytes it is, and that can be planned")
  func flips() throws {
    for map in try Self.maps() {
      let bytes = try map.compact()
      for bit in 0..<(8 * bytes.count) {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << (bit % 8)
        guard let other = try? Self.decoded(flipped) else { continue }
        #expect(bit % 8 != 7 && other != map, "\(map.name), bit \(bit)")
        // Decoding takes one form of each map alone.
        #expect(try other.compact() == flipped, "\(map.name), bit \(bit)")
        for block in ReadPlan(other).blocks { #expect(block.count <= other.maximumRegisters) }
      }
    }
  }

  @Test("numbers have one encoding, and none beyond 64 bits is taken")
  func numbers() throws {
    // The length of the name is the first number: 1 in two digits, and one of twelve.
    #expect(throws: CompactMapError.self) { try Self.decoded([0x41, 0, 0x6D]) }
    #expect(throws: CompactMapError.self) { try Self.decoded(Array(repeating: 0x7F, count: 11) + [1]) }
    #expect(throws: CompactMapError.self) { try Self.decoded([]) }
    #expect(throws: CompactMapError(offset: 0)) { try Self.decoded([0x81]) }
  }

  @Test("a title that is not ASCII, or too long, has no form in bytes")
  func texts() throws {
    var map = try DeviceMapTests.parse(DeviceMapTests.good)
    map.title = "Zähler"
    #expect(throws: CompactEncodingError.text) { try map.compact() }
    map.title = String(repeating: "a", count: 81)
    #expect(throws: CompactEncodingError.text) { try map.compact() }
    map.title = String(repeating: "a", count: 80)
    #expect(throws: Never.self) { try map.compact() }
  }
}
