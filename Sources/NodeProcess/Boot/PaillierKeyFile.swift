import Commands
import Paillier

/// - Throws: also when others may read the file.
package func loadPaillierKey(_ path: String) throws(Failure) -> PrivateKey {
  let file = try readSecretFile(path)
  do throws(PaillierError) { return try PrivateKey(decoding: file.span) } catch { throw Failure("\(path): \(error)") }
}
