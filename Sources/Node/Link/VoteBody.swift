import Consensus
import Units
import Wire

/// A vote as it travels: the signer is the packet's sender, network and epoch are the receiver's own. Round changes travel with their
/// certificates.
struct VoteBody: Equatable, Sendable {
  static let encodedBytes = 120

  var kind: StatementKind
  var owner: ReplicaIndex
  var round: Round
  var position: Position
  var digest: Digest
  var signature: Signature

  init(_ vote: Vote) {
    kind = vote.statement.kind
    owner = vote.statement.owner
    position = vote.statement.position
    round = vote.statement.round
    digest = vote.statement.digest
    signature = vote.signature
  }

  func encode(into output: inout OutputSpan<UInt8>) {
    output.write(kind.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(round.view.rawValue)
    output.write(round.period.rawValue)
    output.write(position.rawValue)
    output.write(digest)
    output.write(signature)
  }

  init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let kind = StatementKind(rawValue: code), kind != .roundChange else { throw .unknownKind(code) }
    self.kind = kind
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    let view = View(try reader.read(UInt32.self))
    guard view.rawValue < UInt32.max else { throw .outOfRange(offset: reader.offset - 4) }
    round = Round(Period(try reader.read(UInt64.self)), view)
    position = Position(try reader.read(UInt64.self))
    digest = try reader.read(Digest.self)
    signature = try reader.read(Signature.self)
  }

  func statement(in context: GroupContext, signer: ReplicaIndex) -> Statement {
    Statement(
      kind: kind, in: context, owner: owner, position: position, round: round, digest: digest, signer: signer)
  }
}
