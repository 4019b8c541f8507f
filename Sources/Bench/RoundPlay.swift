import Aggregation
import Commands
import Consensus
import Cryptography
import LinuxPlatform
import NodeProcess
import Packets
import Paillier
import Units
import Wire

/// The periods of everybody but the node under test: who sends it what, in which order, and what it took.
struct RoundPlay: ~Copyable {
  private static let own = RoundBenchParty.own

  private let members: Int
  private let metersPerSet: Int
  private let key: PublicKey
  private let ciphertexts: [[UInt8]]
  private let genesis: Genesis
  /// By index; nil for the node under test.
  private let others: [RoundMember?]
  var line: RoundLine
  private(set) var parts = RoundParts()
  private var heads: [Digest]
  /// Of the newest period, one for each set.
  private(set) var headers: [Header] = []
  private var manifest = Manifest()

  init(
    members: Int, metersPerSet: Int, _ key: PublicKey, _ ciphertexts: [[UInt8]], _ genesis: Genesis,
    _ node: consuming RoundBenchRemote
  ) {
    self.members = members
    self.metersPerSet = metersPerSet
    self.key = key
    self.ciphertexts = ciphertexts
    self.genesis = genesis
    others = (0..<members).map { $0 == Self.own ? nil : RoundMember($0, genesis) }
    line = RoundLine(node)
    heads = Array(repeating: genesis.networkIdentifier, count: members)
  }

  /// Runs are announced and named; that is not part of the round.
  mutating func meet() throws(Failure) {
    _ = try line.tick()
    for member in others {
      if let member { try line.introduce(member, signedBy: genesis.aggregatorKeys[Self.own]) }
    }
    _ = try line.tick()
    _ = try line.node.takeSpent()
    let begun = try line.node.numbers()
    guard !line.isBroken, begun.isConfirmed == 1 else { throw Failure("the members did not come to know each other") }
  }

  /// A period in which every set is certified.
  mutating func play(_ period: Period) throws(Failure) {
    headers = []
    parts.records += try line.tick()
    for owner in 0..<members { try playRecords(owner, period) }
    let records = try line.node.takeSpent()
    parts.records += records.nanoseconds
    parts.recordAllocations += records.allocations
    try playProposals()
    try playVotes()
    var decided = 0
    for header in headers where try line.node.head(of: header.owner, period) == header.digest { decided += 1 }
    guard !line.isBroken, decided == members else {
      throw Failure("bench round: \(decided) of \(members) sets were certified")
    }
    for owner in 0..<members { heads[owner] = headers[owner].digest }
  }

  /// Every record of a set, by who leads it or beside it; and the header of all of them.
  private mutating func playRecords(_ set: Int, _ period: Period) throws(Failure) {
    let owner = ReplicaIndex(UInt16(set))
    let primary = Int(genesis.context.primary(owner: owner, Round(period)).rawValue)
    guard let carrier = others[primary] ?? others[(Self.own + 1) % members] else { return }
    manifest.removeAll()
    var all = MeterBitmap()
    var product = CiphertextProduct(key)
    for meter in 0..<metersPerSet {
      let index = MeterIndex(UInt16(meter))
      let ciphertext = ciphertexts[(set + meter) % ciphertexts.count]
      all.insert(index)
      let record = makeRecord(owner, index, period, ciphertext)
      var started = LinuxClock.threadNanoseconds
      if (try? key.validate(ciphertext.span)) == nil { line.fail() }
      parts.validate += LinuxClock.threadNanoseconds - started
      started = LinuxClock.threadNanoseconds
      product.multiply(by: ciphertext.span)
      parts.product += LinuxClock.threadNanoseconds - started
      try line.deliver(.record, from: carrier) { out in
        record.encode(into: &out)
        out.write(ciphertext.span)
      }
    }
    let started = LinuxClock.threadNanoseconds
    let root = manifest.root()
    let coverageRoot = genesis.coverage(of: owner).root(advancing: all, to: period)
    parts.hash += LinuxClock.threadNanoseconds - started
    let productBytes = [UInt8](capacity: key.ciphertextBytes) { out in product.write(into: &out) }
    headers.append(
      Header(
        networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: owner,
        author: ReplicaIndex(UInt16(primary)), period: period, keyIdentifier: genesis.keyIdentifier,
        previous: heads[set], coverageRoot: coverageRoot, manifestRoot: root,
        productHash: RecordStatement.ciphertextHash(productBytes.span), contributors: all))
  }

  /// A meter's record, signed; that it holds is looked at once here, to know what it takes.
  private mutating func makeRecord(
    _ owner: ReplicaIndex, _ meter: MeterIndex, _ period: Period, _ ciphertext: [UInt8]
  ) -> Record {
    var record = Record(
      owner: owner, meter: meter, epoch: genesis.epoch, from: period, through: period,
      keyIdentifier: genesis.keyIdentifier, closing: FixedBytes(), signature: Signature())
    var started = LinuxClock.threadNanoseconds
    let statement = RecordStatement(
      networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
      ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
    let hash = statement.recordHash
    manifest.append(meter, hash)
    parts.hash += LinuxClock.threadNanoseconds - started
    let signer = RoundBenchParty.signer(2, Int(owner.rawValue) * metersPerSet + Int(meter.rawValue))
    record.signature = signer.sign { out in statement.encodeSigned(into: &out) }
    let message = FixedBytes<192> { out in statement.encodeSigned(into: &out) }
    started = LinuxClock.threadNanoseconds
    let holds = signer.verificationKey.isValid(record.signature, for: message.span)
    parts.verify += LinuxClock.threadNanoseconds - started
    if !holds { line.fail() }
    return record
  }

  /// The node's own proposal, then the others'.
  private mutating func playProposals() throws(Failure) {
    parts.proposals += try line.tick()
    for header in headers {
      if let author = others[Int(header.author.rawValue)] {
        try send(.prepare, header, author, as: .proposal)
      }
    }
    parts.proposals += try line.tick() + line.tick()
    let proposals = try line.node.takeSpent()
    parts.proposals += proposals.nanoseconds
    parts.proposalAllocations += proposals.allocations
  }

  private mutating func playVotes() throws(Failure) {
    for kind in [StatementKind.prepare, .commit] {
      for header in headers {
        for member in others {
          guard let member, kind == .commit || header.author.rawValue != UInt16(member.sealer.identifier) else {
            continue
          }
          try send(kind, header, member, as: .vote)
        }
      }
    }
    let votes = try line.node.takeSpent()
    parts.votes += votes.nanoseconds
    parts.voteAllocations += votes.allocations
  }

  /// No period is left out.
  static func position(_ header: Header) -> Position {
    Position(header.period.rawValue - RoundBenchParty.firstPeriod.rawValue + 1)
  }

  /// - Parameter type: a proposal has its header behind it.
  private mutating func send(
    _ kind: StatementKind, _ header: Header, _ member: RoundMember, as type: PacketType
  ) throws(Failure) {
    let statement = Statement(
      kind: kind, in: genesis.context, owner: header.owner, position: Self.position(header),
      round: Round(header.period), digest: header.digest, signer: ReplicaIndex(UInt16(member.sealer.identifier)))
    let signature: Signature = member.signer.sign(statement)
    try line.deliver(type, from: member) { out in
      out.write(kind.rawValue)
      out.writeZeros(1)
      out.write(header.owner.rawValue)
      out.write(UInt32(0))
      out.write(header.period.rawValue)
      out.write(Self.position(header).rawValue)
      out.write(header.digest)
      out.write(signature)
      if type == .proposal { header.encode(into: &out) }
    }
  }
}
