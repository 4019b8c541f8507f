import Consensus
import Paillier
import Units
import Wire

// A sum is nobody's reading only if enough meters feed each of its slots. (DESIGN §2.2)
extension Genesis {
  /// Whether, of these meters, none or at least minimumContributors feed each slot. Of a set with one PV roof the sum "export" would be
  /// that roof's.
  public func standsTogether(_ meters: MeterBitmap, of owner: ReplicaIndex) -> Bool {
    for slot in slots.indices {
      let feeding = meters.intersection(feeders(ofSlot: slot, in: owner)).count
      if feeding > 0, feeding < minimumContributors { return false }
    }
    return true
  }

  /// Those of these meters that may be counted: the few that would stand alone in a slot are left out, and their energy stays pending.
  /// A record is counted whole or not at all, so they are left out of the other slots too, which may leave too few there.
  public func countable(_ meters: MeterBitmap, of owner: ReplicaIndex) -> MeterBitmap {
    var result = meters
    if mutated(.loneFeederCounted) { return result }
    // Each turn leaves a slot without feeders, so there are no more turns than slots.
    for _ in slots.indices {
      for slot in slots.indices {
        let feeders = feeders(ofSlot: slot, in: owner)
        let feeding = result.intersection(feeders).count
        if feeding > 0, feeding < minimumContributors { result = result.subtracting(feeders) }
      }
    }
    return result
  }

  /// Whether a meter's record could be counted beside these: every slot that it feeds has feeders among them.
  public func isFed(_ meter: MeterIndex, of owner: ReplicaIndex, by contributors: MeterBitmap) -> Bool {
    for slot in slots.indices {
      let feeders = feeders(ofSlot: slot, in: owner)
      if feeders.contains(meter), contributors.isDisjoint(with: feeders) { return false }
    }
    return true
  }

  /// The most watt-hours that a slot of a header's sum can hold: of each contributor that feeds it, what its connection carries in the time
  /// that its record covers, and in one period more, since a boundary may be read late. The greatest number there is stands for more.
  ///
  /// - Parameter coveredThrough: of a meter of the header's set, before that header; an earlier period makes the bound greater.
  public func maximumEnergy(
    ofSlot slot: Int, in header: Header, coveredThrough: (MeterIndex) -> Period
  ) -> WattHours {
    let feeding = header.contributors.intersection(feeders(ofSlot: slot, in: header.owner))
    var wattPeriods: UInt64 = 0
    for meter in 0..<meterCount(of: header.owner) where feeding.contains(MeterIndex(meter)) {
      let covered = coveredThrough(MeterIndex(meter))
      guard header.period > covered else { continue }
      let (periods, tooLong) = (header.period.rawValue - covered.rawValue).addingReportingOverflow(1)
      let (power, tooMuch) = periods.multipliedReportingOverflow(
        by: UInt64(maximumPowerWatts(MeterIndex(meter), of: header.owner)))
      let (sum, tooLarge) = wattPeriods.addingReportingOverflow(power)
      guard !tooLong, !tooMuch, !tooLarge else { return WattHours(.max) }
      wattPeriods = sum
    }
    let (wattSeconds, tooLarge) = wattPeriods.multipliedReportingOverflow(by: UInt64(periodSeconds))
    guard !tooLarge, wattSeconds <= UInt64(Int64.max) else { return WattHours(.max) }
    return WattHours(Int64((wattSeconds + 3599) / 3600))
  }
}
