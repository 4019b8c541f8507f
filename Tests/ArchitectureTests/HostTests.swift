import Testing

@Suite("A node's effects leave at one place")
struct HostTests {
  private static let calls = ["append", "sync", "send", "publish"]

  /// The calls of a host in a text, comments aside.
  static func calls(_ lines: [Substring]) -> Int {
    lines.count { line in
      let code = line.split(separator: "//", maxSplits: 1, omittingEmptySubsequences: false)[0]
      return calls.contains { code.contains("host.\($0)(") }
    }
  }

  @Test("host.append, host.sync, host.send and host.publish stand in one file of Node")
  func onePlace() throws {
    var broken: [String: String] = [:]
    for file in try SourceTree.swiftFiles(of: "Node") {
      let count = Self.calls(file.lines)
      if count > 0 { broken[SourceTree.name(file.path)] = "calls the host in \(count) lines" }
    }
    try Exceptions.expect("host", broken)
  }

  @Test("a call is seen, and one in a comment is not")
  func seen() {
    #expect(Self.calls(["    try host.append(entry.span)", "host.synchronise()", "a() // host.send(b)"]) == 1)
  }
}
