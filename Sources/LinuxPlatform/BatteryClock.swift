import HAL
import Wire

/// What a board's battery-backed clock says. Without one a board that had no power knows no time until the network tells it.
public enum BatteryClock: Equatable, Sendable {
  /// There is none, as on a Raspberry Pi up to the fourth.
  case absent
  /// It is there and cannot be read.
  case unreadable
  /// Seconds since 1970.
  case reads(UInt64)

  /// Looks at the first one, `rtc0`, from which the kernel sets the time.
  /// - Parameter root: "/sys", or a fake tree in a test. (Documentation/ABI/testing/sysfs-class-rtc: `since_epoch`)
  public init(root: String) {
    let tree = SysfsTree(root: root)
    guard let names = try? tree.names(in: "class/rtc"), names.contains("rtc0") else {
      self = .absent
      return
    }
    var text = ByteBuffer(capacity: 32)
    var isRead = true
    text.replace { out in
      do throws(PlatformError) { try tree.read("class/rtc/rtc0/since_epoch", into: &out) } catch { isRead = false }
    }
    var seconds: UInt64 = 0
    var digits = 0
    let span = text.span
    for index in 0..<span.count where isRead {
      let byte = span[index]
      if byte == UInt8(ascii: "\n"), index == span.count - 1 { break }
      guard byte >= 0x30, byte <= 0x39, digits < 18 else {
        isRead = false
        break
      }
      seconds = seconds * 10 + UInt64(byte - 0x30)
      digits += 1
    }
    self = isRead && digits > 0 ? .reads(seconds) : .unreadable
  }
}
