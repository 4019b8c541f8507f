import Aggregation
import Commands
import Cryptography
import Wire

/// The secrets of one node, as `identity.key` holds them: three 32-byte seeds. (docs/PROTOCOL.md, Identity file)
package struct Identity: ~Copyable {
  package let signingSeed: SecretBytes
  package let agreementSeed: SecretBytes
  package let closingSeed: SecretBytes

  /// A new one.
  package init(random generator: inout some RandomNumberGenerator) {
    signingSeed = SecretBytes(random: &generator)
    agreementSeed = SecretBytes(random: &generator)
    closingSeed = SecretBytes(random: &generator)
  }

  /// - Throws: also when others may read the file.
  package init(path: String) throws(Failure) {
    let bytes = try readSecretFile(path)
    guard bytes.count == 104, Array(bytes[..<8]) == Array("BUSBARid".utf8) else {
      throw Failure("\(path): not an identity file")
    }
    signingSeed = SecretBytes(copying: bytes.span.extracting(8..<40))
    agreementSeed = SecretBytes(copying: bytes.span.extracting(40..<72))
    closingSeed = SecretBytes(copying: bytes.span.extracting(72..<104))
  }

  /// For its owner alone, mode 0600.
  package func write(to path: String) throws(Failure) {
    var bytes = Array("BUSBARid".utf8)
    bytes += Array(copying: signingSeed.span)
    bytes += Array(copying: agreementSeed.span)
    bytes += Array(copying: closingSeed.span)
    try writeFile(path, bytes, mode: 0o600)
  }

  /// What a genesis says of this node.
  package var publicKeys: PartyKeys {
    PartyKeys(
      verificationKey: SigningKey(seed: signingSeed).verificationKey,
      agreementKey: AgreementKey(seed: agreementSeed).publicKey)
  }
}
