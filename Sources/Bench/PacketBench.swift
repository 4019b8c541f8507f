import CPlainLoop
import Commands
import Cryptography
import HAL
import LinuxPlatform
import NodeProcess
import Packets
import Units
import Wire

/// What sealed packets cost between two sockets of one thread: seal, send, receive, open; and what of it is the heap's.
struct PacketBench {
  static let bodyBytes = Sealer.maximumBodyBytes
  /// Packets before anything is counted: caches settle, and whatever is made once is made.
  static let warmUp: UInt64 = 3200

  let packets: UInt64
  let json: Bool

  init(packets: UInt64, json: Bool) {
    // Whole batches.
    self.packets =
      (packets + UInt64(DatagramBatch.slots) - 1) / UInt64(DatagramBatch.slots) * UInt64(DatagramBatch.slots)
    self.json = json
  }

  /// Nanoseconds of each part, and what was counted.
  private struct Times {
    var seal: UInt64 = 0
    var send: UInt64 = 0
    var receive: UInt64 = 0
    var open: UInt64 = 0
    var systemCalls: UInt64 = 0
    var allocations: UInt64?
    var total: UInt64 { seal + send + receive + open }
  }

  func run() throws(Failure) {
    do throws(PlatformError) {
      // Interleaved with the plain C loop, in ten parts, so that whatever else the machine does meets both.
      let parts: UInt64 = packets >= 320_000 ? 10 : 1
      let part = packets / parts / UInt64(DatagramBatch.slots) * UInt64(DatagramBatch.slots)
      var ours = Times()
      ours.allocations = heapAllocationCount() == nil ? nil : 0
      var plain: UInt64 = 0
      var line = try Line()
      try line.pass(Self.warmUp, &ours)
      let segments = line.usesSegments
      ours = Times()
      ours.allocations = heapAllocationCount() == nil ? nil : 0
      var sent: UInt64 = 0
      while sent < packets {
        let now = min(part, packets - sent)
        try line.pass(now, &ours)
        let nanoseconds = plain_loop(now, UInt32(Sealer.maximumDatagramBytes), segments ? 1 : 0)
        guard nanoseconds >= 0 else { throw PlatformError(.other, code: Int32(truncatingIfNeeded: -nanoseconds)) }
        plain += UInt64(nanoseconds)
        sent += now
      }
      report(ours, plain: plain, segments)
    } catch { throw Failure("bench packets: \(error)") }
  }

  /// Two sealers that know each other, and a socket for each.
  private struct Line: ~Copyable {
    private var sender: Sealer
    private var receiver: Sealer
    private let from: UDPSocket
    private let to: UDPSocket
    private var outgoing: DatagramBatch
    private var incoming: DatagramBatch
    private var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
    private let payload: [UInt8]
    private let destination: Endpoint
    private let home: Endpoint

    init() throws(PlatformError) {
      var random = SecureRandom()
      let first = AgreementKey(seed: SecretBytes(random: &random))
      let second = AgreementKey(seed: SecretBytes(random: &random))
      let firstSigner = SigningKey(seed: SecretBytes(random: &random))
      let secondSigner = SigningKey(seed: SecretBytes(random: &random))
      let firstKey = first.publicKey
      let secondKey = second.publicKey
      // What can fail comes first: a noncopyable value is made whole or not at all.
      let from = try UDPSocket(bindingTo: Endpoint(ipv4: 127, 0, 0, 1, port: 0))
      let to = try UDPSocket(bindingTo: Endpoint(ipv4: 127, 0, 0, 1, port: 0))
      let outgoing = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
      let incoming = try DatagramBatch(datagramBytes: Sealer.maximumDatagramBytes)
      destination = Endpoint(ipv4: 127, 0, 0, 1, port: to.port)
      home = Endpoint(ipv4: 127, 0, 0, 1, port: from.port)
      var sender = Sealer(
        identifier: 1, agreementKey: first, packetKeySeed: SecretBytes(random: &random), signer: firstSigner,
        bootCounter: 1, run: RunIdentifier(random: &random), networkIdentifier: Digest(), epoch: Epoch(1),
        peers: [Peer(identifier: 2, agreementKey: secondKey, endpoint: destination)])
      var receiver = Sealer(
        identifier: 2, agreementKey: second, packetKeySeed: SecretBytes(random: &random), signer: secondSigner,
        bootCounter: 1, run: RunIdentifier(random: &random), networkIdentifier: Digest(), epoch: Epoch(1),
        peers: [Peer(identifier: 1, agreementKey: firstKey, endpoint: home)])
      Self.greet(&sender, firstSigner.verificationKey, &receiver, home)
      Self.greet(&receiver, secondSigner.verificationKey, &sender, destination)
      self.from = from
      self.to = to
      self.outgoing = outgoing
      self.incoming = incoming
      self.sender = sender
      self.receiver = receiver
      payload = [UInt8](repeating: 0xA5, count: PacketBench.bodyBytes)
    }

