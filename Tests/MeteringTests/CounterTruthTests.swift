import Metering
import Testing
import Units
import Wire

/// SplitMix64: the same sequences in each run. (Steele, Lea, Flood 2014, fig. 4)
private struct Draws {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
  mutating func number(_ range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound + Int64(next() % UInt64(range.upperBound - range.lowerBound + 1))
  }
  mutating func chance(_ percent: Int64) -> Bool { number(1...100) <= percent }
}

/// One counter as it really is. All energies in steps of 1 Wh, which is what the device sends.
private struct TrueCounter {
  /// Nil while the device has no such counter.
  var raw: Int64?
  /// What whatever meter is there moved, since the beginning.
  var moved: Int64 = 0
  /// How often it was cleared or exchanged.
  var changes = 0

  mutating func move(_ energy: Int64, modulus: Int64?) {
    moved += energy
    guard let old = raw else { return }
    raw = modulus.map { (old + energy) % $0 } ?? old + energy
  }
}

/// What the register must be, by the truth alone.
private struct Expected {
  var register: Int64?
  /// Of the true counter, when it was believed last.
  var moved: Int64 = 0
  var changes = 0
  var raw: Int64?
  /// When, and by how much the wall clock was wrong then.
  var time: ReadingTime?
  var wallError: Int64 = 0
}

/// A meter, its board and its bus, and a node's guard that is restarted at any point; each reading is held against the truth.
private struct House {
  static let step: Int64 = 1_000
  static let ratedMilliwatts: Int64 = 10_000_000
  static let day: Int64 = 86_400

  /// What happened in all sequences.
  struct Seen {
    var accepted = 0
    var refused = 0
    var rebases = 0
    var appeared = 0
    var restarts = 0
    var crashes = 0
    var glitches = 0
    var failures = 0
    var steps = 0
    var wraps = 0
    /// A counter was cleared and passed where it had stood before anybody could tell.
    var overtaken = 0
  }

  var draws: Draws
  var counters = [TrueCounter(), TrueCounter()]
  var expected = [Expected(), Expected()]
  let modulus: Int64?
  /// Seconds since the beginning; when the board booted; by how much its wall clock is wrong.
  var now: Int64 = 1_000_000
  var booted: Int64 = 0
  var wallError: Int64 = 0
  var isSynchronised = true
  /// No counter is loaded yet: every reading is 0 until then.
  var zeroUntil: Int64 = 0
  var isSettledSinceZero = true
  /// The next reading has to tell how long the board was away.
  var needsGoodClock = false
  var isGoodNext = false
  var watts: Int64 = 0
  /// Export appears with this reading.
  var exportAppears: Int?

  var guarded: GuardedCounters
  /// What is on the disk: the standing as bytes, and what the truth was then.
  var disk: [UInt8]?
  var expectedOnDisk = [Expected(), Expected()]
  var wrong: String?

  static func newGuard(_ modulus: Int64?) -> GuardedCounters {
    GuardedCounters(
      CounterRule(
        ratedPowerMilliwatts: ratedMilliwatts, quantumMilliwattHours: step, modulusMilliwattHours: modulus))
  }

  init(seed: UInt64) {
    draws = Draws(state: seed)
    modulus = draws.chance(15) ? 1_000_000_000 * Self.step : nil
    guarded = Self.newGuard(modulus)
    let top = modulus ?? 1_000_000_000 * Self.step
    counters[0].raw =
      modulus == nil
      ? Self.step * draws.number(100_000_000...900_000_000) : top - Self.step * draws.number(1...20_000)
    counters[1].raw = Self.step * draws.number(100_000_000...900_000_000)
    if modulus == nil, draws.chance(10) { counters[0].raw = 0 }
    if modulus == nil, counters[0].raw == 0 || draws.chance(20) { counters[1].raw = 0 }
    switch draws.number(1...10) {
    case 1: counters[1].raw = nil
    case 2:
      counters[1].raw = nil
      exportAppears = Int(draws.number(5...30))
    default: break
    }
    booted = now - draws.number(10...20 * Self.day)
    // The node starts while the meter has not loaded its counters; if that takes long, power tells.
    if draws.chance(15) { zeroUntil = now + draws.number(1...(draws.chance(50) ? 90 : 3_000)) }
  }

