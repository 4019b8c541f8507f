import Consensus
import Units

/// What came of an enumeration.
public struct EnumerationResult: Sendable {
  public var scenarios = 0
  public var steps = 0
  public var unsafe = 0
  public var stuck = 0
  public var highestView: UInt32 = 0
  public var firstFailure = ""

  mutating func add(_ outcome: Outcome, _ name: @autoclosure () -> String) {
    scenarios += 1
    steps += outcome.steps
    highestView = max(highestView, outcome.highestView)
    guard let violation = outcome.violation else { return }
    if violation.isSafety { unsafe += 1 } else { stuck += 1 }
    if firstFailure.isEmpty { firstFailure = "\(violation.rawValue) \(outcome.detail): \(name())" }
  }
}

#if BUSBAR_MUTANTS
  /// Every way to divide five processes, of which two share a key, and to choose a leader, in each of R rounds: two of each period, so
  /// that they cross a period's end. Afterwards everybody hears everybody. (Bano et al., Twins: BFT systems made robust, 2021)
  public struct TwinsEnumeration {
    static let members = 4
    /// Ways to divide five processes in two: process 0 always stands on side 0.
    static let divisions = 16
    static let viewTicks = 8

    private let world = World(members: Self.members)
    private let rounds: [Round]
    private let roundChangesCross: Bool

    /// - Parameter roundChangesCross: round changes reach everybody, as if a pacemaker carried them.
    public init(rounds: Int, roundChangesCross: Bool) {
      self.rounds = (0..<rounds).map { Round(Period(UInt64(1 + $0 / 2)), View(UInt32($0 % 2))) }
      self.roundChangesCross = roundChangesCross
    }

    public var count: Int {
      var count = 1
      for _ in rounds { count *= Self.divisions * Self.members }
      return count
    }

    /// Runs every scenario, ``count`` of them, one after the other.
    public func run() -> EnumerationResult {
      var result = EnumerationResult()
      for number in 0..<count { result.add(run(scenario: number), "scenario \(number)") }
      return result
    }

    /// - Parameter trace: called with each thing that happens.
    public func run(scenario number: Int, trace: ((String) -> Void)? = nil) -> Outcome {
      // Processes 0…2 are members 1…3; 3 and 4 are the two copies of member 0.
      let swarm = Swarm(
        members: Self.members, pace: .enumerated(Self.viewTicks, periodTicks: 16 * Self.viewTicks), twin: 0)
      var rest = number
      var fate = Fate(roundChangesCross: roundChangesCross)
      var leaders: [(round: Round, member: Int)] = []
      for round in rounds {
        fate.sides.append((round, UInt64(rest % Self.divisions) << 1))
        rest /= Self.divisions
        leaders.append((round, rest % Self.members))
        rest /= Self.members
      }
      trace?(
        "leaders \(leaders.map { "\($0.round): \($0.member)" }); processes on the other side: \(fate.sides.map { $0.processes })"
      )
      Mutant.leaders = leaders.map { ($0.round, UInt16($0.member)) }
      world.trace = trace
      defer {
        Mutant.leaders = []
        world.trace = nil
      }
      // A period ends when two of its views are over. The sides hear each other when the rounds are; then it goes on in the last period
      // for f + 4 views more, and in the next.
      fate.healTick = 1 + Self.viewTicks * rounds.count
      fate.periodEnds = (0...(rounds.count - 1) / 2).map { 1 + 2 * Self.viewTicks * $0 }
      return world.run(fate, swarm, leaders: leaders, ticks: fate.healTick + Self.viewTicks * 8 * 5)
    }
  }
#endif

/// A crash before every doing of every process, before every pair of doings, and of everybody before the same doing, in runs with and
/// without a round change, and with a period's end between what was prepared and what decides it.
public struct CrashEnumeration {
  /// Persists and sends of one process at which it is crashed; what follows only repeats them.
  static let maximumDoings = 20

  private let world: World
  private let members: Int

  /// Crashes in a group of this many members.
  public init(members: Int) {
    self.members = members
    world = World(members: members)
  }

  private static func name(_ fate: Fate) -> String {
    "crash points \(fate.crashPoints), down \(fate.downTicks), silent \(fate.silent), lost commits \(fate.losesCommitsOf.map { "\($0)" } ?? "none"), periods end \(fate.periodEnds)"
  }

  /// Runs every crash and pair of crashes, in four scenes: without anything else, with lost commits, with a silent
  /// primary, and with both a lock and a period's end behind it.
  public func run() -> EnumerationResult {
    var result = EnumerationResult()
    let viewTicks = 8
    let swarm = Swarm(members: members, pace: .enumerated(viewTicks, periodTicks: 16 * viewTicks), twin: nil)
    let ticks = viewTicks * 60
    for scene in 0..<4 {
      var fate = Fate()
      if scene == 1 || scene == 3 { fate.losesCommitsOf = Round(Period(1)) }
      if scene == 2 { fate.silent = 1 }
      // Before T(0) has passed.
      if scene == 3 { fate.periodEnds = [1, viewTicks] }
      // How many doings there are without a crash; more are tried, for a restarted process does more.
      let plain = world.run(fate, swarm, leaders: [], ticks: ticks)
      result.add(plain, Self.name(fate))
      let doings = min(Self.maximumDoings, 4 + (world.processes.map { $0.doings }.max() ?? 0))
      let base = fate.crashPoints
      for down in [1, 5, 40] {
        fate.downTicks = down
        for first in 0..<members {
          for point in 0...doings {
            fate.crashPoints = base + [(first, point)]
            result.add(world.run(fate, swarm, leaders: [], ticks: ticks), Self.name(fate))
          }
        }
        // Everybody at once: the mains go and come back.
        for point in 0...doings {
          fate.crashPoints = base + (0..<members).map { ($0, point) }
          result.add(world.run(fate, swarm, leaders: [], ticks: ticks), Self.name(fate))
        }
      }
      fate.downTicks = 5
      for first in 0..<(members * doings) {
        for second in (first + 1)..<(members * doings) {
          fate.crashPoints =
            base + [(first / doings, first % doings + 1), (second / doings, second % doings + 1)]
          result.add(world.run(fate, swarm, leaders: [], ticks: ticks), Self.name(fate))
        }
      }
    }
    return result
  }
}
