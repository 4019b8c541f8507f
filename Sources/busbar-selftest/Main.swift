/// Runs every check and returns the number of failures: the same vectors on every target, without a test framework.
@c(busbar_selftest_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  var report = Report()
  checkCryptography(&report)
  checkPaillier(&report)
  checkConsensus(&report)
  checkAggregation(&report)
  checkPackets(&report)
  checkMetering(&report)
  print("\(report.passed) passed, \(report.failed) failed")
  return report.failed == 0 ? 0 : 1
}