  var time: ReadingTime {
    ReadingTime(
      monotonicNanoseconds: UInt64(now - booted) * 1_000_000_000,
      wallNanoseconds: UInt64(1_700_000_000 + now + wallError) * 1_000_000_000, wallIsSynchronised: isSynchronised)
  }

  /// How far a counter can have come since it was believed, in this run or by what is on the disk, as far as clocks tell: by
  /// the longer of both, and one step.
  private func reach(_ which: Int) -> Int64 {
    max(
      (expected[which].raw ?? 0) + window(since: expected[which].time),
      (expectedOnDisk[which].raw ?? 0) + window(since: expectedOnDisk[which].time))
  }

  private func window(since earlier: ReadingTime?) -> Int64 {
    guard let earlier else { return 0 }
    let mono = Int64(time.monotonicNanoseconds / 1_000_000_000) - Int64(earlier.monotonicNanoseconds / 1_000_000_000)
    let wall = Int64(time.wallNanoseconds / 1_000_000_000) - Int64(earlier.wallNanoseconds / 1_000_000_000)
    let seconds = max(0, mono, time.wallIsSynchronised && earlier.wallIsSynchronised ? wall : 0)
    return Self.ratedMilliwatts * seconds / 3_000 + Self.step
  }

  mutating func pass(_ seconds: Int64) {
    now += seconds
    watts = draws.chance(20) ? 0 : draws.number(5...10_000)
    let isExport = draws.chance(30)
    let energy = watts * seconds / 3_600 * Self.step
    counters[isExport ? 1 : 0].move(energy, modulus: modulus)
    if isExport { watts = -watts }
  }

  /// One reading with whatever comes between it and the last one.
  mutating func turn(_ place: Int, _ seen: inout Seen) {
    let isDoubtful = guarded.importOutcome?.isAccepted == false || guarded.exportOutcome?.isAccepted == false
    let isShort = isGoodNext || draws.chance(isDoubtful ? 92 : 45)
    pass(
      isShort
        ? draws.number(1...60)
        : [1_800, 1_800, 1_800, 7_200, Self.day, 3 * Self.day][Int(draws.number(0...5))])
    if !isGoodNext { disturb(&seen) }
    if exportAppears.map({ place >= $0 }) ?? false {
      counters[1].raw = Self.step * draws.number(1...500_000)
      exportAppears = nil
    }
    read(&seen)
  }

  private mutating func disturb(_ seen: inout Seen) {
    if draws.chance(6), !needsGoodClock {
      // Set forward or back by up to two hours, or right again; or not synchronised.
      seen.steps += 1
      wallError = draws.chance(50) ? 0 : draws.number(-7_200...7_200)
      isSynchronised = !draws.chance(20)
    }
    if draws.chance(6) { restart(&seen, isReboot: draws.chance(50)) }
  }

  /// What is not on the disk is forgotten.
  private mutating func restart(_ seen: inout Seen, isReboot: Bool) {
    seen.restarts += 1
    // What a clock that was ahead or unknown said of the last reading cannot tell how long the board was away.
    if isReboot, expectedOnDisk.allSatisfy({ $0.wallError <= 0 && $0.time?.wallIsSynchronised ?? true }) {
      pass(draws.chance(30) ? draws.number(1...7) * Self.day : draws.number(20...3_600))
      booted = now - draws.number(15...60)
      wallError = 0
      isSynchronised = true
      needsGoodClock = true
    }
    guarded = Self.newGuard(modulus)
    expected = expectedOnDisk
    guard let disk else { return }
    var reader = WireReader(disk.span)
    guard let standing = try? CountersStanding(decoding: &reader) else { return fail("the standing cannot be read") }
    guarded.resume(from: standing)
  }

  private mutating func fail(_ what: String) { if wrong == nil { wrong = "second \(now): \(what)" } }

