/// What is wrong with a configuration file, and where.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  public let file: String
  /// Counted from 1; where something is missing, the head of its section or the end of the file.
  public let line: Int
  public let message: String

  /// Takes a file's name, a line and what is wrong there, in words for a person.
  public init(file: String, line: Int, message: String) {
    self.file = file
    self.line = line
    self.message = message
  }

  public var description: String { "\(file):\(line): \(message)" }
}
