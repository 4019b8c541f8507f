import Consensus
import Paillier
import Units
import Wire

/// What a meter is registered for: which slots of a plaintext it feeds, and what its connection carries at most.
public struct MeterRegistration: Equatable, Sendable {
  /// Bit s: it feeds slot s.
  public var slots: UInt8
  public var maximumPowerWatts: UInt32

  /// Takes the slots as bits, and a power in watts.
  public init(slots: UInt8, maximumPowerWatts: UInt32) {
    precondition(SlotLayout.maximumSlots <= UInt8.bitWidth)
    self.slots = slots
    self.maximumPowerWatts = maximumPowerWatts
  }

  /// Every slot, and the most power there may be.
  public static let unlimited = MeterRegistration(
    slots: .max, maximumPowerWatts: GroupLimits.maximumPowerWatts.upperBound)

  /// Whether this meter feeds the slot with this index.
  public func feeds(_ slot: Int) -> Bool { slots >> UInt8(slot) & 1 == 1 }
}
