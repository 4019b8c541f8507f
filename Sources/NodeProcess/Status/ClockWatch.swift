import Commands
import HAL
import Node

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
