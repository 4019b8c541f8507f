import CLinux
import HAL

/// A number that this process alone reads: a child made by `fork` reads 0 in its place, at once and without being told.
/// (madvise(2), MADV_WIPEONFORK)
///
/// What must not exist twice, such as prepared randomness, is kept beside the mark it was made under.
public struct ForkMark: ~Copyable {
  private let mark: UnsafeMutablePointer<UInt64>

  /// - Throws: ``PlatformError`` of kind `other` on a kernel older than Linux 4.14.
  public init() throws(PlatformError) {
    // Any number but 0 will do; the clock makes two runs differ in a log.
    guard let mark = busbar_fork_mark(busbar_clock_boot() | 1) else { throw PlatformError(.other) }
    self.mark = mark
  }

  deinit { busbar_drop_mark(mark) }

  /// 0 in a child of the process that made it.
  public var value: UInt64 { busbar_read_mark(mark) }
}
