import BigInteger
import Wire

/// A Paillier private key: the primes, and what decryption by halves needs. (Paillier 1999, §7)
public struct PrivateKey: ~Copyable {
  public let publicKey: PublicKey
  private let p: PrimeHalf
  private let q: PrimeHalf
  private let pInverseModQ: Integer
  private let rootExponent: Integer

  /// One prime and its constants.
  private struct PrimeHalf: ~Copyable {
    let prime: Integer
    let square: Integer
    let primeMinusOne: Integer
    /// L((1 + n)^(p−1) mod p²)⁻¹ mod p
    let h: Integer

    /// `h` is zero when the prime makes no key.
    init(_ prime: borrowing Integer, n: borrowing Integer) {
      self.prime = prime.copy()
      square = prime.times(prime)
      primeMinusOne = prime.minus(Integer(1))
      let power = n.plus(Integer(1)).power(secretExponent: primeMinusOne, modulo: square)
      h = power.minus(Integer(1)).dividedExactly(by: prime).inverse(modulo: prime)
    }

    /// The plaintext modulo this prime.
    func decrypt(_ c: borrowing Integer) -> Integer {
      let power = c.modulo(square).power(secretExponent: primeMinusOne, modulo: square)
      return power.minus(Integer(1)).dividedExactly(by: prime).times(h).modulo(prime)
    }
  }

  /// Two primes of the same length, both 3 mod 4, with (p − 1, q − 1) sharing only 2. (DJN 2010, §4.1)
  public init(
    p: borrowing Integer, q: borrowing Integer, layout: SlotLayout, allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    let one = Integer(1)
    guard p.bit(0), p.bit(1), q.bit(0), q.bit(1), p.bitWidth == q.bitWidth, p.compared(to: q) != 0,
      p.isProbablyPrime, q.isProbablyPrime
    else { throw .wrongKey }
    let pMinusOne = p.minus(one)
    let qMinusOne = q.minus(one)
    let n = p.times(q)
    guard pMinusOne.greatestCommonDivisor(qMinusOne).equals(2),
      n.greatestCommonDivisor(pMinusOne.times(qMinusOne)).equals(1)
    else { throw .wrongKey }
    var bytes = ByteBuffer(capacity: (n.bitWidth + 7) / 8)
    bytes.replace { out in n.write(bigEndianBytes: (n.bitWidth + 7) / 8, into: &out) }
    let halfP = PrimeHalf(p, n: n)
    let halfQ = PrimeHalf(q, n: n)
    let inverse = p.inverse(modulo: q)
    let exponent = n.inverse(modulo: pMinusOne.leastCommonMultiple(qMinusOne))
    guard halfP.h.sign > 0, halfQ.h.sign > 0, inverse.sign > 0, exponent.sign > 0 else { throw .wrongKey }
    publicKey = try PublicKey(n: bytes.span, layout: layout, allowingSmallForTests: allowingSmallForTests)
    self.p = halfP
    self.q = halfQ
    pInverseModQ = inverse
    rootExponent = exponent
  }

  /// A fresh key. Cost: seconds on a small board.
  public init(
    generatingBits bits: Int, layout: SlotLayout, using generator: inout some RandomNumberGenerator,
    allowingSmallForTests: Bool = false
  ) throws(PaillierError) {
    guard bits >= PublicKey.minimumBits || allowingSmallForTests, bits % 16 == 0 else {
      throw .modulusTooSmall(bits: bits)
    }
    while true {
      let p = Self.prime(bits: bits / 2, using: &generator)
      let q = Self.prime(bits: bits / 2, using: &generator)
      let distance = p.compared(to: q) > 0 ? p.minus(q) : q.minus(p)
      // Primes too close to one another fall to Fermat's factoring. (FIPS 186-5, A.1.3)
      guard distance.bitWidth > bits / 2 - 100 || allowingSmallForTests else { continue }
      // gcd(p − 1, q − 1) > 2 happens for one pair in three; draw again.
      if p.minus(Integer(1)).greatestCommonDivisor(q.minus(Integer(1))).equals(2) {
        try self.init(p: p, q: q, layout: layout, allowingSmallForTests: allowingSmallForTests)
        return
      }
    }
  }

