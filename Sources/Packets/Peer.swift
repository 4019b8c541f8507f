import Cryptography
import HAL

/// One party packets are exchanged with.
public struct Peer: Sendable {
  public let identifier: UInt32
  public let agreementKey: AgreementPublicKey
  /// The source of its newest packet that passed the seal; before, the configuration's guess, and where there is none
  /// the source of its last packet of a run not announced yet.
  public var endpoint: Endpoint?
  /// Its highest boot counter seen under the seal; 0 before the first STATUS.
  public internal(set) var bootCounter: UInt64 = 0
  /// It showed that one side does not know the other's run; sealing a STATUS to it clears this. The role sends that
  /// STATUS at its next tick, so that what a stranger provokes stays bounded.
  public internal(set) var isOwedStatus = false
  let isConfigured: Bool
  var window = ReplayWindow()
  var statusWindow = ReplayWindow()
  var nextSequence: UInt64 = 0
  /// One above the highest sequence accepted in this run of the peer, over both windows.
  var newest: UInt64 = 0
  var budget = TokenBucket(tokensPerSecond: Self.packetsPerSecond, burst: Self.packetBurst)

  /// The sum over 63 peers stays below one core. (`reference/consensus.md` §2.5)
  public static let packetsPerSecond: UInt64 = 4000
  public static let packetBurst: UInt64 = 256

  public init(identifier: UInt32, agreementKey: AgreementPublicKey, endpoint: Endpoint?) {
    self.identifier = identifier
    self.agreementKey = agreementKey
    self.endpoint = endpoint
    isConfigured = endpoint != nil
  }

  /// What the seal of a packet proved: its number is spent, and its source is where the peer is now, unless a newer one
  /// came before. (A late or replayed packet must not move the endpoint back.)
  mutating func accept(_ header: PacketHeader, from source: Endpoint) {
    if header.type == .status {
      statusWindow.insert(header.packetSequence)
    } else {
      window.insert(header.packetSequence)
    }
    guard header.packetSequence >= newest else { return }
    newest = header.packetSequence + 1
    endpoint = source
  }

  mutating func beginRun(_ bootCounter: UInt64) {
    self.bootCounter = bootCounter
    window = ReplayWindow()
    statusWindow = ReplayWindow()
    newest = 0
  }
}

/// The keys towards one peer. A class because an array cannot hold noncopyable keys; one for each peer, made at start.
final class PeerKeys {
  /// X25519 of both static keys: computed once, for it costs a thousand times a derivation.
  let shared: SecretBytes
  var sending: SealingKey
  var receiving: SealingKey
  let sendingStatus: SealingKey
  /// Of the peer's current run.
  var receivingStatus: SealingKey

  init(shared: consuming SecretBytes, _ context: KeyContext, own: UInt32, ownBoot: UInt64, peer: UInt32) {
    sending = context.key(shared, from: own, to: peer, ownBoot, 0)
    receiving = context.key(shared, from: peer, to: own, 0, ownBoot)
    sendingStatus = context.key(shared, from: own, to: peer, ownBoot, 0)
    receivingStatus = context.key(shared, from: peer, to: own, 0, 0)
    self.shared = shared
  }
}
