import Consensus
import HAL
import LinuxPlatform
import Node
import Packets
import Paillier
import Units
import Wire

/// Everything a node tells about itself, in one order, as text for Prometheus (exposition format 0.0.4) or as JSON. Nothing of a
/// household is in it. It goes out piece by piece: of a large group it is megabytes, and it is told every few seconds.
final class Metrics {
  enum Form { case prometheus, json }
  private enum Kind: String { case counter, gauge, histogram }
  private static let pieceBytes = 16_384

  private let form: Form
  private let write: (Span<UInt8>) -> Void
  private var piece: [UInt8] = []
  /// The metric whose samples come now, and what stands before its first one.
  private var name = ""
  private var heading = ""
  private var isFirst = true

  /// - Parameter write: takes the pieces in order; called until ``end()``.
  init(node: String, as form: Form, writingTo write: @escaping (Span<UInt8>) -> Void) {
    self.form = form
    self.write = write
    piece.reserveCapacity(Self.pieceBytes + 256)
    if form == .json { put("{\"node\":\"\(jsonEscaped(node))\",\"metrics\":{") }
  }

  func end() {
    if form == .json { put("}}\n") }
    write(piece.span)
    piece.removeAll()
  }

  private func put(_ text: String) {
    piece.append(contentsOf: text.utf8)
    guard piece.count >= Self.pieceBytes else { return }
    write(piece.span)
    piece.removeAll(keepingCapacity: true)
  }

