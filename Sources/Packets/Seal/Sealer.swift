import Cryptography
import HAL
import Units
import Wire

/// Why a datagram was dropped; each is counted.
public enum DropReason: UInt8, CaseIterable, Sendable {
  case malformed, notForMe, unknownSender, replayed, staleBoot, unknownBoot, badSeal, malformedBody, notAllowed,
    overBudget
  /// Sealed by its sender, but a signature inside does not hold.
  case badSignature
  /// Its sender is not listened to for a while.
  case silenced
  /// More arrives than this node looks at, from whomever.
  case interfaceOverBudget
  /// More arrives under known names from unknown addresses than this node opens.
  case strangersOverBudget
  /// Under packet keys that this node does not have, or no longer.
  case unknownKey
  /// Of a version that this node does not speak.
  case unknownVersion
  /// A STATUS of another process under the boot counter of the one that is known: of a copied card, or of an old image.
  case otherRun

  /// In lower case with underscores, as metrics call it.
  public var name: String {
    switch self {
    case .malformed: "malformed"
    case .notForMe: "not_for_me"
    case .unknownSender: "unknown_sender"
    case .replayed: "replayed"
    case .staleBoot: "stale_boot"
    case .unknownBoot: "unknown_boot"
    case .badSeal: "bad_seal"
    case .malformedBody: "malformed_body"
    case .notAllowed: "not_allowed"
    case .overBudget: "over_budget"
    case .badSignature: "bad_signature"
    case .silenced: "silenced"
    case .interfaceOverBudget: "interface_over_budget"
    case .strangersOverBudget: "strangers_over_budget"
    case .unknownKey: "unknown_key"
    case .unknownVersion: "unknown_version"
    case .otherRun: "other_run"
    }
  }
}

/// One party packets are exchanged with, as its node is told of it.
public struct Peer: Sendable {
  public let identifier: UInt32
  public let agreementKey: AgreementPublicKey
  /// The configuration's guess.
  public let endpoint: Endpoint?
  /// Sends little: a record or two in a period. Its replay window is short and its keys are made for each packet.
  public let isQuiet: Bool

  /// Takes what a genesis says of a party, and what the configuration says of where it is.
  public init(identifier: UInt32, agreementKey: AgreementPublicKey, endpoint: Endpoint?, isQuiet: Bool = false) {
    self.isQuiet = isQuiet
    self.identifier = identifier
    self.agreementKey = agreementKey
    self.endpoint = endpoint
  }
}

/// What is known of every peer. An aggregator has up to 32,768, so the order of the fields leaves no gaps, and what only
/// peers that are not quiet need is elsewhere.
public struct PeerState: Sendable {
  public let identifier: UInt32
  /// The source of its last packet that passed the seal; at first the configuration's guess, which is preferred while the
  /// peer is heard from there.
  public internal(set) var endpoint: Endpoint?
  /// Of what else is kept of it; ``noPlace`` for a quiet peer.
  let busyPlace: UInt8
  static let noPlace = UInt8.max
  /// In its present run it has said that it knows of this very run, so that one is no copy of an old STATUS.
  var isAcknowledged = false
  /// The highest version it speaks, as its last packet said; 0 before the first.
  public internal(set) var newestVersion: UInt8 = 0
  var credit = ServingCredit()
  /// Of a quiet peer: numbers of the packet keys agreed on, of this node and of the peer; 0 before.
  var ownKeyNumber: UInt32 = 0
  var peerKeyNumber: UInt32 = 0
  /// Of a quiet peer: when a packet of it was opened last.
  var heardSeconds: UInt32 = 0
  /// Its highest boot counter seen under the seal; 0 before the first STATUS.
  public internal(set) var bootCounter: UInt64 = 0
  /// Of its process with that counter; zero before the first STATUS.
  var run = FixedBytes<16>()
  /// Its boot counter before that one, as far as this node knows.
  var previousBootCounter: UInt64 = 0
  public internal(set) var nextSequence: UInt64 = 0
  /// Of STATUS, and of a quiet peer of all it sends: one counter numbers them.
  var window = SmallReplayWindow()
  var budget = PeerBudget()

  /// - Parameter busyPlace: nil for a quiet peer.
  init(_ peer: Peer, busyPlace: UInt8?) {
    precondition(busyPlace != Self.noPlace && (busyPlace == nil) == peer.isQuiet)
    identifier = peer.identifier
    endpoint = peer.endpoint
    self.busyPlace = busyPlace ?? Self.noPlace
  }

  public var isQuiet: Bool { busyPlace == Self.noPlace }
}

/// A STATUS of another run of a peer than the one that is listened to: of an earlier one, or of another process under the same
/// counter. Its sender's identity sealed it, but nothing tells when: it may be a recording.
public struct OtherRunStatus: Sendable {
  public let peer: Int
  public let bootCounter: UInt64
  public let status: StatusBody

  /// Takes a STATUS whose seal held.
  public init(peer: Int, bootCounter: UInt64, status: StatusBody) {
    self.peer = peer
    self.bootCounter = bootCounter
    self.status = status
  }
}

/// Seals and opens every packet of one node. (DESIGN §5)
///
/// Each node has a packet key, which it changes daily, and tells its peers of it in STATUS. The key of a direction is agreed by
/// both sides' packet keys and bound to network, epoch, both parties, both boot counters and both runs, so that no packet of
/// an earlier run opens. STATUS alone is sealed by the identities' keys, without the runs and the receiver's boot counter, which
/// it serves to announce. Nothing is allocated for a packet; whoever makes or learns a packet key takes memory for a moment.
///
/// Two processes may begin under one boot counter: on a copied card, or on an old image without a clock. Each peer keeps the one
/// that it has come to know in both directions, drops the other's STATUS and answers it with what it knows. Changing over would let
/// whoever kept an old STATUS change it back. The other one has to go above: see `RunConfirmation`.
public struct Sealer: ~Copyable {
  public static let maximumDatagramBytes = 1232
  static let tagBytes = SealingKey.tagBytes
  public static let maximumBodyBytes = maximumDatagramBytes - PacketHeader.encodedBytes - tagBytes
  /// Of a STATUS.
  public static let statusDatagramBytes = PacketHeader.encodedBytes + StatusBody.encodedBytes + tagBytes
  /// A day. Peers who have not heard of the next packet key may use one as long again.
  public static let defaultPacketKeyMilliseconds: UInt64 = 86_400_000

