import Consensus
import Cryptography
import Testing
import Units
import Wire

struct TestGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

func signingKey(_ member: UInt16) -> SigningKey {
  var seed = FixedBytes<32>()
  seed.storage[0] = UInt8(member)
  seed.storage[1] = 0x5A
  return SigningKey(seed: SecretBytes(taking: &seed))
}

func makeContext(members: UInt16 = 4, leaders: LeaderRule = .rotating) -> GroupContext {
  var network = Digest()
  network.storage[0] = 7
  return GroupContext(
    networkIdentifier: network, epoch: Epoch(1), group: GroupIndex(0), members: members, leaders: leaders)
}

func digest(_ value: UInt8) -> Digest {
  var result = Digest()
  result.storage[31] = value
  return result
}

/// Round (period, view).
func round(_ period: UInt64, _ view: UInt32 = 0) -> Round { Round(Period(period), View(view)) }

/// Members in one process, and every vote ever emitted. They decide position 5 of set 1, whose first round is (6, 0) unless a test
/// says otherwise. With four members 3 leads (6, 0), 0 leads (6, 1) and (7, 0), 1 leads (6, 2), (7, 1) and (8, 0).
final class Bench {
  let context: GroupContext
  let owner = ReplicaIndex(1)
  let position = Position(5)
  let firstRound: Round
  var instances: [Cell] = []
  var journal: [[Vote]]
  /// What the disks hold: an entry for each own vote, as the instance wrote it.
  var entries: [[[UInt8]]]
  /// The last period that each member's clock has seen the end of.
  var ended: [Period?]
  enum Message {
    case vote(Vote), proposal(Vote), roundChange(RoundChange), newRound(NewRound)
  }
  /// In flight, by receiver.
  var flight: [(Int, Message)] = []
  var decisions: [Int: Digest] = [:]
  var emitted: [Vote] = []
  var evidence = 0
  var refusals: [Refusal] = []
  /// Who was told that whose vote came late.
  var late: [(Int, Int)] = []
  /// What members find valid.
  var valid: Set<Digest>

  final class Cell {
    var instance: Instance
    init(_ instance: consuming Instance) { self.instance = instance }
  }

  let timing: Timing

  /// - Parameter isOpen: the clocks of all members say that the first round's period has ended.
  init(
    members: UInt16 = 4, valid: Set<Digest> = [digest(1)], timing: Timing = .standard, firstRound: Round = round(6),
    isOpen: Bool = true
  ) {
    context = makeContext(members: members)
    self.timing = timing
    self.valid = valid
    self.firstRound = firstRound
    journal = Array(repeating: [], count: Int(members))
    entries = Array(repeating: [], count: Int(members))
    ended = Array(repeating: nil, count: Int(members))
    for member in 0..<members { instances.append(fresh(member)) }
    if isOpen { end(firstRound.period.rawValue) }
  }

  func fresh(_ member: UInt16) -> Cell {
    Cell(
      Instance(
        context: context, replica: ReplicaIndex(member), owner: owner, position: position, firstRound: firstRound,
        timing: timing))
  }

  var primary: Int { Int(context.primary(owner: owner, firstRound).rawValue) }

  // MARK: What the members show

  func current(_ member: Int) -> Round { instances[member].instance.round }
  func isOpen(_ member: Int) -> Bool { instances[member].instance.isOpen }
  func awaitsProposal(_ member: Int) -> Bool { instances[member].instance.awaitsProposal }
  func lock(_ member: Int) -> (digest: Digest, round: Round)? {
    guard let digest = instances[member].instance.lockedDigest, let round = instances[member].instance.lockedRound
    else { return nil }
    return (digest, round)
  }
  /// The round that this member has asked for, if it asked for the one it is in.
  func asksFor(_ member: Int) -> Round? { instances[member].instance.roundChange?.vote.statement.round }

  // MARK: Inputs

