import Consensus
import Cryptography
import Units
import Wire

/// Everybody's keys. The stand-in is a keyed 64-bit sum over every field of the statement: what nobody signed does not
/// hold, at a hundredth of the price of Ed25519. The adversary asks only for signatures of members it controls.
public final class KeyRing: VoteVerifier {
  private final class Cell {
    let key: SigningKey
    init(_ key: consuming SigningKey) { self.key = key }
  }
  private let real: [Cell]
  private let verificationKeys: [VerificationKey]

  /// Keys of so many members, the same in every ring: Ed25519 ones, or the stand-in.
  public init(members: Int, usesEd25519: Bool) {
    var cells: [Cell] = []
    var keys: [VerificationKey] = []
    if usesEd25519 {
      for member in 0..<members {
        var seed = FixedBytes<32>(InlineArray(repeating: UInt8(member + 1)))
        let cell = Cell(SigningKey(seed: SecretBytes(taking: &seed)))
        keys.append(cell.key.verificationKey)
        cells.append(cell)
      }
    }
    real = cells
    verificationKeys = keys
  }

  func sign(_ statement: Statement) -> Signature {
    if !real.isEmpty { return real[Int(statement.signer.rawValue)].key.sign(statement) }
    var signature = Signature()
    let tag = Self.tag(statement)
    withUnsafeMutableBytes(of: &signature) { bytes in bytes.storeBytes(of: tag, as: UInt64.self) }
    return signature
  }

  public func holds(_ vote: Vote) -> Bool {
    if !real.isEmpty {
      return Authenticated(checking: vote, by: verificationKeys[Int(vote.statement.signer.rawValue)]) != nil
    }
    let tag = Self.tag(vote.statement)
    return withUnsafeBytes(of: vote.signature) { bytes in bytes.loadUnaligned(as: UInt64.self) == tag }
  }

  private static func tag(_ statement: Statement) -> UInt64 {
    var sum: UInt64 = 0x9E37_79B9_7F4A_7C15
    func mix(_ word: UInt64) {
      sum = (sum ^ word) &* 0xFF51_AFD7_ED55_8CCD
      sum ^= sum >> 32
    }
    mix(
      UInt64(statement.kind.rawValue) << 48 | UInt64(statement.signer.rawValue) << 32
        | UInt64(statement.round.view.rawValue))
    mix(UInt64(statement.group.rawValue) << 16 | UInt64(statement.owner.rawValue))
    mix(statement.round.period.rawValue)
    mix(statement.position.rawValue)
    if statement.claim != .none {
      mix(statement.claim.period.rawValue)
      mix(UInt64(statement.claim.viewAfter))
    }
    mix(statement.epoch.rawValue)
    withUnsafeBytes(of: statement.digest) { bytes in
      for place in 0..<4 { mix(bytes.loadUnaligned(fromByteOffset: 8 * place, as: UInt64.self)) }
    }
    withUnsafeBytes(of: statement.networkIdentifier) { bytes in
      for place in 0..<4 { mix(bytes.loadUnaligned(fromByteOffset: 8 * place, as: UInt64.self)) }
    }
    return sum
  }
}

/// One member's key.
struct SimulatedSigner: VoteSigner {
  let keys: KeyRing
  func sign(_ statement: Statement) -> Signature { keys.sign(statement) }
}
