import Cryptography
import Units
import Wire

/// What every packet key of one node is bound to besides the two parties and their runs.
struct KeyContext: Sendable {
  let networkIdentifier: Digest
  let epoch: Epoch

  /// BLAKE2b-256 keyed with the shared secret, over 72 bytes. (docs/PROTOCOL.md, Packets)
  func key(
    _ shared: borrowing SecretBytes, from sender: UInt32, to receiver: UInt32, _ senderBoot: UInt64,
    _ receiverBoot: UInt64
  ) -> SealingKey {
    let epoch = epoch.rawValue
    let networkIdentifier = networkIdentifier
    let context = FixedBytes<72>(
      InlineArray { (out: inout OutputSpan<UInt8>) in
        out.writeTag("BUSBARpk")
        out.write(networkIdentifier)
        out.write(epoch)
        out.write(sender)
        out.write(receiver)
        out.write(senderBoot)
        out.write(receiverBoot)
      })
    return SealingKey(deriveKey(from: shared, context: context.span))
  }
}
