import Packets
import Testing
import Units
import Wire

@Suite("Objects from chunks (docs/PROTOCOL.md, Chunk)")
struct AssemblyTests {
  static let object: [UInt8] = (0..<2500).map { UInt8(truncatingIfNeeded: $0 / 3) }

  static func chunk(
    _ index: UInt16, of bytes: Int = object.count, kind: ObjectKind = .product, owner: UInt16 = 1, position: UInt64 = 6
  ) -> Chunk {
    Chunk(
      object: kind, owner: ReplicaIndex(owner), index: index, total: UInt16(Chunk.pieces(ofBytes: bytes)),
      position: Position(position), objectLength: UInt32(bytes))
  }

  static func piece(_ index: Int, of bytes: [UInt8] = object) -> [UInt8] {
    Array(bytes[(1024 * index)..<min(bytes.count, 1024 * index + 1024)])
  }

  @Test(
    "any order of pieces gives the object with the last one",
    arguments: [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
  func orders(order: [Int]) {
    var assembly = Assembly(capacity: 2500)
    let complete = order.map { assembly.add(Self.chunk(UInt16($0)), Self.piece($0).span) }
    #expect(complete == [false, false, true])
    let bytes = [UInt8](copying: assembly.span)
    #expect(bytes == Self.object)
    #expect(assembly.owner == ReplicaIndex(1) && assembly.position == Position(6))
  }

  @Test(
    "a piece of what there is no room for is refused, whatever its sizes say",
    arguments: [
      (0, 3, 2501, 1024), (0, 65535, .max, 1024), (0, 0, .max - 1, 1024), (2, 3, 1 << 31, 452), (65534, 65535, .max, 1),
      (0, 3, 0, 0), (3, 3, 2500, 452), (2, 3, 2500, 451), (2, 3, 2500, 453), (0, 2, 2500, 1024),
    ] as [(UInt16, UInt16, UInt32, Int)])
  func oversize(index: UInt16, total: UInt16, length: UInt32, pieceBytes: Int) {
    var assembly = Assembly(capacity: 2500)
    _ = assembly.add(Self.chunk(0), Self.piece(0).span)
    _ = assembly.add(Self.chunk(1), Self.piece(1).span)
    let chunk = Chunk(
      object: .product, owner: ReplicaIndex(1), index: index, total: total, position: Position(6), objectLength: length)
    let piece = [UInt8](repeating: 7, count: pieceBytes)
    let accepted = [assembly.accepts(chunk, byteCount: pieceBytes), assembly.add(chunk, piece.span)]
    #expect(accepted == [false, false])
    // And nothing of what was there is lost.
    let isComplete = assembly.add(Self.chunk(2), Self.piece(2).span)
    #expect(isComplete)
  }

  @Test("a piece that comes twice does not count twice")
  func duplicates() {
    var assembly = Assembly(capacity: 2500)
    let complete = [0, 0, 2, 2, 0, 1].map { assembly.add(Self.chunk(UInt16($0)), Self.piece($0).span) }
    #expect(complete == [false, false, false, false, false, true])
    let bytes = [UInt8](copying: assembly.span)
    #expect(bytes == Self.object)
  }

  @Test("a complete object is reported once, and the same object can be received again")
  func again() {
    var assembly = Assembly(capacity: 2500)
    for index in 0..<3 { _ = assembly.add(Self.chunk(UInt16(index)), Self.piece(index).span) }
    let complete = [1, 0, 2].map { assembly.add(Self.chunk(UInt16($0)), Self.piece($0).span) }
    #expect(complete == [false, false, true])
    let bytes = [UInt8](copying: assembly.span)
    #expect(bytes == Self.object)
  }

  @Test("pieces of two objects never complete one, whichever field tells them apart")
  func mixtures() {
    let others = [
      Self.chunk(1, kind: .certificate), Self.chunk(1, owner: 2), Self.chunk(1, position: 7),
      Self.chunk(1, of: 2499),
    ]
    for other in others {
      var assembly = Assembly(capacity: 2500)
      _ = assembly.add(Self.chunk(0), Self.piece(0).span)
      _ = assembly.add(Self.chunk(2), Self.piece(2).span)
      let complete = assembly.add(other, Self.piece(1).span)
      #expect(!complete)
    }
  }

  @Test("lengths and totals that do not fit each other or the memory are refused and disturb nothing")
  func inconsistent() {
    var assembly = Assembly(capacity: 2500)
    _ = assembly.add(Self.chunk(0), Self.piece(0).span)
    var wrong = [(Self.chunk(3), 1024), (Self.chunk(0), 1023), (Self.chunk(0), 1025), (Self.chunk(2), 1)]
    wrong.append((Self.chunk(0), 0))
    for total: UInt16 in [0, 2, 4, 65535] {
      var chunk = Self.chunk(0)
      chunk.total = total
      wrong.append((chunk, 1024))
    }
    for length: UInt32 in [0, 2501, 0x8000_0000, UInt32.max] {
      var chunk = Self.chunk(0)
      chunk.objectLength = length
      chunk.total = UInt16(truncatingIfNeeded: (UInt64(length) + 1023) / 1024)
      wrong.append((chunk, 1024))
    }
    for (chunk, count) in wrong {
      let piece = [UInt8](repeating: 0xEE, count: count)
      let complete = assembly.add(chunk, piece.span)
      #expect(!complete, "\(chunk), \(count) bytes")
    }
    let complete = (1..<3).map { assembly.add(Self.chunk(UInt16($0)), Self.piece($0).span) }
    #expect(complete == [false, true])
    let bytes = [UInt8](copying: assembly.span)
    #expect(bytes == Self.object)
  }

  @Test("the largest object has 64 pieces, the smallest one byte")
  func extremes() {
    let large = (0..<65536).map { UInt8(truncatingIfNeeded: $0 / 251) }
    var assembly = Assembly(capacity: 65536)
    let complete = (0..<64).filter {
      assembly.add(Self.chunk(UInt16($0), of: 65536), Self.piece($0, of: large).span)
    }
    #expect(complete == [63])
    let bytes = [UInt8](copying: assembly.span)
    #expect(bytes == large)
    let single: [UInt8] = [7]
    let one = assembly.add(Self.chunk(0, of: 1), single.span)
    #expect(one)
    let rest = [UInt8](copying: assembly.span)
    #expect(rest == single)
    assembly.removeAll()
    let afresh = assembly.add(Self.chunk(0, of: 1), single.span)
    #expect(afresh)
  }
}
