import Commands
import HAL
import LinuxPlatform
import Units

/// What is wrong with a time; nil when nothing is.
func implausibleTime(_ wall: WallTime) -> String? {
  let seconds = wall.nanoseconds / 1_000_000_000
  guard CivilTime(seconds: seconds) < .earliestPlausible else { return nil }
  let day = CivilDate(daysSince1970: seconds / CivilDate.secondsPerDay)
  return "the clock says \(day), which is before 2025: it was not set since this machine had no power"
}

/// Whether the system has wall time that can be.
package func lookAtClock(_ clock: LinuxClock) -> Finding {
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
package func lookAtBattery() -> Finding {
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