  /// A prime of exactly `bits` bits with its two top bits set and 3 mod 4.
  private static func prime(bits: Int, using generator: inout some RandomNumberGenerator) -> Integer {
    let top = Integer(3).shiftedLeft(bits - 2)
    while true {
      let candidate = top.plus(Integer.random(bits: bits - 4, using: &generator).shiftedLeft(2)).plus(Integer(3))
      if candidate.isProbablyPrime { return candidate }
    }
  }

  package func decrypt(_ c: borrowing Integer) -> Integer {
    let mp = p.decrypt(c)
    let mq = q.decrypt(c)
    return mp.plus(p.prime.times(mq.minus(mp).times(pInverseModQ).modulo(q.prime)))
  }

  /// Decrypts S and finds the R that proves it: R = (c·(1 + S·n)⁻¹)^(n⁻¹ mod λ) mod n. Appends S and R, big-endian.
  ///
  /// Releases nothing before the public equation held, so a fault in the machine cannot leak a prime.
  public func prove(
    _ ciphertext: Span<UInt8>, sum: inout OutputSpan<UInt8>, root: inout OutputSpan<UInt8>
  ) throws(PaillierError) {
    let c = try publicKey.decode(ciphertext)
    let s = decrypt(c)
    // (1 + S·n)⁻¹ is 1 modulo n, so only c mod n is needed.
    let r = c.modulo(publicKey.n).power(secretExponent: rootExponent, modulo: publicKey.n)
    var sumBytes = ByteBuffer(capacity: publicKey.modulusBytes)
    var rootBytes = ByteBuffer(capacity: publicKey.modulusBytes)
    sumBytes.replace { out in s.write(bigEndianBytes: publicKey.modulusBytes, into: &out) }
    rootBytes.replace { out in r.write(bigEndianBytes: publicKey.modulusBytes, into: &out) }
    try publicKey.verify(ciphertext: ciphertext, sum: sumBytes.span, root: rootBytes.span)
    sum.write(sumBytes.span)
    root.write(rootBytes.span)
  }

  // MARK: Key file

  /// Bytes of ``encode(into:)``.
  public var encodedBytes: Int { 8 + 2 + 2 + publicKey.layout.quantities.count + publicKey.modulusBytes }

  /// Layout in docs/PROTOCOL.md, "Paillier key file".
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.writeTag("BUSBARsk")
    output.write(UInt16(publicKey.modulusBytes / 2))
    output.write(UInt16(publicKey.layout.quantities.count))
    for quantity in publicKey.layout.quantities { output.write(quantity.rawValue) }
    p.prime.write(bigEndianBytes: publicKey.modulusBytes / 2, into: &output)
    q.prime.write(bigEndianBytes: publicKey.modulusBytes / 2, into: &output)
  }

  public init(decoding bytes: Span<UInt8>, allowingSmallForTests: Bool = false) throws(PaillierError) {
    let file: KeyFile
    do { file = try KeyFile(bytes) } catch { throw .malformedKeyFile }
    let p = Integer(bigEndian: bytes.extracting(file.firstPrime))
    let q = Integer(bigEndian: bytes.extracting(file.secondPrime))
    // Primes that begin with zero bits would be a second encoding, and one that does not fit when it is written again.
    guard p.bitWidth == 8 * file.firstPrime.count, q.bitWidth == p.bitWidth else { throw .malformedKeyFile }
    try self.init(p: p, q: q, layout: SlotLayout(file.quantities), allowingSmallForTests: allowingSmallForTests)
  }

  /// Where things stand in a key file.
  private struct KeyFile {
    var quantities: [SlotQuantity] = []
    let firstPrime: Range<Int>
    let secondPrime: Range<Int>

    init(_ bytes: Span<UInt8>) throws(WireError) {
      var reader = WireReader(bytes)
      try reader.readTag("BUSBARsk")
      let primeBytes = Int(try reader.read(UInt16.self))
      let slots = Int(try reader.read(UInt16.self))
      guard primeBytes > 0, slots > 0, slots <= SlotLayout.maximumSlots else { throw .outOfRange(offset: 8) }
      for _ in 0..<slots {
        guard let quantity = SlotQuantity(rawValue: try reader.read(UInt8.self)) else { throw .outOfRange(offset: 12) }
        quantities.append(quantity)
      }
      firstPrime = reader.offset..<(reader.offset + primeBytes)
      secondPrime = firstPrime.upperBound..<(firstPrime.upperBound + primeBytes)
      _ = try reader.readBytes(2 * primeBytes)
      try reader.expectEnd()
    }
  }
}
