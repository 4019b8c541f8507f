import Units

/// Which cell: one of a series, by number. Numbers of a series may be as far apart as they like.
public struct CellPlace: Hashable, Sendable {
  public let series: UInt16
  public let number: UInt64

  /// Any series and any number name a cell; one that was never written holds nothing.
  public init(series: UInt16, number: UInt64) {
    self.series = series
    self.number = number
  }
}

/// What is kept on a disk until it is not needed any more, found by arithmetic: no memory is taken for what is stored.
///
/// A cell that was written comes back whole, or not at all: after a crash before ``sync()`` returned it may be gone; one that is damaged
/// is as one that is not there. What was freed may be there again after a crash.
public protocol CellStore: ~Copyable {
  /// The most a cell holds.
  var cellBytes: Int { get }
  /// Replaces what the cell held.
  /// - Precondition: 0 < bytes.count <= cellBytes
  mutating func write(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError)
  /// What a cell holds; nil for nothing.
  mutating func read(_ place: CellPlace) throws(PlatformError) -> [UInt8]?
  /// Gives a cell back. Nothing happens when it holds nothing.
  mutating func free(_ place: CellPlace) throws(PlatformError)
  /// What was written before is durable when it returns. A failure is final: the caller stops.
  mutating func sync() throws(PlatformError)
}
