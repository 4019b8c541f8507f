import HAL
import Wire

/// How a path treats datagrams. Fractions are in thousandths.
public struct PathProfile: Sendable, Equatable {
  /// Of the sender's own line, which all its paths share; 0 is without limit.
  public var bitsPerSecond: UInt64 = 0
  /// What may wait for that line; a datagram beyond it is dropped.
  public var queueBytes: UInt64 = 64 * 1024
  public var delayNanoseconds: UInt64 = 0
  /// Up to this much more, evenly.
  public var jitterNanoseconds: UInt64 = 0
  /// On average, in bursts of ``meanBurst`` datagrams: Gilbert's channel, which loses everything while it is bad.
  public var loss: UInt64 = 0
  public var meanBurst: UInt64 = 1
  public var duplication: UInt64 = 0
  /// Held back by another delay.
  public var reordering: UInt64 = 0
  /// Added to each datagram on the line: IPv4 and UDP.
  public var headerBytes: UInt64 = 28

  /// A path that neither loses, delays nor doubles anything, behind a line without limit.
  public init() {}

  /// The lines of a scenario file: `key value`, `#` begins a comment. Keys are the fields' names, in their units.
  /// - Throws: the number of the first line that is wrong.
  public init(scenario text: String) throws(ScenarioError) {
    self.init()
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let words = line.prefix { $0 != "#" }.split(separator: " ")
      if words.isEmpty { continue }
      guard words.count == 2, let value = UInt64(words[1]) else { throw ScenarioError(line: number) }
      switch words[0] {
      case "bitsPerSecond": bitsPerSecond = value
      case "queueBytes": queueBytes = value
      case "delayMicroseconds": delayNanoseconds = value * 1000
      case "jitterMicroseconds": jitterNanoseconds = value * 1000
      case "loss": loss = value
      case "meanBurst": meanBurst = value
      case "duplication": duplication = value
      case "reordering": reordering = value
      case "headerBytes": headerBytes = value
      default: throw ScenarioError(line: number)
      }
      guard loss < 1000, duplication <= 1000, reordering <= 1000, meanBurst > 0 else {
        throw ScenarioError(line: number)
      }
    }
  }
}

/// A scenario file cannot be read. `line` counts from 1.
public struct ScenarioError: Error, Equatable { public let line: Int }

/// A sender's line and the paths behind it, without a clock of its own: what is handed to it comes back with the moments
/// it arrives at. The same seed and the same calls give the same history.
public struct LossyLink {
  private let profile: PathProfile
  private var generator: SeededGenerator
  private var busyUntil: UInt64 = 0
  /// By path: whether Gilbert's channel is bad.
  private var isBad: [Bool]
  public private(set) var lostCount: UInt64 = 0
  public private(set) var droppedCount: UInt64 = 0
  /// Bytes the line carried, headers included, whether they arrived or not.
  public private(set) var lineBytes: UInt64 = 0
  /// The longest that anything waited for the line, nanoseconds.
  public private(set) var longestWait: UInt64 = 0

  /// A line that is free now, and `paths` paths of this profile behind it, numbered from 0.
  public init(_ profile: PathProfile, paths: Int, seed: UInt64) {
    self.profile = profile
    generator = SeededGenerator(seed: seed)
    isBad = Array(repeating: false, count: paths)
  }

  private mutating func happens(_ thousandths: UInt64) -> Bool { generator.next() % 1000 < thousandths }

  /// When the line will have sent what it holds.
  public func wait(at now: MonotonicTime) -> UInt64 { busyUntil - min(busyUntil, now.nanoseconds) }

  /// The moments at which a datagram handed over now arrives: none, one or two.
  public mutating func send(bytes: Int, path: Int, at now: MonotonicTime) -> [MonotonicTime] {
    let size = UInt64(bytes) + profile.headerBytes
    var departure = now.nanoseconds
    if profile.bitsPerSecond > 0 {
      let waiting = wait(at: now)
      guard waiting * profile.bitsPerSecond / 8_000_000_000 + size <= profile.queueBytes else {
        droppedCount += 1
        return []
      }
      longestWait = max(longestWait, waiting)
      departure = max(busyUntil, now.nanoseconds) + size * 8_000_000_000 / profile.bitsPerSecond
      busyUntil = departure
    }
    lineBytes += size
    // Bad to good once in a mean burst; good to bad as often as the average asks for.
    if isBad[path] {
      isBad[path] = generator.next() % profile.meanBurst != 0
    } else {
      isBad[path] = generator.next() % (profile.meanBurst * (1000 - profile.loss)) < profile.loss
    }
    if isBad[path] {
      lostCount += 1
      return []
    }
    var arrivals: [MonotonicTime] = []
    repeat {
      var arrival = departure + profile.delayNanoseconds
      if profile.jitterNanoseconds > 0 { arrival += generator.next() % profile.jitterNanoseconds }
      if happens(profile.reordering) { arrival += profile.delayNanoseconds }
      arrivals.append(MonotonicTime(nanoseconds: arrival))
    } while arrivals.count < 2 && happens(profile.duplication)
    return arrivals
  }
}
