import Metering

/// The device maps that every program carries.
public enum BuiltInDevices {
  /// Their names, sorted as their files are.
  public static var names: [String] {
    var result: [String] = []
    for file in files { result.append(String("\(file.name)".dropLast(4))) }
    return result
  }

  /// Nil when there is none of that name.
  /// - Throws: only if a file of this repository is wrong, which its tests rule out.
  public static func map(named name: String) throws(ConfigurationError) -> DeviceMap? {
    for file in files where "\(file.name)" == name + ".ini" {
      let bytes = Array("\(file.text)".utf8)
      return try DeviceMap(file: "Devices/\(name).ini", bytes: bytes.span)
    }
    return nil
  }
}
