import Aggregation
import Configuration
import Consensus
import HAL
import LinuxPlatform
import Node
import Packets
import Units
import Wire

// What stands in a node's way on this machine and no file of its own says: its address, its journal, its clock, its group's silence.

/// One thing that was looked at.
struct Finding {
  let check: String
  let isGood: Bool
  let detail: String
  /// What to do about it; empty when there is nothing to do.
  var remedy = ""

  /// On one line, for a warning or a failure.
  var text: String { remedy.isEmpty ? detail : "\(detail); \(remedy)" }
}

/// Whether a node answers in this folder.
func nodeRuns(in folder: String) -> Bool { (try? nodeStatus(folder)) != nil }

// MARK: Errors of the system

/// What to do about an error of the system, whatever it befell; empty when its words are all there is to say.
func remedy(_ error: PlatformError) -> String {
  switch error.code {
  case 1, 13: "give it to the user that runs this: ls -l tells whose it is"
  case 5: "the card or disk fails: see dmesg, and go on with another one"
  case 23, 24: "raise the limit: ulimit -n"
  case 28, 122: "free some space: df -h tells where it is short"
  case 30: "see dmesg whether the card failed; mount -o remount,rw makes it writable again"
  default: ""
  }
}

/// The same behind the error's own words.
func describe(_ error: PlatformError) -> String {
  let remedy = remedy(error)
  return remedy.isEmpty ? "\(error)" : "\(error); \(remedy)"
}

// MARK: The address

/// What to do when a node may not listen where it is told to.
func listenRemedy(_ endpoint: Endpoint, _ error: PlatformError) -> String {
  switch error.code {
  case 99: "ip -brief address lists this machine's; put one of them into listen in [node]"
  case 98: "ss -ulpn 'sport = :\(endpoint.port)' tells who has it; stop that, or give listen in [node] another port"
  case 1, 13: "ports below 1024 are the system's; give listen in [node] a higher one"
  case 22: "an address that begins with fe80 is good in one network only, which cannot be named here; take another one"
  case 97: "this system has no IPv6; put an IPv4 address into listen in [node]"
  default: "put another address into listen in [node]"
  }
}

/// Takes the node's address.
/// - Throws: with the line of `listen`. The exit code asks for another try: an address may come with the network.
func openSocket(_ configuration: NodeConfiguration) throws(Failure) -> UDPSocket {
  let endpoint = configuration.listen
  do throws(PlatformError) { return try UDPSocket(bindingTo: endpoint) } catch {
    throw Failure("\(configuration.wrong("node", "listen", refused(endpoint, error).text))")
  }
}

func lookAtAddress(_ configuration: NodeConfiguration, isRunning: Bool) -> Finding {
  let endpoint = configuration.listen
  do throws(PlatformError) {
    _ = try UDPSocket(bindingTo: endpoint)
    return Finding(check: "listen", isGood: true, detail: "listen: \(endpoint) is this machine's, and free")
  } catch {
    if error.code == 98, isRunning {
      return Finding(check: "listen", isGood: true, detail: "listen: \(endpoint) is in use, by the node that runs here")
    }
    return refused(endpoint, error)
  }
}

private func refused(_ endpoint: Endpoint, _ error: PlatformError) -> Finding {
  Finding(
    check: "listen", isGood: false, detail: "listen: \(endpoint): \(error)", remedy: listenRemedy(endpoint, error))
}

// MARK: The journal

/// How a node goes on whose journal is damaged.
private func journalRemedy(_ role: Role) -> String {
  switch role {
  case .meter:
    "move it away and start again: this meter gets its certified registers back from the group"
  case .aggregator:
    "move it away and start again, of at most f aggregators at a time: this one gets what is certified from the others, "
      + "and signs again after two periods"
  case .bookkeeper:
    "move it away and start again: what is published stays, and what is open is asked of the aggregators"
  }
}

private func damage(_ path: String, _ condition: JournalCondition, _ role: Role) -> Finding {
  let place =
    condition.entries == 0
    ? "byte \(condition.goodBytes) of \(condition.bytes), before its first entry"
    : "byte \(condition.goodBytes) of \(condition.bytes), behind entry \(condition.entries - 1)"
  return Finding(
    check: "journal", isGood: false,
    detail: "\(path): damaged at \(place): what was on the card has changed", remedy: journalRemedy(role))
}

