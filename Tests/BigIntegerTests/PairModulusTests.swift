import BigInteger
import Testing
import Wire

/// SplitMix64 with a fixed seed: the same numbers in every run.
struct TestGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Pair arithmetic beside the same sums on GMP's mpz functions.
struct Bench<Profile: ArithmeticProfile>: ~Copyable {
  let m: Integer
  let square: Integer
  let pairs: PairModulus
  let scratch: PairScratch
  let x: Limbs
  let y: Limbs
  let value: Limbs
  let temporary: Limbs
  let table: Limbs

  init(_ m: borrowing Integer) {
    self.m = m.copy()
    square = m.times(m)
    pairs = PairModulus(m)!
    scratch = pairs.makeScratch()
    let k = pairs.count
    x = Limbs(count: 2 * k)
    y = Limbs(count: 2 * k)
    value = Limbs(count: 2 * k)
    temporary = Limbs(count: 4 * k)
    table = Limbs(count: pairs.windowTableCount)
  }

  func enter(_ number: borrowing Integer, _ into: borrowing Limbs) {
    pairs.enter(
      Profile.self, Limbs(number, count: max(1, (number.bitWidth + 63) / 64 * (64 / Limbs.bits))), into: into,
      temporary: temporary, scratch)
  }

  func leave(_ pair: borrowing Limbs) -> Integer {
    pairs.leave(Profile.self, pair, into: pair, scratch)
    pairs.compose(Profile.self, pair, into: value, scratch)
    return value.integer()
  }

  /// Whether product, square, message and power agree with mpz for these numbers.
  func agrees(_ a: borrowing Integer, _ b: borrowing Integer, exponent: borrowing Integer) -> Bool {
    enter(a, x)
    let back = leave(x).compared(to: a.modulo(square)) == 0
    enter(a, x)
    enter(b, y)
    pairs.multiply(Profile.self, x, y, into: y, scratch)
    let product = leave(y).compared(to: a.times(b).modulo(square)) == 0
    pairs.square(Profile.self, x, into: y, scratch)
    let squared = leave(y).compared(to: a.times(a).modulo(square)) == 0
    let message = b.modulo(m)
    pairs.leave(Profile.self, x, message: Limbs(message, count: pairs.count), into: y, scratch)
    pairs.compose(Profile.self, y, into: value, scratch)
    let put = message.times(m).plus(Integer(1)).times(a).modulo(square)
    let messaged = value.integer().compared(to: put) == 0
    let limbs = Limbs(exponent, count: max(1, (exponent.bitWidth + 63) / 64 * (64 / Limbs.bits)))
    pairs.power(
      Profile.self, x, secretExponent: limbs, bits: max(1, exponent.bitWidth), into: y, table: table, scratch)
    let expected = a.power(publicExponent: exponent, modulo: square)
    let power = leave(y).compared(to: expected) == 0
    pairs.power(Profile.self, x, publicExponent: limbs, into: y, table: table, scratch)
    let publicPower = leave(y).compared(to: expected) == 0
    let digit = Limbs(count: pairs.count)
    pairs.powerOfFirstDigit(
      Profile.self, of: x, secretExponent: limbs, bits: max(1, exponent.bitWidth), into: digit, table: table, scratch)
    let digitPower = digit.integer().compared(to: a.power(publicExponent: exponent, modulo: m)) == 0
    return back && product && squared && messaged && power && publicPower && digitPower
  }
}

