import BigInteger
import Foundation
import Paillier
import Testing
import Wire

/// What the suites of this folder share.
enum Support {
  static let layout = SlotLayout([.activeEnergyImport, .activeEnergyExport])

  static func array(_ span: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    for index in 0..<span.count { result.append(span[index]) }
    return result
  }

  static func bytes(_ integer: borrowing Integer, _ count: Int) -> [UInt8] {
    [UInt8](capacity: count) { out in integer.write(bigEndianBytes: count, into: &out) }
  }

  /// What `body` writes, or the error it throws.
  static func written(
    _ capacity: Int, _ body: (inout OutputSpan<UInt8>) throws(PaillierError) -> Void
  ) throws(PaillierError) -> [UInt8] {
    var buffer = ByteBuffer(capacity: capacity)
    var failure: PaillierError?
    buffer.replace { out in
      do throws(PaillierError) { try body(&out) } catch { failure = error }
    }
    if let failure { throw failure }
    return array(buffer.span)
  }

  static func refusal(_ body: () throws(PaillierError) -> Void) -> PaillierError? {
    do throws(PaillierError) { try body() } catch { return error }
    return nil
  }

  static func smallKey(bits: Int = 512, seed: UInt64 = 1) throws(PaillierError) -> PrivateKey {
    var generator = TestGenerator(state: seed)
    return try PrivateKey(generatingBits: bits, layout: layout, using: &generator, allowingSmallForTests: true)
  }

  static func smallAlphaKey(seed: UInt64 = 1) throws(PaillierError) -> AlphaPrivateKey {
    var generator = TestGenerator(state: seed)
    return try AlphaPrivateKey(generatingBits: 640, layout: layout, using: &generator, allowingSmallForTests: true)
  }

  static func encrypted<Profile: ArithmeticProfile>(
    _ values: [Int64], _ encryptor: borrowing ProfiledEncryptor<Profile>, seed: UInt64
  ) throws(PaillierError) -> [UInt8] {
    var generator = TestGenerator(state: seed)
    return try written(encryptor.key.ciphertextBytes) { (out) throws(PaillierError) in
      try encryptor.encrypt(values.span, using: &generator, into: &out)
    }
  }

  static func proof<Profile: ArithmeticProfile>(
    _ key: borrowing ProfiledPrivateKey<Profile>, _ ciphertext: [UInt8]
  ) throws(PaillierError) -> (sum: [UInt8], root: [UInt8]) {
    let size = key.publicKey.modulusBytes
    var root = ByteBuffer(capacity: size)
    var failure: PaillierError?
    let sum = try written(size) { (sum) throws(PaillierError) in
      root.replace { root in
        do throws(PaillierError) { try key.prove(ciphertext.span, sum: &sum, root: &root) } catch { failure = error }
      }
      if let failure { throw failure }
    }
    return (sum, array(root.span))
  }

  static func decrypted<Profile: ArithmeticProfile>(
    _ key: borrowing ProfiledPrivateKey<Profile>, _ ciphertext: [UInt8]
  ) throws(PaillierError) -> [UInt8] {
    try written(key.publicKey.modulusBytes) { (out) throws(PaillierError) in
      try key.decrypt(ciphertext.span, into: &out)
    }
  }

  /// Tests/Oracles/paillier_vectors.txt: `name hex` lines.
  static func vectors() throws -> [String: [UInt8]] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Oracles/paillier_vectors.txt")
    var result: [String: [UInt8]] = [:]
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
      let words = line.split(separator: " ")
      result[String(words[0])] = Hexadecimal.bytes(String(words[1]))
    }
    return result
  }

  static func number(_ vectors: [String: [UInt8]], _ name: String) throws -> Integer {
    let bytes = try #require(vectors[name])
    return Integer(bigEndian: bytes.span)
  }
}

extension Support {
  static func source(_ path: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
  }
}

extension Support {
  static func proof(
    _ key: borrowing AlphaPrivateKey, _ ciphertext: [UInt8]
  ) throws(PaillierError) -> (sum: [UInt8], root: [UInt8]) {
    let size = key.publicKey.modulusBytes
    var root = ByteBuffer(capacity: size)
    var failure: PaillierError?
    let sum = try Support.written(size) { (sum) throws(PaillierError) in
      root.replace { root in
        do throws(PaillierError) { try key.prove(ciphertext.span, sum: &sum, root: &root) } catch { failure = error }
      }
      if let failure { throw failure }
    }
    return (sum, Support.array(root.span))
  }
}
