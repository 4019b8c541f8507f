import Consensus
import Cryptography
import Paillier
import Units
import Wire

/// Public keys of one party.
public struct PartyKeys: Equatable, Sendable {
  public var verificationKey: VerificationKey
  public var agreementKey: AgreementPublicKey

  /// Takes both keys of a party; what they are worth shows when they are used.
  public init(verificationKey: VerificationKey, agreementKey: AgreementPublicKey) {
    self.verificationKey = verificationKey
    self.agreementKey = agreementKey
  }

  init(decoding reader: inout WireReader) throws(WireError) {
    verificationKey = VerificationKey(try reader.read(FixedBytes<32>.self))
    agreementKey = AgreementPublicKey(try reader.read(FixedBytes<32>.self))
  }

  func encode(into output: inout OutputSpan<UInt8>) {
    output.write(verificationKey.bytes)
    output.write(agreementKey.bytes)
  }
}

/// A group in its first epoch: who is in it, under which keys, from which period on. Its digest names the network.
public final class Genesis: Sendable {
  public let epoch: Epoch
  public let group: GroupIndex
  public let periodSeconds: UInt32
  public let minimumContributors: UInt16
  public let rotates: Bool
  /// For so many periods the records of a meter that was accused are not counted.
  public let exclusionPeriods: UInt32
  public let firstPeriod: Period
  /// Quantity codes of the plaintext's slots.
  public let slots: [UInt8]
  /// n, big-endian.
  public let modulus: [UInt8]
  /// That gcd(n, φ(n)) = 1, which nobody has looked at before ``checkModulus(of:)``. Empty in a genesis ``withoutAgreementKeys()``.
  public let modulusProof: ModulusProof
  public let bookkeeper: PartyKeys
  public let aggregators: [PartyKeys]
  public let aggregatorKeys: [VerificationKey]
  /// Of the meters of each set, in order.
  private let verificationKeys: [[VerificationKey]]
  /// Empty in a genesis ``withoutAgreementKeys()``.
  private let agreementKeys: [[AgreementPublicKey]]
  /// Of the sets of slot 0, then of slot 1, …
  private let feeders: [MeterBitmap]
  /// In watts, of the meters of each set. Empty in a genesis ``withoutAgreementKeys()``.
  private let maximumPowers: [[UInt32]]
  public let networkIdentifier: Digest
  public let keyIdentifier: FixedBytes<16>

  /// A day of half hours.
  public static let standardExclusionPeriods: UInt32 = 48

  public static let maximumBytes =
    4096 + (1 + ModulusProof.challengeCount) * PublicKey.maximumBits / 8
    + GroupLimits.maximumAggregators
    * (66 + meterBytes * GroupLimits.maximumMetersPerSet + bitmapBytes * SlotLayout.maximumSlots)
  /// Keys, and a maximum power.
  private static let meterBytes = 68
  private static let bitmapBytes = 64

  /// - Parameter registrations: of the meters of each set, in order; empty where every meter feeds every slot and carries as much as there
  ///   may be.
  public init(
    epoch: Epoch, group: GroupIndex, periodSeconds: UInt32, minimumContributors: UInt16, rotates: Bool,
    exclusionPeriods: UInt32 = Genesis.standardExclusionPeriods, firstPeriod: Period, slots: [UInt8], modulus: [UInt8],
    modulusProof: ModulusProof, bookkeeper: PartyKeys, aggregators: [PartyKeys], meters: [[PartyKeys]],
    registrations: [[MeterRegistration]] = []
  ) {
    precondition(aggregators.count == meters.count)
    precondition(modulusProof.roots.count == ModulusProof.encodedBytes(modulusBytes: modulus.count))
    self.epoch = epoch
    self.group = group
    self.periodSeconds = periodSeconds
    self.minimumContributors = minimumContributors
    self.rotates = rotates
    self.exclusionPeriods = exclusionPeriods
    self.firstPeriod = firstPeriod
    self.slots = slots
    self.modulus = modulus
    self.modulusProof = modulusProof
    self.bookkeeper = bookkeeper
    self.aggregators = aggregators
    aggregatorKeys = aggregators.map { $0.verificationKey }
    verificationKeys = meters.map { $0.map { $0.verificationKey } }
    agreementKeys = meters.map { $0.map { $0.agreementKey } }
    let registrations =
      registrations.isEmpty
      ? meters.map { Array(repeating: MeterRegistration.unlimited, count: $0.count) } : registrations
    precondition(registrations.count == meters.count)
    var bitmaps: [MeterBitmap] = []
    for slot in slots.indices {
      for set in registrations {
        var bitmap = MeterBitmap()
        for index in set.indices where set[index].feeds(slot) { bitmap.insert(MeterIndex(UInt16(index))) }
        bitmaps.append(bitmap)
      }
    }
    feeders = bitmaps
    let powers = registrations.map { $0.map { $0.maximumPowerWatts } }
    maximumPowers = powers
    keyIdentifier = Self.keyIdentifier(modulus, slots)
    var buffer = ByteBuffer(
      capacity: Self.encodedBytes(
        slots, modulus, members: aggregators.count, meters: meters.reduce(0) { $0 + $1.count }))
    buffer.replace { out in
      Self.encode(
        epoch, group, periodSeconds, minimumContributors, rotates, exclusionPeriods, firstPeriod, slots, modulus,
        modulusProof, bookkeeper, aggregators, meters, powers, bitmaps, into: &out)
    }
    networkIdentifier = Blake2b.digest(domain: "BUSBARgn", buffer.span)
  }

