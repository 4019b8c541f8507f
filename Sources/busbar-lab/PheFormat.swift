import BigInteger
import Foundation
import Paillier
import Wire

// The JSON of python-paillier 1.5's pheutil: JSON Web Keys whose numbers are big-endian base64url without padding, and
// ciphertexts {"v": decimal, "e": exponent of 16}.

/// What a lab key's plaintexts are called; pheutil has one number in each.
private let layout = SlotLayout([.activeEnergyImport])

func readJSON(_ path: String) throws(LabError) -> [String: Any] {
  let data: Data
  do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch { throw .file(path, "cannot be read") }
  guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] else {
    throw .file(path, "is not a JSON object")
  }
  return object
}

/// Writes a new file of mode 0600 when `secret`, never over another one; a public file may be replaced.
func writeFile(_ text: String, to path: String, secret: Bool) throws(LabError) {
  let flags = O_WRONLY | O_CREAT | (secret ? O_EXCL : O_TRUNC)
  let descriptor = open(path, flags, secret ? 0o600 : 0o644)
  guard descriptor >= 0 else {
    throw .file(path, errno == EEXIST ? "exists; a key is never overwritten" : "cannot be written")
  }
  let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  do { try handle.write(contentsOf: Data((text + "\n").utf8)) } catch { throw .file(path, "cannot be written") }
}

func base64URL(_ bytes: [UInt8]) -> String {
  Data(bytes.drop { $0 == 0 }).base64EncodedString().replacingOccurrences(of: "+", with: "-")
    .replacingOccurrences(of: "/", with: "_").replacingOccurrences(of: "=", with: "")
}

func base64URL(decoding text: String) -> [UInt8]? {
  guard text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }) else { return nil }
  var standard = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
  while standard.count % 4 != 0 { standard += "=" }
  return Data(base64Encoded: standard).map { Array($0.drop { $0 == 0 }) }
}

private func number(_ object: [String: Any], _ name: String, _ path: String) throws(LabError) -> [UInt8] {
  guard let text = object[name] as? String, let bytes = base64URL(decoding: text), !bytes.isEmpty else {
    throw .file(path, "\(name) is not a base64url number")
  }
  return bytes
}

private func publicKey(_ object: [String: Any], _ path: String) throws(LabError) -> PublicKey {
  guard object["kty"] as? String == "DAJ", object["alg"] as? String == "PAI-GN1" else {
    throw .file(path, "is not a key of type DAJ for PAI-GN1")
  }
  // With another g than n + 1 every ciphertext would decrypt to something else.
  guard object["g"] == nil else { throw .file(path, "gives a g; only n + 1 is supported, and it is not written") }
  let n = try number(object, "n", path)
  do throws(PaillierError) { return try PublicKey(n: n.span, layout: layout) } catch {
    throw .file(path, "\(error)")
  }
}

func loadPublicKey(_ path: String) throws(LabError) -> PublicKey { try publicKey(readJSON(path), path) }

func loadPrivateKey(_ path: String) throws(LabError) -> PrivateKey {
  let object = try readJSON(path)
  guard object["kty"] as? String == "DAJ", let operations = object["key_ops"] as? [String],
    operations.contains("decrypt"), let inner = object["pub"] as? [String: Any]
  else { throw .file(path, "is not a private key of type DAJ") }
  let p = try number(object, "p", path)
  let q = try number(object, "q", path)
  let stated = try publicKey(inner, path)
  let key: PrivateKey
  do throws(PaillierError) { key = try PrivateKey(foreignP: p.span, q: q.span, layout: layout) } catch {
    throw .file(path, "\(error)")
  }
  guard stated.keyIdentifier == key.publicKey.keyIdentifier else { throw .file(path, "n is not p times q") }
  return key
}

/// p and q of a private key file.
func readPrimes(_ path: String) throws(LabError) -> (p: [UInt8], q: [UInt8]) {
  let object = try readJSON(path)
  return (try number(object, "p", path), try number(object, "q", path))
}

func publicJSON(_ key: PublicKey) -> String {
  let n = [UInt8](capacity: key.modulusBytes) { out in key.writeModulus(into: &out) }
  return #"{"kty": "DAJ", "alg": "PAI-GN1", "key_ops": ["encrypt"], "n": "\#(base64URL(n))", "#
    + #""kid": "busbar \#(key.keyIdentifier)"}"#
}

func privateJSON(_ key: borrowing PrivateKey) -> String {
  let size = key.publicKey.modulusBytes / 2
  var p: [UInt8] = []
  var q: [UInt8] = []
  var first = ByteBuffer(capacity: size)
  var second = ByteBuffer(capacity: size)
  first.replace { p in second.replace { q in key.writePrimes(p: &p, q: &q) } }
  p = array(first.span)
  q = array(second.span)
  return #"{"kty": "DAJ", "key_ops": ["decrypt"], "p": "\#(base64URL(p))", "q": "\#(base64URL(q))", "#
    + #""pub": \#(publicJSON(key.publicKey)), "kid": "busbar \#(key.publicKey.keyIdentifier)"}"#
}

/// A ciphertext file.
struct PheCiphertext {
  let bytes: [UInt8]
  let exponent: Int

  init(_ path: String, _ key: PublicKey) throws(LabError) {
    let object = try readJSON(path)
    guard let text = object["v"] as? String, let exponent = object["e"] as? Int, abs(exponent) <= 256 else {
      throw .file(path, "is not {\"v\": decimal, \"e\": integer}")
    }
    self.exponent = exponent
    bytes = try bigEndian(text, key.ciphertextBytes, path)
  }
}

/// The bytes of a decimal number that is not negative and fits.
func bigEndian(_ text: String, _ count: Int, _ path: String) throws(LabError) -> [UInt8] {
  // Longer than any number that fits; parsing it would only take time.
  guard text.utf8.count <= 3 * count else { throw .file(path, "the number is too long") }
  guard let value = Integer(decimal: text), value.sign >= 0, value.bitWidth <= 8 * count else {
    throw .file(path, "the number is not decimal or too large")
  }
  return [UInt8](capacity: count) { out in value.write(bigEndianBytes: count, into: &out) }
}

func array(_ span: Span<UInt8>) -> [UInt8] {
  var result: [UInt8] = []
  for index in 0..<span.count { result.append(span[index]) }
  return result
}

func decimal(_ bytes: [UInt8]) -> String { Integer(bigEndian: bytes.span).decimal }
