import Aggregation
import Cryptography
import HAL
import Paillier
import Wire

/// What a node's journal says of its genesis' modulus: the proof is looked at when a node first starts with a genesis, and not again.
///
/// A journal that has lost the verdict costs another look and nothing else.
public struct ModulusVerdict: Sendable {
  private static let entryBytes = 33
  private let networkIdentifier: Digest
  /// Set once an entry says that the proof holds. There is none that says it does not: such a node never runs.
  public private(set) var isProven = false

  /// Nothing is known about the modulus of this genesis until the journal's entries were visited.
  public init(about genesis: Genesis) { networkIdentifier = genesis.networkIdentifier }

  /// Whether this is such an entry: snapshots keep it.
  static func isEntry(_ entry: Span<UInt8>) -> Bool {
    if case .modulusProven? = try? JournalEntry(decoding: entry) { true } else { false }
  }

  /// Takes one entry of the journal in; one about another genesis, or of another kind, says nothing.
  public mutating func visit(_ entry: Span<UInt8>) {
    guard case .modulusProven(let network)? = try? JournalEntry(decoding: entry) else { return }
    if network == networkIdentifier { isProven = true }
  }

  /// Looks at the proof unless that was done, and appends what came of it; it is durable with what is synced next.
  ///
  /// - Returns: why the node may not run; nil when it may.
  public mutating func prove(
    _ genesis: Genesis, _ key: PublicKey, in journal: inout some Journal & ~Copyable
  ) throws(PlatformError) -> ModulusRefusal? {
    precondition(genesis.networkIdentifier == networkIdentifier)
    guard !isProven else { return nil }
    do throws(ModulusRefusal) { try genesis.checkModulus(of: key) } catch { return error }
    let network = networkIdentifier
    let entry = [UInt8](capacity: Self.entryBytes) { out in
      JournalEntry.modulusProven(networkIdentifier: network).encode(into: &out)
    }
    try journal.append(entry.span)
    isProven = true
    return nil
  }
}
