import Aggregation
import Consensus
import Cryptography
import HAL
import Node
import Packets
import Paillier
import SimulatedPlatform
import Testing
import Units
import Wire

extension AggregatorProcess {
  func acknowledged(_ owner: Int) -> UInt64 { node.acknowledgedPosition(of: ReplicaIndex(UInt16(owner))).rawValue }
  func proven(_ owner: Int, _ meter: Int) -> UInt64? {
    node.provenThrough(MeterIndex(UInt16(meter)), of: ReplicaIndex(UInt16(owner)))?.rawValue
  }
  func maySign(_ owner: Int) -> Bool { node.maySign(about: ReplicaIndex(UInt16(owner))) }
  func refusals(_ refusal: AcknowledgementRefusal) -> UInt64 { node.refusals(refusal) }
}

extension BookkeeperProcess {
  func publishedPosition(_ owner: Int) -> UInt64 { node.publishedPosition(of: ReplicaIndex(UInt16(owner))).rawValue }
  var decryptions: UInt64 { node.decryptionCount }
  var wants: UInt64 { node.wantCount }
  func open(_ owner: Int) -> UInt64 { node.openPositions(of: ReplicaIndex(UInt16(owner))) }
  func drops(_ reason: DropReason) -> UInt64 { node.drops(reason) }
  var unreadable: (count: UInt64, newest: UnreadableTotal?) { (node.unreadableCount, node.newestUnreadable) }
}

extension Group {
  func cells(_ member: Int) -> Int { disks[Self.aggregatorName(member).rawValue]!.cells.count }
  /// Certified periods of a set that have neither a sum nor are kept as unreadable.
  var unpublished: [String] {
    published.certificates.keys.filter { published.sums[$0] == nil && published.unreadable[$0] == nil }.sorted()
  }
  /// A ciphertext of a plaintext far above what a slot may hold.
  func garbage() -> [UInt8] {
    var generator = SeededGenerator(seed: 3)
    let encryptor = Encryptor(key, using: &generator)
    var plaintext = [UInt8](repeating: 0x5A, count: key.modulusBytes)
    plaintext[0] = 0
    return [UInt8](capacity: key.ciphertextBytes) { out in
      try? encryptor.encrypt(plaintext: plaintext.span, using: &generator, into: &out)
    }
  }
}

@Suite("Nothing certified is ever unpublished (DESIGN §2.1)")
struct PublicationTests {
  private static let bookkeeper = Party.bookkeeper.rawValue

  @Test(
    "a bookkeeper that was away for longer than positions are in memory finds them on aggregators' disks, which then forget them"
  )
  func absence() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    group.killBookkeeper()
    group.run(toEndOf: 1015, plus: 3000)
    #expect(group.unpublished.count == 4 * 13)
    for member in 0..<4 { #expect(group.cells(member) == 4 * 5, "aggregator \(member)") }
    group.startBookkeeper()
    #expect(group.run(untilAtMost: 4) { group.unpublished.isEmpty })
    group.run(toEndOf: 1020, plus: 3500)
    for member in 0..<4 {
      #expect(group.cells(member) == 0, "aggregator \(member)")
      for owner in 0..<4 { #expect(group.aggregators[member]!.acknowledged(owner) == 20) }
    }
    #expect(group.brokenChains() == [])
    #expect(group.reckon() == [])
  }

  @Test("so it does when every aggregator was killed meanwhile, and only what was synced stayed on their disks")
  func absenceWithKills() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    group.killBookkeeper()
    for (member, period) in [UInt64(1004), 1008, 1011, 1013].enumerated() {
      group.run(toEndOf: period, plus: 1500)
      group.restartAggregator(member)
    }
    group.run(toEndOf: 1015, plus: 3000)
    let certified = group.published.certificates.count
    #expect(certified > 4 * 12)
    group.startBookkeeper()
    #expect(group.run(untilAtMost: 6) { group.unpublished.isEmpty })
    group.run(toEndOf: 1022, plus: 3500)
    #expect(group.brokenChains() == [])
    #expect(group.reckon() == [])
  }

