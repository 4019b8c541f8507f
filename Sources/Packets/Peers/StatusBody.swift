import HAL
import Units
import Wire

/// 16 random bytes that a process draws when it begins: they tell it from every other, also from one that began under the same
/// boot counter from a copied card or an old image.
public struct RunIdentifier: Equatable, Sendable {
  public let bytes: FixedBytes<16>

  /// Nil for 16 zero bytes, which stand for no run.
  public init?(_ bytes: FixedBytes<16>) {
    guard !bytes.isZero else { return nil }
    self.bytes = bytes
  }

  /// - Parameter generator: of a node, one that nobody can foresee; a seeded one belongs in tests.
  public init(random generator: inout some RandomNumberGenerator) {
    var drawn = FixedBytes<16>()
    // A generator that gives nothing but zeros is broken, and no reason to run on.
    while drawn.isZero {
      for half in 0..<2 {
        let word = generator.next()
        for place in 0..<8 { drawn.storage[8 * half + place] = UInt8(truncatingIfNeeded: word >> UInt64(8 * place)) }
      }
    }
    bytes = drawn
  }
}

/// Body of STATUS: which run its sender is in, under which packet key it is to be sealed for, what it knows of the receiver, and
/// what its clock says. (docs/PROTOCOL.md)
public struct StatusBody: Equatable, Sendable {
  public static let encodedBytes = 168

  /// The boot counter of the receiver that the sender knew before the highest.
  public var previousBootCounter: UInt64
  /// The highest boot counter of the receiver that the sender knows; 0: none.
  public var knownBootCounter: UInt64
  /// Counts up from 1 in one run.
  public var keyNumber: UInt32
  /// The receiver's packet key that the sender has agreed `packetKey` with; 0: none.
  public var knownKeyNumber: UInt32
  /// X25519 public key.
  public var packetKey: FixedBytes<32>
  /// By the sender's identity. (``PacketKey/statement(network:epoch:node:number:bootCounter:run:publicKey:)``)
  public var signature: Signature
  /// Of the sender's process.
  public var run: RunIdentifier
  /// Of the receiver's process that the sender knows under `knownBootCounter`; nil: none.
  public var knownRun: RunIdentifier?
  /// The sender's, whatever it thinks of it.
  public var wall: WallTime
  /// Whether the sender's system takes its clock as synchronised.
  public var clock: ClockState
  /// The receiver is asked for a STATUS.
  public var wantsAnswer: Bool

  /// Takes the fields as they are; the signature is made before, over the packet key.
  public init(
    previousBootCounter: UInt64, knownBootCounter: UInt64, keyNumber: UInt32, knownKeyNumber: UInt32,
    packetKey: FixedBytes<32>, signature: Signature, run: RunIdentifier, knownRun: RunIdentifier?, wall: WallTime,
    clock: ClockState, wantsAnswer: Bool = false
  ) {
    self.previousBootCounter = previousBootCounter
    self.knownBootCounter = knownBootCounter
    self.keyNumber = keyNumber
    self.knownKeyNumber = knownKeyNumber
    self.packetKey = packetKey
    self.signature = signature
    self.run = run
    self.knownRun = knownRun
    self.wall = wall
    self.clock = clock
    self.wantsAnswer = wantsAnswer
  }

  /// Appends 168 bytes. (docs/PROTOCOL.md, StatusBody)
  public func encode(into output: inout OutputSpan<UInt8>) {
    output.write(previousBootCounter)
    output.write(knownBootCounter)
    output.write(keyNumber)
    output.write(knownKeyNumber)
    output.write(packetKey)
    output.write(signature)
    output.write(run.bytes)
    output.write(knownRun?.bytes ?? FixedBytes<16>())
    output.write(wall.nanoseconds)
    output.write(UInt8(clock == .synchronised ? 1 : 0))
    output.write(UInt8(wantsAnswer ? 1 : 0))
    output.writeZeros(6)
  }

  /// Reads 168 bytes. Throws for key number 0, for a run of zeros, and for a known run without a boot counter.
  public init(decoding reader: inout WireReader) throws(WireError) {
    previousBootCounter = try reader.read(UInt64.self)
    knownBootCounter = try reader.read(UInt64.self)
    keyNumber = try reader.read(UInt32.self)
    guard keyNumber > 0 else { throw .unknownKind(0) }
    knownKeyNumber = try reader.read(UInt32.self)
    packetKey = try reader.read(FixedBytes<32>.self)
    signature = try reader.read(Signature.self)
    guard let run = RunIdentifier(try reader.read(FixedBytes<16>.self)) else { throw .unknownKind(0) }
    self.run = run
    knownRun = RunIdentifier(try reader.read(FixedBytes<16>.self))
    guard knownBootCounter > 0 || knownRun == nil else { throw .unknownKind(0) }
    wall = WallTime(nanoseconds: try reader.read(UInt64.self))
    clock = try Self.readFlag(&reader) ? .synchronised : .unsynchronised
    wantsAnswer = try Self.readFlag(&reader)
    try reader.readZeros(6)
    try reader.expectEnd()
  }

  private static func readFlag(_ reader: inout WireReader) throws(WireError) -> Bool {
    let code = try reader.read(UInt8.self)
    guard code <= 1 else { throw .unknownKind(code) }
    return code == 1
  }

  /// The run alone, of a body whose length is right.
  static func run(in bytes: Span<UInt8>) -> RunIdentifier? {
    guard bytes.count == encodedBytes else { return nil }
    return RunIdentifier(FixedBytes(copying: bytes.extracting(runOffset..<(runOffset + 16))))
  }
  private static let runOffset = 120
}
