import Consensus
import Cryptography
import Units
import Wire

/// One running copy of a member: its instance, its disk, its clock, and what the simulation knows of it. A twin is two of them.
final class Process {
  var instance: Instance
  let member: Int
  var place = 0
  var isHonest = true
  var isUp = true
  var restartAt = 0
  /// Down for good when a quorum is healed and the rest left as it is.
  var isLeft = false
  /// The position it is in: how many were decided before.
  var step = 0
  /// Bit c: values of choice c are held and valid.
  var held = 0
  var choice = 0
  var mustValidate = false
  /// Something happened since it was last asked whether it waits for its host.
  var mayAwait = true
  var decidedValue = -1
  /// Of the newest position it knows to be decided.
  var certificate: QuorumCertificate?
  /// As a message, once it was sent.
  var certificatePayload = -1
  var entries: [[UInt8]] = []
  /// The own votes on the disk.
  var durable: [Vote] = []
  /// The payload of the last message of each kind, which is sent again as it is.
  var lastPayload: [(signature: Signature, payload: Int)] = []
  /// What each liar said here: (kind, signer, round, value), for ``Violation/equivocationUntold``.
  var heard: [(kind: UInt8, member: UInt8, round: Round, value: Int)] = []
  /// When it last answered with its certificate, and whom: bit i for member i.
  var answeredAt = -100
  var answered: UInt64 = 0
  /// Persists and sends so far, over restarts.
  var doings = 0
  /// Which period its clock ends next, and at which tick. From the first round's period on.
  var nextPeriod = 0
  var nextEnd = 0
  /// How many periods its clock said had ended.
  var endedPeriods = 0
  var observed = SignedStatements.Observed()
  var observedRound = Round(Period(0))
  var enteredAt = 0

  init(_ instance: consuming Instance, member: Int) {
    self.instance = instance
    self.member = member
  }
}
