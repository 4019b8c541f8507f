/// `--name value`, `--flag` and plain words of one verb, as its entry in the table of verbs allows them.
package struct Arguments {
  /// Plain words, in order.
  package private(set) var words: [String] = []
  private var options: [(name: String, value: String)] = []

  /// - Throws: a usage error for what the verb does not know, an option without its value, one given twice, and too
  ///   many or too few words.
  package init(_ arguments: [String], of verb: Verb) throws(Failure) {
    var place = 0
    while place < arguments.count {
      let argument = arguments[place]
      place += 1
      guard argument.hasPrefix("-"), argument != "-" else {
        words.append(argument)
        continue
      }
      guard let option = verb.options.first(where: { "--" + $0.name == argument }) else {
        throw Failure(usage: "unknown option \(argument)", of: verb)
      }
      guard !has(option.name) else { throw Failure(usage: "\(argument) is given twice", of: verb) }
      guard option.value != nil else {
        options.append((option.name, ""))
        continue
      }
      guard place < arguments.count, !arguments[place].hasPrefix("--") else {
        throw Failure(usage: "\(argument) needs a value", of: verb)
      }
      options.append((option.name, arguments[place]))
      place += 1
    }
    guard words.count <= verb.words.upperBound else {
      throw Failure(usage: "unexpected \(words[verb.words.upperBound])", of: verb)
    }
    guard words.count >= verb.words.lowerBound else {
      throw Failure(usage: "\(verb.name) needs \(verb.operands)", of: verb)
    }
    for option in verb.options where option.isRequired && !has(option.name) {
      throw Failure(usage: "--\(option.name) \(option.value ?? "") is required", of: verb)
    }
  }

  /// Whether an option was given.
  package func has(_ name: String) -> Bool { options.contains { $0.name == name } }
  /// An option's value; nil when it was not given.
  package func text(_ name: String) -> String? { options.last { $0.name == name }?.value }
  /// Whether `--json` was given.
  package var wantsJSON: Bool { has("json") }

  /// - Throws: a usage error when it was not given.
  package func required(_ name: String) throws(Failure) -> String {
    guard let value = text(name) else { throw Failure("--\(name) is required", exitCode: 2) }
    return value
  }

  /// - Throws: a usage error for what is no whole number of the range.
  package func integer(_ name: String, default fallback: Int64, in range: ClosedRange<Int64>) throws(Failure) -> Int64 {
    guard let text = text(name) else { return fallback }
    guard let value = Int64(text), range.contains(value) else {
      throw Failure(
        "--\(name) is not a whole number in \(range.lowerBound)...\(range.upperBound): \(text)", exitCode: 2)
    }
    return value
  }

  /// - Throws: a usage error for what is none of the choices.
  package func choice(_ name: String, default fallback: String, of choices: [String]) throws(Failure) -> String {
    guard let text = text(name) else { return fallback }
    guard choices.contains(text) else {
      throw Failure("--\(name) is \(text), not one of \(choices.joined(separator: ", "))", exitCode: 2)
    }
    return text
  }
}
