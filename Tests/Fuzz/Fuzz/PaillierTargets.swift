import BigInteger
import Paillier
import SimulatedPlatform
import Wire

private let layout = SlotLayout([.activeEnergyImport, .activeEnergyExport])

private func smallKey(bits: Int = 256) -> PrivateKey {
  var generator = SeededGenerator(seed: 7)
  do throws(PaillierError) {
    return try PrivateKey(generatingBits: bits, layout: layout, using: &generator, allowingSmallForTests: true)
  } catch { fatalError("\(error)") }
}

/// Holds the key that the closures below share.
fileprivate final class Oracle {
  let key = smallKey()
  let encryptor: Encryptor
  init() {
    var generator = SeededGenerator(seed: 8)
    encryptor = Encryptor(key.publicKey, using: &generator)
  }

  func ciphertext(_ values: [Int64], seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    return [UInt8](capacity: 128) { out in
      do throws(PaillierError) { try encryptor.encrypt(values.span, using: &generator, into: &out) } catch {
        fatalError("\(error)")
      }
    }
  }

  /// S and R of a good ciphertext, which must satisfy the public equation.
  func opening(_ ciphertext: [UInt8]) -> (sum: [UInt8], root: [UInt8]) {
    var sum = ByteBuffer(capacity: 64)
    var root = ByteBuffer(capacity: 64)
    var failure: PaillierError?
    sum.replace { sum in
      root.replace { root in
        do throws(PaillierError) { try key.prove(ciphertext.span, sum: &sum, root: &root) } catch { failure = error }
      }
    }
    require(failure == nil, "a valid ciphertext cannot be opened")
    return ([UInt8](copying: sum.span), [UInt8](copying: root.span))
  }

  /// Bytes that are a valid ciphertext are written back the same, and open.
  func fuzzCiphertext(_ input: [UInt8]) {
    guard (try? key.publicKey.validate(input.span)) != nil else { return }
    var product = CiphertextProduct(key.publicKey)
    product.multiply(by: input.span)
    requireIdentity(input, "ciphertext") { out in product.write(into: &out) }
    let (sum, root) = opening(input)
    require((try? key.publicKey.verify(ciphertext: input.span, sum: sum.span, root: root.span)) != nil, "no proof")
  }

  /// (S, R) that is accepted belongs to one ciphertext, which opens to nothing else.
  func fuzzOpening(_ input: [UInt8]) {
    let half = input.count / 2
    let sum = Array(input.prefix(half))
    let root = Array(input.dropFirst(half))
    var failed = false
    let ciphertext = [UInt8](capacity: 128) { out in
      do throws(PaillierError) { try key.publicKey.writeCiphertext(sum: sum.span, root: root.span, into: &out) } catch {
        failed = true
      }
    }
    if failed {
      require(ciphertext.isEmpty, "a refused opening left bytes behind")
      return
    }
    require(opening(ciphertext) == (sum, root), "a ciphertext has two openings")
    if let values = try? key.publicKey.unpack(sum: sum.span, contributors: 512) {
      require(values.count == 2, "another number of slots")
      let fits = values.allSatisfy { $0 >= -SlotLayout.valueBound && $0 < SlotLayout.valueBound }
      guard fits else { return }
      let again = opening(self.ciphertext(values, seed: 1)).sum
      require(again == sum, "two sums have the same slots")
    }
  }
}

extension Oracle {
  fileprivate func modulusFile() -> [UInt8] {
    let n = [UInt8](capacity: 32) { out in key.publicKey.writeModulus(into: &out) }
    do throws(PaillierError) {
      let proven = ProvenModulus(modulus: n, proof: try key.proveModulus())
      return [UInt8](capacity: proven.encodedBytes) { out in proven.encode(into: &out) }
    } catch { fatalError("\(error)") }
  }

  /// What decodes is written back the same, and of all proofs of this key's n one alone holds: each challenge has one root.
  fileprivate func fuzzModulus(_ input: [UInt8]) {
    guard let proven = try? ProvenModulus(decoding: input.span) else { return }
    require(proven.encodedBytes == input.count, "a modulus file miscounts its bytes")
    requireIdentity(input, "modulus file") { out in proven.encode(into: &out) }
    let modulus = proven.modulus
    guard
      let other = try? PublicKey(
        n: modulus.span, layout: SlotLayout([.activeEnergyImport]), allowingSmallForTests: true),
      (try? proven.proof.check(of: other)) != nil
    else { return }
    require(input == modulusFile(), "a proof holds that nobody made")
  }
}

func paillierTargets() -> [FuzzTarget] {
  let oracle = Oracle()
  let good = oracle.ciphertext([1200, -7], seed: 3)
  let (sum, root) = oracle.opening(good)
  let keyFile = [UInt8](capacity: 512) { out in oracle.key.encode(into: &out) }
  // The same primes with two zero bytes in front of each: a second encoding, if it were accepted.
  var padded = keyFile
  padded.insert(contentsOf: [0, 0] as [UInt8], at: 30)
  padded.insert(contentsOf: [0, 0] as [UInt8], at: 14)
  padded[8] = 18
  return [
    FuzzTarget("paillier-ciphertext", maximumBytes: 80, seeds: [good], run: oracle.fuzzCiphertext),
    FuzzTarget("paillier-opening", maximumBytes: 80, seeds: [sum + root], run: oracle.fuzzOpening),
    FuzzTarget("paillier-key", maximumBytes: 200, seeds: [keyFile, padded], run: fuzzKey),
    FuzzTarget("paillier-alpha-key", maximumBytes: 300, seeds: [alphaKeyFile()], run: fuzzAlphaKey),
    FuzzTarget("paillier-modulus", maximumBytes: 400, seeds: [oracle.modulusFile()], run: oracle.fuzzModulus),
    FuzzTarget(
      "paillier-decimal", maximumBytes: 100, seeds: [Array("-12345".utf8), Array("0".utf8)], run: fuzzDecimal),
  ]
}

private func fuzzKey(_ input: [UInt8]) {
  do throws(PaillierError) {
    let key = try PrivateKey(decoding: input.span, allowingSmallForTests: true)
    require(key.encodedBytes == input.count, "a key file miscounts its bytes")
    requireIdentity(input, "key file") { out in key.encode(into: &out) }
  } catch {}
}

private func alphaKeyFile() -> [UInt8] {
  var generator = SeededGenerator(seed: 9)
  do throws(PaillierError) {
    let key = try AlphaPrivateKey(generatingBits: 512, layout: layout, using: &generator, allowingSmallForTests: true)
    return [UInt8](capacity: 512) { out in key.encode(into: &out) }
  } catch { fatalError("\(error)") }
}

private func fuzzAlphaKey(_ input: [UInt8]) {
  do throws(PaillierError) {
    let key = try AlphaPrivateKey(decoding: input.span, allowingSmallForTests: true)
    require(key.encodedBytes == input.count, "an alpha key file miscounts its bytes")
    requireIdentity(input, "alpha key file") { out in key.encode(into: &out) }
  } catch {}
}

/// What reads as a decimal number is written back the same, but for zeros in front and the sign of zero.
private func fuzzDecimal(_ input: [UInt8]) {
  let text = String(decoding: input, as: UTF8.self)
  guard let number = Integer(decimal: text) else { return }
  let again = number.decimal
  guard let same = Integer(decimal: again) else { fatalError("\(again) does not read back") }
  require(same.compared(to: number) == 0, "\(text) became \(again)")
}
