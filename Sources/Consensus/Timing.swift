import Units

/// How long an instance waits, in ticks of its host. (reference/consensus.md §2.5)
public struct Timing: Equatable, Sendable {
  /// T is doubled for each failed view this often at most. (consensus rules 21, 25)
  public static let maximumDoublings: UInt32 = 3
  /// A decided member stops asking, but one that lost its commit may still need it and may have signed nothing that
  /// it could repeat. (consensus rules 23, 31)
  public static let closingRetransmissions: UInt32 = 8

  /// T of view 0, which includes collecting the records.
  public let firstViewTicks: UInt32
  /// T0: view v > 0 is given up after T0·2^v, at most T0·8.
  public let viewTicks: UInt32
  /// How long the primary of a later view looks for a value before NULL.
  public let collectTicks: UInt32
  /// Own messages are sent again this often until the instance is decided.
  public let retransmitTicks: UInt32

  public init(firstViewTicks: UInt32, viewTicks: UInt32, collectTicks: UInt32, retransmitTicks: UInt32) {
    precondition(retransmitTicks > 0 && viewTicks >= 4 * retransmitTicks, "lost messages must not cost a view")
    precondition(collectTicks <= viewTicks, "NULL must fit into view 1")
    precondition(firstViewTicks >= viewTicks)
    precondition(viewTicks <= UInt32.max >> Self.maximumDoublings)
    self.firstViewTicks = firstViewTicks
    self.viewTicks = viewTicks
    self.collectTicks = collectTicks
    self.retransmitTicks = retransmitTicks
  }

  public static let standard = Timing(firstViewTicks: 20, viewTicks: 20, collectTicks: 5, retransmitTicks: 3)

  public func viewChangeTimeoutTicks(_ view: View) -> UInt32 {
    if mutated(.timerNotDoubled) { return viewTicks }
    if mutated(.timerUncapped) { return viewTicks << min(view.rawValue, 20) }
    return view.rawValue == 0 ? firstViewTicks : viewTicks << min(view.rawValue, Self.maximumDoublings)
  }
}
