import Cryptography
import Testing
import Wire

private func fixed<let count: Int>(_ hex: String, _ type: FixedBytes<count>.Type) -> FixedBytes<count> {
  let bytes = Hexadecimal.bytes(hex)!
  return FixedBytes(copying: bytes.span)
}

@Suite("Published vectors")
struct VectorTests {
  @Test("BLAKE2b-256 of \"abc\" (computed by Python's hashlib.blake2b(b'abc', digest_size=32))")
  func blake2b() {
    let digest = Blake2b.digest { hash in hash.update([0x61, 0x62, 0x63].span) }
    #expect(digest.description == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
  }

  @Test("Ed25519 (RFC 8032, §7.1, test 2), and one flipped bit is refused")
  func ed25519() {
    var seed = fixed("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", FixedBytes<32>.self)
    let key = SigningKey(seed: SecretBytes(taking: &seed))
    #expect(seed.isZero)
    #expect(key.verificationKey.bytes.description == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    let message: [UInt8] = [0x72]
    let signature = key.sign(message.span)
    #expect(
      signature.description
        == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    let valid = key.verificationKey.isValid(signature, for: message.span)
    #expect(valid)
    for bit in 0..<512 {
      var flipped = signature
      flipped.storage[bit / 8] ^= 1 << UInt8(bit % 8)
      let accepted = key.verificationKey.isValid(flipped, for: message.span)
      #expect(!accepted)
    }
  }

  @Test("signatures of mixed order are judged without the cofactor, and a library that does otherwise is found")
  func cofactor() {
    #expect(CofactorlessCheck.passes)
    // One that takes both, as with the cofactor; one that refuses keys or points of mixed order; one that has them mixed up.
    #expect(!CofactorlessCheck.passes { _, _, _ in true })
    #expect(!CofactorlessCheck.passes { _, _, _ in false })
    #expect(!CofactorlessCheck.passes { key, signature, message in !key.isValid(signature, for: message) })
    #expect(CofactorlessCheck.passes { key, signature, message in key.isValid(signature, for: message) })
  }

  @Test("X25519 (RFC 7748, §6.1), and a key of small order is refused")
  func x25519() {
    var a = fixed("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", FixedBytes<32>.self)
    var b = fixed("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", FixedBytes<32>.self)
    let alice = AgreementKey(seed: SecretBytes(taking: &a))
    let bob = AgreementKey(seed: SecretBytes(taking: &b))
    #expect(bob.publicKey.bytes.description == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
    guard let one = alice.sharedSecret(with: bob.publicKey), let other = bob.sharedSecret(with: alice.publicKey) else {
      Issue.record("no shared secret")
      return
    }
    let secrets = [Hexadecimal.string(one.span), Hexadecimal.string(other.span)]
    #expect(secrets[0] == secrets[1])
    #expect(alice.publicKey.bytes.description == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    #expect(secrets[0] == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
    var refused = true
    if let _ = alice.sharedSecret(with: AgreementPublicKey(FixedBytes<32>())) { refused = false }
    #expect(refused)
  }

  @Test("ChaCha20-Poly1305 opens what it sealed and nothing else (RFC 8439, §2.8.2)")
  func sealing() {
    var keyBytes = fixed("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", FixedBytes<32>.self)
    let key = SealingKey(SecretBytes(taking: &keyBytes))
    let nonce = fixed("070000004041424344454647", FixedBytes<12>.self)
    let data = Hexadecimal.bytes("50515253c0c1c2c3c4c5c6c7")!
    let text = Array(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
        .utf8)
    var sealed = ByteBuffer(capacity: 200)
    sealed.replace { out in key.seal(text.span, nonce: nonce, associatedData: data.span, into: &out) }
    let hex = Hexadecimal.string(sealed.span)
    #expect(hex.hasPrefix("d31a8d34648e60db7b86afbc53ef7ec2"))
    #expect(hex.hasSuffix("1ae10b594f09e26a7e902ecbd0600691"))
    var opened = ByteBuffer(capacity: 200)
    var ok = false
    opened.replace { out in ok = key.open(sealed.span, nonce: nonce, associatedData: data.span, into: &out) }
    #expect(ok && Hexadecimal.string(opened.span) == Hexadecimal.string(text.span))
    for index in 0..<sealed.count {
      var copy = [UInt8]()
      for position in 0..<sealed.count { copy.append(sealed.span[position]) }
      copy[index] ^= 1
      opened.replace { out in ok = key.open(copy.span, nonce: nonce, associatedData: data.span, into: &out) }
      #expect(!ok && opened.count == 0)
    }
  }

  @Test("what a party sealed to itself, only it can open")
  func selfSealing() {
    var generator = SecureRandom()
    let key = SelfSealingKey(SecretBytes(random: &generator))
    let other = SelfSealingKey(SecretBytes(random: &generator))
    let plaintext = generator.bytes(FixedBytes<32>.self)
    let sealed = key.seal(plaintext, as: FixedBytes<72>.self, using: &generator)
    #expect(key.open(sealed, as: FixedBytes<32>.self) == plaintext)
    #expect(other.open(sealed, as: FixedBytes<32>.self) == nil)
  }
}