  /// What one quiet peer takes from the heap: its state and its two secrets.
  public static let quietPeerBytes = MemoryLayout<PeerState>.stride + 2 * 32
  /// What any other takes: its state, the secrets' places, which stay empty, and an object, with a replay window, three times
  /// the keys agreed, and two keys more, each key with what an allocation of 32 bytes costs beside them.
  public static let peerBytes =
    quietPeerBytes + 8 + MemoryLayout<ReplayWindow>.stride
    + BusyPeer.agreedKept * (MemoryLayout<AgreedKeys>.stride + 2 * 48) + 2 * (16 + 48) + 32 + 8 * 8 + 16
    + MemoryLayout<Endpoint?>.stride + MemoryLayout<MonotonicTime?>.stride

  public let identifier: UInt32
  public private(set) var bootCounter: UInt64
  /// The boot counter of the run before, as this node's journal has it; 0 without one.
  public let previousBootCounter: UInt64
  /// Of this process.
  public let run: RunIdentifier
  private let networkIdentifier: Digest
  private let epoch: Epoch
  private let agreementKey: AgreementKey
  private var packetKey: PacketKey
  /// Nil until the caller says what time it is.
  private var packetKeyMadeAt: MonotonicTime?
  private let packetKeyMilliseconds: UInt64
  /// Of the first packet key: shorter by up to an eighth, by the node's number.
  private let firstKeyMilliseconds: UInt64
  /// What this node speaks.
  public let versions: ClosedRange<UInt8>
  public private(set) var peers: [PeerState] = []
  private var busyPeers: [BusyPeer] = []
  /// Agreed with quiet peers, by the identities' keys and by packet keys. Their keys are made for each packet in the same memory.
  private let quietSecrets: SecretTable
  private let quietPacketSecrets: SecretTable
  private var quietKey: SealingKey
  /// Opens STATUS packets: made anew for each in the same memory.
  private var statusKey: SealingKey
  /// Places in ``peers``, by identifier; none when they stand in that order.
  private let sortedPlaces: [Int32]
  private var limits: IngressLimits
  private var interface: TokenBucket
  private var strangers: TokenBucket
  /// Nil until the caller says what time it is: then nothing is over budget.
  private var time: MonotonicTime?
  /// What this node's clock said last, for STATUS.
  private var wall = WallTime(nanoseconds: 0)
  private var clock = ClockState.unsynchronised
  /// Signatures inside bodies, of STATUS too.
  public private(set) var signatureChecks: UInt64 = 0
  public private(set) var drops = InlineArray<17, UInt64>(repeating: 0)
  /// What ``readStatus(_:from:signedBy:)`` read of the STATUS that was opened last; nil when it was malformed.
  public private(set) var heardStatus: StatusBody?
  /// It left its sender after every other that was opened here of that run, so what it says of a moment is the newest.
  public private(set) var heardStatusIsNewest = false
  /// Who sent the packet that was last dropped as ``DropReason/unknownBoot``, ``DropReason/unknownKey``,
  /// ``DropReason/unknownVersion`` or ``DropReason/staleBoot``, or the STATUS as ``DropReason/replayed`` or
  /// ``DropReason/otherRun``, and from where: a peer that has not heard of this run, key or version, or that should learn of a
  /// run of its own. Nothing of it is authenticated.
  public private(set) var stranger: (peer: Int, endpoint: Endpoint)?

  /// The stranger is of another run than the one that is listened to, which is the later one or was known first.
  public private(set) var strangerIsOfOtherRun = false
  /// The STATUS that was last opened and not listened to, until it is taken.
  private var otherRun: OtherRunStatus?
  /// The peer of which a run began that was not known, until it is taken.
  private var begunRun: Int?
  /// STATUS packets of other runs are opened to be looked at alone, so a flood of recordings gets this much and no more.
  private var otherRuns = TokenBucket(perSecond: Sealer.otherRunsPerSecond, burst: Sealer.otherRunBurst)
  public static let otherRunsPerSecond: UInt64 = 16
  public static let otherRunBurst: UInt64 = 64

  /// A peer is at home if it was heard from there within this time.
  public static let homeMilliseconds: UInt64 = 1000

