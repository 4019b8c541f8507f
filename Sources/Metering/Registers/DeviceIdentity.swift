/// What a device says of itself that never changes: of each ``IdentityRegister`` of a map one must be true, or it is another device.
public struct IdentityRegister: Equatable, Sendable {
  /// Of one map.
  public static let maximumCount = 8
  /// Values of one register.
  public static let maximumAlternatives = 16

  public var place: IdentityPlace
  /// What a number may be; empty for a text.
  public var ranges: [IdentityRange]
  /// What a text may begin with, in ASCII; empty for a number.
  public var beginnings: [[UInt8]]

  /// Takes a place and what may stand there: ranges of a number, or beginnings of a text.
  /// - Precondition: there are at most ``maximumAlternatives``.
  public init(place: IdentityPlace, ranges: [IdentityRange] = [], beginnings: [[UInt8]] = []) {
    precondition(ranges.count + beginnings.count <= Self.maximumAlternatives)
    self.place = place
    self.ranges = ranges
    self.beginnings = beginnings
  }
}

/// A span of numbers, both ends included.
public struct IdentityRange: Equatable, Sendable {
  public var minimum: Int64
  public var maximum: Int64
  /// Takes both ends as they are; nothing lies in a range whose minimum is above its maximum.
  public init(minimum: Int64, maximum: Int64) {
    self.minimum = minimum
    self.maximum = maximum
  }
}

/// Where a number or a text that names a device lies.
public struct IdentityPlace: Equatable, Sendable {
  /// How a name is written in registers.
  public enum Form: Equatable, Sendable {
    /// An integer.
    case number(RegisterType)
    /// Two characters in each of so many registers, the first in the high byte; it ends at a NUL.
    case text(registers: UInt16)
  }
  /// Registers of a text: 64 characters.
  public static let maximumTextRegisters: UInt16 = 32

  public var function: ModbusRequest.Function
  /// As on the wire; for SunSpec devices counted from the ID register of model 1.
  public var address: UInt16
  public var form: Form

  /// Takes a place as it is; whether the device can be asked for it is not checked.
  public init(function: ModbusRequest.Function, address: UInt16, form: Form) {
    self.function = function
    self.address = address
    self.form = form
  }

  public var registerCount: UInt16 {
    switch form {
    case .number(let type): type.registerCount
    case .text(let registers): registers
    }
  }

  /// What is written there, as characters: a number in decimal, a text without its padding of spaces, 0x00 and 0xFF.
  /// - Parameter word: the register at an address, counted as ``address`` is.
  public func text(order: WordOrder, word: (UInt16) -> UInt16) -> [UInt8] {
    switch form {
    case .number(let type):
      let bits = RegisterBits(type: type, order: order) { offset in word(address + offset) }
      guard let value = try? bits.scaled(by: .one) else { return [] }
      return Array("\(value)".utf8)
    case .text(let registers):
      var result: [UInt8] = []
      result.reserveCapacity(2 * Int(registers))
      for offset in 0..<registers {
        let both = word(address + offset)
        result.append(UInt8(both >> 8))
        result.append(UInt8(both & 0xFF))
      }
      if let end = result.firstIndex(of: 0) { result.removeLast(result.count - end) }
      while let last = result.last, last == 0x20 || last == 0xFF { result.removeLast() }
      while let first = result.first, first == 0x20 { result.removeFirst() }
      return result
    }
  }
}

extension IdentityRegister {
  /// Whether the register holds one of the alternatives.
  public func holds(order: WordOrder, word: (UInt16) -> UInt16) -> Bool {
    switch place.form {
    case .number(let type):
      let bits = RegisterBits(type: type, order: order) { offset in word(place.address + offset) }
      guard let value = try? bits.scaled(by: .one) else { return false }
      return ranges.contains { $0.minimum <= value && value <= $0.maximum }
    case .text:
      let text = place.text(order: order, word: word)
      if planted(.textComparedAsWhole) { return beginnings.contains(text) }
      return beginnings.contains { $0.count <= text.count && $0[...] == text[..<$0.count] }
    }
  }
}

/// A measurement that speaks for a device, or against it, where no register says what it is.
///
/// A meter that has lost a phase, or all of them, is the same meter still: what says nothing is not held against it.
public struct MapCheck: Equatable, Sendable {
  /// What one measurement says of a device.
  public enum Evidence: Equatable, Sendable {
    case speaksFor
    case speaksAgainst
    /// 0, or a pattern by which devices say "no such value".
    case saysNothing
  }

  public var function: ModbusRequest.Function
  public var address: UInt16
  public var type: RegisterType
  /// What it holds while the device measures, in whole raw units (floats rounded half to even).
  public var minimum: Int64
  public var maximum: Int64
  /// 0 speaks for the device too: counters of a new meter that has nothing else to be told by.
  public var zeroSpeaks: Bool

  /// Takes a register and what it may hold; `zeroSpeaks` counts a 0 for the device.
  public init(
    function: ModbusRequest.Function, address: UInt16, type: RegisterType, minimum: Int64, maximum: Int64,
    zeroSpeaks: Bool = false
  ) {
    self.function = function
    self.address = address
    self.type = type
    self.minimum = minimum
    self.maximum = maximum
    self.zeroSpeaks = zeroSpeaks
  }

  /// What the register says.
  /// - Parameter word: the register at an address, counted as ``address`` is.
  public func evidence(order: WordOrder, word: (UInt16) -> UInt16) -> Evidence {
    let bits = RegisterBits(type: type, order: order) { offset in word(address + offset) }
    if bits.bits == 0, zeroSpeaks, !planted(.zeroNeverSpeaks) { return .speaksFor }
    if bits.saysNothing {
      if planted(.nothingSpeaksFor) { return .speaksFor }
      return planted(.nothingSpeaksAgainst) ? .speaksAgainst : .saysNothing
    }
    // Another device's integers, taken for a float, are most often far below everything that is measured.
    if bits.isNegligibleFloat, !planted(.tinyFloatSpeaksFor) { return .speaksAgainst }
    do throws(RegisterError) {
      let value = try bits.scaled(by: .one)
      return value >= minimum && value <= maximum ? .speaksFor : .speaksAgainst
    } catch {
      if case .notANumber = error { return .saysNothing }
      return .speaksAgainst
    }
  }
}
