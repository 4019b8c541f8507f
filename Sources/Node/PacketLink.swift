import Cryptography
import HAL
import Packets
import Units
import Wire

/// A node's sealed packets and the buffers they are made in.
struct PacketLink: ~Copyable {
  var sealer: Sealer
  private var body = ByteBuffer(capacity: Sealer.maximumBodyBytes)
  private var datagram = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
  /// Peers whose unknown run was answered since the last ``greet(via:)``.
  private var isAnswered: [Bool]

  init(_ sealer: consuming Sealer) {
    isAnswered = Array(repeating: false, count: sealer.peers.count)
    self.sealer = sealer
  }

  func peer(_ identifier: NodeIdentifier) -> Int? { sealer.index(of: identifier.rawValue) }

  /// Sends a packet, or nothing while the peer's address or boot counter is unknown.
  mutating func send(
    _ type: PacketType, to peer: Int, via host: inout some NodeHost & ~Copyable,
    _ fill: (inout OutputSpan<UInt8>) -> Void
  ) {
    guard let endpoint = sealer.peers[peer].endpoint else { return }
    send(type, to: peer, at: endpoint, via: &host, fill)
  }

  private mutating func send(
    _ type: PacketType, to peer: Int, at endpoint: Endpoint, via host: inout some NodeHost & ~Copyable,
    _ fill: (inout OutputSpan<UInt8>) -> Void
  ) {
    body.replace(fill)
    if Self.seal(type, body, to: peer, by: &sealer, into: &datagram) { host.send(datagram.span, to: endpoint) }
  }

  private static func seal(
    _ type: PacketType, _ body: borrowing ByteBuffer, to peer: Int, by sealer: inout Sealer,
    into datagram: inout ByteBuffer
  ) -> Bool {
    var sealed = false
    datagram.replace { out in sealed = sealer.seal(type, body.span, to: peer, into: &out) }
    return sealed
  }

  mutating func sendStatus(to peer: Int, via host: inout some NodeHost & ~Copyable) {
    let status = sealer.statusBody(to: peer)
    send(.status, to: peer, via: &host) { out in out.write(status) }
  }

  /// Announces this run to every peer that has not answered yet.
  mutating func greet(via host: inout some NodeHost & ~Copyable) {
    for peer in sealer.peers.indices {
      isAnswered[peer] = false
      if sealer.peers[peer].bootCounter == 0 { sendStatus(to: peer, via: &host) }
    }
  }

  /// Tells a peer that still seals for an earlier run, or that we know no run of, about ours. The address is only
  /// claimed, so it gets one STATUS between two greetings and is not remembered.
  private mutating func answerStranger(via host: inout some NodeHost & ~Copyable) {
    guard let (peer, endpoint) = sealer.takeStranger(), !isAnswered[peer] else { return }
    isAnswered[peer] = true
    let status = sealer.statusBody(to: peer)
    send(.status, to: peer, at: endpoint, via: &host) { out in out.write(status) }
  }

  mutating func sendChunks(
    _ object: ObjectKind, _ owner: ReplicaIndex, _ period: Period, _ bytes: Span<UInt8>, to peer: Int,
    via host: inout some NodeHost & ~Copyable
  ) {
    let total = Chunk.pieces(ofBytes: bytes.count)
    for index in 0..<total {
      let start = index * Chunk.maximumPieceBytes
      let piece = bytes.extracting(start..<min(bytes.count, start + Chunk.maximumPieceBytes))
      let chunk = Chunk(
        object: object, owner: owner, index: UInt16(index), total: UInt16(total), period: period,
        objectLength: UInt32(bytes.count))
      send(.chunk, to: peer, via: &host) { out in
        chunk.encode(into: &out)
        out.write(piece)
      }
    }
  }

  mutating func want(_ want: Want, from peer: Int, via host: inout some NodeHost & ~Copyable) {
    send(.want, to: peer, via: &host) { out in want.encode(into: &out) }
  }

  /// Opens a datagram into `input`; answers STATUS itself and returns nil for it.
  mutating func open(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, into input: inout ByteBuffer,
    via host: inout some NodeHost & ~Copyable
  ) -> (type: PacketType, peer: Int)? {
    var opened: (type: PacketType, peer: Int)?
    input.replace { out in opened = sealer.open(datagram, from: endpoint, into: &out) }
    guard let opened else {
      answerStranger(via: &host)
      return nil
    }
    if opened.type == .status {
      if sealer.readStatus(input.span) { sendStatus(to: opened.peer, via: &host) }
      return nil
    }
    return opened
  }
}

/// What a journal entry is, by its first byte. (docs/PROTOCOL.md, Journal entries)
public enum EntryKind: UInt8, Sendable {
  case boot = 1
  case vote = 2
  case record = 3
  case decided = 4
  case baseline = 5
  case closed = 6
  case certified = 7
  case proposal = 8
  case recovered = 9
  case adopted = 10
}

/// The boot counter this run must use: one above the highest in the journal. Append it and sync before the first send.
public struct BootCounter: Sendable {
  public private(set) var last: UInt64 = 0
  public init() {}

  public mutating func visit(_ entry: Span<UInt8>) {
    var reader = WireReader(entry)
    guard (try? reader.read(UInt8.self)) == EntryKind.boot.rawValue, let value = try? reader.read(UInt64.self) else {
      return
    }
    last = max(last, value)
  }

  public var next: UInt64 { last + 1 }
  public var entry: [UInt8] {
    var bytes: [UInt8] = [EntryKind.boot.rawValue]
    for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: next >> UInt64(8 * index))) }
    return bytes
  }
}
