import Aggregation
import CLinux
import Commands
import Configuration
import HAL
import LinuxPlatform
import NodeProcess

extension Finding {
  fileprivate func tell(json: Bool) {
    if json {
      printLine(
        "{\"check\":\"\(check)\",\"ok\":\(isGood),\"detail\":\"\(jsonEscaped(detail))\","
          + "\"remedy\":\"\(jsonEscaped(remedy))\"}")
    } else {
      printLine("\(isGood ? "good" : "BAD ")  \(padded(check, 10))\(detail)")
      if !remedy.isEmpty { printLine("                -> \(remedy)") }
    }
  }
}

private let leastFreeBytes: Int64 = 64 << 20

func examine(_ arguments: Arguments) throws(Failure) -> Int32 {
  var loaded: LoadedNode?
  if let file = arguments.text("config") { loaded = try loadNode(file) }
  let clock = LinuxClock(trustingWallClock: loaded?.configuration.trustsClock ?? false)
  var findings = [lookAtClock(clock), lookAtBattery()]
  if let path = arguments.text("port") {
    let baud = UInt32(try arguments.integer("baud", default: 9600, in: 1200...115_200))
    let parity = try arguments.choice("parity", default: "none", of: ["none", "even", "odd"])
    findings += port(path, baud, parity)
  }
  if let loaded {
    let node = loaded.configuration
    switch node.source {
    case .modbus(let meter)?:
      switch meter.port {
      case .serial(let path): findings += port(path, meter.baud, meter.parity)
      case .tcp(let endpoint), .rtuOverTCP(let endpoint): findings.append(gateway(endpoint))
      case .replay: break
      }
    case .sysfs?, nil: break
    }
    findings.append(disk(node.data))
    findings.append(keyFile(node.key))
    findings += own(loaded, clock)
    for peer in node.peers { findings.append(reach(peer.name, peer.endpoint)) }
  } else {
    findings.append(disk("."))
  }
  var isWell = true
  for finding in findings {
    finding.tell(json: arguments.wantsJSON)
    isWell = isWell && finding.isGood
  }
  return isWell ? 0 : 1
}

/// What only this node has: its address, its journal, the newest period in it.
private func own(_ node: LoadedNode, _ clock: LinuxClock) -> [Finding] {
  let configuration = node.configuration
  let isRunning = nodeRuns(in: configuration.data)
  var findings = [lookAtAddress(configuration, isRunning: isRunning)]
  let genesis: Genesis
  do throws(Failure) { genesis = try check(node).genesis } catch {
    findings.append(
      Finding(
        check: "files", isGood: false, detail: error.message, remedy: "correct that line, or fetch the file again"))
    return findings
  }
  let journal = lookAtJournal(configuration, genesis, isRunning: isRunning)
  findings.append(journal.finding)
  if let newest = journal.newest {
    findings.append(lookAtNewest(newest, genesis, now: clock.wall(), isRunning: isRunning))
  }
  return findings
}

private func port(_ path: String, _ baud: UInt32, _ parity: String) -> [Finding] {
  let rights = busbar_may_use(path)
  guard rights == 1 else {
    let isMissing = rights == -2
    return [
      Finding(
        check: "rights", isGood: false, detail: "\(path): \(isMissing ? "there is no such port" : "may not be used")",
        remedy: isMissing
          ? "plug the adapter in; ls /dev/serial/by-id tells its name"
          : "sudo usermod -aG dialout $USER, and log in again")
    ]
  }
  let good = Finding(check: "rights", isGood: true, detail: "\(path): may be read and written")
  do throws(PlatformError) {
    let opened = try SerialPort(path: path, baud: baud, parity: SerialPort.Parity(name: parity) ?? .none)
    let isPseudo = opened.isPseudoterminal
    let differs = opened.modeDiffers
    let mode = "\(baud) baud, 8 bits, parity \(parity)"
    return [
      good,
      Finding(
        check: "mode", isGood: !differs,
        detail:
          "\(path): \(mode) \(differs ? "was not taken" : "was read back")\(isPseudo ? " (a pseudoterminal)" : "")",
        remedy: differs ? "a pseudoterminal has no parity; use --parity none on it" : ""),
    ]
  } catch {
    let remedy =
      switch error.kind {
      case .busy: "somebody else holds it: fuser \(path); tell ModemManager off with ENV{ID_MM_DEVICE_IGNORE}=\"1\""
      case .modeMismatch: "this port cannot do that mode; the Pi's mini UART (ttyS0) has no parity, use ttyAMA0"
      case .invalid: "it is no serial port, or has no such speed"
      default: "see dmesg for what the kernel says of it"
      }
    return [good, Finding(check: "mode", isGood: false, detail: "\(path): \(error)", remedy: remedy)]
  }
}

private func gateway(_ endpoint: Endpoint) -> Finding {
  do throws(PlatformError) {
    _ = try TCPPort(
      connectingTo: endpoint, deadline: monotonicNow().adding(milliseconds: DeviceLine.connectMilliseconds))
    return Finding(check: "port", isGood: true, detail: "\(endpoint): takes a connection")
  } catch {
    return Finding(
      check: "port", isGood: false, detail: "\(endpoint): \(error)",
      remedy: "switch the gateway's Modbus server on, or correct port in [meter]; many take one connection only")
  }
}

private func disk(_ path: String) -> Finding {
  let free = busbar_free_bytes(path)
  guard free >= 0 else {
    let error = platformError(Int32(clamping: -free))
    return Finding(
      check: "disk", isGood: false, detail: "\(path): \(error)",
      remedy: error.kind == .notFound ? "make the folder: mkdir -p" : remedy(error))
  }
  let isGood = free >= leastFreeBytes && busbar_may_use(path) == 1
  return Finding(
    check: "disk", isGood: isGood,
    detail: "\(path): \(free >> 20) MiB free\(busbar_may_use(path) == 1 ? "" : ", read-only")",
    remedy: isGood ? "" : "free some space, or give the folder to the service's user")
}

private func keyFile(_ path: String) -> Finding {
  do throws(PlatformError) {
    _ = try Files.readSecret(path, limit: 1 << 16)
    return Finding(check: "key", isGood: true, detail: "\(path): readable by its owner alone")
  } catch {
    let isWide = error.kind == .notPermitted
    return Finding(
      check: "key", isGood: false, detail: "\(path): \(isWide ? "others may read it, or it is not yours" : "\(error)")",
      remedy: isWide
        ? "chown it to the service's user and chmod 600 it"
        : "busbar keygen --role makes it, and on a bench busbar provision")
  }
}

private func reach(_ name: String, _ endpoint: Endpoint) -> Finding {
  let result = withUnsafeBytes(of: endpoint.address) {
    // The address lives for the call only.
    unsafe busbar_udp_probe($0.bindMemory(to: UInt8.self).baseAddress!, endpoint.port, 200)
  }
  let isRefused = result == -111
  return Finding(
    check: "peer", isGood: result == 0,
    detail:
      "\(name) at \(endpoint): \(result == 0 ? "nothing refuses packets" : isRefused ? "nobody listens" : "no way there")",
    remedy: result == 0
      ? "" : isRefused ? "start it, or correct its address in [peers]" : "see ip route and the network's cable")
}
