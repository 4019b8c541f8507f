import Commands
import Configuration
import Metering
import NodeProcess
import Units

/// Prints every built-in device: its files in `Devices/` are the one list of what is supported.
func listDevices(json: Bool) throws(Failure) {
  for name in BuiltInDevices.names {
    let map = try loadMap(name)
    printLine(json ? object(map) : padded(map.name, 28) + map.title)
  }
}

private func object(_ map: DeviceMap) -> String {
  let layout = map.layout == .sunSpec ? "sunspec" : "registers"
  return "{\"map\":\"\(map.name)\",\"title\":\"\(jsonEscaped(map.title))\","
    + "\"kind\":\"\(map.kind == .meter ? "meter" : "inverter")\",\"layout\":\"\(layout)\",\"unit\":\(map.unit),"
    + "\"baud\":\(map.baud),\"parity\":\"\(map.parity)\",\"quantities\":[\(quantities(map))],\"limits\":\(map.limit != nil)}"
}

/// What it measures, each quantity once, in the order of ``Quantity``.
private func quantities(_ map: DeviceMap) -> String {
  var text = ""
  for quantity in Quantity.allCases where measures(map, quantity) {
    text += (text.isEmpty ? "\"" : ",\"") + "\(quantity)\""
  }
  return text
}

private func measures(_ map: DeviceMap, _ quantity: Quantity) -> Bool {
  if map.points.contains(where: { $0.quantity == quantity }) { return true }
  return map.models.contains { model in model.points.contains { $0.quantity == quantity } }
}
