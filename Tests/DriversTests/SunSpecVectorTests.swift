import Configuration
import Drivers
import HAL
import Metering
import SimulatedWorld
import Testing

/// A device's registers from `base` on; what lies elsewhere is refused.
private struct Registers: Sendable {
  var base: UInt16
  var words: [UInt16]

  subscript(address: UInt16) -> UInt16? {
    address >= base && Int(address - base) < words.count ? words[Int(address - base)] : nil
  }
}

/// What came of one device: its models, and the values of all that the map knows.
private struct Found: Equatable {
  var models: [FoundModel]
  var values: [DecodedValue]
}

/// Every prefix and every single-bit flip of the registers of a SunSpec device. Nothing in a chain of models has a check
/// value, so a flip may well give another value; it never gives one beyond the map's limits.
@Suite("SunSpec vectors, cut and flipped (SunSpec Device Information Model Specification, §4)")
struct SunSpecVectorTests {
  /// "SunS", the common model and one more, each measured point 100 and each scale factor -1.
  private static func device(_ model: ModelMap, base: UInt16 = 40_000) -> Registers {
    var words: [UInt16] = [0x5375, 0x6E53, 1, 66] + Array(repeating: 0x2020, count: 66)
    var body = Array(repeating: UInt16(0), count: Int(model.length) + 2)
    body[0] = model.identifier
    body[1] = model.length
    for point in model.points {
      body[Int(point.address + point.type.registerCount - 1)] = 100
      if let scale = point.scaleAddress { body[Int(scale)] = 0xFFFF }
    }
    words += body + [0xFFFF, 0]
    return Registers(base: base, words: words)
  }

  /// The registers of the simulated inverter, by its own answers: models 1, 103, 120, 121 and 123.
  private static func inverter() -> Registers {
    var slave = SunSpecSlave(unit: 126, inverter: SimulatedInverter())
    var words: [UInt16] = []
    for address in 40_000..<40_210 {
      let answer = slave.answer([126, 3, UInt8(address >> 8), UInt8(address & 0xFF), 0, 1], at: 0)
      words.append(UInt16(answer[3]) << 8 | UInt16(answer[4]))
    }
    return Registers(base: 40_000, words: words)
  }

  private static func vectors(_ map: DeviceMap) -> [Registers] {
    [inverter()] + map.models.map { device($0) }
      + [device(map.models[0], base: 0), device(map.models[0], base: 50_000)]
  }

  /// Walks the chain and decodes what the plan reads, as a driver does, and checks what must hold of any registers.
  private static func read(_ registers: Registers, _ map: DeviceMap) -> Result<Found, SunSpecError> {
    var discovery = SunSpecDiscovery(bases: map.bases)
    var reads = 0
    do throws(SunSpecError) {
      var step = discovery.first
      while case .read(let address, let count) = step {
        reads += 1
        precondition(count == 2 && UInt32(address) + 2 <= 0x1_0000)
        precondition(reads <= map.bases.count + SunSpecDiscovery.maximumModels + 1)
        if let high = registers[address], let low = registers[address + 1] {
          step = try discovery.received(high, low)
        } else {
          step = try discovery.refused()
        }
      }
    } catch { return .failure(error) }
    precondition(discovery.models.count <= SunSpecDiscovery.maximumModels)
    let plan = ReadPlan(map, models: discovery.models)
    precondition(plan.blocks.count <= discovery.models.count)
    var found = Found(models: discovery.models, values: [])
    for block in plan.blocks {
      precondition(block.count >= 1 && block.count <= ModbusRequest.maximumRegisters)
      for index in block.points {
        let point = plan.points[index]
        precondition(point.firstAddress >= block.address)
        precondition(UInt32(point.lastAddress) < UInt32(block.address) + UInt32(block.count))
        let value = point.decode(order: plan.order) { registers[$0] ?? 0xFFFF }
        let isWithin = value.value >= point.minimum && value.value <= point.maximum
        precondition(value.quality == .good ? isWithin : value.value == 0)
        found.values.append(value)
      }
    }
    return .success(found)
  }

