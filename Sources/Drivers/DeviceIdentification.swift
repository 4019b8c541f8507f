import Metering

/// Finds out, request by request, whether a device is what its map describes, and what it has. Pure: the caller reads
/// ``next`` and hands the registers back.
public struct DeviceIdentification: Sendable {
  /// One request.
  public struct Read: Equatable, Sendable {
    public var function: ModbusRequest.Function
    public var address: UInt16
    public var count: UInt16
  }

  private let map: DeviceMap
  /// The SunSpec model to read; nil takes the first in the chain that the map knows.
  private let model: UInt16?
  private var check = 0
  private var discovery: SunSpecDiscovery?
  /// What to read now; nil once the device is known.
  public private(set) var next: Read?
  /// What the device was found to have; empty unless it speaks SunSpec.
  public private(set) var models: [FoundModel] = []
  /// Of what the device has; of no use before ``next`` is nil.
  public private(set) var plan: ReadPlan

  public init(_ map: DeviceMap, model: UInt16? = nil) {
    self.map = map
    self.model = model
    plan = ReadPlan(map)
    switch map.layout {
    case .registers: ask()
    case .sunSpec:
      let discovery = SunSpecDiscovery(bases: map.bases)
      self.discovery = discovery
      ask(discovery.first)
    }
  }

  /// Takes the registers that were read.
  /// - Throws: `.notTheDevice`, `.deviceNotFound` or `.sunSpec` when this is another device.
  public mutating func received(_ register: (Int) -> UInt16) throws(DriverError) {
    if discovery != nil {
      let step: SunSpecDiscovery.Step
      do throws(SunSpecError) { step = try discovery!.received(register(0), register(1)) } catch {
        throw .sunSpec(error)
      }
      return try follow(step)
    }
    let expected = map.checks[check]
    guard expected.holds(order: map.order, word: { register(Int($0 - expected.address)) }) else {
      throw .notTheDevice(register: expected.address)
    }
    check += 1
    ask()
  }

  /// Takes a refusal: a chain of models may begin somewhere else.
  /// - Throws: that error where nothing else can be tried.
  public mutating func refused(_ error: DriverError) throws(DriverError) {
    // Some servers call an address they do not have a device failure.
    guard discovery != nil, error.isRefusalOfRegisters || error == .modbus(.exception(4)) else { throw error }
    let step: SunSpecDiscovery.Step
    do throws(SunSpecError) { step = try discovery!.refused() } catch { throw .sunSpec(error) }
    try follow(step)
  }

  private mutating func ask() {
    guard check < map.checks.count else {
      next = nil
      return
    }
    let expected = map.checks[check]
    next = Read(function: expected.function, address: expected.address, count: expected.type.registerCount)
  }

  private mutating func ask(_ step: SunSpecDiscovery.Step) {
    guard case .read(let address, let count) = step else { return next = nil }
    next = Read(function: map.function, address: address, count: count)
  }

  private mutating func follow(_ step: SunSpecDiscovery.Step) throws(DriverError) {
    ask(step)
    guard next == nil, let discovery else { return }
    models = discovery.models
    let wanted = models.first { found in
      map.models.contains { $0.identifier == found.identifier } && (model == nil || model == found.identifier)
    }
    guard let wanted else { throw .deviceNotFound }
    plan = ReadPlan(map, models: [wanted])
  }
}
