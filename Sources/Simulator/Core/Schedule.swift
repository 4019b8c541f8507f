import Consensus
import SimulatedPlatform
import Units
import Wire

/// How dice are loaded.
public enum Profile: String, CaseIterable, Sendable {
  /// Random faults, liars that vote at random.
  case uniform
  /// Liars support both sides of a partition, processes crash where it hurts, timers are short in an eighth of the seeds.
  case guided
  /// Few faults, then a quorum is healed and the rest left as it is.
  case liveness
}

/// What a schedule may not do. The name goes into reports.
public enum Violation: String, CaseIterable, Sendable {
  // Safety
  case disagreement, invalidValueDecided, badCertificate, certificateChanged
  case conflictingSignature, sentBeforeDurable, votedInRoundItLeft, committedUnprepared, preparedUnheld
  case preparedWithoutProposal, hidPreparedCertificate, unjustifiedNewRound, wronglyConvicted, equivocationUntold
  case leftRoundTooEarly, askedForRoundItVotedIn, signedInClosedRound, preparedOfAnotherPeriod
  /// Asked for a round with nothing to decide, and nobody else asking: an idle group is silent.
  case askedWithoutReason
  /// More than f liars made two decisions, and what honest members hold names fewer than f + 1 of them.
  case unaccountable
  // Liveness
  case stuck, roundsRanAway

  public var isSafety: Bool { self != .stuck && self != .roundsRanAway }
}

/// One run, named by everything it depends on.
public struct Schedule: Sendable {
  public var seed: UInt64
  public var members: Int
  public var profile: Profile
  public var usesEd25519 = false
  /// f + 1 to 2f liars: the group may come to two decisions, and must then know by whom.
  public var hasTooManyLiars = false
  /// Only the first so many faults happen.
  public var faultLimit = Int.max
  /// Faults left out, by number.
  public var withoutFaults: Set<Int> = []

  /// A run with the stand-in for signatures, in which every fault that the dice draw happens.
  public init(seed: UInt64, members: Int, profile: Profile) {
    self.seed = seed
    self.members = members
    self.profile = profile
  }

  /// The arguments that replay it.
  public var arguments: [String] {
    var result = ["--seed", "\(seed)", "--members", "\(members)", "--profile", profile.rawValue]
    if usesEd25519 { result.append("--real-crypto") }
    if hasTooManyLiars { result.append("--too-many-liars") }
    if faultLimit != .max { result += ["--fault-limit", "\(faultLimit)"] }
    if !withoutFaults.isEmpty {
      result += ["--without", withoutFaults.sorted().map(String.init).joined(separator: ",")]
    }
    return result
  }
}

/// What came of one run of the core.
public struct Outcome: Sendable {
  public var violation: Violation?
  public var detail = ""
  /// Calls of `Instance.step`.
  public var steps = 0
  public var faults = 0
  /// The highest view an honest member signed in.
  public var highestView: UInt32 = 0
  /// From healing to the last decision, in hundredths of T0.
  public var healedHundredths = 0
  public var viewsAfterHealing: UInt32 = 0
  /// Liars that two decisions named: bit i for member i.
  public var named: UInt64 = 0
  /// Not in the first round; not in the first period; what was prepared in an earlier period than the one it was decided in.
  public var decidedLater = false
  public var decidedInLaterPeriod = false
  public var decidedEarlierValue = false
}

/// Seeded dice.
struct Dice {
  private var generator: SeededGenerator
  init(_ seed: UInt64) { generator = SeededGenerator(seed: seed) }

  /// 0 ..< bound, by multiplication: the slight bias does not matter here.
  mutating func below(_ bound: Int) -> Int {
    guard bound > 1 else { return 0 }
    return Int(truncatingIfNeeded: ((generator.next() >> 32) &* UInt64(bound)) >> 32)
  }
  mutating func bits() -> UInt64 { generator.next() }
  /// True with so many chances in 1000.
  mutating func hits(_ chances: Int) -> Bool { chances > 0 && below(1000) < chances }
}
