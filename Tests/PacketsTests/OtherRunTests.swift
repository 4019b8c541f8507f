import HAL
import Packets
import Testing
import Wire

@Suite("What is heard of a run that nobody listens to (docs/PROTOCOL.md, Packets)")
struct OtherRunTests {
  /// A node of whose peer run 9 came before run 10, and the peer's two processes.
  private struct Parties: ~Copyable {
    var older = Fixture.sealer(1, 2, boot: 9)
    var newer = Fixture.sealer(1, 2, boot: 10)
    var judge = Fixture.sealer(2, 1, boot: 7)

    init() {
      exchange(&older, &judge)
      exchange(&newer, &judge)
      _ = judge.takeBegunRun()
    }

    /// What the judge read of it, if it was dropped as it must be.
    mutating func looked(at status: [UInt8], _ source: Endpoint = Fixture.elsewhere) -> OtherRunStatus? {
      guard judge.body(of: status, from: source) == nil else { return nil }
      return judge.takeOtherRun()
    }
  }

  @Test("a STATUS of an earlier run is dropped, and what it says can be read once")
  func older() {
    var parties = Parties()
    parties.older.advance(
      to: Instant(
        monotonic: MonotonicTime(nanoseconds: 5), wall: WallTime(nanoseconds: 1_795_000_000), state: .synchronised))
    let heard = parties.looked(at: parties.older.status())
    #expect(heard?.peer == 0 && heard?.bootCounter == 9)
    #expect(heard?.status.wall == WallTime(nanoseconds: 1_795_000_000) && heard?.status.clock == .synchronised)
    let again = parties.judge.takeOtherRun() == nil
    #expect(again)
    let isOther = parties.judge.strangerIsOfOtherRun
    let stranger = parties.judge.takeStranger()
    #expect(isOther && stranger?.endpoint == Fixture.elsewhere)
    let counts = [parties.judge.dropCount(.staleBoot), parties.judge.peers[0].bootCounter]
    #expect(counts == [1, 10])
    let begun = parties.judge.takeBegunRun() == nil
    let connected = areConnected(&parties.newer, &parties.judge)
    #expect(begun && connected)
  }

  @Test("another packet of an earlier run is answered and not opened")
  func olderPacket() {
    var parties = Parties()
    let packet = parties.older.packet(.vote, [1, 2, 3]) ?? []
    let heard = parties.looked(at: packet) == nil
    let isOther = parties.judge.strangerIsOfOtherRun
    let stranger = parties.judge.takeStranger()
    #expect(heard && isOther && stranger?.peer == 0)
  }

  @Test("no flipped bit of it is taken for a STATUS, and none is trapped by")
  func flipped() {
    var parties = Parties()
    let status = parties.older.status()
    var heard = 0
    for bit in 0..<(status.count * 8) {
      let packet = status.flipping(bit)
      let isDropped = parties.judge.body(of: packet, from: Fixture.elsewhere) == nil
      if isDropped, parties.judge.takeOtherRun() != nil { heard += 1 }
    }
    #expect(heard == 0)
    // Every length but the whole one.
    for count in 0..<status.count where parties.looked(at: Array(status.prefix(count))) != nil { heard += 1 }
    #expect(heard == 0)
    let whole = parties.looked(at: status) != nil
    #expect(whole)
  }

  @Test("a flood of recordings is opened 64 times at once, and then 16 times a second")
  func flood() {
    var parties = Parties()
    let status = parties.older.status()
    parties.judge.advance(to: MonotonicTime(nanoseconds: 1_000_000_000))
    func looks(_ parties: inout Parties) -> Int {
      var looked = 0
      // From where the newer run is: no stranger's budget helps.
      for _ in 0..<500 where parties.looked(at: status, Fixture.home) != nil { looked += 1 }
      return looked
    }
    let first = looks(&parties)
    parties.judge.advance(to: MonotonicTime(nanoseconds: 2_000_000_000))
    let second = looks(&parties)
    #expect([first, second] == [64, 16])
    let limits = [Sealer.otherRunBurst, Sealer.otherRunsPerSecond]
    #expect(limits == [64, 16])
  }

  @Test("another process under one counter is read likewise, and a run that begins is told once")
  func sameCounter() {
    var first = Fixture.sealer(1, 2, boot: 9)
    var second = Fixture.sealer(2, 1, boot: 7)
    exchange(&first, &second)
    exchange(&second, &first)
    let begun = [second.takeBegunRun(), second.takeBegunRun()]
    #expect(begun == [0, nil])
    var copied = Fixture.sealer(
      1, boot: 9, peers: [Peer(identifier: 2, agreementKey: Fixture.publicKey(2), endpoint: nil)],
      run: Fixture.run(0x99), packetKeySeed: 0x70)
    var heard: OtherRunStatus?
    for _ in 0..<6 where second.body(of: copied.status(), from: Fixture.elsewhere) == nil {
      heard = second.takeOtherRun() ?? heard
    }
    #expect(heard?.bootCounter == 9 && heard?.status.run == Fixture.run(0x99))
    let none = second.takeBegunRun() == nil
    #expect(none)
  }

  @Test("of an earlier run of a peer that was not heard itself there is nothing to tell")
  func unheard() {
    var older = Fixture.sealer(1, 2, boot: 9)
    var judge = Fixture.sealer(2, 1, boot: 7)
    judge.setMinimumBoot(10, of: 0)
    let dropped = judge.body(of: older.status()) == nil
    let heard = judge.takeOtherRun() != nil
    #expect(dropped && !heard)
  }
}
