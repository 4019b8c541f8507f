import Commands

/// The benches, and all meters of a group in one process: `busbar` hands over to this program, which can also be called directly,
/// as `busbar-bench bench crypto`, where one program cannot start another.
@c(busbar_bench_main)
func programMain(_ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
  let words = programWords(argumentCount, arguments)
  do throws(Failure) { try perform(words) } catch {
    error.report(asJSON: words.contains("--json"))
    return error.exitCode
  }
  return 0
}
