import BigInteger
import Paillier
import Wire

/// A generator of fixed output, for the self-test only.
struct FixedGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A small key drawn from a fixed generator encrypts, multiplies, decrypts and proves alike on every target.
func checkPaillier(_ report: inout Report) {
  var generator = FixedGenerator(state: 1)
  do throws(PaillierError) {
    let key = try PrivateKey(
      generatingBits: 512, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &generator,
      allowingSmallForTests: true)
    let publicKey = key.publicKey
    report.check(
      publicKey.keyIdentifier.description == selftestKeyIdentifier, "key generation gives the same key everywhere")
    let encryptor = Encryptor(publicKey, using: &generator)
    var product = CiphertextProduct(publicKey)
    for reading in [1200, 350, -7] as [Int64] {
      let values = [reading, 1]
      var failed = false
      let ciphertext = [UInt8](capacity: publicKey.ciphertextBytes) { out in
        do throws(PaillierError) { try encryptor.encrypt(values.span, using: &generator, into: &out) } catch {
          failed = true
        }
      }
      report.check(!failed, "encrypts")
      product.multiply(by: ciphertext.span)
    }
    let c = [UInt8](capacity: publicKey.ciphertextBytes) { out in product.write(into: &out) }
    var sum = ByteBuffer(capacity: publicKey.modulusBytes)
    var root = ByteBuffer(capacity: publicKey.modulusBytes)
    var proven = false
    sum.replace { sum in root.replace { root in proven = (try? key.prove(c.span, sum: &sum, root: &root)) != nil } }
    report.check(proven, "proves its decryption")
    report.check(try publicKey.unpack(sum: sum.span, contributors: 3) == [1543, 3], "the sum of three readings")
    let digest = Hexadecimal.string(root.span)
    report.check(digest.hasPrefix(selftestRootPrefix), "the root is the same everywhere")
  } catch {
    report.check(false, "Paillier throws nothing")
  }
}

/// First computed on x86-64.
private let selftestKeyIdentifier = "02d7dd4934df18a4b32589e1a8e83312"
private let selftestRootPrefix = "9cb24c6ae99f3c9851d9858507296f55"
