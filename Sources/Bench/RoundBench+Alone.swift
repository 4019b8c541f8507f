import Aggregation
import BigInteger
import Consensus
import Cryptography
import LinuxPlatform
import Packets
import Paillier
import Units
import Wire

extension RoundBench {
  /// What the round's parts cost by themselves, and what the plainest program would have to do: libsodium's verification and
  /// GMP's product and remainder for each record.
  func measureAlone(
    _ parts: inout RoundParts, _ key: PublicKey, _ ciphertext: [UInt8], _ header: Header, _ context: GroupContext
  ) {
    parts.baselineVerify = parts.verify
    let count = members * metersPerSet * periods
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    let n = Integer(bigEndian: modulus.span)
    let square = n.times(n)
    let factor = Integer(bigEndian: ciphertext.span)
    var product = factor.copy()
    var started = LinuxClock.threadNanoseconds
    for _ in 0..<count { product = product.times(factor).modulo(square) }
    parts.baselineMultiply = LinuxClock.threadNanoseconds - started
    // Sealed packets as long as records, opened; one member's, again and again, into its own receiver.
    let signer = RoundBenchParty.signer(1, 1)
    let statement = Statement(
      kind: .commit, in: context, owner: header.owner, position: RoundPlay.position(header),
      round: Round(header.period),
      digest: header.digest, signer: ReplicaIndex(1))
    let signature: Signature = signer.sign(statement)
    let message = FixedBytes<128> { out in statement.encode(into: &out) }
    started = LinuxClock.threadNanoseconds
    var holds = true
    let votes = members * (2 * (members - 1) - 1) * periods
    for _ in 0..<votes { holds = holds && signer.verificationKey.isValid(signature, for: message.span) }
    parts.voteSignatures = LinuxClock.threadNanoseconds - started
    precondition(holds, "our own signature holds")
    let sealing = RoundBenchParty.sealing()
    let record = [UInt8](repeating: 7, count: Record.fixedBytes + key.ciphertextBytes)
    let clear = FixedBytes<40>()
    var sealed = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    sealed.replace { out in
      sealing.seal(record.span, nonce: FixedBytes(), associatedData: clear.span, into: &out)
    }
    var opened = ByteBuffer(capacity: Sealer.maximumDatagramBytes)
    started = LinuxClock.threadNanoseconds
    for _ in 0..<count {
      opened.replace { out in
        _ = sealing.open(sealed.span, nonce: FixedBytes(), associatedData: clear.span, into: &out)
      }
    }
    parts.packets = LinuxClock.threadNanoseconds - started
  }
}
