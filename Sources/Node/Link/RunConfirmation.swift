import Consensus
import Packets
import Units

/// What one member says in STATUS that it knows of this node's runs.
public struct RunClaim: Equatable, Sendable {
  /// The highest boot counter; 0: none.
  public var known: UInt64
  /// The one before.
  public var previous: UInt64
  /// Of the process under `known`; nil when only the counter was kept.
  public var run: RunIdentifier?

  /// Takes what a member says that it knows of this node.
  public init(known: UInt64, previous: UInt64, run: RunIdentifier?) {
    self.known = known
    self.previous = previous
    self.run = run
  }

  init(_ status: StatusBody) {
    self.init(known: status.knownBootCounter, previous: status.previousBootCounter, run: status.knownRun)
  }
}

/// What became of claims that this node had a run that it knows nothing of, counted.
public struct RunClaimCounts: Equatable, Sendable {
  /// Such claims that were heard. Each STATUS of a member that goes on claiming is one.
  public var heard: UInt64 = 0
  /// Those among them that were beyond ``RunConfirmation/maximumClaim``.
  public var outOfRange: UInt64 = 0
  /// How often enough members claimed it, and the node took note.
  public var followed: UInt64 = 0
}

/// Finds out whether a node is what it takes itself for, from what members say that they know of its runs.
///
/// A disk that was lost, or set back to an old image, knows of fewer runs than others do, and what such a node would sign it may
/// have signed before, otherwise. So nothing is signed until enough members know of this very run: then a later run from an older
/// disk will be told of this one. (consensus rule 44)
///
/// Liars may claim anything. At most f members do, so the (f + 1)-th highest of what is claimed is no higher than what an honest
/// one knows; a higher claim is counted and ignored. What is confirmed is the process, by its 16 random bytes, which no claim
/// changes. A node that forgot is itself one of the f: while it alone does, it may be taken for a liar, and nothing is lost
/// when fewer than f + 1 remember; the others know of each run soon after it began.
public struct RunConfirmation: Sendable {
  /// Claims above this are refused, of however many: going above one must leave counters for later runs, which begin at the Unix
  /// time in seconds at least. (Half the range.)
  public static let maximumClaim: UInt64 = UInt64.max >> 1

  /// Members whose claim may be a lie: f.
  private let faults: Int
  /// Members that must know of this run.
  private let needed: Int
  private let run: RunIdentifier
  private var bootCounter: UInt64
  /// The highest boot counter of an earlier run that this node knows, from its journal or since.
  private var previousBootCounter: UInt64
  /// Of each member the highest boot counter of a run that this node knows nothing of; 0: none.
  private var claims = InlineArray<64, UInt64>(repeating: 0)
  /// Bit i: member i knows of this run.
  private var acknowledgedBy: UInt64 = 0
  /// Of each member that knew of this run: the highest later one that it claims since; 0: none.
  private var wentOver = InlineArray<64, UInt64>(repeating: 0)
  public private(set) var counts = RunClaimCounts()

  /// - Parameters:
  ///   - needed: members that must know of this run; 0 for a node that signs nothing an old image could contradict.
  ///   - previousBootCounter: the last in the node's journal; 0 without one.
  public init(
    run: RunIdentifier, bootCounter: UInt64, previousBootCounter: UInt64, faults: UInt16, needed: UInt16
  ) {
    precondition(bootCounter > previousBootCounter)
    precondition(needed > faults || needed == 0, "what is confirmed one honest member knows")
    precondition(GroupLimits.maximumAggregators == 64)
    self.run = run
    self.bootCounter = bootCounter
    self.previousBootCounter = previousBootCounter
    self.faults = mutated(.oneClaimOfLaterRun) ? 0 : Int(faults)
    self.needed = Int(needed)
  }

