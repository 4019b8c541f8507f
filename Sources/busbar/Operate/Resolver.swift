import CLinux
import Commands
import Configuration
import HAL
import LinuxPlatform

/// Asks the system what a name means, by its own program `getent`.
///
/// A statically linked program cannot load the modules that `/etc/nsswitch.conf` names, so it would know neither `.local` names nor
/// those of a directory; `getent` is part of the C library's package everywhere.
struct Resolver {
  static let deadlineMilliseconds: UInt64 = 15_000
  /// A name with more addresses than this is no host.
  private static let maximumAnswerBytes = 65_536
  /// Where the answer is put until it is read.
  let scratch: String

  /// The first address that others can call, in the order that the system prefers.
  /// - Throws: with a sentence that begins behind the name.
  func address(of name: String, port: UInt16) throws(Failure) -> Endpoint {
    let clock = LinuxClock()
    let deadline = clock.monotonic().adding(milliseconds: Self.deadlineMilliseconds)
    defer { busbar_unlink(scratch) }
    var child: ChildProcess
    do throws(PlatformError) { child = try ChildProcess(["getent", "ahosts", name], outputPath: scratch) } catch {
      throw Failure("\(name) cannot be asked for: getent does not start (\(error))")
    }
    while child.isRunning() {
      if clock.monotonic() >= deadline {
        child.kill()
        while child.isRunning() { clock.sleep(until: clock.monotonic().adding(milliseconds: 5)) }
        throw Failure("\(name): no name server answered in \(Self.deadlineMilliseconds / 1000) s")
      }
      clock.sleep(until: clock.monotonic().adding(milliseconds: 5))
    }
    let answer = try readFile(scratch, limit: Self.maximumAnswerBytes)
    switch child.exitStatus {
    case 0: break
    case 2: throw Failure("\(name) has no address: neither /etc/hosts nor a name server knows it")
    case 127: throw Failure("\(name) cannot be asked for: there is no program getent (Debian: libc-bin)")
    default: throw Failure("\(name) cannot be asked for: getent ended with \(child.exitStatus ?? -1)")
    }
    return try Self.choose(answer, name, port)
  }

  /// - Parameter answer: lines that begin with an address.
  private static func choose(_ answer: [UInt8], _ name: String, _ port: UInt16) throws(Failure) -> Endpoint {
    var objection: String?
    for line in answer.split(separator: UInt8(ascii: "\n")) {
      guard let word = line.split(separator: UInt8(ascii: " ")).first else { continue }
      let text = String(decoding: word, as: UTF8.self)
      guard let endpoint = Endpoint(word.contains(UInt8(ascii: ":")) ? "[\(text)]:\(port)" : "\(text):\(port)") else {
        continue
      }
      guard let found = endpoint.objection else { return endpoint }
      objection = "\(name) means \(text): \(found)"
    }
    throw Failure(objection ?? "\(name) has no address that is one")
  }
}
