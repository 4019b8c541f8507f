import Foundation
import HAL
import LinuxPlatform
import SimulatedPlatform
import Testing
import Wire

/// Something cells can be opened on again and again, and that a test can hurt in between.
protocol CellMedium: AnyObject {
  init()
  func write(_ bytes: [UInt8], to place: CellPlace, sync: Bool) throws(PlatformError)
  func read(_ place: CellPlace) throws(PlatformError) -> [UInt8]?
  func free(_ place: CellPlace) throws(PlatformError)
  func damage(_ place: CellPlace)
  /// True when nothing is stored any more.
  var isEmpty: Bool { get }
}

/// Cells of 100 bytes. Each call opens them anew, as another process would.
final class FileCellMedium: CellMedium {
  let folder = TemporaryFolder()
  var path: String { folder.path + "/cells" }

  func write(_ bytes: [UInt8], to place: CellPlace, sync: Bool) throws(PlatformError) {
    var cells = FileCells(path, cellBytes: 100)
    try cells.write(bytes.span, to: place)
    if sync { try cells.sync() }
  }
  func read(_ place: CellPlace) throws(PlatformError) -> [UInt8]? {
    var cells = FileCells(path, cellBytes: 100)
    return try cells.read(place)
  }
  func free(_ place: CellPlace) throws(PlatformError) {
    var cells = FileCells(path, cellBytes: 100)
    try cells.free(place)
  }
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
  var isEmpty: Bool { names.isEmpty }
  func file(_ place: CellPlace) -> String { "\(path)/\(place.series)-\(place.number / 64).cells" }
  func damage(_ place: CellPlace) {
    let url = URL(fileURLWithPath: file(place))
    var bytes = [UInt8](try! Data(contentsOf: url))
    bytes[16 + 64 * 40 + Int(place.number % 64) * 100] ^= 1
    try! Data(bytes).write(to: url)
  }
}

final class MemoryCellMedium: CellMedium {
  var disk = CellDisk()

  func write(_ bytes: [UInt8], to place: CellPlace, sync: Bool) throws(PlatformError) {
    var cells = MemoryCells(disk, cellBytes: 100)
    try cells.write(bytes.span, to: place)
    if sync { try cells.sync() }
  }
  func read(_ place: CellPlace) throws(PlatformError) -> [UInt8]? {
    var cells = MemoryCells(disk, cellBytes: 100)
    return try cells.read(place)
  }
  func free(_ place: CellPlace) throws(PlatformError) {
    var cells = MemoryCells(disk, cellBytes: 100)
    try cells.free(place)
  }
  var isEmpty: Bool { disk.count == 0 }
  func damage(_ place: CellPlace) { disk.damage(place) }
}

/// The contract of ``CellStore``, checked alike on every implementation.
enum CellContract {
  /// Neighbours, the first and last of a file, another series, and the largest number there is.
  static let places = [
    CellPlace(series: 0, number: 0), CellPlace(series: 0, number: 1), CellPlace(series: 0, number: 63),
    CellPlace(series: 0, number: 64), CellPlace(series: 1, number: 1), CellPlace(series: 63, number: .max),
  ]
  static func content(_ place: Int) -> [UInt8] {
    (0..<[1, 100, 37, 99, 2, 64][place]).map { UInt8(truncatingIfNeeded: $0 * 7 + place) }
  }

