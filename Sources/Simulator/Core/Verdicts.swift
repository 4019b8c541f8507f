/// How many runs ended in what must never happen.
public struct Verdicts: Sendable, CustomStringConvertible {
  public private(set) var unsafe = 0
  public private(set) var stuck = 0
  public private(set) var wronglyConvicted = 0

  /// No runs yet.
  public init() {}

  mutating func add(isConviction: Bool, isSafety: Bool) {
    if isConviction {
      wronglyConvicted += 1
    } else if isSafety {
      unsafe += 1
    } else {
      stuck += 1
    }
  }

  public var description: String {
    "\(unsafe) unsafe, \(stuck) stuck, \(wronglyConvicted) wrongly convicted"
  }
}
