import Commands
import Configuration
import HAL
import LinuxPlatform

/// What to do when a node may not listen where it is told to.
func listenRemedy(_ endpoint: Endpoint, _ error: PlatformError) -> String {
  switch error.code {
  case 99: "ip -brief address lists this machine's; put one of them into listen in [node]"
  case 98: "ss -ulpn 'sport = :\(endpoint.port)' tells who has it; stop that, or give listen in [node] another port"
  case 1, 13: "ports below 1024 are the system's; give listen in [node] a higher one"
  case 22: "an address that begins with fe80 is good in one network only, which cannot be named here; take another one"
  case 97: "this system has no IPv6; put an IPv4 address into listen in [node]"
  default: "put another address into listen in [node]"
  }
}

/// Takes the node's address.
/// - Throws: with the line of `listen`. The exit code asks for another try: an address may come with the network.
func openSocket(_ configuration: NodeConfiguration) throws(Failure) -> UDPSocket {
  let endpoint = configuration.listen
  do throws(PlatformError) { return try UDPSocket(bindingTo: endpoint) } catch {
    throw Failure("\(configuration.wrong("node", "listen", refused(endpoint, error).text))")
  }
}

/// Whether the node's address can be taken; it is given back at once.
package func lookAtAddress(_ configuration: NodeConfiguration, isRunning: Bool) -> Finding {
  let endpoint = configuration.listen
  do throws(PlatformError) {
    _ = try UDPSocket(bindingTo: endpoint)
    return Finding(check: "listen", isGood: true, detail: "listen: \(endpoint) is this machine's, and free")
  } catch {
    if error.code == 98, isRunning {
      return Finding(check: "listen", isGood: true, detail: "listen: \(endpoint) is in use, by the node that runs here")
    }
    return refused(endpoint, error)
  }
}

private func refused(_ endpoint: Endpoint, _ error: PlatformError) -> Finding {
  Finding(
    check: "listen", isGood: false, detail: "listen: \(endpoint): \(error)", remedy: listenRemedy(endpoint, error))
}
