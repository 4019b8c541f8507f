/// The cable that houses hang on: what they draw and feed in moves the voltage at its end. Integers only.
public struct SimulatedFeeder: Sendable {
  public var nominalMillivolts: Int64 = 230_000
  /// Of one phase, from the transformer to the houses.
  public var resistanceMilliohms: Int64

  /// - Precondition: 0 <= resistanceMilliohms <= 10 000
  public init(resistanceMilliohms: Int64 = 80) {
    precondition(resistanceMilliohms >= 0 && resistanceMilliohms <= 10_000)
    self.resistanceMilliohms = resistanceMilliohms
  }

  /// Of a phase that carries a third of `netWatts`, positive towards the houses: V = V₀ − R·P/(3·V₀).
  public func millivolts(netWatts: Int64) -> Int64 {
    nominalMillivolts - resistanceMilliohms * netWatts * 1_000 / (3 * nominalMillivolts)
  }
}