  func step(_ member: Int, _ input: Input) {
    var effects = Effects()
    let key = signingKey(UInt16(member))
    instances[member].instance.step(input, signer: key, into: &effects)
    for index in 0..<effects.count {
      switch effects[index] {
      case .persist(let vote):
        journal[member].append(vote)
        entries[member].append(
          [UInt8](capacity: Instance.maximumEntryBytes(context.quorum)) { out in
            instances[member].instance.encodeEntry(for: vote, into: &out)
          })
      case .broadcast(let vote): send(vote, .vote(vote), from: member)
      case .broadcastProposal(let vote): send(vote, .proposal(vote), from: member)
      case .broadcastRoundChange(let vote):
        send(vote, .roundChange(instances[member].instance.roundChange!), from: member)
      case .broadcastNewRound(let vote): send(vote, .newRound(instances[member].instance.newRound!), from: member)
      case .validate(let digest):
        if valid.contains(digest) { step(member, .validated(digest)) }
      case .decided(let digest):
        #expect(decisions[member] == nil)
        decisions[member] = digest
      case .evidence: evidence += 1
      case .lateVote(let signer): late.append((member, Int(signer.rawValue)))
      case .refused(let reason): refusals.append(reason)
      }
    }
  }

  private func send(_ vote: Vote, _ message: Message, from member: Int) {
    #expect(journal[member].contains(vote), "sent before durable (rule 39)")
    emitted.append(vote)
    for other in instances.indices where other != member { flight.append((other, message)) }
  }

  func tick(_ member: Int, hasRecords: Bool = true) { step(member, .tick(hasRecords: hasRecords)) }

  /// The clocks of these members, or of all, say that a period has ended.
  func end(_ period: UInt64, for members: [Int]? = nil) {
    for member in members ?? Array(instances.indices) {
      ended[member] = Period(period)
      step(member, .periodEnded(Period(period)))
    }
  }

  /// Ticks all members but the silent ones, delivering everything at once; whoever is to choose a value and holds records proposes
  /// `value`.
  func run(
    ticks: Int, silent: Set<Int> = [], records: Set<Int>? = nil, value: Digest? = digest(1),
    losing isLost: (Int, Message) -> Bool = { _, _ in false }
  ) {
    for _ in 0..<ticks {
      for member in instances.indices where !silent.contains(member) {
        let hasRecords = records?.contains(member) ?? true
        tick(member, hasRecords: hasRecords)
        if hasRecords, awaitsProposal(member), let value { step(member, .propose(value)) }
      }
      while !flight.isEmpty {
        let (receiver, message) = flight[0]
        if silent.contains(receiver) || isLost(receiver, message) { flight.removeFirst() } else { deliver(0) }
      }
    }
  }

  /// As the host does: whoever speaks of a decided position is given its certificate.
  func answerLate(losing isLost: (Int) -> Bool = { _ in false }) {
    for (speaker, hearer) in late where decisions[hearer] == nil && !isLost(hearer) {
      guard let certificate = instances[speaker].instance.certificate,
        let verified = try? VerifiedCertificate(checking: certificate, in: context, by: keys)
      else { continue }
      step(hearer, .certificate(verified))
    }
    late = []
  }

  // MARK: Restarts

  /// Crashes a member and starts it again from its journal; then its host says again which period has ended.
  func restart(_ member: Int) {
    let revived = fresh(UInt16(member))
    for entry in entries[member] { Bench.restore(entry, into: revived) }
    instances[member] = revived
    decisions[member] = nil
    if let period = ended[member] { step(member, .periodEnded(period)) }
  }

  static func restore(_ entry: [UInt8], into cell: Cell) {
    var reader = WireReader(entry.span)
    do {
      let vote = try Vote(decoding: &reader)
      try cell.instance.restore(vote, proof: &reader)
    } catch { Issue.record("an entry does not decode") }
  }

  /// A journal that holds just this vote. The certificate behind a commit is made up of real prepares.
  func restoreAlone(_ vote: Vote, into member: Int) {
    let entry = [UInt8](capacity: 1000) { out in
      vote.encode(into: &out)
      if vote.statement.kind == .commit { prepared(vote.statement.digest, vote.statement.round).encode(into: &out) }
    }
    journal[member].append(vote)
    Bench.restore(entry, into: instances[member])
  }

  // MARK: Messages made here