  private init(forgettingAgreementKeysOf whole: Genesis) {
    epoch = whole.epoch
    group = whole.group
    periodSeconds = whole.periodSeconds
    minimumContributors = whole.minimumContributors
    rotates = whole.rotates
    exclusionPeriods = whole.exclusionPeriods
    firstPeriod = whole.firstPeriod
    slots = whole.slots
    modulus = whole.modulus
    modulusProof = ModulusProof(roots: [])
    bookkeeper = whole.bookkeeper
    aggregators = whole.aggregators
    aggregatorKeys = whole.aggregatorKeys
    verificationKeys = whole.verificationKeys
    agreementKeys = []
    feeders = whole.feeders
    maximumPowers = []
    networkIdentifier = whole.networkIdentifier
    keyIdentifier = whole.keyIdentifier
  }

  /// The same without its meters' agreement keys and maximum powers, for who has agreed with all of them and looks at no sum: those of
  /// 25,000 meters are 900 KB. It cannot be encoded, and has no ``meters``.
  public func withoutAgreementKeys() -> Genesis { Genesis(forgettingAgreementKeysOf: self) }

  /// Meters of each set, in order. Cost: made anew each time.
  public var meters: [[PartyKeys]] {
    precondition(agreementKeys.count == verificationKeys.count, "its agreement keys were forgotten")
    return verificationKeys.indices.map { owner in
      verificationKeys[owner].indices.map { index in
        PartyKeys(verificationKey: verificationKeys[owner][index], agreementKey: agreementKeys[owner][index])
      }
    }
  }

  public var members: UInt16 { UInt16(aggregators.count) }
  /// Of all sets.
  public var meterCount: Int { verificationKeys.reduce(0) { $0 + $1.count } }
  /// How many meters a set has.
  public func meterCount(of owner: ReplicaIndex) -> UInt16 { UInt16(verificationKeys[Int(owner.rawValue)].count) }
  /// Meters of a set that measure what a slot counts.
  public func feeders(ofSlot slot: Int, in owner: ReplicaIndex) -> MeterBitmap {
    feeders[slot * aggregators.count + Int(owner.rawValue)]
  }
  /// - Precondition: not one ``withoutAgreementKeys()``.
  public func maximumPowerWatts(_ meter: MeterIndex, of owner: ReplicaIndex) -> UInt32 {
    maximumPowers[Int(owner.rawValue)][Int(meter.rawValue)]
  }
  /// The key that a meter of a set signs its records with.
  public func verificationKey(_ meter: MeterIndex, of owner: ReplicaIndex) -> VerificationKey {
    verificationKeys[Int(owner.rawValue)][Int(meter.rawValue)]
  }
  /// - Precondition: not one ``withoutAgreementKeys()``.
  public func agreementKey(_ meter: MeterIndex, of owner: ReplicaIndex) -> AgreementPublicKey {
    agreementKeys[Int(owner.rawValue)][Int(meter.rawValue)]
  }
  /// - Precondition: not one ``withoutAgreementKeys()``.
  public func meter(_ index: MeterIndex, of owner: ReplicaIndex) -> PartyKeys {
    PartyKeys(verificationKey: verificationKey(index, of: owner), agreementKey: agreementKey(index, of: owner))
  }
  public var context: GroupContext {
    GroupContext(
      networkIdentifier: networkIdentifier, epoch: epoch, group: group, members: members,
      leaders: rotates && !mutated(.ownerAlwaysLeads) ? .rotating : .fixed)
  }

