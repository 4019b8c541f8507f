import CLinux
import Commands
import Drivers
import HAL
import LinuxPlatform
import Metering
import NodeProcess

/// Holds a power limit until SIGTERM, SIGINT or its loss.
struct LimitRun: PortUser {
  static let tickMilliseconds: UInt64 = 500
  static let defaultFolder = "/var/lib/busbar"
  let port: DevicePort
  let limitMilliwatts: Int64
  let ttlSeconds: UInt16
  /// Where the day's writes are counted; nil counts them in this process only.
  let budgetPath: String?
  let json: Bool
  private var lastState = LimitState.idle
  private var savedBudget = ""
  private var exitCode: Int32 = 0

  init(_ arguments: Arguments) throws(Failure) {
    port = try DevicePort(arguments, defaultMap: "sunspec")
    limitMilliwatts = try arguments.integer("watts", default: 0, in: 0...100_000_000) * 1_000
    ttlSeconds = UInt16(try arguments.integer("ttl", default: 60, in: 2...65535))
    json = arguments.wantsJSON
    let folder = ThisProcess.environment("STATE_DIRECTORY") ?? Self.defaultFolder
    budgetPath =
      arguments.text("budget") ?? (busbar_may_use(folder) == 1 ? "\(folder)/limit-\(port.unit).writes" : nil)
  }

  mutating func run() throws(Failure) -> Int32 {
    ThisProcess.catchTermination()
    if let budgetPath, Files.exists(budgetPath) {
      savedBudget = String(decoding: try readFile(budgetPath, limit: 4096), as: UTF8.self)
    } else if budgetPath == nil {
      printDiagnostic("busbar: warning: writes are counted for this run only; --budget FILE keeps the count")
    }
    do throws(DriverError) {
      try port.open(for: &self)
      return exitCode
    } catch {
      report(error, port, json: json)
      return 1
    }
  }

  private var day: UInt64 { busbar_clock_wall() / 86_400_000_000_000 }

  mutating func use<P: Port & ~Copyable, C: Clock>(
    _ opened: consuming P, _ clock: C, _ settings: LinkSettings
  ) throws(DriverError) {
    var device = try MappedDevice(port: opened, clock: clock, map: port.map, unit: port.unit, settings: settings)
    try device.find()
    do throws(LimiterError) {
      var budget = WriteBudget(writesPerDay: port.map.limit?.writesPerDay ?? 0, day: day)
      do throws(LimitError) { try budget.restore(savedBudget) } catch { throw .limit(error) }
      var limiter = try PowerLimiter(device, budget: budget)
      try take(&limiter)
      try hold(&limiter, clock)
    } catch {
      switch error {
      case .device(let error): throw error
      case .limit(let error):
        printDiagnostic("busbar: \(port.text): \(error)")
        if json { printLine("{\"error\":\"limit\",\"message\":\"\(jsonEscaped("\(error)"))\"}") }
        exitCode = 1
      }
    }
  }

  private mutating func take<P: Port & ~Copyable, C: Clock>(
    _ limiter: inout PowerLimiter<P, C>
  ) throws(LimiterError) {
    do throws(LimiterError) {
      try limiter.take(limitMilliwatts: limitMilliwatts, ttlSeconds: ttlSeconds, day: day)
    } catch {
      save(limiter.budget)
      throw error
    }
    save(limiter.budget)
    tell(limiter)
  }

  private mutating func hold<P: Port & ~Copyable, C: Clock>(
    _ limiter: inout PowerLimiter<P, C>, _ clock: C
  ) throws(LimiterError) {
    while true {
      if ThisProcess.isTerminated {
        try limiter.release()
        tell(limiter)
        return
      }
      var failure: LimiterError?
      do throws(LimiterError) { try limiter.tick(day: day) } catch { failure = error }
      save(limiter.budget)
      tell(limiter)
      if let failure {
        guard case .device(let error) = failure, !error.isDisconnected else { throw failure }
        printDiagnostic("busbar: \(port.text): \(error)")
      }
      if limiter.state == .overridden || limiter.state == .expired {
        exitCode = 1
        return
      }
      limiter.device.link.wait(until: clock.monotonic().adding(milliseconds: Self.tickMilliseconds))
    }
  }

  /// The count must be on disk before it is needed again; a failure to write it is told, and the limit goes on.
  private mutating func save(_ budget: WriteBudget) {
    guard let budgetPath, budget.text != savedBudget else { return }
    savedBudget = budget.text
    let bytes = Array(savedBudget.utf8)
    do throws(PlatformError) { try Files.replace(budgetPath, with: bytes.span, mode: 0o600) } catch {
      printDiagnostic("busbar: \(budgetPath): \(error)")
    }
  }

  private mutating func tell<P: Port & ~Copyable, C: Clock>(_ limiter: borrowing PowerLimiter<P, C>) {
    guard limiter.state != lastState else { return }
    lastState = limiter.state
    let measured = limiter.measuredMilliwatts.map { "\($0)" } ?? "null"
    let applied = limiter.plan.map { "\($0.appliedMilliwatts)" } ?? "null"
    if json {
      printLine(
        "{\"state\":\"\(limiter.state)\",\"limitMilliwatts\":\(limiter.limitMilliwatts),"
          + "\"measuredMilliwatts\":\(measured),\"appliedMilliwatts\":\(applied)}")
    } else {
      printLine(
        "\(padded("\(limiter.state)", 11))limit \(limiter.limitMilliwatts) mW, applied \(applied) mW, measured \(measured) mW"
      )
    }
  }
}
