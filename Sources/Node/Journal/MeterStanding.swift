import Metering
import Units
import Wire

/// Where a meter stands, apart from the records it keeps: the last entry of its snapshot. (docs/PROTOCOL.md, MeterStanding)
package struct MeterStanding: Equatable, Sendable {
  package static let encodedBytes = 169

  package struct Flags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let hasCertified = Flags(rawValue: 1)
    package static let hasActivation = Flags(rawValue: 2)
    package static let hasLatest = Flags(rawValue: 4)
    /// The journal was torn, and what was lost is not known yet.
    package static let isDoubtful = Flags(rawValue: 8)
    static let all: UInt8 = 15
  }

  package var flags: Flags = []
  package var coveredThrough: Period = Period(0)
  package var lastClosed: Period = Period(0)
  package var forgoneThrough: Period = Period(0)
  package var certified: EnergyRegisters = .zero
  package var activation: EnergyRegisters = .zero
  package var latest: EnergyRegisters = .zero
  package var lost: LostRecords = LostRecords()

  package init() {}

  package func encode(into output: inout OutputSpan<UInt8>) {
    output.write(flags.rawValue)
    output.write(coveredThrough.rawValue)
    output.write(lastClosed.rawValue)
    output.write(forgoneThrough.rawValue)
    for registers in [certified, activation, latest] { registers.encode(into: &output) }
    lost.encode(into: &output)
  }

  package init(decoding reader: inout WireReader) throws(WireError) {
    let start = reader.offset
    let code = try reader.read(UInt8.self)
    guard code & ~Flags.all == 0 else { throw .outOfRange(offset: start) }
    flags = Flags(rawValue: code)
    coveredThrough = Period(try reader.read(UInt64.self))
    lastClosed = Period(try reader.read(UInt64.self))
    forgoneThrough = Period(try reader.read(UInt64.self))
    certified = try EnergyRegisters(decoding: &reader)
    activation = try EnergyRegisters(decoding: &reader)
    latest = try EnergyRegisters(decoding: &reader)
    guard certified == .zero || flags.contains(.hasCertified), latest == .zero || flags.contains(.hasLatest),
      activation == .zero || flags.contains(.hasActivation)
    else { throw .outOfRange(offset: start) }
    lost = try LostRecords(decoding: &reader)
    try reader.expectEnd()
  }
}
