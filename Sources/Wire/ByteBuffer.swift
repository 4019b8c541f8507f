/// Bytes with one owner and a capacity fixed at birth: allocated once at start, then reused.
public struct ByteBuffer: ~Copyable {
  private let base: UnsafeMutablePointer<UInt8>
  public let capacity: Int
  public private(set) var count = 0

  /// - Parameter isTouched: false leaves the memory as it comes, so that none is resident before it is written; then nothing of
  ///   ``mutableBytes`` may be read that was not written.
  public init(capacity: Int, isTouched: Bool = true) {
    precondition(capacity > 0)
    self.capacity = capacity
    base = .allocate(capacity: capacity)
    if isTouched { base.initialize(repeating: 0, count: capacity) }
  }

  /// A buffer that is full of a copy of `bytes`; its capacity is their number, 1 at least.
  public init(copying bytes: Span<UInt8>) {
    self.init(capacity: max(1, bytes.count))
    replace { out in out.write(bytes) }
  }

  deinit { base.deallocate() }

  public var span: Span<UInt8> {
    @_lifetime(borrow self) borrowing get {
      // `base` lives as long as `self`, and its first `count` bytes are initialised.
      let span = unsafe Span(_unsafeStart: base, count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// All `capacity` bytes, for calls that fill memory; ``count`` is set by the caller with ``setCount(_:)``.
  public var mutableBytes: UnsafeMutableBufferPointer<UInt8> {
    UnsafeMutableBufferPointer(start: base, count: capacity)
  }

  /// States how many bytes a call has put into ``mutableBytes``, from the front.
  /// - Precondition: 0 <= newCount <= capacity, and those bytes were written.
  public mutating func setCount(_ newCount: Int) {
    precondition(newCount >= 0 && newCount <= capacity)
    count = newCount
  }

  /// Forgets what was there. The memory stays, and is not wiped.
  public mutating func removeAll() { count = 0 }

  /// Forgets what was there and writes anew.
  public mutating func replace(_ fill: (inout OutputSpan<UInt8>) -> Void) {
    count = 0
    append(fill)
  }

  /// Writes behind what is there. Traps beyond the capacity.
  public mutating func append(_ fill: (inout OutputSpan<UInt8>) -> Void) {
    // The rest of the buffer belongs to this call alone; what was written is counted before it is seen.
    let rest = UnsafeMutableBufferPointer(start: base + count, count: capacity - count)
    var out = unsafe OutputSpan(buffer: rest, initializedCount: 0)
    fill(&out)
    count += unsafe out.finalize(for: rest)
  }
}