  /// What the device answers, after what may happen to it just now. Nil: no answer at all.
  private mutating func answer(_ seen: inout Seen, crashes: Bool) -> [Int64?]? {
    if now < zeroUntil {
      isSettledSinceZero = false
      // If it takes longer than a glitch, the device shows power.
      if zeroUntil - now > 90, watts.magnitude < 5 { watts = 5 }
      return counters.map { $0.raw == nil ? nil : 0 }
    }
    if isGoodNext {
      isGoodNext = false
      return counters.map(\.raw)
    }
    if draws.chance(8) {
      seen.failures += 1
      return nil
    }
    let hit = Int(draws.number(0...1))
    guard let raw = counters[hit].raw, let base = expectedOnDisk[hit].raw else { return counters.map(\.raw) }
    switch draws.number(1...100) {
    case 1...6 where isSettledSinceZero && counters.indices.allSatisfy { isAboveZero($0) }:
      seen.glitches += 1
      zeroUntil = now + draws.number(1...90)
      isSettledSinceZero = false
      return counters.map { $0.raw == nil ? nil : 0 }
    case 7...9:
      // The device refuses one counter this time.
      seen.glitches += 1
      var answer = counters.map(\.raw)
      answer[hit] = nil
      return answer
    case 10...13 where modulus == nil:
      // One wrong number: below, far above, or just above what can be; then the next reading is good.
      seen.glitches += 1
      var answer = counters.map(\.raw)
      let low = min(base, expected[hit].raw ?? base)
      switch draws.number(1...3) {
      case 1 where low > 2 * Self.step: answer[hit] = Self.step * draws.number(1...(low / Self.step / 2))
      case 2: answer[hit] = reach(hit) + Self.ratedMilliwatts * 1_000 * Self.day / 3_000 * draws.number(1...9)
      default:
        // A crash now would forget that it was seen.
        guard !crashes, reach(hit) > raw + Self.ratedMilliwatts * 90 / 3_600 else { break }
        answer[hit] = reach(hit) + Self.step
        isGoodNext = true
      }
      return answer
    case 14...16 where modulus == nil && base > 50_000_000 * Self.step:
      counters[hit].raw = draws.chance(50) ? 0 : Self.step * draws.number(1...1_000_000)
      counters[hit].changes += 1
    case 17...20 where modulus == nil && raw >= base && counters[hit].changes == expectedOnDisk[hit].changes:
      // Exchanged for one that stands higher: by a little more than can be, or much.
      let isNear = !crashes && draws.chance(70)
      counters[hit].raw =
        isNear
        ? reach(hit) + Self.step * draws.number(1...20_000)
        : reach(hit) + Self.ratedMilliwatts * 1_000 * Self.day / 3
      counters[hit].changes += 1
      if isNear, draws.chance(70) { pause = draws.number(60...20 * Self.day) }
    default: break
    }
    return counters.map(\.raw)
  }
  /// A counter that is believed to be 0 says 0 as it did, when it is not ready: what it is then no reading can tell.
  private func isAboveZero(_ which: Int) -> Bool {
    counters[which].raw == nil || expectedOnDisk[which].raw ?? 0 > 0
  }
  /// After this reading nothing is read for so long.
  private var pause: Int64 = 0

  private mutating func read(_ seen: inout Seen) {
    let crashes = !isGoodNext && draws.chance(3)
    guard let answer = answer(&seen, crashes: crashes) else { return }
    let registers = guarded.accept(
      importEnergy: answer[0].map { MilliwattHours($0) }, exportEnergy: answer[1].map { MilliwattHours($0) },
      activePowerMilliwatts: watts * 1_000, at: time)
    judge(0, answer[0], guarded.importOutcome, guarded.standing.importCounter, &seen)
    judge(1, answer[1], guarded.exportOutcome, guarded.standing.exportCounter, &seen)
    if crashes {
      seen.crashes += 1
      restart(&seen, isReboot: false)
    } else if let standing = guarded.takeNews() {
      disk = [UInt8](capacity: CountersStanding.encodedBytes) { out in standing.encode(into: &out) }
      expectedOnDisk = expected
      if registers != nil {
        isSettledSinceZero = true
        needsGoodClock = false
      }
    }
    if registers == nil { seen.refused += 1 } else { seen.accepted += 1 }
    if pause > 0 {
      if draws.chance(40) { restart(&seen, isReboot: false) }
      pass(pause)
      pause = 0
    }
  }

