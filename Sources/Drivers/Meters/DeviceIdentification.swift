import Metering

/// Which of the devices that a map fits is meant; what its owner left open is nil.
public struct WantedDevice: Equatable, Sendable {
  /// The SunSpec model to read; nil takes the first in the chain that the map knows.
  public var model: UInt16?
  /// Which of several such models in one chain, counted from 1.
  public var instance: UInt8
  /// In characters, as ``IdentityPlace/text(order:word:)`` gives them.
  public var serialNumber: [UInt8]?

  /// The most that ``instance`` may be.
  public static let instances = Int64(SunSpecDiscovery.maximumModels)

  /// - Precondition: instance >= 1
  public init(model: UInt16? = nil, instance: UInt8 = 1, serialNumber: [UInt8]? = nil) {
    precondition(instance >= 1)
    self.model = model
    self.instance = instance
    self.serialNumber = serialNumber
  }
}

/// Finds out, request by request, whether a device is what its map describes, and what it has. Pure: the caller reads
/// ``next`` and hands the registers back.
///
/// Registers that never change decide where the map has some. Without them measurements are evidence: more must speak for the
/// device than against it, and a phase without voltage says nothing, as a device that its owner named stays it.
public struct DeviceIdentification: Sendable {
  /// One request.
  public struct Read: Equatable, Sendable {
    public var function: ModbusRequest.Function
    public var address: UInt16
    public var count: UInt16
  }

  private enum Step: Equatable {
    case chain
    /// One of the map's identity registers.
    case identity(Int)
    case serialNumber
    /// One of the map's measurements.
    case check(Int)
    case known
  }

  private let map: DeviceMap
  private let wanted: WantedDevice
  private let walksWholeChain: Bool
  private var step = Step.known
  private var discovery: SunSpecDiscovery?
  /// What identity addresses count from.
  private var base: UInt16 = 0
  private var speaksFor = 0
  private var speaksAgainst = 0
  /// The first measurement that spoke against the device, unless it was refused.
  private var against: UInt16?
  /// The first refusal of a measurement.
  private var refusal: DriverError?
  /// What to read now; nil once the device is known.
  public private(set) var next: Read?
  /// What the device was found to have; empty unless it speaks SunSpec.
  public private(set) var models: [FoundModel] = []
  /// Of what the device has; of no use before ``next`` is nil.
  public private(set) var plan: ReadPlan

  /// - Parameter walksWholeChain: false ends the walk through a SunSpec chain where the wanted model was found, so that
  ///   ``models`` does not tell of those behind it.
  public init(_ map: DeviceMap, _ wanted: WantedDevice = WantedDevice(), walksWholeChain: Bool = true) {
    self.map = map
    self.wanted = wanted
    self.walksWholeChain = walksWholeChain
    plan = ReadPlan(map)
    switch map.layout {
    case .registers: ask(.identity(0))
    case .sunSpec:
      let discovery = SunSpecDiscovery(bases: map.bases)
      self.discovery = discovery
      step = .chain
      ask(discovery.first)
    }
  }

  /// How sure the answers are; more is surer. Fixed registers and a chain of models count more than measurements.
  public var rank: Int {
    map.layout == .sunSpec ? .max : map.identity.isEmpty ? speaksFor - speaksAgainst : 100 + map.identity.count
  }

  /// Takes the registers that were read.
  /// - Throws: `.notTheDevice`, `.wrongSerialNumber`, `.deviceNotFound` or `.sunSpec` when this is another device.
  public mutating func received(_ register: (Int) -> UInt16) throws(DriverError) {
    let order = map.order
    switch step {
    case .chain:
      var found: Result<SunSpecDiscovery.Step, SunSpecError>
      do throws(SunSpecError) { found = .success(try discovery!.received(register(0), register(1))) } catch {
        found = .failure(error)
      }
      try follow(found)
    case .identity(let index):
      let expected = map.identity[index]
      guard expected.holds(order: order, word: { register(Int($0 - expected.place.address)) }) else {
        throw .notTheDevice(register: base + expected.place.address)
      }
      ask(.identity(index + 1))
    case .serialNumber:
      guard let place = map.serialNumber else { return ask(.check(0)) }
      let text = place.text(order: order) { register(Int($0 - place.address)) }
      guard text == wanted.serialNumber else { throw .wrongSerialNumber }
      ask(.check(0))
    case .check(let index):
      let expected = map.checks[index]
      weigh(expected.evidence(order: order, word: { register(Int($0 - expected.address)) }), expected.address)
      try judge(behind: index)
    case .known: break
    }
  }