    var usesSegments: Bool { outgoing.usesSegments }

    private static func greet(
      _ one: inout Sealer, _ key: VerificationKey, _ other: inout Sealer, _ endpoint: Endpoint
    ) {
      var packet = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
      let status = one.statusBody(to: 0)
      packet.replace { out in _ = one.seal(.status, status.span, to: 0, into: &out) }
      var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
      body.replace { out in _ = other.open(packet.span, from: endpoint, into: &out) }
      _ = other.readStatus(body.span, from: 0, signedBy: key)
    }

    private static func seal(
      _ payload: [UInt8], by sealer: inout Sealer, to destination: Endpoint, _ batch: inout DatagramBatch
    ) {
      for _ in 0..<DatagramBatch.slots {
        batch.append(to: destination) { out in _ = sealer.seal(.record, payload.span, to: 0, into: &out) }
      }
    }

    private static func open(_ batch: borrowing DatagramBatch, by sealer: inout Sealer, _ body: inout ByteBuffer) -> Int
    {
      var count = 0
      for place in 0..<batch.count {
        body.replace { out in
          if sealer.open(batch.datagram(place), from: batch.source(place), into: &out) != nil { count += 1 }
        }
      }
      return count
    }

    mutating func pass(_ count: UInt64, _ times: inout Times) throws(PlatformError) {
      let allocated = heapAllocationCount()
      let calls = outgoing.systemCallCount + incoming.systemCallCount
      var done: UInt64 = 0
      while done < count {
        let start = LinuxClock.threadNanoseconds
        Self.seal(payload, by: &sender, to: destination, &outgoing)
        let sealed = LinuxClock.threadNanoseconds
        try outgoing.flush(by: from)
        let sent = LinuxClock.threadNanoseconds
        times.seal += sealed - start
        times.send += sent - sealed
        var opened = 0
        while opened < DatagramBatch.slots {
          let begin = LinuxClock.threadNanoseconds
          try incoming.receive(from: to)
          let came = LinuxClock.threadNanoseconds
          let good = Self.open(incoming, by: &receiver, &body)
          // Loopback loses nothing that fits into the socket's queue, and forgeries are not part of this.
          guard good > 0, good == incoming.count else { throw PlatformError(.corrupted) }
          opened += good
          times.receive += came - begin
          times.open += LinuxClock.threadNanoseconds - came
        }
        done += UInt64(opened)
      }
      times.systemCalls += outgoing.systemCallCount + incoming.systemCallCount - calls
      if let allocated, let now = heapAllocationCount() {
        times.allocations = (times.allocations ?? 0) + now - allocated
      }
    }
  }

  private func report(_ times: Times, plain: UInt64, _ segments: Bool) {
    func each(_ nanoseconds: UInt64) -> String { decimal(nanoseconds * 1000 / packets, places: 3) }
    let allocations = times.allocations.map { "\($0)" } ?? "null"
    if json {
      printLine(
        "{\"packets\":\(packets),\"bytes\":\(Sealer.maximumDatagramBytes),\"heapAllocations\":\(allocations),"
          + "\"systemCalls\":\(times.systemCalls),\"segments\":\(segments),\"sealNanoseconds\":\(each(times.seal)),"
          + "\"sendNanoseconds\":\(each(times.send)),\"receiveNanoseconds\":\(each(times.receive)),"
          + "\"openNanoseconds\":\(each(times.open)),\"totalNanoseconds\":\(each(times.total)),"
          + "\"plainNanoseconds\":\(each(plain)),\"ratio\":\(decimal(times.total * 1000 / max(1, plain), places: 3))}")
      return
    }
    printLine(
      "\(packets) packets of \(Sealer.maximumDatagramBytes) bytes over loopback, sealed, sent, received and opened")
    printLine("heap allocations        \(times.allocations.map { "\($0)" } ?? "not counted in this program")")
    printLine("system calls            \(times.systemCalls), \(segments ? "with" : "without") segments (UDP_SEGMENT)")
    printLine(
      "CPU ns a packet         seal \(each(times.seal)), send \(each(times.send)), receive \(each(times.receive)), open \(each(times.open))"
    )
    printLine("                        \(each(times.total)) in all; a plain C loop without sealing \(each(plain)), CPU")
    printLine("ratio                   \(decimal(times.total * 1000 / max(1, plain), places: 3))")
  }
}