func ownJournal(_ configuration: NodeConfiguration, _ genesis: Genesis) -> (path: String, identity: JournalIdentity) {
  (
    configuration.data + "/journal",
    JournalIdentity(networkIdentifier: genesis.networkIdentifier, node: identifier(configuration).rawValue)
  )
}

/// - Throws: with a configuration's exit code, when the folder is another node's or another version's.
func openJournal(_ configuration: NodeConfiguration, _ genesis: Genesis) throws(Failure) -> FileJournal {
  let (path, own) = ownJournal(configuration, genesis)
  do throws(PlatformError) { return try FileJournal(path, as: own) } catch {
    switch error.kind {
    case .foreign: throw Failure(foreignJournal(path, own), exitCode: Failure.configurationCode)
    case .outdated, .newer: throw Failure("\(path): \(error)", exitCode: Failure.configurationCode)
    case .corrupted:
      guard let condition = try? FileJournal.examine(path, as: own), condition.state == .damaged else {
        throw Failure(path, error)
      }
      throw Failure(damage(path, condition, configuration.role).text)
    case .busy:
      throw Failure(
        "\(path): another process has it open; busbar status \(configuration.data) tells whether a node runs")
    default: throw Failure(path, error)
    }
  }
}

private func foreignJournal(_ path: String, _ own: JournalIdentity) -> String {
  let other = try? FileJournal.identity(of: path)
  return "\(path): the journal of \(other.map(describe) ?? "another node"), not of \(describe(own))"
}

/// What was found in a node's journal.
struct JournalLook {
  var finding: Finding
  /// The newest period that it tells of.
  var newest: Period?
  /// What `run` would exit with; 0 when it would open the journal.
  var exitCode: Int32 = 0
}

func lookAtJournal(_ configuration: NodeConfiguration, _ genesis: Genesis, isRunning: Bool) -> JournalLook {
  let (path, own) = ownJournal(configuration, genesis)
  var newest: Period?
  func good(_ detail: String, _ remedy: String = "") -> JournalLook {
    JournalLook(
      finding: Finding(check: "journal", isGood: true, detail: "\(path): \(detail)", remedy: remedy), newest: newest)
  }
  func bad(_ detail: String, _ remedy: String, _ exitCode: Int32) -> JournalLook {
    JournalLook(
      finding: Finding(check: "journal", isGood: false, detail: detail, remedy: remedy), newest: newest,
      exitCode: exitCode)
  }
  let condition: JournalCondition
  do throws(PlatformError) {
    condition = try FileJournal.examine(path, as: own) { entry in
      if let period = periodTold(by: entry) { newest = max(newest ?? period, period) }
    }
  } catch {
    if error.kind == .notFound { return good("not there yet: this node has not run") }
    return bad("\(path): \(error)", remedy(error), 1)
  }
  let entries = "\(condition.entries) entries in \(condition.bytes) bytes"
  switch condition.state {
  case .whole: return good("\(entries), all of them whole")
  case .torn where isRunning: return good("\(entries), being written")
  case .torn:
    let count = condition.bytes - condition.goodBytes
    return good("\(entries); the last \(count) bytes were torn off with the power", "the next start cuts them off")
  case .damaged:
    let finding = damage(path, condition, configuration.role)
    return bad(finding.detail, finding.remedy, 1)
  case .foreign:
    return bad(foreignJournal(path, own), "give this node a folder of its own", Failure.configurationCode)
  case .outdated:
    return bad(
      "\(path): \(PlatformError(.outdated))", "move it away; nothing in it is read any more", Failure.configurationCode)
  case .newer:
    return bad("\(path): \(PlatformError(.newer))", "install the version that wrote it", Failure.configurationCode)
  }
}

