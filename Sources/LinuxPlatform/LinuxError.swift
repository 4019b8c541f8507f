import HAL

/// Turns a call's `-errno` into an error a caller can act on.
@discardableResult
func check(_ result: Int32) throws(PlatformError) -> Int32 {
  if result < 0 { throw platformError(-result) }
  return result
}

@discardableResult
func check(_ result: Int64) throws(PlatformError) -> Int {
  if result < 0 { throw platformError(Int32(truncatingIfNeeded: -result)) }
  return Int(result)
}

/// Linux's numbers, which are the same on x86 and ARM. (asm-generic/errno-base.h)
public func platformError(_ code: Int32) -> PlatformError {
  let kind: PlatformError.Kind =
    switch code {
    case 2: .notFound
    case 1, 13: .notPermitted
    case 5, 6, 19, 111: .disconnected
    case 11, 16, 98: .busy
    case 28, 122: .full
    case 22: .invalid
    case 110: .timedOut
    default: .other
    }
  return PlatformError(kind, code: code)
}
