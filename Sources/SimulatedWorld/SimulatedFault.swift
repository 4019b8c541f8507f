/// What a simulated device does wrong. (docs/HARDWARE.md, Scenarios)
public enum SimulatedFault: Equatable, Sendable {
  case none
  /// Says nothing.
  case silence
  /// One bit of the answer is another one.
  case badChecksum
  /// Answers in the name of the next unit.
  case wrongUnit
  /// Refuses with this code.
  case exception(UInt8)
  /// The answer breaks off in its middle.
  case truncated
  /// The request comes back before the answer.
  case echo
  /// Time stands still for its values.
  case stuck
  /// Its counters start again at 0.
  case reset
  /// Says nothing for so long, and has lost what lay in volatile memory.
  case reboot(milliseconds: Int64)
  /// Its counters stand just below the end of their register.
  case wrap

  /// The word a scenario says.
  public init?(name: String) {
    switch name {
    case "none": self = .none
    case "silence": self = .silence
    case "crc": self = .badChecksum
    case "wrongUnit": self = .wrongUnit
    case "exception": self = .exception(4)
    case "busy": self = .exception(6)
    case "truncated": self = .truncated
    case "echo": self = .echo
    case "stuck": self = .stuck
    case "reset": self = .reset
    case "reboot": self = .reboot(milliseconds: 3_000)
    case "wrap": self = .wrap
    default: return nil
    }
  }

  public static var names: [String] {
    [
      "none", "silence", "crc", "wrongUnit", "exception", "busy", "truncated", "echo", "stuck", "reset", "reboot",
      "wrap",
    ]
  }
}

/// Which answers a fault strikes: the `first`-th and every `every`-th after it.
public struct FaultSchedule: Equatable, Sendable {
  public var fault: SimulatedFault
  /// Counted from 1.
  public var first: UInt64
  /// 0 strikes once, 1 always.
  public var every: UInt64

  /// Without other words the fault strikes every answer from the first on.
  /// - Precondition: first >= 1.
  public init(_ fault: SimulatedFault = .none, first: UInt64 = 1, every: UInt64 = 1) {
    precondition(first >= 1)
    self.fault = fault
    self.first = first
    self.every = every
  }

  func strikes(_ answer: UInt64) -> Bool {
    guard fault != .none, answer >= first else { return false }
    return answer == first || (every > 0 && (answer - first) % every == 0)
  }
}
