/// The bounds of one group that every buffer and every bitmap follows from. (DESIGN §1)
public enum GroupLimits {
  public static let minimumAggregators = 4
  public static let maximumAggregators = 64
  public static let maximumMetersPerSet = 512
  /// Sums of fewer meters would come too close to a single household's reading. (DESIGN §2.2)
  public static let minimumContributors = 5
}
