/// Why a key, a plaintext, a ciphertext or a proof was refused.
public enum PaillierError: Error, Equatable, Sendable, CustomStringConvertible {
  case modulusTooSmall(bits: Int)
  case modulusTooLarge(bits: Int)
  case modulusEven
  case layoutDoesNotFit(slots: Int)
  case wrongKey
  case otherKey
  case plaintextOutOfRange
  case ciphertextWrongLength(bytes: Int)
  case ciphertextZero
  case ciphertextTooLarge
  case ciphertextNotCoprime
  case slotOutOfRange(slot: Int)
  case wrongSlotCount(Int)
  case sumOutOfRange
  case rootOutOfRange
  case rootNotCoprime
  case proofDoesNotHold
  case malformedKeyFile
  case notOfAlphaSubgroup
  case baseOutOfRange
  case weightOutOfRange
  case badLayout
  case tooManyTerms
  case poolEmpty
  case poolOfAnotherProcess
  case faultDetected
  case modulusNotProvable(ModulusRefusal)

  public var description: String {
    switch self {
    case .modulusTooSmall(let bits): "the modulus has only \(bits) bits"
    case .modulusTooLarge(let bits): "the modulus has \(bits) bits"
    case .modulusEven: "the modulus is even"
    case .layoutDoesNotFit(let slots): "\(slots) slots do not fit the modulus"
    case .wrongKey: "the primes do not make a usable key"
    case .otherKey: "encrypted under another key or layout"
    case .plaintextOutOfRange: "the plaintext is not below n"
    case .ciphertextWrongLength(let bytes): "a ciphertext of \(bytes) bytes"
    case .ciphertextZero: "the ciphertext is zero"
    case .ciphertextTooLarge: "the ciphertext is not below n squared"
    case .ciphertextNotCoprime: "the ciphertext shares a factor with n"
    case .slotOutOfRange(let slot): "slot \(slot) is out of range"
    case .wrongSlotCount(let count): "\(count) values for another number of slots"
    case .sumOutOfRange: "S is not below n"
    case .rootOutOfRange: "R is not between 0 and n"
    case .rootNotCoprime: "R shares a factor with n"
    case .proofDoesNotHold: "(1 + S n) R^n is not the ciphertext"
    case .malformedKeyFile: "the key file is malformed"
    case .notOfAlphaSubgroup: "the ciphertext was not made with this alpha key's base"
    case .baseOutOfRange: "the base of the alpha key is no unit other than 1 and -1"
    case .weightOutOfRange: "the weight has too many bits"
    case .badLayout: "the slots make no layout"
    case .tooManyTerms: "more terms than the layout has room for"
    case .poolEmpty: "no randomizer is prepared"
    case .poolOfAnotherProcess: "the randomizers belong to another process"
    case .faultDetected: "the computation went wrong; nothing was released"
    case .modulusNotProvable(let refusal): "\(refusal)"
    }
  }
}
