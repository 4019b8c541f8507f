import HAL
import Metering
import Units

/// A device that a map describes, over a port that it owns.
///
/// `find()` first; then readings cost one request a block and allocate nothing.
public struct MappedDevice<P: Port & ~Copyable, C: Clock>: ~Copyable {
  public var link: ModbusLink<P, C>
  public let map: DeviceMap
  public let unit: UInt8
  /// What the device was found to have; empty unless it speaks SunSpec.
  public private(set) var models: [FoundModel] = []
  public private(set) var plan: ReadPlan
  /// Points that the device refused alone.
  private var refused: [Bool]
  private var refusedBlocks: [Bool]
  private var refusal = DriverError.deviceNotFound

  /// Takes the port over for as long as this lives, and sends nothing yet: see ``find(_:)``.
  /// - Parameter settings: nil takes the map's gap between requests.
  /// - Precondition: one try of a request at least.
  public init(
    port: consuming P, clock: C, map: DeviceMap, unit: UInt8, settings: LinkSettings? = nil
  ) throws(DriverError) {
    link = try ModbusLink(
      port: port, clock: clock, settings: settings ?? LinkSettings(gapMilliseconds: map.gapMilliseconds))
    self.map = map
    self.unit = unit
    plan = ReadPlan(map)
    refused = Array(repeating: false, count: plan.points.count)
    refusedBlocks = Array(repeating: false, count: plan.blocks.count)
  }

  /// Asks the device whether it is one: its checks, or its chain of models.
  public mutating func find(_ wanted: WantedDevice = WantedDevice()) throws(DriverError) {
    let found = try link.identify(map, unit: unit, wanted)
    models = found.models
    plan = found.plan
    refused = Array(repeating: false, count: plan.points.count)
    refusedBlocks = Array(repeating: false, count: plan.blocks.count)
  }

  /// Visits every value the map knows, block by block.
  /// - Parameter update: only values of this class; nil for all.
  /// - Throws: at the first block that fails; samples visited before stay good.
  public mutating func readSamples(
    _ update: UpdateClass? = nil, _ visit: (Sample) -> Void
  ) throws(DriverError) {
    var hasAnswer = false
    for index in plan.blocks.indices where update == nil || plan.blocks[index].update == update {
      if try read(index, visit) { hasAnswer = true }
    }
    if !hasAnswer { throw forgetRefusals() }
  }

  /// A device that refused everything is asked for everything again the next time.
  private mutating func forgetRefusals() -> DriverError {
    for index in refused.indices { refused[index] = false }
    for index in refusedBlocks.indices { refusedBlocks[index] = false }
    return refusal
  }

  /// Both total counters.
  /// - Throws: `.unusable` when a counter's value is not good; when there is no counter at all, how they were refused.
  public mutating func readEnergy() throws(DriverError) -> EnergyReading {
    var collector = EnergyCollector(at: link.clock.instantOfInput())
    for index in plan.blocks.indices where plan.holdsCounter(index) {
      // What was refused is asked for again the next time.
      if !(try read(index) { collector.take($0) }), case .modbus(let error) = forgetRefusals() {
        collector.noteRefusal(error)
      }
    }
    return try collector.finish()
  }

  /// One request; where the device refuses it, one a point, and what is refused is `notImplemented` from then on.
  /// - Returns: false when the device gave nothing of it.
  private mutating func read(_ index: Int, _ visit: (Sample) -> Void) throws(DriverError) -> Bool {
    let block = plan.blocks[index]
    if refusedBlocks[index] { return try readSingly(block, visit) }
    do throws(DriverError) {
      try link.read(unit: unit, block.function, block.address, count: block.count)
    } catch {
      guard error.isRefusalOfRegisters(map.quirks) else { throw error }
      refusal = error
      refusedBlocks[index] = true
      if block.points.count == 1 { refused[block.points.lowerBound] = true }
      return try readSingly(block, visit)
    }
    for point in block.points { visit(sample(plan.points[point], from: block.address)) }
    return true
  }

  private mutating func readSingly(_ block: ReadBlock, _ visit: (Sample) -> Void) throws(DriverError) -> Bool {
    var hasAnswer = false
    for index in block.points {
      let point = plan.points[index]
      let first = point.firstAddress
      if !refused[index] {
        do throws(DriverError) {
          try link.read(unit: unit, block.function, first, count: point.lastAddress - first + 1)
        } catch {
          guard error.isRefusalOfRegisters(map.quirks) else { throw error }
          refusal = error
          refused[index] = true
        }
      }
      hasAnswer = hasAnswer || !refused[index]
      visit(refused[index] ? missing(point) : sample(point, from: first))
    }
    return hasAnswer
  }

  private func missing(_ point: MapPoint) -> Sample {
    Sample(quantity: point.quantity, phase: point.phase, DecodedValue(0, .notImplemented), link.clock.instantOfInput())
  }

  private func sample(_ point: MapPoint, from address: UInt16) -> Sample {
    let decoded = point.decode(order: plan.order) { register in link.register(Int(register - address)) }
    return Sample(quantity: point.quantity, phase: point.phase, decoded, link.instant)
  }
}

extension ModbusLink where P: ~Copyable {
  /// Asks a device whether it is what a map describes: its checks, or its chain of models.
  /// - Throws: `.notTheDevice`, `.wrongSerialNumber`, `.sunSpec` or `.deviceNotFound` when it is another one.
  public mutating func identify(
    _ map: DeviceMap, unit: UInt8, _ wanted: WantedDevice = WantedDevice()
  ) throws(DriverError) -> DeviceIdentification {
    var identification = DeviceIdentification(map, wanted)
    while let next = identification.next {
      var failure: DriverError?
      do throws(DriverError) {
        try read(unit: unit, next.function, next.address, count: next.count)
      } catch { failure = error }
      if let failure {
        try identification.failed(failure)
      } else {
        try identification.received { index in register(index) }
      }
    }
    return identification
  }
}

extension Sample {
  init(quantity: Quantity, phase: UInt8, _ decoded: DecodedValue, _ instant: Instant) {
    self.init(
      quantity: quantity, phase: phase, value: decoded.value, quality: decoded.quality,
      monotonicNanoseconds: instant.monotonic.nanoseconds, wallNanoseconds: instant.wall.nanoseconds,
      wallIsSynchronised: instant.state == .synchronised)
  }
}
