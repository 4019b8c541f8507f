import Packets
import Testing

@Suite("Replay window (RFC 6479)")
struct ReplayWindowTests {
  @Test(
    "after 5000 accepts what is above 2951 and not seen",
    arguments: [
      (0, false), (2951, false), (2952, false), (2953, true), (4999, true), (5000, false), (5001, true),
      (UInt64.max - 1, true), (UInt64.max, false),
    ] as [(UInt64, Bool)])
  func edges(number: UInt64, isFresh: Bool) {
    var window = ReplayWindow()
    window.insert(5000)
    #expect(window.isFresh(number) == isFresh)
  }

  @Test("agrees with a set of all numbers, over steps of every size")
  func againstSet() {
    var window = ReplayWindow()
    var seen: Set<UInt64> = []
    var highest: UInt64 = 0
    var state: UInt64 = 1
    for step in 0..<20_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let reach = [UInt64(3), 70, 2100, 5000][step / 7 % 4]
      let offset = (state >> 33) % reach
      let number = step % 3 == 0 ? highest + offset : highest - min(highest, offset)
      // The highest is not fresh itself, so 2047 lie below it.
      let expected = !seen.contains(number) && (seen.isEmpty || number > highest || highest - number < 2048)
      #expect(window.isFresh(number) == expected, "step \(step), number \(number), highest \(highest)")
      if window.isFresh(number) {
        window.insert(number)
        seen.insert(number)
        highest = max(highest, number)
      }
    }
  }
}

@Suite("Token bucket (consensus.md §2.5)")
struct TokenBucketTests {
  @Test("gives the burst at once, then one token for each share of a second, and no fraction is lost")
  func rate() {
    var bucket = TokenBucket(tokensPerSecond: 3, burst: 2)
    let burst = (0..<4).map { _ in bucket.take(at: 0) }
    #expect(burst == [true, true, false, false])
    var taken: [UInt64] = []
    for milliseconds: UInt64 in 1...1001 where bucket.take(at: milliseconds) { taken.append(milliseconds) }
    #expect(taken == [334, 667, 1000])
  }

  @Test("holds no more than the burst after any pause, and time that steps back adds nothing")
  func limits() {
    var bucket = TokenBucket(tokensPerSecond: 1_000_000, burst: 1_000_000)
    let first = bucket.take(at: UInt64.max)
    #expect(first)
    var small = TokenBucket(tokensPerSecond: 1, burst: 1)
    let once = small.take(at: 10_000)
    let back = small.take(at: 0)
    let early = small.take(at: 10_999)
    let due = small.take(at: 11_000)
    let long = small.take(at: UInt64.max)
    let empty = small.take(at: UInt64.max)
    #expect([once, back, early, due, long, empty] == [true, false, false, true, true, false])
  }
}