  /// Takes a refusal: a chain of models may begin somewhere else, or end; a measurement that is refused speaks against the device.
  /// - Throws: that error where nothing else can be tried.
  public mutating func refused(_ error: DriverError) throws(DriverError) {
    let isAbsent = error.isRefusalOfRegisters(map.quirks)
    switch step {
    case .chain:
      // Some servers call an address they do not have a device failure.
      guard isAbsent || error == .modbus(.exception(4)) else { throw error }
      var found: Result<SunSpecDiscovery.Step, SunSpecError>
      do throws(SunSpecError) { found = .success(try discovery!.refused()) } catch { found = .failure(error) }
      try follow(found)
    case .check(let index):
      guard isAbsent else { throw error }
      speaksAgainst += 1
      if refusal == nil { refusal = error }
      try judge(behind: index)
    case .identity(let index):
      throw isAbsent ? .notTheDevice(register: base + map.identity[index].place.address) : error
    case .serialNumber, .known: throw error
    }
  }

  /// Takes whatever came instead of registers.
  /// - Throws: that error where nothing else can be tried.
  public mutating func failed(_ error: DriverError) throws(DriverError) {
    if error.isTimeout {
      try silent(error)
    } else if error.isRefusal {
      try refused(error)
    } else {
      throw error
    }
  }

  /// Takes silence, behind the last model of a chain.
  /// - Throws: that error where the wanted model was not found before.
  public mutating func silent(_ error: DriverError) throws(DriverError) {
    guard step == .chain, let found = wantedModel else { throw error }
    try settle(found)
  }

  private mutating func weigh(_ evidence: MapCheck.Evidence, _ address: UInt16) {
    switch evidence {
    case .speaksFor: speaksFor += 1
    case .speaksAgainst:
      speaksAgainst += 1
      if against == nil { against = address }
    case .saysNothing: break
    }
  }

  /// Goes on to the next measurement, or says what all of them say.
  private mutating func judge(behind index: Int) throws(DriverError) {
    ask(.check(index + 1))
    guard step == .known, speaksFor <= speaksAgainst else { return }
    if against == nil, let refusal { throw refusal }
    throw .notTheDevice(register: against ?? map.checks[0].address)
  }

  /// Asks for a step's registers, or for those of the first step behind it that has some.
  private mutating func ask(_ wish: Step) {
    step = wish
    switch wish {
    case .identity(let index):
      guard index < map.identity.count else { return ask(.serialNumber) }
      ask(map.identity[index].place)
    case .serialNumber:
      guard wanted.serialNumber != nil, let place = map.serialNumber else { return ask(.check(0)) }
      ask(place)
    case .check(let index):
      guard index < map.checks.count, map.identity.isEmpty else { return ask(.known) }
      let expected = map.checks[index]
      next = Read(function: expected.function, address: expected.address, count: expected.type.registerCount)
    case .known: next = nil
    case .chain: break
    }
  }

  private mutating func ask(_ place: IdentityPlace) {
    next = Read(function: place.function, address: base + place.address, count: place.registerCount)
  }

  private mutating func ask(_ step: SunSpecDiscovery.Step) {
    guard case .read(let address, let count) = step else { return }
    next = Read(function: map.function, address: address, count: count)
  }

  private mutating func follow(_ result: Result<SunSpecDiscovery.Step, SunSpecError>) throws(DriverError) {
    let found = wantedModel
    switch result {
    case .success(let step):
      ask(step)
      guard step == .finished || (found != nil && !walksWholeChain) else { return }
      guard let found else { throw .deviceNotFound }
      try settle(found)
    case .failure(let error):
      // What lies behind a model that was found does not matter.
      guard let found else { throw .sunSpec(error) }
      try settle(found)
    }
  }

  /// The model to read, as far as the chain was walked.
  private var wantedModel: FoundModel? {
    guard let discovery else { return nil }
    var instance: UInt8 = 0
    for found in discovery.models {
      let isKnown = map.models.contains { $0.identifier == found.identifier }
      guard isKnown, wanted.model == nil || wanted.model == found.identifier else { continue }
      instance += 1
      if instance == wanted.instance { return found }
    }
    return nil
  }

  /// The chain is known; what model 1 says of the device comes next.
  private mutating func settle(_ found: FoundModel) throws(DriverError) {
    models = discovery?.models ?? []
    plan = ReadPlan(map, models: [found])
    let common = models.first { $0.identifier == 1 }
    var places = map.identity.map { $0.place }
    if wanted.serialNumber != nil, let place = map.serialNumber { places.append(place) }
    for place in places {
      guard let common, UInt32(place.address) + UInt32(place.registerCount) <= UInt32(common.length) + 2 else {
        throw .notTheDevice(register: place.address)
      }
    }
    base = common?.address ?? 0
    ask(.identity(0))
  }
}
