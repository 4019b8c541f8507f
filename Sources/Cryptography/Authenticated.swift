import Wire

/// A message whose signer and signed bytes are known.
public protocol SignedMessage {
  /// Writes the canonical bytes the signature covers.
  func encodeSigned(into output: inout OutputSpan<UInt8>)
  /// How many bytes ``encodeSigned(into:)`` writes at most; at most 512.
  static var maximumSignedBytes: Int { get }
  var signature: Signature { get }
}

/// A message whose signature was checked under the key of the party it names. There is no other way to make one,
/// so nothing further down has to ask.
public struct Authenticated<Message: SignedMessage> {
  public let message: Message

  /// Nil unless the signature holds.
  public init?(checking message: Message, by key: VerificationKey) {
    precondition(Message.maximumSignedBytes <= 512)
    let valid = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Message.maximumSignedBytes) { scratch in
      var output = unsafe OutputSpan(buffer: scratch, initializedCount: 0)
      message.encodeSigned(into: &output)
      let count = unsafe output.finalize(for: scratch)
      return key.isValid(message.signature, for: unsafe Span(_unsafeStart: scratch.baseAddress!, count: count))
    }
    guard valid else { return nil }
    self.message = message
  }

  /// A message its holder signed itself, read back from its own journal or just made.
  public init(own message: Message) { self.message = message }
}

extension SigningKey {
  /// Signs the canonical bytes that `body` writes, at most 512.
  public func sign(_ body: (inout OutputSpan<UInt8>) -> Void) -> Signature {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 512) { scratch in
      var output = unsafe OutputSpan(buffer: scratch, initializedCount: 0)
      body(&output)
      let count = unsafe output.finalize(for: scratch)
      return sign(unsafe Span(_unsafeStart: scratch.baseAddress!, count: count))
    }
  }
}

extension Authenticated: Sendable where Message: Sendable {}
