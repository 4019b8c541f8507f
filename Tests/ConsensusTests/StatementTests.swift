import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Statements (DESIGN §2.3)")
struct StatementTests {
  /// `statement` and `statementSignature` of Tests/Oracles/byte_vectors.txt, which a second implementation of the layout wrote.
  static let golden =
    "4255534241522f3202000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f020000000000"
    + "0000030001000600000000000000090000000000000000000000808182838485868788898a8b8c8d8e8f9091929394959697"
    + "98999a9b9c9d9e9f0000000000000000000000000300000000000000"
  static let goldenSignature =
    "7d9aad6fd5ed9fba19a2e47575dcc4713e6f1dd53f289e0378288ccf11bfa380c92b6a1941e0cbcf7e2266abf753df30bd1d"
    + "95c5f5bddc9cf39a834c8631fa07"

  static var sample: Statement {
    let context = GroupContext(
      networkIdentifier: Digest(InlineArray { UInt8($0) }), epoch: Epoch(2), group: GroupIndex(3), members: 4,
      leaders: .rotating)
    return Statement(
      kind: .prepare, in: context, owner: ReplicaIndex(1), position: Position(9), round: round(6),
      digest: Digest(InlineArray { UInt8(0x80 + $0) }), signer: ReplicaIndex(3))
  }

  func encoded(_ statement: Statement) -> [UInt8] {
    var buffer = ByteBuffer(capacity: Statement.encodedBytes)
    buffer.replace { out in statement.encode(into: &out) }
    return (0..<buffer.count).map { buffer.span[$0] }
  }

  func decoded(_ bytes: [UInt8]) -> Statement? {
    var reader = WireReader(bytes.span)
    do throws(WireError) {
      let statement = try Statement(decoding: &reader)
      try reader.expectEnd()
      return statement
    } catch { return nil }
  }

  @Test("128 bytes as published, and back")
  func golden() {
    let bytes = encoded(Self.sample)
    #expect(bytes == Hexadecimal.bytes(Self.golden))
    #expect(decoded(bytes) == Self.sample)
  }

  @Test("signing gives the published signature")
  func signature() {
    var seed = FixedBytes<32>(InlineArray(repeating: 0x43))
    let key = SigningKey(seed: SecretBytes(taking: &seed))
    let signature = key.sign(Self.sample)
    #expect(signature.description == Self.goldenSignature)
  }

  @Test("no prefix and no longer encoding decodes")
  func lengths() {
    let bytes = encoded(Self.sample)
    for count in bytes.indices { #expect(decoded(Array(bytes[..<count])) == nil) }
    #expect(decoded(bytes + [0]) == nil)
  }

  @Test("a flipped bit is refused, or is another statement with exactly these bytes (rule 45)")
  func bitFlips() {
    let bytes = encoded(Self.sample)
    var refused = 0
    for bit in 0..<(8 * bytes.count) {
      var mutated = bytes
      mutated[bit / 8] ^= 1 << UInt8(bit % 8)
      guard let other = decoded(mutated) else {
        refused += 1
        continue
      }
      #expect(other != Self.sample)
      #expect(encoded(other) == mutated)
    }
    // The tag, 9 zero bytes, a claim's period without a view, and of the kind's bits all but those that turn 2 into 3 or 6.
    #expect(refused == 8 * (8 + 9 + 8) + 7)
  }

  @Test("a statement of version 1, of a kind that went, or of the last view is refused by name")
  func refusals() {
    func refusal(_ place: Int, _ bytes: [UInt8]) -> WireError? {
      var encoded = encoded(Self.sample)
      encoded.replaceSubrange(place..<(place + bytes.count), with: bytes)
      var reader = WireReader(encoded.span)
      do throws(WireError) { _ = try Statement(decoding: &reader) } catch { return error }
      return nil
    }
    #expect(refusal(0, Array("BUSBAR/1".utf8)) == .olderVersion(1))
    for kind in [UInt8(0), 1, 5, 6, 255] { #expect(refusal(8, [kind]) == .unknownKind(kind)) }
    // A claim holds one more than a view.
    #expect(refusal(72, [0xFF, 0xFF, 0xFF, 0xFF]) == .outOfRange(offset: 72))
    #expect(refusal(72, [0xFE, 0xFF, 0xFF, 0xFF]) == nil)
    #expect(refusal(108, [1]) == .outOfRange(offset: 108), "a claim of a period without a view")
    #expect(refusal(116, [1]) == nil)
    for place in Array(9..<12) + Array(122..<128) {
      #expect(refusal(place, [1]) == .reservedBytesNotZero(offset: place))
    }
  }

  @Test("a version 1 statement of 120 bytes is refused by its tag, however many bytes follow")
  func versionOne() {
    let old = Array("BUSBAR/1".utf8) + Array(encoded(Self.sample)[8..<120])
    for tail in 0..<20 {
      let bytes = old + [UInt8](repeating: 0, count: tail)
      var reader = WireReader(bytes.span)
      #expect(throws: WireError.olderVersion(1)) { _ = try Statement(decoding: &reader) }
    }
  }
}

@Suite("Rounds and claims (docs/CONSENSUS.md)")
struct RoundOrderTests {
  @Test("rounds are ordered by period, then view")
  func order() {
    let ascending = [round(0), round(0, 1), round(0, .max), round(1), round(6, 9), round(7), round(7, 1), round(.max)]
    for (place, low) in ascending.enumerated() {
      for high in ascending[(place + 1)...] { #expect(low < high && !(high < low) && low != high) }
    }
    #expect(round(6, 1).next == round(6, 2))
  }

  @Test("claims are ordered like their rounds, and none is below all of them, (0, 0) too")
  func claims() {
    let ascending = [
      LockClaim.none, LockClaim(round(0)), LockClaim(round(0, 7)), LockClaim(round(1)), LockClaim(round(6, 9)),
      LockClaim(round(7)),
    ]
    for (place, low) in ascending.enumerated() {
      for high in ascending[(place + 1)...] { #expect(low < high && !(high < low) && low != high) }
    }
    #expect(LockClaim.none.round == nil)
    #expect(LockClaim(round(0)).round == round(0))
    #expect(LockClaim(round(6, 9)).round == round(6, 9))
  }

  @Test("no claim is twelve zero bytes, a claim is the period and one more than the view, and each has one encoding")
  func encoding() throws {
    func bytes(_ claim: LockClaim) -> [UInt8] {
      [UInt8](capacity: LockClaim.encodedBytes) { out in claim.encode(into: &out) }
    }
    #expect(bytes(.none) == [UInt8](repeating: 0, count: 12))
    #expect(bytes(LockClaim(round(0))) == [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    #expect(bytes(LockClaim(round(0x0102, 3))) == [2, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0])
    for claim in [LockClaim.none, LockClaim(round(0)), LockClaim(round(.max, .max - 1))] {
      let encoded = bytes(claim)
      var reader = WireReader(encoded.span)
      #expect(try LockClaim(decoding: &reader) == claim)
    }
    for period in 0..<8 {
      var second = [UInt8](repeating: 0, count: 12)
      second[period] = 1
      var reader = WireReader(second.span)
      #expect(throws: WireError.outOfRange(offset: 0), "a second encoding of none") {
        _ = try LockClaim(decoding: &reader)
      }
    }
  }
}
