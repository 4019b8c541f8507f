import CLinux
import LinuxPlatform
import Testing

// Swift hides fork, since a child of a program with threads may do little; this one reads a number and ends.
@_silgen_name("fork") private func systemFork() -> Int32
@_silgen_name("_exit") private func systemExit(_ status: Int32) -> Never

@Suite("The mark of a process (madvise(2), MADV_WIPEONFORK)")
struct ForkMarkTests {
  @Test("stays what it is in its process, and a forked child reads 0")
  func forked() async throws {
    let mark = try ForkMark()
    let before = mark.value
    #expect(before != 0)
    let child = systemFork()
    if child == 0 { systemExit(mark.value == 0 ? 17 : 1) }
    var status: Int32 = -1
    while status < 0 {
      status = busbar_reap(child)
      if status < 0 { try await Task.sleep(for: .milliseconds(5)) }
    }
    #expect(status == 17)
    #expect(mark.value == before)
  }
}
