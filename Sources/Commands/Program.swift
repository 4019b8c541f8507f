import HAL
import LinuxPlatform

/// The words behind a program's name, as its `main` is given them.
package func programWords(
  _ argumentCount: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
) -> [String] {
  var words: [String] = []
  for place in 1..<max(1, Int(argumentCount)) {
    if let argument = arguments[place] { words.append(unsafe String(cString: argument)) }
  }
  return words
}

/// The path of a program that came with the running one: they lie in one folder.
package func programBeside(_ name: String) -> String {
  let own = ThisProcess.executablePath
  return own[..<(own.lastIndex(of: "/") ?? own.startIndex)] + "/" + name
}

/// Goes on as ``programBeside(_:)``, which takes the same arguments; returns only by throwing.
/// - Throws: with the path, and how the program is built, when it does not lie there.
package func handOver(_ verb: Verb, to name: String, _ words: [String]) throws(Failure) {
  let path = programBeside(name)
  do throws(PlatformError) { try ThisProcess.become([path] + words) } catch {
    guard error.kind == .notFound else { throw Failure("\(verb.name): \(path) cannot be started: \(error)") }
    throw Failure(
      "\(verb.name) is in a program of its own, and there is no \(path); Toolchain/build.sh builds it, "
        + "for a board PRODUCTS=\(name) Toolchain/cross.sh TARGET")
  }
}