  /// Takes what a member said last.
  public mutating func hear(_ claim: RunClaim, from member: ReplicaIndex) {
    precondition(Int(member.rawValue) < GroupLimits.maximumAggregators)
    let place = Int(member.rawValue)
    let bit = UInt64(1) << UInt64(place)
    if claim.known == bootCounter, claim.run == run { acknowledgedBy |= bit }
    if claim.known > bootCounter, claim.known <= Self.maximumClaim,
      acknowledgedBy & bit != 0 || mutated(.strangersEndRun)
    {
      wentOver[place] = max(wentOver[place], claim.known)
    }
    let highest = max(forgotten(claim.known, claim.run), forgotten(claim.previous, nil))
    guard highest > 0 else { return }
    counts.heard += 1
    guard highest <= Self.maximumClaim else {
      counts.outOfRange += 1
      return
    }
    claims[place] = max(claims[place], highest)
  }

  /// The counter again if this node knows of no such run of its own; otherwise 0.
  private func forgotten(_ counter: UInt64, _ claimed: RunIdentifier?) -> UInt64 {
    guard counter > previousBootCounter else { return 0 }
    // Only a member that names another process under this counter contradicts: one that restarted has the counter from its journal.
    guard counter != bootCounter || claimed != nil && claimed != run else { return 0 }
    return counter
  }

  /// The highest boot counter of a run that this node has forgotten, as f + 1 members claim at least; nil when they do not.
  public var forgottenCounter: UInt64? {
    Self.highest(of: claims, butFor: faults)
  }

  /// The boot counter of a later run of this key that f + 1 members at least went over to after they had known of this one; nil
  /// when they did not. Somebody else has the key, on a copied card most likely, and this run is not listened to any more.
  ///
  /// 1. An honest member knew of this process, so it listened to it. It never goes back to a lower counter, and it goes up only
  ///    for what this node's identity sealed. So a later run began elsewhere, after this one.
  /// 2. Up to f liars may say so of any run, and say first that they knew it. Hence f + 1.
  /// 3. A member that never knew of this run may know a later one that is long dead, which this disk forgot. It does not count
  ///    here: of that ``forgottenCounter`` tells, and the node goes above. (Under one counter neither run is the later one.)
  public var laterRun: UInt64? {
    guard !mutated(.olderRunGoesOn) else { return nil }
    return Self.highest(of: wentOver, butFor: mutated(.oneClaimEndsRun) ? 0 : faults)
  }

  /// The largest but so many, by leaving out the largest as often; nil for 0.
  private static func highest(of claims: InlineArray<64, UInt64>, butFor faults: Int) -> UInt64? {
    var left = claims
    for _ in 0..<faults { left[placeOfHighest(left)] = 0 }
    let counter = left[placeOfHighest(left)]
    return counter > 0 ? counter : nil
  }

  private static func placeOfHighest(_ claims: InlineArray<64, UInt64>) -> Int {
    var highest = 0
    for place in 1..<64 where claims[place] > claims[highest] { highest = place }
    return highest
  }

  /// The boot counter at which others listen to this node again; nil when they do at the present one.
  public var nextBootCounter: UInt64? {
    guard let counter = forgottenCounter, counter >= bootCounter else { return nil }
    return counter + 1
  }

  /// What ``forgottenCounter`` told is taken care of.
  /// - Parameter bootCounter: ``nextBootCounter``, under which the node goes on; nil when it stays with its own.
  public mutating func accept(goingOnAt bootCounter: UInt64?) {
    guard let counter = forgottenCounter else { return }
    precondition(bootCounter == nextBootCounter)
    counts.followed += 1
    previousBootCounter = max(previousBootCounter, counter)
    for place in 0..<64 where claims[place] <= previousBootCounter { claims[place] = 0 }
    guard let bootCounter else { return }
    self.bootCounter = bootCounter
    acknowledgedBy = 0
    wentOver = InlineArray(repeating: 0)
    // Whoever claimed a still higher one goes on doing so, and is heard again.
    for place in 0..<64 where claims[place] == bootCounter { claims[place] = 0 }
  }

  /// True when enough members know of this run, and no f + 1 of one that this node has forgotten.
  public var isConfirmed: Bool {
    forgottenCounter == nil
      && acknowledgedBy.nonzeroBitCount >= (mutated(.confirmedByTooFew) ? max(0, needed - 1) : needed)
  }

  /// How many members claim a run that this node knows nothing of. Up to f of them it ignores.
  public var claimants: Int {
    var count = 0
    for place in 0..<64 where claims[place] > 0 { count += 1 }
    return count
  }
}
