import Aggregation
import BigInteger
import Commands
import Consensus
import Cryptography
import HAL
import LinuxPlatform
import Node
import NodeProcess
import Packets
import Paillier
import Units
import Wire

/// Periods of one aggregator that certifies everything: every meter's record, every set's proposal and every vote arrive
/// as sealed packets, and the real node takes them. CPU time of that, and of its parts done alone in the same run.
///
/// The node is a process of its own, ``RoundBenchNode``; this one plays everybody else and asks.
struct RoundBench {
  let members: Int
  let metersPerSet: Int
  let bits: Int
  let periods: Int
  let json: Bool

  /// Nobody tells the others a second packet key, which is due after 21 hours.
  static let allowedPeriods: ClosedRange<Int64> = 1...80
  private static let own = RoundBenchParty.own

  /// One of the others. A class, so that an array can hold it.
  private final class Member {
    let signer: SigningKey
    var sealer: Sealer
    init(_ signer: consuming SigningKey, _ sealer: consuming Sealer) {
      self.signer = signer
      self.sealer = sealer
    }
  }

  /// Nanoseconds of CPU.
  private struct Parts {
    var records: UInt64 = 0
    var proposals: UInt64 = 0
    var votes: UInt64 = 0
    var verify: UInt64 = 0
    var product: UInt64 = 0
    var validate: UInt64 = 0
    var packets: UInt64 = 0
    var hash: UInt64 = 0
    var voteSignatures: UInt64 = 0
    /// Heap allocations, by what arrived; nil in programs that do not count them.
    var recordAllocations: UInt64 = 0
    var proposalAllocations: UInt64 = 0
    var voteAllocations: UInt64 = 0
    var baselineVerify: UInt64 = 0
    var baselineMultiply: UInt64 = 0
    var total: UInt64 { records + proposals + votes }
    var baseline: UInt64 { baselineVerify + baselineMultiply }
  }

  func run() throws(Failure) {
    let publicKey: PublicKey
    let ciphertexts: [[UInt8]]
    do throws(PaillierError) {
      var random = SecureRandom()
      let key = try PrivateKey(
        generatingBits: bits, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &random)
      publicKey = key.publicKey
      ciphertexts = try Self.makeCiphertexts(publicKey, &random)
    } catch { throw Failure("bench round: \(error)") }
    try run(publicKey, ciphertexts)
  }

  /// A few ciphertexts stand for all: what they hold does not change what they cost.
  private static func makeCiphertexts(
    _ key: PublicKey, _ random: inout SecureRandom
  ) throws(PaillierError) -> [[UInt8]] {
    let encryptor = Encryptor(key, using: &random)
    var ciphertexts: [[UInt8]] = []
    for place in 0..<16 as Range<Int64> {
      var failure: PaillierError?
      let values = [place, 2 * place]
      ciphertexts.append(
        [UInt8](capacity: key.ciphertextBytes) { out in
          do throws(PaillierError) { try encryptor.encrypt(values.span, using: &random, into: &out) } catch {
            failure = error
          }
        })
      if let failure { throw failure }
    }
    return ciphertexts
  }

