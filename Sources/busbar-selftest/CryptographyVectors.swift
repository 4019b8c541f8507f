import Cryptography
import Wire

/// RFC 7693, 8032 and 7748 vectors: the same bytes on every target.
func checkCryptography(_ report: inout Report) {
  let abc: [UInt8] = [0x61, 0x62, 0x63]
  let digest = Blake2b.digest { hash in hash.update(abc.span) }
  report.check(
    digest.description == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319", "BLAKE2b-256 of abc")

  var seed = fixed32("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
  let key = SigningKey(seed: SecretBytes(taking: &seed))
  report.check(seed.isZero, "a seed that was taken over is wiped")
  let message: [UInt8] = [0x72]
  let signature = key.sign(message.span)
  report.check(
    signature.description
      == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    "Ed25519, RFC 8032 test 2")
  report.check(key.verificationKey.isValid(signature, for: message.span), "Ed25519 verifies")
  var flipped = signature
  flipped.storage[0] ^= 1
  report.check(!key.verificationKey.isValid(flipped, for: message.span), "Ed25519 refuses a flipped bit")
  report.check(CofactorlessCheck.passes, "Ed25519 is verified without the cofactor")

  var alice = fixed32("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
  let agreement = AgreementKey(seed: SecretBytes(taking: &alice))
  let bob = AgreementPublicKey(fixed32("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"))
  var shared = ""
  if let secret = agreement.sharedSecret(with: bob) { shared = Hexadecimal.string(secret.span) }
  report.check(shared == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", "X25519, RFC 7748 §6.1")
}

func fixed32(_ hex: String) -> FixedBytes<32> {
  let bytes = Hexadecimal.bytes(hex) ?? []
  var result = FixedBytes<32>()
  for index in 0..<min(32, bytes.count) { result.storage[index] = bytes[index] }
  return result
}