  /// Holds what the guard made of one counter against what the counter did.
  private mutating func judge(
    _ which: Int, _ answer: Int64?, _ outcome: CounterOutcome?, _ standing: CounterStanding, _ seen: inout Seen
  ) {
    let truth = counters[which]
    let name = which == 0 ? "import" : "export"
    guard let outcome, outcome.isAccepted else { return }
    let register = standing.register.value
    let moved = truth.moved - expected[which].moved
    let hasChanged = truth.changes != expected[which].changes
    switch outcome {
    case .first:
      if answer != truth.raw { fail("\(name): a wrong number is the base") }
    case .absent:
      if truth.raw != nil { fail("\(name) is there") }
      return
    case .appeared:
      seen.appeared += 1
      if register != 0 { fail("\(name): energy of before it appeared") }
    case .advanced:
      guard let old = expected[which].register, let answer else { return }
      let gained = register - old
      if gained > moved { fail("\(name): \(gained - moved) mWh above what was used") }
      if hasChanged {
        // 1. A counter that stands at little is cleared.
        // 2. Before minutes of readings say so it passes where it stood: it may as well have said 0 by mistake.
        // 3. What it stood at is lost, and no reading tells; nothing is invented.
        guard let base = expected[which].raw, answer >= base else { return fail("\(name): what happened was not told") }
        seen.overtaken += 1
        break
      }
      if gained < moved { fail("\(name): \(moved - gained) mWh lost, and nothing told") }
      if let raw = truth.raw, let old = expected[which].raw, raw < old { seen.wraps += 1 }
    case .rebased:
      seen.rebases += 1
      if !hasChanged { fail("\(name): a reset was told that there was not") }
      if register != expected[which].register { fail("\(name): energy of a reset") }
    case .suspect: return
    }
    guard let answer, let raw = truth.raw, answer <= raw else { return fail("\(name): a wrong number is the base") }
    // A new base may be from a moment before: what was used since is still to come.
    expected[which] = Expected(
      register: register, moved: truth.moved - (raw - answer), changes: truth.changes, raw: answer, time: time,
      wallError: wallError)
  }

  /// All is well from now on.
  mutating func end() {
    zeroUntil = 0
    exportAppears = nil
    for _ in 0..<14 {
      isGoodNext = true
      now += 30
      watts = 3_000
      counters[0].move(watts * 30 / 3_600 * Self.step, modulus: modulus)
      var seen = Seen()
      read(&seen)
    }
    if guarded.importOutcome?.isAccepted != true || guarded.exportOutcome?.isAccepted != true {
      fail("it is not metered any more: \(guarded)")
    }
  }
}

@Suite("Energy against the truth (docs/HARDWARE.md, Counters)")
struct CounterTruthTests {
  @Test(
    """
    in 10,000 houses with zeros, glitches, resets, exchanged meters, gaps, failures, clock steps and restarts at any point no \
    energy is invented, and none is lost but over a reset that was told
    """
  )
  func houses() {
    var seen = House.Seen()
    for seed in 1...10_000 as ClosedRange<UInt64> {
      var house = House(seed: seed)
      for place in 0..<60 where house.wrong == nil { house.turn(place, &seen) }
      if house.wrong == nil { house.end() }
      if let wrong = house.wrong {
        Issue.record("house \(seed), \(wrong)")
        return
      }
    }
    print("counters: \(seen)")
    #expect(seen.accepted > 200_000 && seen.refused > 50_000 && seen.rebases > 5_000 && seen.appeared > 300)
    #expect(seen.restarts > 20_000 && seen.crashes > 5_000 && seen.glitches > 20_000 && seen.failures > 20_000)
    #expect(seen.steps > 10_000 && seen.wraps > 200)
    // What no rule can tell is rare, or this would not be worth much.
    #expect(seen.overtaken <= 10)
  }
}
