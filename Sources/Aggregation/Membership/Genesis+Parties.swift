import Cryptography
import Units

extension Genesis {
  /// The key of a party's identity; nil when there is no such party.
  public func verificationKey(of node: Party) -> VerificationKey? {
    if let index = node.aggregatorIndex { return index.rawValue < members ? aggregatorKeys[Int(index.rawValue)] : nil }
    if let (owner, index) = node.meter {
      return owner.rawValue < members && index.rawValue < meterCount(of: owner)
        ? verificationKey(index, of: owner) : nil
    }
    return node.isBookkeeper ? bookkeeper.verificationKey : nil
  }
}
