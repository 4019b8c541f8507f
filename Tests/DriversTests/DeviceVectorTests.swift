import Configuration
import Drivers
import Foundation
import Metering
import Testing

/// Registers of one device and what they mean, written apart from its map.
private struct DeviceVector: Sendable, CustomTestStringConvertible {
  struct Place: Hashable {
    var function: UInt8
    var address: UInt16
  }

  let map: String
  private(set) var words: [Place: UInt16] = [:]
  /// "QUANTITY.PHASE=VALUE"
  let values: [String]

  var testDescription: String { map }

  /// A line of Tests/Oracles/device_vectors.txt.
  init?(_ line: Substring) {
    let parts = line.split(separator: " ")
    guard parts.count == 3 else { return nil }
    map = String(parts[0])
    values = parts[2].split(separator: ";").map { String($0) }
    for stretch in parts[1].split(separator: ";") {
      let halves = stretch.split(separator: "=")
      let place = halves[0].split(separator: ":")
      guard let function = UInt8(place[0]), let first = UInt16(place[1]) else { return nil }
      var address = first
      var digits = halves[1]
      while !digits.isEmpty {
        words[Place(function: function, address: address)] = UInt16(digits.prefix(4), radix: 16)
        digits = digits.dropFirst(4)
        address &+= 1
      }
    }
  }

  static let all: [DeviceVector] = {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Oracles/device_vectors.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { DeviceVector($0) }
  }()

  /// The registers of one request; nil where the device refuses it.
  func answer(_ function: ModbusRequest.Function, _ address: UInt16, _ count: UInt16) -> [UInt16]? {
    var answer: [UInt16] = []
    for offset in 0..<count {
      guard let word = words[Place(function: function.rawValue, address: address &+ offset)] else { return nil }
      answer.append(word)
    }
    return answer
  }

  /// "QUANTITY.PHASE=VALUE" of all that a map reads, sorted; a value that is not good has its quality, a request that is refused
  /// leaves its values out.
  func read(_ map: DeviceMap) -> [String] {
    let plan = ReadPlan(map)
    var read: [String] = []
    for block in plan.blocks {
      guard let answer = answer(block.function, block.address, block.count) else { continue }
      for index in block.points {
        let point = plan.points[index]
        let decoded = point.decode(order: plan.order) { answer[Int($0 - block.address)] }
        let quality = decoded.quality == .good ? "" : " \(decoded.quality)"
        read.append("\(point.quantity).\(point.phase)=\(decoded.value)\(quality)")
      }
    }
    return read.sorted()
  }

  /// Asks the device whether it is what a map describes, as a driver does.
  func identify(_ map: DeviceMap) throws(DriverError) -> DeviceIdentification {
    var identification = DeviceIdentification(map)
    while let wanted = identification.next {
      if let answer = answer(wanted.function, wanted.address, wanted.count) {
        try identification.received { answer[$0] }
      } else {
        try identification.refused(.modbus(.exception(2)))
      }
    }
    return identification
  }
}

@Suite("A vector of each device: negative power, big counters, export (Tests/Oracles/device_vectors.py)")
struct DeviceVectorTests {
  @Test("every device with registers of its own has a vector")
  func all() throws {
    var names: [String] = []
    for name in BuiltInDevices.names where try map(name).layout == .registers { names.append(name) }
    #expect(DeviceVector.all.map(\.map) == names.sorted())
  }

  @Test("each value is what the vector says, exactly, and none is left out", arguments: DeviceVector.all)
  fileprivate func values(vector: DeviceVector) throws {
    let map = try map(vector.map)
    #expect(throws: Never.self) { try vector.identify(map) }
    #expect(vector.read(map) == vector.values.sorted())
  }

  @Test("no point of a map can be changed without its vector noticing", arguments: DeviceVector.all)
  fileprivate func mutants(vector: DeviceVector) throws {
    let map = try map(vector.map)
    var count = 0
    for index in map.points.indices {
      for changed in Self.mutants(of: map.points[index], map.order) {
        var mutant = map
        mutant.points[index] = changed
        count += 1
        #expect(vector.read(mutant) != vector.values.sorted(), "\(changed)")
      }
    }
    #expect(count >= 4 * map.points.count)
  }

  /// A point with one thing of it wrong.
  private static func mutants(of point: MapPoint, _ mapOrder: WordOrder) -> [MapPoint] {
    var result: [MapPoint] = []
    func change(_ make: (inout MapPoint) -> Void) {
      var changed = point
      make(&changed)
      result.append(changed)
    }
    change { $0.address += 1 }
    change { $0.factor = $0.factor.multiplied(byTenTo: 1) }
    change { $0.isInverted.toggle() }
    change { $0.phase = ($0.phase + 1) % 4 }
    if point.type.registerCount > 1 {
      if point.address > 0 { change { $0.address -= 1 } }
      let own = point.order ?? mapOrder
      for order in WordOrder.allCases where order != own {
        // Where the high word has a place of its own, only the order of bytes is left to be wrong.
        if case .high? = point.second, Self.swapsBytes(order) == Self.swapsBytes(own) { continue }
        change { $0.order = order }
      }
    }
    if point.second != nil { change { $0.second = nil } }
    return result
  }

  private static func swapsBytes(_ order: WordOrder) -> Bool { order == .badc || order == .dcba }

  @Test("power is negative and export big in each vector of a device that measures them", arguments: DeviceVector.all)
  fileprivate func hard(vector: DeviceVector) throws {
    // These two count and measure one direction only.
    let isOneWay = ["orno-we504", "orno-we514"].contains(vector.map)
    let hasNegativePower = vector.values.contains { $0.hasPrefix("activePower.") && $0.contains("=-") }
    #expect(hasNegativePower || vector.map == "orno-we504")
    let export = vector.values.first { $0.hasPrefix("activeEnergyExport.0=") }
    #expect((export == nil) == isOneWay)
    if let export { #expect(Int64(export.dropFirst("activeEnergyExport.0=".count)) ?? 0 > 1_000_000_000_000) }
  }

  @Test("no map is surer of a device than the device's own", arguments: DeviceVector.all)
  fileprivate func ranks(vector: DeviceVector) throws {
    let own = try vector.identify(try map(vector.map)).rank
    for name in BuiltInDevices.names where name != vector.map {
      let other = try map(name)
      guard let found = try? vector.identify(other) else { continue }
      #expect(found.rank <= own, "\(name)")
      // A register that names the device is another one in every other device.
      #expect(other.identity.isEmpty, "\(name)")
    }
  }
}
