import Aggregation
import HAL
import LinuxPlatform
import Units

/// The wall clock, whatever it says.
package func wallTime() -> CivilTime { CivilTime(seconds: LinuxClock().wall().nanoseconds / 1_000_000_000) }

/// The start of the first period that a group counts.
package func firstPeriodBegins(_ genesis: Genesis) -> CivilTime {
  CivilTime(startOf: genesis.firstPeriod, ofSeconds: genesis.periodSeconds)
}

/// When a group counts from, for people.
package func tellFirstPeriod(_ start: CivilTime, at now: CivilTime) -> String {
  if now < .earliestPlausible { return "the first period begins at \(start), and this clock says \(now)" }
  return now.seconds < start.seconds
    ? "the first period begins at \(start), in \(CivilTime.span(seconds: start.seconds - now.seconds))"
    : "the first period began at \(start)"
}
