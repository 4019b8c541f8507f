import CLinux
import HAL
import Wire

/// A child process; killed and reaped by the caller.
public struct ChildProcess: Sendable {
  public let identifier: Int32
  /// Nil while it runs.
  public private(set) var exitStatus: Int32?

  /// - Parameter outputPath: where its standard output and error go.
  public init(_ arguments: [String], outputPath: String) throws(PlatformError) {
    let output = try check(busbar_create(outputPath, 0o600))
    defer { busbar_close(output) }
    let pointers = copiedForC(arguments)
    defer { for pointer in pointers { pointer?.deallocate() } }
    identifier = try check(busbar_spawn(arguments[0], pointers, output))
  }

  /// Whether the process runs still. One that has ended is reaped here, and its status is in ``exitStatus``.
  public mutating func isRunning() -> Bool {
    guard exitStatus == nil else { return false }
    let status = busbar_reap(identifier)
    if status >= 0 { exitStatus = status }
    return status < 0
  }

  /// Asks the process to end, by SIGTERM; ``isRunning()`` says when it has.
  public func terminate() { busbar_kill(identifier, Int32(BUSBAR_SIGTERM)) }
  /// Ends the process at once, by SIGKILL: as a power cut does, for what the process was just writing.
  public func kill() { busbar_kill(identifier, Int32(BUSBAR_SIGKILL)) }
  /// It stands still, as a board does whose card stalls; ``resume()`` lets it go on.
  public func pause() { busbar_kill(identifier, Int32(BUSBAR_SIGSTOP)) }
  /// Lets a process go on that ``pause()`` stopped.
  public func resume() { busbar_kill(identifier, Int32(BUSBAR_SIGCONT)) }
  /// Kilobytes resident now; -1 when it is gone.
  public func residentKilobytes() -> Int64 { busbar_resident_kilobytes(identifier) }
  /// CPU time used so far, by itself and by the kernel for it; -1 when it is gone.
  public func cpuMilliseconds() -> Int64 { busbar_cpu_milliseconds(identifier) }
  /// The most kilobytes that were ever resident; -1 when it is gone.
  public func peakResidentKilobytes() -> Int64 { busbar_peak_resident_kilobytes(identifier) }
}

/// As `exec` wants them: zero behind each and nil behind all. The caller frees them.
private func copiedForC(_ arguments: [String]) -> [UnsafeMutablePointer<CChar>?] {
  var pointers: [UnsafeMutablePointer<CChar>?] = []
  for argument in arguments {
    let bytes = Array(argument.utf8)
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for index in bytes.indices { copy[index] = CChar(bitPattern: bytes[index]) }
    copy[bytes.count] = 0
    pointers.append(copy)
  }
  pointers.append(nil)
  return pointers
}

/// This process.
public enum ThisProcess {
  public static var identifier: Int32 { busbar_pid() }
  public static var residentKilobytes: Int64 { busbar_resident_kilobytes(busbar_pid()) }
  public static var peakResidentKilobytes: Int64 { busbar_peak_resident_kilobytes(busbar_pid()) }
  /// Of those resident now: pages of files, which is the program and its libraries. Other processes share them.
  public static var residentFileKilobytes: Int64 { busbar_file_resident_kilobytes(busbar_pid()) }
  /// Nil when it is not set.
  public static func environment(_ name: String) -> String? {
    // The string stays until somebody sets the variable, and nobody here does.
    guard let value = busbar_environment(name) else { return nil }
    return unsafe String(cString: value)
  }
  /// Secrets in memory stay there when the process fails.
  public static func forbidCoreDumps() { busbar_forbid_core_dumps() }
  /// SIGTERM and SIGINT end nothing from now on: they set ``isTerminated``. A write to a closed pipe fails instead of
  /// killing (SIGPIPE).
  public static func catchTermination() { busbar_catch_termination() }
  public static var isTerminated: Bool { busbar_terminated() == 1 }
  /// The folder that relative paths are taken from.
  /// - Throws: `.notFound` when it was removed.
  public static func workingFolder() throws(PlatformError) -> String {
    var buffer = ByteBuffer(capacity: 4096)
    let count = buffer.mutableBytes.withMemoryRebound(to: CChar.self) {
      busbar_working_folder($0.baseAddress!, 4096)
    }
    buffer.setCount(Int(try check(count)))
    return String(decoding: Array(copying: buffer.span), as: UTF8.self)
  }
  /// Goes on as another program, with the same identifier, files and environment; returns only by throwing.
  /// - Parameter arguments: the program's path first.
  /// - Throws: `.notFound` when there is no such file; whatever else forbids it to run.
  public static func become(_ arguments: [String]) throws(PlatformError) {
    let pointers = copiedForC(arguments)
    defer { for pointer in pointers { pointer?.deallocate() } }
    try check(busbar_replace(arguments[0], pointers))
  }
  public static var executablePath: String {
    var buffer = ByteBuffer(capacity: 4096)
    let count = buffer.mutableBytes.withMemoryRebound(to: CChar.self) {
      busbar_own_path($0.baseAddress!, 4096)
    }
    buffer.setCount(max(0, Int(count)))
    return String(decoding: Array(copying: buffer.span), as: UTF8.self)
  }
}

/// Waits for descriptors or a moment.
public func waitForInput(on descriptors: [Int32], until time: MonotonicTime) {
  _ = busbar_wait(descriptors, Int32(descriptors.count), time.nanoseconds)
}

/// Where a program's text goes: standard output, or standard error.
public enum StandardStream {
  /// Writes text as it is, without a newline of its own. A closed stream is no error.
  public static func write(_ text: String, toError: Bool = false) {
    let bytes = Array(text.utf8)
    try? Files.write(toError ? 2 : 1, bytes.span)
  }
}
