import Cryptography
import Units
import Wire

/// Up to which period each meter of a set is certified, and whose records are not counted for now.
/// (DESIGN §2.1; consensus rules C1, C2)
public struct CoverageTable: ~Copyable {
  /// A meter that contradicted itself, and the last period in which it is left out for that.
  private struct Exclusion {
    var meter: MeterIndex
    var through: Period
  }

  /// Bytes of an encoded table: a period for each meter, and a meter and a period for each that is excluded.
  public static let maximumBytes = GroupLimits.maximumMetersPerSet * (8 + exclusionBytes)
  private static let exclusionBytes = 10

  public let owner: ReplicaIndex
  private var coveredThrough: [Period]
  /// In the order of the meters; empty among the honest.
  private var exclusions: [Exclusion] = []

  /// Starts at each meter's activation period.
  public init(owner: ReplicaIndex, activation: [Period]) {
    precondition(activation.count <= GroupLimits.maximumMetersPerSet)
    self.owner = owner
    coveredThrough = activation
  }

  public var meterCount: UInt16 { UInt16(coveredThrough.count) }

  /// The last period of this meter that a decided header counts.
  public func coveredThrough(_ meter: MeterIndex) -> Period { coveredThrough[Int(meter.rawValue)] }

  /// Meters whose records no header of this period may count.
  public func excluded(in period: Period) -> MeterBitmap {
    var result = MeterBitmap()
    for exclusion in exclusions where exclusion.through >= period { result.insert(exclusion.meter) }
    return result
  }

  /// Whether a header has accused this meter, and the periods for which its records are not counted may still last.
  public func isExcluded(_ meter: MeterIndex) -> Bool { exclusions.contains { $0.meter == meter } }

  /// The root after a header of `period`.
  /// - Parameters:
  ///   - contributors: covered through the period from then on.
  ///   - accused: whom the header accuses. Those that are not excluded yet are from then on, for so many periods.
  public func root(
    advancing contributors: MeterBitmap, to period: Period, accusing accused: MeterBitmap = MeterBitmap(),
    excludedPeriods: UInt32 = 0
  ) -> Digest {
    Blake2b.digest(domain: "BUSBARcv") { hash in
      hash.update(owner.rawValue)
      for meter in coveredThrough.indices {
        hash.update(contributors.contains(MeterIndex(UInt16(meter))) ? period.rawValue : coveredThrough[meter].rawValue)
      }
      visitExclusions(after: period, accused, excludedPeriods) { exclusion in
        hash.update(exclusion.meter.rawValue)
        hash.update(exclusion.through.rawValue)
      }
    }
  }

  /// Calls `visit` with what is excluded after a header, in the order of the meters.
  private func visitExclusions(
    after period: Period, _ accused: MeterBitmap, _ periods: UInt32, _ visit: (Exclusion) -> Void
  ) {
    var place = 0
    for meter in 0..<meterCount {
      let meter = MeterIndex(meter)
      var standing: Period?
      if place < exclusions.count, exclusions[place].meter == meter {
        standing = exclusions[place].through
        place += 1
      }
      if let standing, standing >= period {
        visit(Exclusion(meter: meter, through: standing))
      } else if accused.contains(meter) {
        let (through, overflow) = period.rawValue.addingReportingOverflow(UInt64(periods))
        visit(Exclusion(meter: meter, through: Period(overflow ? .max : through)))
      }
    }
  }

  public var root: Digest { root(advancing: MeterBitmap(), to: Period(0)) }

  /// Takes over what a decided header says: its contributors are covered through its period, and the meters that it
  /// accuses are excluded for so many periods behind it. An exclusion that has ended goes.
  public mutating func advance(
    _ contributors: MeterBitmap, to period: Period, accusing accused: MeterBitmap = MeterBitmap(),
    excludedPeriods: UInt32 = 0
  ) {
    for meter in coveredThrough.indices where contributors.contains(MeterIndex(UInt16(meter))) {
      coveredThrough[meter] = period
    }
    guard !exclusions.isEmpty || accused.count > 0 else { return }
    var next: [Exclusion] = []
    visitExclusions(after: period, accused, excludedPeriods) { next.append($0) }
    exclusions = next
  }

  public var encodedBytes: Int { 8 * coveredThrough.count + Self.exclusionBytes * exclusions.count }

  /// Appends ``encodedBytes`` bytes: the periods in the order of the meters, then who is excluded. (docs/PROTOCOL.md,
  /// Coverage table)
  public func encode(into output: inout OutputSpan<UInt8>) {
    for meter in coveredThrough.indices { output.write(coveredThrough[meter].rawValue) }
    for exclusion in exclusions {
      output.write(exclusion.meter.rawValue)
      output.write(exclusion.through.rawValue)
    }
  }

  /// Takes a table over when it hashes to `expected` and is one that ``encode(into:)`` writes: who is excluded is a meter of the set, in
  /// ascending order. Else changes nothing and returns false.
  public mutating func replace(decoding bytes: Span<UInt8>, expecting expected: Digest) -> Bool {
    let excludedBytes = bytes.count - 8 * coveredThrough.count
    guard excludedBytes >= 0, excludedBytes % Self.exclusionBytes == 0,
      excludedBytes / Self.exclusionBytes <= coveredThrough.count
    else { return false }
    let root = Blake2b.digest(domain: "BUSBARcv") { hash in
      hash.update(owner.rawValue)
      hash.update(bytes)
    }
    guard root == expected else { return false }
    var reader = WireReader(bytes.extracting(8 * coveredThrough.count..<bytes.count))
    var excluded: [Exclusion] = []
    while reader.remaining > 0 {
      guard let meter = try? reader.read(UInt16.self), let through = try? reader.read(UInt64.self),
        meter < meterCount, excluded.last.map({ $0.meter.rawValue < meter }) ?? true
      else { return false }
      excluded.append(Exclusion(meter: MeterIndex(meter), through: Period(through)))
    }
    reader = WireReader(bytes.extracting(0..<8 * coveredThrough.count))
    for meter in coveredThrough.indices {
      // As many bytes as there are.
      guard let value = try? reader.read(UInt64.self) else { preconditionFailure("a table of another length") }
      coveredThrough[meter] = Period(value)
    }
    exclusions = excluded
    return true
  }
}