  /// - Parameters:
  ///   - packetKeySeed: 32 random bytes that nobody else gets, for the first packet key of this run.
  ///   - signer: the node's identity, which signs that.
  ///   - run: drawn at random when the process begins.
  ///   - previousBootCounter: the last one in the node's journal, 0 without one; nil for the number before `bootCounter`.
  ///   - peers: at most 255 that are not quiet.
  ///   - packetKeyMilliseconds: the age at which the next packet key is due.
  public init(
    identifier: UInt32, agreementKey: consuming AgreementKey, packetKeySeed: borrowing SecretBytes,
    signer: borrowing SigningKey, bootCounter: UInt64, run: RunIdentifier, previousBootCounter: UInt64? = nil,
    networkIdentifier: Digest, epoch: Epoch, peers: [Peer], limits: IngressLimits = IngressLimits(),
    packetKeyMilliseconds: UInt64 = Sealer.defaultPacketKeyMilliseconds,
    versions: ClosedRange<UInt8> = PacketHeader.versions
  ) {
    precondition(bootCounter > 0 && packetKeyMilliseconds > 0 && versions.lowerBound > 0)
    self.packetKey = PacketKey(
      number: 1, seed: packetKeySeed, signer: signer, network: networkIdentifier, epoch: epoch, node: identifier,
      bootCounter: bootCounter, run: run)
    self.run = run
    self.packetKeyMilliseconds = packetKeyMilliseconds
    // After a power cut all nodes begin at once; they need not all change their keys at once.
    let spread = UInt64((identifier &* 2_654_435_761) >> 22)
    firstKeyMilliseconds = packetKeyMilliseconds - packetKeyMilliseconds / 8 * spread / 1024
    self.versions = versions
    limits.check()
    self.limits = limits
    interface = TokenBucket(perSecond: limits.interfacePerSecond, burst: limits.interfaceBurst)
    strangers = TokenBucket(perSecond: limits.strangersPerSecond, burst: limits.strangerBurst)
    self.previousBootCounter = previousBootCounter ?? bootCounter - 1
    precondition(DropReason.allCases.count == 17)
    self.identifier = identifier
    self.bootCounter = bootCounter
    self.networkIdentifier = networkIdentifier
    self.epoch = epoch
    var quietCount = 0
    var isAscending = true
    for index in peers.indices {
      if peers[index].isQuiet { quietCount += 1 }
      if index > 0, peers[index].identifier < peers[index - 1].identifier { isAscending = false }
    }
    sortedPlaces =
      isAscending
      ? [] : peers.indices.sorted { peers[$0].identifier < peers[$1].identifier }.map { Int32($0) }
    // Any key will do; each STATUS makes its own of it.
    let anything = FixedBytes<104>()
    guard let own = agreementKey.sharedSecret(with: agreementKey.publicKey) else {
      preconditionFailure("a public key made from a seed is never of small order")
    }
    statusKey = SealingKey(deriveKey(from: own, context: anything.span))
    quietKey = SealingKey(deriveKey(from: own, context: anything.span))
    precondition(peers.count - quietCount <= Int(PeerState.noPlace), "a place of each in a byte")
    quietSecrets = SecretTable(count: quietCount > 0 ? peers.count : 1)
    quietPacketSecrets = SecretTable(count: quietCount > 0 ? peers.count : 1)
    self.agreementKey = agreementKey
    // Exactly as many as there are: growing would take half as much again.
    self.peers.reserveCapacity(peers.count)
    busyPeers.reserveCapacity(peers.count - quietCount)
    for index in peers.indices {
      if peers[index].isQuiet {
        quietSecrets.store(sharedSecret(with: peers[index].agreementKey), at: index)
        self.peers.append(PeerState(peers[index], busyPlace: nil))
      } else {
        self.peers.append(PeerState(peers[index], busyPlace: UInt8(busyPeers.count)))
        busyPeers.append(BusyPeer(sharedSecret(with: peers[index].agreementKey), home: peers[index].endpoint))
        makeStatusKey(index)
      }
    }
  }

  /// What follows happens at `now`; budgets fill with time.
  public mutating func advance(to now: MonotonicTime) {
    time = max(now, time ?? now)
    packetKeyMadeAt = packetKeyMadeAt ?? time
  }

  /// The same, with what this node's clock says then.
  public mutating func advance(to now: Instant) {
    advance(to: now.monotonic)
    wall = now.wall
    clock = now.state
  }

  /// The peer's place, if it is one.
  public func index(of identifier: UInt32) -> Int? {
    var low = 0
    var high = peers.count
    while low < high {
      let middle = (low + high) / 2
      if peers[place(ofRank: middle)].identifier < identifier { low = middle + 1 } else { high = middle }
    }
    guard low < peers.count, peers[place(ofRank: low)].identifier == identifier else { return nil }
    return place(ofRank: low)
  }

  private func place(ofRank rank: Int) -> Int { sortedPlaces.isEmpty ? rank : Int(sortedPlaces[rank]) }

  /// Nil for a quiet peer.
  private func busy(_ peer: Int) -> BusyPeer? {
    peers[peer].isQuiet ? nil : busyPeers[Int(peers[peer].busyPlace)]
  }

  /// The highest number of a packet of its present run that was opened here; 0 of a quiet peer, as of one that was not heard.
  public func highestSequence(of peer: Int) -> UInt64 { busy(peer)?.highestSequence ?? 0 }
  /// How many packets of its present run were opened here; 0 of a quiet peer.
  public func receivedCount(of peer: Int) -> UInt64 { busy(peer)?.receivedCount ?? 0 }
  /// When the packet of its present run with the highest number was opened; of a quiet peer any packet, in whole seconds. 0
  /// before the first.
  public func heardAt(_ peer: Int) -> MonotonicTime {
    busy(peer)?.heardAt ?? MonotonicTime(nanoseconds: UInt64(peers[peer].heardSeconds) * 1_000_000_000)
  }
  /// Its highest boot counter seen by earlier runs of this node; 0 of a quiet peer.
  public func minimumBootCounter(of peer: Int) -> UInt64 { busy(peer)?.minimumBootCounter ?? 0 }

  private func sharedSecret(with key: AgreementPublicKey) -> SecretBytes {
    if let shared = agreementKey.sharedSecret(with: key) { return shared }
    // A key of small order would make the seal known to all. The genesis names it, so this is no packet's fault.
    // Our key agreed with itself is a secret nobody else can compute, so under it nothing opens for anybody.
    guard let own = agreementKey.sharedSecret(with: agreementKey.publicKey) else {
      preconditionFailure("a public key made from a seed is never of small order")
    }
    return own
  }

  /// What a key is bound to.
  private func context(
    from sender: UInt32, to receiver: UInt32, _ senderBoot: UInt64, _ receiverBoot: UInt64,
    _ senderRun: FixedBytes<16>, _ receiverRun: FixedBytes<16>
  ) -> FixedBytes<104> {
    FixedBytes { out in
      out.writeTag("BUSBARpk")
      out.write(networkIdentifier)
      out.write(epoch.rawValue)
      out.write(sender)
      out.write(receiver)
      out.write(senderBoot)
      out.write(receiverBoot)
      out.write(senderRun)
      out.write(receiverRun)
    }
  }

  /// Of what is no STATUS: of this node's run and the peer's present one.
  private func context(to peer: Int) -> FixedBytes<104> {
    context(
      from: identifier, to: peers[peer].identifier, bootCounter, peers[peer].bootCounter, run.bytes, peers[peer].run)
  }
  private func context(from peer: Int) -> FixedBytes<104> {
    context(
      from: peers[peer].identifier, to: identifier, peers[peer].bootCounter, bootCounter, peers[peer].run, run.bytes)
  }

