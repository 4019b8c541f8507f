/// Why a modulus was refused: it has a factor that it must not have, or what should prove that it has none does not.
public enum ModulusRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case smallFactor(UInt32)
  case prime
  case wrongLength(bytes: Int)
  case rootOutOfRange(Int)
  case challengeNotCoprime(Int)
  case rootDoesNotHold(Int)

  public var description: String {
    switch self {
    case .smallFactor(let factor): "the modulus is divisible by \(factor)"
    case .prime: "the modulus is prime: anybody can decrypt"
    case .wrongLength(let bytes): "the modulus has a proof of \(bytes) bytes"
    case .rootOutOfRange(let index): "root \(index) of the modulus' proof is not between 0 and n"
    case .challengeNotCoprime(let index): "challenge \(index) of the modulus' proof shares a factor with n"
    case .rootDoesNotHold(let index): "root \(index) of the modulus' proof is no n-th root of its challenge"
    }
  }
}
