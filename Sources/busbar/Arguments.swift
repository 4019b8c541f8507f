/// Bad usage: exit code 2.
struct UsageError: Error { let message: String }

/// `--name value`, `--flag` and plain words of one verb.
struct Arguments {
  private(set) var words: [String] = []
  private var options: [(name: String, value: String)] = []

  init(_ arguments: [String], options known: [String], flags: [String] = []) throws(UsageError) {
    var place = 0
    while place < arguments.count {
      let argument = arguments[place]
      place += 1
      guard argument.hasPrefix("--") else {
        words.append(argument)
        continue
      }
      let name = String(argument.dropFirst(2))
      if flags.contains(name) || name == "json" {
        options.append((name, ""))
      } else if known.contains(name), place < arguments.count {
        options.append((name, arguments[place]))
        place += 1
      } else {
        throw UsageError(message: known.contains(name) ? "--\(name) needs a value" : "unknown option --\(name)")
      }
    }
  }

  func has(_ name: String) -> Bool { options.contains { $0.name == name } }
  func text(_ name: String) -> String? { options.last { $0.name == name }?.value }

  func required(_ name: String) throws(UsageError) -> String {
    guard let value = text(name) else { throw UsageError(message: "--\(name) is required") }
    return value
  }

  func integer(_ name: String, default fallback: Int64, in range: ClosedRange<Int64>) throws(UsageError) -> Int64 {
    guard let text = text(name) else { return fallback }
    guard let value = Int64(text), range.contains(value) else {
      throw UsageError(message: "--\(name) is not a number in \(range.lowerBound)...\(range.upperBound): \(text)")
    }
    return value
  }
}
