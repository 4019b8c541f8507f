import Aggregation
import Cryptography
import Testing
import Units
import Wire

@Suite("Manifests (docs/PROTOCOL.md; consensus rule C4)")
struct ManifestTests {
  /// Every count up to 40, then both sides of each power of two and a few between.
  static let counts =
    Array(1...40) + [63, 64, 65, 100, 127, 128, 129, 200, 255, 256, 257, 300, 383, 384, 510, 511, 512]

  static func recordHash(_ meter: Int) -> Digest {
    Blake2b.digest { hash in hash.update(UInt32(meter)) }
  }

  static func manifest(_ count: Int) -> Manifest {
    var manifest = Manifest()
    for meter in 0..<count { manifest.append(MeterIndex(UInt16(meter)), recordHash(meter)) }
    return manifest
  }

  static func leaf(_ meter: Int) -> Digest {
    Blake2b.digest(domain: "BUSBARml") { hash in
      hash.update(UInt16(meter))
      hash.update(recordHash(meter))
    }
  }

  /// The tree once more, from the top: the left half is the largest power of two below the count. (RFC 6962, §2.1)
  static func naiveRoot(_ range: Range<Int>) -> Digest {
    if range.count == 1 { return leaf(range.lowerBound) }
    var half = 1
    while 2 * half < range.count { half *= 2 }
    let middle = range.lowerBound + half
    let left = naiveRoot(range.lowerBound..<middle)
    let right = naiveRoot(middle..<range.upperBound)
    return Blake2b.digest(domain: "BUSBARmn") { hash in
      hash.update(left)
      hash.update(right)
    }
  }

  static func proof(_ manifest: inout Manifest, _ index: Int) -> (siblings: [Digest], root: Digest) {
    var siblings: [Digest] = []
    let root = manifest.proof(of: index) { sibling in siblings.append(sibling) }
    return (siblings, root)
  }

  static func verifies(
    _ meter: Int, hashOf other: Int? = nil, index: Int, count: Int, siblings: [Digest], root: Digest
  ) -> Bool {
    Manifest.verify(
      MeterIndex(UInt16(meter)), recordHash(other ?? meter), index: index, count: count, siblings: siblings.span,
      root: root)
  }

  @Test(
    "have the roots an independent implementation computes", arguments: [1, 2, 3, 7, 8, 9, 255, 256, 257, 511, 512])
  func golden(count: Int) {
    var manifest = Self.manifest(count)
    #expect(manifest.root() == Fixture.digest("manifest\(count)"))
  }

  @Test("agree with a recursive tree, and every leaf's proof verifies with at most nine siblings")
  func againstNaiveTree() {
    for count in Self.counts {
      var manifest = Self.manifest(count)
      let expected = Self.naiveRoot(0..<count)
      #expect(manifest.root() == expected, "\(count) leaves")
      for index in stride(from: 0, to: count, by: max(1, count / 37)) {
        let (siblings, root) = Self.proof(&manifest, index)
        let holds = Self.verifies(index, index: index, count: count, siblings: siblings, root: root)
        #expect(root == expected && holds && siblings.count <= Manifest.maximumSiblings, "\(index) of \(count)")
      }
    }
  }

  @Test("of one meter more or another order of records have another root")
  func distinct() {
    var roots: Set<Digest> = []
    for count in Self.counts {
      var manifest = Self.manifest(count)
      roots.insert(manifest.root())
    }
    #expect(roots.count == Self.counts.count)
    var swapped = Manifest()
    swapped.append(MeterIndex(0), Self.recordHash(1))
    swapped.append(MeterIndex(1), Self.recordHash(0))
    var straight = Self.manifest(2)
    let (one, other) = (swapped.root(), straight.root())
    #expect(one != other)
  }

  @Test("can be filled again, and grow after the root was taken")
  func reuse() {
    var manifest = Self.manifest(9)
    _ = manifest.root()
    manifest.append(MeterIndex(9), Self.recordHash(9))
    #expect(manifest.root() == Self.naiveRoot(0..<10))
    manifest.removeAll()
    for meter in 0..<3 { manifest.append(MeterIndex(UInt16(meter)), Self.recordHash(meter)) }
    #expect(manifest.root() == Self.naiveRoot(0..<3))
  }

  @Test("proofs fail for another meter, record, place, sibling or root", arguments: [1, 2, 3, 5, 6, 16, 17, 511, 512])
  func wrongProofs(count: Int) {
    var manifest = Self.manifest(count)
    for index in Set([0, count / 2, count - 1]) {
      let (siblings, root) = Self.proof(&manifest, index)
      #expect(!Self.verifies(index + 1, hashOf: index, index: index, count: count, siblings: siblings, root: root))
      #expect(!Self.verifies(index, hashOf: index + 1, index: index, count: count, siblings: siblings, root: root))
      for other in [-1, index - 1, index + 1, index ^ 1, count, count - 1 - index] where other != index {
        #expect(
          !Self.verifies(index, index: other, count: count, siblings: siblings, root: root),
          "\(index) shown at \(other) of \(count)")
      }
      #expect(!Self.verifies(index, index: index, count: count, siblings: siblings + [Digest()], root: root))
      if !siblings.isEmpty {
        #expect(!Self.verifies(index, index: index, count: count, siblings: siblings.dropLast(), root: root))
      }
      for place in siblings.indices {
        var damaged = siblings
        damaged[place].storage[31] ^= 1
        #expect(!Self.verifies(index, index: index, count: count, siblings: damaged, root: root))
      }
      var otherRoot = root
      otherRoot.storage[0] ^= 0x80
      #expect(!Self.verifies(index, index: index, count: count, siblings: siblings, root: otherRoot))
    }
  }

  @Test("a proof holds at its own place among the header's count, and at no other")
  func wrongPlaces() {
    for count in 1...33 {
      var manifest = Self.manifest(count)
      for index in 0..<count {
        let (siblings, root) = Self.proof(&manifest, index)
        let places = (0..<64).filter {
          Self.verifies(index, index: $0, count: count, siblings: siblings, root: root)
        }
        #expect(places == [index], "\(index) of \(count)")
      }
    }
  }

  @Test("nothing verifies beyond 512 leaves or against an inner node as a record (RFC 6962, second preimages)")
  func bounds() {
    var manifest = Self.manifest(512)
    let (siblings, root) = Self.proof(&manifest, 0)
    #expect(!Self.verifies(0, index: 0, count: 513, siblings: siblings, root: root))
    #expect(!Self.verifies(0, index: 0, count: 0, siblings: siblings, root: root))
    let inner = Self.naiveRoot(0..<2)
    let upper: [Digest] = Array(siblings.dropFirst())
    let asRecord = Manifest.verify(MeterIndex(0), inner, index: 0, count: 256, siblings: upper.span, root: root)
    #expect(!asRecord)
  }
}
