import Aggregation
import HAL
import Packets
import Units
import Wire

/// Why an aggregator did not take an acknowledgement; nothing changes then. The counts are in `status` and metrics.
public enum AcknowledgementRefusal: UInt8, CaseIterable, Sendable {
  case otherEpoch
  /// The set's chain has not come so far.
  case notDecided
  /// More was acknowledged already.
  case older
  /// This member passed over that position, so it cannot compare.
  case notHeld
  case otherDigest
}

extension AcknowledgementBody {
  /// Of which epoch a body is, and what it says of the sets of this group; nil when it is malformed: then nothing of it counts.
  static func read(
    _ bytes: Span<UInt8>, in genesis: Genesis
  ) -> (epoch: Epoch, positions: [AcknowledgedPosition])? {
    var reader = WireReader(bytes)
    guard let body = try? AcknowledgementBody(decoding: &reader) else { return nil }
    var result: [AcknowledgedPosition] = []
    result.reserveCapacity(Int(body.count))
    for _ in 0..<body.count {
      guard let position = try? AcknowledgedPosition(decoding: &reader), position.owner.rawValue < genesis.members,
        result.last.map({ $0.owner < position.owner }) ?? true
      else { return nil }
      result.append(position)
    }
    return (body.epoch, result)
  }
}

extension PacketLink {
  /// Tells up to where chains are published, in as many packets as it takes.
  mutating func sendAcknowledgements(
    _ positions: [AcknowledgedPosition], epoch: Epoch, to peer: Int, via host: inout some NodeHost & ~Copyable
  ) {
    var first = 0
    while first < positions.count {
      let count = min(AcknowledgementBody.maximumPositions, positions.count - first)
      send(.acknowledgement, to: peer, via: &host) { out in
        AcknowledgementBody(epoch: epoch, count: UInt16(count)).encode(into: &out)
        for place in first..<(first + count) { positions[place].encode(into: &out) }
      }
      first += count
    }
  }
}
