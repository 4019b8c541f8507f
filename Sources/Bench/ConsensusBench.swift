import Commands
import Consensus
import Cryptography
import LinuxPlatform
import NodeProcess
import Units
import Wire

/// What the consensus core costs in the normal case, and what of it is the heap's: four instances in one thread decide one
/// period after the other. Signing is part of it; checking signatures is the host's.
struct ConsensusBench {
  private static let members = 4
  /// Messages before anything is counted.
  private static let warmUp: UInt64 = 3000

  let messages: UInt64
  let json: Bool

  private final class Member {
    var instance: Instance
    var effects = Effects()
    let signer: SigningKey

    init(_ place: Int, _ context: GroupContext) {
      var random = SecureRandom()
      instance = Instance(
        context: context, replica: ReplicaIndex(UInt16(place)), owner: ReplicaIndex(0), position: Position(1),
        firstRound: Round(Period(0)))
      signer = SigningKey(seed: SecretBytes(random: &random))
    }

    func step(_ input: Input) {
      effects.removeAll()
      instance.step(input, signer: signer, into: &effects)
    }
  }

  /// Votes on their way, in the order they were sent.
  private struct Outbox {
    var votes: [Vote] = []
    var place = 0
  }

  func run() throws(Failure) {
    let context = GroupContext(
      networkIdentifier: Digest(), epoch: Epoch(1), group: GroupIndex(0), members: UInt16(Self.members),
      leaders: .rotating)
    let members = (0..<Self.members).map { Member($0, context) }
    var outbox = Outbox()
    outbox.votes.reserveCapacity(64)
    var digest = Digest()
    var period: UInt64 = 0
    var delivered: UInt64 = 0
    while delivered < Self.warmUp { try decide(&period, &digest, members, &outbox, &delivered) }
    delivered = 0
    let started = LinuxClock.threadNanoseconds
    let allocated = heapAllocationCount()
    let firstPeriod = period
    while delivered < messages { try decide(&period, &digest, members, &outbox, &delivered) }
    var allocations = "null"
    if let allocated, let now = heapAllocationCount() { allocations = "\(now - allocated)" }
    let nanoseconds = LinuxClock.threadNanoseconds - started
    let each = decimal(nanoseconds * 1000 / delivered, places: 3)
    if json {
      return printLine(
        "{\"messages\":\(delivered),\"decisions\":\(period - firstPeriod),\"heapAllocations\":\(allocations),"
          + "\"nanoseconds\":\(each)}")
    }
    printLine("\(delivered) messages to \(Self.members) members, \(period - firstPeriod) decisions")
    printLine("heap allocations        \(allocations == "null" ? "not counted in this program" : allocations)")
    printLine("CPU ns a message        \(each), the signatures of \(2 * Self.members) votes a decision among them")
  }

  /// One period: a proposal, everybody's prepares and commits, each delivered to all others.
  private func decide(
    _ period: inout UInt64, _ digest: inout Digest, _ members: [Member], _ outbox: inout Outbox,
    _ delivered: inout UInt64
  ) throws(Failure) {
    period += 1
    digest.storage[0] = UInt8(truncatingIfNeeded: period) | 1
    outbox.votes.removeAll(keepingCapacity: true)
    outbox.place = 0
    for member in members {
      member.instance.reset(position: Position(period), firstRound: Round(Period(period)))
      member.step(.periodEnded(Period(period)))
    }
    let primary = Int(members[0].instance.primary.rawValue)
    members[primary].step(.propose(digest))
    collect(members[primary], &outbox)
    var isProposal = true
    while outbox.place < outbox.votes.count {
      let vote = outbox.votes[outbox.place]
      outbox.place += 1
      for (place, member) in members.enumerated() where place != Int(vote.statement.signer.rawValue) {
        member.step(isProposal ? .proposal(Authenticated(own: vote)) : .vote(Authenticated(own: vote)))
        delivered += 1
        let mustValidate = collect(member, &outbox)
        guard mustValidate else { continue }
        member.step(.validated(digest))
        collect(member, &outbox)
      }
      isProposal = false
    }
    for member in members where member.instance.decided != digest { throw Failure("bench consensus: undecided") }
  }

  /// Puts what a member sends into the outbox. True when it must say whether the value is valid.
  @discardableResult
  private func collect(_ member: Member, _ outbox: inout Outbox) -> Bool {
    var mustValidate = false
    for place in 0..<member.effects.count {
      switch member.effects[place] {
      case .broadcast(let vote), .broadcastProposal(let vote): outbox.votes.append(vote)
      case .validate: mustValidate = true
      default: continue
      }
    }
    return mustValidate
  }
}
