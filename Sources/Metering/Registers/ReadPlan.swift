import Units

/// One request that reads several points at once.
public struct ReadBlock: Equatable, Sendable {
  public var function: ModbusRequest.Function
  public var address: UInt16
  public var count: UInt16
  /// Which of the plan's points it holds.
  public var points: Range<Int>
  public var update: UpdateClass
}

/// The requests that read a device, as few as its map allows. Made once; reading allocates nothing.
public struct ReadPlan: Equatable, Sendable {
  /// Of points without their own.
  public let function: ModbusRequest.Function
  public let order: WordOrder
  /// With absolute addresses, block by block.
  public private(set) var points: [MapPoint] = []
  public private(set) var blocks: [ReadBlock] = []

  /// - Parameter models: what a SunSpec device was found to have; nothing for others.
  public init(_ map: DeviceMap, models: [FoundModel] = []) {
    function = map.function
    order = map.order
    switch map.layout {
    case .registers:
      append(map.points, .fast, map)
      append(map.points, .slow, map)
      append(map.points, .counter, map)
    case .sunSpec:
      for found in models {
        guard let model = map.models.first(where: { $0.identifier == found.identifier }) else { continue }
        append(model, found)
      }
    }
  }

  /// Merges neighbours, and what lies in one readable stretch, up to the device's limit.
  private mutating func append(_ all: [MapPoint], _ update: UpdateClass, _ map: DeviceMap) {
    var sorted: [MapPoint] = []
    for point in all where point.update == update {
      let place = sorted.firstIndex { comes(point, before: $0) } ?? sorted.count
      sorted.insert(point, at: place)
    }
    for point in sorted {
      let function = point.function ?? function
      let (first, end) = (point.firstAddress, UInt32(point.lastAddress) + 1)
      points.append(point)
      if let last = blocks.last, last.update == update, last.function == function,
        Self.joins(last, first, end: end, map)
      {
        blocks[blocks.count - 1].count = max(last.count, UInt16(end - UInt32(last.address)))
        blocks[blocks.count - 1].points = last.points.lowerBound..<points.count
      } else {
        blocks.append(
          ReadBlock(
            function: function, address: first, count: UInt16(end - UInt32(first)),
            points: (points.count - 1)..<points.count, update: update))
      }
    }
  }

  private func comes(_ point: MapPoint, before other: MapPoint) -> Bool {
    let (own, others) = ((point.function ?? function).rawValue, (other.function ?? function).rawValue)
    return own == others ? point.firstAddress < other.firstAddress : own < others
  }

  /// Whether the registers first..<end fit into a block that begins before them.
  private static func joins(_ block: ReadBlock, _ first: UInt16, end: UInt32, _ map: DeviceMap) -> Bool {
    let start = UInt32(block.address)
    guard end - start <= UInt32(map.maximumRegisters),
      isReadable(from: start + UInt32(block.count), to: UInt32(first), map.readable)
    else { return false }
    return !map.crossesBoundary(from: start, to: end)
  }

  /// Whether the registers start..<end may be read without being wanted.
  private static func isReadable(from start: UInt32, to end: UInt32, _ ranges: [RegisterRange]) -> Bool {
    if start >= end { return true }
    for range in ranges where UInt32(range.first) <= start && end <= UInt32(range.last) + 1 { return true }
    return false
  }

  /// Asks for each of a block's points by itself, for devices that refuse what lies between them.
  public mutating func split(_ index: Int) {
    let block = blocks.remove(at: index)
    var place = index
    for point in block.points {
      let first = points[point].firstAddress
      blocks.insert(
        ReadBlock(
          function: block.function, address: first, count: points[point].lastAddress - first + 1,
          points: point..<(point + 1), update: block.update),
        at: place)
      place += 1
    }
  }

  /// Whether the block holds one of the total counters.
  public func holdsCounter(_ block: Int) -> Bool {
    for index in blocks[block].points where points[index].quantity.isCounter && points[index].phase == 0 { return true }
    return false
  }

  /// Only the blocks that have a point of this kind.
  public func keeping(_ isWanted: (MapPoint) -> Bool) -> ReadPlan {
    var kept = self
    kept.blocks = blocks.filter { block in block.points.contains { isWanted(points[$0]) } }
    return kept
  }

  /// One request a model: a value and its scale factor must come from one answer, or a change of the factor between
  /// two shows as a spike of a power of ten. (ha-sunspec #14, #40)
  private mutating func append(_ model: ModelMap, _ found: FoundModel) {
    let first = points.count
    var low = UInt16.max
    var high: UInt16 = 0
    for point in model.points where point.lastAddress < found.length + 2 {
      low = min(low, point.firstAddress)
      high = max(high, point.lastAddress)
      var moved = point
      moved.address += found.address
      if let scale = point.scaleAddress { moved.scaleAddress = scale + found.address }
      points.append(moved)
    }
    if points.count == first { return }
    precondition(high - low < ModbusRequest.maximumRegisters)
    blocks.append(
      ReadBlock(
        function: function, address: found.address + low, count: high - low + 1, points: first..<points.count,
        update: .fast))
  }
}

extension DeviceMap {
  /// Whether a request for the registers start..<end would span the border before one of ``boundaries``.
  public func crossesBoundary(from start: UInt32, to end: UInt32) -> Bool {
    boundaries.contains { start < UInt32($0) && UInt32($0) < end }
  }
}
