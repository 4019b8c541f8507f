/// How long the secret exponent a of c = (1 + m·n)·h_s^a is. (`docs/CRYPTOGRAPHY.md`, "Exponent lengths")
public enum ExponentLength: Equatable, Sendable {
  /// Half the bits of n: as good as a full one under factoring. (Håstad, Schrift & Shamir 1993; Goldreich & Rosen 2003)
  case halfOfModulus
  /// 448 bits, for n below 3072 bits. Assumes that short exponents of h_s are hard to find; the best generic attack takes
  /// 2^224 steps.
  case assumingShort448
  /// 512 bits, for every n. The same assumption; 2^256 steps.
  case assumingShort512

  /// - Precondition: 448 bits go with n below 3072 bits only.
  public func bits(modulusBits: Int) -> Int {
    switch self {
    case .halfOfModulus: return modulusBits / 2
    case .assumingShort448:
      precondition(modulusBits < 3072, "a 3072-bit n wants 512 bits")
      return min(448, modulusBits / 2)
    case .assumingShort512: return min(512, modulusBits / 2)
    }
  }
}
