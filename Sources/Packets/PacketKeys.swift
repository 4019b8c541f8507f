import Cryptography
import HAL
import Units
import Wire

/// Body of STATUS: which run its sender is in, and under which packet key it is to be sealed for. (docs/PROTOCOL.md)
public struct StatusBody: Equatable, Sendable {
  public static let encodedBytes = 120

  /// The boot counter of the receiver that the sender knew before the highest.
  public var previousBootCounter: UInt64
  /// The highest boot counter of the receiver that the sender knows; 0: none.
  public var knownBootCounter: UInt64
  /// Counts up from 1 in one run.
  public var keyNumber: UInt32
  /// The receiver's packet key that the sender has agreed `packetKey` with; 0: none.
  public var knownKeyNumber: UInt32
  /// X25519 public key.
  public var packetKey: FixedBytes<32>
  /// By the sender's identity. (``PacketKey/statement(network:epoch:node:number:bootCounter:publicKey:)``)
  public var signature: Signature

  public init(
    previousBootCounter: UInt64, knownBootCounter: UInt64, keyNumber: UInt32, knownKeyNumber: UInt32,
    packetKey: FixedBytes<32>, signature: Signature
  ) {
    self.previousBootCounter = previousBootCounter
    self.knownBootCounter = knownBootCounter
    self.keyNumber = keyNumber
    self.knownKeyNumber = knownKeyNumber
    self.packetKey = packetKey
    self.signature = signature
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(previousBootCounter)
    output.write(knownBootCounter)
    output.write(keyNumber)
    output.write(knownKeyNumber)
    output.write(packetKey)
    output.write(signature)
  }

  public init(decoding reader: inout WireReader) throws(WireError) {
    previousBootCounter = try reader.read(UInt64.self)
    knownBootCounter = try reader.read(UInt64.self)
    keyNumber = try reader.read(UInt32.self)
    guard keyNumber > 0 else { throw .unknownKind(0) }
    knownKeyNumber = try reader.read(UInt32.self)
    packetKey = try reader.read(FixedBytes<32>.self)
    signature = try reader.read(Signature.self)
    try reader.expectEnd()
  }
}

/// A node's own X25519 pair that its peers seal for, a day long. (DESIGN §5)
///
/// It is drawn at random, never stored unless `packetKeyLog` asks for it, and signed by the node's identity for one run, so that
/// whoever has the disk, or the long-lived agreement key, opens nothing that was sealed before but STATUS. The secret is wiped
/// when the next key is made.
struct PacketKey: ~Copyable {
  /// What a peer is told of it is signed in this form: 96 bytes.
  static func statement(
    network: Digest, epoch: Epoch, node: UInt32, number: UInt32, bootCounter: UInt64, publicKey: FixedBytes<32>
  ) -> FixedBytes<96> {
    FixedBytes { out in
      out.writeTag("BUSBARdk")
      out.write(network)
      out.write(epoch.rawValue)
      out.write(node)
      out.write(number)
      out.write(bootCounter)
      out.write(publicKey)
    }
  }

  let number: UInt32
  let agreement: AgreementKey
  let signature: Signature

  /// - Parameter seed: 32 random bytes.
  init(
    number: UInt32, seed: borrowing SecretBytes, signer: borrowing SigningKey, network: Digest, epoch: Epoch,
    node: UInt32, bootCounter: UInt64
  ) {
    self.number = number
    agreement = AgreementKey(seed: seed)
    let statement = Self.statement(
      network: network, epoch: epoch, node: node, number: number, bootCounter: bootCounter,
      publicKey: agreement.publicKey.bytes)
    signature = signer.sign(statement.span)
  }
}

/// The keys of both directions, which follow from one packet key of this node and one of a peer.
struct AgreedKeys: ~Copyable {
  /// Numbers of the two packet keys; 0: nothing is agreed here.
  private(set) var own: UInt32 = 0
  private(set) var other: UInt32 = 0
  /// The peer has shown that it has them too.
  var isConfirmed = false
  private(set) var sending: SealingKey
  private(set) var receiving: SealingKey

