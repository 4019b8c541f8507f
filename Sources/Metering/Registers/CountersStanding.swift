import Units
import Wire

/// What a restart must not forget of one counter. (docs/PROTOCOL.md, CountersStanding)
public struct CounterStanding: Equatable, Sendable {
  public static let encodedBytes = 41

  /// What is known of a counter, as bits of its first byte on disk.
  public struct Flags: OptionSet, Sendable {
    public let rawValue: UInt8
    /// Takes all bits, those that mean nothing as well; decoding refuses those.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The device never had such a counter. Invariant: then there is no base
    public static let isAbsent = Flags(rawValue: 1)
    public static let hasBase = Flags(rawValue: 2)
    /// Of the time at which the base was read.
    public static let wallIsSynchronised = Flags(rawValue: 4)
    public static let hasCeiling = Flags(rawValue: 8)
    static let all: UInt8 = 15
  }

  public private(set) var flags: Flags
  /// What the device said when it was believed last, >= 0; nil before the first time.
  public private(set) var base: MilliwattHours?
  /// The energy register as of that reading, >= 0.
  public private(set) var register: MilliwattHours
  /// When that was read, in nanoseconds; zeros without a base.
  public private(set) var monotonic: UInt64
  public private(set) var wall: UInt64
  /// The lowest jump that was disbelieved since. Invariant: above the base, and nil without one
  public private(set) var ceiling: MilliwattHours?

  /// - Parameter time: of no meaning without a base.
  public init(
    isAbsent: Bool, base: MilliwattHours?, register: MilliwattHours, time: ReadingTime, ceiling: MilliwattHours?
  ) {
    precondition(base == nil || !isAbsent)
    flags = isAbsent ? .isAbsent : []
    self.base = base
    self.register = register
    monotonic = 0
    wall = 0
    self.ceiling = ceiling
    if ceiling != nil { flags.insert(.hasCeiling) }
    guard base != nil else { return }
    flags.insert(.hasBase)
    if time.wallIsSynchronised { flags.insert(.wallIsSynchronised) }
    monotonic = time.monotonicNanoseconds
    wall = time.wallNanoseconds
  }

  public var isAbsent: Bool { flags.contains(.isAbsent) }
  public var time: ReadingTime {
    ReadingTime(
      monotonicNanoseconds: monotonic, wallNanoseconds: wall,
      wallIsSynchronised: flags.contains(.wallIsSynchronised))
  }

  func encode(into output: inout OutputSpan<UInt8>) {
    output.write(flags.rawValue)
    output.write(UInt64(bitPattern: base?.value ?? 0))
    output.write(UInt64(bitPattern: register.value))
    output.write(monotonic)
    output.write(wall)
    output.write(UInt64(bitPattern: ceiling?.value ?? 0))
  }

  init(decoding reader: inout WireReader) throws(WireError) {
    let start = reader.offset
    let code = try reader.read(UInt8.self)
    guard code & ~Flags.all == 0 else { throw .outOfRange(offset: start) }
    flags = Flags(rawValue: code)
    let base = Int64(bitPattern: try reader.read(UInt64.self))
    register = MilliwattHours(Int64(bitPattern: try reader.read(UInt64.self)))
    monotonic = try reader.read(UInt64.self)
    wall = try reader.read(UInt64.self)
    let ceiling = Int64(bitPattern: try reader.read(UInt64.self))
    let hasBase = flags.contains(.hasBase)
    let hasCeiling = flags.contains(.hasCeiling)
    self.base = hasBase ? MilliwattHours(base) : nil
    self.ceiling = hasCeiling ? MilliwattHours(ceiling) : nil
    guard base >= 0, register.value >= 0, !hasBase || !flags.contains(.isAbsent),
      hasBase || base == 0 && monotonic == 0 && wall == 0 && !flags.contains(.wallIsSynchronised),
      hasCeiling ? hasBase && ceiling > base : ceiling == 0
    else { throw .outOfRange(offset: start) }
  }
}

/// What a restart must not forget of a meter's counters. (docs/PROTOCOL.md, CountersStanding)
public struct CountersStanding: Equatable, Sendable {
  public static let encodedBytes = 2 * CounterStanding.encodedBytes

  public var importCounter: CounterStanding
  public var exportCounter: CounterStanding

  /// Takes the standings of both counters of a meter.
  public init(importCounter: CounterStanding, exportCounter: CounterStanding) {
    self.importCounter = importCounter
    self.exportCounter = exportCounter
  }

  /// Whether that counter was believed once.
  public func had(_ counter: Quantity) -> Bool {
    (counter == .activeEnergyImport ? importCounter : exportCounter).base != nil
  }

  /// Appends 82 bytes. (docs/PROTOCOL.md, CountersStanding)
  public func encode(into output: inout OutputSpan<UInt8>) {
    importCounter.encode(into: &output)
    exportCounter.encode(into: &output)
  }

  /// - Throws: ``WireError`` where it is shorter, longer, or no standing that a meter's counters can have.
  public init(decoding reader: inout WireReader) throws(WireError) {
    importCounter = try CounterStanding(decoding: &reader)
    exportCounter = try CounterStanding(decoding: &reader)
    try reader.expectEnd()
  }
}