  /// Of STATUS, whose receiver may know neither run.
  private func statusContext(from sender: UInt32, to receiver: UInt32, _ senderBoot: UInt64) -> FixedBytes<104> {
    context(from: sender, to: receiver, senderBoot, 0, FixedBytes(), FixedBytes())
  }

  /// The key of STATUS to this peer, which depends on this run alone.
  private func makeStatusKey(_ peer: Int) {
    guard let cell = busy(peer) else { return }
    let status = statusContext(from: identifier, to: peers[peer].identifier, bootCounter)
    cell.sendingStatus.replace(derivingFrom: cell.shared, context: status.span)
  }

  // MARK: Packet keys

  /// The number of the packet key that peers are told.
  public var packetKeyNumber: UInt32 { packetKey.number }

  /// Whether it is time for ``renewPacketKey(_:signer:)``.
  public var isPacketKeyDue: Bool {
    guard let time, let packetKeyMadeAt else { return false }
    let lifetime = packetKey.number == 1 ? firstKeyMilliseconds : packetKeyMilliseconds
    return time.milliseconds(since: packetKeyMadeAt) >= lifetime
  }

  /// Goes over to the next packet key. What follows from the one before the last is wiped, and the last one's secret, so
  /// nothing that was sealed two lifetimes ago can be opened any more. Peers that are not quiet are told by the next greeting;
  /// a quiet one by the answer to its next packet. Cost: one X25519 for each peer that is not quiet, and one signature.
  /// - Parameter seed: 32 random bytes that nobody else gets.
  public mutating func renewPacketKey(_ seed: borrowing SecretBytes, signer: borrowing SigningKey) {
    packetKey = PacketKey(
      number: packetKey.number + 1, seed: seed, signer: signer, network: networkIdentifier, epoch: epoch,
      node: identifier, bootCounter: bootCounter, run: run)
    packetKeyMadeAt = time
    for peer in peers.indices {
      guard let cell = busy(peer) else {
        if peers[peer].ownKeyNumber + 1 < packetKey.number { forgetPacketSecret(peer) }
        continue
      }
      for place in 0..<BusyPeer.agreedKept where cell.agreed[place].own + 1 < packetKey.number {
        cell.agreed[place].forget()
      }
      if cell.peerKeyNumber > 0 { _ = agree(peer, cell.peerKey, cell.peerKeyNumber) }
    }
    // It holds what the last quiet peer's packet was under.
    quietKey.erase()
  }

  private mutating func forgetPacketSecret(_ peer: Int) {
    guard peers[peer].ownKeyNumber > 0 else { return }
    peers[peer].ownKeyNumber = 0
    peers[peer].peerKeyNumber = 0
    quietPacketSecrets.erase(peer)
  }

  /// Agrees this node's packet key with a peer's. False when that is of small order. Cost: one X25519.
  private mutating func agree(_ peer: Int, _ key: AgreementPublicKey, _ number: UInt32) -> Bool {
    guard let secret = packetKey.agreement.sharedSecret(with: key) else { return false }
    guard let cell = busy(peer) else {
      quietPacketSecrets.store(secret, at: peer)
      peers[peer].ownKeyNumber = packetKey.number
      peers[peer].peerKeyNumber = number
      return true
    }
    cell.peerKey = key
    cell.peerKeyNumber = number
    let sending = context(to: peer)
    let receiving = context(from: peer)
    cell.makeRoom()
    cell.agreed[0].replace(
      own: packetKey.number, other: number, secret: secret, sending: sending.span, receiving: receiving.span)
    return true
  }

  /// The number of this peer's packet key that ours is agreed with; 0: none.
  private func agreedKeyNumber(_ peer: Int) -> UInt32 {
    if let cell = busy(peer) { return cell.agreed[0].own == packetKey.number ? cell.agreed[0].other : 0 }
    return peers[peer].ownKeyNumber == packetKey.number ? peers[peer].peerKeyNumber : 0
  }

  /// Whether a peer that was just heard should be told of this node's packet key: a quiet one that seals for the one before.
  public func mustLearnKey(_ peer: Int) -> Bool {
    peers[peer].isQuiet && peers[peer].ownKeyNumber != packetKey.number
  }

  /// Whether a peer is to be greeted: it does not know of this run, or, if it is not quiet, of this node's packet key.
  public func mustGreet(_ peer: Int) -> Bool {
    guard hasAcknowledged(peer) else { return true }
    guard let cell = busy(peer) else { return false }
    return cell.agreed[0].own != packetKey.number || !cell.agreed[0].isConfirmed
  }

  /// The lowest of the newest versions that peers speak; 0 while one of them was not heard in this run. Cost: a look at each.
  public var oldestPeerVersion: UInt8 {
    var oldest = UInt8.max
    for peer in peers.indices { oldest = min(oldest, peers[peer].newestVersion) }
    return oldest
  }

  /// What a peer is sealed for in: the newest version both speak; before it was heard, the lowest, which is understood by
  /// all while versions are mixed.
  private func version(for peer: Int) -> UInt8 {
    let known = peers[peer].newestVersion
    return known == 0 ? versions.lowerBound : max(versions.lowerBound, min(versions.upperBound, known))
  }

  private static func nonce(_ sequence: UInt64) -> FixedBytes<12> {
    var nonce = FixedBytes<12>()
    for index in 0..<8 { nonce.storage[4 + index] = UInt8(truncatingIfNeeded: sequence >> UInt64(8 * index)) }
    return nonce
  }

