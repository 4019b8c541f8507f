import Commands
import Configuration
import Drivers
import HAL
import LinuxPlatform
import Metering

/// A line and how it is spoken on: what a port needs to be opened.
package struct DeviceLine {
  /// How long a connection may take where nobody waits behind it.
  package static let connectMilliseconds: UInt64 = 3_000
  static let gatewayTimeoutMilliseconds: UInt64 = 1_000

  package let place: PortPlace
  /// Over TCP the gateway's, for the time that bytes take.
  let baud: UInt32
  let parity: SerialPort.Parity
  /// Of the device behind it.
  let map: DeviceMap
  /// What the owner gave; nil takes the map's, or what the port takes by itself.
  package let timeoutMilliseconds: UInt64?
  /// What the owner gave; nil takes the map's.
  let connectDelayMilliseconds: UInt64?

  package init(
    place: PortPlace, baud: UInt32, parity: SerialPort.Parity, map: DeviceMap, timeoutMilliseconds: UInt64?,
    connectDelayMilliseconds: UInt64?
  ) {
    self.place = place
    self.baud = baud
    self.parity = parity
    self.map = map
    self.timeoutMilliseconds = timeoutMilliseconds
    self.connectDelayMilliseconds = connectDelayMilliseconds
  }

  private var delayMilliseconds: UInt64 { connectDelayMilliseconds ?? map.connectDelayMilliseconds }

  /// What the bytes themselves take at most: a request of 64 and an answer of 256.
  package var byteMilliseconds: UInt64 {
    if case .tcp = place { return 0 }
    return 320 * 11 * 1_000 / UInt64(baud)
  }

  private var usesNetwork: Bool {
    switch place {
    case .tcp, .rtuOverTCP: true
    case .serial, .replay: false
    }
  }

  /// What a network and a gateway add to the time of an answer.
  package var networkMilliseconds: UInt64 { usesNetwork ? Self.gatewayTimeoutMilliseconds - 500 : 0 }

  /// What the link is spoken with.
  package var settings: LinkSettings {
    var isTCP = false
    if case .tcp = place { isTCP = true }
    var settings = LinkSettings(transport: isTCP ? .tcp : .rtu, gapMilliseconds: isTCP ? 0 : map.gapMilliseconds)
    // A gateway adds the network's delay and its own.
    if usesNetwork { settings.timeoutMilliseconds = Self.gatewayTimeoutMilliseconds }
    settings.timeoutMilliseconds =
      (timeoutMilliseconds ?? map.timeoutMilliseconds ?? settings.timeoutMilliseconds) + byteMilliseconds
    if usesNetwork { settings.connectDelayMilliseconds = delayMilliseconds }
    settings.quirks = map.quirks
    return settings
  }

  /// The same for a scheduler, which adds the time of the bytes by itself.
  package var timing: BusScheduler.Timing {
    var timing = BusScheduler.Timing(baud: baud)
    timing.bitsPerByte = parity == .none ? 10 : 11
    timing.givenTimeoutMilliseconds = timeoutMilliseconds
    switch place {
    case .tcp: (timing.baud, timing.firstTimeoutMilliseconds) = (0, Self.gatewayTimeoutMilliseconds)
    case .rtuOverTCP: timing.firstTimeoutMilliseconds = Self.gatewayTimeoutMilliseconds
    case .serial, .replay: break
    }
    return timing
  }

  /// Opens the port and hands it, with its clock, to `user`.
  /// - Parameter clock: of live ports; a replay has its own.
  /// - Parameter kept: a connection that is still open and goes on serving.
  package func open(
    for user: inout some PortUser & ~Copyable, clock: LinuxClock = LinuxClock(),
    connectMilliseconds: UInt64 = connectMilliseconds, kept: TCPConnection? = nil
  ) throws(DriverError) {
    switch place {
    case .serial(let path):
      let port: SerialPort
      do throws(PlatformError) { port = try SerialPort(path: path, baud: baud, parity: parity) } catch {
        throw .platform(error)
      }
      if port.modeDiffers { user.warn("\(path): warning: it did not take the mode asked for") }
      try user.use(port, clock, settings)
    case .tcp(let endpoint), .rtuOverTCP(let endpoint):
      let connection: TCPConnection
      do throws(PlatformError) {
        if let kept {
          connection = kept
        } else {
          connection = try TCPConnection(
            to: endpoint, connectMilliseconds: connectMilliseconds, delayMilliseconds: delayMilliseconds)
        }
      } catch { throw .platform(error) }
      user.connected(connection)
      let port = TCPPort(connection)
      try user.use(port, clock, settings)
    case .replay(let path):
      let port: ReplayPort
      do throws(PlatformError) {
        let bytes = try Files.read(path, limit: CaptureRecord.maximumFileBytes)
        port = try ReplayPort(file: bytes.span)
      } catch { throw .platform(error) }
      let clock = port.clock
      var replayed = settings
      replayed.transport = port.isTCP ? .tcp : .rtu
      if port.isTCP { replayed.gapMilliseconds = 0 }
      try user.use(port, clock, replayed)
    }
  }
}

/// What is done with an open port, whatever kind it is.
package protocol PortUser: ~Copyable {
  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ port: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError)
  /// The port is open, but not quite as it should be.
  mutating func warn(_ warning: String)
  /// The port that comes is over this connection, which may be kept.
  mutating func connected(_ connection: TCPConnection)
}

extension PortUser where Self: ~Copyable {
  package mutating func warn(_ warning: String) { printDiagnostic(warning) }
  package mutating func connected(_ connection: TCPConnection) {}
}