  private func begin(_ name: String, _ help: String, _ kind: Kind) {
    self.name = name
    heading = "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  /// - Parameters:
  ///   - labels: as Prometheus has them, in braces; empty for none.
  ///   - value: as digits: an integer, or a decimal fraction.
  private func sample(_ value: String, suffix: String = "", labels: String = "") {
    switch form {
    case .prometheus:
      // A metric without samples is not mentioned.
      put(heading)
      heading = ""
      put("\(name)\(suffix)\(labels) \(value)\n")
    case .json:
      put((isFirst ? "\"" : ",\"") + jsonEscaped(name + suffix + labels) + "\":" + value)
      isFirst = false
    }
  }

  private static func label(_ name: String, _ value: String) -> String { "{\(name)=\"\(jsonEscaped(value))\"}" }

  func counter(_ name: String, _ help: String, _ value: UInt64) {
    begin("busbar_\(name)_total", help, .counter)
    sample("\(value)")
  }
  func counters(_ name: String, _ help: String, _ label: String, _ values: [(value: String, count: UInt64)]) {
    begin("busbar_\(name)_total", help, .counter)
    for value in values { sample("\(value.count)", labels: Self.label(label, value.value)) }
  }
  func gauge(_ name: String, _ help: String, _ value: String) {
    begin("busbar_\(name)", help, .gauge)
    sample(value)
  }
  func gauges(_ name: String, _ help: String, _ label: String, _ values: [(value: String, number: String)]) {
    begin("busbar_\(name)", help, .gauge)
    for value in values { sample(value.number, labels: Self.label(label, value.value)) }
  }
  func histogram(_ name: String, _ help: String, _ histogram: LatencyHistogram) {
    begin("busbar_\(name)", help, .histogram)
    var below: UInt64 = 0
    for place in 0..<LatencyHistogram.count {
      below += histogram.counts[place]
      sample(
        "\(below)", suffix: "_bucket", labels: Self.label("le", decimal(LatencyHistogram.bounds[place], places: 3)))
    }
    sample("\(histogram.total)", suffix: "_bucket", labels: Self.label("le", "+Inf"))
    sample(decimal(histogram.sumMilliseconds, places: 3), suffix: "_sum")
    sample("\(histogram.total)", suffix: "_count")
  }

  // MARK: What every role has

  /// And then what this node's role tells.
  func add<Node: TellingNode & ~Copyable>(
    _ node: borrowing Node, name: String, startedAt: MonotonicTime, now: Instant, machine: MachineStatistics
  ) {
    let link = node.linkStatistics
    begin("busbar_node_info", "What this node is.", .gauge)
    sample("1", labels: "{node=\"\(jsonEscaped(name))\",role=\"\(Node.role)\",version=\"\(version)\"}")
    gauge("uptime_seconds", "Since this run began.", decimal(now.monotonic.milliseconds(since: startedAt), places: 3))
    gauge("boot_number", "Of this run.", "\(link.bootCounter)")
    gauge("packet_key_number", "Of this run: the key that peers seal for.", "\(link.packetKeyNumber)")
    gauge(
      "oldest_peer_version", "The lowest of the newest protocol versions that peers speak; 0 while one was not heard.",
      "\(link.oldestPeerVersion)")
    gauge("clock_synchronised", "Whether the system has wall time.", now.clock == .synchronised ? "1" : "0")
    addClock(node.clockVerdict, link)
    counters(
      "run_claims", "What members said of runs of this node that it knows nothing of, by what became of it.", "outcome",
      [
        ("heard", link.runClaims.heard), ("out_of_range", link.runClaims.outOfRange),
        ("followed", link.runClaims.followed),
      ])
    gauge("run_claimants", "Members that claim such runs; up to f of them are ignored.", "\(link.runClaimants)")
    counter(
      "double_runs", "Runs of peers after whose beginning an older run of the same key was still heard.",
      link.doubleRuns)
    counter("packets_sent", "Datagrams sealed and sent.", link.sentPackets)
    counter("packets_received", "Datagrams received, good or bad.", link.receivedPackets)
    counter("sent_bytes", "Of datagrams, without UDP's and IP's headers.", link.sentBytes)
    counter("received_bytes", "Of datagrams, without UDP's and IP's headers.", link.receivedBytes)
    counters(
      "packets_dropped", "Datagrams not acted on, by reason.", "reason",
      DropReason.allCases.map { ($0.name, link.drops[Int($0.rawValue)]) })
    counter("datagrams_lost", "Datagrams that the network would not take.", machine.lostDatagrams)
    counter("datagrams_unsendable", "Datagrams longer than the path allows.", machine.unsendableDatagrams)
    counter("datagrams_oversized", "Datagrams received that were longer than any packet.", machine.oversizedDatagrams)
    gauge("send_queue_high_water", "Most datagrams that waited for one system call.", "\(machine.sendHighWater)")
    gauge("receive_queue_high_water", "Most datagrams that one system call found.", "\(machine.receiveHighWater)")
    gauge("resident_memory_bytes", "Now.", "\(max(0, machine.residentKilobytes) * 1024)")
    gauge("resident_memory_peak_bytes", "The most there was.", "\(max(0, machine.peakResidentKilobytes) * 1024)")
    begin(
      "busbar_peer_last_heard_age_seconds",
      "Since a packet of this peer passed its seal, of a meter to the second; absent before the first.",
      .gauge)
    var unheard = 0
    var silenced = 0
    for place in 0..<node.peerCount {
      let peer = node.peerStatistics(place)
      if peer.isSilenced { silenced += 1 }
      guard let heardAt = peer.heardAt else {
        unheard += 1
        continue
      }
      sample(
        decimal(now.monotonic.milliseconds(since: heardAt), places: 3),
        labels: Self.label("peer", partyName(NodeIdentifier(peer.identifier))))
    }
    gauge("peers_unheard", "Peers not heard in this run.", "\(unheard)")
    gauge("peers_silenced", "Peers not listened to for bad signatures.", "\(silenced)")
    node.tell(self)
  }
}

extension Metrics {
  /// Whether the node acts on its clock, and why not.
  private func addClock(_ verdict: ClockVerdict, _ link: LinkStatistics) {
    gauge(
      "clock_true",
      "Whether the node acts on wall time; while not, it counts energy and neither closes, signs nor proposes.",
      verdict.isTrue ? "1" : "0")
    gauges(
      "clock_verdict", "What the node thinks of its clock: one of them is 1.", "verdict",
      (0..<ClockVerdict.count).map { (ClockVerdict.name(ofPlace: $0), $0 == verdict.place ? "1" : "0") })
    let apart = verdict.millisecondsApart
    gauge(
      "clock_apart_seconds", "How far it is beyond what members tell; 0 while they do not contradict it.",
      (apart < 0 ? "-" : "") + decimal(apart.magnitude, places: 3))
    gauge("clocks_counted", "Members whose clocks this one is compared with.", "\(link.countedClocks)")
    counters(
      "clocks_refused", "What members told of their clocks and is not counted, by reason.", "reason",
      ClockRefusal.allCases.map { ($0.name, link.clockRefusals[Int($0.rawValue)]) })
  }
}

/// What a node thinks of its clock, as people read it.
func describe(_ verdict: ClockVerdict) -> String {
  switch verdict {
  case .nearMembers: "its clock agrees with the members'"
  case .nearCertificates: "its clock agrees with the newest certificate; too few members have told theirs yet"
  case .notSynchronised: "its clock is not synchronised: it waits"
  case .apartFromMembers(let milliseconds):
    "its clock is \(decimal(milliseconds.magnitude, places: 3)) s \(milliseconds < 0 ? "behind" : "ahead of") the members': it waits"
  case .farBeyondCertificates:
    "its clock is far beyond the newest certificate, and too few members have told theirs: it waits"
  case .beforeCertificates: "its clock is before the newest certificate, and too few members have told theirs: it waits"
  }
}

/// Tells people when a node ceases to act on its clock, and when it acts on it again.
struct ClockWatch {
  /// What lasts no longer is nobody's concern: members tell their clocks within a second or two.
  static let leastMilliseconds: UInt64 = 5000
  private let name: String
  /// As ``ClockVerdict/place``; 0 for every clock that is true.
  private var told = 0
  private var newest = 0
  private var changedAt = MonotonicTime(nanoseconds: 0)
  /// Of the wall clock beyond the monotonic one, at the last call; nil before the first.
  private var offset: Int64?
  /// A clock that was set by less is none that jumped: a time daemon does that while it begins.
  private static let leastStepMilliseconds: UInt64 = 2000
  /// One that jumps to and fro fills no log.
  private static let leastPauseMilliseconds: UInt64 = 10_000
  private var stepToldAt: MonotonicTime?

