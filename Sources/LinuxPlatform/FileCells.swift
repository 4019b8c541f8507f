import CLinux
import Cryptography
import HAL
import Wire

/// Cells in files of 64, one series and 64 numbers each, of fixed size, so that a cell's place follows from its number. A file goes when
/// its last cell is freed. (docs/PROTOCOL.md, Cells)
///
/// Files are opened for each call: cells are for bad days.
public struct FileCells: ~Copyable, CellStore {
  public static let cellsPerFile = 64
  static let tag: StaticString = "BUSBARcs"
  /// tag 8 | cellBytes u32 | zero 4
  static let headBytes = 16
  /// length u32 | zero 4 | digest 32
  static let lineBytes = 40

  public let cellBytes: Int
  private let folder: String
  /// Paths of files with writes that are not synced.
  private var unsynced: [String] = []
  /// The folder has files of which its directory on disk may not know.
  private var hasNewFile = false

  /// - Parameter folder: made when the first cell is written.
  public init(_ folder: String, cellBytes: Int) {
    precondition(cellBytes > 0)
    self.folder = folder
    self.cellBytes = cellBytes
  }

  private func path(_ place: CellPlace) -> String {
    "\(folder)/\(place.series)-\(place.number / UInt64(Self.cellsPerFile)).cells"
  }
  private static func line(_ place: CellPlace) -> Int {
    headBytes + Int(place.number % UInt64(cellsPerFile)) * lineBytes
  }
  private func start(_ place: CellPlace) -> Int {
    Self.headBytes + Self.cellsPerFile * Self.lineBytes + Int(place.number % UInt64(Self.cellsPerFile)) * cellBytes
  }

  static func digest(_ place: CellPlace, _ bytes: Span<UInt8>) -> Digest {
    bytes.withUnsafeBufferPointer { bytes in
      Blake2b.digest(domain: "BUSBARcl") { hash in
        hash.update(place.series)
        hash.update(place.number)
        hash.update(unsafe Span(_unsafeElements: bytes))
      }
    }
  }

  public mutating func write(_ bytes: Span<UInt8>, to place: CellPlace) throws(PlatformError) {
    precondition(bytes.count > 0 && bytes.count <= cellBytes)
    let path = path(place)
    if !Files.exists(path) {
      try Files.makeFolder(folder)
      hasNewFile = true
    }
    let file = try check(busbar_open_append(path))
    defer { busbar_close(file) }
    if try !hasHead(file) {
      // Behind it lines that were not written yet read as zeros, and hold nothing.
      let head = [UInt8](capacity: Self.headBytes) { out in
        out.writeTag(Self.tag)
        out.write(UInt32(cellBytes))
        out.writeZeros(4)
      }
      try check(busbar_seek(file, 0))
      try Files.write(file, head.span)
    }
    try check(busbar_seek(file, Int64(start(place))))
    try Files.write(file, bytes)
    let line = [UInt8](capacity: Self.lineBytes) { out in
      out.write(UInt32(bytes.count))
      out.writeZeros(4)
      out.write(Self.digest(place, bytes))
    }
    try check(busbar_seek(file, Int64(Self.line(place))))
    try Files.write(file, line.span)
    if !unsynced.contains(path) { unsynced.append(path) }
  }

  public mutating func read(_ place: CellPlace) throws(PlatformError) -> [UInt8]? {
    let path = path(place)
    guard Files.exists(path) else { return nil }
    let file = try check(busbar_open_read(path))
    defer { busbar_close(file) }
    guard try hasHead(file) else { return nil }
    let line = try Self.bytes(file, at: Self.line(place), Self.lineBytes)
    var reader = WireReader(line.span)
    guard let length = try? reader.read(UInt32.self), length > 0, Int64(length) <= Int64(cellBytes),
      (try? reader.readZeros(4)) != nil, let digest = try? reader.read(Digest.self)
    else { return nil }
    let cell = try Self.bytes(file, at: start(place), Int(length))
    guard cell.count == Int(length), Self.digest(place, cell.span) == digest else { return nil }
    return cell
  }

  public mutating func free(_ place: CellPlace) throws(PlatformError) {
    let path = path(place)
    guard Files.exists(path) else { return }
    let file = try check(busbar_open_append(path))
    defer { busbar_close(file) }
    _ = try hasHead(file)
    let line = [UInt8](repeating: 0, count: Self.lineBytes)
    try check(busbar_seek(file, Int64(Self.line(place))))
    try Files.write(file, line.span)
    let lines = try Self.bytes(file, at: Self.headBytes, Self.cellsPerFile * Self.lineBytes)
    guard lines.allSatisfy({ $0 == 0 }) else { return }
    try check(busbar_unlink(path))
    unsynced.removeAll { $0 == path }
  }

  public mutating func sync() throws(PlatformError) {
    for path in unsynced {
      let file = try check(busbar_open_read(path))
      defer { busbar_close(file) }
      try check(busbar_datasync(file))
    }
    if hasNewFile {
      try Files.syncFolder(of: folder + "/")
      try Files.syncFolder(of: folder)
    }
    unsynced.removeAll()
    hasNewFile = false
  }

  /// False for a file that a crash left without: it holds nothing.
  /// - Throws: `.corrupted` when the file is of other cells.
  private func hasHead(_ file: Int32) throws(PlatformError) -> Bool {
    let head = try Self.bytes(file, at: 0, Self.headBytes)
    guard head.count == Self.headBytes, !head.allSatisfy({ $0 == 0 }) else { return false }
    var reader = WireReader(head.span)
    guard (try? reader.readTag(Self.tag)) != nil, let bytes = try? reader.read(UInt32.self),
      Int64(bytes) == Int64(cellBytes), (try? reader.readZeros(4)) != nil
    else { throw PlatformError(.corrupted) }
    return true
  }

  /// What the file has there, at most so many bytes.
  private static func bytes(_ file: Int32, at offset: Int, _ count: Int) throws(PlatformError) -> [UInt8] {
    var block = ByteBuffer(capacity: count)
    try Files.read(file, from: Int64(offset), into: &block)
    return Array(copying: block.span)
  }
}