  /// Refuses a modulus under which a sum is not bound by its ciphertext, or that everybody can factor. Cost: seconds on a small board.
  /// - Precondition: `key` is that of this genesis, which is not one ``withoutAgreementKeys()``.
  public func checkModulus(of key: PublicKey) throws(ModulusRefusal) {
    precondition(key.keyIdentifier == keyIdentifier)
    if !mutated(.proofUnchecked) { try modulusProof.check(of: key) }
  }

  /// Every meter's coverage begins at the period before the first.
  public func coverage(of owner: ReplicaIndex) -> CoverageTable {
    CoverageTable(
      owner: owner,
      activation: Array(repeating: Period(firstPeriod.rawValue - 1), count: Int(meterCount(of: owner))))
  }

  static func keyIdentifier(_ modulus: [UInt8], _ slots: [UInt8]) -> FixedBytes<16> {
    let digest = Blake2b.digest(domain: "BUSBARky") { hash in
      hash.update(modulus.span)
      hash.update(UInt16(slots.count))
      hash.update(slots.span)
    }
    return FixedBytes(copying: digest.span.extracting(0..<16))
  }

  private static func encodedBytes(_ slots: [UInt8], _ modulus: [UInt8], members: Int, meters: Int) -> Int {
    40 + 4 + slots.count + modulus.count + ModulusProof.encodedBytes(modulusBytes: modulus.count) + 64 + members * 66
      + meterBytes * meters + bitmapBytes * slots.count * members
  }

  public var encodedBytes: Int { Self.encodedBytes(slots, modulus, members: aggregators.count, meters: meterCount) }

  /// Appends the whole file, ``encodedBytes`` long. (docs/PROTOCOL.md, Files)
  /// - Precondition: not one ``withoutAgreementKeys()``.
  public func encode(into output: inout OutputSpan<UInt8>) {
    Self.encode(
      epoch, group, periodSeconds, minimumContributors, rotates, exclusionPeriods, firstPeriod, slots, modulus,
      modulusProof, bookkeeper, aggregators, meters, maximumPowers, feeders, into: &output)
  }

  private static func encode(
    _ epoch: Epoch, _ group: GroupIndex, _ periodSeconds: UInt32, _ minimumContributors: UInt16, _ rotates: Bool,
    _ exclusionPeriods: UInt32, _ firstPeriod: Period, _ slots: [UInt8], _ modulus: [UInt8],
    _ modulusProof: ModulusProof, _ bookkeeper: PartyKeys, _ aggregators: [PartyKeys],
    _ meters: [[PartyKeys]], _ maximumPowers: [[UInt32]], _ feeders: [MeterBitmap], into output: inout OutputSpan<UInt8>
  ) {
    output.writeTag("BUSBARg3")
    output.write(epoch.rawValue)
    output.write(group.rawValue)
    output.write(UInt16(aggregators.count))
    output.write(periodSeconds)
    output.write(minimumContributors)
    output.write(UInt8(rotates ? 1 : 0))
    output.writeZeros(1)
    output.write(exclusionPeriods)
    output.write(firstPeriod.rawValue)
    output.write(UInt16(modulus.count))
    output.write(UInt16(slots.count))
    output.write(slots.span)
    output.write(modulus.span)
    let roots = modulusProof.roots
    output.write(roots.span)
    bookkeeper.encode(into: &output)
    for index in aggregators.indices {
      aggregators[index].encode(into: &output)
      output.write(UInt16(meters[index].count))
    }
    for set in meters.indices {
      for index in meters[set].indices {
        meters[set][index].encode(into: &output)
        output.write(maximumPowers[set][index])
      }
    }
    for bitmap in feeders { output.write(bitmap.bytes) }
  }

