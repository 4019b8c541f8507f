import Packets
import Testing
import Units
import Wire

@Suite("Packet bodies (docs/PROTOCOL.md)")
struct BodyTests {
  static let want = Want(
    object: .records, owner: ReplicaIndex(4), meter: MeterIndex(5), period: Period(6),
    missing: FixedBytes(InlineArray { UInt8($0) }))
  static let chunk = Chunk(
    object: .product, owner: ReplicaIndex(4), index: 1, total: 2, period: Period(6), objectLength: 1034)
  static let proof = InclusionProof(
    owner: ReplicaIndex(4), meter: MeterIndex(5), leafIndex: 2, siblingCount: 1, period: Period(6),
    recordHash: Digest(InlineArray { UInt8(0x80 + $0) }))
  static let header = PacketHeader(
    type: .want, bodyLength: 80, sender: 1, receiver: 2, bootCounter: 9, packetSequence: 1)
  static let status = Status(senderBoot: 9, receiverBoot: 7)

  static func wantBytes() -> [UInt8] { [UInt8](capacity: Want.encodedBytes) { out in want.encode(into: &out) } }

  enum Body: CaseIterable, Sendable {
    case header, status, want, chunk, proof
  }

  /// The fixed part's encoding, the name of its vector, and how many bytes follow it there.
  static func encoding(_ body: Body) -> (bytes: [UInt8], vector: String, following: Int) {
    switch body {
    case .header: ([UInt8](capacity: 64) { out in header.encode(into: &out) }, "header", 0)
    case .status: ([UInt8](capacity: 64) { out in status.encode(into: &out) }, "statusBody", 0)
    case .want: (wantBytes(), "wantBody", 0)
    case .chunk: ([UInt8](capacity: 64) { out in chunk.encode(into: &out) }, "chunkBody", 5)
    case .proof: ([UInt8](capacity: 64) { out in proof.encode(into: &out) }, "proofBody", 64)
    }
  }

  /// Decodes and encodes again; nil when the bytes are refused.
  static func reencode(_ body: Body, _ bytes: [UInt8]) -> [UInt8]? {
    var reader = WireReader(bytes.span)
    switch body {
    case .header:
      guard let value = try? PacketHeader(decoding: &reader) else { return nil }
      return [UInt8](capacity: 128) { out in value.encode(into: &out) }
    case .status:
      guard let value = try? Status(decoding: &reader) else { return nil }
      return [UInt8](capacity: 128) { out in value.encode(into: &out) }
    case .want:
      guard let value = try? Want(decoding: &reader) else { return nil }
      return [UInt8](capacity: 128) { out in value.encode(into: &out) }
    case .chunk:
      guard let value = try? Chunk(decoding: &reader) else { return nil }
      return [UInt8](capacity: 128) { out in value.encode(into: &out) }
    case .proof:
      guard let value = try? InclusionProof(decoding: &reader) else { return nil }
      return [UInt8](capacity: 128) { out in value.encode(into: &out) }
    }
  }

  @Test("are the committed bytes, and decode to the same value", arguments: Body.allCases)
  func golden(body: Body) {
    let (bytes, vector, following) = Self.encoding(body)
    let expected = Fixture.vector(vector)
    #expect(Fixture.hexadecimal(bytes) == expected.dropLast(2 * following))
    #expect(Self.reencode(body, bytes) == bytes)
  }

  @Test("have the lengths of the tables")
  func lengths() {
    #expect(PacketHeader.encodedBytes == 32 && Self.encoding(.header).bytes.count == 32)
    #expect(Status.encodedBytes == 16 && Self.encoding(.status).bytes.count == 16)
    #expect(Want.encodedBytes == 80 && Self.encoding(.want).bytes.count == 80)
    #expect(Chunk.encodedBytes == 24 && Self.encoding(.chunk).bytes.count == 24)
    #expect(InclusionProof.encodedBytes == 56 && Self.encoding(.proof).bytes.count == 56)
    #expect(Chunk.encodedBytes + Chunk.maximumPieceBytes <= Sealer.maximumBodyBytes)
  }

  @Test("are refused at every shorter length", arguments: Body.allCases)
  func prefixes(body: Body) {
    let (bytes, _, _) = Self.encoding(body)
    for count in 0..<bytes.count { #expect(Self.reencode(body, Array(bytes.prefix(count))) == nil) }
  }

  @Test("have one encoding: any one bit wrong is refused or is another value's encoding", arguments: Body.allCases)
  func bitFlips(body: Body) {
    let (bytes, _, _) = Self.encoding(body)
    var refused = 0
    for bit in 0..<(8 * bytes.count) {
      var damaged = bytes
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      guard let again = Self.reencode(body, damaged) else {
        refused += 1
        continue
      }
      #expect(again == damaged)
    }
    // Reserved bits, and those that leave the range of a kind.
    let reserved = [Body.header: 8 + 32, .status: 0, .want: 8 + 16, .chunk: 8 + 32, .proof: 64][body] ?? 0
    #expect(refused >= reserved)
    #expect(refused <= reserved + 16)
  }

  @Test("a WANT with a byte more is refused")
  func trailing() {
    #expect(Self.reencode(.want, Self.wantBytes() + [0]) == nil)
  }

  @Test("kinds that do not exist are refused", arguments: [0, 6, 255] as [UInt8])
  func kinds(code: UInt8) {
    var want = Self.wantBytes()
    want[0] = code
    #expect(Self.reencode(.want, want) == nil)
    var chunk = Self.encoding(.chunk).bytes
    chunk[0] = code
    #expect(Self.reencode(.chunk, chunk) == nil)
  }

  @Test("packet types are 1 to 8, and the version is 1")
  func types() {
    for code in UInt8.min...UInt8.max {
      var header = Self.encoding(.header).bytes
      header[1] = code
      #expect((Self.reencode(.header, header) != nil) == (1...8).contains(code))
      header = Self.encoding(.header).bytes
      header[0] = code
      #expect((Self.reencode(.header, header) != nil) == (code == 1))
    }
  }

  @Test("every reason has its own words and its own place")
  func reasons() {
    #expect(Set(DropReason.allCases.map(\.description)).count == DropReason.count)
    #expect(DropReason.allCases.map(\.rawValue) == Array(0..<UInt8(DropReason.count)))
  }
}
