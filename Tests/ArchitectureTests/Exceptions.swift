import Testing

/// What a gate lets pass, each with a reason: `Tests/ArchitectureTests/exceptions.txt`, lines of `gate | subject | reason`.
enum Exceptions {
  /// - Returns: the subjects that a gate lets pass.
  static func of(_ gate: String) throws -> Set<String> {
    var subjects: Set<String> = []
    for line in try SourceTree.text("Tests/ArchitectureTests/exceptions.txt").split(separator: "\n")
    where !line.hasPrefix("#") {
      let cells = line.split(separator: "|").map { String($0).trimmingSpaces }
      try #require(cells.count == 3 && !cells[2].isEmpty, "no exception: \(line)")
      if cells[0] == gate { try #require(subjects.insert(cells[1]).inserted, "stands twice: \(line)") }
    }
    return subjects
  }

  /// Whatever breaks a gate is an exception, and every exception breaks it: one that is no longer needed goes.
  static func expect(_ gate: String, _ broken: [String: String]) throws {
    let allowed = try of(gate)
    for (subject, what) in broken.sorted(by: { $0.key < $1.key }) where !allowed.contains(subject) {
      Issue.record("\(gate): \(subject) \(what)")
    }
    for subject in allowed.subtracting(broken.keys).sorted() {
      Issue.record("\(gate): \(subject) is an exception in exceptions.txt, and needs none")
    }
  }
}

extension String {
  var trimmingSpaces: String {
    var text = Substring(self)
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
