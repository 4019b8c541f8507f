import Aggregation
import Consensus
import Cryptography
import Testing
import Units
import Wire

/// A certificate that is wrong in one way though everything in it is properly signed, and why it must be refused.
struct WrongCertificate: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let error: VerificationError
  let encoded: @Sendable () -> [UInt8]

  init(_ what: String, _ error: VerificationError, _ make: @escaping @Sendable () -> Certificate) {
    testDescription = what
    self.error = error
    encoded = {
      let certificate = make()
      return bytes { out in certificate.encode(into: &out) }
    }
  }

  /// q commits over `header` after `change`, though no honest member would sign.
  static func header(
    _ what: String, _ refusal: HeaderRefusal, contributors: MeterBitmap = Fixture.contributors(),
    _ change: @escaping @Sendable (inout Header) -> Void = { _ in }
  ) -> WrongCertificate {
    WrongCertificate(what, .header(refusal)) {
      Fixture.certificate(Fixture.header(contributors: contributors, change))
    }
  }

  static func quorum(
    _ what: String, _ error: CertificateError, members: [Int] = [0, 2, 3],
    _ change: @escaping @Sendable (inout Statement) -> Void = { _ in }
  ) -> WrongCertificate {
    WrongCertificate(what, .certificate(error)) {
      let header = Fixture.header()
      return Certificate(quorum: Fixture.quorum(header.digest, members: members, change), header: header)
    }
  }

  static func damaged(
    _ what: String, _ error: CertificateError, _ change: @escaping @Sendable (inout QuorumCertificate) -> Void
  ) -> WrongCertificate {
    WrongCertificate(what, .certificate(error)) {
      var certificate = Fixture.certificate()
      change(&certificate.quorum)
      return certificate
    }
  }

  static let all: [WrongCertificate] = [
    quorum("q − 1 signers", .wrongSignerCount(2), members: [0, 3]),
    quorum("q + 1 signers, which would be a second encoding", .wrongSignerCount(4), members: [0, 1, 2, 3]),
    quorum("no signer", .wrongSignerCount(0), members: []),
    quorum("prepares instead of commits", .wrongKind) { $0.kind = .prepare },
    quorum("another network", .wrongContext) { $0.networkIdentifier.storage[31] ^= 1 },
    quorum("another epoch", .wrongContext) { $0.epoch = Epoch(1) },
    quorum("another group", .wrongContext) { $0.group = GroupIndex(0) },
    quorum("a set that does not exist", .wrongContext) { $0.owner = ReplicaIndex(4) },
    quorum("commits that claim a lock", .wrongContext) { $0.claim = LockClaim(Fixture.round) },
    damaged("a signer in the common statement", .signerNotZero) { $0.statement.signer = ReplicaIndex(1) },
    // A duplicate cannot even be written: the bits name each member once. Its signature under another's bit fails.
    damaged("one member's signature twice", .badSignature(signer: 2)) { $0.signatures[1] = $0.signatures[0] },
    damaged("signatures out of order", .badSignature(signer: 0)) { $0.signatures.swapAt(0, 1) },
    damaged("the bit of a member who did not sign", .badSignature(signer: 1)) { $0.signers = 0b1011 },
    damaged("the bit of a non-member", .nonMember) { $0.signers = 0b1_0101 },
    damaged("the highest bit", .nonMember) { $0.signers = 1 << 63 | 0b101 },
    damaged("a flipped signature", .badSignature(signer: 3)) { $0.signatures[2].storage[40] ^= 4 },
    damaged("commits of another view", .badSignature(signer: 0)) { $0.statement.round = Fixture.round.next },
    damaged("commits of another period", .badSignature(signer: 0)) {
      $0.statement.round = Round(Fixture.period.next, View(1))
    },
    damaged("commits of another position", .badSignature(signer: 0)) { $0.statement.position = Position(6) },
    WrongCertificate("a header that was not voted for", .digestMismatch) {
      var certificate = Fixture.certificate()
      certificate.header.productHash.storage[0] ^= 1
      return certificate
    },
    WrongCertificate("a header for the digest of 32 zero bytes", .digestMismatch) {
      Certificate(quorum: Fixture.quorum(Digest()), header: Fixture.header())
    },
    WrongCertificate("position 0, which is the genesis", .header(.wrongInstance)) {
      let header = Fixture.header()
      return Certificate(quorum: Fixture.quorum(header.digest) { $0.position = Position(0) }, header: header)
    },
    WrongCertificate("commits in a round before the header's period", .header(.wrongInstance)) {
      let header = Fixture.header()
      return Certificate(
        quorum: Fixture.quorum(header.digest) { $0.round = Round(Period(1005), View(9)) }, header: header)
    },
    header("a header of another network", .wrongNetwork) { $0.networkIdentifier = Digest() },
    header("a header of another epoch", .wrongNetwork) { $0.epoch = Epoch(9) },
    header("a header of another group", .wrongNetwork) { $0.group = GroupIndex(9) },
    header("a header of another set", .wrongInstance) { $0.owner = ReplicaIndex(1) },
    header("a header of a later period than the round", .wrongInstance) { $0.period = Period(1007) },
    header("a header under a foreign key", .foreignKey) { $0.keyIdentifier = FixedBytes() },
    header("a contributor behind the set", .unknownMeter, contributors: Fixture.contributors([0, 1, 5])),
    header("too few contributors", .tooFewContributors, contributors: Fixture.contributors([1, 3])),
    header("two that have an export", .loneFeeder, contributors: Fixture.contributors([0, 1, 2])),
  ]
}

