import Consensus
import Cryptography
import Testing
import Units
import Wire

@Suite("Statements (DESIGN §2.3)")
struct StatementTests {
  /// Made with a separate implementation of the layout and of RFC 8032.
  static let golden =
    "4255534241522f3102000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f020000000000"
    + "0000030001000600000000000000000000000000000000000000808182838485868788898a8b8c8d8e8f9091929394959697"
    + "98999a9b9c9d9e9f030000000000000000000000"
  static let goldenSignature =
    "0e4fcc21ed93aa4f2268382daf5d0fdbc0440b3ea341c054138fbad38a8ea6ce9c8dcd6149b6742065fed5d14cfdaca13e73"
    + "844ab4a1fa014fa02cfc35cc200c"

  static var sample: Statement {
    let context = GroupContext(
      networkIdentifier: Digest(InlineArray { UInt8($0) }), epoch: Epoch(2), group: GroupIndex(3), members: 4,
      rotates: true)
    return Statement(
      kind: .prepare, in: context, owner: ReplicaIndex(1), period: Period(6), view: View(0),
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

  @Test("120 bytes as published, and back")
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
    // The tag, 13 zero bytes, and of the kind's bits all but those that turn 2 into 3.
    #expect(refused == 8 * (8 + 13) + 7)
  }
}
