/// Why a device's power cannot be limited, or is not any more.
public enum LimitError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The device says neither its maximum nor its rated power, so a percentage would be of nothing known.
  case noBase
  /// It has no model 123 or 704.
  case noControl
  /// The scale factor is not one a percentage can be written with.
  case scale(Int16)
  /// The device holds another limit than the one we set: somebody else's, which is left alone.
  case overridden
  /// Today's writes are used up; more would wear the device's memory out.
  case budget(register: UInt16)

  public var description: String {
    switch self {
    case .noBase: "the device does not tell what its percentage is of"
    case .noControl: "the device has no model to limit it with"
    case .scale(let scale): "scale factor \(scale)"
    case .overridden: "somebody else set a limit"
    case .budget(let register): "today's writes of register \(register) are used up"
    }
  }
}

/// A power limit as a device takes it: a percentage of a base, in its own steps.
public struct LimitPlan: Equatable, Sendable {
  /// What the percentage is of.
  public let baseMilliwatts: Int64
  /// The percentage's scale factor.
  public let scale: Int16
  /// The register's value.
  public let percent: UInt16
  /// What the device will keep to.
  public let appliedMilliwatts: Int64

  /// Rounds down, so that the device stays at or below the limit, and then to 1...100 %: 0 sends some inverters to
  /// standby, more than 100 is refused.
  public init(limitMilliwatts: Int64, baseMilliwatts: Int64, scale: Int16) throws(LimitError) {
    guard baseMilliwatts > 0 else { throw .noBase }
    // A percentage of 16 bits: at most 100 × 10^2, at least 1 of 10^0.
    guard (-2...0).contains(scale) else { throw .scale(scale) }
    let onePercent: Int64 = scale == 0 ? 1 : scale == -1 ? 10 : 100
    let full = 100 * onePercent
    let limit = min(max(0, limitMilliwatts), baseMilliwatts)
    let (high, low) = limit.multipliedFullWidth(by: full)
    let steps = high == 0 ? Int64(low / UInt64(baseMilliwatts)) : full
    let percent = min(max(onePercent, steps), full)
    self.baseMilliwatts = baseMilliwatts
    self.scale = scale
    self.percent = UInt16(percent)
    // Percent of the base, which may be up to 655 MW: no overflow of 10^4 × 10^12.
    appliedMilliwatts = baseMilliwatts / full * percent + baseMilliwatts % full * percent / full
  }

  /// Measured power may exceed the limit by 2 % of the base. (docs/HARDWARE.md, Limiting an inverter)
  public func isKept(measuredMilliwatts: Int64) -> Bool {
    measuredMilliwatts <= appliedMilliwatts + baseMilliwatts / 50
  }
}

/// How often registers were written today, so that a loop cannot wear out a device's flash memory. Kept in a file by
/// its owner, as lines of `DAY REGISTER COUNT`.
public struct WriteBudget: Equatable, Sendable {
  public static let maximumRegisters = 16
  public let writesPerDay: UInt32
  /// Days since 1970 by the board's clock; a clock that steps back does not give new writes.
  public private(set) var day: UInt64
  public private(set) var counts: [(register: UInt16, count: UInt32)] = []

  /// A budget of which nothing was used yet. `day` counts from 1970-01-01.
  public init(writesPerDay: UInt32, day: UInt64) {
    self.writesPerDay = writesPerDay
    self.day = day
  }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.day == right.day, left.counts.count == right.counts.count else { return false }
    for index in left.counts.indices
    where left.counts[index].register != right.counts[index].register
      || left.counts[index].count != right.counts[index].count
    {
      return false
    }
    return left.writesPerDay == right.writesPerDay
  }

  /// Counts a write of `register` before it is made.
  public mutating func spend(_ register: UInt16, day today: UInt64) throws(LimitError) {
    if today > day {
      day = today
      counts.removeAll(keepingCapacity: true)
    }
    if let place = counts.firstIndex(where: { $0.register == register }) {
      guard counts[place].count < writesPerDay else { throw .budget(register: register) }
      counts[place].count += 1
    } else {
      guard counts.count < Self.maximumRegisters else { throw .budget(register: register) }
      counts.append((register, 1))
    }
  }

  public var text: String {
    var result = ""
    for entry in counts { result += "\(day) \(entry.register) \(entry.count)\n" }
    return result
  }

  /// Takes over what ``text`` says. A file that cannot be read counts as used up: writes are never unlimited.
  public mutating func restore(_ text: String) throws(LimitError) {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count == 3, let day = UInt64(words[0]), let register = UInt16(words[1]),
        let count = UInt32(words[2]), counts.count < Self.maximumRegisters
      else { throw .budget(register: 0) }
      if day > self.day {
        self.day = day
        counts.removeAll()
      }
      if day == self.day { counts.append((register, count)) }
    }
  }
}
