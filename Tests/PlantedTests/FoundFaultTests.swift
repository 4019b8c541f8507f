import Consensus
import Testing

/// Over the copies of Node and what is below that can have a violation planted in them. Only this suite runs in this module, one test after
/// another, so the one violation in force is its own.
@Suite("Each planted fault is seen by what is arranged for it", .serialized)
struct FoundFaultTests {
  @Test("and makes it say what is wrong", arguments: PlantedFault.all)
  func found(fault: PlantedFault) {
    Mutant.planted = fault.mutant
    let wrong = fault.run()
    Mutant.planted = .none
    #expect(wrong != [], "\(fault.mutant) is alive")
  }

  @Test("every one for which a group is said to be arranged has it")
  func complete() {
    #expect(Set(PlantedFault.all.map { $0.mutant }) == Set(Mutant.allCases.filter { $0.isOfArrangedGroups }))
  }
}
