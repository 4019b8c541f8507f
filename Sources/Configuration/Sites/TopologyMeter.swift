/// What `topology.ini` says of one meter.
public struct TopologyMeter: Equatable, Sendable {
  /// Imports every meter measures.
  public var measuresExport: Bool
  /// The most that its connection carries.
  public var ratedPowerWatts: UInt32

  /// Takes what every meter of a bench has in common, or one of them has for itself.
  public init(measuresExport: Bool, ratedPowerWatts: UInt32) {
    self.measuresExport = measuresExport
    self.ratedPowerWatts = ratedPowerWatts
  }
}

extension TopologyMeter {
  /// What a section says that its meters measure.
  /// - Parameter text: the value of `measures`; nil where the section has none.
  mutating func takeMeasures(
    _ text: String?, _ section: String, _ reader: borrowing SectionReader
  ) throws(ConfigurationError) {
    guard let text else { return }
    guard text != "export" else {
      throw reader.wrong(section, "measures", "measures is export: every meter measures import")
    }
    guard text == "import" || text == "import, export" else {
      throw reader.wrong(section, "measures", "measures is \(text), not import or import, export")
    }
    measuresExport = text == "import, export"
  }
}
