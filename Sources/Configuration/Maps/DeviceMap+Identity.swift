import Metering

/// `[identity]` and `[check]`: what a device is told by.
extension SectionReader {
  /// `ADDRESS = TYPE VALUES [holding|input]` and `serial = ADDRESS TYPE [holding|input]`
  /// - Parameter isSunSpec: addresses count from model 1's ID register then.
  /// - Parameter maximum: registers of one answer.
  mutating func identity(
    _ function: ModbusRequest.Function, isSunSpec: Bool, _ maximum: UInt16
  ) throws(ConfigurationError) -> (registers: [IdentityRegister], serialNumber: IdentityPlace?) {
    var registers: [IdentityRegister] = []
    var serialNumber: IdentityPlace?
    for entry in all("identity") {
      var (text, own) = functionBehind(entry, function)
      let isSerial = entry.key == "serial"
      let first = isSerial ? Self.nextWord(&text) : entry.key[...]
      let form = Self.nextWord(&text)
      guard let address = Self.address(first), let form = Self.form(form) else {
        throw wrong(
          entry,
          isSerial ? "serial is ADDRESS TYPE [holding|input]" : "an identity is ADDRESS = TYPE VALUES [holding|input]")
      }
      let place = IdentityPlace(function: own, address: address, form: form)
      guard UInt32(address) + UInt32(place.registerCount) <= 0x1_0000, place.registerCount <= maximum else {
        throw wrong(entry, "\(entry.key) is longer than maximumRegisters, or beyond the last register")
      }
      guard !isSunSpec || address >= 2 && own == function else {
        throw wrong(entry, "\(entry.key) lies outside the body of model 1")
      }
      if isSerial {
        guard text.isEmpty else { throw wrong(entry, "serial has no values: \(text)") }
        serialNumber = place
        continue
      }
      guard registers.count < IdentityRegister.maximumCount else {
        throw wrong(entry, "more than \(IdentityRegister.maximumCount) registers")
      }
      registers.append(try alternatives(text, place, entry))
    }
    return (registers, serialNumber)
  }

  /// Takes `holding` or `input` off the end of an entry's value.
  private func functionBehind(
    _ entry: IniEntry, _ function: ModbusRequest.Function
  ) -> (text: Substring, function: ModbusRequest.Function) {
    for (word, own) in [(" holding", ModbusRequest.Function.holdingRegisters), (" input", .inputRegisters)]
    where entry.value.hasSuffix(word) {
      return (Self.trimmed(entry.value.dropLast(word.utf8.count)), own)
    }
    return (entry.value[...], function)
  }

  /// Takes the first word off a text, and the spaces behind it.
  private static func nextWord(_ text: inout Substring) -> Substring {
    let word = text.prefix { $0 != " " }
    text = trimmed(text.dropFirst(word.count))
    return word
  }

  /// A type of integers, or `textN` for N registers of characters.
  private static func form(_ word: Substring) -> IdentityPlace.Form? {
    if word.hasPrefix("text") {
      guard let registers = number(word.dropFirst(4), most: UInt64(IdentityPlace.maximumTextRegisters)), registers > 0
      else { return nil }
      return .text(registers: UInt16(registers))
    }
    guard let type = RegisterType(name: String(word)), !type.isFloat else { return nil }
    return .number(type)
  }

  /// `VALUE|LOW...HIGH` of a number, `"BEGINNING"|"BEGINNING"` of a text.
  private func alternatives(
    _ text: Substring, _ place: IdentityPlace, _ entry: IniEntry
  ) throws(ConfigurationError) -> IdentityRegister {
    var register = IdentityRegister(place: place)
    for part in text.split(separator: "|", omittingEmptySubsequences: false) {
      let part = Self.trimmed(part)
      guard register.ranges.count + register.beginnings.count < IdentityRegister.maximumAlternatives else {
        throw wrong(entry, "more than \(IdentityRegister.maximumAlternatives) values")
      }
      switch place.form {
      case .number:
        guard let range = Self.range(part) else { throw wrong(entry, "\(part) is neither a number nor LOW...HIGH") }
        register.ranges.append(range)
      case .text(let registers):
        guard let beginning = Self.quoted(part), beginning.count <= 2 * Int(registers) else {
          throw wrong(entry, "\(part) is not 1 to \(2 * registers) characters of ASCII in quotation marks")
        }
        register.beginnings.append(beginning)
      }
    }
    return register
  }

  private static func range(_ text: Substring) -> IdentityRange? {
    if let (low, high) = span(text) { return IdentityRange(minimum: low, maximum: high) }
    if let value = number(text, most: UInt64(Int64.max)) {
      return IdentityRange(minimum: Int64(value), maximum: Int64(value))
    }
    return Int64(text).map { IdentityRange(minimum: $0, maximum: $0) }
  }

  private static func quoted(_ text: Substring) -> [UInt8]? {
    let bytes = Array(text.utf8)
    let mark = UInt8(ascii: "\"")
    guard bytes.count >= 3, bytes.first == mark, bytes.last == mark else { return nil }
    let inner = bytes[1..<(bytes.count - 1)]
    return inner.allSatisfy { (0x20...0x7E).contains($0) && $0 != mark } ? Array(inner) : nil
  }

  /// `ADDRESS = TYPE LOW...HIGH [holding|input] [zero]`
  mutating func checks(_ function: ModbusRequest.Function) throws(ConfigurationError) -> [MapCheck] {
    var result: [MapCheck] = []
    for entry in all("check") {
      let words = Self.words(entry.value)
      guard words.count >= 2, let address = Self.address(entry.key),
        let type = RegisterType(name: String(words[0])), let (low, high) = Self.span(words[1]),
        UInt32(address) + UInt32(type.registerCount) <= 0x1_0000
      else { throw wrong(entry, "a check is ADDRESS = TYPE LOW...HIGH [holding|input] [zero]") }
      var check = MapCheck(function: function, address: address, type: type, minimum: low, maximum: high)
      for word in words.dropFirst(2) {
        switch word {
        case "holding": check.function = .holdingRegisters
        case "input": check.function = .inputRegisters
        case "zero": check.zeroSpeaks = true
        default: throw wrong(entry, "\(word) is not one of holding, input and zero")
        }
      }
      guard result.count < DeviceMap.maximumChecks else {
        throw wrong(entry, "more than \(DeviceMap.maximumChecks) checks")
      }
      result.append(check)
    }
    return result
  }
}

extension DeviceMap {
  static let maximumChecks = 8
}