  /// Appends the sealed packet. False when the peer's run or packet key is not known yet and this is no STATUS.
  public mutating func seal(
    _ type: PacketType, _ body: Span<UInt8>, to peer: Int, into output: inout OutputSpan<UInt8>
  ) -> Bool {
    precondition(body.count <= Self.maximumBodyBytes)
    var own: UInt32 = 0
    var other: UInt32 = 0
    var keys = 0
    if type != .status {
      guard peers[peer].bootCounter > 0 else { return false }
      if let cell = busy(peer) {
        guard let sendingPlace = cell.sendingPlace else { return false }
        keys = sendingPlace
        own = cell.agreed[keys].own
        other = cell.agreed[keys].other
      } else {
        guard peers[peer].peerKeyNumber > 0 else { return false }
        own = peers[peer].ownKeyNumber
        other = peers[peer].peerKeyNumber
      }
    }
    let header = PacketHeader(
      type: type, bodyLength: UInt16(body.count), sender: identifier, receiver: peers[peer].identifier,
      bootCounter: bootCounter, packetSequence: peers[peer].nextSequence, senderKeyNumber: own,
      receiverKeyNumber: other,
      version: version(for: peer), newestVersion: versions.upperBound)
    // One counter serves all keys, so no nonce repeats under any.
    peers[peer].nextSequence += 1
    let clear = FixedBytes<40> { out in header.encode(into: &out) }
    output.write(clear)
    let nonce = Self.nonce(header.packetSequence)
    guard let cell = busy(peer) else {
      if type == .status {
        let context = statusContext(from: identifier, to: peers[peer].identifier, bootCounter)
        quietKey.replace(derivingFrom: quietSecrets, peer, context: context.span)
      } else {
        let context = context(to: peer)
        quietKey.replace(derivingFrom: quietPacketSecrets, peer, context: context.span)
      }
      quietKey.seal(body, nonce: nonce, associatedData: clear.span, into: &output)
      return true
    }
    if type == .status {
      cell.sendingStatus.seal(body, nonce: nonce, associatedData: clear.span, into: &output)
    } else {
      cell.agreed[keys].sending.seal(body, nonce: nonce, associatedData: clear.span, into: &output)
    }
    return true
  }

  /// Where this node has the keys that a packet says it is under; 0 for a quiet peer; nil when it has not.
  private func keyPlace(_ header: PacketHeader, _ peer: Int) -> Int? {
    if let cell = busy(peer) { return cell.place(own: header.receiverKeyNumber, other: header.senderKeyNumber) }
    let isAgreed =
      header.receiverKeyNumber == peers[peer].ownKeyNumber && header.senderKeyNumber == peers[peer].peerKeyNumber
    return isAgreed ? 0 : nil
  }

  /// Opens what a peer sealed for this run, in its present one, under the keys of that place.
  private mutating func unseal(
    _ keys: Int, _ peer: Int, _ sealed: Span<UInt8>, _ nonce: FixedBytes<12>, _ clear: Span<UInt8>,
    _ output: inout OutputSpan<UInt8>
  ) -> Bool {
    if let cell = busy(peer) {
      guard cell.agreed[keys].receiving.open(sealed, nonce: nonce, associatedData: clear, into: &output) else {
        return false
      }
      cell.agreed[keys].isConfirmed = true
      return true
    }
    let context = context(from: peer)
    quietKey.replace(derivingFrom: quietPacketSecrets, peer, context: context.span)
    return quietKey.open(sealed, nonce: nonce, associatedData: clear, into: &output)
  }

  private func isFresh(_ peer: Int, _ number: UInt64) -> Bool {
    busy(peer)?.window.isFresh(number) ?? peers[peer].window.isFresh(number)
  }
  private mutating func noteSeen(_ peer: Int, _ number: UInt64) {
    if let cell = busy(peer) { cell.window.insert(number) } else { peers[peer].window.insert(number) }
  }

  /// Opens a datagram, cheapest checks first, and appends its body. Nil when dropped; the reason is counted.
  public mutating func open(
    _ datagram: Span<UInt8>, from endpoint: Endpoint, into output: inout OutputSpan<UInt8>
  ) -> (type: PacketType, peer: Int)? {
    guard datagram.count >= PacketHeader.encodedBytes + SealingKey.tagBytes,
      datagram.count <= Self.maximumDatagramBytes
    else { return drop(.malformed) }
    guard versions.contains(datagram[0]) || datagram[0] == 0 else { return dropOtherVersion(datagram, from: endpoint) }
    var reader = WireReader(datagram)
    guard let header = try? PacketHeader(decoding: &reader),
      Int(header.bodyLength) + PacketHeader.encodedBytes + SealingKey.tagBytes == datagram.count
    else { return drop(.malformed) }
    guard header.receiver == identifier else { return drop(.notForMe) }
    if let time, !interface.take(1, at: time) { return drop(.interfaceOverBudget) }
    guard let peer = index(of: header.sender) else { return drop(.unknownSender) }
    if let until = peers[peer].budget.silencedUntil {
      if let time, time < until { return drop(.silenced) }
      peers[peer].budget.listen()
    }
    let clear = datagram.extracting(0..<PacketHeader.encodedBytes)
    let sealed = datagram.extracting(PacketHeader.encodedBytes..<datagram.count)
    let nonce = Self.nonce(header.packetSequence)
    if header.type == .status {
      return openStatus(header, peer, sealed, nonce, clear, endpoint, &output)
    }
    guard header.bootCounter == peers[peer].bootCounter, header.bootCounter > 0 else {
      guard header.bootCounter >= peers[peer].bootCounter else {
        // On its way while the peer restarted; or of a process that does not know that nobody listens to it any more.
        setStranger(peer, endpoint, isOfOtherRun: true)
        return drop(.staleBoot)
      }
      setStranger(peer, endpoint)
      return drop(.unknownBoot)
    }
    guard isFresh(peer, header.packetSequence) else {
      // What a copy overtook comes here, from where its sender is.
      if header.packetSequence == highestSequence(of: peer), isHomecoming(peer, endpoint) {
        if let keys = keyPlace(header, peer), unseal(keys, peer, sealed, nonce, clear, &output) {
          learn(endpoint, of: peer)
        }
        output.removeAll()
      }
      return drop(.replayed)
    }
    guard let keys = keyPlace(header, peer) else {
      setStranger(peer, endpoint)
      return drop(.unknownKey)
    }
    guard mayTry(peer, endpoint) else { return drop(.strangersOverBudget) }
    guard unseal(keys, peer, sealed, nonce, clear, &output) else { return drop(.badSeal) }
    peers[peer].newestVersion = header.newestVersion
    noteSeen(peer, header.packetSequence)
    learn(endpoint, of: peer)
    noteOpened(peer, header.packetSequence)
    guard isWithinBudget(peer, header.type) else {
      // What was opened is not handed out.
      output.removeAll()
      return drop(.overBudget)
    }
    peers[peer].credit.earn(datagram.count)
    return (header.type, peer)
  }

