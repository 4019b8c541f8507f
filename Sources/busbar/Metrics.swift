import Consensus
import HAL
import LinuxPlatform
import Node
import Packets
import Units
import Wire

/// One number a node tells about itself, with its labels.
struct MetricSample {
  var suffix = ""
  var labels: [(name: String, value: String)] = []
  /// As digits: an integer, or a decimal fraction.
  var value: String
}

/// Numbers of one kind. (Prometheus exposition format 0.0.4)
struct Metric {
  enum Kind: String { case counter, gauge, histogram }
  let name: String
  let help: String
  let kind: Kind
  var samples: [MetricSample] = []
}

/// Everything a node tells about itself, in one order, as text for Prometheus and as JSON. Nothing of a household is in it.
struct Metrics {
  private(set) var all: [Metric] = []
  let node: String

  init(node: String) { self.node = node }

  mutating func counter(_ name: String, _ help: String, _ value: UInt64) {
    all.append(
      Metric(name: "busbar_\(name)_total", help: help, kind: .counter, samples: [MetricSample(value: "\(value)")]))
  }
  mutating func counters(
    _ name: String, _ help: String, _ label: String, _ values: [(value: String, count: UInt64)]
  ) {
    all.append(
      Metric(
        name: "busbar_\(name)_total", help: help, kind: .counter,
        samples: values.map { MetricSample(labels: [(label, $0.value)], value: "\($0.count)") }))
  }
  mutating func gauge(_ name: String, _ help: String, _ value: String) {
    all.append(Metric(name: "busbar_\(name)", help: help, kind: .gauge, samples: [MetricSample(value: value)]))
  }
  mutating func gauges(_ name: String, _ help: String, _ label: String, _ values: [(value: String, number: String)]) {
    all.append(
      Metric(
        name: "busbar_\(name)", help: help, kind: .gauge,
        samples: values.map { MetricSample(labels: [(label, $0.value)], value: $0.number) }))
  }
  mutating func histogram(_ name: String, _ help: String, _ histogram: LatencyHistogram) {
    var samples: [MetricSample] = []
    var below: UInt64 = 0
    for place in 0..<LatencyHistogram.count {
      below += histogram.counts[place]
      samples.append(
        MetricSample(
          suffix: "_bucket", labels: [("le", decimal(LatencyHistogram.bounds[place], places: 3))], value: "\(below)"))
    }
    samples.append(MetricSample(suffix: "_bucket", labels: [("le", "+Inf")], value: "\(histogram.total)"))
    samples.append(MetricSample(suffix: "_sum", value: decimal(histogram.sumMilliseconds, places: 3)))
    samples.append(MetricSample(suffix: "_count", value: "\(histogram.total)"))
    all.append(Metric(name: "busbar_\(name)", help: help, kind: .histogram, samples: samples))
  }

  // MARK: What every role has

  mutating func add(
    role: String, version: String, startedAt: MonotonicTime, now: Instant, isSynchronised: Bool, _ link: LinkStatistics,
    peers: [PeerStatistics], machine: MachineStatistics
  ) {
    all.append(
      Metric(
        name: "busbar_node_info", help: "What this node is.", kind: .gauge,
        samples: [
          MetricSample(labels: [("node", node), ("role", role), ("version", version)], value: "1")
        ]))
    gauge("uptime_seconds", "Since this run began.", decimal(now.monotonic.milliseconds(since: startedAt), places: 3))
    gauge("boot_number", "Of this run.", "\(link.bootCounter)")
    gauge("clock_synchronised", "Whether wall time is believed.", isSynchronised ? "1" : "0")
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
    let heard = peers.filter { $0.heardAt != nil }
    gauges(
      "peer_last_heard_age_seconds", "Since a packet of this peer passed its seal; absent before the first.", "peer",
      heard.map {
        (
          partyName(NodeIdentifier($0.identifier)),
          decimal(now.monotonic.milliseconds(since: $0.heardAt ?? now.monotonic), places: 3)
        )
      })
    gauge("peers_unheard", "Peers not heard in this run.", "\(peers.count - heard.count)")
    gauge("peers_silenced", "Peers not listened to for bad signatures.", "\(peers.count { $0.isSilenced })")
  }

