/// `--count` runs each Paillier operation once between marks for Toolchain/opcount.c, `--count-first-key` and
/// `--count-second-key` the hardened ones on several secrets; nothing runs the checks.
///
/// Runs every check and returns the number of failures: the same vectors on every target, without a test framework.
@c(busbar_selftest_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  if argumentCount == 2, let word = arguments[1] {
    switch unsafe String(cString: word) {
    case "--count": return countOperations() ? 0 : 1
    case "--count-first-key": return countSecrets(ofSecondKey: false) ? 0 : 1
    case "--count-second-key": return countSecrets(ofSecondKey: true) ? 0 : 1
    default: return 2
    }
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
