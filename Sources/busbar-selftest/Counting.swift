import BigInteger
import CLinux
import Paillier
import Units
import Wire

/// What `make count` counts: instructions of one operation, at 2048 bits where it says nothing, after one run to warm up.
private enum CountedOperation: Int32, CaseIterable {
  case encryptHardened = 1
  case encryptFast
  case encryptHardenedShort
  case encryptFastShort
  case pooledEncrypt
  case multiply
  case validate
  case decryptHardened
  case decryptFast
  case decryptAlpha
  case prove
  case verifyProof
  case encryptorTable
  case proveModulus
  case verifyModulus

  var name: StaticString {
    switch self {
    case .encryptHardened: "encrypt, n/2, hardened"
    case .encryptFast: "encrypt, n/2, fast"
    case .encryptHardenedShort: "encrypt, 448 bits, hardened"
    case .encryptFastShort: "encrypt, 448 bits, fast"
    case .pooledEncrypt: "encrypt, pooled"
    case .multiply: "aggregate, one ciphertext"
    case .validate: "validate a ciphertext"
    case .decryptHardened: "decrypt, hardened"
    case .decryptFast: "decrypt, fast"
    case .decryptAlpha: "decrypt, alpha key, hardened"
    case .prove: "decrypt and prove"
    case .verifyProof: "verify a decryption"
    case .encryptorTable: "a new encryptor, n/2, hardened"
    case .proveModulus: "prove a modulus, 3072 bits"
    case .verifyModulus: "verify a modulus, 3072 bits"
    }
  }
}

/// Runs each operation once unmarked and once between marks. False when one of them failed.
func countOperations() -> Bool {
  for operation in CountedOperation.allCases {
    print("region \(operation.rawValue) ", terminator: "")
    print(operation.name)
  }
  do throws(PaillierError) {
    return try count()
  } catch {
    print("failed: \(error)")
    return false
  }
}

private func count() throws(PaillierError) -> Bool {
  let key = try vectorKey(Hardened.self)
  let fastKey = try vectorKey(Fast.self)
  let alphaKey = try vectorAlphaKey(Hardened.self)
  let publicKey = key.publicKey
  let longKey = try longVectorKey()
  let longPublicKey = longKey.publicKey
  var random = FixedGenerator(state: 1)
  let hardened = Encryptor(publicKey, using: &random)
  let fast = FastEncryptor(publicKey, using: &random)
  let hardenedShort = Encryptor(publicKey, exponentLength: .assumingShort448, using: &random)
  let fastShort = FastEncryptor(publicKey, exponentLength: .assumingShort448, using: &random)
  var pool = RandomizerPool(Encryptor(publicKey, using: &random), capacity: 2, processMark: 1)
  try pool.prepare(processMark: 1, using: &random)
  try pool.prepare(processMark: 1, using: &random)
  var product = CiphertextProduct(publicKey)
  let ciphertext = Hexadecimal.bytes(PaillierVectors.product) ?? []
  let alphaCiphertext = Hexadecimal.bytes(PaillierVectors.alphaC) ?? []
  let sum = Hexadecimal.bytes(PaillierVectors.s) ?? []
  let root = Hexadecimal.bytes(PaillierVectors.r) ?? []
  let values: [Int64] = [1234, -5]
  var out = ByteBuffer(capacity: 512)
  var second = ByteBuffer(capacity: 256)
  var proof = ModulusProof(roots: [])
  var failures = 0
  for round in 0..<2 {
    for operation in CountedOperation.allCases {
      if round == 1 { busbar_count_region(0, operation.rawValue) }
      out.replace { out in
        do throws(PaillierError) {
          switch operation {
          case .encryptHardened: try hardened.encrypt(values.span, using: &random, into: &out)
          case .encryptFast: try fast.encrypt(values.span, using: &random, into: &out)
          case .encryptHardenedShort: try hardenedShort.encrypt(values.span, using: &random, into: &out)
          case .encryptFastShort: try fastShort.encrypt(values.span, using: &random, into: &out)
          case .pooledEncrypt: try pool.encrypt(values.span, processMark: 1, into: &out)
          case .multiply: product.multiply(by: ciphertext.span)
          case .validate: try publicKey.validate(ciphertext.span)
          case .decryptHardened: try key.decrypt(ciphertext.span, into: &out)
          case .decryptFast: try fastKey.decrypt(ciphertext.span, into: &out)
          case .decryptAlpha: try alphaKey.decrypt(alphaCiphertext.span, into: &out)
          case .prove:
            var failure: PaillierError?
            second.replace { root in
              do throws(PaillierError) { try key.prove(ciphertext.span, sum: &out, root: &root) } catch {
                failure = error
              }
            }
            if let failure { throw failure }
          case .verifyProof: try publicKey.verify(ciphertext: ciphertext.span, sum: sum.span, root: root.span)
          case .encryptorTable: _ = Encryptor(publicKey, using: &random)
          case .proveModulus: proof = try longKey.proveModulus()
          case .verifyModulus:
            do throws(ModulusRefusal) { try proof.check(of: longPublicKey) } catch { failures += 1 }
          }
        } catch { failures += 1 }
      }
      if round == 1 { busbar_count_region(1, operation.rawValue) }
    }
  }
  return failures == 0
}

/// Hardened operations on different secrets of one size, for `make count-check`, which wants the same number of
/// instructions for each: encryption of 4 plaintexts (region 100 + i), and decryption of what came out (120 + i) beside the
/// checks of the same public ciphertexts alone (140 + i), which may take their time.
///
/// A process does so for one of two keys: two processes allocate the same, so their memory lies at the same addresses,
/// which copying takes a few instructions more or less for.
func countSecrets(ofSecondKey second: Bool) -> Bool {
  do throws(PaillierError) {
    let p = second ? PaillierVectors.alphaKeyP : PaillierVectors.p
    let q = second ? PaillierVectors.alphaKeyQ : PaillierVectors.q
    let layout = SlotLayout([.activeEnergyImport, .activeEnergyExport])
    return try countSecrets(PrivateKey(p: number(p), q: number(q), layout: layout))
  } catch {
    print("failed: \(error)")
    return false
  }
}

private func countSecrets(_ key: borrowing PrivateKey) throws(PaillierError) -> Bool {
  var random = FixedGenerator(state: 9)
  let encryptor = Encryptor(key.publicKey, exponentLength: .assumingShort448, using: &random)
  let readings: [[Int64]] = [[0, 0], [-1, -1], [SlotLayout.valueBound - 1, -SlotLayout.valueBound], [7, 1 << 40]]
  var ciphertext = ByteBuffer(capacity: 512)
  var plain = ByteBuffer(capacity: 256)
  var failures = 0
  for round in 0..<4 {
    let values = readings[round]
    let mark = Int32(round)
    busbar_count_region(0, 100 + mark)
    ciphertext.replace { out in
      do throws(PaillierError) { try encryptor.encrypt(values.span, using: &random, into: &out) } catch {
        failures += 1
      }
    }
    busbar_count_region(1, 100 + mark)
    busbar_count_region(0, 120 + mark)
    plain.replace { out in
      do throws(PaillierError) { try key.decrypt(ciphertext.span, into: &out) } catch { failures += 1 }
    }
    busbar_count_region(1, 120 + mark)
    busbar_count_region(0, 140 + mark)
    do throws(PaillierError) { try key.publicKey.validate(ciphertext.span) } catch { failures += 1 }
    busbar_count_region(1, 140 + mark)
  }
  return failures == 0
}