  private func makeGenesis(_ key: PublicKey) -> Genesis {
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    return Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: UInt32(RoundBenchParty.seconds), minimumContributors: 3,
      rotates: true, firstPeriod: RoundBenchParty.firstPeriod,
      slots: [SlotQuantity.activeEnergyImport.rawValue, SlotQuantity.activeEnergyExport.rawValue], modulus: modulus,
      // Nobody looks at it here.
      modulusProof: ModulusProof(
        roots: Array(repeating: 0, count: ModulusProof.encodedBytes(modulusBytes: modulus.count))),
      bookkeeper: RoundBenchParty.party(3, 0), aggregators: (0..<members).map { RoundBenchParty.party(1, $0) },
      meters: (0..<members).map { owner in
        (0..<metersPerSet).map { RoundBenchParty.party(2, owner * metersPerSet + $0) }
      })
  }

  private func makeMember(_ index: Int, _ genesis: Genesis) -> Member {
    Member(
      RoundBenchParty.signer(1, index),
      Sealer(
        identifier: UInt32(index), agreementKey: RoundBenchParty.agreement(1, index),
        packetKeySeed: RoundBenchParty.packetSeed(1, index), signer: RoundBenchParty.signer(1, index), bootCounter: 1,
        run: RoundBenchParty.run(1, index),
        networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch,
        peers: [
          Peer(
            identifier: UInt32(Self.own), agreementKey: genesis.aggregators[Self.own].agreementKey,
            endpoint: RoundBenchParty.endpoint(Self.own))
        ]))
  }

  private func run(_ key: PublicKey, _ ciphertexts: [[UInt8]]) throws(Failure) {
    let genesis = makeGenesis(key)
    var node = try RoundBenchRemote.start(genesis)
    let own = Self.own
    let others = (0..<members).map { $0 == own ? nil : makeMember($0, genesis) }
    var parts = Parts()
    var time: UInt64 = 1000
    var datagram = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
    var isBroken = false

    func deliver(_ member: Member, _ type: PacketType) throws(Failure) {
      let content = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: body.mutableBytes[..<body.count]))
      datagram.replace { out in if !member.sealer.seal(type, content, to: 0, into: &out) { isBroken = true } }
      // 2000 packets a second are within a peer's budget.
      time += 1
      try node.deliver(datagram.span, from: UInt16(member.sealer.identifier), at: time / 2)
    }
    func tick() throws(Failure) -> UInt64 {
      time += 200
      return try node.tick(at: time / 2)
    }

    // Runs are announced and named; that is not part of the round.
    _ = try tick()
    for place in others.indices {
      guard let member = others[place] else { continue }
      let status = try node.status(to: UInt16(place))
      body.replace { out in
        if member.sealer.open(status.span, from: RoundBenchParty.endpoint(own), into: &out) == nil { isBroken = true }
      }
      _ = member.sealer.readStatus(body.span, from: 0, signedBy: genesis.aggregatorKeys[own])
      let told = RoundBenchParty.instant(time / 2)
      member.sealer.advance(to: Stamp(monotonic: told.monotonic, wall: told.wall, state: told.clock))
      let answer = member.sealer.statusBody(to: 0)
      body.replace { out in out.write(answer) }
      try deliver(member, .status)
    }
    _ = try tick()
    _ = try node.takeSpent()
    let begun = try node.numbers()
    guard !isBroken, begun.isConfirmed == 1 else { throw Failure("the members did not come to know each other") }

    var heads = Array(repeating: genesis.networkIdentifier, count: members)
    var headers: [Header] = []
    var manifest = Manifest()
    func play(_ period: Period) throws(Failure) {
      headers = []
      parts.records += try tick()
      for owner in 0..<members {
        let owner16 = ReplicaIndex(UInt16(owner))
        let context = genesis.context
        let primary = Int(context.primary(owner: owner16, Round(period)).rawValue)
        let carrier = others[primary] ?? others[(own + 1) % members]
        guard let carrier else { continue }
        manifest.removeAll()
        var all = MeterBitmap()
        var product = CiphertextProduct(key)
        for meter in 0..<metersPerSet {
          let index = MeterIndex(UInt16(meter))
          let ciphertext = ciphertexts[(owner + meter) % ciphertexts.count]
          all.insert(index)
          var record = Record(
            owner: owner16, meter: index, epoch: genesis.epoch, from: period, through: period,
            keyIdentifier: genesis.keyIdentifier, closing: FixedBytes(), signature: Signature())
          var started = LinuxClock.threadNanoseconds
          let statement = RecordStatement(
            networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
            ciphertextHash: RecordStatement.ciphertextHash(ciphertext.span))
          let hash = statement.recordHash
          manifest.append(index, hash)
          parts.hash += LinuxClock.threadNanoseconds - started
          let meterSigner = RoundBenchParty.signer(2, owner * metersPerSet + meter)
          record.signature = meterSigner.sign { out in statement.encodeSigned(into: &out) }
          let message = FixedBytes<192> { out in statement.encodeSigned(into: &out) }
          started = LinuxClock.threadNanoseconds
          let holds = meterSigner.verificationKey.isValid(record.signature, for: message.span)
          parts.verify += LinuxClock.threadNanoseconds - started
          started = LinuxClock.threadNanoseconds
          if (try? key.validate(ciphertext.span)) == nil { isBroken = true }
          parts.validate += LinuxClock.threadNanoseconds - started
          started = LinuxClock.threadNanoseconds
          product.multiply(by: ciphertext.span)
          parts.product += LinuxClock.threadNanoseconds - started
          if !holds { isBroken = true }
          body.replace { out in
            record.encode(into: &out)
            out.write(ciphertext.span)
          }
          try deliver(carrier, .record)
        }
        let started = LinuxClock.threadNanoseconds
        let root = manifest.root()
        let coverage = genesis.coverage(of: owner16)
        let coverageRoot = coverage.root(advancing: all, to: period)
        parts.hash += LinuxClock.threadNanoseconds - started
        let productBytes = [UInt8](capacity: key.ciphertextBytes) { out in product.write(into: &out) }
        headers.append(
          Header(
            networkIdentifier: genesis.networkIdentifier, epoch: genesis.epoch, group: genesis.group, owner: owner16,
            author: ReplicaIndex(UInt16(primary)), period: period, keyIdentifier: genesis.keyIdentifier,
            previous: heads[owner], coverageRoot: coverageRoot, manifestRoot: root,
            productHash: RecordStatement.ciphertextHash(productBytes.span), contributors: all))
      }
      let records = try node.takeSpent()
      parts.records += records.nanoseconds
      parts.recordAllocations += records.allocations
      // Its own proposal; then the others', and everybody's votes.
      parts.proposals += try tick()
      for header in headers {
        if let author = others[Int(header.author.rawValue)] {
          write(.prepare, header, author, genesis.context, into: &body, withHeader: true)
          try deliver(author, .proposal)
        }
      }
      parts.proposals += try tick() + tick()
      let proposals = try node.takeSpent()
      parts.proposals += proposals.nanoseconds
      parts.proposalAllocations += proposals.allocations
      for kind in [StatementKind.prepare, .commit] {
        for header in headers {
          for member in others {
            guard let member, kind == .commit || header.author.rawValue != UInt16(member.sealer.identifier) else {
              continue
            }
            write(kind, header, member, genesis.context, into: &body, withHeader: false)
            try deliver(member, .vote)
          }
        }
      }
      let votes = try node.takeSpent()
      parts.votes += votes.nanoseconds
      parts.voteAllocations += votes.allocations
      var decided = 0
      for header in headers where try node.head(of: header.owner, period) == header.digest { decided += 1 }
      guard !isBroken, decided == members else {
        throw Failure("bench round: \(decided) of \(members) sets were certified")
      }
      for owner in 0..<members { heads[owner] = headers[owner].digest }
    }

    var residentAfterFirst: UInt64 = 0
    for later in 0..<UInt64(periods) {
      time = max(time, 2000 * RoundBenchParty.seconds * later)
      try play(Period(RoundBenchParty.firstPeriod.rawValue + later))
      if later == 0 { residentAfterFirst = try node.numbers().resident }
    }
    measureAlone(&parts, key, ciphertexts, headers[0], genesis.context, others)
    let numbers = try node.numbers()
    guard numbers.published == UInt64(members * periods) else {
      throw Failure("bench round: \(numbers.published) of \(members * periods) certificates were published")
    }
    try node.end()
    report(parts, numbers, residentAtStart: node.residentAtStart, residentAfterFirst)
  }

  /// No period is left out.
  private static func position(_ header: Header) -> Position {
    Position(header.period.rawValue - RoundBenchParty.firstPeriod.rawValue + 1)
  }

  private func write(
    _ kind: StatementKind, _ header: Header, _ member: Member, _ context: GroupContext, into body: inout ByteBuffer,
    withHeader: Bool
  ) {
    let signer = ReplicaIndex(UInt16(member.sealer.identifier))
    let statement = Statement(
      kind: kind, in: context, owner: header.owner, position: Self.position(header), round: Round(header.period),
      digest: header.digest, signer: signer)
    let signature: Signature = member.signer.sign(statement)
    body.replace { out in
      out.write(kind.rawValue)
      out.writeZeros(1)
      out.write(header.owner.rawValue)
      out.write(UInt32(0))
      out.write(header.period.rawValue)
      out.write(Self.position(header).rawValue)
      out.write(header.digest)
      out.write(signature)
      if withHeader { header.encode(into: &out) }
    }
  }

  /// What the round's parts cost by themselves, and what the plainest program would have to do: libsodium's verification and
  /// GMP's product and remainder for each record.
  private func measureAlone(
    _ parts: inout Parts, _ key: PublicKey, _ ciphertexts: [[UInt8]], _ header: Header, _ context: GroupContext,
    _ others: [Member?]
  ) {
    parts.baselineVerify = parts.verify
    let count = members * metersPerSet * periods
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    let n = Integer(bigEndian: modulus.span)
    let square = n.times(n)
    let first = ciphertexts[0]
    let factor = Integer(bigEndian: first.span)
    var product = factor.copy()
    var started = LinuxClock.threadNanoseconds
    for _ in 0..<count { product = product.times(factor).modulo(square) }
    parts.baselineMultiply = LinuxClock.threadNanoseconds - started
    // Sealed packets as long as records, opened; one member's, again and again, into its own receiver.
    let signer = RoundBenchParty.signer(1, 1)
    let statement = Statement(
      kind: .commit, in: context, owner: header.owner, position: Self.position(header), round: Round(header.period),
      digest: header.digest, signer: ReplicaIndex(1))
    let signature: Signature = signer.sign(statement)
    let message = FixedBytes<128> { out in statement.encode(into: &out) }
    started = LinuxClock.threadNanoseconds
    var holds = true
    let votes = members * (2 * (members - 1) - 1) * periods
    for _ in 0..<votes { holds = holds && signer.verificationKey.isValid(signature, for: message.span) }
    parts.voteSignatures = LinuxClock.threadNanoseconds - started
    precondition(holds, "our own signature holds")
    let sealing = RoundBenchParty.sealing()
    let record = [UInt8](repeating: 7, count: Record.fixedBytes + key.ciphertextBytes)
    let clear = FixedBytes<40>()
    var sealed = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    sealed.replace { out in
      sealing.seal(record.span, nonce: FixedBytes(), associatedData: clear.span, into: &out)
    }
    var opened = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    started = LinuxClock.threadNanoseconds
    for _ in 0..<count {
      opened.replace { out in
        _ = sealing.open(sealed.span, nonce: FixedBytes(), associatedData: clear.span, into: &out)
      }
    }
    parts.packets = LinuxClock.threadNanoseconds - started
  }

  private func heapJSON(_ parts: Parts) -> String {
    guard heapAllocationCount() != nil else { return "" }
    return ",\"recordAllocations\":\(parts.recordAllocations),"
      + "\"proposalAllocations\":\(parts.proposalAllocations),\"voteAllocations\":\(parts.voteAllocations)"
  }

  private func report(
    _ parts: Parts, _ numbers: RoundBenchNumbers, residentAtStart: UInt64, _ residentAfterFirst: UInt64
  ) {
    let ratio = decimal(parts.total * 1000 / max(1, parts.baseline), places: 3)
    func milliseconds(_ nanoseconds: UInt64) -> String { decimal(nanoseconds / 1000, places: 3) }
    let known = parts.verify + parts.validate + 2 * parts.product + parts.packets + parts.hash + parts.voteSignatures
    let rows: [(name: String, nanoseconds: UInt64)] = [
      ("total", parts.total), ("records", parts.records), ("proposals", parts.proposals), ("votes", parts.votes),
      ("verify", parts.verify), ("validate", parts.validate), ("product", parts.product), ("packets", parts.packets),
      ("hash", parts.hash), ("voteSignatures", parts.voteSignatures),
      ("rest", parts.total - min(parts.total, known)), ("baselineVerify", parts.baselineVerify),
      ("baselineMultiply", parts.baselineMultiply), ("baseline", parts.baseline),
    ]
    if json {
      printLine(
        "{\"aggregators\":\(members),\"metersPerSet\":\(metersPerSet),\"bits\":\(bits),\"periods\":\(periods),"
          + rows.map { "\"\($0.name)Milliseconds\":\(milliseconds($0.nanoseconds))" }.joined(separator: ",")
          + heapJSON(parts)
          + ",\"ratio\":\(ratio),\"residentKilobytes\":\(numbers.resident),"
          + "\"residentPeakKilobytes\":\(numbers.residentPeak),\"residentFileKilobytes\":\(numbers.residentFile),"
          + "\"plannedQuietKilobytes\":\(numbers.plannedQuiet / 1024),\"plannedKilobytes\":\(numbers.planned / 1024),"
          + "\"residentAtStartKilobytes\":\(residentAtStart),"
          + "\"residentAfterFirstKilobytes\":\(residentAfterFirst),\"sentPackets\":\(numbers.sent),"
          + "\"sentBytes\":\(numbers.sentBytes),\"journalBytes\":\(numbers.journalBytes)}")
      return
    }
    printLine(
      "one aggregator of \(members), \(metersPerSet) meters a set, \(bits) bits, every set certified; CPU ms of "
        + (periods == 1 ? "a period" : "\(periods) periods"))
    for row in rows { printLine(padded("  " + row.name, 24) + aligned(milliseconds(row.nanoseconds), 14)) }
    if heapAllocationCount() != nil {
      printLine(
        "heap allocations        \(parts.recordAllocations) for records, \(parts.proposalAllocations) for proposals, "
          + "\(parts.voteAllocations) for votes")
    }
    printLine("total to baseline       " + aligned(ratio, 16))
    printLine(
      "resident                " + aligned("\(numbers.resident) KiB", 16)
        + ", \(numbers.residentFile) KiB of it program and libraries; \(numbers.residentPeak) KiB at most; "
        + "\(residentAtStart) KiB before the first packet, \(residentAfterFirst) KiB after the first period")
    printLine(
      "planned                 " + aligned("\(numbers.plannedQuiet / 1024) KiB", 16)
        + " while all goes well, \(numbers.planned / 1024) KiB at most, and the program")
    printLine(
      "sent                    \(numbers.sent) packets, \(numbers.sentBytes) bytes; \(numbers.journalBytes) bytes of "
        + "journal")
  }
}
