/// True when this build plants that violation of the counter guard's rules. Always false, and gone after optimisation, except
/// in the copy of this module that only its tests link.
@inline(__always)
func planted(_ mutant: GuardMutant) -> Bool {
  #if BUSBAR_MUTANTS
    return GuardMutant.planted == mutant
  #else
    return false
  #endif
}

/// Violations of the rules of `docs/HARDWARE.md`, Counters, one switch each. (`Toolchain/unit-mutants.sh`)
enum GuardMutant: UInt8, CaseIterable, Sendable {
  case none
  // Of jumps and falls.
  case disbeliefRunsOut, jumpBookedOnceConfirmed, changeBelievedAtOnce, repeatsCountedAsReadings, returnNotRecognised
  case inconsistentReadingsConfirm, silenceCountedAsReadings, zeroTakenForWrap, fallTakenForWrap
  // Of the first base, and of counters that are not there.
  case oneReadingIsBase, zeroIsBase, zeroIsBaseUnderLoad, missingTakenForZero, missingTakenForUnchanged
  case absentBlocksOther, appearedCounterBooked, loadNeverForgotten
  // Of time and restarts.
  case wallClockIgnored, unsynchronisedClockBelieved, uptimeAllowed, disbeliefForgottenAtRestart
  case registerForgottenAtRestart
}

#if BUSBAR_MUTANTS
  extension GuardMutant {
    /// The one violation in force: that of the argument `--planted-guard=NAME`; `none` without such an argument.
    static let planted = named(in: CommandLine.arguments)

    private static func named(in arguments: [String]) -> GuardMutant {
      for argument in arguments where argument.hasPrefix("--planted-guard=") {
        for mutant in allCases where argument == "--planted-guard=\(mutant)" { return mutant }
        fatalError("there is no such mutant: \(argument)")
      }
      return .none
    }
  }
#endif
