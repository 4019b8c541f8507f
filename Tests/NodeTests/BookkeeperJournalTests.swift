import Aggregation
import Consensus
import Node
import Packets
import Paillier
import Testing
import Units
import Wire

extension Group {
  /// What a bookkeeper would be that starts from these entries.
  func restoredBookkeeper(_ entries: [[UInt8]]) -> (standing: [[UInt8]], unreadable: UInt64, restorable: Restorable) {
    var node = BookkeeperNode(
      genesis: genesis, key: try! PrivateKey(decoding: Self.keyFile.span, allowingSmallForTests: true),
      signer: bookkeeperSeeds.signer(),
      sealer: sealer(.bookkeeper, bookkeeperSeeds, boot: 1 << 40, previousBoot: 1))
    for entry in entries { node.restore(entry.span) }
    return (node.standing, node.unreadableCount, node.restorable)
  }
}

@Suite("What a bookkeeper's journal says (docs/PROTOCOL.md, published, unreadable, knownCoverage)")
struct BookkeeperJournalTests {
  // By Tests/Oracles/byte_vectors.py: position 6 of set 2, period 1005, contributors 0, 1 and 3.
  private static let position =
    "ed0300000000000002000000000000000600000000000000"
    + "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf2900000000000000"
  private static let published = Hexadecimal.bytes("14" + position + "0b" + String(repeating: "00", count: 63))!
  private static let unreadable = Hexadecimal.bytes(
    "15" + position + "0b" + String(repeating: "00", count: 63) + "03006365720200707253")!
  private static let covered = Hexadecimal.bytes(
    "1802000600000000000000ed03000000000000ed03000000000000e803000000000000ed03000000000000")!

  private let group = Group()

  @Test("a published position comes back with its contributors, and a snapshot says it in two entries (golden vectors)")
  func golden() {
    let found = group.restoredBookkeeper([Self.published])
    #expect(found.unreadable == 0)
    // A snapshot names no contributors: what they are covered through stands in the entry behind.
    var told = Self.published
    told[65] = 0
    #expect(found.standing.count == 2 && found.standing[0] == told)
    // Meter 2 was never covered: the period before the first.
    #expect(found.standing[1].prefix(11) == Self.covered.prefix(11))
    #expect(found.standing[1][27..<35] == [232, 3, 0, 0, 0, 0, 0, 0] && found.standing[1].count == Self.covered.count)
    #expect(group.restoredBookkeeper([told, Self.covered]).standing == [told, Self.covered])
    let open = group.restoredBookkeeper([Self.unreadable])
    #expect(open.unreadable == 1 && open.standing == found.standing)
  }

  @Test("an entry that is cut short at any byte changes nothing", arguments: [20, 21, 24] as [UInt8])
  func prefixes(kind: UInt8) {
    // What a set is covered through shows only where something of it is published.
    let before = kind == 24 ? [Self.published] : []
    let entry = [Self.published, Self.unreadable, Self.covered].first { $0[0] == kind }!
    let nothing = group.restoredBookkeeper(before).restorable
    let whole = group.restoredBookkeeper(before + [entry]).restorable
    #expect((whole == nothing) == (kind == 24))
    // S, the last byte of a total that cannot be read, may be missing: then nobody knows it.
    for count in 1..<(kind == 21 ? entry.count - 1 : entry.count) {
      #expect(group.restoredBookkeeper(before + [Array(entry.prefix(count))]).restorable == nothing, "\(count) bytes")
    }
    if kind != 21 { #expect(group.restoredBookkeeper(before + [entry + [0]]).restorable == nothing) }
  }

  @Test("an entry with another bit is another one, or changes nothing")
  func bits() {
    let nothing = group.restoredBookkeeper([]).standing
    let whole = group.restoredBookkeeper([Self.published]).standing
    for entry in [Self.published, Self.unreadable] {
      for place in 1..<129 {
        for bit in 0..<8 {
          var other = entry
          other[place] ^= 1 << UInt8(bit)
          let found = group.restoredBookkeeper([other]).standing
          guard found != nothing else { continue }
          #expect(found != whole, "byte \(place), bit \(bit)")
          #expect(found.count == 2 && Array(found[0][1..<65]) == Array(other[1..<65]))
        }
      }
    }
    // Lengths that do not fit, and contributors that the set does not have.
    for place in [129, 130, 134, 135] {
      var other = Self.unreadable
      other[place] ^= 0x80
      #expect(group.restoredBookkeeper([other]).standing == nothing, "byte \(place)")
    }
    for meter in 4..<512 {
      var other = Self.published
      other[65 + meter / 8] |= 1 << UInt8(meter % 8)
      #expect(group.restoredBookkeeper([other]).standing == nothing)
    }
    // Its own place among the sets, and every period in it.
    for place in 1..<Self.covered.count {
      for bit in 0..<8 {
        var other = Self.covered
        other[place] ^= 1 << UInt8(bit)
        let found = group.restoredBookkeeper([Self.published, other]).standing
        #expect(found[1] == (place < 3 ? whole[1] : other), "byte \(place), bit \(bit)")
      }
    }
  }

  @Test("what a bookkeeper journals is what was certified, once for each position")
  func written() {
    group.run(toEndOf: 1003, plus: 3000)
    let entries = group.bookkeeper!.entries(.published)
    #expect(entries.count == 12)
    for entry in entries {
      var reader = WireReader(entry.span)
      guard let period = try? reader.read(UInt64.self), let told = try? AcknowledgedPosition(decoding: &reader),
        let contributors = try? reader.read(FixedBytes<64>.self), reader.remaining == 0,
        let bytes = group.published.certificates["\(period)-\(told.owner.rawValue)"],
        let certificate = try? Certificate(checking: bytes.span, against: group.genesis)
      else {
        Issue.record("an entry does not read: \(Hexadecimal.string(entry.span))")
        continue
      }
      #expect(told.digest == certificate.header.digest)
      #expect(contributors == certificate.header.contributors.bytes)
    }
  }
}
