import Commands
import HAL
import LinuxPlatform
import Metering
import Units

/// A meter's registers, for people and the demo to read. It only tells: the journal has what counts, so a file that cannot be written stops
/// nothing, and is tried again with the next change.
struct StateFile {
  private let path: String
  private let node: String
  private var written = ""
  private var isFailing = false

  init(_ path: String, node: String) {
    self.path = path
    self.node = node
  }

  mutating func tell(_ state: String) {
    guard state != written else { return }
    written = state
    let text = Array(state.utf8)
    do throws(PlatformError) {
      try Files.replace(path, with: text.span, mode: 0o600)
      isFailing = false
    } catch {
      // Once, and not with every period.
      if !isFailing { printDiagnostic("\(node): \(path) cannot be written (\(error)); the node goes on") }
      isFailing = true
    }
  }
}