  /// No certificate.
  var none: PreparedCertificate {
    PreparedCertificate(signers: 0, round: round(0), digest: Digest(), signatures: [])
  }

  func prepared(
    _ digest: Digest, _ round: Round? = nil, by signers: [UInt16] = [0, 1, 2], at position: Position? = nil
  ) -> PreparedCertificate {
    var bits: UInt64 = 0
    for signer in signers { bits |= 1 << UInt64(signer) }
    return PreparedCertificate(
      signers: bits, round: round ?? firstRound, digest: digest,
      signatures: signers.map { vote(.prepare, by: $0, digest, round, at: position).signature })
  }

  func vote(
    _ kind: StatementKind, by member: UInt16, _ digest: Digest, _ round: Round? = nil, claim: LockClaim = .none,
    at position: Position? = nil
  ) -> Vote {
    let statement = Statement(
      kind: kind, in: context, owner: owner, position: position ?? self.position, round: round ?? firstRound,
      digest: digest, claim: claim, signer: ReplicaIndex(member))
    return Vote(statement: statement, signature: signingKey(member).sign(statement))
  }

  /// Asks for a round, showing what is prepared.
  func change(_ member: UInt16, _ round: Round, _ prepared: PreparedCertificate? = nil) -> RoundChange {
    RoundChange(
      vote: vote(.roundChange, by: member, prepared?.digest ?? Digest(), round, claim: prepared?.claim ?? .none),
      prepared: prepared ?? none)
  }

  /// The proposal of a later round, with these round changes behind it.
  func newRound(
    _ value: Digest, _ round: Round, _ changes: [RoundChange], _ prepared: PreparedCertificate? = nil,
    by member: UInt16? = nil
  ) -> NewRound {
    var signers: UInt64 = 0
    for change in changes { signers |= 1 << UInt64(change.vote.statement.signer.rawValue) }
    return NewRound(
      prepare: vote(.prepare, by: member ?? context.primary(owner: owner, round).rawValue, value, round),
      prepared: prepared ?? none, signers: signers,
      claims: changes.map {
        RoundChangeClaim(
          claim: $0.vote.statement.claim, digest: $0.vote.statement.digest, signature: $0.vote.signature)
      })
  }

  // MARK: Delivery

  /// Delivers what is in flight, and what that causes, in order.
  func settle() { while !flight.isEmpty { deliver(0) } }

  private(set) lazy var keys = MemberKeys((0..<context.quorum.members).map { signingKey($0).verificationKey })

  func receive(_ member: Int, _ vote: Vote, proposal: Bool = false) {
    let key = signingKey(vote.statement.signer.rawValue).verificationKey
    guard let authenticated = Authenticated(checking: vote, by: key) else {
      Issue.record("bad signature")
      return
    }
    step(member, proposal ? .proposal(authenticated) : .vote(authenticated))
  }

  func receive(_ member: Int, _ change: RoundChange) { deliver(.roundChange(change), to: member) }
  func receive(_ member: Int, _ newRound: NewRound) { deliver(.newRound(newRound), to: member) }

  func deliver(_ index: Int) {
    let (receiver, message) = flight.remove(at: index)
    deliver(message, to: receiver)
  }

  func deliver(_ message: Message, to receiver: Int) {
    switch message {
    case .vote(let vote): receive(receiver, vote)
    case .proposal(let vote): receive(receiver, vote, proposal: true)
    case .roundChange(let change):
      do { step(receiver, .roundChange(try VerifiedRoundChange(checking: change, in: context, by: keys))) } catch {
        Issue.record("round change of an honest member: \(error)")
      }
    case .newRound(let newRound):
      do { step(receiver, .newRound(try VerifiedNewRound(checking: newRound, in: context, by: keys))) } catch {
        Issue.record("new round of an honest member: \(error)")
      }
    }
  }

  /// No key may have signed two statements of the same kind and round.
  func expectNoConflict() {
    for (index, vote) in emitted.enumerated() {
      for other in emitted[..<index]
      where other.statement.signer == vote.statement.signer && other.statement.kind == vote.statement.kind
        && other.statement.round == vote.statement.round
      {
        #expect(other == vote)
      }
    }
  }
}
