/// `--count` runs each Paillier operation once between marks for Toolchain/opcount.c; nothing runs the checks.
///
/// Runs every check and returns the number of failures: the same vectors on every target, without a test framework.
@c(busbar_selftest_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  if argumentCount == 2, let word = arguments[1], unsafe String(cString: word) == "--count" {
    return countOperations() ? 0 : 1
  }
  var report = Report()
  checkCryptography(&report)
  checkPaillier(&report)
  checkPaillierVectors(&report)
  checkConsensus(&report)
  checkAggregation(&report)
  checkPackets(&report)
  checkMetering(&report)
  print("\(report.passed) passed, \(report.failed) failed")
  return report.failed == 0 ? 0 : 1
}
