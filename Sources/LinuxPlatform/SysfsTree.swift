import CLinux
import HAL

/// Attribute files under a root: "/sys", or a fake tree in a test.
public struct SysfsTree: ~Copyable, AttributeTree {
  static let listingBytes = 16_384
  private let root: String

  /// The tree below `root`, which is not looked at yet: a missing one shows at the first read.
  public init(root: String) { self.root = root }

  public func names(in path: String) throws(PlatformError) -> [String] {
    let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: Self.listingBytes)
    defer { buffer.deallocate() }
    let used = "\(root)/\(path)".withCString {
      busbar_serial_list_folder($0, buffer.baseAddress!, Self.listingBytes)
    }
    if used < 0 { throw .serial(Int(used)) }
    var names: [String] = []
    var start = 0
    while start < Int(used) {
      // Each name ends with a zero byte inside the `used` bytes.
      let name = unsafe String(cString: buffer.baseAddress! + start)
      start += name.utf8.count + 1
      names.append(name)
    }
    names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return names
  }

  @_lifetime(output: copy output)
  public func read(_ path: String, into output: inout OutputSpan<UInt8>) throws(PlatformError) {
    let full = "\(root)/\(path)"
    let got = output.withUnsafeMutableBufferPointer { buffer, count in
      // read() initialises what it returns, behind the `count` bytes that are there.
      let got = full.withCString {
        unsafe busbar_serial_read_file($0, buffer.baseAddress! + count, buffer.count - count)
      }
      if got > 0 { count += Int(got) }
      return got
    }
    if got < 0 { throw .serial(Int(got)) }
  }
}
