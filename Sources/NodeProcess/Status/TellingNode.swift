import Node
import Paillier
import Units

/// A node that tells about itself.
protocol TellingNode: ~Copyable {
  static var role: String { get }
  var linkStatistics: LinkStatistics { get }
  var peerCount: Int { get }
  var clockVerdict: ClockVerdict { get }
  var laterRun: UInt64? { get }
  mutating func takeDoubleRun() -> DoubleRun?
  /// - Parameter place: below ``peerCount``
  func peerStatistics(_ place: Int) -> PeerStatistics
  /// What only its role has.
  func tell(_ metrics: Metrics)
}

extension AggregatorNode: TellingNode {
  static var role: String { "aggregator" }
  func tell(_ metrics: Metrics) {
    histogramAndRefusals(metrics)
    var heads: [(value: String, number: String)] = []
    var missing: [(value: String, number: String)] = []
    for owner in 0..<members {
      heads.append(("\(owner)", "\(headPeriod(ReplicaIndex(owner)).rawValue)"))
      missing.append(("\(owner)", "\(missingMeters(ReplicaIndex(owner)))"))
    }
    metrics.gauges("head_period", "Period of the set's last certified value.", "owner", heads)
    var positions: [(value: String, number: String)] = []
    for owner in 0..<members { positions.append(("\(owner)", "\(headPosition(of: ReplicaIndex(owner)))")) }
    metrics.gauges("head_position", "Position of the set's last certified value.", "owner", positions)
    var unpublished: [(value: String, number: String)] = []
    for owner in 0..<members { unpublished.append(("\(owner)", "\(unacknowledgedCount(ReplicaIndex(owner)))")) }
    metrics.gauges(
      "unacknowledged_positions", "Certified positions of the set that are kept until they are published.", "owner",
      unpublished)
    metrics.gauges("meters_missing", "Meters that the set's last certified value went without.", "owner", missing)
    tellWaiting(metrics)
    metrics.gauge("confirmed", "Whether enough others know of this run.", isConfirmed ? "1" : "0")
    metrics.gauge("may_vote", "Whether every own vote could be read back.", mayVote ? "1" : "0")
  }

  /// A slot is named by its set and its quantity.
  private func tellWaiting(_ metrics: Metrics) {
    var feeders: [(value: String, number: String)] = []
    var since: [(value: String, number: String)] = []
    for owner in 0..<members {
      for slot in slots.indices {
        guard let waiting = waiting(slot, of: ReplicaIndex(owner)) else { continue }
        let name = "\(owner)/" + (Quantity(slotCode: slots[slot]).map { "\($0)" } ?? "\(slots[slot])")
        feeders.append((name, "\(waiting.feeders)"))
        since.append((name, "\(waiting.since.rawValue)"))
      }
    }
    metrics.gauges(
      "slot_waiting_feeders", "Records held of a slot that too few feed to be counted; absent of others.", "slot",
      feeders)
    metrics.gauges(
      "slot_waiting_since_period", "The first period of which such a slot is not certified.", "slot", since)
  }

  private func histogramAndRefusals(_ metrics: Metrics) {
    metrics.histogram(
      "decision_latency_seconds", "From the end of a period to the decision about a set.", decisionLatency)
    metrics.counters(
      "positions_decided", "By how this node came to know.", "way",
      [("decided", decidedPositions), ("adopted", adoptedHeads)])
    var skipped: [(value: String, count: UInt64)] = []
    for member in 0..<Int(members) { skipped.append(("\(member)", skippedPeriods[member])) }
    metrics.counters(
      "skipped_periods", "Periods that a set's chain went without, by the member that would have led first.", "member",
      skipped)
    metrics.counter("records_accepted", "Records of meters that hold.", recordsAccepted)
    metrics.counter("records_refused", "Records that do not.", sum(11) { recordRefusals[$0] })
    metrics.counter("headers_refused", "Proposals that do not hold here.", sum(15) { headerRefusals[$0] })
    var votes: UInt64 = 0
    for place in 0..<12 { votes += voteRefusals[place] }
    metrics.counter("votes_refused", "Votes that the protocol refuses or already counted.", votes)
    metrics.counter(
      "acknowledgements_refused", "What the bookkeeper said is published and does not fit.",
      sum(5) { acknowledgementRefusals[$0] })
    metrics.counter("justifications_refused", "Round changes and new rounds that do not hold.", justificationRefusals)
    metrics.counter("evidence", "Contradictions that somebody signed.", evidenceCount)
    let link = linkStatistics
    metrics.counter("transfers_sent", "Records sent to other members.", link.transfersSent)
    metrics.counter("transfers_repeated", "Those of them that were sent before.", link.transfersRepeated)
    metrics.counter("transfers_refused", "Records asked for too often.", link.transfersRefused)
    metrics.gauge("transfers_owed_high_water", "Most records owed to members at once.", "\(link.owedHighWater)")
  }

  private func sum(_ reasons: Int, _ count: (Int) -> UInt64) -> UInt64 {
    var total: UInt64 = 0
    for place in 0..<reasons { total += count(place) }
    return total
  }
}

extension MeterNode: TellingNode {
  static var role: String { "meter" }
  func tell(_ metrics: Metrics) {
    metrics.gauge("records_outstanding", "Records that wait for a certificate.", "\(outstandingCount)")
    metrics.counter("receipts", "Promises that a record is held.", receiptCount)
    metrics.counter("inclusion_proofs", "Records proven to be certified.", proofCount)
    metrics.gauge("covered_through_period", "Last period whose energy is certified.", "\(coveredThrough.rawValue)")
    metrics.gauge("closed_through_period", "Last period whose end was read.", "\(lastClosed.rawValue)")
    metrics.gauge(
      "bound_through_period",
      "Period closed ahead of time and promised: nothing is closed before it has ended; 0 for none.",
      "\(boundThrough?.rawValue ?? 0)")
    metrics.counter("closings_taken_back", "Periods closed ahead of time and taken back.", takenBackCount)
  }
}

extension BookkeeperNode: TellingNode {
  static var role: String { "bookkeeper" }
  func tell(_ metrics: Metrics) {
    metrics.counter("sums_published", "Sums decrypted, proven and published.", publishedCount)
    metrics.counter("sums_unreadable", "Totals that cannot be read, kept with what a later one needs.", unreadableCount)
    if let newestUnreadable {
      metrics.gauge("sums_unreadable_set", "Set of the newest of them.", "\(newestUnreadable.owner)")
      metrics.gauge("sums_unreadable_period", "Its period.", "\(newestUnreadable.period)")
      metrics.gauge("sums_unreadable_position", "Its position in the set's chain.", "\(newestUnreadable.position)")
    }
    metrics.gauge("sums_waiting", "Certified values whose sum is not published yet.", "\(unpublishedCount)")
  }
}
