import Aggregation
import Consensus
import Cryptography
import Units
import Wire

/// The digests of what `Fixture` makes are computed once.
private let header = Fixture.header()
private let headers: [Digest: Header] = [header.digest: header]

func aggregationTargets() -> [FuzzTarget] {
  let record = bytes { out in Fixture.record().encode(into: &out) }
  let genesis = bytes { out in Fixture.genesis.encode(into: &out) }
  let receipt = bytes { out in Fixture.receipt().encode(into: &out) }
  let headerBytes = bytes { out in header.encode(into: &out) }
  let certificate = bytes { out in Fixture.certificate().encode(into: &out) }
  // Signed though no honest member would: a count and its bits are hard to change together by chance.
  let lonely = bytes { out in
    Fixture.certificate(Fixture.header(contributors: Fixture.contributors([1]))).encode(into: &out)
  }
  let together = bytes { out in
    Fixture.certificate(Fixture.header(contributors: Fixture.contributors([0, 1, 2]))).encode(into: &out)
  }
  let stranger = bytes { out in
    Fixture.certificate(Fixture.header(contributors: Fixture.contributors([0, 1, 9]))).encode(into: &out)
  }
  let sum = bytes { out in Fixture.sum().encode(into: &out) }
  var table = Fixture.coverage()
  let tableBytes = bytes { out in table.encode(into: &out) }
  Fixture.genesis.advance(&table, by: header)
  let excluding = bytes { out in table.encode(into: &out) }
  return [
    FuzzTarget("record", maximumBytes: 512, seeds: [record + Fixture.ciphertext, record], run: fuzzRecord),
    FuzzTarget("receipt", maximumBytes: 256, seeds: [receipt], run: fuzzReceipt),
    FuzzTarget("header", maximumBytes: 512, seeds: [headerBytes], run: fuzzHeader),
    FuzzTarget(
      "contradiction", maximumBytes: 512,
      seeds: [
        bytes { out in Fixture.voteContradiction().encode(into: &out) },
        bytes { out in Fixture.roundChangeContradiction().encode(into: &out) },
        bytes { out in Fixture.recordContradiction().encode(into: &out) },
      ], run: fuzzContradiction),
    FuzzTarget("genesis", maximumBytes: 4096, seeds: [genesis], run: fuzzGenesis),
    FuzzTarget(
      "certificate", maximumBytes: 1024,
      seeds: [[0] + certificate, [1] + certificate, [1] + lonely, [1] + together, [1] + stranger],
      run: fuzzCertificate),
    FuzzTarget("published-sum", maximumBytes: 512, seeds: [[0] + sum, [1] + sum], run: fuzzSum),
    FuzzTarget(
      "key-registration", maximumBytes: 512,
      seeds: [
        bytes { out in Fixture.meterRegistration().encode(into: &out) },
        bytes { out in Fixture.bookkeeperRegistration().encode(into: &out) },
      ], run: fuzzRegistration),
    FuzzTarget(
      "registration-text", maximumBytes: 1024,
      seeds: [Array(Fixture.meterRegistration().text.utf8), Array(Fixture.bookkeeperRegistration().text.utf8)],
      run: fuzzRegistrationText),
    FuzzTarget(
      "node-bundle", maximumBytes: 512,
      seeds: [
        bytes { out in Fixture.bundle().encode(into: &out) },
        bytes { out in NodeBundle(genesis: [1, 2, 3], configuration: [4]).encode(into: &out) },
      ], run: fuzzBundle),
    FuzzTarget("coverage-table", maximumBytes: 96, seeds: [tableBytes, excluding], run: fuzzCoverage),
  ]
}

/// A record is read back to the byte; it is accepted only when it is the honest one, and then under its own hash.
private func fuzzRecord(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let record = try? Record(decoding: &reader) else { return }
  let ciphertext = Array(input[reader.offset...])
  requireIdentity(input, "record") { out in
    record.encode(into: &out)
    out.write(ciphertext.span)
  }
  let coverage = Fixture.coverage()
  let before = coverage.root
  do throws(RecordRefusal) {
    _ = try Fixture.genesis.check(
      record, ciphertext: ciphertext.span, owner: record.owner, period: record.through, coverage: coverage)
    require(
      record == Fixture.record() && ciphertext == Fixture.ciphertext, "a record its meter never signed was accepted")
  } catch {
    require(error != .malformed && error != .conflicting, "\(error) is not for this check")
  }
  require(coverage.root == before, "a check changed the coverage")
}

private func fuzzReceipt(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let receipt = try? Receipt(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "receipt") { out in receipt.encode(into: &out) }
  let key = Fixture.genesis.aggregators[Int(receipt.signer.rawValue % 4)].verificationKey
  let holds = Authenticated(checking: receipt, by: key) != nil
  require(!holds || receipt == Fixture.receipt(), "a receipt nobody signed holds")
}

