import Commands
import LinuxPlatform
import Paillier

package func loadPaillierKey(_ path: String) throws(Failure) -> PrivateKey {
  let file = try readSecretFile(path)
  do throws(PaillierError) { return try PrivateKey(decoding: file.span) } catch { throw Failure("\(path): \(error)") }
}
