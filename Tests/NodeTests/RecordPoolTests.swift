import Aggregation
import Cryptography
import Node
import SimulatedPlatform
import Testing
import Units
import Wire

@Suite("The memory that records are kept in")
struct RecordPoolTests {
  /// Of what a block keeps, every field differs with the number.
  private static func record(_ number: UInt64, _ meter: Int, in genesis: Genesis) -> Record {
    Record(
      owner: ReplicaIndex(1), meter: MeterIndex(UInt16(meter)), epoch: genesis.epoch, from: Period(number),
      through: Period(9000), keyIdentifier: genesis.keyIdentifier,
      closing: FixedBytes { out in
        out.write(number)
        out.writeZeros(64)
      },
      signature: FixedBytes { out in
        out.write(~number)
        out.writeZeros(56)
      })
  }
  private static func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number &* 0x9E37_79B9 &+ UInt64($0) &* 31) }
  }

  @Test("gives each block once and then none", arguments: [1, 2, 9, 64])
  func exhaustion(capacity: Int) {
    var pool = RecordPool(capacity: capacity, meterCount: 3, ciphertextBytes: 40)
    var taken: [RecordBlock] = []
    while let block = pool.take() { taken.append(block) }
    #expect(taken.count == capacity && pool.capacity == capacity)
    #expect(Set(taken.map { ObjectIdentifier($0) }).count == capacity)
    #expect(pool.take() == nil)
  }

  @Test("takes back what was given, and gives it out again")
  func giving() {
    var pool = RecordPool(capacity: 2, meterCount: 3, ciphertextBytes: 40)
    let first = pool.take()!
    let second = pool.take()!
    pool.give(first)
    let isFirst = pool.take() === first
    #expect(isFirst)
    pool.give(second)
    let isSecond = pool.take() === second
    let isEmpty = pool.take() == nil
    #expect(isSecond && isEmpty)
  }

  @Test("has a spare block for every set of a small group, and for an eighth of the sets of a large one, two at least")
  func capacity() {
    let plenty = RecordPool.plentyBytes
    // Beside the one that each set has.
    #expect(RecordPool.capacity(members: 4, blockBytes: plenty / 32) == 4)
    #expect(RecordPool.capacity(members: 4, blockBytes: plenty / 7) == 3)
    #expect(RecordPool.capacity(members: 4, blockBytes: plenty) == 2)
    #expect(RecordPool.capacity(members: 50, blockBytes: plenty) == 6)
    #expect(RecordPool.capacity(members: 64, blockBytes: plenty / 80) == 16)
    #expect(RecordPool.capacity(members: 64, blockBytes: 1) == 64)
    #expect(RecordBlock.bytes(meterCount: 500, ciphertextBytes: 768) == 500 * (768 + 8 + 72 + 64 + 32))
  }

  @Test(
    "holds in every block, at every meter, what was stored there last, to the byte",
    arguments: 1...8 as ClosedRange<UInt64>)
  func contents(seed: UInt64) {
    var dice = SeededGenerator(seed: seed)
    func below(_ count: Int) -> Int { Int(dice.next() % UInt64(count)) }
    let meterCount = 1 + below(20)
    let ciphertextBytes = 1 + below(200)
    let genesis = Group().genesis
    var pool = RecordPool(capacity: 5, meterCount: meterCount, ciphertextBytes: ciphertextBytes)
    var blocks: [RecordBlock] = []
    // The naive model: one number for each place.
    var stored: [[UInt64?]] = []
    var isRight = true
    for step in 0..<2000 as Range<UInt64> {
      if blocks.count < 5, below(100) == 0 || blocks.isEmpty {
        blocks.append(pool.take()!)
        stored.append(Array(repeating: nil, count: meterCount))
      }
      let block = below(blocks.count)
      let meter = below(meterCount)
      let bytes = Self.bytes(step, ciphertextBytes)
      blocks[block].store(Self.record(step, meter, in: genesis), bytes.span)
      stored[block][meter] = step
      guard step % 50 == 0 else { continue }
      for block in blocks.indices {
        for meter in 0..<meterCount {
          guard let number = stored[block][meter] else { continue }
          let index = MeterIndex(UInt16(meter))
          if Array(blocks[block].ciphertext(index)) != Self.bytes(number, ciphertextBytes) { isRight = false }
          let record = blocks[block].record(index, of: ReplicaIndex(1), through: Period(9000), in: genesis)
          if record != Self.record(number, meter, in: genesis) { isRight = false }
          if blocks[block].from(index) != Period(number) { isRight = false }
        }
      }
    }
    #expect(isRight)
  }
}
