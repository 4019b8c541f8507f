import Consensus
import Testing

// Also compiled by MutantNodeTests, over nodes with violations in them.
#if BUSBAR_MUTANTS
  @Suite("Each planted fault is seen by what is arranged for it", .serialized)
  struct PlantedFaultTests {
    @Test("and without it nothing is", arguments: PlantedFault.all)
    func found(fault: PlantedFault) {
      // Only this suite runs in this module, one test after another.
      Mutant.planted = fault.mutant
      let wrong = fault.run()
      Mutant.planted = .none
      #expect(wrong != [], "\(fault.mutant) survives")
    }

    @Test("every one of Node's that no drawn schedule shows has its arranged group")
    func complete() {
      #expect(Set(PlantedFault.all.map { $0.mutant }) == Set(Mutant.allCases.filter { $0.isOfNodeTests }))
    }
  }
#else
  @Suite("What is arranged to show a planted fault shows nothing on the nodes that ship")
  struct PlantedFaultTests {
    @Test("(issue of publication, planted faults)", arguments: PlantedFault.all)
    func holds(fault: PlantedFault) { #expect(fault.run() == []) }
  }
#endif
