import Units

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
