import Units

/// A value and how far it can be believed; 0 where there is none.
public struct DecodedValue: Equatable, Sendable {
  public var value: Int64
  public var quality: Quality

  /// Takes a value in the unit of its quantity.
  public init(_ value: Int64, _ quality: Quality) {
    self.value = value
    self.quality = quality
  }
}

extension MapPoint {
  /// SunSpec scale factors lie within -10...10.
  static let scaleFactors: ClosedRange<Int16> = -10...10

  /// Takes the value out of an answer.
  /// - Parameter order: the map's; the point may have its own.
  /// - Parameter word: the register at an address, counted as ``address`` is.
  public func decode(order: WordOrder, word: (UInt16) -> UInt16) -> DecodedValue {
    let order = planted(.ownOrderIgnored) ? order : self.order ?? order
    var exponent: Int32 = 0
    if let scaleAddress {
      let scale = Int16(bitPattern: word(scaleAddress))
      if scale == .min { return DecodedValue(0, .notImplemented) }
      guard Self.scaleFactors.contains(scale) || planted(.scaleFactorUnbounded) else {
        return DecodedValue(0, .outOfRange)
      }
      exponent = Int32(scale)
    }
    var value: Int64
    do throws(RegisterError) {
      switch second {
      case nil: value = try number(at: address, order, exponent, word)
      case .high(let high): value = try scaled(halves(high, order, word), exponent)
      case .minus(let other):
        let first = try number(at: address, order, exponent, word)
        let (difference, overflow) = first.subtractingReportingOverflow(try number(at: other, order, exponent, word))
        if overflow { return DecodedValue(0, .outOfRange) }
        value = planted(.secondNumberIgnored) ? first : difference
      }
    } catch {
      switch error {
      case .notANumber: return DecodedValue(0, .notImplemented)
      case .tooLarge: return DecodedValue(0, .outOfRange)
      }
    }
    if isInverted, !planted(.signNotInverted) {
      guard value != .min else { return DecodedValue(0, .outOfRange) }
      value = 0 - value
    }
    guard value >= minimum, value <= maximum else { return DecodedValue(0, .outOfRange) }
    return DecodedValue(value, .good)
  }

  private func number(
    at first: UInt16, _ order: WordOrder, _ exponent: Int32, _ word: (UInt16) -> UInt16
  ) throws(RegisterError) -> Int64 {
    try scaled(RegisterBits(type: type, order: order) { offset in word(first + offset) }, exponent)
  }

  private func halves(_ high: UInt16, _ order: WordOrder, _ word: (UInt16) -> UInt16) -> RegisterBits {
    let (upper, lower) = (word(high), word(address))
    let bits =
      order.swapsBytes && !planted(.highWordUnswapped)
      ? UInt32(upper.byteSwapped) << 16 | UInt32(lower.byteSwapped) : UInt32(upper) << 16 | UInt32(lower)
    return RegisterBits(type: type, bits: UInt64(bits))
  }

  /// - Throws: `.notANumber` for a sentinel too.
  private func scaled(_ bits: RegisterBits, _ exponent: Int32) throws(RegisterError) -> Int64 {
    for (index, sentinel) in sentinels.enumerated()
    where bits.bits == sentinel && (index == 0 || !planted(.onlyFirstSentinel)) {
      throw .notANumber(bits: UInt32(truncatingIfNeeded: sentinel))
    }
    return try bits.scaled(by: factor, exponent: exponent)
  }
}
