import Cryptography
import Units
import Wire

/// Why an input changed nothing. Counted by the host.
public enum Refusal: UInt8, CaseIterable, Sendable, CustomStringConvertible {
  case nonMember, wrongPosition, wrongRound, notOpen, wrongKind, notPrimary, duplicate, conflicting, alreadyProposed
  /// Someone sent a vote under this member's own key: an echo, or a copy of this node is running. (consensus rule 44)
  case ownKey
  /// The primary of a later round has too few round changes.
  case tooEarly
  /// A prepared certificate leaves the primary no choice. (consensus rule 14)
  case locked

  public var description: String {
    switch self {
    case .nonMember: "not a member"
    case .wrongPosition: "another network, epoch, group, set or position"
    case .wrongRound: "another round"
    case .notOpen: "a round of a period that has not ended"
    case .wrongKind: "a kind that does not belong here"
    case .notPrimary: "not the primary"
    case .duplicate: "seen before"
    case .conflicting: "differs from what was accepted or signed"
    case .alreadyProposed: "something was proposed already"
    case .ownKey: "signed with this member's key elsewhere"
    case .tooEarly: "not yet"
    case .locked: "another value may be decided"
    }
  }
}

/// What the host must do, in this order. A vote is persisted before it is sent.
public enum Effect: Sendable {
  /// Make what ``Instance/encodeEntry(for:into:)`` writes for this own vote durable; nothing that follows may happen
  /// before. (consensus rule 39)
  case persist(Vote)
  case broadcast(Vote)
  /// The primary's proposal in the first round: its prepare vote, to be sent with the value it stands for.
  case broadcastProposal(Vote)
  /// Send ``Instance/roundChange``, whose vote this is, to every member. (consensus rule 19)
  case broadcastRoundChange(Vote)
  /// Send ``Instance/newRound``, whose prepare this is, to every member, with the value it stands for.
  case broadcastNewRound(Vote)
  /// Find out whether the value behind this digest is held and valid, then say ``Input/validated(_:)``.
  case validate(Digest)
  /// The position is decided; ``Instance/certificate`` proves it.
  case decided(Digest)
  /// One member signed two different statements where it may sign one. (consensus rule 49)
  /// Told once for each member and phase.
  case evidence(Vote, Vote)
  /// The position is decided, and this member seems not to know: it lacks the certificate. (consensus rule 27)
  case lateVote(ReplicaIndex)
  case refused(Refusal)
}

/// Effects of one step, in a buffer of fixed capacity.
public struct Effects: ~Copyable {
  /// Invariant: one step causes at most 12: a round change, new round or prepare, and commit, each persisted and sent; a
  /// decision; what is sent again, at most three; a refusal and evidence.
  public static let capacity = 16
  private var storage: [Effect?]
  public private(set) var count = 0

  /// No effects yet. The buffer is allocated here, once, and used for every step.
  public init() { storage = Array(repeating: nil, count: Self.capacity) }

  /// Empties the buffer for the next step. What it held is dropped: the host has done it by then.
  public mutating func removeAll() { count = 0 }
  /// Effect `index` of the last step, in the order in which they must be done.
  /// - Precondition: 0 <= index < count.
  public subscript(index: Int) -> Effect { storage[index]! }

  mutating func append(_ effect: Effect) {
    precondition(count < Self.capacity)
    storage[count] = effect
    count += 1
  }

  /// An own vote: durable first, then sent. (consensus rule 39)
  mutating func append(persisting vote: Vote, thenSending effect: Effect, isJustified: Bool = false) {
    if mutated(.sendsBeforePersisting) {
      append(effect)
      return append(.persist(vote))
    }
    let isKept =
      switch vote.statement.kind {
      case .prepare:
        !mutated(.prepareNotPersisted) && !(mutated(.newRoundNotPersisted) && isJustified)
      case .commit: !mutated(.commitNotPersisted)
      default: !mutated(.roundChangeNotPersisted)
      }
    if isKept { append(.persist(vote)) }
    append(effect)
  }
}

/// What happens to a replica. Everything that came from others was checked before: the types say so.
public enum Input: Sendable {
  /// This member leads the current round and proposes.
  case propose(Digest)
  /// The primary's prepare vote in the first round, received with its proposal. (consensus rule 4)
  case proposal(Authenticated<Vote>)
  /// The host holds the value behind the proposal's digest and found it valid.
  case validated(Digest)
  case vote(Authenticated<Vote>)
  case roundChange(VerifiedRoundChange)
  /// The proposal of a later round, with what justifies it.
  case newRound(VerifiedNewRound)
  /// A decision proven by others, in whatever round.
  case certificate(VerifiedCertificate)
  /// This member's own clock says that a period has ended. Say it again after ``Instance/reset(position:firstRound:)``.
  case periodEnded(Period)
  /// Time passed. See ``Timing``. `hasRecords`: there is enough for a proposal of this round, if it should be a free one.
  case tick(hasRecords: Bool)
}
