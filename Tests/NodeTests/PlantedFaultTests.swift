import Testing

@Suite("What is arranged to show a planted fault shows nothing on the nodes that ship")
struct PlantedFaultTests {
  @Test("nor does any of it (docs/CONSENSUS.md, How it is tried)", arguments: PlantedFault.all)
  func holds(fault: PlantedFault) { #expect(fault.run() == []) }
}