  @Test("a restarted bookkeeper decrypts and writes nothing that it published before")
  func restart() {
    let group = Group()
    group.run(toEndOf: 1004, plus: 3000)
    #expect(group.bookkeeper!.decryptions == 16)
    group.killBookkeeper()
    group.startBookkeeper()
    for owner in 0..<4 { #expect(group.bookkeeper!.publishedPosition(owner) == 4) }
    group.run(toEndOf: 1005, plus: 3000)
    #expect(group.bookkeeper!.decryptions == 4)
    #expect(group.publishedCount(1005) == 4)
    #expect(group.reckon() == [])
  }

  @Test("a bookkeeper opens one sum a tick, and one whenever it is asked to while one waits")
  func oneAtATime() throws {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    group.killBookkeeper()
    group.run(toEndOf: 1008, plus: 3000)
    group.startBookkeeper()
    let process = group.bookkeeper!
    var asked: UInt64 = 0
    for _ in 0..<80 {
      let before = process.decryptions
      group.step()
      #expect(process.decryptions <= before + 1)
      guard asked < 3, process.node.isSumWaiting else { continue }
      let opened = process.decryptions
      try process.node.openOne(via: &process.host)
      #expect(process.decryptions == opened + 1)
      asked += 1
    }
    #expect(asked == 3 && group.unpublished.isEmpty)
  }

  @Test("one whose disk was lost looks before it writes, and goes on from what f + 1 aggregators were told")
  func lostDisk() {
    let group = Group()
    group.run(toEndOf: 1012, plus: 3000)
    group.killBookkeeper()
    group.disks[Self.bookkeeper] = nil
    group.startBookkeeper()
    group.run(toEndOf: 1014, plus: 3000)
    // Positions that aggregators keep no more are adopted; those in their memory are found in the folder.
    #expect(group.bookkeeper!.decryptions <= 8)
    for owner in 0..<4 { #expect(group.bookkeeper!.publishedPosition(owner) == 14) }
    #expect(group.unpublished == [])
    #expect(group.reckon() == [])
  }

  @Test("one liar does not make it skip anything")
  func liarClaims() {
    let group = Group()
    group.run(toEndOf: 1002, plus: 3000)
    let rogue = Rogue.aggregator(3, of: group)
    rogue.greet()
    let claim = [UInt8](capacity: 1200) { out in
      AcknowledgementBody(epoch: group.genesis.epoch, count: 1).encode(into: &out)
      AcknowledgedPosition(owner: ReplicaIndex(0), position: Position(900), digest: Digest(), open: 0).encode(
        into: &out)
    }
    rogue.send(.acknowledgement, claim, to: .bookkeeper)
    group.step()
    #expect(group.bookkeeper!.publishedPosition(0) == 2)
    // Two of them with different claims would be borne out by the lower one only.
    rogue.send(.acknowledgement, Array(claim.dropLast()), to: .bookkeeper)
    let malformed = group.bookkeeper!.drops(.malformedBody)
    group.step()
    #expect(group.bookkeeper!.drops(.malformedBody) == malformed + 1)
  }

  @Test("an idle group is asked f + 1 times a set and period, not twice a second")
  func idle() {
    let group = Group(GroupOptions(periodSeconds: 8))
    group.run(toEndOf: 1002, plus: 5000)
    for owner in 0..<4 { for index in 0..<3 { group.killMeter(owner, index) } }
    group.run(toEndOf: 1003, plus: 7000)
    let before = group.bookkeeper!.wants
    group.run(toEndOf: 1007, plus: 7000)
    let asked = group.bookkeeper!.wants - before
    #expect(asked > 0 && asked <= 4 * 4 * 2)
  }

  @Test(
    "replacing every board once loses neither what is not published nor what an absent meter has to prove (consensus rule C19)"
  )
  func everyBoardReplaced() {
    let group = Group(GroupOptions(periodSeconds: 8))
    group.run(toEndOf: 1002)
    // Its record of 1002 is sent, and it hears nothing of what becomes of it.
    group.run(milliseconds: 200)
    group.killMeter(0, 0)
    group.killBookkeeper()
    group.run(toEndOf: 1003, plus: 5000)
    #expect(group.certified(0, 1002)?.contributors.contains(MeterIndex(0)) == true)
    for member in 0..<4 {
      group.killAggregator(member)
      group.disks[Group.aggregatorName(member).rawValue] = nil
      group.startAggregator(member)
      group.run(toEndOf: group.period + 3, plus: 5000)
      for owner in 0..<4 { #expect(group.aggregators[member]!.maySign(owner)) }
    }
    for member in 0..<4 {
      #expect(group.aggregators[member]!.proven(0, 0) == 1002)
    }
    group.startMeter(0, 0)
    group.startBookkeeper()
    let last = group.period + 2
    group.run(toEndOf: last, plus: 6000)
    #expect(group.unpublished == [])
    #expect(group.isSettled(through: last))
    #expect(group.brokenChains() == [])
    #expect(group.reckon() == [])
  }

  @Test("a pulled proof survives a restart, and nobody's certificate, product or proof is taken that was not asked for")
  func pulledProofs() {
    let group = Group(GroupOptions(periodSeconds: 8))
    group.run(toEndOf: 1001, plus: 5000)
    group.killMeter(0, 0)
    group.run(toEndOf: 1003, plus: 5000)
    group.killAggregator(3)
    group.disks[Group.aggregatorName(3).rawValue] = nil
    group.startAggregator(3)
    group.run(toEndOf: 1005, plus: 5000)
    #expect(group.aggregators[3]!.proven(0, 0) == 1001)
    group.restartAggregator(3)
    #expect(group.aggregators[3]!.proven(0, 0) == 1001)
    let rogue = Rogue.aggregator(2, of: group)
    rogue.greet()
    var process: AggregatorProcess { group.aggregators[3]! }
    let file = group.published.certificates["1002-0"]!
    let before = process.drops(.notAllowed)
    for body in group.chunks(.certificate, 0, position: 2, file) { rogue.send(.chunk, body, toAggregator: 3) }
    for body in group.chunks(.product, 0, position: 2, [UInt8](repeating: 1, count: group.key.ciphertextBytes)) {
      rogue.send(.chunk, body, toAggregator: 3)
    }
    rogue.send(.proof, [UInt8](repeating: 0, count: InclusionProof.encodedBytes), toAggregator: 3)
    group.step()
    #expect(process.drops(.notAllowed) == before + 3)
  }

  // MARK: Unreadable totals

  @Test("a total that cannot be read stays with aggregators and bookkeeper, stands in the chain, and the chain goes on")
  func unreadable() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    let liar = Rogue.meter(0, 0, of: group)
    liar.greet()
    group.run(toEndOf: 1002)
    for member in 0..<4 {
      liar.send(
        .record, group.record(0, 0, from: 1002, through: 1002, ciphertext: group.garbage()), toAggregator: member)
    }
    group.run(toEndOf: 1014, plus: 3000)
    #expect(group.published.unreadable["1002-0"] != nil && group.published.sums["1002-0"] == nil)
    #expect(group.published.own["1002-0"] == nil)
    let told = group.bookkeeper!.unreadable
    #expect(told.count == 1)
    #expect(told.newest == UnreadableTotal(owner: ReplicaIndex(0), position: Position(2), period: Period(1002)))
    // Twelve positions later each aggregator has it on its disk alone, and nothing else.
    for member in 0..<4 {
      #expect(group.aggregators[member]!.acknowledged(0) == 14)
      #expect(group.cells(member) == 1)
    }
    for period in UInt64(1003)...1014 { #expect(group.publishedCount(period) == 4, "\(period)") }
    // After a restart of everybody it is so too, and nothing is opened again.
    group.killBookkeeper()
    group.startBookkeeper()
    for member in 0..<4 { group.restartAggregator(member) }
    group.run(toEndOf: 1016, plus: 3000)
    #expect(group.bookkeeper!.unreadable.count == 1)
    #expect(group.bookkeeper!.open(0) == 1 << 14)
    for member in 0..<4 { #expect(group.cells(member) == 1) }
    #expect(group.published.written["1002-0 unreadable"] == 1)
  }

  // MARK: Bad acknowledgements

  @Test("acknowledgements that do not fit are counted, each for its reason, and change nothing")
  func refused() {
    let group = Group(GroupOptions(periodSeconds: 8))
    group.run(toEndOf: 1002, plus: 3000)
    let rogue = Rogue.bookkeeper(of: group)
    rogue.greet()
    group.run(toEndOf: 1004, plus: 3000)
    var process: AggregatorProcess { group.aggregators[0]! }
    #expect(process.acknowledged(0) == 2)
    let head = process.head(0)
    func send(_ positions: [AcknowledgedPosition], epoch: UInt64 = 1, from sender: Rogue? = nil) {
      let body = [UInt8](capacity: 1200) { out in
        AcknowledgementBody(epoch: Epoch(epoch), count: UInt16(positions.count)).encode(into: &out)
        for position in positions { position.encode(into: &out) }
      }
      (sender ?? rogue).send(.acknowledgement, body, toAggregator: 0)
      group.step()
    }
    func position(_ number: UInt64, _ digest: Digest, _ owner: UInt16 = 0) -> AcknowledgedPosition {
      AcknowledgedPosition(owner: ReplicaIndex(owner), position: Position(number), digest: digest)
    }
    let before = group.state(0)
    send([position(4, head)], epoch: 2)
    #expect(process.refusals(.otherEpoch) == 1)
    send([position(5, head)])
    #expect(process.refusals(.notDecided) == 1)
    send([position(1, head)])
    #expect(process.refusals(.older) == 1)
    send([position(2, head)])
    #expect(process.refusals(.otherDigest) == 1)
    send([position(4, Digest())])
    #expect(process.refusals(.otherDigest) == 2)
    // Of a set that is not there, twice the same, in another order: nothing of it counts.
    let malformed = process.drops(.malformedBody)
    send([position(4, head, 4)])
    send([position(4, head), position(4, head)])
    send([position(4, process.head(1), 1), position(4, head)])
    #expect(process.drops(.malformedBody) == malformed + 3)
    let meter = Rogue.meter(0, 0, of: group)
    meter.greet()
    let refused = process.drops(.notAllowed)
    send([position(4, head)], from: meter)
    #expect(process.drops(.notAllowed) == refused + 1)
    #expect(process.acknowledged(0) == 2)
    #expect(group.state(0) == before)
    // The true one is taken, once; and told again it changes nothing.
    send([position(4, head)])
    #expect(process.acknowledged(0) == 4)
    let bytes = group.disks[Group.aggregatorName(0).rawValue]!.byteCount
    send([position(4, head)])
    #expect(group.disks[Group.aggregatorName(0).rawValue]!.byteCount == bytes)
    group.restartAggregator(0)
    #expect(group.aggregators[0]!.acknowledged(0) == 4)
  }

  @Test("a meter is not served what is on disk, and a member is")
  func served() {
    let group = Group()
    group.run(toEndOf: 1001, plus: 3000)
    group.killBookkeeper()
    group.run(toEndOf: 1012, plus: 3000)
    let meter = Rogue.meter(0, 0, of: group)
    meter.greet()
    let member = Rogue.aggregator(3, of: group)
    member.greet()
    for object in [ObjectKind.certificate, .product] {
      let want = Want(object: object, owner: ReplicaIndex(0), position: Position(2))
      let body = [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) }
      for rogue in [meter, member] {
        rogue.send(.want, body, toAggregator: 0)
        group.step()
        rogue.listen()
      }
    }
    #expect(!meter.heard.contains { $0.type == .chunk })
    #expect(member.heard.count { $0.type == .chunk && $0.body[8] == 2 } == 2)
  }
}
