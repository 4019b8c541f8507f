/// True when this build plants that violation of this module's rules. Always false, and gone after optimisation, except
/// in the copy of this module that only its tests link.
@inline(__always)
func planted(_ mutant: MeteringMutant) -> Bool {
  #if BUSBAR_MUTANTS
    return MeteringMutant.planted == mutant
  #else
    return false
  #endif
}

/// Violations of the rules of `docs/HARDWARE.md`, one switch each: Counters, How to write a map, What is not an answer.
/// (`Toolchain/unit-mutants.sh`)
enum MeteringMutant: UInt8, CaseIterable, Sendable {
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
  // Of measurements as evidence, and of registers that name a device.
  case nothingSpeaksFor, nothingSpeaksAgainst, tinyFloatSpeaksFor, zeroNeverSpeaks, textComparedAsWhole
  // Of what stands before an answer, and of what did not count.
  case noResynchronisation, halfAnswerForgotten, noiseEndsExchange, ignoredNotTold, anyUnitAnswers
  case anyTransactionAnswers
  // Of the ends of chains of models.
  case zeroIdentifierIsModel, emptyModelEndsChain, brokenChainForgotten, chainWithoutEnd
  // Of points.
  case ownOrderIgnored, onlyFirstSentinel, secondNumberIgnored, signNotInverted, highWordUnswapped, scaleFactorUnbounded
}

#if BUSBAR_MUTANTS
  extension MeteringMutant {
    /// The one violation in force: that of the argument `--planted-metering=NAME`; `none` without such an argument.
    static let planted = named(in: CommandLine.arguments)

    private static func named(in arguments: [String]) -> MeteringMutant {
      for argument in arguments where argument.hasPrefix("--planted-metering=") {
        for mutant in allCases where argument == "--planted-metering=\(mutant)" { return mutant }
        fatalError("there is no such mutant: \(argument)")
      }
      return .none
    }
  }
#endif
