import Commands
import HAL
import Node
import Packets
import Units

extension Metrics {
  /// What every role has, and then what this node's role tells.
  func add<Node: TellingNode & ~Copyable>(
    _ node: borrowing Node, _ moment: RunMoment
  ) {
    let (now, machine) = (moment.now, moment.machine)
    let link = node.linkStatistics
    begin("busbar_node_info", "What this node is.", .gauge)
    sample("1", labels: "{node=\"\(jsonEscaped(moment.name))\",role=\"\(Node.role)\",version=\"\(version)\"}")
    gauge(
      "uptime_seconds", "Since this run began.", decimal(now.monotonic.milliseconds(since: moment.startedAt), places: 3)
    )
    gauge("boot_number", "Of this run.", "\(link.bootCounter)")
    gauge("packet_key_number", "Of this run: the key that peers seal for.", "\(link.packetKeyNumber)")
    gauge(
      "oldest_peer_version", "The lowest of the newest protocol versions that peers speak; 0 while one was not heard.",
      "\(link.oldestPeerVersion)")
    gauge("clock_synchronised", "Whether the system has wall time.", now.state == .synchronised ? "1" : "0")
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
    addPackets(link, machine)
    addPeers(node, now)
    node.tell(self)
  }

  private func addPackets(_ link: LinkStatistics, _ machine: MachineStatistics) {
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
  }

  private func addPeers<Node: TellingNode & ~Copyable>(_ node: borrowing Node, _ now: Instant) {
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
        labels: Self.label("peer", partyName(Party(peer.identifier))))
    }
    gauge("peers_unheard", "Peers not heard in this run.", "\(unheard)")
    gauge("peers_silenced", "Peers not listened to for bad signatures.", "\(silenced)")
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
