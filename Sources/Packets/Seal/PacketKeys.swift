import Cryptography
import HAL
import Units
import Wire

/// A node's own X25519 pair that its peers seal for, a day long. (DESIGN §5)
///
/// It is drawn at random, never stored unless `packetKeyLog` asks for it, and signed by the node's identity for one run, so that
/// whoever has the disk, or the long-lived agreement key, opens nothing that was sealed before but STATUS. The secret is wiped
/// when the next key is made.
struct PacketKey: ~Copyable {
  /// What a peer is told of it is signed in this form: 112 bytes.
  static func statement(
    network: Digest, epoch: Epoch, node: UInt32, number: UInt32, bootCounter: UInt64, run: RunIdentifier,
    publicKey: FixedBytes<32>
  ) -> FixedBytes<112> {
    FixedBytes { out in
      out.writeTag("BUSBARdk")
      out.write(network)
      out.write(epoch.rawValue)
      out.write(node)
      out.write(number)
      out.write(bootCounter)
      out.write(run.bytes)
      out.write(publicKey)
    }
  }

  let number: UInt32
  let agreement: AgreementKey
  let signature: Signature

  /// - Parameter seed: 32 random bytes.
  init(
    number: UInt32, seed: borrowing SecretBytes, signer: borrowing SigningKey, network: Digest, epoch: Epoch,
    node: UInt32, bootCounter: UInt64, run: RunIdentifier
  ) {
    self.number = number
    agreement = AgreementKey(seed: seed)
    let statement = Self.statement(
      network: network, epoch: epoch, node: node, number: number, bootCounter: bootCounter, run: run,
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
    let context = FixedBytes<104>()
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
  /// It has said that it knows of this very run, be it in an earlier run of its own.
  var hasAcknowledged = false
  /// The highest number of a packet of its present run that was opened here, and how many were.
  var highestSequence: UInt64 = 0
  /// When that one was.
  var heardAt = MonotonicTime(nanoseconds: 0)
  var receivedCount: UInt64 = 0
  var checks = RefillMoment()
  var otherRecords = RefillMoment()

  init(_ shared: consuming SecretBytes, home: Endpoint?) {
    self.home = home
    let anything = FixedBytes<104>()
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
