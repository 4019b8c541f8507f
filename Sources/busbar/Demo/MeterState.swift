import Aggregation
import Commands
import LinuxPlatform
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
    var reader = WireReader(entry)
    guard let code = try? reader.read(UInt8.self), let kind = EntryKind(rawValue: code) else { return }
    switch kind {
    case .baseline:
      guard let period = try? reader.read(UInt64.self), let registers = Self.registers(&reader) else { return }
      activation = registers
      certified = registers
      latest = registers
      coveredThrough = period
    case .closed:
      guard let read = Self.registers(&reader), let accounted = Self.registers(&reader),
        let record = try? Record(decoding: &reader), record.through.rawValue <= lastPeriod,
        let ciphertext = try? reader.readBytes(reader.remaining)
      else { return }
      let statement = RecordStatement(
        networkIdentifier: genesis.networkIdentifier, group: genesis.group, record: record,
        ciphertextHash: RecordStatement.ciphertextHash(ciphertext))
      latest = read
      closings.append(
        Closing(recordHash: statement.recordHash, through: record.through.rawValue, accounted: accounted))
    case .certified:
      guard let hash = try? reader.read(Digest.self),
        let closing = closings.last(where: { $0.recordHash == hash })
      else { return }
      certified = closing.accounted
      coveredThrough = closing.through
    case .recovered:
      guard let period = try? reader.read(UInt64.self), period <= lastPeriod,
        let registers = Self.registers(&reader)
      else { return }
      certified = registers
      coveredThrough = period
    case .meterStanding:
      // What was before a snapshot is known as it was then.
      guard let state = try? MeterStanding(decoding: &reader), state.lastClosed.rawValue <= lastPeriod else { return }
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

  private static func registers(_ reader: inout WireReader) -> [Int64]? {
    guard let imported = try? reader.read(UInt64.self), let exported = try? reader.read(UInt64.self) else { return nil }
    return [Int64(bitPattern: imported), Int64(bitPattern: exported)]
  }
}
