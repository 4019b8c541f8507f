import Cryptography
import HAL
import Units
import Wire

/// Seals and opens every packet of one node. (DESIGN §5)
///
/// The key of a direction is bound to network, epoch, both parties and both boot counters, so that no packet of an
/// earlier run opens. STATUS alone is sealed without the receiver's boot counter, which it serves to announce. Once
/// made it allocates only while it derives a key: for a STATUS of another run than the one known.
public struct Sealer: ~Copyable {
  public static let maximumDatagramBytes = 1232
  public static let maximumBodyBytes = maximumDatagramBytes - PacketHeader.encodedBytes - SealingKey.tagBytes

  public let identifier: UInt32
  public let bootCounter: UInt64
  public private(set) var peers: [Peer]
  private let context: KeyContext
  private var keys: [PeerKeys]
  /// Places in `peers`, by ascending identifier.
  private let order: [Int]
  public private(set) var drops = InlineArray<11, UInt64>(repeating: 0)
  /// A peer knows a higher boot counter of ours: this node runs from an old image. (rule 44)
  public private(set) var learnedOfHigherOwnBoot = false

  /// - Precondition: `bootCounter` > 0; no identifier occurs twice.
  public init(
    identifier: UInt32, agreementKey: consuming AgreementKey, bootCounter: UInt64, networkIdentifier: Digest,
    epoch: Epoch, peers: [Peer]
  ) {
    precondition(bootCounter > 0)
    precondition(DropReason.allCases.count == DropReason.count)
    self.identifier = identifier
    self.bootCounter = bootCounter
    self.peers = peers
    context = KeyContext(networkIdentifier: networkIdentifier, epoch: epoch)
    order = peers.indices.sorted { peers[$0].identifier < peers[$1].identifier }
    for place in order.indices.dropFirst() {
      precondition(peers[order[place - 1]].identifier < peers[order[place]].identifier, "a peer occurs twice")
    }
    keys = []
    keys.reserveCapacity(peers.count)
    for peer in peers {
      // A key of small order would make the seal known to all. The genesis names it, so it is no packet's fault: such a
      // peer gets a secret only this node can compute, under which nothing it sends opens.
      guard
        let shared = agreementKey.sharedSecret(with: peer.agreementKey)
          ?? agreementKey.sharedSecret(with: agreementKey.publicKey)
      else { preconditionFailure("our own public key is of small order") }
      keys.append(PeerKeys(shared: shared, context, own: identifier, ownBoot: bootCounter, peer: peer.identifier))
    }
  }