  /// Of a version that is not spoken here only the parties are read, so that a peer can be told which is.
  private mutating func dropOtherVersion(
    _ datagram: Span<UInt8>, from endpoint: Endpoint
  ) -> (type: PacketType, peer: Int)? {
    guard let (sender, receiver) = try? PacketHeader.parties(datagram) else { return drop(.malformed) }
    guard receiver == identifier else { return drop(.notForMe) }
    if let time, !interface.take(1, at: time) { return drop(.interfaceOverBudget) }
    guard let peer = index(of: sender) else { return drop(.unknownSender) }
    if isSilenced(peer) { return drop(.silenced) }
    setStranger(peer, endpoint)
    return drop(.unknownVersion)
  }

  /// Notes where a peer's packet came from.
  ///
  /// Somebody on the way who copies packets, and whose copies overtake them, opens no seal but has this node take his
  /// address for the peer's. If both sides fell for it, neither would hear of the other again. So a peer that is heard
  /// from where the configuration has it does not move, and comes back as soon as it is heard from there.
  private mutating func learn(_ endpoint: Endpoint, of peer: Int) {
    guard let cell = busy(peer), let home = cell.home else {
      // A meter: it is answered, where it asked from.
      peers[peer].endpoint = endpoint
      return
    }
    if endpoint == home {
      cell.homeHeardAt = time
    } else if let time, let heardAt = cell.homeHeardAt, time.milliseconds(since: heardAt) < Self.homeMilliseconds {
      return
    }
    peers[peer].endpoint = endpoint
  }

  /// Whether a peer that is thought to be elsewhere is spoken for at its configured address.
  private func isHomecoming(_ peer: Int, _ endpoint: Endpoint) -> Bool {
    guard let home = busy(peer)?.home else { return false }
    return home == endpoint && peers[peer].endpoint != endpoint
  }

  /// Where else to send what this peer should get: its configured place, while it says nothing from elsewhere.
  public func otherEndpoint(of peer: Int) -> Endpoint? {
    guard let time, let home = busy(peer)?.home, peers[peer].endpoint != home,
      time.milliseconds(since: heardAt(peer)) >= Self.homeMilliseconds
    else { return nil }
    return home
  }

  private mutating func noteOpened(_ peer: Int, _ number: UInt64) {
    guard let cell = busy(peer) else {
      if let time { peers[peer].heardSeconds = UInt32(clamping: time.nanoseconds / 1_000_000_000) }
      return
    }
    cell.receivedCount += 1
    guard number >= cell.highestSequence else { return }
    cell.highestSequence = number
    if let time { cell.heardAt = time }
  }

  /// Whether a seal is worth trying. From a peer's own address it always is; under its name from elsewhere only so often, so
  /// that a flood of forgeries costs what we grant it, and cannot spend what the peer itself may send.
  private mutating func mayTry(_ peer: Int, _ endpoint: Endpoint) -> Bool {
    guard let time, peers[peer].endpoint != endpoint else { return true }
    if let home = busy(peer)?.home, home == endpoint { return true }
    return strangers.take(1, at: time)
  }

  /// Behind the seal: what is counted here its sender did.
  private mutating func isWithinBudget(_ peer: Int, _ type: PacketType) -> Bool {
    guard let time else { return true }
    guard peers[peer].budget.takePacket(limits, at: time) else { return false }
    return type != .want || peers[peer].budget.takeWant(limits, at: time)
  }

  /// A signature inside what this peer sealed does not hold: no accident, and dear to find out. Beyond its budget of them
  /// the peer is not listened to for a while.
  public mutating func countBadSignature(of peer: Int) {
    count(.badSignature)
    guard let time, !peers[peer].budget.takeBadSignature(limits, at: time) else { return }
    peers[peer].budget.silence(until: time.adding(milliseconds: limits.penaltyMilliseconds))
  }

  /// Whether so many signatures that a member sent are worth checking; beyond its budget not, which is counted, as the checks are.
  /// Whoever may sign can sign without end, and a check costs as much as a hundred packets.
  public mutating func mayCheckSignatures(_ count: Int, of peer: Int) -> Bool {
    if let time, let cell = busy(peer),
      !cell.checks.take(UInt64(count), perSecond: limits.checksPerSecond, burst: limits.checkBurst, at: time)
    {
      self.count(.overBudget)
      return false
    }
    countSignatureChecks(count)
    return true
  }

  /// The same for a member's record beside another of that meter and period.
  public mutating func mayCheckOtherRecord(of peer: Int) -> Bool {
    guard let time, let cell = busy(peer),
      !cell.otherRecords.take(
        perSecond: limits.otherRecordsPerSecond, burst: limits.otherRecordBurst, at: time)
    else { return true }
    count(.overBudget)
    return false
  }

  /// Adds signatures that the caller checked in the bodies of packets to ``signatureChecks``.
  public mutating func countSignatureChecks(_ count: Int) { signatureChecks += UInt64(count) }

  /// What members of this node's group may need; never less than before. Nothing of it is spent then.
  public mutating func grantChecks(perSecond: UInt64, burst: UInt64) {
    limits.checksPerSecond = max(limits.checksPerSecond, perSecond)
    limits.checkBurst = max(limits.checkBurst, burst)
    limits.check()
    // A bucket's moments are in parts of its rate.
    for cell in busyPeers { cell.checks = RefillMoment() }
  }

  /// Whether a peer may be sent something of so many bytes that it asked for: the first time always, later on its credit.
  public mutating func maySend(_ bytes: Int, isFirst: Bool, to peer: Int) -> Bool {
    if isFirst {
      peers[peer].credit.owe(bytes)
      return true
    }
    return peers[peer].credit.take(bytes)
  }

  /// Whether packets of this peer are dropped now because of the bad signatures that it sent.
  public func isSilenced(_ peer: Int) -> Bool {
    guard let time, let until = peers[peer].budget.silencedUntil else { return false }
    return time < until
  }

