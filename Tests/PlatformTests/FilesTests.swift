import CLinux
import Foundation
import HAL
import LinuxPlatform
import Testing
import Wire

@Suite("Files")
struct FilesTests {
  let folder = TemporaryFolder()
  var path: String { folder.path + "/file" }

  private func kind(_ body: () throws(PlatformError) -> Void) -> PlatformError.Kind? {
    do throws(PlatformError) {
      try body()
      return nil
    } catch { return error.kind }
  }
  private func write(_ bytes: [UInt8], mode: Int32 = 0o644) throws(PlatformError) {
    try Files.replace(path, with: bytes.span, mode: mode)
  }
  private func mode(_ path: String) -> Int {
    (try! FileManager.default.attributesOfItem(atPath: path))[.posixPermissions] as! Int
  }

  @Test("a file is replaced whole, with the mode asked for, and nothing is left beside it")
  func replaced() throws {
    try write([1, 2, 3])
    #expect(mode(path) == 0o644)
    try write([4], mode: 0o600)
    #expect(try Files.read(path, limit: 10) == [4])
    #expect(mode(path) == 0o600)
    #expect(try Files.names(in: folder.path) == ["file"])
  }

  @Test("a half-written file that a crash left behind gives neither its bytes nor its mode away")
  func leftover() throws {
    try Data([9, 9, 9]).write(to: URL(fileURLWithPath: path + ".new"))
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path + ".new")
    try write([4], mode: 0o600)
    #expect(try Files.readSecret(path, limit: 10) == [4])
    #expect(try Files.names(in: folder.path) == ["file"])
  }

  @Test("reading stops at the limit", arguments: [(10, true), (9, false), (11, true)] as [(Int, Bool)])
  func limit(limit: Int, accepted: Bool) throws {
    try write(Array(repeating: 7, count: 10))
    #expect(kind { () throws(PlatformError) in _ = try Files.read(path, limit: limit) } == (accepted ? nil : .full))
  }

  @Test("a file longer than one block is read whole")
  func long() throws {
    let bytes = (0..<70_001).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try write(bytes)
    #expect(try Files.read(path, limit: 70_001) == bytes)
  }

  @Test(
    "a secret is refused as soon as others may touch it",
    arguments: [(0o600, true), (0o400, true), (0o644, false), (0o640, false), (0o602, false), (0o601, false)]
      as [(Int, Bool)])
  func secrets(mode: Int, accepted: Bool) throws {
    try write([1], mode: Int32(mode))
    #expect(
      kind { () throws(PlatformError) in _ = try Files.readSecret(path, limit: 10) }
        == (accepted ? nil : .notPermitted))
  }

  @Test("what is missing is not found")
  func missing() throws {
    #expect(kind { () throws(PlatformError) in _ = try Files.read(path, limit: 1) } == .notFound)
    #expect(kind { () throws(PlatformError) in _ = try Files.readSecret(path, limit: 1) } == .notFound)
    #expect(kind { () throws(PlatformError) in try Files.remove(path) } == .notFound)
    #expect(kind { () throws(PlatformError) in _ = try Files.names(in: path) } == .notFound)
    #expect(!Files.exists(path))
  }

  @Test("folders are made for this user alone and may be there already; names come sorted")
  func folders() throws {
    let inner = folder.path + "/inner"
    try Files.makeFolder(inner)
    try Files.makeFolder(inner)
    #expect(mode(inner) == 0o700)
    for name in ["b", "a", "B", "10", "9"] {
      let empty: [UInt8] = []
      try Files.replace(inner + "/" + name, with: empty.span)
    }
    #expect(try Files.names(in: inner) == ["10", "9", "B", "a", "b"])
    try Files.remove(inner + "/a")
    #expect(try Files.names(in: inner) == ["10", "9", "B", "b"])
    #expect(Files.exists(inner) && Files.exists(inner + "/b"))
  }

  @Test("lines are appended behind what is there")
  func lines() throws {
    try Files.appendLine("one", to: path)
    try Files.appendLine("two", to: path)
    #expect(try Files.read(path, limit: 100) == Array("one\ntwo\n".utf8))
  }
}

@Suite("Processes and time")
struct ProcessTests {
  let folder = TemporaryFolder()

  private func finish(_ child: inout ChildProcess) -> Int32? {
    let end = LinuxClock().monotonic().adding(milliseconds: 10_000)
    while child.isRunning(), LinuxClock().monotonic() < end {
      waitForInput(on: [], until: LinuxClock().monotonic().adding(milliseconds: 5))
    }
    return child.exitStatus
  }

  @Test("a child gets its arguments as they are, and its output goes to the file")
  func output() throws {
    let path = folder.path + "/out"
    var child = try ChildProcess(["/bin/sh", "-c", "echo \"$1|$2\"; exit 3", "sh", "a b", "$HOME"], outputPath: path)
    let status = finish(&child)
    #expect(status == 3)
    #expect(try Files.read(path, limit: 100) == Array("a b|$HOME\n".utf8))
  }

  @Test("a program that is not there ends with 127")
  func missing() throws {
    var child = try ChildProcess(["/nonexistent/program"], outputPath: folder.path + "/out")
    let status = finish(&child)
    #expect(status == 127)
  }

  @Test("a killed child tells the signal, and its memory can be read while it runs")
  func killed() throws {
    // Stopped, it neither grows nor becomes another program between two looks.
    var child = try ChildProcess(["/bin/sh", "-c", "echo up; kill -STOP $$"], outputPath: folder.path + "/out")
    let isRunning = child.isRunning()
    #expect(isRunning)
    let end = LinuxClock().monotonic().adding(milliseconds: 10_000)
    while try Files.read(folder.path + "/out", limit: 10) != Array("up\n".utf8), LinuxClock().monotonic() < end {
      waitForInput(on: [], until: LinuxClock().monotonic().adding(milliseconds: 5))
    }
    let resident = child.residentKilobytes()
    let peak = child.peakResidentKilobytes()
    #expect(resident > 0 && peak >= resident)
    child.kill()
    let status = finish(&child)
    #expect(status == Int32(256 + 9))
    var other = try ChildProcess(["/bin/sleep", "60"], outputPath: folder.path + "/out")
    other.terminate()
    let otherStatus = finish(&other)
    #expect(otherStatus == Int32(256 + 15))
  }

  @Test("this process knows its number, its path and its environment")
  func own() {
    #expect(ThisProcess.identifier == getpid())
    #expect(Files.exists(ThisProcess.executablePath))
    #expect(ThisProcess.environment("PATH") != nil)
    #expect(ThisProcess.environment("BUSBAR_IS_NOT_SET") == nil)
  }

  @Test("monotonic time goes on, a deadline is kept, and a trusted clock is synchronised")
  func time() {
    let clock = LinuxClock(trustingWallClock: true)
    #expect(clock.state() == .synchronised)
    let start = clock.monotonic()
    clock.sleep(until: start.adding(milliseconds: 20))
    let middle = clock.monotonic()
    #expect(middle >= start.adding(milliseconds: 20))
    waitForInput(on: [], until: middle.adding(milliseconds: 20))
    #expect(clock.monotonic() >= middle.adding(milliseconds: 20))
    // 2024-01-01: a 32-bit time_t or a unit mistaken would show.
    #expect(clock.wall().nanoseconds > 1_704_067_200_000_000_000)
  }
}
