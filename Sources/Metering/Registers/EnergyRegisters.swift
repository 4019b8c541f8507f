import Units
import Wire

/// What the meter counts, in the order of the plaintext's slots.
public struct EnergyRegisters: Equatable, Sendable {
  public static let count = 2
  public var activeEnergyImport: MilliwattHours
  public var activeEnergyExport: MilliwattHours

  /// Takes both registers as of one reading.
  public init(activeEnergyImport: MilliwattHours, activeEnergyExport: MilliwattHours) {
    self.activeEnergyImport = activeEnergyImport
    self.activeEnergyExport = activeEnergyExport
  }
}

extension EnergyRegisters {
  package static let zero = EnergyRegisters(
    activeEnergyImport: MilliwattHours(0), activeEnergyExport: MilliwattHours(0))

  /// Import and export, Int64 each.
  package func encode(into output: inout OutputSpan<UInt8>) {
    output.write(UInt64(bitPattern: activeEnergyImport.value))
    output.write(UInt64(bitPattern: activeEnergyExport.value))
  }

  package init(decoding reader: inout WireReader) throws(WireError) {
    let imported = Int64(bitPattern: try reader.read(UInt64.self))
    let exported = Int64(bitPattern: try reader.read(UInt64.self))
    self.init(activeEnergyImport: MilliwattHours(imported), activeEnergyExport: MilliwattHours(exported))
  }
}