  private mutating func openStatus(
    _ header: PacketHeader, _ peer: Int, _ sealed: Span<UInt8>, _ nonce: FixedBytes<12>, _ clear: Span<UInt8>,
    _ endpoint: Endpoint, _ output: inout OutputSpan<UInt8>
  ) -> (type: PacketType, peer: Int)? {
    guard header.bootCounter >= max(peers[peer].bootCounter, minimumBootCounter(of: peer)), header.bootCounter > 0
    else {
      setStranger(peer, endpoint, isOfOtherRun: true)
      noteOlderRun(header, peer, sealed, nonce, clear, endpoint, &output)
      return drop(.staleBoot)
    }
    let isNewBoot = header.bootCounter > peers[peer].bootCounter
    guard isNewBoot || peers[peer].window.isFresh(header.packetSequence) else {
      // Perhaps of another process under the same counter, which begins to count anew and has to be told.
      setStranger(peer, endpoint)
      return drop(.replayed)
    }
    guard mayTry(peer, endpoint) else { return drop(.strangersOverBudget) }
    let start = output.count
    guard unsealStatus(header, peer, sealed, nonce, clear, &output) else { return drop(.badSeal) }
    // What says no run is malformed, as ``readStatus(_:from:signedBy:)`` finds; it changes nothing here.
    let run = StatusBody.run(in: output.span.extracting(start..<output.count))
    let isOtherRun = !isNewBoot && run != nil && run?.bytes != peers[peer].run
    guard !isOtherRun || !peers[peer].isAcknowledged else {
      noteOtherRun(header, peer, output.span.extracting(start..<output.count))
      output.removeAll()
      setStranger(peer, endpoint, isOfOtherRun: true)
      return drop(.otherRun)
    }
    // Replay story: an attacker keeps a STATUS of an earlier run. Its boot counter is lower than the one we know, so it
    // was dropped above; before we know any, it can at worst make us derive keys that its sender no longer uses, until
    // the sender's next STATUS. That holds under one counter too: a process whose STATUS is a copy never says that it knows of
    // this run of ours, and gives way to the next one.
    if isNewBoot || isOtherRun {
      let known = max(peers[peer].bootCounter, minimumBootCounter(of: peer))
      if known < header.bootCounter { peers[peer].previousBootCounter = known }
      peers[peer].bootCounter = header.bootCounter
      peers[peer].run = run?.bytes ?? FixedBytes()
      peers[peer].isAcknowledged = false
      peers[peer].window = SmallReplayWindow()
      begunRun = peer
      // Its packet key is in the body.
      forgetKeys(peer)
    }
    peers[peer].newestVersion = header.newestVersion
    heardStatus = nil
    heardStatusIsNewest = peers[peer].window.isNewest(header.packetSequence)
    peers[peer].window.insert(header.packetSequence)
    learn(endpoint, of: peer)
    noteOpened(peer, header.packetSequence)
    guard isWithinBudget(peer, .status) else {
      output.removeAll()
      return drop(.overBudget)
    }
    return (.status, peer)
  }

  private mutating func unsealStatus(
    _ header: PacketHeader, _ peer: Int, _ sealed: Span<UInt8>, _ nonce: FixedBytes<12>, _ clear: Span<UInt8>,
    _ output: inout OutputSpan<UInt8>
  ) -> Bool {
    // The sender's boot counter is in the header, which the seal covers; the key depends on it as well.
    let statusContext = statusContext(from: header.sender, to: identifier, header.bootCounter)
    if let cell = busy(peer) {
      statusKey.replace(derivingFrom: cell.shared, context: statusContext.span)
    } else {
      statusKey.replace(derivingFrom: quietSecrets, peer, context: statusContext.span)
    }
    return statusKey.open(sealed, nonce: nonce, associatedData: clear, into: &output)
  }

  /// Opens a STATUS of an earlier run for ``takeOtherRun()``, and leaves nothing of it in `output`.
  private mutating func noteOlderRun(
    _ header: PacketHeader, _ peer: Int, _ sealed: Span<UInt8>, _ nonce: FixedBytes<12>, _ clear: Span<UInt8>,
    _ endpoint: Endpoint, _ output: inout OutputSpan<UInt8>
  ) {
    // Of one that was not heard itself there is nothing to compare with.
    guard header.bootCounter > 0, peers[peer].bootCounter > 0, sealed.count == StatusBody.encodedBytes + Self.tagBytes
    else { return }
    if let time, !otherRuns.take(1, at: time) { return }
    guard mayTry(peer, endpoint) else { return }
    let start = output.count
    if unsealStatus(header, peer, sealed, nonce, clear, &output) {
      noteOtherRun(header, peer, output.span.extracting(start..<output.count))
    }
    output.removeAll()
  }

  private mutating func noteOtherRun(_ header: PacketHeader, _ peer: Int, _ body: Span<UInt8>) {
    var reader = WireReader(body)
    guard let status = try? StatusBody(decoding: &reader) else { return }
    otherRun = OtherRunStatus(peer: peer, bootCounter: header.bootCounter, status: status)
  }

  /// The STATUS of another run of a peer that was opened last, once.
  public mutating func takeOtherRun() -> OtherRunStatus? {
    defer { otherRun = nil }
    return otherRun
  }

  /// The peer whose run began with the packet that was opened last, whatever else became of that; nil for none.
  public mutating func takeBegunRun() -> Int? {
    defer { begunRun = nil }
    return begunRun
  }

  /// What belongs to a run of this peer that has ended.
  private mutating func forgetKeys(_ peer: Int) {
    guard let cell = busy(peer) else { return forgetPacketSecret(peer) }
    cell.peerKeyNumber = 0
    cell.forgetPackets()
  }

  /// The body of a STATUS to this peer.
  /// - Parameter wantsAnswer: the peer is asked for a STATUS of its own.
  public func statusBody(to peer: Int, wantsAnswer: Bool = false) -> FixedBytes<168> {
    let known = max(peers[peer].bootCounter, minimumBootCounter(of: peer))
    return encoded(
      StatusBody(
        previousBootCounter: peers[peer].previousBootCounter, knownBootCounter: known, keyNumber: packetKey.number,
        knownKeyNumber: agreedKeyNumber(peer), packetKey: packetKey.agreement.publicKey.bytes,
        signature: packetKey.signature, run: run,
        // Of an earlier run of this node only the counter was kept.
        knownRun: known == peers[peer].bootCounter ? RunIdentifier(peers[peer].run) : nil, wall: wall, clock: clock,
        wantsAnswer: wantsAnswer))
  }

