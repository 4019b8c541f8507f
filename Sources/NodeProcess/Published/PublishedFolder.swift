import Aggregation
import Commands
import HAL
import LinuxPlatform
import Node
import Units

/// Where a bookkeeper puts what it publishes: a folder for each UTC day, in which a period begins, and in it files called by period
/// and set. One folder for all would grow by 140,000 files a year. (docs/PROTOCOL.md, Files)
package struct PublishedFolder {
  package let path: String
  private let periodSeconds: UInt64

  /// - Parameter genesis: says how long periods are, and with it which day one begins on.
  package init(_ path: String, _ genesis: Genesis) {
    self.path = path
    periodSeconds = UInt64(genesis.periodSeconds)
  }

  private func day(of period: Period) -> String {
    "\(path)/\(CivilDate(startOf: period, ofSeconds: periodSeconds))"
  }

  /// The path of a period's and set's files, without the suffix.
  package func stem(_ period: Period, _ owner: ReplicaIndex) -> String { "\(day(of: period))/\(period)-\(owner)" }

  /// The path of one of them.
  package func file(_ kind: Publication, _ period: Period, _ owner: ReplicaIndex) -> String {
    "\(stem(period, owner)).\(kind.suffix)"
  }

  /// The folder of the period's day; made, and durable in its parent, before the first file of that day.
  func makeDay(of period: Period) throws(PlatformError) {
    let day = day(of: period)
    guard !Files.exists(day) else { return }
    try Files.makeFolder(day)
    try Files.syncFolder(of: day)
  }

  /// Whether this is the folder of the day of a period.
  func isDay(_ folder: String, of period: Period) -> Bool { folder == day(of: period) }

  /// The folders of all days, in order.
  /// - Throws: a failure that names what is neither a folder of a day nor what a crash left.
  func days() throws(Failure) -> [String] {
    let names: [String]
    do throws(PlatformError) { names = try Files.names(in: path) } catch { throw Failure(path, error) }
    for name in names {
      guard Self.isDate(name) else { throw Failure("\(path)/\(name): not a folder YYYY-MM-DD") }
    }
    return names.map { "\(path)/\($0)" }
  }

  private static func isDate(_ name: String) -> Bool {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false).map { Array($0.utf8) }
    guard parts.count == 3, parts[0].count >= 4, parts[1].count == 2, parts[2].count == 2 else { return false }
    return parts.allSatisfy { part in part.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } }
  }
}

extension Publication {
  /// What a file's name ends with.
  var suffix: String {
    switch self {
    case .certificate: "certificate"
    case .sum: "sum"
    case .unreadable: "unreadable"
    }
  }
}
