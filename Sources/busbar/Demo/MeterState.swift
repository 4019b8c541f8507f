import Aggregation
import Commands
import LinuxPlatform
import Metering
import Node
import Units
import Wire

/// What a meter's journal says of its registers as they were at the end of `lastPeriod`, in milliwatt-hours, import
/// before export. Later entries, of periods that a demo no longer counts, change nothing.
struct MeterState {
  private(set) var activation: [Int64] = []
  private(set) var certified: [Int64] = []
  private(set) var latest: [Int64] = []
  /// The last period up to `lastPeriod` whose energy is certified.
  private(set) var coveredThrough: UInt64 = 0

  /// A record with the registers it accounts for; certified or not.
  private struct Closing {
    let recordHash: Digest
    let through: UInt64
    let accounted: [Int64]
  }

  /// Nil when the meter has no base yet.
  init?(_ journalPath: String, _ genesis: Genesis, lastPeriod: UInt64) throws(Failure) {
    guard Files.exists(journalPath) else { return nil }
    let bytes = try readFile(journalPath, limit: JournalReader.maximumFileBytes)
    var closings: [Closing] = []
    for range in JournalReader(bytes).entries {
      take(bytes.span.extracting(range), genesis, lastPeriod, &closings)
    }
    guard !activation.isEmpty else { return nil }
  }

  private mutating func take(
    _ entry: Span<UInt8>, _ genesis: Genesis, _ lastPeriod: UInt64, _ closings: inout [Closing]
  ) {
    guard let entry = try? JournalEntry(decoding: entry) else { return }
    switch entry {
    case .baseline(let period, let registers):
      activation = Self.numbers(registers)
      certified = activation
      latest = activation
      coveredThrough = period.rawValue
    case .closed(let read, let accounted, let record, let ciphertext):
      guard record.through.rawValue <= lastPeriod else { return }
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
      latest = Self.numbers(read)
      closings.append(
        Closing(
          recordHash: statement.recordHash, through: record.through.rawValue, accounted: Self.numbers(accounted)))
    case .certified(let hash):
      guard let closing = closings.last(where: { $0.recordHash == hash }) else { return }
      certified = closing.accounted
      coveredThrough = closing.through
    case .recovered(let through, let registers):
      guard through.rawValue <= lastPeriod else { return }
      certified = Self.numbers(registers)
      coveredThrough = through.rawValue
    case .meterStanding(let state):
      // What was before a snapshot is known as it was then.
      guard state.lastClosed.rawValue <= lastPeriod else { return }
      activation = state.flags.contains(.hasActivation) ? Self.numbers(state.activation) : []
      certified = Self.numbers(state.certified)
      latest = Self.numbers(state.latest)
      coveredThrough = state.coveredThrough.rawValue
    case .boot, .vote, .record, .decided, .proposal, .head, .peerBoot, .votingFloor, .contradiction, .takenBack, .shown,
      .named, .modulusProven, .published, .unreadable, .acknowledged, .inclusion, .knownCoverage, .counters:
      return
    }
  }

  private static func numbers(_ registers: EnergyRegisters) -> [Int64] {
    [registers.activeEnergyImport.value, registers.activeEnergyExport.value]
  }
}
