import Cryptography
import Units
import Wire

/// The record hashes of a header's contributors, in meter order, under one Merkle root.
///
/// A leaf binds the meter's index, so that a hash cannot be shown for another meter; a node without a sibling moves up
/// unchanged. Leaves and nodes have different domains. (RFC 6962, §2.1, for the idea)
public struct Manifest: ~Copyable {
  /// ⌈log2 512⌉
  public static let maximumSiblings = 9
  /// Leaves first, then each level above them; the root last.
  private var nodes: [Digest]
  private static let nodeCount = 2 * GroupLimits.maximumMetersPerSet + maximumSiblings
  /// What one takes from the heap.
  public static let memoryBytes = nodeCount * MemoryLayout<Digest>.stride
  private var isBuilt = false
  public private(set) var count = 0

  /// An empty manifest, with memory for the largest set.
  public init() {
    precondition(1 << Self.maximumSiblings >= GroupLimits.maximumMetersPerSet)
    nodes = Array(repeating: Digest(), count: Self.nodeCount)
  }

  /// Forgets all contributors; the memory stays.
  public mutating func removeAll() {
    count = 0
    isBuilt = false
  }

  /// Adds the next contributor; meters in ascending order.
  public mutating func append(_ meter: MeterIndex, _ recordHash: Digest) {
    nodes[count] = Self.leaf(meter, recordHash)
    count += 1
    isBuilt = false
  }

  /// Cost: count − 1 digests, once after the last ``append(_:_:)``.
  /// - Precondition: count > 0
  public mutating func root() -> Digest { climb(from: 0) { _ in } }

  /// Calls `visit` with each sibling on the way from leaf `index` to the root, and returns the root.
  public mutating func proof(of index: Int, _ visit: (Digest) -> Void) -> Digest { climb(from: index, visit) }

  private mutating func climb(from index: Int, _ visit: (Digest) -> Void) -> Digest {
    precondition(index >= 0 && index < count)
    if !isBuilt { build() }
    var start = 0
    var width = count
    var position = index
    while width > 1 {
      if position ^ 1 < width { visit(nodes[start + (position ^ 1)]) }
      start += width
      width = (width + 1) / 2
      position /= 2
    }
    return nodes[start]
  }

  private mutating func build() {
    var start = 0
    var width = count
    while width > 1 {
      let above = start + width
      for place in 0..<(width / 2) {
        nodes[above + place] = Self.node(nodes[start + 2 * place], nodes[start + 2 * place + 1])
      }
      if width % 2 == 1 { nodes[above + width / 2] = nodes[above - 1] }
      start = above
      width = (width + 1) / 2
    }
    isBuilt = true
  }

  static func leaf(_ meter: MeterIndex, _ recordHash: Digest) -> Digest {
    Blake2b.digest(domain: "BUSBARml") { hash in
      hash.update(meter.rawValue)
      hash.update(recordHash)
    }
  }

  static func node(_ left: Digest, _ right: Digest) -> Digest {
    Blake2b.digest(domain: "BUSBARmn") { hash in
      hash.update(left)
      hash.update(right)
    }
  }

  /// True when the record stands at leaf `index` of `count` under `root`.
  public static func verify(
    _ meter: MeterIndex, _ recordHash: Digest, index: Int, count: Int, siblings: Span<Digest>, root: Digest
  ) -> Bool {
    guard index >= 0, index < count, count <= GroupLimits.maximumMetersPerSet else { return false }
    var here = leaf(meter, recordHash)
    var position = index
    var width = count
    var used = 0
    while width > 1 {
      if position ^ 1 < width {
        guard used < siblings.count else { return false }
        here = position % 2 == 0 ? node(here, siblings[used]) : node(siblings[used], here)
        used += 1
      }
      position /= 2
      width = (width + 1) / 2
    }
    return used == siblings.count && here == root
  }
}
