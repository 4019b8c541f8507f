import Metering

/// The device maps that every program carries, as bytes. (docs/PROTOCOL.md, Device maps in bytes)
public enum BuiltInDevices {
  /// What all of them take in the program.
  public static var byteCount: Int { bytes.utf8CodeUnitCount }

  /// Their names, sorted.
  public static var names: [String] {
    var result: [String] = []
    _ = visit { name, _ in
      result.append(String(decoding: name, as: UTF8.self))
      return false
    }
    return result
  }

  /// Nil when there is none of that name. Cost: a copy of all of them.
  /// - Throws: only if the bytes of this program are wrong, which its tests rule out.
  public static func map(named name: String) throws(ConfigurationError) -> DeviceMap? {
    let wanted = Array(name.utf8)
    guard let found = visit({ name, _ in name == wanted }) else { return nil }
    do throws(CompactMapError) { return try DeviceMap(compact: found.span) } catch {
      throw ConfigurationError(file: name, line: 1, message: "the built-in map is damaged at byte \(error.offset)")
    }
  }

  /// Goes through the maps until one is taken.
  /// - Returns: its bytes.
  private static func visit(_ isTaken: ([UInt8], [UInt8]) -> Bool) -> [UInt8]? {
    var all: [UInt8] = []
    all.reserveCapacity(byteCount)
    // The constant lives as long as the program does.
    for index in 0..<byteCount { all.append(unsafe bytes.utf8Start[index]) }
    var reader = CompactReader(all)
    while !reader.isAtEnd {
      guard let length = try? reader.count(all.count) else { return nil }
      let start = reader.offset
      guard let name = try? reader.text(DeviceMap.maximumNameBytes), start + length <= all.count else { return nil }
      let map = Array(all[start..<(start + length)])
      if isTaken(name, map) { return map }
      guard (try? reader.skip(length - (reader.offset - start))) != nil else { return nil }
    }
    return nil
  }
}
