import HAL
import Packets
import Testing
import Units
import Wire

enum Body: String, CaseIterable, Sendable {
  case packetHeader, status, want, chunk, proof, acknowledgement, acknowledgedPosition

  /// What this implementation writes for the values the oracle was given.
  var encoded: [UInt8] {
    [UInt8](capacity: 168) { out in
      switch self {
      case .packetHeader:
        PacketHeader(
          type: .want, bodyLength: 144, sender: 1, receiver: 2, bootCounter: 9, packetSequence: 3, senderKeyNumber: 1,
          receiverKeyNumber: 1
        ).encode(into: &out)
      case .status:
        // Of node 2; its key and signature are the oracle's.
        StatusBody(
          previousBootCounter: 0, knownBootCounter: 9, keyNumber: 1, knownKeyNumber: 1,
          packetKey: FixedBytes(InlineArray { Fixture.vector("status")[24 + $0] }),
          signature: Signature(InlineArray { Fixture.vector("status")[56 + $0] }),
          run: Fixture.run(0x82), knownRun: Fixture.run(0x81), wall: WallTime(nanoseconds: 1_700_000_000_123_456_789),
          clock: .synchronised, wantsAnswer: true
        ).encode(into: &out)
      case .want:
        Want(
          object: .records, owner: ReplicaIndex(4), meter: MeterIndex(5), position: Position(6), period: Period(7),
          digest: Digest(InlineArray { UInt8(0xA0 + $0) }), missing: FixedBytes(InlineArray { UInt8($0) }),
          highestSequence: 8, receivedCount: 9, heldMicroseconds: 10
        ).encode(into: &out)
      case .chunk:
        Chunk(object: .product, owner: ReplicaIndex(4), index: 1, total: 2, position: Position(6), objectLength: 1034)
          .encode(into: &out)
      case .acknowledgement: AcknowledgementBody(epoch: Epoch(3), count: 2).encode(into: &out)
      case .acknowledgedPosition:
        AcknowledgedPosition(
          owner: ReplicaIndex(4), position: Position(6), digest: Digest(InlineArray { UInt8(0xA0 + $0) }),
          open: 0b101001
        ).encode(into: &out)
      case .proof:
        InclusionProof(
          owner: ReplicaIndex(4), meter: MeterIndex(5), leafIndex: 2, siblingCount: 1, from: Period(5),
          through: Period(6), ciphertextHash: Digest(InlineArray { UInt8(0x80 + $0) }),
          closing: FixedBytes(InlineArray { UInt8(1 + $0) })
        ).encode(into: &out)
      }
    }
  }

  /// Decodes and encodes again; nil when the bytes are refused.
  func reencoded(_ bytes: [UInt8]) -> [UInt8]? {
    var reader = WireReader(bytes.span)
    switch self {
    case .packetHeader:
      guard let value = try? PacketHeader(decoding: &reader) else { return nil }
      return [UInt8](capacity: 160) { out in value.encode(into: &out) }
    case .status:
      guard let value = try? StatusBody(decoding: &reader) else { return nil }
      return [UInt8](capacity: 168) { out in value.encode(into: &out) }
    case .want:
      guard let value = try? Want(decoding: &reader) else { return nil }
      return [UInt8](capacity: 160) { out in value.encode(into: &out) }
    case .chunk:
      guard let value = try? Chunk(decoding: &reader) else { return nil }
      return [UInt8](capacity: 160) { out in value.encode(into: &out) }
    case .acknowledgement:
      // As many positions as it says have to follow.
      let whole =
        bytes + [UInt8](repeating: 0, count: bytes.count < 16 ? 0 : 56 * Int(bytes[8]) + 56 * 256 * Int(bytes[9]))
      var reader = WireReader(whole.span)
      guard let value = try? AcknowledgementBody(decoding: &reader) else { return nil }
      return [UInt8](capacity: 160) { out in value.encode(into: &out) }
    case .acknowledgedPosition:
      guard let value = try? AcknowledgedPosition(decoding: &reader) else { return nil }
      return [UInt8](capacity: 160) { out in value.encode(into: &out) }
    case .proof:
      guard let value = try? InclusionProof(decoding: &reader) else { return nil }
      return [UInt8](capacity: 160) { out in value.encode(into: &out) }
    }
  }
}

@Suite("Packet headers and bodies (docs/PROTOCOL.md)")
struct BodyTests {
  @Test("are the bytes an independent implementation makes, and decode to the same value", arguments: Body.allCases)
  func golden(body: Body) {
    let expected = Fixture.vector(body.rawValue)
    #expect(!expected.isEmpty)
    #expect(body.encoded == expected)
    #expect(body.reencoded(expected) == expected)
  }

