/// A path that stands in a configuration file, as it is reached from the folder that the program was started in.
///
/// A relative path is taken from the folder of the file, so that a folder with its configuration in it can be moved whole.
/// - Parameter file: the path of the configuration file.
public func placed(_ path: String, beside file: String) -> String {
  guard !path.utf8.isEmpty, path.utf8.first != UInt8(ascii: "/"),
    let slash = file.utf8.lastIndex(of: UInt8(ascii: "/"))
  else { return path }
  let folder = String(file[..<slash])
  if path == "." { return folder.isEmpty ? "/" : folder }
  return folder + "/" + path
}
