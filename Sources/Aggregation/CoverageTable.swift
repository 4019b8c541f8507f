import Cryptography
import Units
import Wire

/// Up to which period each meter of a set is certified. (DESIGN §2.1; coverage rules 1, 2, 7)
public struct CoverageTable: ~Copyable {
  public let owner: ReplicaIndex
  private var coveredThrough: [Period]

  /// Starts at each meter's activation period.
  public init(owner: ReplicaIndex, activation: [Period]) {
    precondition(activation.count <= GroupLimits.maximumMetersPerSet)
    self.owner = owner
    coveredThrough = activation
  }

  public var meterCount: UInt16 { UInt16(coveredThrough.count) }

  public func coveredThrough(_ meter: MeterIndex) -> Period { coveredThrough[Int(meter.rawValue)] }

  /// The root after `contributors` are covered through `period`.
  public func root(advancing contributors: MeterBitmap, to period: Period) -> Digest {
    Blake2b.digest(domain: "BUSBARcv") { hash in
      hash.update(owner.rawValue)
      for meter in coveredThrough.indices {
        hash.update(contributors.contains(MeterIndex(UInt16(meter))) ? period.rawValue : coveredThrough[meter].rawValue)
      }
    }
  }

  public var root: Digest { root(advancing: MeterBitmap(), to: Period(0)) }

  public mutating func advance(_ contributors: MeterBitmap, to period: Period) {
    for meter in coveredThrough.indices where contributors.contains(MeterIndex(UInt16(meter))) {
      coveredThrough[meter] = period
    }
  }

  public func encode(into output: inout OutputSpan<UInt8>) {
    for meter in coveredThrough.indices { output.write(coveredThrough[meter].rawValue) }
  }

  /// Takes a table over when it hashes to `expected`; else changes nothing and returns false.
  public mutating func replace(decoding bytes: Span<UInt8>, expecting expected: Digest) -> Bool {
    guard bytes.count == 8 * coveredThrough.count else { return false }
    let root = Blake2b.digest(domain: "BUSBARcv") { hash in
      hash.update(owner.rawValue)
      hash.update(bytes)
    }
    guard root == expected else { return false }
    var reader = WireReader(bytes)
    for meter in coveredThrough.indices {
      guard let value = try? reader.read(UInt64.self) else { return false }
      coveredThrough[meter] = Period(value)
    }
    return true
  }
}
