import Packets
import Testing

@Suite("Replay window (RFC 6479)")
struct ReplayWindowTests {
  @Test(
    "after 5000 accepts what is above 2952 and not seen",
    arguments: [
      (0, false), (2951, false), (2952, false), (2953, true), (4999, true), (5000, false), (5001, true),
      (UInt64.max - 1, true), (UInt64.max, false),
    ] as [(UInt64, Bool)])
  func edges(number: UInt64, isFresh: Bool) {
    var window = ReplayWindow()
    window.insert(5000)
    #expect(window.isFresh(number) == isFresh)
  }

  @Test("takes the last number there is, and then none but those left behind it")
  func end() {
    var window = ReplayWindow()
    window.insert(UInt64.max - 1)
    #expect(!window.isFresh(UInt64.max - 1) && !window.isFresh(UInt64.max))
    #expect(window.isFresh(UInt64.max - 2) && window.isFresh(UInt64.max - 2048))
    #expect(!window.isFresh(UInt64.max - 2049))
  }

  @Test("agrees with a set of all numbers, over steps of every size", arguments: [1, 2, 3] as [UInt64])
  func againstSet(seed: UInt64) {
    var window = ReplayWindow()
    var seen: Set<UInt64> = []
    var highest: UInt64 = 0
    var state = seed
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

@Suite("Small replay window, of peers that send little and of STATUS")
struct SmallReplayWindowTests {
  @Test(
    "after 5000 accepts what is above 4936 and not seen",
    arguments: [
      (0, false), (4935, false), (4936, false), (4937, true), (4999, true), (5000, false), (5001, true),
      (UInt64.max - 1, true), (UInt64.max, false),
    ] as [(UInt64, Bool)])
  func edges(number: UInt64, isFresh: Bool) {
    var window = SmallReplayWindow()
    window.insert(5000)
    #expect(window.isFresh(number) == isFresh)
  }

  @Test("takes the last number there is, and then none but those left behind it")
  func end() {
    var window = SmallReplayWindow()
    window.insert(UInt64.max - 1)
    #expect(!window.isFresh(UInt64.max - 1) && !window.isFresh(UInt64.max))
    #expect(window.isFresh(UInt64.max - 2) && window.isFresh(UInt64.max - 64))
    #expect(!window.isFresh(UInt64.max - 65))
  }

  @Test("agrees with a set of all numbers, over steps of every size", arguments: [1, 2, 3] as [UInt64])
  func againstSet(seed: UInt64) {
    var window = SmallReplayWindow()
    var seen: Set<UInt64> = []
    var highest: UInt64 = 0
    var state = seed
    for step in 0..<20_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let reach = [UInt64(3), 7, 70, 500][step / 7 % 4]
      let offset = (state >> 33) % reach
      let number = step % 3 == 0 ? highest + offset : highest - min(highest, offset)
      let expected = !seen.contains(number) && (seen.isEmpty || number > highest || highest - number < 64)
      #expect(window.isFresh(number) == expected, "step \(step), number \(number), highest \(highest)")
      if window.isFresh(number) {
        window.insert(number)
        seen.insert(number)
        highest = max(highest, number)
      }
    }
  }
}