  @Test("have the lengths of the tables")
  func lengths() {
    #expect(Body.packetHeader.encoded.count == PacketHeader.encodedBytes)
    #expect(Body.status.encoded.count == StatusBody.encodedBytes)
    #expect(Body.want.encoded.count == Want.encodedBytes)
    #expect(Body.chunk.encoded.count == Chunk.encodedBytes)
    #expect(Body.proof.encoded.count == InclusionProof.encodedBytes)
    #expect(Body.acknowledgement.encoded.count == AcknowledgementBody.headBytes)
    #expect(Body.acknowledgedPosition.encoded.count == AcknowledgedPosition.encodedBytes)
    #expect(AcknowledgementBody.maximumPositions == 20)
    #expect(Chunk.encodedBytes + Chunk.maximumPieceBytes <= Sealer.maximumBodyBytes)
    #expect(InclusionProof.encodedBytes + 9 * 32 <= Sealer.maximumBodyBytes)
  }

  @Test("are refused at every shorter length", arguments: Body.allCases)
  func prefixes(body: Body) {
    let whole = Fixture.vector(body.rawValue)
    for count in 0..<whole.count { #expect(body.reencoded(Array(whole.prefix(count))) == nil, "\(count) bytes") }
  }

  @Test("have one encoding: any one bit wrong is refused or is another value's", arguments: Body.allCases)
  func bitFlips(body: Body) {
    let whole = Fixture.vector(body.rawValue)
    var refused = 0
    for bit in 0..<(8 * whole.count) {
      let damaged = whole.flipping(bit)
      if let again = body.reencoded(damaged) { #expect(again == damaged, "bit \(bit)") } else { refused += 1 }
    }
    // The version, which is the newest one too; reserved bytes; keys that become 0; and the bits that lead out of a kind's
    // range.
    let reserved = [
      Body.packetHeader: 8 + 1 + 24 + 2, .status: 1 + 2 * 7 + 48, .want: 8 + 16 + 32, .chunk: 8 + 32, .proof: 0,
      // More than 20, or none; and reserved bytes.
      .acknowledgement: 11 + 48,
      // Positions before the first are not open; and reserved bytes.
      .acknowledgedPosition: 58 + 48,
    ][body]!
    #expect(refused >= reserved && refused <= reserved + 16)
  }

  @Test("a WANT or a STATUS with a byte more is refused", arguments: [Body.want, .status])
  func trailing(body: Body) { #expect(body.reencoded(Fixture.vector(body.rawValue) + [0]) == nil) }

  @Test("a STATUS of no run, of no key, or that knows a run but no boot counter is refused")
  func statusOfNothing() {
    func accepts(zeroing places: Range<Int>) -> Bool {
      var bytes = Fixture.vector("status")
      for place in places { bytes[place] = 0 }
      return Body.status.reencoded(bytes) != nil
    }
    #expect(!accepts(zeroing: 120..<136) && !accepts(zeroing: 16..<20) && !accepts(zeroing: 8..<16))
    // Knowing neither, or the counter alone, is how things begin.
    var nothing = Fixture.vector("status")
    for place in Array(8..<16) + Array(136..<152) { nothing[place] = 0 }
    #expect(Body.status.reencoded(nothing) != nil && accepts(zeroing: 136..<152))
  }

  @Test("packet types are 1 to 9, objects 1 to 9, and no version is 0 or above the newest that its sender speaks")
  func kinds() {
    for code in UInt8.min...UInt8.max {
      func accepts(_ body: Body, at offset: Int) -> Bool {
        var bytes = Fixture.vector(body.rawValue)
        bytes[offset] = code
        return body.reencoded(bytes) != nil
      }
      #expect(accepts(.packetHeader, at: 0) == (code == 1 || code == 2))
      #expect(accepts(.packetHeader, at: 12) == (code >= 2))
      // A STATUS is under no packet key, all else under two.
      #expect(accepts(.packetHeader, at: 1) == (2...9).contains(code))
      var status = Array(Fixture.vector("packetHeader")[..<32]) + [UInt8](repeating: 0, count: 8)
      status[1] = code
      #expect((Body.packetHeader.reencoded(status) != nil) == (code == 1))
      // A clock's state, and whether an answer is asked for.
      #expect(accepts(.status, at: 160) == (code <= 1) && accepts(.status, at: 161) == (code <= 1))
      #expect(accepts(.want, at: 0) == (1...9).contains(code))
      #expect(accepts(.chunk, at: 0) == (1...9).contains(code))
    }
  }
}
