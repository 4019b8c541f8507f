/// The bounds of one group that every buffer and every bitmap follows from. (DESIGN §1)
public enum GroupLimits {
  public static let minimumAggregators = 4
  public static let maximumAggregators = 64
  public static let maximumMetersPerSet = 512
  /// Sums of fewer meters would come too close to a single household's reading. (DESIGN §2.2)
  public static let minimumContributors = 5
  /// What a group may ask for at least: of a sum of two each of both knows the other's part. (DESIGN §2.2)
  public static let fewestContributors = 3
  /// What a meter may be registered for: below, a house has no supply; above, it is a substation.
  public static let maximumPowerWatts: ClosedRange<UInt32> = 1...100_000_000
}
