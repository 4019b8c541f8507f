import BigInteger
import Cryptography
import Foundation
import Paillier
import Wire

func keygen(bits: Int, path: String) throws(LabError) {
  guard !FileManager.default.fileExists(atPath: path) else { throw .file(path, "exists; a key is never overwritten") }
  var random = SecureRandom()
  do throws(PaillierError) {
    let key = try PrivateKey(generatingBits: bits, layout: SlotLayout([.activeEnergyImport]), using: &random)
    do throws(LabError) { try writeFile(privateJSON(key), to: path, secret: true) } catch { throw .malformedKeyFile }
  } catch {
    throw error == .malformedKeyFile ? .file(path, "cannot be written") : .refused("\(error)")
  }
}

func extract(_ privatePath: String, _ publicPath: String) throws(LabError) {
  let key = try loadPrivateKey(privatePath)
  try writeFile(publicJSON(key.publicKey), to: publicPath, secret: false)
}

/// m modulo n, when −n/3 < m < n/3 as in phe: the middle third is left free so that an overflow shows.
func residue(_ text: String, _ key: PublicKey) throws(LabError) -> [UInt8] {
  guard text.utf8.count <= 3 * key.modulusBytes, let value = Integer(decimal: text) else {
    throw .refused("not an integer: \(text.prefix(40))")
  }
  let n = modulus(key)
  let magnitude = value.sign < 0 ? Integer().minus(value) : value.copy()
  guard magnitude.times(Integer(3)).compared(to: n) < 0 else { throw .refused("the integer is not within n/3") }
  let residue = value.modulo(n)
  return [UInt8](capacity: key.modulusBytes) { out in residue.write(bigEndianBytes: key.modulusBytes, into: &out) }
}

func modulus(_ key: PublicKey) -> Integer {
  let bytes = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
  return Integer(bigEndian: bytes.span)
}

/// The signed integer that a plaintext and phe's exponent stand for.
func signed(_ plaintext: [UInt8], exponent: Int, _ key: PublicKey) throws(LabError) -> String {
  let n = modulus(key)
  let m = Integer(bigEndian: plaintext.span)
  let tripled = m.times(Integer(3))
  let value: Integer
  if tripled.compared(to: n) < 0 {
    value = m.copy()
  } else if tripled.compared(to: n.times(Integer(2))) > 0 {
    value = m.minus(n)
  } else {
    throw .refused("the plaintext lies in the middle third: an overflow")
  }
  let scale = Integer(1).shiftedLeft(4 * abs(exponent))
  if exponent >= 0 { return value.times(scale).decimal }
  guard value.modulo(scale).sign == 0 else { throw .refused("the plaintext is not an integer") }
  return value.dividedExactly(by: scale).decimal
}

/// In the plain form: whose primes an imported key has, nobody here can know.
func encrypt(_ path: String, _ text: String) throws(LabError) {
  let key = try loadPublicKey(path)
  print(json(ciphertext: try encryptPlain(try residue(text, key), key), exponent: 0))
}

func encryptPlain(_ plaintext: [UInt8], _ key: PublicKey) throws(LabError) -> [UInt8] {
  var random = SecureRandom()
  var out = ByteBuffer(capacity: key.ciphertextBytes)
  var failure: PaillierError?
  out.replace { out in
    do throws(PaillierError) { try key.encryptPlain(plaintext.span, using: &random, into: &out) } catch {
      failure = error
    }
  }
  if let failure { throw .refused("\(failure)") }
  return array(out.span)
}

