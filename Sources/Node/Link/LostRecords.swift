import Units
import Wire

/// Which periods a meter may have signed a record of whose bytes it no longer keeps, so that it signs none a second time.
///
/// A meter's journal keeps every record, its memory a few. What is forgotten is kept as spans of `through`, each with the highest
/// `from` in it; more spans than there is room for become longer ones. So what is asked for may be thought signed when it was not,
/// and never the other way round.
package struct LostRecords: Equatable, Sendable {
  /// A span ends where a clock jumped.
  package static let maximumSpans = 4

  private struct Span: Equatable, Sendable {
    var from = Period(0)
    var low = Period(0)
    var high = Period(0)
    var isUsed = false
  }
  private var spans = InlineArray<4, Span>(repeating: Span())

  package init() { precondition(spans.count == Self.maximumSpans) }

  package static func == (left: Self, right: Self) -> Bool {
    for place in 0..<maximumSpans where left.spans[place] != right.spans[place] { return false }
    return true
  }

  /// Of each span from, low and high; zeros where there is none.
  package func encode(into output: inout OutputSpan<UInt8>) {
    for place in 0..<Self.maximumSpans {
      output.write(spans[place].from.rawValue)
      output.write(spans[place].low.rawValue)
      output.write(spans[place].high.rawValue)
    }
  }

  package init(decoding reader: inout WireReader) throws(WireError) {
    self.init()
    for place in 0..<Self.maximumSpans {
      let start = reader.offset
      let from = Period(try reader.read(UInt64.self))
      let low = Period(try reader.read(UInt64.self))
      let high = Period(try reader.read(UInt64.self))
      // No record ends with period 0.
      let isUsed = high.rawValue > 0
      guard isUsed ? low.rawValue > 0 && low <= high : from.rawValue == 0 && low.rawValue == 0 else {
        throw .outOfRange(offset: start)
      }
      spans[place] = Span(from: from, low: low, high: high, isUsed: isUsed)
    }
  }

  /// The bytes of this record are forgotten.
  package mutating func note(from: Period, through: Period) {
    var place = 0
    for other in 1..<Self.maximumSpans where rank(other, through) < rank(place, through) { place = other }
    let isNew = !spans[place].isUsed
    spans[place].from = isNew ? from : max(spans[place].from, from)
    spans[place].low = isNew ? through : min(spans[place].low, through)
    spans[place].high = isNew ? through : max(spans[place].high, through)
    spans[place].isUsed = true
  }

  /// Lowest for the span that this period is in or beside, then for a free one, then for the nearest.
  private func rank(_ place: Int, _ through: Period) -> UInt64 {
    let span = spans[place]
    guard span.isUsed else { return 1 }
    let distance = max(
      span.low.rawValue - min(span.low.rawValue, through.rawValue),
      through.rawValue - min(through.rawValue, span.high.rawValue))
    return distance <= 1 ? 0 : distance
  }

  /// Whether a record of just these periods may have been signed.
  package func mayHold(from: Period, through: Period) -> Bool {
    for place in 0..<Self.maximumSpans
    where spans[place].isUsed && from <= spans[place].from && through >= spans[place].low
      && through <= spans[place].high
    {
      return true
    }
    return false
  }

  /// Nothing that begins before this period is signed any more.
  package mutating func forget(before from: Period) {
    for place in 0..<Self.maximumSpans where spans[place].from < from { spans[place] = Span() }
  }
}
