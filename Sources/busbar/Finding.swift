// What stands in a node's way on this machine and no file of its own says: its address, its journal, its clock, its group's silence.

/// One thing that was looked at.
struct Finding {
  let check: String
  let isGood: Bool
  let detail: String
  /// What to do about it; empty when there is nothing to do.
  var remedy = ""

  /// On one line, for a warning or a failure.
  var text: String { remedy.isEmpty ? detail : "\(detail); \(remedy)" }
}

/// Whether a node answers in this folder.
func nodeRuns(in folder: String) -> Bool { (try? nodeStatus(folder)) != nil }
