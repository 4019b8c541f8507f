/// What a round took of its node, and its parts done alone: nanoseconds of CPU.
struct RoundParts {
  var records: UInt64 = 0
  var proposals: UInt64 = 0
  var votes: UInt64 = 0
  var verify: UInt64 = 0
  var product: UInt64 = 0
  var validate: UInt64 = 0
  var packets: UInt64 = 0
  var hash: UInt64 = 0
  var voteSignatures: UInt64 = 0
  /// Heap allocations, by what arrived; nil in programs that do not count them.
  var recordAllocations: UInt64 = 0
  var proposalAllocations: UInt64 = 0
  var voteAllocations: UInt64 = 0
  var baselineVerify: UInt64 = 0
  var baselineMultiply: UInt64 = 0
  var total: UInt64 { records + proposals + votes }
  var baseline: UInt64 { baselineVerify + baselineMultiply }
}
