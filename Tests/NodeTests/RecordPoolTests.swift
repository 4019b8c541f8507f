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
    let pool = RecordPool(capacity: capacity, meterCount: 3, ciphertextBytes: 40)
    var taken: [RecordBlock] = []
    while let block = pool.take() { taken.append(block) }
    #expect(taken.count == capacity && pool.capacity == capacity)
    #expect(Set(taken.map { ObjectIdentifier($0) }).count == capacity)
    #expect(pool.take() == nil)
  }

  @Test("has a block for every slot of a small group, and one for each set and an eighth more of a large one")
  func capacity() {
    let plenty = RecordPool.plentyBytes
    #expect(RecordPool.capacity(members: 4, slotsPerSet: 8, blockBytes: plenty / 32) == 32)
    #expect(RecordPool.capacity(members: 4, slotsPerSet: 8, blockBytes: plenty / 31) == 31)
    #expect(RecordPool.capacity(members: 4, slotsPerSet: 8, blockBytes: plenty) == 6)
    #expect(RecordPool.capacity(members: 50, slotsPerSet: 8, blockBytes: plenty) == 56)
    #expect(RecordPool.capacity(members: 64, slotsPerSet: 8, blockBytes: 1) == 512)
    #expect(RecordBlock.bytes(meterCount: 500, ciphertextBytes: 768) == 500 * (768 + 8 + 72 + 64))
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
    let pool = RecordPool(capacity: 5, meterCount: meterCount, ciphertextBytes: ciphertextBytes)
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

  /// What a slot is to whoever looks for room.
  private struct Slot {
    var period: UInt64 = 0
    var isFinished = false
    var isNeeded = false
    var block: RecordBlock?
  }

  /// The rule of ``RoomChoice`` once more, as a list of candidates in order of preference.
  private static func naive(_ slots: [Slot], for own: UInt64, isAwaited: Bool) -> (decided: Int?, undecided: Int?) {
    let holding = slots.indices.filter { slots[$0].block != nil }
    let decided = holding.filter { slots[$0].isFinished }.sorted { (slots[$0].period, $0) < (slots[$1].period, $1) }
    let free = holding.filter { !slots[$0].isFinished && !slots[$0].isNeeded }
    let expired = free.filter { slots[$0].period + 2 < own }.sorted { (slots[$0].period, $0) < (slots[$1].period, $1) }
    let newer = free.filter { slots[$0].period > own }.sorted { (~slots[$0].period, $0) < (~slots[$1].period, $1) }
    return (decided.first, expired.first ?? (isAwaited ? newer.first : nil))
  }

  @Test(
    "goes from slot to slot as the naive rule says, is never in two of them, and never leaves one that is needed",
    arguments: 1...20 as ClosedRange<UInt64>)
  func room(seed: UInt64) {
    var dice = SeededGenerator(seed: seed)
    func below(_ count: Int) -> Int { Int(dice.next() % UInt64(count)) }
    let members = 1 + below(6)
    let capacity = members + 1 + below(3)
    let pool = RecordPool(capacity: capacity, meterCount: 2, ciphertextBytes: 8)
    // 8 periods of each set, as an aggregator has them.
    var slots = Array(repeating: Slot(), count: 8 * members)
    var period: UInt64 = 100
    var outside = capacity
    var counts = (served: 0, refused: 0, fromDecided: 0, fromUndecided: 0)
    var isRight = true
    for _ in 0..<4000 {
      switch below(10) {
      case 0:
        period += 1
        // The slots of the new period forget, and keep their memory.
        for member in 0..<members {
          let place = 8 * member + Int(period % 8)
          slots[place].period = period
          slots[place].isFinished = false
          slots[place].isNeeded = false
        }
      case 1..<4:
        let place = below(slots.count)
        if slots[place].block != nil { slots[place].isFinished = true }
      case 4: slots[below(slots.count)].isNeeded = true
      default:
        let place = below(slots.count)
        guard slots[place].period > 0, slots[place].block == nil, !slots[place].isFinished else { continue }
        let isAwaited = slots[place].isNeeded && below(2) == 0
        let expected = Self.naive(slots, for: slots[place].period, isAwaited: isAwaited)
        var choice = RoomChoice(for: Period(slots[place].period), isAwaited: isAwaited)
        for other in slots.indices where slots[other].block != nil {
          choice.consider(
            other, Period(slots[other].period), isFinished: slots[other].isFinished, isNeeded: slots[other].isNeeded)
        }
        if choice.decided != expected.decided || choice.undecided != expected.undecided { isRight = false }
        // As AggregatorNode does it.
        if let other = choice.decided {
          (slots[place].block, slots[other].block) = (slots[other].block, nil)
          counts.fromDecided += 1
        } else if let block = pool.take() {
          slots[place].block = block
          outside -= 1
        } else if let other = choice.undecided {
          if slots[other].isNeeded { isRight = false }
          (slots[place].block, slots[other].block) = (slots[other].block, nil)
          counts.fromUndecided += 1
        }
        if slots[place].block == nil { counts.refused += 1 } else { counts.served += 1 }
      }
      let held = slots.compactMap { $0.block.map { ObjectIdentifier($0) } }
      if Set(held).count != held.count || held.count + outside != capacity { isRight = false }
    }
    #expect(isRight)
    // All of it was walked through.
    #expect(counts.served > 100 && counts.refused > 0 && counts.fromDecided > 0 && counts.fromUndecided > 0)
  }
}
