import Aggregation
import Commands
import Paillier
import Units
import Wire

/// - Throws: unless the file is a genesis; its proof is not looked at.
package func loadGenesis(_ path: String) throws(Failure) -> Genesis {
  let bytes = try readFile(path)
  do throws(WireError) { return try Genesis(decoding: bytes.span) } catch { throw Failure("\(path): \(error)") }
}

/// The key of a genesis' modulus, for the slots that it counts.
package func loadPublicKey(_ genesis: Genesis) throws(Failure) -> PublicKey {
  var quantities: [Quantity] = []
  for code in genesis.slots {
    guard let quantity = Quantity(slotCode: code) else { throw Failure("genesis: unknown quantity \(code)") }
    quantities.append(quantity)
  }
  let modulus = genesis.modulus
  do throws(PaillierError) { return try PublicKey(n: modulus.span, layout: SlotLayout(quantities)) } catch {
    throw Failure("genesis: \(error)")
  }
}

/// Looks at the proof that a genesis carries. Cost: nine powers modulo n.
package func proveModulus(_ genesis: Genesis, _ key: PublicKey, of path: String) throws(Failure) {
  do throws(ModulusRefusal) { try genesis.checkModulus(of: key) } catch { throw Failure("\(path): \(error)") }
}

/// A genesis under whose modulus the equation of a sum holds for one sum alone.
package func loadProvenGenesis(_ path: String) throws(Failure) -> Genesis {
  let genesis = try loadGenesis(path)
  try proveModulus(genesis, try loadPublicKey(genesis), of: path)
  return genesis
}
