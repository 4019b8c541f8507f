import Aggregation
import Cryptography
import HAL
import Node
import Paillier
import SimulatedPlatform
import Testing
import Units
import Wire

@Suite("A genesis' modulus is looked at before a node first runs")
struct ModulusVerdictTests {
  private static let identity = JournalIdentity(networkIdentifier: Digest(), node: 7)

  /// The group's genesis with other roots.
  private static func genesis(_ group: Group, _ roots: [UInt8]) -> Genesis {
    let good = group.genesis
    return Genesis(
      epoch: good.epoch, group: good.group, periodSeconds: good.periodSeconds,
      minimumContributors: good.minimumContributors, rotates: good.rotates, exclusionPeriods: good.exclusionPeriods,
      firstPeriod: good.firstPeriod, slots: good.slots, modulus: good.modulus, modulusProof: ModulusProof(roots: roots),
      bookkeeper: good.bookkeeper, aggregators: good.aggregators, meters: good.meters)
  }

  /// Starts with what is on the disk; what is refused, and how many entries the journal has then.
  private static func start(
    _ disk: MemoryDisk, _ genesis: Genesis, _ key: PublicKey
  ) throws(PlatformError) -> (refusal: ModulusRefusal?, wasKnown: Bool, entries: Int) {
    var journal = try MemoryJournal(disk, as: Self.identity)
    var verdict = ModulusVerdict(about: genesis)
    try journal.replay { entry in verdict.visit(entry) }
    let wasKnown = verdict.isProven
    let refusal = try verdict.prove(genesis, key, in: &journal)
    try journal.sync()
    var entries = 0
    try journal.reread { _ in entries += 1 }
    return (refusal, wasKnown, entries)
  }

  @Test("and once: the journal remembers, by the genesis' name")
  func once() throws {
    let group = Group()
    let disk = MemoryDisk()
    let first = try Self.start(disk, group.genesis, group.key)
    #expect(first.refusal == nil && !first.wasKnown && first.entries == 1)
    let second = try Self.start(disk, group.genesis, group.key)
    #expect(second.refusal == nil && second.wasKnown && second.entries == 1)
    // Another genesis is looked at anew.
    var roots = group.genesis.modulusProof.roots
    roots[70] ^= 1
    let other = try Self.start(disk, Self.genesis(group, roots), group.key)
    #expect(other.refusal == .rootDoesNotHold(1) && !other.wasKnown && other.entries == 1)
  }

  @Test("with a proof that does not hold nothing is written, and it is refused at every start")
  func refused() throws {
    let group = Group()
    let disk = MemoryDisk()
    var roots = group.genesis.modulusProof.roots
    roots[roots.count - 1] ^= 1
    let genesis = Self.genesis(group, roots)
    for _ in 0..<3 {
      let outcome = try Self.start(disk, genesis, group.key)
      #expect(outcome.refusal == .rootDoesNotHold(7) && !outcome.wasKnown && outcome.entries == 0)
    }
  }

  @Test("an entry of every shorter length, with a byte more or any one bit wrong says nothing")
  func entries() throws {
    let group = Group()
    let network = group.genesis.networkIdentifier
    let whole = [UInt8](capacity: 33) { out in
      out.write(EntryKind.modulusProven.rawValue)
      out.write(network)
    }
    func isProven(_ entry: [UInt8]) -> Bool {
      var verdict = ModulusVerdict(about: group.genesis)
      verdict.visit(entry.span)
      return verdict.isProven
    }
    #expect(isProven(whole) && !isProven(whole + [0]))
    for count in 1..<whole.count { #expect(!isProven(Array(whole.prefix(count)))) }
    for bit in 0..<(8 * whole.count) {
      var damaged = whole
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(!isProven(damaged), "bit \(bit)")
    }
  }

  @Test("the verdict that a crash took costs another look and nothing else")
  func lost() throws {
    let group = Group()
    let disk = MemoryDisk()
    do {
      var journal = try MemoryJournal(disk, as: Self.identity)
      try journal.replay { _ in }
      var verdict = ModulusVerdict(about: group.genesis)
      #expect(try verdict.prove(group.genesis, group.key, in: &journal) == nil)
    }
    disk.crash(keeping: 0)
    let again = try Self.start(disk, group.genesis, group.key)
    #expect(again.refusal == nil && !again.wasKnown && again.entries == 1)
  }
}