private func fuzzHeader(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let header = try? Header(decoding: &reader), reader.remaining == 0 else { return }
  requireIdentity(input, "header") { out in header.encode(into: &out) }
  require(header.count == header.contributors.count, "a header counts other contributors than it names")
  guard header.owner.rawValue < Fixture.genesis.members else { return }
  let coverage = Fixture.genesis.coverage(of: header.owner)
  let round = Round(header.period, View(UInt32(header.author.rawValue) % 4))
  let before = Period(header.period.rawValue &- 1)
  for free in [round, nil] as [Round?] {
    guard
      (try? Fixture.genesis.check(
        header, owner: header.owner, free: free, after: before, head: header.previous, coverage: coverage)) != nil
    else { continue }
    require(header.accused.count <= Accused.maximumNew, "a header accuses more than it may")
    require(header.count >= Fixture.genesis.minimumContributors, "a header of too few meters is valid")
    require(
      Fixture.genesis.standsTogether(header.contributors, of: header.owner), "a header of a lone feeder is valid")
    require(free == nil || header.author == Fixture.genesis.context.primary(owner: header.owner, round), "by anyone")
  }
}

/// Nobody is convicted by what it did not sign.
private func fuzzContradiction(_ input: [UInt8]) {
  var reader = WireReader(input.span)
  guard let contradiction = try? Contradiction(decoding: &reader) else { return }
  requireIdentity(input, "contradiction") { out in contradiction.encode(into: &out) }
  guard contradiction.holds(in: Fixture.genesis) else { return }
  var swapped = contradiction
  (swapped.first, swapped.second) = (contradiction.second, contradiction.first)
  let known = [Fixture.voteContradiction(), Fixture.roundChangeContradiction(), Fixture.recordContradiction()]
  require(known.contains(contradiction) || known.contains(swapped), "a contradiction nobody signed holds")
}

/// What its signature holds for is what somebody signed, to the byte.
private func fuzzRegistration(_ input: [UInt8]) {
  guard let registration = try? KeyRegistration(checking: input.span) else { return }
  requireIdentity(input, "registration") { out in registration.encode(into: &out) }
  require((registration.role == .bookkeeper) == (registration.proven != nil), "a modulus of nobody's")
  require(
    registration == Fixture.meterRegistration() || registration == Fixture.bookkeeperRegistration(),
    "a registration nobody signed holds")
}

/// However its lines are broken, the same digits are the same registration.
private func fuzzRegistrationText(_ input: [UInt8]) {
  guard let registration = try? KeyRegistration(checkingText: input.span) else { return }
  require(
    registration == Fixture.meterRegistration() || registration == Fixture.bookkeeperRegistration(),
    "a registration nobody signed holds")
}

private func fuzzBundle(_ input: [UInt8]) {
  guard let bundle = try? NodeBundle(decoding: input.span) else { return }
  requireIdentity(input, "bundle") { out in bundle.encode(into: &out) }
  require(bundle.encodedBytes == input.count, "a bundle miscounts its bytes")
}

private func fuzzGenesis(_ input: [UInt8]) {
  guard let genesis = try? Genesis(decoding: input.span) else { return }
  requireIdentity(input, "genesis") { out in genesis.encode(into: &out) }
  require(genesis.encodedBytes == input.count, "a genesis miscounts its bytes")
  let registrations = (0..<genesis.members).map { set in
    let owner = ReplicaIndex(set)
    return (0..<genesis.meterCount(of: owner)).map { number in
      var slots: UInt8 = 0
      for slot in genesis.slots.indices where genesis.feeders(ofSlot: slot, in: owner).contains(MeterIndex(number)) {
        slots |= 1 << UInt8(slot)
      }
      return MeterRegistration(
        slots: slots, maximumPowerWatts: genesis.maximumPowerWatts(MeterIndex(number), of: owner))
    }
  }
  for slot in genesis.slots.indices {
    for set in 0..<genesis.members where genesis.meterCount(of: ReplicaIndex(set)) > 0 {
      let feeders = genesis.feeders(ofSlot: slot, in: ReplicaIndex(set))
      require(feeders.count >= genesis.minimumContributors, "a genesis with a slot of too few feeders")
    }
  }
  let again = Genesis(
    epoch: genesis.epoch, group: genesis.group, periodSeconds: genesis.periodSeconds,
    minimumContributors: genesis.minimumContributors, rotates: genesis.rotates,
    exclusionPeriods: genesis.exclusionPeriods, firstPeriod: genesis.firstPeriod,
    slots: genesis.slots, modulus: genesis.modulus, modulusProof: genesis.modulusProof, bookkeeper: genesis.bookkeeper,
    aggregators: genesis.aggregators,
    meters: genesis.meters, registrations: registrations)
  require(again.networkIdentifier == genesis.networkIdentifier, "a genesis has two names")
  for owner in 0..<genesis.members { _ = genesis.coverage(of: ReplicaIndex(owner)).root }
  require(genesis.context.quorum.members == genesis.members, "a genesis has another quorum")
}