/// The period that an entry closes, certifies or publishes.
private func periodTold(by entry: Span<UInt8>) -> Period? {
  guard let entry = try? JournalEntry(decoding: entry) else { return nil }
  switch entry {
  case .baseline(let period, _), .recovered(let period, _), .published(let period, _, _),
    .unreadable(let period, _, _, _, _, _):
    return period
  case .closed(_, _, let record, _): return record.through
  case .meterStanding(let standing): return standing.lastClosed
  case .decided(let certificate, _), .head(let certificate, _, _), .shown(let certificate, _):
    return decided(by: certificate)?.header.period
  case .boot, .vote, .record, .proposal, .certified, .peerBoot, .votingFloor, .contradiction, .takenBack,
    .modulusProven, .named, .acknowledged, .inclusion, .knownCoverage, .counters:
    return nil
  }
}

/// How long ago the newest period ended that a node's journal tells of.
func lookAtNewest(_ newest: Period, _ genesis: Genesis, now: WallTime, isRunning: Bool) -> Finding {
  let seconds = UInt64(genesis.periodSeconds)
  let end = newest.rawValue.addingReportingOverflow(1).partialValue.multipliedReportingOverflow(by: seconds)
  let wall = now.nanoseconds / 1_000_000_000
  guard !end.overflow, end.partialValue <= wall else {
    let wait = end.overflow ? UInt64.max : end.partialValue - wall
    return Finding(
      check: "period", isGood: wait <= seconds,
      detail: "period \(newest), the newest in the journal, ends in \(CivilTime.span(seconds: wait))",
      remedy: wait <= seconds ? "" : "the clock is behind what was certified: set it, or let it be set by the network")
  }
  let passed = wall - end.partialValue
  let isLate = isRunning && passed / seconds > latePeriods
  return Finding(
    check: "period", isGood: !isLate,
    detail: "period \(newest), the newest in the journal, ended \(CivilTime.span(seconds: passed)) ago"
      + (isRunning ? "" : ", and the node does not run now"),
    remedy: isLate
      ? "the node runs and its group does not get on: busbar status FOLDER tells whom it hears, and of its clock" : "")
}

/// After so many periods without a newer one something is wrong; the next one takes its time to be certified.
private let latePeriods: UInt64 = 3

// MARK: The clock

/// What is wrong with a time; nil when nothing is.
func implausibleTime(_ wall: WallTime) -> String? {
  let seconds = wall.nanoseconds / 1_000_000_000
  guard CivilTime(seconds: seconds) < .earliestPlausible else { return nil }
  let day = CivilDate(daysSince1970: seconds / CivilDate.secondsPerDay)
  return "the clock says \(day), which is before 2025: it was not set since this machine had no power"
}

func lookAtClock(_ clock: LinuxClock) -> Finding {
  let isSynchronised = clock.state() == .synchronised
  if let wrong = implausibleTime(clock.wall()) {
    return Finding(
      check: "clock", isGood: false, detail: wrong,
      remedy: "wait for the network's time, or set it by hand: date -u -s 'YYYY-MM-DD hh:mm'")
  }
  return Finding(
    check: "clock", isGood: isSynchronised,
    detail: isSynchronised
      ? clock.trustsWallClock ? "trusted, as node.ini says" : "synchronised"
      : "not synchronised: nodes neither sign nor propose",
    remedy: isSynchronised
      ? "" : "timedatectl set-ntp true, or install chrony; on the bench: clock = trusted in node.ini")
}

/// A board without such a clock is common, and no fault; its owner should know what it does after a power cut.
func lookAtBattery() -> Finding {
  let advice = "after a power cut nothing is signed until the network told the time; a DS3231 module keeps it"
  switch BatteryClock(root: "/sys") {
  case .absent: return Finding(check: "battery", isGood: true, detail: "no clock with a battery", remedy: advice)
  case .unreadable:
    return Finding(
      check: "battery", isGood: false, detail: "the clock with a battery cannot be read", remedy: "see dmesg | grep rtc"
    )
  case .reads(let seconds):
    let isPlausible = CivilTime(seconds: seconds) >= .earliestPlausible
    let day = CivilDate(daysSince1970: seconds / CivilDate.secondsPerDay)
    return Finding(
      check: "battery", isGood: isPlausible, detail: "the clock with a battery says \(day)",
      remedy: isPlausible
        ? "" : "its battery is empty, or it was never set: change it, and hwclock -w once the time is right")
  }
}
