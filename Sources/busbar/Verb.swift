/// One option of a verb. What stands here is both what `--help` prints and what the command line accepts.
struct Option {
  let name: String
  /// The placeholder of its value; nil for a flag.
  let value: String?
  let text: String
  var isRequired = false

  static let json = Option(name: "json", value: nil, text: "print JSON, one object a line")
}

/// One verb: its place on the command line and its help.
struct Verb {
  let name: String
  /// Plain words behind the verb, as the usage line shows them; empty for none.
  var operands = ""
  /// How many plain words it takes.
  var words = 0...0
  let summary: String
  var options: [Option] = []
  /// Paragraphs for a reader, behind the options.
  var notes: [String] = []
  var examples: [String] = []
  /// What 0, 1, … mean here, where that is more than done and failed.
  var exitCodes = ["0  done", "1  failed", "2  usage"]

  // MARK: As text

  var help: String {
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
