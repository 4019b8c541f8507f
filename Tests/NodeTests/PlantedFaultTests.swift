import Testing

@Suite("What is arranged to show a planted fault shows nothing on the nodes that ship")
struct PlantedFaultTests {
  @Test("(issue of publication, planted faults)", arguments: PlantedFault.all)
  func holds(fault: PlantedFault) { #expect(fault.run() == []) }
}
