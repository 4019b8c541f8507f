import Aggregation
import Commands
import Cryptography
import NodeProcess
import Paillier
import Units
import Wire

/// Periods of one aggregator that certifies everything: every meter's record, every set's proposal and every vote arrive
/// as sealed packets, and the real node takes them. CPU time of that, and of its parts done alone in the same run.
///
/// The node is a process of its own, ``RoundBenchNode``; this one plays everybody else and asks.
struct RoundBench {
  let members: Int
  let metersPerSet: Int
  let bits: Int
  let periods: Int
  let json: Bool

  /// Nobody tells the others a second packet key, which is due after 21 hours.
  static let allowedPeriods: ClosedRange<Int64> = 1...80

  func run() throws(Failure) {
    let publicKey: PublicKey
    let ciphertexts: [[UInt8]]
    do throws(PaillierError) {
      var random = SecureRandom()
      let key = try PrivateKey(
        generatingBits: bits, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &random)
      publicKey = key.publicKey
      ciphertexts = try Self.makeCiphertexts(publicKey, &random)
    } catch { throw Failure("bench round: \(error)") }
    try run(publicKey, ciphertexts)
  }

  /// A few ciphertexts stand for all: what they hold does not change what they cost.
  private static func makeCiphertexts(
    _ key: PublicKey, _ random: inout SecureRandom
  ) throws(PaillierError) -> [[UInt8]] {
    let encryptor = Encryptor(key, using: &random)
    var ciphertexts: [[UInt8]] = []
    for place in 0..<16 as Range<Int64> {
      var failure: PaillierError?
      let values = [place, 2 * place]
      ciphertexts.append(
        [UInt8](capacity: key.ciphertextBytes) { out in
          do throws(PaillierError) { try encryptor.encrypt(values.span, using: &random, into: &out) } catch {
            failure = error
          }
        })
      if let failure { throw failure }
    }
    return ciphertexts
  }

  private func makeGenesis(_ key: PublicKey) -> Genesis {
    let modulus = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
    return Genesis(
      epoch: Epoch(1), group: GroupIndex(0), periodSeconds: UInt32(RoundBenchParty.seconds), minimumContributors: 3,
      rotates: true, firstPeriod: RoundBenchParty.firstPeriod,
      slots: [Quantity.activeEnergyImport.slotCode, Quantity.activeEnergyExport.slotCode], modulus: modulus,
      // Nobody looks at it here.
      modulusProof: ModulusProof(
        roots: Array(repeating: 0, count: ModulusProof.encodedBytes(modulusBytes: modulus.count))),
      bookkeeper: RoundBenchParty.party(3, 0), aggregators: (0..<members).map { RoundBenchParty.party(1, $0) },
      meters: (0..<members).map { owner in
        (0..<metersPerSet).map { RoundBenchParty.party(2, owner * metersPerSet + $0) }
      })
  }

  private func run(_ key: PublicKey, _ ciphertexts: [[UInt8]]) throws(Failure) {
    let genesis = makeGenesis(key)
    var play = RoundPlay(
      members: members, metersPerSet: metersPerSet, key, ciphertexts, genesis, try RoundBenchRemote.start(genesis))
    try play.meet()
    var residentAfterFirst: UInt64 = 0
    for later in 0..<UInt64(periods) {
      play.line.skip(to: 2000 * RoundBenchParty.seconds * later)
      try play.play(Period(RoundBenchParty.firstPeriod.rawValue + later))
      if later == 0 { residentAfterFirst = try play.line.node.numbers().resident }
    }
    var parts = play.parts
    measureAlone(&parts, key, ciphertexts[0], play.headers[0], genesis.context)
    let numbers = try play.line.node.numbers()
    guard numbers.published == UInt64(members * periods) else {
      throw Failure("bench round: \(numbers.published) of \(members * periods) certificates were published")
    }
    try play.line.node.end()
    report(parts, numbers, residentAtStart: play.line.node.residentAtStart, residentAfterFirst)
  }
}
