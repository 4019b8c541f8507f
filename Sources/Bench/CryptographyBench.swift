import BigInteger
import Commands
import Cryptography
import HAL
import LinuxPlatform
import NodeProcess
import Paillier
import Units
import Wire

/// Repeats an operation for a time budget and prints what it took.
private struct Stopwatch {
  let budgetNanoseconds: UInt64
  let bits: Int
  let json: Bool
  private let clock = LinuxClock()
  /// Runs that are not counted: caches, branch predictors and the CPU's clock settle.
  private static let warmUp = 3
  private static let fewest: UInt64 = 10

  init(budgetNanoseconds: UInt64, bits: Int, json: Bool) {
    self.budgetNanoseconds = budgetNanoseconds
    self.bits = bits
    self.json = json
    if !json { printLine("operation                   count     p50 us     p90 us     p99 us   p99.9 us") }
  }

  init(budgetNanoseconds: UInt64, like other: Stopwatch) {
    self.budgetNanoseconds = budgetNanoseconds
    bits = other.bits
    json = other.json
  }

  func measure(_ name: String, _ body: () throws(PaillierError) -> Void) throws(PaillierError) {
    try measureTimed(name) { () throws(PaillierError) in try time(body) }
  }

  /// Nanoseconds that the body takes.
  func time(_ body: () throws(PaillierError) -> Void) throws(PaillierError) -> UInt64 {
    let started = clock.monotonic().nanoseconds
    try body()
    return clock.monotonic().nanoseconds - started
  }

  /// - Parameter body: returns the nanoseconds of what is measured, and may do more than that.
  func measureTimed(_ name: String, _ body: () throws(PaillierError) -> UInt64) throws(PaillierError) {
    for _ in 0..<Self.warmUp { _ = try body() }
    var histogram = DurationHistogram()
    var spent: UInt64 = 0
    while spent < budgetNanoseconds || histogram.total < Self.fewest {
      let duration = try body()
      spent += duration
      histogram.add(duration)
    }
    report(name, histogram)
  }

  private func report(_ name: String, _ histogram: DurationHistogram) {
    let percentiles: [UInt64] = [5_000, 9_000, 9_900, 9_990].map { histogram.percentile(hundredths: $0) }
    if json {
      let fields = ["p50", "p90", "p99", "p99_9"].indices.map {
        "\"\(["p50", "p90", "p99", "p99_9"][$0])Microseconds\":\(Self.microseconds(percentiles[$0]))"
      }
      printLine(
        "{\"operation\":\"\(name)\",\"bits\":\(bits),\"count\":\(histogram.total),"
          + fields.joined(separator: ",") + "}")
    } else {
      var line = name + String(repeating: " ", count: max(1, 25 - name.utf8.count))
      for text in ["\(histogram.total)"] + percentiles.map({ Self.microseconds($0) }) {
        line += String(repeating: " ", count: max(1, (line.utf8.count == 25 ? 8 : 11) - text.utf8.count)) + text
      }
      printLine(line)
    }
  }

  /// Three places behind the point.
  private static func microseconds(_ nanoseconds: UInt64) -> String {
    let rest = "\(nanoseconds % 1000)"
    return "\(nanoseconds / 1000)." + String(repeating: "0", count: 3 - rest.utf8.count) + rest
  }
}

func benchCryptography(bits: Int, budgetNanoseconds: UInt64, json: Bool) throws(PaillierError) {
  let layout = SlotLayout([.activeEnergyImport, .activeEnergyExport])
  let short: ExponentLength = bits < 3072 ? .assumingShort448 : .assumingShort512
  var random = SecureRandom()
  let key = try PrivateKey(generatingBits: bits, layout: layout, using: &random)
  let publicKey = key.publicKey
  let values: [Int64] = [1234, -5]
  let watch = Stopwatch(budgetNanoseconds: budgetNanoseconds, bits: bits, json: json)
  let encryptor = Encryptor(publicKey, using: &random)
  let ciphertext = try written(publicKey.ciphertextBytes) { (out) throws(PaillierError) in
    try encryptor.encrypt(values.span, using: &random, into: &out)
  }
  try benchEncryption("encrypt-hardened", encryptor, watch)
  try benchEncryption("encrypt-fast", FastEncryptor(publicKey, using: &random), watch)
  try benchEncryption(
    "encrypt-hardened-short", Encryptor(publicKey, exponentLength: short, using: &random), watch)
  try benchEncryption("encrypt-fast-short", FastEncryptor(publicKey, exponentLength: short, using: &random), watch)
  try benchPool(FastEncryptor(publicKey, exponentLength: short, using: &random), watch)
  var product = CiphertextProduct(publicKey)
  try watch.measure("aggregate") { () throws(PaillierError) in product.multiply(by: ciphertext.span) }
  try watch.measure("validate") { () throws(PaillierError) in try publicKey.validate(ciphertext.span) }
  try benchDecryption(key, ciphertext, watch)
  try benchModulus(key, watch)
  let alphaKey = try AlphaPrivateKey(generatingBits: bits, layout: layout, using: &random)
  let alpha = FastEncryptor(alphaKey.publicKey, using: &random)
  let alphaCiphertext = try written(publicKey.ciphertextBytes) { (out) throws(PaillierError) in
    try alpha.encrypt(values.span, using: &random, into: &out)
  }
  var out = ByteBuffer(capacity: publicKey.modulusBytes)
  try watch.measure("decrypt-alpha-hardened") { () throws(PaillierError) in
    try fill(&out) { (out) throws(PaillierError) in try alphaKey.decrypt(alphaCiphertext.span, into: &out) }
  }
  try benchSignatures(watch)
}

