import Consensus
import Units
import Wire

/// Everything any key ever signed in a schedule, and what may follow from it. A second, naive reading of the rules: it
/// shares no code with the instance.
struct Ledger {
  struct Entry {
    var kind: StatementKind
    var view: UInt32
    var sequence: UInt64
    var value: Int
    /// Bit i: member i signed this.
    var signers: UInt64
    /// Of prepares and commits, in the order of the members.
    var signatures: [Signature]
  }

  let members: Int
  let quorum: Int
  private(set) var entries: [Entry] = []
  private var count = 0
  /// By member: the highest view in which it signed anything, and the highest it asked for.
  private(set) var highestSigned: [UInt32]
  private(set) var highestAsked: [Int64]
  /// By member: one more than the highest view in which it committed.
  private(set) var committedClaim: [UInt64]

  init(members: Int) {
    self.members = members
    // ⌈(m + f + 1) / 2⌉, written as the smallest number of which two sets share more than f members.
    let faults = (members - 1) / 3
    var size = 1
    while 2 * size - members <= faults { size += 1 }
    quorum = size
    highestSigned = Array(repeating: 0, count: members)
    highestAsked = Array(repeating: -1, count: members)
    committedClaim = Array(repeating: 0, count: members)
  }

  mutating func removeAll() {
    count = 0
    for member in 0..<members {
      highestSigned[member] = 0
      highestAsked[member] = -1
      committedClaim[member] = 0
    }
  }

  var used: Range<Int> { 0..<count }

  func index(_ kind: StatementKind, _ view: UInt32, _ value: Int, _ sequence: UInt64 = 0) -> Int? {
    for place in 0..<count
    where entries[place].view == view && entries[place].value == value && entries[place].kind == kind
      && entries[place].sequence == sequence
    {
      return place
    }
    return nil
  }

  func signers(_ kind: StatementKind, _ view: UInt32, _ value: Int) -> UInt64 {
    index(kind, view, value).map { entries[$0].signers } ?? 0
  }

  /// Records a signature of any member. True when it is new.
  mutating func record(_ vote: Vote, value: Int) -> Bool {
    let statement = vote.statement
    let member = Int(statement.signer.rawValue)
    let bit: UInt64 = 1 << UInt64(member)
    let view = statement.view.rawValue
    let sequence = statement.sequenceNumber.rawValue
    let place: Int
    if let found = index(statement.kind, view, value, sequence) {
      if entries[found].signers & bit != 0 { return false }
      place = found
    } else {
      place = count
      if place == entries.count {
        entries.append(
          Entry(
            kind: statement.kind, view: view, sequence: sequence, value: value, signers: 0,
            signatures: Array(repeating: Signature(), count: members)))
      } else {
        entries[place].kind = statement.kind
        entries[place].view = view
        entries[place].sequence = sequence
        entries[place].value = value
        entries[place].signers = 0
      }
      count += 1
    }
    entries[place].signers |= bit
    entries[place].signatures[member] = vote.signature
    if view > highestSigned[member] { highestSigned[member] = view }
    return true
  }

  /// What is wrong with an honest member's new signature, given everything signed before. Call before ``record(_:value:)``.
  func violation(of vote: Vote, value: Int) -> Violation? {
    let statement = vote.statement
    let member = Int(statement.signer.rawValue)
    let bit: UInt64 = 1 << UInt64(member)
    let view = statement.view.rawValue
    for place in 0..<count
    where entries[place].kind == statement.kind && entries[place].view == view && entries[place].signers & bit != 0
      && (entries[place].value != value || entries[place].sequence != statement.sequenceNumber.rawValue)
    {
      return .conflictingSignature
    }
    switch statement.kind {
    case .prepare: if Int64(view) < highestAsked[member] { return .votedInViewItLeft }
    case .commit:
      if Int64(view) < highestAsked[member] { return .votedInViewItLeft }
      if signers(.prepare, view, value).nonzeroBitCount < quorum { return .committedUnprepared }
    case .roundChange:
      if Int64(view) < highestAsked[member] { return .votedInViewItLeft }
      if statement.sequenceNumber.rawValue < committedClaim[member] { return .hidPreparedCertificate }
      // It may leave a view that q are in, or follow f + 1 to a later one.
      guard view > 1 else { return nil }
      var there = 0
      var further = 0
      for other in 0..<members {
        if other == member || highestSigned[other] >= view - 1 { there += 1 }
        if other != member, highestSigned[other] >= view { further += 1 }
      }
      if there < quorum, further <= (members - 1) / 3 { return .leftViewTooEarly }
    case .prePrepare, .newRound: return .conflictingSignature
    }
    return nil
  }

  /// Call after an honest member's signature was recorded.
  mutating func noteHonest(_ vote: Vote) {
    let member = Int(vote.statement.signer.rawValue)
    switch vote.statement.kind {
    case .commit: committedClaim[member] = max(committedClaim[member], UInt64(vote.statement.view.rawValue) + 1)
    case .roundChange: highestAsked[member] = max(highestAsked[member], Int64(vote.statement.view.rawValue))
    default: break
    }
  }

  /// Whether a new round follows from what it cites; all signatures in it must be recorded. (consensus rules 14–16)
  func isJustified(_ newRound: NewRound, primary: Int, value: (Digest) -> Int) -> Bool {
    let view = newRound.prepare.statement.view.rawValue
    guard Int(newRound.prepare.statement.signer.rawValue) == primary, newRound.claims.count == quorum else {
      return false
    }
    var highest: UInt64 = 0
    var place = 0
    for member in 0..<64 where newRound.signers >> UInt64(member) & 1 == 1 {
      guard member < members else { return false }
      let claim = newRound.claims[place]
      guard let found = index(.roundChange, view, value(claim.digest), claim.sequenceNumber.rawValue),
        entries[found].signers >> UInt64(member) & 1 == 1
      else { return false }
      highest = max(highest, claim.sequenceNumber.rawValue)
      place += 1
    }
    guard newRound.prepared.signers != 0 else { return highest == 0 }
    let prepared = newRound.prepared
    guard UInt64(prepared.view.rawValue) + 1 >= highest, prepared.view.rawValue < view,
      prepared.digest == newRound.prepare.statement.digest, prepared.signers.nonzeroBitCount == quorum
    else { return false }
    return signers(.prepare, prepared.view.rawValue, value(prepared.digest)) & prepared.signers == prepared.signers
  }

  /// Whether q members signed the commits of a certificate.
  func holds(_ certificate: QuorumCertificate, value: Int) -> Bool {
    certificate.statement.kind == .commit && certificate.signers.nonzeroBitCount >= quorum
      && signers(.commit, certificate.statement.view.rawValue, value) & certificate.signers == certificate.signers
  }
}
