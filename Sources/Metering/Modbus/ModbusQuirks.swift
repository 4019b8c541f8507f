/// Ways of whole connections to depart from the protocol that a map allows by name (`quirks`), because devices or gateways are
/// sold that do so.
public struct ModbusQuirks: OptionSet, Equatable, Sendable {
  public let rawValue: UInt8
  /// Takes all bits; those that name no quirk do nothing.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Modbus/TCP: an answer counts under whatever transaction number. What arrived before a request is dropped then, as a late
  /// answer could be taken for the next one's.
  public static let anyTransaction = ModbusQuirks(rawValue: 1)
  /// Modbus/TCP: an answer counts whichever unit it names.
  public static let anyUnit = ModbusQuirks(rawValue: 2)
  /// Exception 4, "device failure", says what exception 2 says elsewhere: there is no such register.
  public static let failureMeansAbsent = ModbusQuirks(rawValue: 4)

  /// The words that a map's file uses.
  public static let names = ["anyTransaction", "anyUnit", "failureMeansAbsent"]

  /// The quirk of this name in a map's file; nil for a name that is none.
  public init?(name: String) {
    for place in Self.names.indices where Self.names[place] == name {
      self.init(rawValue: 1 << UInt8(place))
      return
    }
    return nil
  }
}