func json(ciphertext: [UInt8], exponent: Int) -> String { #"{"v": "\#(decimal(ciphertext))", "e": \#(exponent)}"# }

func add(_ path: String, _ files: [String]) throws(LabError) {
  let key = try loadPublicKey(path)
  var product = CiphertextProduct(key)
  var exponent: Int?
  for file in files {
    let ciphertext = try PheCiphertext(file, key)
    guard exponent == nil || exponent == ciphertext.exponent else {
      throw .file(file, "has exponent \(ciphertext.exponent), the others \(exponent ?? 0)")
    }
    exponent = ciphertext.exponent
    do throws(PaillierError) {
      try product.add(ciphertext.bytes.span, encryptedUnder: key.keyIdentifier)
      // One gcd for each file rather than one for all: the message then names the file.
      try key.validate(ciphertext.bytes.span)
    } catch { throw .file(file, "\(error)") }
  }
  let sum = [UInt8](capacity: key.ciphertextBytes) { out in product.write(into: &out) }
  print(json(ciphertext: sum, exponent: exponent ?? 0))
}

func decrypt(_ privatePath: String, _ path: String, proof: String?) throws(LabError) {
  let key = try loadPrivateKey(privatePath)
  let ciphertext = try PheCiphertext(path, key.publicKey)
  let size = key.publicKey.modulusBytes
  var sum = ByteBuffer(capacity: size)
  var root = ByteBuffer(capacity: size)
  var failure: PaillierError?
  sum.replace { sum in
    root.replace { root in
      do throws(PaillierError) {
        if proof == nil {
          try key.decrypt(ciphertext.bytes.span, into: &sum)
        } else {
          try key.prove(ciphertext.bytes.span, sum: &sum, root: &root)
        }
      } catch { failure = error }
    }
  }
  if let failure { throw .file(path, "\(failure)") }
  let text = try signed(array(sum.span), exponent: ciphertext.exponent, key.publicKey)
  if let proof {
    let json = #"{"s": "\#(decimal(array(sum.span)))", "r": "\#(decimal(array(root.span)))"}"#
    try writeFile(json, to: proof, secret: false)
  }
  print(text)
}

func verify(_ publicPath: String, _ path: String, _ proofPath: String) throws(LabError) {
  let key = try loadPublicKey(publicPath)
  let ciphertext = try PheCiphertext(path, key)
  let proof = try readJSON(proofPath)
  guard let s = proof["s"] as? String, let r = proof["r"] as? String else {
    throw .file(proofPath, "is not {\"s\": decimal, \"r\": decimal}")
  }
  let sum = try bigEndian(s, key.modulusBytes, proofPath)
  let root = try bigEndian(r, key.modulusBytes, proofPath)
  do throws(PaillierError) {
    try key.verify(ciphertext: ciphertext.bytes.span, sum: sum.span, root: root.span)
  } catch { throw .file(proofPath, "\(error)") }
  print("the proof holds: \(try signed(sum, exponent: ciphertext.exponent, key))")
}

/// `encrypt M`, `plain M`, `decrypt V` and the known answers `djn X A M` and `given R M`; one answer a line.
func batch(_ path: String) throws(LabError) {
  let key = try loadPrivateKey(path)
  let publicKey = key.publicKey
  var random = SecureRandom()
  let encryptor = Encryptor(publicKey, using: &random)
  var out = ByteBuffer(capacity: publicKey.ciphertextBytes)
  while let line = readLine() {
    let words = line.split(separator: " ").map(String.init)
    guard words.count >= 2 else { throw .usage }
    var failure: PaillierError?
    let message = words[0] == "decrypt" ? [] : try residue(words[words.count - 1], publicKey)
    switch words[0] {
    case "encrypt":
      out.replace { out in
        do throws(PaillierError) {
          try encryptor.encrypt(plaintext: message.span, using: &random, into: &out)
        } catch { failure = error }
      }
      print(decimal(array(out.span)))
    case "plain": print(decimal(try encryptPlain(message, publicKey)))
    case "decrypt":
      let ciphertext = try bigEndian(words[1], publicKey.ciphertextBytes, "stdin")
      out.replace { out in
        do throws(PaillierError) { try key.decrypt(ciphertext.span, into: &out) } catch { failure = error }
      }
      if failure == nil { print(try signed(array(out.span), exponent: 0, publicKey)) }
    case "djn":
      guard words.count == 4, let x = Integer(decimal: words[1]), let a = Integer(decimal: words[2]) else {
        throw .usage
      }
      let known = Encryptor(publicKey, x: x)
      print(known.encrypt(Integer(bigEndian: message.span), exponent: a).decimal)
    case "given":
      guard words.count == 3, let r = Integer(decimal: words[1]) else { throw .usage }
      out.replace { out in
        do throws(PaillierError) {
          try publicKey.encryptPlain(message.span, r: r, into: &out)
        } catch { failure = error }
      }
      print(decimal(array(out.span)))
    default: throw .usage
    }
    if let failure { print("refused: \(failure)") }
    fflush(nil)
  }
}