  static func comesBack<M: CellMedium>(_ type: M.Type) throws {
    let medium = M()
    for (number, place) in places.enumerated() {
      let nothing = try medium.read(place)
      #expect(nothing == nil)
      try medium.write(content(number), to: place, sync: true)
    }
    for (number, place) in places.enumerated() { #expect(try medium.read(place) == content(number)) }
    #expect(try medium.read(CellPlace(series: 0, number: 2)) == nil)
    // What is written again is what is there, shorter or longer.
    try medium.write([9], to: places[1], sync: true)
    #expect(try medium.read(places[1]) == [9])
    try medium.write(content(1), to: places[1], sync: true)
    for (number, place) in places.enumerated() { #expect(try medium.read(place) == content(number)) }
  }

  static func freed<M: CellMedium>(_ type: M.Type) throws {
    let medium = M()
    try medium.free(places[0])
    for (number, place) in places.enumerated() { try medium.write(content(number), to: place, sync: true) }
    for (number, place) in places.enumerated() {
      try medium.free(place)
      #expect(try medium.read(place) == nil)
      try medium.free(place)
      for (other, left) in places.enumerated() where other > number {
        #expect(try medium.read(left) == content(other))
      }
    }
    #expect(medium.isEmpty)
    try medium.write([1, 2], to: places[2], sync: true)
    #expect(try medium.read(places[2]) == [1, 2])
  }

  static func damaged<M: CellMedium>(_ type: M.Type) throws {
    let medium = M()
    for number in 0..<3 { try medium.write(content(number), to: places[number], sync: true) }
    medium.damage(places[1])
    #expect(try medium.read(places[1]) == nil)
    #expect(try medium.read(places[0]) == content(0))
    try medium.write(content(1), to: places[1], sync: true)
    #expect(try medium.read(places[1]) == content(1))
  }
}

@Suite("Cells on a disk")
struct CellStoreTests {
  @Test("come back whole, whatever lies between their numbers")
  func comesBack() throws {
    try CellContract.comesBack(FileCellMedium.self)
    try CellContract.comesBack(MemoryCellMedium.self)
  }

  @Test("are given back one by one, and leave nothing behind")
  func freed() throws {
    try CellContract.freed(FileCellMedium.self)
    try CellContract.freed(MemoryCellMedium.self)
  }

  @Test("that are damaged are as those that hold nothing")
  func damaged() throws {
    try CellContract.damaged(FileCellMedium.self)
    try CellContract.damaged(MemoryCellMedium.self)
  }

  @Test("a file cut at any byte has its whole cells and no others, and is written on")
  func truncated() throws {
    let medium = FileCellMedium()
    for number in 0..<3 {
      try medium.write(CellContract.content(number), to: CellContract.places[number], sync: true)
    }
    let path = medium.file(CellContract.places[0])
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    for count in stride(from: 0, through: whole.count, by: 7) {
      try Data(whole[..<count]).write(to: URL(fileURLWithPath: path))
      for number in 0..<3 {
        let found = try medium.read(CellContract.places[number])
        #expect(found == nil || found == CellContract.content(number), "\(count) bytes")
        if count == whole.count { #expect(found != nil) }
      }
      try medium.write([5], to: CellContract.places[1], sync: true)
      #expect(try medium.read(CellContract.places[1]) == [5])
    }
  }

  @Test("the file's bytes are those of docs/PROTOCOL.md, Cells (golden vector)")
  func golden() throws {
    let medium = FileCellMedium()
    let place = CellPlace(series: 1, number: 64)
    try medium.write([0xAA, 0xBB], to: place, sync: true)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: medium.file(place))))
    #expect(medium.names == ["1-1.cells"])
    #expect(Array(bytes[..<16]) == Array("BUSBARcs".utf8) + [100, 0, 0, 0, 0, 0, 0, 0])
    // By Tests/Oracles/byte_vectors.py.
    #expect(
      Hexadecimal.string(bytes[16..<56].span)
        == "0200000000000000ff2d8417530d7628846a2520293864de2ac31f8ec4a7479d831d704b32d8d41b")
    #expect(bytes[56..<2576].allSatisfy { $0 == 0 } && bytes[2576] == 0xAA && bytes[2577] == 0xBB)
  }

  @Test("a file with any one bit changed has its other cells, and never a wrong one")
  func bits() throws {
    let medium = FileCellMedium()
    for number in 0..<3 {
      try medium.write(CellContract.content(number), to: CellContract.places[number], sync: true)
    }
    let path = medium.file(CellContract.places[0])
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    defer { try? file.close() }
    let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let cells = 16 + 64 * 40
    // The head, every line, and the cells that hold something.
    let places = Array(0..<cells) + [0, 1, 63].flatMap { cell in (0..<100).map { cells + cell * 100 + $0 } }
    for place in places where place < whole.count {
      for bit in 0..<8 {
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: [whole[place] ^ 1 << UInt8(bit)])
        var right = 0
        for number in 0..<3 {
          let found: [UInt8]?
          // A damaged head makes it another file, by name.
          do throws(PlatformError) { found = try medium.read(CellContract.places[number]) } catch { found = nil }
          #expect(found == nil || found == CellContract.content(number), "byte \(place), bit \(bit)")
          right += found == nil ? 0 : 1
        }
        #expect(right >= (place < 16 ? 0 : 2), "byte \(place), bit \(bit)")
      }
      try file.seek(toOffset: UInt64(place))
      try file.write(contentsOf: [whole[place]])
    }
  }

  @Test("a file of cells of another size is refused, not read")
  func otherSize() throws {
    let medium = FileCellMedium()
    try medium.write([1], to: CellContract.places[0], sync: true)
    var other = FileCells(medium.path, cellBytes: 101)
    var kind: PlatformError.Kind?
    do throws(PlatformError) { _ = try other.read(CellContract.places[0]) } catch { kind = error.kind }
    #expect(kind == .corrupted)
  }

  @Test("what was not synced may be lost with the power, in memory as on a disk")
  func crash() throws {
    let medium = MemoryCellMedium()
    try medium.write([1], to: CellContract.places[0], sync: true)
    try medium.write([2], to: CellContract.places[1], sync: false)
    try medium.write([3], to: CellContract.places[2], sync: false)
    medium.disk.crash(keeping: 0b10)
    #expect(try medium.read(CellContract.places[0]) == [1])
    #expect(try medium.read(CellContract.places[1]) == nil)
    #expect(try medium.read(CellContract.places[2]) == [3])
  }
}
