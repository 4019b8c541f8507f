import BigInteger
import Cryptography
import HAL
import LinuxPlatform
import Paillier
import Wire

extension Verb {
  static var bench: Verb {
    Verb(
      name: "bench", operands: "crypto | packets | consensus | node | round | round-node | fleet", words: 1...1,
      summary: "time what this machine does most",
      options: [
        Option(
          name: "bits", value: "N", text: "of the Paillier key, 2048 or 3072 (2048; fleet 3072)"),
        Option(name: "milliseconds", value: "N", text: "crypto: for each operation, 10...60000 (1000)"),
        Option(name: "packets", value: "N", text: "packets: how many, 32...100000000 (10000000)"),
        Option(name: "messages", value: "N", text: "consensus, node: how many, 1000...100000000 (1000000)"),
        Option(name: "aggregators", value: "M", text: "node, round, fleet: in the group, 4...64, node 4...16 (4)"),
        Option(
          name: "meters", value: "N", text: "node, round, fleet: of each aggregator's set, 3...512 (4, 100, 500)"),
        Option(name: "seconds", value: "N", text: "of a period: fleet 2...3600 (60), node with --data 4...3600 (4)"),
        Option(name: "periods", value: "N", text: "round 1...80 (1), fleet 1...1000 (3), node with --data 1...100 (3)"),
        Option(name: "data", value: "FOLDER", text: "a folder that does not exist yet (fleet: fleet-data; node: none)"),
        Option(name: "report", value: "FILE", text: "fleet: where its numbers go too, as JSON"),
        Option(name: "driver", value: "PORT", text: "round-node: where the program is that plays the group"),
        .json,
      ],
      notes: [
        "crypto: wall time of one operation after a warm-up, as percentiles: what else runs on the machine shows in\n"
          + "the upper ones. Keys are made first, which takes seconds on a small board, and are forgotten.",
        "packets: full packets from one socket to another on loopback, with the heap allocations they cost, and the\n"
          + "CPU time of a plain C loop that moves as many unsealed ones.",
        "consensus: votes that four instances of the core send each other, with the heap allocations they cost.",
        "node: what a group's real aggregators and their meters send each other, with the heap allocations it costs an\n"
          + "aggregator's node. With --data one aggregator keeps its journal there and its packets cross sockets; CPU time\n"
          + "of that, with syncs and calls, stands for what its process takes: records come from meters, with receipts.",
        "round: CPU time of an aggregator's periods in which every set is certified: every record, proposal and vote\n"
          + "arrives sealed. The baseline is what no program can avoid: libsodium's verification, and GMP's product\n"
          + "and remainder, once for each record. The aggregator is a process of its own, round-node, which round\n"
          + "starts: what is resident there is an aggregator's.",
        "fleet: whole periods of a group on loopback in real time: each aggregator and the bookkeeper a process, and\n"
          + "all meters in one. Fails unless every period of every set is certified with every meter, and every sum\n"
          + "is that of the registers. Tells what each role took.",
      ],
      examples: [
        "busbar bench crypto", "busbar bench crypto --bits 3072 --milliseconds 5000 --json",
        "busbar bench packets --packets 1000000",
      ])
  }
}

extension Verb {
  static var simulateMeters: Verb {
    Verb(
      name: "simulate-meters", summary: "all meters of a group in one process, for measurements of the rest",
      options: [
        Option(
          name: "folder", value: "FOLDER", text: "of a group that provision made, with its meters' keys",
          isRequired: true)
      ],
      notes: [
        "Each meter is the node that `run` runs, with its own keys, sealed packets and records. What differs: one socket\n"
          + "for all; one table of powers for all, with short exponents; registers that are computed, not read; journals\n"
          + "that are not kept, so it is started once for a group. FOLDER/truth/PERIOD.txt has the registers each meter\n"
          + "was given at the end of that period, in mWh, FOLDER/truth/state the period up to which all are certified."
      ],
      examples: ["busbar simulate-meters --folder fleet-data"])
  }
}

/// How often each duration occurred: 32 steps to each power of two of nanoseconds, so a percentile is right within 1/32.
struct DurationHistogram {
  private static let stepBits = 5
  private var counts = [UInt32](repeating: 0, count: 64 << stepBits)
  private(set) var total: UInt64 = 0

  private static func place(_ nanoseconds: UInt64) -> Int {
    let steps = UInt64(1) << UInt64(stepBits)
    guard nanoseconds >= steps else { return Int(nanoseconds) }
    let exponent = 63 - nanoseconds.leadingZeroBitCount - stepBits
    // The top bits behind the leading one count the steps; the exponent, the powers.
    return (exponent + 1) << stepBits + Int(nanoseconds >> UInt64(exponent) & (steps - 1))
  }

  /// The smallest duration of a place.
  private static func duration(_ place: Int) -> UInt64 {
    let steps = 1 << stepBits
    guard place >= steps else { return UInt64(place) }
    let exponent = place >> stepBits - 1
    return UInt64(steps + place & (steps - 1)) << UInt64(exponent)
  }

  mutating func add(_ nanoseconds: UInt64) {
    counts[Self.place(nanoseconds)] += 1
    total += 1
  }

  /// The duration that `hundredths` of a percent of all stayed at or below; 0 when nothing was added.
  func percentile(hundredths: UInt64) -> UInt64 {
    let wanted = max(1, (total * hundredths + 9_999) / 10_000)
    var seen: UInt64 = 0
    for place in counts.indices {
      seen += UInt64(counts[place])
      if seen >= wanted { return Self.duration(place) }
    }
    return 0
  }
}

func bench(_ arguments: Arguments) throws(Failure) {
  switch arguments.words[0] {
  case "crypto": break
  case "packets", "consensus", "node", "round", "round-node", "fleet": return try otherBench(arguments)
  default:
    throw Failure(
      "bench knows crypto, packets, consensus, node, round and fleet, not \(arguments.words[0])",
      exitCode: Failure.usageCode)
  }
  let bits = Int(try arguments.integer("bits", default: 2048, in: 2048...3072))
  guard bits == 2048 || bits == 3072 else { throw Failure("--bits is 2048 or 3072", exitCode: Failure.usageCode) }
  let budget = UInt64(try arguments.integer("milliseconds", default: 1000, in: 10...60_000)) * 1_000_000
  do throws(PaillierError) {
    try benchCryptography(bits: bits, budgetNanoseconds: budget, json: arguments.wantsJSON)
  } catch { throw Failure("bench: \(error)") }
}

#if BUSBAR_BOARD
  /// A board's program has no room for them. (docs/PERFORMANCE.md)
  private func otherBench(_ arguments: Arguments) throws(Failure) {
    throw Failure(
      "bench \(arguments.words[0]) is not in a board's program; BENCHES=1 Toolchain/cross.sh TARGET builds one with it")
  }

  func simulateMeters(_ arguments: Arguments) throws(Failure) {
    throw Failure("simulate-meters is not in a board's program; BENCHES=1 Toolchain/cross.sh TARGET builds one with it")
  }
#endif

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

private func benchCryptography(bits: Int, budgetNanoseconds: UInt64, json: Bool) throws(PaillierError) {
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
