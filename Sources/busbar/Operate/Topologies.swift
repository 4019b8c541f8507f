import Aggregation
import Commands
import Configuration
import Metering
import NodeProcess

/// A site with the text of each map file that its topology names, in the order of the nodes; empty where a node has none.
struct LoadedSite {
  let site: SiteConfiguration
  let maps: [[UInt8]]
}

/// - Throws: for a map that is not there, is none, or does not fit what else is said of its meter.
func loadSite(_ path: String, _ bytes: [UInt8]) throws(Failure) -> LoadedSite {
  let site: SiteConfiguration
  do throws(ConfigurationError) { site = try SiteConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
  var maps: [[UInt8]] = []
  for place in site.nodes.indices {
    guard let meter = site.modbusMeters[place] else {
      maps.append([])
      continue
    }
    let file = site.mapFile(of: place)
    if let file, !isReadable(file) { throw Failure(site.wrong(place, "map", "map: there is no file \(file)")) }
    let map = try loadMap(file ?? meter.map)
    if let objection = meter.objection(to: map) {
      throw Failure(site.wrong(place, objection.key, objection.message))
    }
    let text = if let file { try readConfiguration(file) } else { [UInt8]() }
    guard text.count <= NodeBundle.maximumMapBytes else {
      throw Failure(
        site.wrong(
          place, "map", "map: the file has \(text.count) bytes, and a bundle takes \(NodeBundle.maximumMapBytes)"))
    }
    maps.append(text)
  }
  return LoadedSite(site: site, maps: maps)
}

func isSite(_ path: String, _ bytes: [UInt8]) throws(Failure) -> Bool {
  do throws(ConfigurationError) { return try SiteConfiguration.isSite(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
}

func loadTopology(_ path: String, _ bytes: [UInt8]) throws(Failure) -> TopologyConfiguration {
  do throws(ConfigurationError) { return try TopologyConfiguration(file: path, bytes: bytes.span) } catch {
    throw Failure(error)
  }
}
