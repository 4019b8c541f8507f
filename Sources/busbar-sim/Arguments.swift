/// `--name value` and `--flag`, and what stands without a name.
struct Arguments {
  struct Failure: Error { let message: String }

  private(set) var values: [String: String] = [:]
  private(set) var flags: Set<String> = []
  private(set) var plain: [String] = []

  init(_ words: ArraySlice<String>, values names: Set<String>, flags allowed: Set<String>) throws(Failure) {
    var place = words.startIndex
    while place < words.endIndex {
      let word = words[place]
      place += 1
      guard word.hasPrefix("--") else {
        plain.append(word)
        continue
      }
      let name = String(word.dropFirst(2))
      if allowed.contains(name) {
        flags.insert(name)
      } else if names.contains(name), place < words.endIndex {
        values[name] = words[place]
        place += 1
      } else {
        throw Failure(message: names.contains(name) ? "\(word) needs a value" : "unknown option \(word)")
      }
    }
  }

  func integer(_ name: String, default value: Int) throws(Failure) -> Int {
    guard let text = values[name] else { return value }
    guard let number = Int(text.filter { $0 != "_" }), number >= 0 else {
      throw Failure(message: "--\(name) \(text) is not a number")
    }
    return number
  }

  /// `N` or `LOW..HIGH`.
  func members(default range: ClosedRange<Int>) throws(Failure) -> ClosedRange<Int> {
    guard let text = values["members"] ?? values["replicas"] else { return range }
    let parts = text.split(separator: ".", omittingEmptySubsequences: true).compactMap { Int($0) }
    guard let low = parts.first, let high = parts.last, parts.count <= 2, low >= 4, low <= high, high <= 32 else {
      throw Failure(message: "--members \(text) is neither a number nor a range within 4..32")
    }
    return low...high
  }
}
