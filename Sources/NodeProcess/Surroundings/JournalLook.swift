import Aggregation
import Commands
import Configuration
import Consensus
import HAL
import LinuxPlatform
import Node
import Units
import Wire

/// What was found in a node's journal.
package struct JournalLook {
  package var finding: Finding
  /// The newest period that it tells of.
  package var newest: Period?
  /// What `run` would exit with; 0 when it would open the journal.
  package var exitCode: Int32 = 0
}

/// Reads the node's journal without taking it: it may be in use.
package func lookAtJournal(_ configuration: NodeConfiguration, _ genesis: Genesis, isRunning: Bool) -> JournalLook {
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

/// What an entry's certificate decides, whether or not its signatures hold.
package func decided(by certificate: Span<UInt8>) -> (position: Position, header: Header)? {
  var reader = WireReader(certificate)
  guard (try? reader.readTag("BUSBARc2")) != nil, let quorum = try? QuorumCertificate(decoding: &reader),
    let header = try? Header(decoding: &reader)
  else { return nil }
  return (quorum.statement.position, header)
}

/// How long ago the newest period ended that a node's journal tells of.
package func lookAtNewest(_ newest: Period, _ genesis: Genesis, now: WallTime, isRunning: Bool) -> Finding {
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
