import Commands

// What stands in a node's way on this machine and no file of its own says: its address, its journal, its clock, its group's silence.

/// One thing that was looked at.
package struct Finding {
  package let check: String
  package let isGood: Bool
  package let detail: String
  /// What to do about it; empty when there is nothing to do.
  package let remedy: String

  package init(check: String, isGood: Bool, detail: String, remedy: String = "") {
    self.check = check
    self.isGood = isGood
    self.detail = detail
    self.remedy = remedy
  }

  /// On one line, for a warning or a failure.
  package var text: String { remedy.isEmpty ? detail : "\(detail); \(remedy)" }
}

/// Whether a node answers in this folder.
package func nodeRuns(in folder: String) -> Bool { (try? nodeStatus(folder)) != nil }
