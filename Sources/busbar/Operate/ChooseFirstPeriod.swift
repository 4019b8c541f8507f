import Commands
import NodeProcess
import Units

/// The period that a group which is made now counts from.
///
/// - Parameter asked: the moment that it should begin at, at the earliest; nil for one or two periods from now.
/// - Throws: where nothing was asked for and the clock cannot be right, or more than a day would pass.
func chooseFirstPeriod(ofSeconds seconds: UInt32, asked: CivilTime?, at now: CivilTime) throws(Failure) -> Period {
  let length = UInt64(seconds)
  if let asked {
    guard asked >= .earliestPlausible else {
      throw Failure("--first-period is \(asked), before \(CivilTime.earliestPlausible)", exitCode: Failure.usageCode)
    }
    return Period((asked.seconds + length - 1) / length)
  }
  let remedy = "or say when the first period begins: --first-period 2026-12-24T18:00Z"
  guard now >= .earliestPlausible else {
    throw Failure("this clock says \(now), which cannot be; set it (timedatectl set-ntp true), \(remedy)")
  }
  let period = Period(now.seconds / length + 2)
  let start = CivilTime(startOf: period, ofSeconds: seconds)
  guard start.seconds - now.seconds <= CivilDate.secondsPerDay else {
    throw Failure(
      "the first period would begin at \(start), in \(CivilTime.span(seconds: start.seconds - now.seconds)), more than a "
        + "day from now; take shorter periods, \(remedy)")
  }
  return period
}