  // MARK: As text

  var prometheus: String {
    var text = ""
    for metric in all where !metric.samples.isEmpty {
      text += "# HELP \(metric.name) \(metric.help)\n# TYPE \(metric.name) \(metric.kind.rawValue)\n"
      for sample in metric.samples { text += "\(metric.name)\(sample.suffix)\(Self.labels(sample)) \(sample.value)\n" }
    }
    return text
  }

  private static func labels(_ sample: MetricSample) -> String {
    if sample.labels.isEmpty { return "" }
    return "{" + sample.labels.map { "\($0.name)=\"\(jsonEscaped($0.value))\"" }.joined(separator: ",") + "}"
  }

  /// One object on one line. The keys of `metrics` are the names and labels as Prometheus has them.
  var json: String {
    var text = "{\"node\":\"\(jsonEscaped(node))\",\"metrics\":{"
    var isFirst = true
    for metric in all {
      for sample in metric.samples {
        if !isFirst { text += "," }
        isFirst = false
        text += "\"\(jsonEscaped(metric.name + sample.suffix + Self.labels(sample)))\":\(sample.value)"
      }
    }
    return text + "}}\n"
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

extension AggregatorNode {
  func tell(_ metrics: inout Metrics) {
    histogramAndRefusals(&metrics)
    var heads: [(value: String, number: String)] = []
    var missing: [(value: String, number: String)] = []
    for owner in 0..<members {
      heads.append(("\(owner)", "\(headPeriod(ReplicaIndex(owner)).rawValue)"))
      missing.append(("\(owner)", "\(missingMeters(ReplicaIndex(owner)))"))
    }
    metrics.gauges("head_period", "Period of the set's last certified value.", "owner", heads)
    metrics.gauges("meters_missing", "Meters that the set's last certified value went without.", "owner", missing)
    metrics.gauge("confirmed", "Whether enough others know of this run.", isConfirmed ? "1" : "0")
    metrics.gauge("may_vote", "Whether every own vote could be read back.", mayVote ? "1" : "0")
  }

  private func histogramAndRefusals(_ metrics: inout Metrics) {
    metrics.histogram(
      "decision_latency_seconds", "From the end of a period to the decision about a set.", decisionLatency)
    metrics.counters(
      "instances_decided", "By what was decided.", "outcome", [("value", decidedValues), ("null", decidedNulls)])
    metrics.counter("records_accepted", "Records of meters that hold.", recordsAccepted)
    metrics.counter("records_refused", "Records that do not.", sum(11) { recordRefusals[$0] })
    metrics.counter("headers_refused", "Proposals that do not hold here.", sum(12) { headerRefusals[$0] })
    var votes: UInt64 = 0
    for place in 0..<11 { votes += voteRefusals[place] }
    metrics.counter("votes_refused", "Votes that the protocol refuses or already counted.", votes)
    metrics.counter("justifications_refused", "View changes and new views that do not hold.", justificationRefusals)
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

extension MeterNode {
  func tell(_ metrics: inout Metrics) {
    metrics.gauge("records_outstanding", "Records that wait for a certificate.", "\(outstandingCount)")
    metrics.counter("receipts", "Promises that a record is held.", receiptCount)
    metrics.counter("inclusion_proofs", "Records proven to be certified.", proofCount)
    metrics.gauge("covered_through_period", "Last period whose energy is certified.", "\(coveredThrough.rawValue)")
    metrics.gauge("closed_through_period", "Last period whose end was read.", "\(lastClosed.rawValue)")
  }
}

extension BookkeeperNode {
  func tell(_ metrics: inout Metrics) {
    metrics.counter("sums_published", "Sums decrypted, proven and published.", publishedCount)
    metrics.counter("sums_unpublishable", "Sums beyond what their contributors may hold.", unpublishableCount)
    metrics.gauge("sums_waiting", "Certified values whose sum is not published yet.", "\(unpublishedCount)")
  }
}
