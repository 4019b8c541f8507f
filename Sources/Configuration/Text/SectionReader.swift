import HAL

/// Takes typed values out of an INI file; what nobody took is unknown and an error.
struct SectionReader: ~Copyable {
  private let ini: IniFile
  private var taken: [Bool]

  init(_ ini: IniFile) {
    self.ini = ini
    taken = Array(repeating: false, count: ini.entries.count)
  }

  var file: String { ini.file }

  /// Whether a value stands in the file, without taking it.
  func has(_ section: String, _ key: String) -> Bool { place(section, key) != nil }

  private func place(_ section: String, _ key: String) -> Int? {
    ini.entries.firstIndex { $0.section == section && $0.key == key }
  }

  /// Where a node's value stands: in its own section, or else in that for all; in its own where it stands nowhere.
  func home(of key: String, in section: String) -> String {
    !has(section, key) && has("defaults", key) ? "defaults" : section
  }

  var sections: [(name: String, line: Int)] { ini.sections.map { ($0.name, $0.line) } }

  mutating func entry(_ section: String, _ key: String) -> IniEntry? {
    guard let place = place(section, key) else { return nil }
    taken[place] = true
    return ini.entries[place]
  }

  mutating func text(
    _ section: String, _ key: String, default fallback: String? = nil
  ) throws(ConfigurationError) -> String {
    guard let entry = entry(section, key) else {
      if let fallback { return fallback }
      throw missing(section, key)
    }
    guard !entry.value.isEmpty else { throw wrong(entry, "\(key) is empty") }
    return entry.value
  }

  mutating func optionalText(_ section: String, _ key: String) throws(ConfigurationError) -> String? {
    guard let entry = entry(section, key) else { return nil }
    guard !entry.value.isEmpty else { throw wrong(entry, "\(key) is empty") }
    return entry.value
  }

  mutating func integer(
    _ section: String, _ key: String, in range: ClosedRange<Int64>, default fallback: Int64? = nil
  ) throws(ConfigurationError) -> Int64 {
    guard let entry = entry(section, key) else {
      if let fallback { return fallback }
      throw missing(section, key)
    }
    guard let value = Int64(entry.value) else { throw wrong(entry, "\(key) is not a whole number: \(entry.value)") }
    guard range.contains(value) else {
      throw wrong(entry, "\(key) is \(value), outside \(range.lowerBound)...\(range.upperBound)")
    }
    return value
  }

  mutating func choice(
    _ section: String, _ key: String, of choices: [String], default fallback: String? = nil
  ) throws(ConfigurationError) -> String {
    guard let entry = entry(section, key) else {
      if let fallback { return fallback }
      throw missing(section, key)
    }
    guard choices.contains(entry.value) else {
      throw wrong(entry, "\(key) is \(entry.value), not one of \(choices.joined(separator: ", "))")
    }
    return entry.value
  }

  mutating func endpoint(_ section: String, _ key: String) throws(ConfigurationError) -> Endpoint {
    guard let entry = entry(section, key) else { throw missing(section, key) }
    return try endpoint(entry)
  }

  func endpoint(_ entry: IniEntry) throws(ConfigurationError) -> Endpoint {
    guard let endpoint = Endpoint(entry.value) else {
      throw wrong(entry, "\(entry.key) is not ADDRESS:PORT: \(entry.value)")
    }
    return endpoint
  }

  /// Every entry of a section whose keys are free.
  mutating func all(_ section: String) -> [IniEntry] { rest(section, but: []) }

  /// The entries of a section whose keys are not among `own`, which are taken one by one.
  mutating func rest(_ section: String, but own: [String]) -> [IniEntry] {
    var result: [IniEntry] = []
    for place in ini.entries.indices
    where ini.entries[place].section == section && !own.contains(ini.entries[place].key) {
      taken[place] = true
      result.append(ini.entries[place])
    }
    return result
  }

  func wrong(_ entry: IniEntry, _ message: String) -> ConfigurationError {
    ConfigurationError(file: ini.file, line: entry.line, message: message)
  }

  func wrongLine(_ line: Int, _ message: String) -> ConfigurationError {
    ConfigurationError(file: ini.file, line: line, message: message)
  }

  /// At the key's line, or where it would stand.
  func wrong(_ section: String, _ key: String, _ message: String) -> ConfigurationError {
    if let place = place(section, key) { return wrong(ini.entries[place], message) }
    return ConfigurationError(file: ini.file, line: missing(section, key).line, message: message)
  }

  /// At the section's head, or at the end of a file that has no such section.
  private func missing(_ section: String, _ key: String) -> ConfigurationError {
    let head = ini.sections.first { $0.name == section }
    return ConfigurationError(
      file: ini.file, line: head?.line ?? max(1, ini.lineCount), message: "[\(section)] \(key) is missing")
  }

  /// - Throws: for a section that is not among `sections`, and for a key that nobody took.
  consuming func finish(sections: [String]) throws(ConfigurationError) {
    for head in ini.sections where !sections.contains(head.name) {
      throw ConfigurationError(file: ini.file, line: head.line, message: "unknown section [\(head.name)]")
    }
    for place in ini.entries.indices where !taken[place] {
      let entry = ini.entries[place]
      guard !entry.section.isEmpty else { throw wrong(entry, "\(entry.key) stands before any section") }
      throw wrong(entry, "unknown key \(entry.key) in [\(entry.section)]")
    }
  }
}
