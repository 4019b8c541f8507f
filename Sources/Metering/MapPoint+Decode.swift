/// A value and how far it can be believed; 0 where there is none.
public struct DecodedValue: Equatable, Sendable {
  public var value: Int64
  public var quality: Quality

  public init(_ value: Int64, _ quality: Quality) {
    self.value = value
    self.quality = quality
  }
}

extension MapPoint {
  /// SunSpec scale factors lie within -10...10.
  static let scaleFactors: ClosedRange<Int16> = -10...10

  /// Takes the value out of an answer.
  /// - Parameter word: the register at an address, counted as ``address`` is.
  public func decode(order: WordOrder, word: (UInt16) -> UInt16) -> DecodedValue {
    let bits = RegisterBits(type: type, order: order) { offset in word(address + offset) }
    if bits.bits == sentinel { return DecodedValue(0, .notImplemented) }
    var exponent: Int32 = 0
    if let scaleAddress {
      let scale = Int16(bitPattern: word(scaleAddress))
      if scale == .min { return DecodedValue(0, .notImplemented) }
      guard Self.scaleFactors.contains(scale) else { return DecodedValue(0, .outOfRange) }
      exponent = Int32(scale)
    }
    let value: Int64
    do throws(RegisterError) {
      value = try bits.scaled(by: factor, exponent: exponent)
    } catch {
      switch error {
      case .notANumber: return DecodedValue(0, .notImplemented)
      case .tooLarge: return DecodedValue(0, .outOfRange)
      }
    }
    let signed = isInverted ? 0 - value : value
    guard signed >= minimum, signed <= maximum else { return DecodedValue(0, .outOfRange) }
    return DecodedValue(signed, .good)
  }
}

extension MapCheck {
  /// Whether the register holds what it must.
  public func holds(order: WordOrder, word: (UInt16) -> UInt16) -> Bool {
    let bits = RegisterBits(type: type, order: order) { offset in word(address + offset) }
    guard let value = try? bits.scaled(by: .one) else { return false }
    return value >= minimum && value <= maximum
  }
}