@Suite("Digit pairs (docs/CRYPTOGRAPHY.md, Arithmetic)")
struct PairModulusTests {
  /// Odd moduli of every kind: tiny, with a full top limb, all ones, one bit over a limb boundary; of odd and even numbers
  /// of limbs, up to where hardened products are split twice.
  static func moduli() -> [[UInt8]] {
    var generator = TestGenerator(state: 1)
    var result: [[UInt8]] = [[3], [77], [0xFF, 0xFF], [UInt8](repeating: 0xFF, count: 8)]
    for bits in [31, 32, 33, 63, 64, 65, 127, 128, 129, 512, 1024, 1000, 1664, 1728, 2048, 3072, 4096] {
      for shape in 0..<3 {
        var bytes = [UInt8](repeating: 0, count: (bits + 7) / 8)
        if shape == 0 { for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: generator.next()) } }
        if shape == 2 { for index in bytes.indices { bytes[index] = 0xFF } }
        let top = (bits - 1) % 8
        bytes[0] &= UInt8((2 << top) - 1)
        bytes[0] |= UInt8(1 << top)
        bytes[bytes.count - 1] |= 1
        result.append(bytes)
      }
    }
    return result
  }

  static func agreement<Profile: ArithmeticProfile>(_ profile: Profile.Type, _ modulus: [UInt8]) -> Int {
    let m = Integer(bigEndian: modulus.span)
    let bench = Bench<Profile>(m)
    var generator = TestGenerator(state: 2)
    var failures = 0
    let edge = bench.square.minus(Integer(1))
    if !bench.agrees(edge, edge, exponent: Integer(3)) { failures += 1 }
    if !bench.agrees(Integer(), Integer(1), exponent: Integer(5)) { failures += 1 }
    if !bench.agrees(m, m.minus(Integer(1)), exponent: Integer(0)) { failures += 1 }
    for round in 0..<(m.bitWidth > 1500 ? 3 : 20) {
      let a = Integer.random(bits: 2 * m.bitWidth, using: &generator).modulo(bench.square)
      let b = Integer.random(bits: 2 * m.bitWidth, using: &generator).modulo(bench.square)
      let exponent = Integer.random(bits: 1 + round * 37 % 300, using: &generator)
      if !bench.agrees(a, b, exponent: exponent) { failures += 1 }
    }
    return failures
  }

  @Test(
    "entering, products, squares, messages and powers agree with mpz for moduli of every shape, in both profiles",
    arguments: moduli())
  func oracle(modulus: [UInt8]) {
    #expect(Self.agreement(Hardened.self, modulus) == 0)
    #expect(Self.agreement(Fast.self, modulus) == 0)
  }

  @Test("all products modulo m² for m = 3, 5 … 15, by both profiles")
  func exhaustive() {
    var failures = 0
    for m in stride(from: UInt32(3), through: 15, by: 2) {
      let hardened = Bench<Hardened>(Integer(m))
      let fast = Bench<Fast>(Integer(m))
      for a in 0..<(m * m) {
        for b in 0..<(m * m) {
          hardened.enter(Integer(a), hardened.x)
          hardened.enter(Integer(b), hardened.y)
          hardened.pairs.multiply(Hardened.self, hardened.x, hardened.y, into: hardened.x, hardened.scratch)
          fast.enter(Integer(a), fast.x)
          fast.enter(Integer(b), fast.y)
          fast.pairs.multiply(Fast.self, fast.x, fast.y, into: fast.x, fast.scratch)
          if !hardened.leave(hardened.x).equals(a * b % (m * m)) { failures += 1 }
          if !fast.leave(fast.x).equals(a * b % (m * m)) { failures += 1 }
        }
      }
    }
    #expect(failures == 0)
  }

  @Test("an even modulus and 1 have no pair arithmetic")
  func refused() {
    let refused = [0, 1, 2, 4, 2048].map { PairModulus(Integer(UInt32($0))) == nil }
    #expect(refused == [true, true, true, true, true])
  }

  static func combAgrees<Profile: ArithmeticProfile>(
    _ profile: Profile.Type, bits: Int, shape: CombShape, modulus: [UInt8]
  ) -> Int {
    let bench = Bench<Profile>(Integer(bigEndian: modulus.span))
    var generator = TestGenerator(state: 3)
    let base = Integer.random(bits: 2 * bench.m.bitWidth, using: &generator).modulo(bench.square)
    bench.enter(base, bench.x)
    let comb = FixedBaseComb(bench.pairs, base: bench.x, exponentBits: bits, shape: shape)
    let count = (bits + Limbs.bits - 1) / Limbs.bits
    var failures = 0
    for round in 0..<6 {
      let exponent =
        round == 0
        ? Integer()
        : round == 1
          ? Integer(1).shiftedLeft(bits).minus(Integer(1)) : Integer.random(bits: bits, using: &generator)
      comb.power(
        Profile.self, Limbs(exponent, count: count), into: bench.y, entry: bench.value, bench.scratch)
      let expected = base.power(publicExponent: exponent, modulo: bench.square)
      if bench.leave(bench.y).compared(to: expected) != 0 { failures += 1 }
    }
    return failures
  }

  @Test(
    "a comb gives the power of every exponent, whatever its shape",
    arguments: [(1, 1, 1), (7, 3, 2), (64, 8, 4), (100, 6, 8), (256, 8, 4), (255, 6, 8), (448, 5, 4), (512, 1, 16)])
  func comb(bits: Int, rows: Int, blocks: Int) {
    let modulus = Self.moduli()[24]
    let shape = CombShape(rows: rows, blocks: blocks)
    #expect(Self.combAgrees(Hardened.self, bits: bits, shape: shape, modulus: modulus) == 0)
    #expect(Self.combAgrees(Fast.self, bits: bits, shape: shape, modulus: modulus) == 0)
  }

  @Test("a product of many numbers agrees with mpz after each factor", arguments: moduli())
  func product(modulus: [UInt8]) {
    let m = Integer(bigEndian: modulus.span)
    let square = m.times(m)
    let pairs = PairModulus(m)!
    var generator = TestGenerator(state: 4)
    var product = PairProduct(pairs)
    var expected = Integer(1)
    let value = Limbs(count: 2 * pairs.count)
    var failures = 0
    product.read(into: value)
    if !value.integer().equals(1) { failures += 1 }
    for round in 0..<40 {
      // Also the largest one several times, whose digits carry most.
      let factor =
        round % 4 == 3
        ? square.minus(Integer(1)) : Integer.random(bits: 2 * m.bitWidth, using: &generator).modulo(square)
      product.multiply(by: Limbs(factor, count: 2 * pairs.count))
      expected = expected.times(factor).modulo(square)
      product.read(into: value)
      if value.integer().compared(to: expected) != 0 { failures += 1 }
    }
    product.reset()
    product.read(into: value)
    if !value.integer().equals(1) { failures += 1 }
    #expect(failures == 0)
  }

  @Test("residues of 7 and 11 join into every number below 77, and units are those that share no factor")
  func joins() {
    let p = PairModulus(Integer(7))!
    let q = PairModulus(Integer(11))!
    let join = ResidueJoin(p, q, inverse: Integer(7).inverse(modulo: Integer(11)))
    let n = PairModulus(Integer(77))!
    let scratch = q.makeScratch()
    let result = Limbs(count: 1)
    let temporary = Limbs(count: 4)
    var failures = 0
    for m in UInt32(0)..<77 {
      let x = Limbs(Integer(m % 7), count: 1)
      let y = Limbs(Integer(m % 11), count: 1)
      join.join(Hardened.self, x, y, into: result, scratch)
      if !result.integer().equals(m) { failures += 1 }
      join.join(Fast.self, x, y, into: result, scratch)
      if !result.integer().equals(m) { failures += 1 }
      if n.isUnit(Limbs(Integer(m), count: 2), temporary: temporary) != (m % 7 != 0 && m % 11 != 0) { failures += 1 }
    }
    #expect(failures == 0)
  }

  @Test(
    "limbs read, write and draw the numbers that Integer reads, writes and draws",
    arguments: [1, 7, 8, 9, 64, 65, 130, 2040])
  func bytes(bits: Int) {
    let count = (bits + Limbs.bits - 1) / Limbs.bits
    let limbs = Limbs(count: count)
    var first = TestGenerator(state: 5)
    var second = TestGenerator(state: 5)
    limbs.randomize(bits: bits, using: &first)
    let number = Integer.random(bits: bits, using: &second)
    let size = (bits + 7) / 8
    let same = limbs.integer().compared(to: number) == 0
    #expect(same)
    let written = [UInt8](capacity: size) { out in limbs.write(bigEndianBytes: size, into: &out) }
    let expected = [UInt8](capacity: size) { out in number.write(bigEndianBytes: size, into: &out) }
    #expect(written == expected)
    let back = Limbs(count: count + 1)
    back.read(bigEndian: written.span)
    let again = back.integer().compared(to: number) == 0
    #expect(again)
  }
}

@Suite("A hardened table read")
struct TableReadTests {
  @Test(
    "copies the row that was asked for and nothing else, whatever the shape of the table",
    arguments: [1, 2, 3, 4, 7, 16, 31, 32, 33, 36, 48, 64, 96, 129])
  func rows(count: Int) {
    var generator = TestGenerator(state: UInt64(count))
    for rows in [1, 2, 5, 32, 64, 128] {
      let table = (0..<rows * count).map { _ in UInt(truncatingIfNeeded: generator.next()) }
      for row in 0..<rows {
        // One word behind the result must stay what it was.
        var result = [UInt](repeating: 77, count: count + 1)
        Hardened.select(row, of: table, entries: rows, count: count, into: &result)
        #expect(result == table[row * count..<(row + 1) * count] + [77], "row \(row) of \(rows)")
      }
    }
  }
}
