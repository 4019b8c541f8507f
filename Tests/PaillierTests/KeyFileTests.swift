import Paillier
import Testing
import Wire

@Suite("Paillier key files (docs/PROTOCOL.md, Files)")
struct KeyFileTests {
  struct Generator: RandomNumberGenerator {
    var state: UInt64 = 11
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ state >> 29
    }
  }

  static let file: [UInt8] = {
    var generator = Generator()
    do throws(PaillierError) {
      let key = try PrivateKey(
        generatingBits: 256, layout: SlotLayout([.activeEnergyImport, .activeEnergyExport]), using: &generator,
        allowingSmallForTests: true)
      return [UInt8](capacity: key.encodedBytes) { out in key.encode(into: &out) }
    } catch { return [] }
  }()

  /// Decodes and encodes again; the error when the file is refused.
  static func reencoded(_ bytes: [UInt8]) -> Result<[UInt8], PaillierError> {
    do throws(PaillierError) {
      let key = try PrivateKey(decoding: bytes.span, allowingSmallForTests: true)
      return .success([UInt8](capacity: 512) { out in key.encode(into: &out) })
    } catch { return .failure(error) }
  }

  @Test("are read back to the byte")
  func roundTrip() {
    #expect(Self.file.count == 8 + 2 + 2 + 2 + 32)
    #expect(Self.reencoded(Self.file) == .success(Self.file))
  }

  @Test("of another layout have the same primes, and are read back as that key")
  func layouts() throws {
    let key = try PrivateKey(decoding: Self.file.span, allowingSmallForTests: true)
    let layout = SlotLayout([.activeEnergyImport])
    let other = key.encoded(for: layout)
    #expect(other.suffix(32) == Self.file.suffix(32) && other.count == Self.file.count - 1)
    let read = try PrivateKey(decoding: other.span, allowingSmallForTests: true)
    #expect(read.publicKey.layout == layout && read.publicKey.keyIdentifier != key.publicKey.keyIdentifier)
    #expect(key.encoded(for: key.publicKey.layout) == Self.file)
  }

  @Test("are refused at every shorter length and with a byte more")
  func lengths() {
    for count in 0..<Self.file.count {
      #expect(Self.reencoded(Array(Self.file.prefix(count))) == .failure(.malformedKeyFile))
    }
    #expect(Self.reencoded(Self.file + [0]) == .failure(.malformedKeyFile))
  }

  @Test("with any one bit wrong are refused or are another key's only encoding")
  func bitFlips() {
    for bit in 0..<(8 * Self.file.count) {
      var damaged = Self.file
      damaged[bit / 8] ^= 1 << UInt8(bit % 8)
      if case .success(let again) = Self.reencoded(damaged) { #expect(again == damaged, "bit \(bit)") }
    }
  }

  @Test("with zero bytes before the primes are refused: that would be a second encoding (found by fuzzing)")
  func padded() {
    var padded = Self.file
    padded[8] += 1
    padded.insert(0, at: 30)
    padded.insert(0, at: 14)
    #expect(Self.reencoded(padded) == .failure(.malformedKeyFile))
  }
}
