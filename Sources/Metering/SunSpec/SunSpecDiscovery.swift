/// A model in a device's chain.
public struct FoundModel: Equatable, Sendable {
  public var identifier: UInt16
  /// Of its ID register.
  public var address: UInt16
  /// Registers behind ID and L.
  public var length: UInt16

  /// Takes what stood in two registers, and where.
  public init(identifier: UInt16, address: UInt16, length: UInt16) {
    self.identifier = identifier
    self.address = address
    self.length = length
  }
}

/// Why a device's chain of models cannot be used.
public enum SunSpecError: Error, Equatable, Sendable, CustomStringConvertible {
  /// None of the addresses holds "SunS".
  case notSunSpec
  /// The chain has no end, or runs beyond the last register.
  case chainBroken(model: UInt16, length: UInt16)

  public var description: String {
    switch self {
    case .notSunSpec: "no SunSpec device"
    case .chainBroken(let model, let length): "the chain breaks at model \(model) of length \(length)"
    }
  }
}

/// Walks a device's chain of models: "SunS", then ID and L of each, until ID 0xFFFF. Devices whose chain ends with ID 0 are taken
/// at their word; a model without registers is stepped over. After an error ``models`` has what was found before.
/// (SunSpec Device Information Model Specification, §4; the addresses tried are those of pysunspec2)
///
/// Pure: the caller reads what ``Step`` says and hands the registers back. At most bases + ``maximumModels`` + 1 reads.
public struct SunSpecDiscovery: Sendable {
  public static let maximumModels = 64
  static let endIdentifier: UInt16 = 0xFFFF

  /// What the caller has to do next.
  public enum Step: Equatable, Sendable {
    /// Read this many holding registers here.
    case read(address: UInt16, count: UInt16)
    case finished
  }

  public let bases: [UInt16]
  private var baseIndex = 0
  /// Of the ID register to read next; nil while "SunS" is being looked for.
  private var next: UInt16?
  public private(set) var models: [FoundModel] = []
  /// Models that were passed, those without registers too.
  private var steps = 0

  /// - Precondition: bases is not empty
  public init(bases: [UInt16]) {
    precondition(!bases.isEmpty)
    self.bases = bases
    models.reserveCapacity(Self.maximumModels)
  }

  public var first: Step { .read(address: bases[0], count: 2) }

  /// Takes the two registers that the last step asked for.
  public mutating func received(_ high: UInt16, _ low: UInt16) throws(SunSpecError) -> Step {
    guard let address = next else {
      // "SunS"
      guard high == 0x5375, low == 0x6E53, bases[baseIndex] <= 0xFFFF - 4 else { return try refused() }
      next = bases[baseIndex] + 2
      return .read(address: bases[baseIndex] + 2, count: 2)
    }
    if high == Self.endIdentifier || high == 0 && !planted(.zeroIdentifierIsModel) { return .finished }
    if low == 0, planted(.emptyModelEndsChain) { return .finished }
    let following = UInt32(address) + 2 + UInt32(low)
    steps += 1
    guard following <= 0xFFFF - 1, steps <= Self.maximumModels || planted(.chainWithoutEnd) else {
      throw .chainBroken(model: high, length: low)
    }
    if low > 0 { models.append(FoundModel(identifier: high, address: address, length: low)) }
    next = UInt16(following)
    return .read(address: UInt16(following), count: 2)
  }

  /// The device refused the last read, or said nothing: tries the next address for "SunS".
  public mutating func refused() throws(SunSpecError) -> Step {
    if planted(.brokenChainForgotten), next != nil { models.removeAll() }
    if let next { throw .chainBroken(model: 0, length: next) }
    baseIndex += 1
    guard baseIndex < bases.count else { throw .notSunSpec }
    return .read(address: bases[baseIndex], count: 2)
  }

  /// The first model of the chain with this number; nil when the device has none.
  public func model(_ identifier: UInt16) -> FoundModel? { models.first { $0.identifier == identifier } }
}
