import Units

/// What a group agrees on, whoever is in it: section `[group]` of a `topology.ini`. (docs/CONFIGURATION.md)
public struct GroupTerms: Equatable, Sendable {
  public let periodSeconds: UInt32
  public let minimumContributors: UInt16
  public let modulusBits: Int
  public let rotates: Bool
  /// For so many periods the records of a meter that contradicted itself are not counted.
  public let exclusionPeriods: UInt32

  init(_ reader: inout SectionReader) throws(ConfigurationError) {
    periodSeconds = UInt32(try reader.integer("group", "periodSeconds", in: 1...86400))
    minimumContributors = UInt16(
      try reader.integer(
        "group", "minimumContributors",
        in: Int64(GroupLimits.fewestContributors)...Int64(GroupLimits.maximumMetersPerSet),
        default: Int64(GroupLimits.minimumContributors)))
    modulusBits = Int(try reader.integer("group", "modulusBits", in: 2048...4096, default: 3072))
    guard modulusBits % 16 == 0 else {
      throw reader.wrong("group", "modulusBits", "modulusBits is \(modulusBits), not a multiple of 16")
    }
    rotates = try reader.choice("group", "rotation", of: ["period", "fixed"], default: "period") == "period"
    exclusionPeriods = UInt32(try reader.integer("group", "exclusionPeriods", in: 0...1_000_000, default: 48))
  }

  /// What to know before a group is made: of each slot, whether one or two meters that fail would hold back the others that feed it.
  /// - Parameters:
  ///   - importers: how many meters of each set feed the slot of imports; 0 in a set without meters.
  ///   - exporters: likewise of exports; empty where the group has no slot for them.
  func spareWarnings(importers: [Int], exporters: [Int]) -> [String] {
    var warnings: [String] = []
    func warn(_ slot: String, _ counts: [Int]) {
      let sets = counts.indices.filter { importers[$0] > 0 && counts[$0] < Int(minimumContributors) + 2 }
      guard let first = sets.first else { return }
      var fewest = counts[first]
      for set in sets { fewest = min(fewest, counts[set]) }
      let spare = fewest - Int(minimumContributors)
      warnings.append(
        "slot \(slot): set \(first)\(sets.count > 1 ? " (and \(sets.count - 1) more)" : "") has as few as \(fewest) feeders, "
          + "\(spare) to spare: when \(spare + 1) of them \(spare == 0 ? "fails" : "fail"), the energy of the others waits"
      )
    }
    warn("activeEnergyImport", importers)
    if !exporters.isEmpty { warn("activeEnergyExport", exporters) }
    return warnings
  }

  /// The first set whose meters are enough for sums, but not those of them that measure exports.
  func setOfTooFewExporters(importers: [Int], exporters: [Int]) -> Int? {
    exporters.indices.first { importers[$0] > 0 && exporters[$0] < Int(minimumContributors) }
  }
}
