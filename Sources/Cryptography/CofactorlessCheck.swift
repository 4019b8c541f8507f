import Wire

/// Whether the library under this program verifies Ed25519 signatures without the cofactor, as libsodium 1.0.18 does.
///
/// A certificate is what q members find valid. RFC 8032 lets a library choose between S·B = R + h·A and eight times that equation, and a
/// liar can make signatures, with parts of small order in R and A, that hold in the second alone. Members whose libraries choose
/// differently would count different votes. A library can change its choice with an update, so a node looks before it signs anything.
///
/// The vectors are numbers 3 and 4 of Chalkias, Garillot & Nikolaenko, "Taming the many EdDSAs" (2020), as published in `cases.json` of
/// ed25519-speccheck. `Tests/Oracles/cofactor_vectors.py` works both equations out.
public enum CofactorlessCheck {
  /// A and R have parts of small order, which cancel: both equations hold.
  private static let accepted = Vector(
    message: "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
    key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    signature: "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f"
      + "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009")
  /// Those of this one do not: it holds with the cofactor alone.
  private static let refused = Vector(
    message: "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
    key: "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
    signature: "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512"
      + "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09")

  private struct Vector: Sendable {
    let message: String
    let key: String
    let signature: String

    func isAccepted(by verify: (VerificationKey, Signature, Span<UInt8>) -> Bool) -> Bool {
      guard let message = Hexadecimal.bytes(message), let key = Hexadecimal.bytes(key),
        let signature = Hexadecimal.bytes(signature)
      else { return false }
      return verify(VerificationKey(FixedBytes(copying: key.span)), Signature(copying: signature.span), message.span)
    }
  }

  /// Cost: two verifications.
  public static var passes: Bool {
    passes { key, signature, message in key.isValid(signature, for: message) }
  }

  /// Whether a verifier gives the verdicts that libsodium 1.0.18 gives.
  package static func passes(by verify: (VerificationKey, Signature, Span<UInt8>) -> Bool) -> Bool {
    accepted.isAccepted(by: verify) && !refused.isAccepted(by: verify)
  }
}
