import Units

/// How long an instance waits, in ticks of its host. (consensus rules R11, R12)
public struct Timing: Equatable, Sendable {
  /// T is doubled for each failed view this often at most. (consensus rules 21, 25)
  public static let maximumDoublings: UInt32 = 3
  /// Own messages are repeated so often soon, and once in T0 from then on: a set that waits out an outage does not chatter.
  public static let soonRetransmissions: UInt32 = 6
  /// The first of those come sooner.
  static let soonerRetransmissions: UInt32 = 2

  /// T(0), which includes collecting the records.
  public let firstViewTicks: UInt32
  /// T0: view v > 0 is given up after T0·2^(v − 1), at most T0·8.
  public let viewTicks: UInt32
  /// How long it takes to repeat a message soon.
  public let retransmitTicks: UInt32

  /// Takes times in ticks, and traps unless they fit together: four repetitions fit into T0, and T(0) is not shorter
  /// than that.
  public init(firstViewTicks: UInt32, viewTicks: UInt32, retransmitTicks: UInt32) {
    precondition(retransmitTicks > 0 && viewTicks >= 4 * retransmitTicks, "lost messages must not cost a view")
    precondition(firstViewTicks >= viewTicks)
    precondition(viewTicks <= UInt32.max >> Self.maximumDoublings)
    self.firstViewTicks = firstViewTicks
    self.viewTicks = viewTicks
    self.retransmitTicks = retransmitTicks
  }

  public static let standard = Timing(firstViewTicks: 20, viewTicks: 20, retransmitTicks: 3)

  /// How long the newest own message waits for its next repetition, which was repeated so often.
  ///
  /// With f members silent every vote of the others counts, and a lost one holds all of them up: the first ones come sooner.
  func retransmissionTicks(_ repeated: UInt32) -> UInt32 {
    if repeated >= Self.soonRetransmissions { return viewTicks }
    return repeated < Self.soonerRetransmissions ? max(1, retransmitTicks - 1) : retransmitTicks
  }

  /// T(v).
  public func roundChangeTimeoutTicks(_ view: View) -> UInt32 {
    if view.rawValue == 0 { return firstViewTicks }
    if mutated(.timerNotDoubled) { return viewTicks }
    if mutated(.timerUncapped) { return viewTicks << min(view.rawValue - 1, 20) }
    return viewTicks << min(view.rawValue - 1, Self.maximumDoublings)
  }

  /// T(0) + … + T(views − 1): so many views of one period take at most so long when each primary fails.
  public func ticks(ofViews views: UInt32) -> UInt64 {
    var sum: UInt64 = 0
    for view in 0..<views { sum += UInt64(roundChangeTimeoutTicks(View(view))) }
    return sum
  }

  /// B = T(0) + 2·ΣT(1 … f + 1): a set certifies the first period that ends at least so long after it is healed.
  public func healingTicks(faults: UInt16) -> UInt64 {
    let first = UInt64(firstViewTicks)
    return first + 2 * (ticks(ofViews: UInt32(faults) + 2) - first)
  }
}
