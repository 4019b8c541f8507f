import CLinux

/// Runs the real consensus core, and whole groups of the real nodes, under seeds: schedules, twins, crash points, mutants. Nothing it signs is worth anything.
@main
struct BusbarSim {
  static let usage = """
    usage: busbar-sim run [--schedules N] [--from SEED] [--members 4..7] [--profile uniform|guided|liveness]
                          [--real-crypto] [--too-many-liars] [--json]
           busbar-sim replay SEED [--members N] [--profile P] [--mutant NAME] [--real-crypto] [--fault-limit N]
                          [--without N,N,...] [--trace]
           busbar-sim groups [--schedules N] [--from SEED] [--members 4..7] [--meters K] [--profile P] [--all] [--json]
           busbar-sim replay-group SEED [--members N] [--meters K] [--profile P] [--mutant NAME] [--fault-limit N]
                          [--without N,N,...] [--scenario NAME] [--absence PERIODS]
                          [--trace]
           busbar-sim attacks [--members N] [--meters K] [--groups G] [--periods P] [--from SEED] [--attack NAME,...]
                          [--spread] [--trace] [--json]
           busbar-sim mutants [--only NAME] [--core] [--limit N] [--group-limit N] [--json]
           busbar-sim twins [--rounds R] [--pacemaker] [--json]
           busbar-sim crashes [--members N] [--json]
           busbar-sim year [--members N] [--meters K] [--periods P] [--bits B] [--period-seconds S] [--data FOLDER] [--sync]
                          [--json]
    exit codes: 0 clean, 1 a violation was found, a bound was missed or a mutant lives, 2 usage
    """

  static func main() {
    let words = CommandLine.arguments.dropFirst()
    do throws(Arguments.Failure) {
      busbar_exit(try dispatch(words.first ?? "", words.dropFirst()))
    } catch {
      printDiagnostic("busbar-sim: \(error.message)")
      busbar_exit(2)
    }
  }

  private static func dispatch(_ verb: String, _ words: ArraySlice<String>) throws(Arguments.Failure) -> Int32 {
    switch verb {
    case "run": try runVerb(words)
    case "replay": try replayVerb(words)
    case "mutants": try mutantsVerb(words)
    case "twins": try twinsVerb(words)
    case "groups": try groupsVerb(words)
    case "attacks": try attacksVerb(words)
    case "replay-group": try replayGroupVerb(words)
    case "crashes": try crashesVerb(words)
    case "year": try yearVerb(words)
    default: throw Arguments.Failure(message: "\n\(usage)")
    }
  }
}
