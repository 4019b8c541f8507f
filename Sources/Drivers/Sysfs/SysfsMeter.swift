import HAL
import Metering
import Units
import Wire

/// A power sensor of /sys/class/hwmon: `powerK_input` in µW and `energyK_input` in µJ.
/// (Linux Documentation/hwmon/sysfs-interface)
///
/// The device is found by its `name`, and its channel by `powerK_label` or `energyK_label`, never by number: numbers
/// change with the order of probing. A device that vanished is searched anew at the next reading.
///
/// Wrap rule: a counter that falls wrapped once iff `wrapMicrojoules` is given and the old value was in the upper and
/// the new one is in the lower half of it. Any other fall is passed on as it is, for the ``CounterGuard``.
/// hwmon counts in one direction only: there is no export counter.
public struct SysfsMeter<T: AttributeTree & ~Copyable, C: Clock>: ~Copyable {
  static var folder: String { "class/hwmon" }
  static var maximumChannel: UInt32 { 16 }
  static var microjoulesPerMilliwattHour: Int64 { 3_600_000 }

  private let tree: T
  private let clock: C
  private let name: String
  private let label: String?
  private let wrapMicrojoules: Int64?
  private var text = ByteBuffer(capacity: 64)
  private var device: String?
  private var channel: UInt32 = 1
  private var lastMicrojoules: Int64 = 0
  private var wraps: Int64 = 0

  /// - Parameter label: nil takes channel 1.
  /// - Parameter wrapMicrojoules: the counter's modulus, for chips whose counter is narrower than 64 bits.
  public init(tree: consuming T, clock: C, name: String, label: String? = nil, wrapMicrojoules: Int64? = nil) {
    precondition(wrapMicrojoules ?? 1 > 0)
    self.tree = tree
    self.clock = clock
    self.name = name
    self.label = label
    self.wrapMicrojoules = wrapMicrojoules
  }

  /// Power now.
  public mutating func readPower() throws(DriverError) -> Sample {
    let microwatts = try read("power")
    return Sample(
      quantity: .activePower, phase: 0, value: microwatts.dividedHalfEven(by: 1_000), quality: .good,
      monotonicNanoseconds: clock.monotonic().nanoseconds, wallNanoseconds: clock.wall().nanoseconds,
      wallIsSynchronised: clock.state() == .synchronised)
  }

  /// The energy counted so far, as import; wraps of a narrow counter are added up for as long as this lives.
  /// - Throws: ``DriverError``, `outOfRange` for a counter at or above its modulus.
  public mutating func readEnergy() throws(DriverError) -> EnergyReading {
    let microjoules = try unwrapped(read("energy"))
    return EnergyReading(
      importEnergy: MilliwattHours(microjoules.dividedHalfEven(by: Self.microjoulesPerMilliwattHour)),
      exportEnergy: nil, monotonic: clock.monotonic(), wall: clock.wall(), clockState: clock.state())
  }

  private mutating func unwrapped(_ raw: Int64) throws(DriverError) -> Int64 {
    guard let modulus = wrapMicrojoules else { return raw }
    if raw < 0 || raw >= modulus { throw .outOfRange }
    let half = modulus / 2
    if lastMicrojoules > half && raw < half { wraps += 1 }
    lastMicrojoules = raw
    let (product, overflow) = wraps.multipliedReportingOverflow(by: modulus)
    let (sum, tooLarge) = product.addingReportingOverflow(raw)
    if overflow || tooLarge { throw .outOfRange }
    return sum
  }

  private mutating func read(_ kind: String) throws(DriverError) -> Int64 {
    if device == nil { try find() }
    guard let device else { throw .deviceNotFound }
    do {
      try load("\(device)/\(kind)\(channel)_input")
    } catch {
      self.device = nil
      throw error
    }
    return try parseDecimal()
  }

  private mutating func find() throws(DriverError) {
    let names: [String]
    do {
      names = try tree.names(in: Self.folder)
    } catch { throw .platform(error) }
    for entry in names {
      let path = "\(Self.folder)/\(entry)"
      guard attribute("\(path)/name", is: name) else { continue }
      if let found = findChannel(path) {
        device = path
        channel = found
        return
      }
    }
    throw .deviceNotFound
  }

  private mutating func findChannel(_ path: String) -> UInt32? {
    guard let label else { return 1 }
    for index in 1...Self.maximumChannel {
      if attribute("\(path)/power\(index)_label", is: label) || attribute("\(path)/energy\(index)_label", is: label) {
        return index
      }
    }
    return nil
  }

  private mutating func attribute(_ path: String, is expected: String) -> Bool {
    do {
      try load(path)
    } catch { return false }
    var index = 0
    for byte in expected.utf8 {
      if index >= text.count || text.span[index] != byte { return false }
      index += 1
    }
    return index == text.count || (index == text.count - 1 && text.span[index] == 0x0A)
  }

  private mutating func load(_ path: String) throws(DriverError) {
    var failure: PlatformError?
    text.replace { output in
      do throws(PlatformError) {
        try tree.read(path, into: &output)
      } catch { failure = error }
    }
    if let failure { throw .platform(failure) }
  }

  /// An optional minus, 1...19 digits, an optional newline; nothing else.
  private func parseDecimal() throws(DriverError) -> Int64 {
    let bytes = text.span
    var end = bytes.count
    if end > 0 && bytes[end - 1] == 0x0A { end -= 1 }
    let negative = end > 0 && bytes[0] == 0x2D
    let start = negative ? 1 : 0
    if end <= start { throw .malformedAttribute }
    var value: Int64 = 0
    for index in start..<end {
      guard bytes[index] >= 0x30, bytes[index] <= 0x39 else { throw .malformedAttribute }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, tooLarge) = product.subtractingReportingOverflow(Int64(bytes[index] - 0x30))
      if overflow || tooLarge { throw .malformedAttribute }
      value = sum
    }
    if negative { return value }
    if value == .min { throw .malformedAttribute }
    return -value
  }
}