  init(name: String) { self.name = name }

  mutating func tell(_ verdict: ClockVerdict, at now: Instant) {
    tellStep(now)
    tell(verdict, at: now.monotonic)
  }

  private mutating func tellStep(_ now: Instant) {
    let present = Int64(bitPattern: now.wall.nanoseconds &- now.monotonic.nanoseconds)
    defer { offset = present }
    guard let offset else { return }
    let step = present &- offset
    let milliseconds = step.magnitude / 1_000_000
    guard milliseconds >= Self.leastStepMilliseconds else { return }
    if let stepToldAt, now.monotonic.milliseconds(since: stepToldAt) < Self.leastPauseMilliseconds { return }
    stepToldAt = now.monotonic
    printDiagnostic(
      "\(name): the wall clock jumped \(decimal(milliseconds, places: 3)) s \(step < 0 ? "back" : "ahead")")
  }

  private mutating func tell(_ verdict: ClockVerdict, at now: MonotonicTime) {
    let place = verdict.isTrue ? 0 : verdict.place
    if place != newest {
      newest = place
      changedAt = now
    }
    guard place != told, now.milliseconds(since: changedAt) >= Self.leastMilliseconds else { return }
    told = place
    printDiagnostic("\(name): \(describe(verdict))")
  }
}

/// Tells people of two runs of one key: of a peer's, and of this node's own, which ends it.
struct RunWatch {
  private let name: String

  init(name: String) { self.name = name }

  /// - Returns: why the node ends; nil while it need not.
  func tell<N: TellingNode & ~Copyable>(_ node: inout N) -> Failure? {
    while let double = node.takeDoubleRun() { tell(double) }
    return node.laterRun.map { ended(node.linkStatistics.bootCounter, by: $0) }
  }

  private func tell(_ double: DoubleRun) {
    let party = partyName(NodeIdentifier(double.node))
    printDiagnostic(
      "\(name): two runs of \(party) are alive, numbers \(double.older) and \(double.newer): its card or folder was copied, or its "
        + "old board is still on; the older one is not listened to")
  }

  /// - Returns: with the exit code that forbids another try: the run after this one would end the other, and so on without end.
  private func ended(_ own: UInt64, by later: UInt64) -> Failure {
    Failure(
      "\(name): another run of this node's key began after this one: number \(later), this is \(own). Its card or folder was copied, or "
        + "it was moved to another board; the members listen to the later run alone. This one ends; keep one of both",
      exitCode: Failure.configurationCode)
  }
}

/// As a person calls it; a meter by its set and its place there.
private func partyName(_ identifier: NodeIdentifier) -> String {
  if let index = identifier.aggregatorIndex { return "aggregator-\(index.rawValue + 1)" }
  if let meter = identifier.meter { return "meter-\(meter.owner.rawValue).\(meter.index.rawValue)" }
  return "bookkeeper-1"
}

/// What the process knows and the node does not.
struct MachineStatistics {
  var lostDatagrams: UInt64 = 0
  var unsendableDatagrams: UInt64 = 0
  var oversizedDatagrams: UInt64 = 0
  var sendHighWater = 0
  var receiveHighWater = 0
  var residentKilobytes: Int64 = 0
  var peakResidentKilobytes: Int64 = 0
}

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
        let name = "\(owner)/" + (SlotQuantity(rawValue: slots[slot]).map { "\($0)" } ?? "\(slots[slot])")
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

/// A number of 10^-places as a decimal fraction.
func decimal(_ value: UInt64, places: Int) -> String {
  var scale: UInt64 = 1
  for _ in 0..<places { scale *= 10 }
  let fraction = String(value % scale)
  return "\(value / scale)." + String(repeating: "0", count: places - fraction.utf8.count) + fraction
}