  /// The body of a STATUS that asks for an answer: it owns to knowing nothing.
  public func greetingBody() -> FixedBytes<168> {
    encoded(
      StatusBody(
        previousBootCounter: 0, knownBootCounter: 0, keyNumber: packetKey.number, knownKeyNumber: 0,
        packetKey: packetKey.agreement.publicKey.bytes, signature: packetKey.signature, run: run, knownRun: nil,
        wall: wall, clock: clock, wantsAnswer: true))
  }

  private func encoded(_ body: StatusBody) -> FixedBytes<168> { FixedBytes { out in body.encode(into: &out) } }

  /// Reads the STATUS body of a peer, whose identity's key is given, and keeps it as ``heardStatus``. True when it should be
  /// answered: its sender asks for it, does not know our run or any packet key of it, or told a key of its own that is now agreed
  /// with ours. A sender that knows an older key is told by greetings and by ``mustLearnKey(_:)``, so that two nodes farther from
  /// each other than their keys live do not answer without end.
  /// Cost: for a key that is new, one signature check and one X25519, of which a peer may have as many as bad signatures.
  public mutating func readStatus(_ bytes: Span<UInt8>, from peer: Int, signedBy key: VerificationKey) -> Bool {
    var reader = WireReader(bytes)
    heardStatus = try? StatusBody(decoding: &reader)
    guard let body = heardStatus else {
      count(.malformedBody)
      return false
    }
    let knowsRun = body.knownBootCounter == bootCounter && body.knownRun == run
    // A greeting of one that knows says that it does not.
    if knowsRun {
      peers[peer].isAcknowledged = true
      busy(peer)?.hasAcknowledged = true
    }
    let knowsNothing =
      body.knownBootCounter < bootCounter || body.knownBootCounter == bootCounter && body.knownRun == nil
    let wantsAnswer = body.wantsAnswer || knowsNothing || body.knownKeyNumber == 0
    let isNew = isNewKey(body, of: peer)
    if isNew {
      if let time, !peers[peer].budget.takeKey(limits, at: time) {
        count(.overBudget)
        return wantsAnswer
      }
      guard learnKey(body, of: peer, signedBy: key) else { return false }
    }
    // What it knew of an earlier run had the same numbers.
    if let cell = busy(peer), knowsRun, let keys = cell.place(own: body.knownKeyNumber, other: body.keyNumber) {
      cell.agreed[keys].isConfirmed = true
    }
    return isNew || wantsAnswer
  }

  /// Whether there is something to agree. A lower number than is known is of a STATUS that was overtaken.
  private func isNewKey(_ body: StatusBody, of peer: Int) -> Bool {
    guard let cell = busy(peer) else {
      let known = peers[peer].peerKeyNumber
      return body.keyNumber > known
        || body.keyNumber == known && (body.knownKeyNumber == 0 || agreedKeyNumber(peer) != known)
    }
    return body.keyNumber > cell.peerKeyNumber
      || body.keyNumber == cell.peerKeyNumber && agreedKeyNumber(peer) != body.keyNumber
  }

  private mutating func learnKey(_ body: StatusBody, of peer: Int, signedBy key: VerificationKey) -> Bool {
    let statement = PacketKey.statement(
      network: networkIdentifier, epoch: epoch, node: peers[peer].identifier, number: body.keyNumber,
      bootCounter: peers[peer].bootCounter, run: body.run, publicKey: body.packetKey)
    countSignatureChecks(1)
    guard key.isValid(body.signature, for: statement.span) else {
      countBadSignature(of: peer)
      return false
    }
    guard agree(peer, AgreementPublicKey(body.packetKey), body.keyNumber) else {
      count(.malformedBody)
      return false
    }
    return true
  }

  /// Of a quiet peer it is not kept: such peers sign nothing that an old image of them could contradict here.
  public mutating func setMinimumBoot(_ counter: UInt64, of peer: Int) {
    guard let cell = busy(peer) else { return }
    cell.minimumBootCounter = max(cell.minimumBootCounter, counter)
  }

  /// True once the peer has said that it knows of this very run.
  public func hasAcknowledged(_ peer: Int) -> Bool {
    busy(peer)?.hasAcknowledged ?? peers[peer].isAcknowledged
  }

  /// Goes on under a later boot counter, as the same process. Every key depends on the counter, so no nonce is used twice.
  /// - Precondition: the new counter is above the old one and durable.
  /// - Parameter seed: 32 random bytes that nobody else gets, for a packet key of the new run.
  public mutating func restart(
    bootCounter newCounter: UInt64, packetKeySeed seed: borrowing SecretBytes, signer: borrowing SigningKey
  ) {
    precondition(newCounter > bootCounter)
    bootCounter = newCounter
    for index in peers.indices {
      peers[index].nextSequence = 0
      // Of a quiet peer the window stays: its numbers go on, and its STATUS packets of before still open.
      peers[index].isAcknowledged = false
      forgetPacketSecret(index)
      busy(index)?.hasAcknowledged = false
      busy(index)?.forgetPackets()
      makeStatusKey(index)
    }
    // Peers' packet keys are of their runs, which go on.
    renewPacketKey(seed, signer: signer)
  }

  private mutating func setStranger(_ peer: Int, _ endpoint: Endpoint, isOfOtherRun: Bool = false) {
    stranger = (peer, endpoint)
    strangerIsOfOtherRun = isOfOtherRun
  }

  /// ``stranger``, once.
  public mutating func takeStranger() -> (peer: Int, endpoint: Endpoint)? {
    defer { stranger = nil }
    return stranger
  }

  /// Counts a packet that the caller dropped behind the seal, beside those that are dropped here.
  public mutating func count(_ reason: DropReason) { drops[Int(reason.rawValue)] += 1 }

  private mutating func drop(_ reason: DropReason) -> (type: PacketType, peer: Int)? {
    count(reason)
    return nil
  }
}
