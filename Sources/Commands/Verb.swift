/// One option of a verb. What stands here is both what `--help` prints and what the command line accepts.
package struct Option {
  package let name: String
  /// The placeholder of its value; nil for a flag.
  package let value: String?
  package let text: String
  package let isRequired: Bool

  package init(name: String, value: String?, text: String, isRequired: Bool = false) {
    self.name = name
    self.value = value
    self.text = text
    self.isRequired = isRequired
  }

  /// `--json`, which most verbs have.
  package static let json = Option(name: "json", value: nil, text: "print JSON, one object a line")
}

/// One verb: its place on the command line and its help.
package struct Verb {
  package let name: String
  /// Plain words behind the verb, as the usage line shows them; empty for none.
  package let operands: String
  /// How many plain words it takes.
  package let words: ClosedRange<Int>
  /// One line, for the overview.
  package let summary: String
  package let options: [Option]
  /// Paragraphs for a reader, behind the options.
  package let notes: [String]
  package let examples: [String]
  /// What 0, 1, … mean here, where that is more than done and failed.
  package let exitCodes: [String]

  package init(
    name: String, operands: String = "", words: ClosedRange<Int> = 0...0, summary: String, options: [Option] = [],
    notes: [String] = [], examples: [String] = [], exitCodes: [String] = ["0  done", "1  failed", "2  usage"]
  ) {
    self.name = name
    self.operands = operands
    self.words = words
    self.summary = summary
    self.options = options
    self.notes = notes
    self.examples = examples
    self.exitCodes = exitCodes
  }

  // MARK: As text

  /// What `--help` prints.
  package var help: String {
    var usage = "usage: busbar \(name)"
    if !operands.isEmpty { usage += " " + operands }
    for option in options where option.isRequired { usage += " --\(option.name) \(option.value ?? "")" }
    var width = usage.utf8.count
    for option in options where !option.isRequired {
      let word = " [--\(option.name)\(option.value.map { " " + $0 } ?? "")]"
      if width + word.utf8.count > 100 {
        usage += "\n      "
        width = 6
      }
      usage += word
      width += word.utf8.count
    }
    var text = "\(name): \(summary)\n\n\(usage)\n"
    if !options.isEmpty { text += "\n" }
    for option in options {
      text += "  " + padded("--\(option.name) \(option.value ?? "")", 24) + option.text + "\n"
    }
    for note in notes { text += "\n\(note)\n" }
    text += examples.count == 1 ? "\nexample:\n" : "\nexamples:\n"
    for example in examples { text += "  \(example)\n" }
    text += "\nexit codes:"
    for code in exitCodes { text += "\n  \(code)" }
    return text
  }
}