  /// Reads a whole genesis file. Throws for numbers outside their limits, and for a set with too few meters to feed a
  /// slot.
  /// Whether the modulus is proven is for ``checkModulus(of:)``.
  public init(decoding bytes: Span<UInt8>) throws(WireError) {
    var reader = WireReader(bytes)
    try reader.readTag("BUSBARg3", inVersion1: "BUSBARgn", inVersion2: "BUSBARg2")
    epoch = Epoch(try reader.read(UInt64.self))
    group = GroupIndex(try reader.read(UInt16.self))
    let members = Int(try reader.read(UInt16.self))
    guard members >= GroupLimits.minimumAggregators, members <= GroupLimits.maximumAggregators else {
      throw .outOfRange(offset: 18)
    }
    periodSeconds = try reader.read(UInt32.self)
    guard periodSeconds > 0 else { throw .outOfRange(offset: 20) }
    minimumContributors = try reader.read(UInt16.self)
    guard minimumContributors >= GroupLimits.fewestContributors else { throw .outOfRange(offset: 24) }
    let rotation = try reader.read(UInt8.self)
    guard rotation <= 1 else { throw .outOfRange(offset: 26) }
    rotates = rotation == 1
    try reader.readZeros(1)
    exclusionPeriods = try reader.read(UInt32.self)
    firstPeriod = Period(try reader.read(UInt64.self))
    guard firstPeriod.rawValue > 0 else { throw .outOfRange(offset: 32) }
    let modulusBytes = Int(try reader.read(UInt16.self))
    let slotCount = Int(try reader.read(UInt16.self))
    guard slotCount > 0, slotCount <= SlotLayout.maximumSlots else { throw .outOfRange(offset: 42) }
    var slots: [UInt8] = []
    for _ in 0..<slotCount {
      let code = try reader.read(UInt8.self)
      guard Quantity(slotCode: code) != nil else { throw .outOfRange(offset: reader.offset - 1) }
      slots.append(code)
    }
    var modulus: [UInt8] = []
    for _ in 0..<modulusBytes { modulus.append(try reader.read(UInt8.self)) }
    guard modulusBytes > 0, modulus[0] != 0 else { throw .outOfRange(offset: 40) }
    let roots = try reader.readBytes(ModulusProof.encodedBytes(modulusBytes: modulusBytes))
    let modulusProof = ModulusProof(roots: Array(copying: roots))
    bookkeeper = try PartyKeys(decoding: &reader)
    var aggregators: [PartyKeys] = []
    var counts: [Int] = []
    for _ in 0..<members {
      aggregators.append(try PartyKeys(decoding: &reader))
      let count = Int(try reader.read(UInt16.self))
      guard count <= GroupLimits.maximumMetersPerSet else { throw .outOfRange(offset: reader.offset - 2) }
      counts.append(count)
    }
    var verificationKeys: [[VerificationKey]] = []
    var agreementKeys: [[AgreementPublicKey]] = []
    var maximumPowers: [[UInt32]] = []
    for count in counts {
      var verification: [VerificationKey] = []
      var agreement: [AgreementPublicKey] = []
      var powers: [UInt32] = []
      // Never more than a set has: the count was checked above.
      verification.reserveCapacity(count)
      agreement.reserveCapacity(count)
      powers.reserveCapacity(count)
      for _ in 0..<count {
        let keys = try PartyKeys(decoding: &reader)
        verification.append(keys.verificationKey)
        agreement.append(keys.agreementKey)
        let power = try reader.read(UInt32.self)
        guard GroupLimits.maximumPowerWatts.contains(power) else { throw .outOfRange(offset: reader.offset - 4) }
        powers.append(power)
      }
      verificationKeys.append(verification)
      agreementKeys.append(agreement)
      maximumPowers.append(powers)
    }
    let feeders = try Self.readFeeders(&reader, slots, counts, minimumContributors)
    try reader.expectEnd()
    self.slots = slots
    self.modulus = modulus
    self.modulusProof = modulusProof
    self.aggregators = aggregators
    self.verificationKeys = verificationKeys
    self.agreementKeys = agreementKeys
    self.feeders = feeders
    self.maximumPowers = maximumPowers
    aggregatorKeys = aggregators.map { $0.verificationKey }
    keyIdentifier = Self.keyIdentifier(modulus, slots)
    networkIdentifier = Blake2b.digest(domain: "BUSBARgn", bytes)
  }

  /// Every meter has an import, and every slot has feeders enough in each set that has meters.
  private static func readFeeders(
    _ reader: inout WireReader, _ slots: [UInt8], _ counts: [Int], _ minimum: UInt16
  ) throws(WireError) -> [MeterBitmap] {
    var feeders: [MeterBitmap] = []
    feeders.reserveCapacity(slots.count * counts.count)
    for slot in slots {
      for count in counts {
        let bitmap = MeterBitmap(try reader.read(FixedBytes<64>.self))
        let least = slot == Quantity.activeEnergyImport.slotCode ? count : Int(minimum)
        guard bitmap.isWithin(meterCount: UInt16(count)), count == 0 || Int(bitmap.count) >= max(least, Int(minimum))
        else { throw .outOfRange(offset: reader.offset - bitmapBytes) }
        feeders.append(bitmap)
      }
    }
    return feeders
  }
}
