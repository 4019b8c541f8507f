import HAL
import Wire

/// What ``MemoryCells`` writes to: part of a card, which outlives the process and can be hurt.
public final class CellDisk {
  struct Cell {
    let place: CellPlace
    var bytes: [UInt8]
    /// False for what a crash takes.
    var isSynced = false
    var isWhole = true
  }

  /// Writes since the last sync.
  var unsynced = 0
  /// By series, then number.
  var stored: [Cell] = []
  /// Set by a test: the next write or sync fails with it.
  public var nextFailure: PlatformError?

  /// A disk with nothing on it.
  public init() {}

  public var count: Int { stored.count }

  /// Where a cell stands, or would.
  func index(of place: CellPlace) -> (index: Int, isThere: Bool) {
    var low = 0
    var high = stored.count
    while low < high {
      let middle = (low + high) / 2
      let other = stored[middle].place
      if other == place { return (middle, true) }
      if (other.series, other.number) < (place.series, place.number) { low = middle + 1 } else { high = middle }
    }
    return (low, false)
  }

  /// The power fails: of the cells written since the last sync those stay whose bit is set, bit i for the i-th.
  public func crash(keeping pattern: UInt64) {
    var place: UInt64 = 0
    stored.removeAll { cell in
      if cell.isSynced { return false }
      defer { place += 1 }
      return pattern >> (place % 64) & 1 == 0
    }
    for index in stored.indices { stored[index].isSynced = true }
    unsynced = 0
  }

  /// What a copy of the card has.
  func image() -> CellDisk {
    let copy = CellDisk()
    copy.stored = stored.filter { $0.isSynced }
    return copy
  }

  /// Changes a byte of a cell.
  public func damage(_ place: CellPlace) {
    let (index, isThere) = index(of: place)
    if isThere { stored[index].isWhole = false }
  }
}

/// Cells in memory that keep the promises of ``CellStore`` and no more.
public struct MemoryCells: ~Copyable, CellStore {
  public let cellBytes: Int
  private let disk: CellDisk

  /// Cells of at most `cellBytes` bytes on this disk. What an earlier process left there is there again.
  public init(_ disk: CellDisk, cellBytes: Int) {
    self.disk = disk
    self.cellBytes = cellBytes
  }

  public mutating func write(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    precondition(bytes.count > 0 && bytes.count <= cellBytes)
    try failIfAsked()
    let cell = CellDisk.Cell(place: place, bytes: Array(copying: bytes))
    let (index, isThere) = disk.index(of: place)
    if isThere { disk.stored[index] = cell } else { disk.stored.insert(cell, at: index) }
    disk.unsynced += 1
  }

  public mutating func read(_ place: CellPlace) throws(PlatformError) -> [UInt8]? {
    let (index, isThere) = disk.index(of: place)
    return isThere && disk.stored[index].isWhole ? disk.stored[index].bytes : nil
  }

  public mutating func free(_ place: CellPlace) throws(PlatformError) {
    let (index, isThere) = disk.index(of: place)
    if isThere { disk.stored.remove(at: index) }
  }

  public mutating func sync() throws(PlatformError) {
    try failIfAsked()
    if disk.unsynced == 0 { return }
    for index in disk.stored.indices { disk.stored[index].isSynced = true }
    disk.unsynced = 0
  }

  private func failIfAsked() throws(PlatformError) {
    guard let failure = disk.nextFailure else { return }
    disk.nextFailure = nil
    throw failure
  }
}