  /// - Parameter anything: a secret; what is made of it is never used.
  init(_ anything: borrowing SecretBytes) {
    let context = FixedBytes<72>()
    sending = SealingKey(deriveKey(from: anything, context: context.span))
    receiving = SealingKey(deriveKey(from: anything, context: context.span))
  }

  /// Becomes those of two other packet keys, in the memory of the old ones, which are gone.
  mutating func replace(
    own: UInt32, other: UInt32, secret: borrowing SecretBytes, sending sendingContext: Span<UInt8>,
    receiving receivingContext: Span<UInt8>
  ) {
    self.own = own
    self.other = other
    isConfirmed = false
    sending.replace(derivingFrom: secret, context: sendingContext)
    receiving.replace(derivingFrom: secret, context: receivingContext)
  }

  mutating func forget() {
    own = 0
    other = 0
    isConfirmed = false
    sending.erase()
    receiving.erase()
  }
}

/// What is kept of a peer that is not quiet beside its ``PeerState``. A class because an array cannot hold noncopyable keys;
/// made at start. The X25519 for STATUS is done then, once: a forged STATUS costs a hash and a tag, not a scalar multiplication.
final class BusyPeer {
  /// A packet key of each side may change before either has heard of the other's: then the newest are two steps from those
  /// that both know they have.
  static let agreedKept = 3

  /// Of the two identities' agreement keys.
  let shared: SecretBytes
  /// Where the configuration says that it is, and when it was heard from there.
  let home: Endpoint?
  var homeHeardAt: MonotonicTime?
  /// The newest first.
  var agreed: InlineArray<3, AgreedKeys>
  var sendingStatus: SealingKey
  var window = ReplayWindow()
  /// Its newest packet key, and that one's number; 0 before it told one in its present run.
  var peerKey = AgreementPublicKey(FixedBytes())
  var peerKeyNumber: UInt32 = 0
  /// Its highest boot counter seen by earlier runs of this node, from the journal: a lower one is an old image of it.
  var minimumBootCounter: UInt64 = 0
  /// The highest boot counter of ours that it says it knows.
  var claimedOwnBoot: UInt64 = 0
  /// The one of ours it says it knew before.
  var claimedPreviousBoot: UInt64 = 0
  /// The highest number of a packet of its present run that was opened here, and how many were.
  var highestSequence: UInt64 = 0
  /// When that one was.
  var heardAt = MonotonicTime(nanoseconds: 0)
  var receivedCount: UInt64 = 0
  var checks = RefillMoment()
  var otherRecords = RefillMoment()

  init(_ shared: consuming SecretBytes, home: Endpoint?) {
    self.home = home
    let anything = FixedBytes<72>()
    sendingStatus = SealingKey(deriveKey(from: shared, context: anything.span))
    agreed = [AgreedKeys(shared), AgreedKeys(shared), AgreedKeys(shared)]
    self.shared = shared
  }

  /// What belongs to a run of it or of ours that has ended.
  func forgetPackets() {
    window = ReplayWindow()
    highestSequence = 0
    receivedCount = 0
    for place in 0..<Self.agreedKept { agreed[place].forget() }
  }

  /// Which to seal under: the newest that it has for certain and has not wiped since; while there are none, the newest.
  var sendingPlace: Int? {
    for place in 0..<Self.agreedKept
    where agreed[place].isConfirmed && agreed[place].other + 1 >= peerKeyNumber {
      return place
    }
    return agreed[0].own > 0 ? 0 : nil
  }

  func place(own: UInt32, other: UInt32) -> Int? {
    for place in 0..<Self.agreedKept where own > 0 && agreed[place].own == own && agreed[place].other == other {
      return place
    }
    return nil
  }

  /// Makes room for new ones in the first place.
  func makeRoom() {
    agreed.swapAt(1, 2)
    agreed.swapAt(0, 1)
  }
}