/// Fills the buffer anew; the error goes on.
private func fill(
  _ buffer: inout ByteBuffer, _ body: (inout OutputSpan<UInt8>) throws(PaillierError) -> Void
) throws(PaillierError) {
  var failure: PaillierError?
  buffer.replace { out in
    do throws(PaillierError) { try body(&out) } catch { failure = error }
  }
  if let failure { throw failure }
}

private func written(
  _ capacity: Int, _ body: (inout OutputSpan<UInt8>) throws(PaillierError) -> Void
) throws(PaillierError) -> [UInt8] {
  var buffer = ByteBuffer(capacity: capacity)
  try fill(&buffer, body)
  let span = buffer.span
  return [UInt8](capacity: span.count) { out in out.write(span) }
}

private func benchEncryption<Profile: ArithmeticProfile>(
  _ name: String, _ encryptor: borrowing ProfiledEncryptor<Profile>, _ watch: Stopwatch
) throws(PaillierError) {
  var random = SecureRandom()
  var out = ByteBuffer(capacity: encryptor.key.ciphertextBytes)
  let values: [Int64] = [1234, -5]
  try watch.measure(name) { () throws(PaillierError) in
    try fill(&out) { (out) throws(PaillierError) in try encryptor.encrypt(values.span, using: &random, into: &out) }
  }
}

/// Only the part that is left when the reading comes is timed. The budget would otherwise prepare for minutes, so it is
/// a hundredth of the others'.
private func benchPool(_ encryptor: consuming FastEncryptor, _ watch: Stopwatch) throws(PaillierError) {
  var random = SecureRandom()
  var pool = RandomizerPool(encryptor, capacity: 1, processMark: 1)
  var out = ByteBuffer(capacity: pool.key.ciphertextBytes)
  let values: [Int64] = [1234, -5]
  let short = Stopwatch(budgetNanoseconds: watch.budgetNanoseconds / 100, like: watch)
  try short.measureTimed("encrypt-pooled") { () throws(PaillierError) in
    try pool.prepare(processMark: 1, using: &random)
    return try watch.time { () throws(PaillierError) in
      try fill(&out) { (out) throws(PaillierError) in try pool.encrypt(values.span, processMark: 1, into: &out) }
    }
  }
}

private func benchDecryption(
  _ key: borrowing PrivateKey, _ ciphertext: [UInt8], _ watch: Stopwatch
) throws(PaillierError) {
  let publicKey = key.publicKey
  var out = ByteBuffer(capacity: publicKey.modulusBytes)
  var root = ByteBuffer(capacity: publicKey.modulusBytes)
  try watch.measure("decrypt-hardened") { () throws(PaillierError) in
    try fill(&out) { (out) throws(PaillierError) in try key.decrypt(ciphertext.span, into: &out) }
  }
  try watch.measure("prove") { () throws(PaillierError) in
    try fill(&out) { (sum) throws(PaillierError) in
      try fill(&root) { (root) throws(PaillierError) in try key.prove(ciphertext.span, sum: &sum, root: &root) }
    }
  }
  try watch.measure("verify-proof") { () throws(PaillierError) in
    try publicKey.verify(ciphertext: ciphertext.span, sum: out.span, root: root.span)
  }
}

/// Once in a key's life, and once at each node's first start with a genesis.
private func benchModulus(_ key: borrowing PrivateKey, _ watch: Stopwatch) throws(PaillierError) {
  var proof = try key.proveModulus()
  try watch.measure("prove-modulus") { () throws(PaillierError) in proof = try key.proveModulus() }
  var holds = true
  let publicKey = key.publicKey
  try watch.measure("verify-modulus") { () throws(PaillierError) in
    do throws(ModulusRefusal) { try proof.check(of: publicKey) } catch { holds = false }
  }
  precondition(holds, "our own proof holds")
}

/// Ed25519 of a message as long as a record's statement, for comparison.
private func benchSignatures(_ watch: Stopwatch) throws(PaillierError) {
  var random = SecureRandom()
  let signer = SigningKey(seed: SecretBytes(random: &random))
  let message = [UInt8](repeating: 7, count: 192)
  var signature = signer.sign(message.span)
  try watch.measure("ed25519-sign") { () throws(PaillierError) in signature = signer.sign(message.span) }
  var valid = true
  try watch.measure("ed25519-verify") { () throws(PaillierError) in
    valid = valid && signer.verificationKey.isValid(signature, for: message.span)
  }
  precondition(valid, "our own signature holds")
}
