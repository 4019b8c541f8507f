import BigInteger
import Foundation
import Paillier
import Testing
import Wire

@Suite("Proof that gcd(n, φ(n)) = 1 (Goldberg, Reyzin, Sagga & Baldimtsi 2019)")
struct ModulusProofTests {
  /// A proof of Tests/Oracles/modulus_vectors.txt, which plain Python integers made and judged.
  struct Vector: Sendable, CustomStringConvertible {
    let description: String
    let modulus: [UInt8]
    let roots: [UInt8]
  }

  private static let vectors: [Vector] = {
    var lines: [String: [UInt8]] = [:]
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Oracles/modulus_vectors.txt")
    let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      lines[String(words[0])] = Hexadecimal.bytes(String(words[1]))
    }
    return lines.keys.filter { $0.hasSuffix("Modulus") }.sorted().map { name in
      let stem = String(name.dropLast("Modulus".count))
      return Vector(description: stem, modulus: lines[name] ?? [], roots: lines[stem + "Roots"] ?? [])
    }
  }()

  private static func vector(_ name: String) throws -> Vector {
    try #require(vectors.first { $0.description == name })
  }

  private static func refusal(_ modulus: [UInt8], _ roots: [UInt8], small: Bool = false) throws -> ModulusRefusal? {
    let key = try PublicKey(n: modulus.span, layout: Support.layout, allowingSmallForTests: small)
    do throws(ModulusRefusal) { try ModulusProof(roots: roots).check(of: key) } catch { return error }
    return nil
  }

  @Test(
    "of a good modulus holds; of every bad one it is refused, each for its reason",
    arguments: [
      ("good", nil), ("small", nil), ("above", nil), ("below", .smallFactor(65521)), ("power", .smallFactor(251)),
      ("square", .rootDoesNotHold(0)), ("related", .rootDoesNotHold(0)), ("prime", .prime),
      ("ofAnother", .rootDoesNotHold(0)), ("otherDomain", .rootDoesNotHold(0)), ("negated", .rootDoesNotHold(5)),
    ] as [(String, ModulusRefusal?)])
  func vectors(name: String, refusal: ModulusRefusal?) throws {
    let vector = try Self.vector(name)
    #expect(try Self.refusal(vector.modulus, vector.roots) == refusal)
  }

  @Test("all vectors are used") func vectorCount() { #expect(Self.vectors.count == 11) }

  @Test("n = 251^385 is the modulus for which a ciphertext opens as many sums")
  func manySums() throws {
    // (1 + S·n)·R^n is the same for S + n/251 and some other R, wherever 251 divides n and φ(n).
    let vector = try Self.vector("power")
    let key = try PublicKey(n: vector.modulus.span, layout: Support.layout)
    let n = key.n.copy()
    let step = n.dividedExactly(by: Integer(251))
    func opened(_ sum: borrowing Integer, _ root: borrowing Integer) throws -> [UInt8] {
      let s = Support.bytes(sum, key.modulusBytes)
      let r = Support.bytes(root, key.modulusBytes)
      return try Support.written(key.ciphertextBytes) { (out) throws(PaillierError) in
        try key.writeCiphertext(sum: s.span, root: r.span, into: &out)
      }
    }
    let first = try opened(Integer(3000), Integer(2))
    // (1 + n/251)^n = 1 + n²/251 = 1 + (n/251)·n modulo n².
    let other = Integer(2).times(Integer(1).plus(step)).modulo(n)
    let second = try opened(Integer(3000).plus(n).minus(step).modulo(n), other)
    #expect(first == second)
  }

  @Test("is made by both profiles of a private key, and is the one that plain integers find")
  func made() throws {
    let text = try Support.source("Sources/busbar-selftest/ModulusVectors+Data.swift")
    func constant(_ name: String) throws -> [UInt8] {
      let start = try #require(text.range(of: "static let \(name) ="))
      let body = text[start.upperBound...].prefix { $0 != "s" && $0 != "}" }
      return Hexadecimal.bytes(String(body.filter { $0.isHexDigit })) ?? []
    }
    let (p, q) = (try constant("p"), try constant("q"))
    let expected = try Self.vector("good")
    let hardened = try PrivateKey(
      p: Integer(bigEndian: p.span), q: Integer(bigEndian: q.span), layout: Support.layout)
    #expect(try hardened.proveModulus().roots == expected.roots)
    let fast = try FastPrivateKey(
      p: Integer(bigEndian: p.span), q: Integer(bigEndian: q.span), layout: Support.layout)
    #expect(try fast.proveModulus().roots == expected.roots)
    #expect(Support.bytes(hardened.publicKey.n, 384) == expected.modulus)
  }

  @Test("of a fresh key holds, and the key decrypts as before", arguments: [1, 2, 3] as [UInt64])
  func fresh(seed: UInt64) throws {
    let key = try Support.smallKey(bits: 256, seed: seed)
    let modulus = Support.bytes(key.publicKey.n, 32)
    let proof = try key.proveModulus()
    #expect(try Self.refusal(modulus, proof.roots, small: true) == nil)
    var generator = TestGenerator(state: seed)
    let ciphertext = try Support.encrypted([7, -8], Encryptor(key.publicKey, using: &generator), seed: seed)
    let opened = try Support.proof(key, ciphertext)
    #expect(try key.publicKey.unpack(sum: opened.sum.span, contributors: 1) == [7, -8])
  }

  @Test("any one bit of a root wrong is refused, at that root")
  func bitFlips() throws {
    let key = try Support.smallKey(bits: 256)
    let modulus = Support.bytes(key.publicKey.n, 32)
    let roots = try key.proveModulus().roots
    for bit in 0..<(8 * roots.count) {
      var damaged = roots
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      let index = bit / 256
      let refusal = try Self.refusal(modulus, damaged, small: true)
      #expect(refusal == .rootDoesNotHold(index) || refusal == .rootOutOfRange(index), "bit \(bit)")
    }
  }

  @Test("roots of 0, n and above, too few and too many are refused; roots of two challenges exchanged too")
  func range() throws {
    let key = try Support.smallKey(bits: 256)
    let modulus = Support.bytes(key.publicKey.n, 32)
    let roots = try key.proveModulus().roots
    func changed(_ index: Int, _ root: [UInt8]) -> [UInt8] {
      var result = roots
      result.replaceSubrange((32 * index)..<(32 * index + 32), with: root)
      return result
    }
    #expect(try Self.refusal(modulus, changed(3, [UInt8](repeating: 0, count: 32)), small: true) == .rootOutOfRange(3))
    #expect(try Self.refusal(modulus, changed(7, modulus), small: true) == .rootOutOfRange(7))
    #expect(
      try Self.refusal(modulus, changed(0, [UInt8](repeating: 0xFF, count: 32)), small: true) == .rootOutOfRange(0))
    for count in [0, 32, 255, 257, 288] {
      let other = Array((roots + roots).prefix(count))
      #expect(try Self.refusal(modulus, other, small: true) == .wrongLength(bytes: count))
    }
    let exchanged = changed(1, Array(roots[64..<96]))
    #expect(try Self.refusal(modulus, exchanged, small: true) == .rootDoesNotHold(1))
  }

  @Test("a composite that a base of 2 alone takes for a prime is not called one")
  func pseudoprime() throws {
    // 2^67 − 1 = 193707721·761838257287: the order of 2 is 67, which divides 2^67 − 2.
    let n = Integer(1).shiftedLeft(67).minus(Integer(1))
    let passesFermat = Integer(2).power(publicExponent: n.minus(Integer(1)), modulo: n).equals(1)
    #expect(passesFermat)
    let modulus = Support.bytes(n, 9)
    let key = try PublicKey(n: modulus.span, layout: SlotLayout([.activeEnergyImport]), allowingSmallForTests: true)
    let roots = [UInt8](repeating: 1, count: 72)
    do throws(ModulusRefusal) {
      try ModulusProof(roots: roots).check(of: key)
      Issue.record("made-up roots hold")
    } catch { #expect(error == .rootDoesNotHold(0)) }
  }

  // MARK: The file beside the key

  @Test("the file is refused at every shorter length and with a byte more, and has one encoding")
  func file() throws {
    let vector = try Self.vector("small")
    let proven = ProvenModulus(modulus: vector.modulus, proof: ModulusProof(roots: vector.roots))
    let whole = [UInt8](capacity: proven.encodedBytes) { out in proven.encode(into: &out) }
    #expect(whole.count == 10 + 9 * 256)
    #expect(whole == Array("BUSBARmp".utf8) + [0, 1] + vector.modulus + vector.roots)
    #expect(try ProvenModulus(decoding: whole.span) == proven)
    for count in 0..<whole.count {
      let short = Array(whole.prefix(count))
      #expect(throws: WireError.self) { try ProvenModulus(decoding: short.span) }
    }
    let long = whole + [0]
    #expect(throws: WireError.trailingBytes(1)) { try ProvenModulus(decoding: long.span) }
    for bit in 0..<(8 * whole.count) {
      var damaged = whole
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      guard let other = try? ProvenModulus(decoding: damaged.span) else { continue }
      #expect([UInt8](capacity: other.encodedBytes) { out in other.encode(into: &out) } == damaged, "bit \(bit)")
      #expect(other != proven)
    }
    var padded = whole
    padded[10] = 0
    #expect(throws: WireError.outOfRange(offset: 10)) { try ProvenModulus(decoding: padded.span) }
    padded.replaceSubrange(8..<10, with: [0, 0])
    #expect(throws: WireError.outOfRange(offset: 8)) { try ProvenModulus(decoding: padded.span) }
  }
}
