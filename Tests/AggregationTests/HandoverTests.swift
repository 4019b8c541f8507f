import Aggregation
import Cryptography
import Paillier
import Testing
import Wire

@Suite("What a node shows before there is a group (docs/PROTOCOL.md, KeyRegistration)")
struct KeyRegistrationTests {
  private static func refusal(_ bytes: [UInt8]) -> RegistrationRefusal? {
    do throws(RegistrationRefusal) {
      _ = try KeyRegistration(checking: bytes.span)
      return nil
    } catch { return error }
  }

  private static func textRefusal(_ text: String) -> RegistrationRefusal? {
    let bytes = Array(text.utf8)
    do throws(RegistrationRefusal) {
      _ = try KeyRegistration(checkingText: bytes.span)
      return nil
    } catch { return error }
  }

  @Test("a bookkeeper shows its modulus and nobody else does")
  func roles() throws {
    let meter = Fixture.vector("meterRegistration")
    let bookkeeper = Fixture.vector("bookkeeperRegistration")
    #expect(try KeyRegistration(checking: meter.span).proven == nil)
    #expect(try KeyRegistration(checking: bookkeeper.span).proven?.modulus == Fixture.genesis.modulus)
    #expect(meter.count == 140 && bookkeeper.count == 140 + 10 + 9 * 32)
    // A meter's bytes behind a bookkeeper's role have no modulus, and no role is above 3.
    var other = meter
    other[8] = 3
    #expect(Self.refusal(other) == .malformed(.truncated(neededBytes: 8, availableBytes: 0)))
    for role in [0, 4, 255] as [UInt8] {
      other[8] = role
      #expect(Self.refusal(other) == .malformed(.outOfRange(offset: 8)))
    }
    other[8] = 1
    #expect(Self.refusal(other) == .wrongSignature)
    other = bookkeeper
    other[8] = 2
    #expect(Self.refusal(other) == .malformed(.trailingBytes(10 + 9 * 32)))
  }

  @Test("another's signature does not hold, nor does one over other keys (mutant registrationSignatureUnchecked)")
  func signatures() {
    var exchanged = Fixture.vector("meterRegistration")
    let other = KeyRegistration(
      role: .meter, keys: Fixture.genesis.aggregators[0], proven: nil, signer: Fixture.aggregatorKey(0))
    let otherBytes = bytes { out in other.encode(into: &out) }
    exchanged.replaceSubrange(76..<140, with: otherBytes[76..<140])
    #expect(Self.refusal(exchanged) == .wrongSignature)
    exchanged = Fixture.vector("meterRegistration")
    exchanged.replaceSubrange(44..<76, with: otherBytes[44..<76])
    #expect(Self.refusal(exchanged) == .wrongSignature)
  }

  @Test("its fingerprint is that of the oracle, in groups that people can read to each other")
  func fingerprint() throws {
    for name in ["meterRegistration", "bookkeeperRegistration"] {
      let registration = try KeyRegistration(checking: Fixture.vector(name).span)
      let digits = registration.fingerprint.split(separator: "-")
      #expect(digits.count == 8 && digits.allSatisfy { $0.utf8.count == 4 })
      #expect(Hexadecimal.bytes(digits.joined()) == Fixture.vector(name + "Fingerprint"))
    }
  }

  @Test("as text it survives what a mail program does to lines, and nothing else")
  func text() throws {
    let registration = Fixture.bookkeeperRegistration()
    let text = registration.text
    #expect(text.split(separator: "\n").dropLast().allSatisfy { $0.utf8.count == 64 } && text.hasSuffix("\n"))
    let crlf = text.split(separator: "\n").joined(separator: "\r\n")
    let indented = text.split(separator: "\n").joined(separator: " \n  ")
    for same in [text, String(text.dropLast()), crlf, indented, text.uppercased()] {
      let read = Array(same.utf8)
      #expect(try KeyRegistration(checkingText: read.span) == registration)
      #expect(read.count <= KeyRegistration.maximumTextBytes)
    }
    #expect(Self.textRefusal("") == .malformed(.truncated(neededBytes: 8, availableBytes: 0)))
    #expect(Self.textRefusal(text + "0") == .notHexadecimal)
    #expect(Self.textRefusal("> " + text) == .notHexadecimal)
    // A bookkeeper's modulus takes what is before the signature, so the byte too many is in it.
    #expect(Self.textRefusal(text + "00") == .malformed(.trailingBytes(1)))
    for count in 0..<text.utf8.count - 1 { #expect(Self.textRefusal(String(text.prefix(count))) != nil, "\(count)") }
  }
}

@Suite("What a node is handed to join a group (docs/PROTOCOL.md, NodeBundle)")
struct NodeBundleTests {
  private static func refusal(_ bytes: [UInt8]) -> BundleRefusal? {
    do throws(BundleRefusal) {
      _ = try NodeBundle(decoding: bytes.span)
      return nil
    } catch { return error }
  }

  @Test("it gives back the genesis, the configuration and the map that it was made of")
  func content() throws {
    let bundle = try NodeBundle(decoding: Fixture.vector("bundle").span)
    #expect(bundle.genesis == Fixture.vector("genesis"))
    #expect(bundle.configuration == Array("[node]\nrole = meter\nowner = 0\nindex = 1\n".utf8))
    #expect(bundle.map == Array("[device]\nname = house\n".utf8))
  }

  @Test(
    "a bit of genesis, configuration, map or checksum that was damaged is found by the checksum (mutant bundleChecksumUnchecked)"
  )
  func damaged() {
    let whole = Fixture.vector("bundle")
    for bit in (8 * 20)..<(8 * whole.count) {
      guard Self.refusal(whole.flipping(bit)) != .damaged else { continue }
      Issue.record("bit \(bit)")
      return
    }
  }

  @Test("lengths beyond those of any genesis, configuration or map are refused before anything is read")
  func lengths() {
    var bundle = Fixture.vector("bundle")
    bundle.replaceSubrange(8..<12, with: [255, 255, 255, 255])
    #expect(Self.refusal(bundle) == .malformed(.outOfRange(offset: 8)))
    for offset in [12, 16] {
      bundle = Fixture.vector("bundle")
      bundle.replaceSubrange(offset..<offset + 4, with: [1, 0, 1, 0])
      #expect(Self.refusal(bundle) == .malformed(.outOfRange(offset: offset)))
      // Up to the limit a length is only too long for this file.
      bundle.replaceSubrange(offset..<offset + 4, with: [0, 0, 1, 0])
      #expect(Self.refusal(bundle) != .malformed(.outOfRange(offset: offset)))
    }
  }
}
