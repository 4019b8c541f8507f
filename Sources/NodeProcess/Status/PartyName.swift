import Node
import Units

/// As a person calls it; a meter by its set and its place there.
func partyName(_ identifier: Party) -> String {
  if let index = identifier.aggregatorIndex { return "aggregator-\(index.rawValue + 1)" }
  if let meter = identifier.meter { return "meter-\(meter.owner.rawValue).\(meter.index.rawValue)" }
  return "bookkeeper-1"
}
