import Consensus
import Units
import Wire

/// A vote as it travels: the signer is the packet's sender, network and epoch are the receiver's own.
struct VoteBody: Equatable, Sendable {
  var kind: StatementKind
  var owner: ReplicaIndex
  var view: View
  var period: Period
  var digest: Digest
  var signature: Signature

  init(_ vote: Vote) {
    kind = vote.statement.kind
    owner = vote.statement.owner
    view = vote.statement.view
    period = vote.statement.period
    digest = vote.statement.digest
    signature = vote.signature
  }

  func encode(into output: inout OutputSpan<UInt8>) {
    output.write(kind.rawValue)
    output.writeZeros(1)
    output.write(owner.rawValue)
    output.write(view.rawValue)
    output.write(period.rawValue)
    output.write(digest)
    output.write(signature)
  }

  init(decoding reader: inout WireReader) throws(WireError) {
    let code = try reader.read(UInt8.self)
    guard let kind = StatementKind(rawValue: code) else { throw .unknownKind(code) }
    self.kind = kind
    try reader.readZeros(1)
    owner = ReplicaIndex(try reader.read(UInt16.self))
    view = View(try reader.read(UInt32.self))
    period = Period(try reader.read(UInt64.self))
    digest = try reader.read(Digest.self)
    signature = try reader.read(Signature.self)
  }

  func statement(in context: GroupContext, signer: ReplicaIndex) -> Statement {
    Statement(kind: kind, in: context, owner: owner, period: period, view: view, digest: digest, signer: signer)
  }
}
