import BigInteger
import Cryptography
import Paillier
import Units
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

/// A ciphertext, its product, its sum and its root under the key of the vectors, whose every byte was computed by
/// another program; and what a fixed generator makes of the parts that draw random numbers.
func checkPaillierVectors(_ report: inout Report) {
  do throws(PaillierError) {
    try checkKnownAnswers(Hardened.self, &report)
    try checkKnownAnswers(Fast.self, &report)
    try checkAlphaKey(&report)
    try checkModulusProof(&report)
    try checkPool(&report)
  } catch {
    report.check(false, "Paillier's vectors throw nothing")
  }
}

func number(_ text: String) -> Integer {
  let bytes = Hexadecimal.bytes(text) ?? []
  return Integer(bigEndian: bytes.span)
}

private func hexadecimal(_ capacity: Int, _ body: (inout OutputSpan<UInt8>) -> Void) -> String {
  var buffer = ByteBuffer(capacity: capacity)
  buffer.replace(body)
  return Hexadecimal.string(buffer.span)
}

private func checkKnownAnswers<Profile: ArithmeticProfile>(
  _ profile: Profile.Type, _ report: inout Report
) throws(PaillierError) {
  let key = try vectorKey(Profile.self)
  report.check(key.publicKey.keyIdentifier.description == PaillierVectors.keyId, "the identifier of a 2048-bit key")
  let encryptor = ProfiledEncryptor<Profile>(key.publicKey, x: number(PaillierVectors.x0))
  let c = encryptor.encrypt(number("04d2"), exponent: number(PaillierVectors.a0))
  report.check(
    hexadecimal(512) { out in c.write(bigEndianBytes: 512, into: &out) } == PaillierVectors.c0,
    "a DJN ciphertext of 2048 bits")
  var product = CiphertextProduct(key.publicKey)
  for text in [PaillierVectors.c0, PaillierVectors.c1, PaillierVectors.c2] {
    let bytes = Hexadecimal.bytes(text) ?? []
    product.multiply(by: bytes.span)
  }
  report.check(
    hexadecimal(512) { out in product.write(into: &out) } == PaillierVectors.product, "a product of three")
  let bytes = Hexadecimal.bytes(PaillierVectors.product) ?? []
  var root = ""
  let sum = hexadecimal(256) { sum in
    root = hexadecimal(256) { root in
      do throws(PaillierError) { try key.prove(bytes.span, sum: &sum, root: &root) } catch {}
    }
  }
  report.check(sum == PaillierVectors.s && root == PaillierVectors.r, "its sum and its root")
}

private func checkAlphaKey(_ report: inout Report) throws(PaillierError) {
  let key = try vectorAlphaKey(Hardened.self)
  var generator = FixedGenerator(state: 3)
  let encryptor = Encryptor(key.publicKey, using: &generator)
  let s = number(PaillierVectors.alphaS)
  let c = encryptor.encrypt(s, exponent: number(PaillierVectors.alphaExponent))
  report.check(
    hexadecimal(512) { out in c.write(bigEndianBytes: 512, into: &out) } == PaillierVectors.alphaC,
    "a ciphertext with an alpha key's base")
  let bytes = Hexadecimal.bytes(PaillierVectors.alphaC) ?? []
  var root = ""
  let sum = hexadecimal(256) { sum in
    root = hexadecimal(256) { root in
      do throws(PaillierError) { try key.prove(bytes.span, sum: &sum, root: &root) } catch {}
    }
  }
  report.check(sum == PaillierVectors.alphaS && root == PaillierVectors.alphaR, "an alpha key's sum and root")
  let foreign = Hexadecimal.bytes(PaillierVectors.c0) ?? []
  var refused = false
  _ = hexadecimal(256) { out in
    do throws(PaillierError) { try key.decrypt(foreign.span, into: &out) } catch { refused = true }
  }
  report.check(refused, "an alpha key refuses what it cannot open")
}

private func checkModulusProof(_ report: inout Report) throws(PaillierError) {
  let key = try longVectorKey()
  let proof = try key.proveModulus()
  let roots = proof.roots
  report.check(
    Blake2b.digest(domain: "BUSBARts", roots.span).description == ModulusVectors.proofDigest,
    "a proof of a 3072-bit modulus")
  var refusal: ModulusRefusal?
  let publicKey = key.publicKey
  var changed = roots
  changed[0] ^= 1
  do throws(ModulusRefusal) { try ModulusProof(roots: changed).check(of: publicKey) } catch { refusal = error }
  report.check(refusal == .rootDoesNotHold(0) || refusal == .rootOutOfRange(0), "a changed root is refused")
}

/// The 3072-bit key of the vectors.
func longVectorKey() throws(PaillierError) -> PrivateKey {
  try PrivateKey(
    p: number(ModulusVectors.p), q: number(ModulusVectors.q),
    layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]))
}

/// The standard key of the vectors.
func vectorKey<Profile: ArithmeticProfile>(
  _ profile: Profile.Type
) throws(PaillierError) -> ProfiledPrivateKey<Profile> {
  try ProfiledPrivateKey(
    p: number(PaillierVectors.p), q: number(PaillierVectors.q),
    layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]))
}

/// The alpha key of the vectors.
func vectorAlphaKey<Profile: ArithmeticProfile>(
  _ profile: Profile.Type
) throws(PaillierError) -> ProfiledAlphaPrivateKey<Profile> {
  try ProfiledAlphaPrivateKey(
    p: number(PaillierVectors.alphaKeyP), q: number(PaillierVectors.alphaKeyQ), alphaP: number(PaillierVectors.alphaP),
    alphaQ: number(PaillierVectors.alphaQ), h: number(PaillierVectors.alphaH),
    layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]))
}

private func checkPool(_ report: inout Report) throws(PaillierError) {
  var generator = FixedGenerator(state: 4)
  let key = try PrivateKey(
    generatingBits: 512, layout: SlotLayout([.activeEnergyImport]), using: &generator, allowingSmallForTests: true)
  var pool = RandomizerPool(Encryptor(key.publicKey, using: &generator), capacity: 2, processMark: 1)
  try pool.prepare(processMark: 1, using: &generator)
  let values: [Int64] = [77]
  let c = hexadecimal(128) { out in
    do throws(PaillierError) { try pool.encrypt(values.span, processMark: 1, into: &out) } catch {}
  }
  report.check(c.hasPrefix(selftestPoolPrefix), "a pooled ciphertext is the same everywhere")
}

/// First computed on x86-64.
private let selftestPoolPrefix = "896113b3f4621d601321de12be98c1bb"
/// First computed on x86-64.
private let selftestKeyIdentifier = "02d7dd4934df18a4b32589e1a8e83312"
private let selftestRootPrefix = "9cb24c6ae99f3c9851d9858507296f55"