/// With a first byte of 1 the digest and the signatures are made to hold, so that what lies behind them is reached.
private func fuzzCertificate(_ input: [UInt8]) {
  guard let mode = input.first else { return }
  var encoded = Array(input.dropFirst())
  if mode & 1 == 1, let repaired = repair(encoded) { encoded = repaired }
  guard let certificate = try? Certificate(checking: encoded.span, against: Fixture.genesis) else { return }
  requireIdentity(encoded, "certificate") { out in certificate.encode(into: &out) }
  let quorum = Fixture.genesis.context.quorum
  require(certificate.quorum.signers.nonzeroBitCount == Int(quorum.size), "a certificate without a quorum holds")
  let header = certificate.header
  require(certificate.quorum.statement.digest == header.digest, "another header was voted for")
  require(header.count >= Fixture.genesis.minimumContributors, "a certificate of too few meters holds")
  require(
    Fixture.genesis.standsTogether(header.contributors, of: certificate.owner), "a certificate of a lone feeder holds")
  let meters = Fixture.genesis.meterCount(of: certificate.owner)
  require(header.contributors.isWithin(meterCount: meters), "a certificate of unknown meters holds")
  require(
    header.owner == certificate.owner && header.period <= certificate.quorum.statement.round.period
      && certificate.position.rawValue > 0, "a header of another position")
}

/// The certificate these bytes lay out, signed anew by the members it names.
private func repair(_ bytes: [UInt8]) -> [UInt8]? {
  var reader = WireReader(bytes.span)
  guard (try? reader.readBytes(8)) != nil, var quorum = try? QuorumCertificate(decoding: &reader),
    let header = try? Header(decoding: &reader), reader.remaining == 0
  else { return nil }
  quorum.statement.digest = header.digest
  var place = 0
  for member in 0..<64 where quorum.signers >> UInt64(member) & 1 == 1 {
    var signed = quorum.statement
    signed.signer = ReplicaIndex(UInt16(member))
    let key = Fixture.aggregatorKey(member % 4)
    quorum.signatures[place] = key.sign(signed)
    place += 1
  }
  return Array(bytes.prefix(8))
    + [UInt8](capacity: 8192) { out in
      quorum.encode(into: &out)
      header.encode(into: &out)
    }
}

/// With a first byte of 1 the bookkeeper signs what is there.
private func fuzzSum(_ input: [UInt8]) {
  guard let mode = input.first else { return }
  var encoded = Array(input.dropFirst())
  if mode & 1 == 1, encoded.count > 64 {
    let signed = Array(encoded.dropLast(64))
    let key = Fixture.bookkeeperKey()
    let signature = key.sign(signed.span)
    encoded = signed + [UInt8](copying: signature.span)
  }
  guard let sum = try? PublishedSum(checking: encoded.span, of: header, against: Fixture.genesis) else { return }
  requireIdentity(encoded, "sum") { out in sum.encode(into: &out) }
  require(headers[sum.headerDigest] == header && sum.period == header.period, "a sum of another header was accepted")
}

private func fuzzCoverage(_ input: [UInt8]) {
  var coverage = Fixture.coverage()
  let before = [UInt8](capacity: 128) { out in coverage.encode(into: &out) }
  let root = coverage.root
  let taken = coverage.replace(decoding: input.span, expecting: root)
  let after = [UInt8](capacity: 128) { out in coverage.encode(into: &out) }
  require(after == before && taken == (input == before), "another table has the same root")
  // Under its own root any table of the right length is taken over to the byte.
  let own = Blake2b.digest(domain: "BUSBARcv") { hash in
    hash.update(UInt16(0))
    hash.update(input.span)
  }
  if coverage.replace(decoding: input.span, expecting: own) {
    requireIdentity(input, "coverage table") { out in coverage.encode(into: &out) }
  } else {
    require(!isCoverageTable(input, meters: before.count / 8), "a table that hashes to its root was refused")
  }
}

/// A period for each meter, then 10 bytes for each of some of them, in ascending order: who is excluded.
private func isCoverageTable(_ bytes: [UInt8], meters: Int) -> Bool {
  let excluded = bytes.dropFirst(8 * meters)
  guard bytes.count >= 8 * meters, excluded.count % 10 == 0 else { return false }
  let named = stride(from: excluded.startIndex, to: excluded.endIndex, by: 10).map {
    Int(bytes[$0]) | Int(bytes[$0 + 1]) << 8
  }
  return zip(named, named.dropFirst()).allSatisfy { $0 < $1 } && named.allSatisfy { $0 < meters }
}