  /// The place of a peer in ``peers``.
  public func index(of identifier: UInt32) -> Int? {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if peers[order[middle]].identifier < identifier { low = middle + 1 } else { high = middle }
    }
    return low < order.count && peers[order[low]].identifier == identifier ? order[low] : nil
  }

  /// Appends the sealed packet. False when the peer's boot counter is not known yet and this is no STATUS.
  ///
  /// - Precondition: the body has at most ``maximumBodyBytes``, and `output` room for the packet.
  public mutating func seal(
    _ type: PacketType, _ body: Span<UInt8>, to peer: Int, into output: inout OutputSpan<UInt8>
  ) -> Bool {
    precondition(body.count <= Self.maximumBodyBytes)
    guard type == .status || peers[peer].bootCounter > 0 else { return false }
    let header = PacketHeader(
      type: type, bodyLength: UInt16(body.count), sender: identifier, receiver: peers[peer].identifier,
      bootCounter: bootCounter, packetSequence: peers[peer].nextSequence)
    // One counter serves both keys, so no nonce repeats under either.
    peers[peer].nextSequence += 1
    let clear = FixedBytes<32>(InlineArray { (out: inout OutputSpan<UInt8>) in header.encode(into: &out) })
    output.write(clear)
    if type == .status {
      peers[peer].isOwedStatus = false
      keys[peer].sendingStatus.seal(body, nonce: header.nonce, associatedData: clear.span, into: &output)
    } else {
      keys[peer].sending.seal(body, nonce: header.nonce, associatedData: clear.span, into: &output)
    }
    return true
  }

  /// Opens a datagram, cheapest checks first, and appends its body. Nil, with nothing appended, when it was dropped; the
  /// reason is counted.
  ///
  /// - Parameter milliseconds: Monotonic; with it the sender's budget is charged.
  public mutating func open(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, at milliseconds: UInt64? = nil,
    into output: inout OutputSpan<UInt8>
  ) -> (type: PacketType, peer: Int)? {
    guard datagram.count >= PacketHeader.encodedBytes + SealingKey.tagBytes,
      datagram.count <= Self.maximumDatagramBytes
    else { return drop(.malformed) }
    var reader = WireReader(datagram)
    guard let header = try? PacketHeader(decoding: &reader),
      Int(header.bodyLength) + PacketHeader.encodedBytes + SealingKey.tagBytes == datagram.count
    else { return drop(.malformed) }
    guard header.receiver == identifier else { return drop(.notForMe) }
    guard let peer = index(of: header.sender) else { return drop(.unknownSender) }
    if let milliseconds, !peers[peer].budget.take(at: milliseconds) { return drop(.overBudget) }
    let isOpen =
      header.type == .status
      ? openStatus(header, peer, datagram, into: &output)
      : openMessage(header, peer, datagram, from: endpoint, into: &output)
    guard isOpen else { return nil }
    peers[peer].accept(header, from: endpoint)
    return (header.type, peer)
  }

  private mutating func openMessage(
    _ header: PacketHeader, _ peer: Int, _ datagram: Span<UInt8>, from endpoint: Endpoint,
    into output: inout OutputSpan<UInt8>
  ) -> Bool {
    let known = peers[peer].bootCounter
    guard header.bootCounter == known, known > 0 else {
      if header.bootCounter < known {
        count(.staleBoot)
        return false
      }
      // Restart story: we restarted and nobody configured where this peer is. It has no reason to announce itself again,
      // so our STATUS must find it: the source of its packet is a guess until something passes the seal.
      peers[peer].isOwedStatus = true
      if known == 0, !peers[peer].isConfigured { peers[peer].endpoint = endpoint }
      count(.unknownBoot)
      return false
    }
    guard peers[peer].window.isFresh(header.packetSequence) else {
      count(.replayed)
      return false
    }
    guard Self.unseal(header, datagram, with: keys[peer].receiving, into: &output) else {
      // Most likely it was sealed for our run before this one.
      peers[peer].isOwedStatus = true
      count(.badSeal)
      return false
    }
    return true
  }

  private mutating func openStatus(
    _ header: PacketHeader, _ peer: Int, _ datagram: Span<UInt8>, into output: inout OutputSpan<UInt8>
  ) -> Bool {
    let known = peers[peer].bootCounter
    guard header.bootCounter > 0 else {
      count(.malformed)
      return false
    }
    if header.bootCounter == known {
      guard peers[peer].statusWindow.isFresh(header.packetSequence) else {
        count(.replayed)
        return false
      }
      let isOpen = Self.unseal(header, datagram, with: keys[peer].receivingStatus, into: &output)
      if !isOpen { count(.badSeal) }
      return isOpen
    }
    let other = peers[peer].identifier
    let pair = keys[peer]
    let statusKey = context.key(pair.shared, from: other, to: identifier, header.bootCounter, 0)
    guard Self.unseal(header, datagram, with: statusKey, into: &output) else {
      count(.badSeal)
      return false
    }
    guard header.bootCounter > known else {
      // Replay story: somebody keeps a STATUS of an earlier run and sends it again. It changes nothing here; it costs
      // our next tick one STATUS to where the peer is. A node that really runs from an old image needs that STATUS: it
      // names the higher counter. (DESIGN §5, rule 44)
      output.removeLast(Int(header.bodyLength))
      peers[peer].isOwedStatus = true
      count(.bootWentBackwards)
      return false
    }
    peers[peer].beginRun(header.bootCounter)
    keys[peer].sending = context.key(pair.shared, from: identifier, to: other, bootCounter, header.bootCounter)
    keys[peer].receiving = context.key(pair.shared, from: other, to: identifier, header.bootCounter, bootCounter)
    keys[peer].receivingStatus = statusKey
    return true
  }

  private static func unseal(
    _ header: PacketHeader, _ datagram: Span<UInt8>, with key: borrowing SealingKey,
    into output: inout OutputSpan<UInt8>
  ) -> Bool {
    let clear = datagram.extracting(0..<PacketHeader.encodedBytes)
    let sealed = datagram.extracting(PacketHeader.encodedBytes..<datagram.count)
    return key.open(sealed, nonce: header.nonce, associatedData: clear, into: &output)
  }

  /// The body of a STATUS to this peer: what we know of both runs.
  public func statusBody(to peer: Int) -> FixedBytes<16> {
    let status = Status(senderBoot: bootCounter, receiverBoot: peers[peer].bootCounter)
    return FixedBytes<16>(InlineArray { (out: inout OutputSpan<UInt8>) in status.encode(into: &out) })
  }

  /// Reads the body of a STATUS that ``open(_:from:at:into:)`` returned. True when its sender does not know our boot
  /// counter yet and should be told at once.
  public mutating func readStatus(_ body: Span<UInt8>) -> Bool {
    var reader = WireReader(body)
    guard let status = try? Status(decoding: &reader) else {
      count(.malformedBody)
      return false
    }
    if status.receiverBoot > bootCounter { learnedOfHigherOwnBoot = true }
    return status.receiverBoot < bootCounter
  }

  /// For what a role refuses after the seal held.
  public mutating func count(_ reason: DropReason) { drops[Int(reason.rawValue)] += 1 }

  public func dropCount(_ reason: DropReason) -> UInt64 { drops[Int(reason.rawValue)] }

  private mutating func drop(_ reason: DropReason) -> (type: PacketType, peer: Int)? {
    count(reason)
    return nil
  }
}