  @Test("each vector is found whole, and its values are good")
  func whole() throws {
    let map = try map("sunspec")
    for registers in Self.vectors(map) {
      let found = try Self.read(registers, map).get()
      let common = FoundModel(identifier: 1, address: registers.base + 2, length: 66)
      #expect(found.models.count >= 2 && found.models[0] == common)
      let good = found.values.filter { $0.quality == .good }
      #expect(!found.values.isEmpty && 2 * good.count > found.values.count)
    }
  }

  @Test("no prefix is a device: the chain breaks where the registers end")
  func prefixes() throws {
    let map = try map("sunspec")
    for registers in Self.vectors(map) {
      for count in 0..<registers.words.count {
        let part = Registers(base: registers.base, words: Array(registers.words.prefix(count)))
        switch Self.read(part, map) {
        case .success: Issue.record("\(count) of \(registers.words.count) registers are a device")
        case .failure(let error): #expect((error == .notSunSpec) == (count < 2))
        }
      }
    }
  }

  @Test("no single-bit flip crashes, grows or gives a value beyond the map's limits, and what it does not touch stays")
  func flips() throws {
    let map = try map("sunspec")
    for registers in Self.vectors(map) {
      let good = try Self.read(registers, map).get()
      var heads: Set<Int> = [0, 1]
      for model in good.models {
        let place = Int(model.address - registers.base)
        heads.formUnion([place, place + 1])
      }
      let end = registers.words.count - 2
      for bit in 0..<(16 * registers.words.count) {
        var flipped = registers
        flipped.words[bit / 16] ^= 1 << (bit % 16)
        let result = Self.read(flipped, map)
        if bit / 16 < 2 {
          #expect(result == .failure(.notSunSpec), "bit \(bit)")
        } else if bit / 16 == end {
          // A model of length 0, or one behind the last register.
          #expect((try? result.get()) == nil, "bit \(bit)")
        } else if !heads.contains(bit / 16) {
          let found = try result.get()
          #expect(found.models == good.models && found.values.count == good.values.count, "bit \(bit)")
          // A scale factor serves several points; a value of its own only one.
          let changed = zip(found.values, good.values).filter { $0 != $1 }.count
          let isScale = map.models.contains { model in
            good.models.contains { head in
              head.identifier == model.identifier
                && model.points.contains { $0.scaleAddress.map { Int($0 + head.address - registers.base) } == bit / 16 }
            }
          }
          #expect(isScale || changed <= 1, "bit \(bit)")
        }
      }
    }
  }

  @Test("the driver reads every flip of the inverter's registers, or refuses them, in bounded requests")
  func throughTheDriver() throws {
    let map = try map("sunspec")
    let registers = Self.inverter()
    let bases = map.bases.count
    for bit in 0..<(16 * registers.words.count) {
      var flipped = registers
      flipped.words[bit / 16] ^= 1 << (bit % 16)
      let time = VirtualTime()
      let image = flipped
      let script = BusScript { _, request in
        let start = UInt16(request[2]) << 8 | UInt16(request[3])
        let count = UInt16(request[5])
        var body: [UInt8] = [request[0], 3, UInt8(2 * count)]
        for offset in 0..<count {
          guard start <= 0xFFFF - offset, let word = image[start + offset] else { return seal([request[0], 0x83, 2]) }
          body += [UInt8(word >> 8), UInt8(word & 0xFF)]
        }
        return seal(body)
      }
      var settings = LinkSettings(gapMilliseconds: 0)
      settings.attempts = 1
      var device = try MappedDevice(
        port: MemoryPort(script, time), clock: time, map: map, unit: 126, settings: settings)
      var isInside = true
      do throws(DriverError) {
        try device.find()
        try device.readSamples { sample in
          if sample.quality != .good, sample.value != 0 { isInside = false }
        }
      } catch {
        // Whatever is wrong is the device's, never the port's.
        #expect(error.name != "busGone" && error.name != "timeout", "bit \(bit): \(error)")
      }
      #expect(isInside && script.requests.count <= bases + SunSpecDiscovery.maximumModels + 40, "bit \(bit)")
    }
  }
}

private func seal(_ body: [UInt8]) -> [UInt8] {
  let sum = ModbusChecksum(of: body.span).value
  return body + [UInt8(sum & 0xFF), UInt8(sum >> 8)]
}