@Suite("Certificates, as anyone who holds the genesis checks them (DESIGN §2.3)")
struct CertificateTests {
  @Test(
    "are accepted from any quorum of members, in a round of the header's period or a later one",
    arguments: [[0, 1, 2], [0, 2, 3], [1, 2, 3]], [Fixture.round, Round(Fixture.period), Round(Period(1070), View(3))])
  func accepted(members: [Int], round: Round) throws {
    let header = Fixture.header()
    let made = Certificate(quorum: Fixture.quorum(header.digest, members: members) { $0.round = round }, header: header)
    let encoded = bytes { out in made.encode(into: &out) }
    let read = try Certificate(checking: encoded.span, against: Fixture.genesis)
    #expect(read.header == header)
    #expect(read.owner == Fixture.owner && read.period == Fixture.period && read.position == Fixture.position)
    #expect(Certificate.position(in: encoded.span) == Fixture.position)
  }

  @Test("are refused", arguments: WrongCertificate.all)
  func refused(wrong: WrongCertificate) {
    #expect(throws: wrong.error) {
      try Certificate(checking: wrong.encoded().span, against: Fixture.genesis)
    }
  }

  @Test("of one genesis do not hold under another, though members and keys are the same (consensus rule 46)")
  func otherEpoch() {
    let other = Fixture.makeGenesis(epoch: 3)
    #expect(throws: VerificationError.certificate(.wrongContext)) {
      try Certificate(checking: Fixture.vector("certificate").span, against: other)
    }
  }

  @Test("with a wrong tag, kind or reserved byte are malformed")
  func malformed() {
    for (offset, value, error) in [
      (0, 0x41, .wrongTag), (7, 0x33, .wrongTag), (8, 0x41, .wrongTag), (16, 1, .unknownKind(1)),
      (16, 5, .unknownKind(5)), (17, 1, .reservedBytesNotZero(offset: 17)),
    ] as [(Int, UInt8, WireError)] {
      var damaged = Fixture.vector("certificate")
      damaged[offset] = value
      #expect(throws: VerificationError.malformed(error)) {
        try Certificate(checking: damaged.span, against: Fixture.genesis)
      }
    }
  }

  @Test("of version 1 are refused by name, and so is a version 1 statement inside (docs/PROTOCOL.md, Version 2)")
  func older() {
    for (offset, tag) in [(0, "BUSBARce"), (8, "BUSBAR/1")] {
      var older = Fixture.vector("certificate")
      older.replaceSubrange(offset..<(offset + 8), with: Array(tag.utf8))
      #expect(throws: VerificationError.malformed(.olderVersion(1))) {
        try Certificate(checking: older.span, against: Fixture.genesis)
      }
    }
  }
}

@Suite("Published sums (DESIGN §2.3)")
struct PublishedSumTests {
  @Test(
    "of another certificate are refused, signed or not",
    arguments: [
      { $0.networkIdentifier = Digest() }, { $0.epoch = Epoch(3) }, { $0.group = GroupIndex(4) },
      { $0.owner = ReplicaIndex(1) }, { $0.period = Period(1007) }, { $0.keyIdentifier = FixedBytes() },
      { $0.productHash = Digest() },
    ] as [@Sendable (inout Header) -> Void])
  func wrongSum(change: @Sendable (inout Header) -> Void) {
    let sum = Fixture.sum(of: Fixture.header(change))
    let encoded = bytes { out in sum.encode(into: &out) }
    #expect(throws: VerificationError.wrongSum) {
      try PublishedSum(checking: encoded.span, of: Fixture.header(), against: Fixture.genesis)
    }
  }

  @Test("that the bookkeeper did not sign are refused")
  func badSignature() {
    let header = Fixture.header()
    let impostor = Fixture.aggregatorKey(2)
    let forged = PublishedSum(
      header: header, sum: Fixture.pattern(1, 32, step: 9), root: Fixture.pattern(2, 32, step: 11), signer: impostor)
    var changed = Fixture.sum()
    changed.sum[31] ^= 1
    for sum in [forged, changed] {
      let encoded = bytes { out in sum.encode(into: &out) }
      #expect(throws: VerificationError.badSignature) {
        try PublishedSum(checking: encoded.span, of: header, against: Fixture.genesis)
      }
    }
  }

  @Test("with reserved bytes set or of another modulus's length are malformed")
  func malformed() {
    var reserved = Fixture.vector("sum")
    reserved[52] = 1
    #expect(throws: VerificationError.malformed(.reservedBytesNotZero(offset: 52))) {
      try PublishedSum(checking: reserved.span, of: Fixture.header(), against: Fixture.genesis)
    }
    let key = Fixture.bookkeeperKey()
    let long = PublishedSum(
      header: Fixture.header(), sum: Fixture.pattern(1, 33), root: Fixture.pattern(1, 33), signer: key)
    let encoded = bytes { out in long.encode(into: &out) }
    #expect(throws: VerificationError.malformed(.trailingBytes(2))) {
      try PublishedSum(checking: encoded.span, of: Fixture.header(), against: Fixture.genesis)
    }
  }
}
