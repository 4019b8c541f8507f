#if BUSBAR_MUTANTS
  import Consensus
  import Cryptography
  import Units
  import Wire

  /// Small scenes for violations that dice do not reach.
  struct Directed: Sendable {
    let name: String
    let mutant: Mutant
    let isViolated: @Sendable () -> Bool

    static let scenarios = [
      // A copy of the card signs elsewhere, or the group echoes what this member signed before its disk was lost.
      Directed(name: "own commit from outside", mutant: .ownEchoCounted) {
        let scene = Scene()
        for member in 1...2 { scene.receive(scene.vote(.commit, by: member)) }
        scene.receive(scene.vote(.commit, by: 0))
        return scene.instance.decided != nil
      },
      Directed(name: "f + 1 members far ahead", mutant: .neverJoins) {
        let scene = Scene()
        for member in 1...2 { scene.ask(for: 6, by: member) }
        return scene.instance.round.view.rawValue < 6
      },
      Directed(name: "patience in view 10", mutant: .timerUncapped) {
        let scene = Scene()
        for member in 1...2 { scene.ask(for: 10, by: member) }
        scene.pass(ticks: 8 * Int(Timing.standard.viewTicks))
        return scene.instance.round.view.rawValue == 10
      },
      // This member's clock is behind, and f + 1 others vote: it must vote with them.
      Directed(name: "a clock that is behind", mutant: .openedByOwnClockAlone) {
        let scene = Scene(hasPeriodEnded: false)
        scene.step(.proposal(Authenticated(own: scene.vote(.prepare, by: 1))))
        scene.receive(scene.vote(.prepare, by: 2))
        scene.step(.validated(scene.digest(1)))
        return !scene.instance.hasSigned
      },
      // A backup that prepared and crashed has neither records nor the proposal's message, and its primary is gone.
      Directed(name: "prepared before a restart", mutant: .preparedIsNoWork) {
        let scene = Scene()
        scene.restore(scene.vote(.prepare, by: 0))
        scene.step(.periodEnded(Scene.period))
        for _ in 0..<Timing.standard.firstViewTicks { scene.step(.tick(hasRecords: false)) }
        return scene.instance.round.view.rawValue == 0
      },
      // f members are locked on A in view 0, the rest on B in view 1: the higher certificate must win everywhere.
      Directed(name: "locks in two views", mutant: .lockRefusesOtherValue) {
        let scene = Scene()
        scene.ask(for: 1, by: 1, prepared: scene.prepared(view: 0, value: 1))
        scene.lead(view: 2, prepared: scene.prepared(view: 1, value: 2))
        return scene.instance.accepted?.statement.digest != scene.digest(2)
      },
    ]
  }

  /// Member 0 of four, a backup in period 4, and whatever the others sign.
  private final class Scene {
    let keys = KeyRing(members: 4, usesEd25519: false)
    let context = GroupContext(
      networkIdentifier: Digest(), epoch: Epoch(1), group: GroupIndex(0), members: 4, leaders: .rotating)
    var instance: Instance
    var effects = Effects()
    static let period = Period(4)

    init(hasPeriodEnded: Bool = true) {
      instance = Instance(
        context: context, replica: ReplicaIndex(0), owner: ReplicaIndex(1), position: Position(1),
        firstRound: Round(Self.period))
      if hasPeriodEnded { step(.periodEnded(Self.period)) }
    }

    func digest(_ value: UInt8) -> Digest {
      var digest = Digest()
      digest.storage[0] = value
      return digest
    }

    func vote(_ kind: StatementKind, view: UInt32 = 0, value: UInt8 = 1, by member: Int, claim: LockClaim = .none)
      -> Vote
    {
      let statement = Statement(
        kind: kind, in: context, owner: ReplicaIndex(1), position: Position(1), round: Round(Self.period, View(view)),
        digest: digest(value), claim: claim, signer: ReplicaIndex(UInt16(member)))
      return Vote(statement: statement, signature: keys.sign(statement))
    }

    func prepared(view: UInt32, value: UInt8) -> PreparedCertificate {
      PreparedCertificate(
        signers: 0b1110, round: Round(Self.period, View(view)), digest: digest(value),
        signatures: (1...3).map { vote(.prepare, view: view, value: value, by: $0).signature })
    }

    private var none: PreparedCertificate {
      PreparedCertificate(signers: 0, round: Round(Period(0)), digest: Digest(), signatures: [])
    }

    func step(_ input: Input) {
      effects.removeAll()
      instance.step(input, signer: SimulatedSigner(keys: keys), into: &effects)
    }

    func restore(_ vote: Vote) {
      let nothing: [UInt8] = []
      var proof = WireReader(nothing.span)
      try? instance.restore(vote, proof: &proof)
    }

    func receive(_ vote: Vote) { step(.vote(Authenticated(own: vote))) }

    func pass(ticks: Int) { for _ in 0..<ticks { step(.tick(hasRecords: true)) } }

    func ask(for view: UInt32, by member: Int, prepared: PreparedCertificate? = nil) {
      let change = RoundChange(
        vote: vote(
          .roundChange, view: view, value: prepared?.digest.storage[0] ?? 0, by: member, claim: prepared?.claim ?? .none
        ),
        prepared: prepared ?? none)
      if let verified = try? VerifiedRoundChange(checking: change, in: context, by: keys) {
        step(.roundChange(verified))
      }
    }

    /// The new round of its primary, who cites members 1, 2 and 3.
    func lead(view: UInt32, prepared: PreparedCertificate) {
      let value = prepared.digest.storage[0]
      let primary = Int(context.primary(owner: ReplicaIndex(1), Round(Self.period, View(view))).rawValue)
      let newRound = NewRound(
        prepare: vote(.prepare, view: view, value: value, by: primary), prepared: prepared, signers: 0b1110,
        claims: (1...3).map {
          RoundChangeClaim(
            claim: prepared.claim, digest: digest(value),
            signature: vote(.roundChange, view: view, value: value, by: $0, claim: prepared.claim).signature)
        })
      if let verified = try? VerifiedNewRound(checking: newRound, in: context, by: keys) { step(.newRound(verified)) }
    }
  }
#endif
