import Commands
import NodeProcess

// Each returns its exit code.

func read(_ arguments: Arguments) throws(Failure) -> Int32 {
  guard !arguments.has("interval") || arguments.has("count") else {
    throw Failure("--interval goes with --count", exitCode: Failure.usageCode)
  }
  // A capture is replayed in the order in which it was made.
  if arguments.has("watch"), arguments.text("port")?.hasPrefix("replay:") != true {
    var run = try WatchRun(arguments)
    return run.run()
  }
  var run = try ReadRun(arguments)
  return run.run()
}

func scan(_ arguments: Arguments) throws(Failure) -> Int32 {
  var run = try ScanRun(arguments)
  return run.run()
}

func dump(_ arguments: Arguments) throws(Failure) -> Int32 {
  var run = try DumpRun(arguments)
  return run.run()
}

func limit(_ arguments: Arguments) throws(Failure) -> Int32 {
  var run = try LimitRun(arguments)
  return try run.run()
}

func capture(_ arguments: Arguments) throws(Failure) -> Int32 {
  var run = try CaptureRun(arguments)
  return run.run()
}

func replay(_ arguments: Arguments) throws(Failure) -> Int32 {
  var run = try ReadRun(arguments, replaying: arguments.words[0])
  return run.run()
}

func simulateBus(_ arguments: Arguments) throws(Failure) -> Int32 {
  guard arguments.words.isEmpty, arguments.has("folder") || arguments.has("houses") || arguments.has("seed") else {
    return try simulateScenario(arguments.words.first)
  }
  return runSimulatedBus(try SimulatedBusOptions(arguments))
}

extension Verb {
  private static func portOptions(isPortRequired: Bool = true, map: String = "eastron-sdm630") -> [Option] {
    [
      Option(
        name: "port", value: "PORT", text: "PATH | tcp:HOST:PORT | rtu-tcp:HOST:PORT | replay:FILE",
        isRequired: isPortRequired),
      Option(name: "map", value: "NAME|FILE", text: "what speaks there (\(map)); see busbar devices"),
      Option(name: "unit", value: "N", text: "Modbus address, 1...247, over a network 0...255 (the map's)"),
      Option(name: "baud", value: "N", text: "bits a second (the map's)"),
      Option(name: "parity", value: "NAME", text: "none, even or odd (the map's)"),
      Option(
        name: "timeout", value: "MS", text: "for an answer, 20...60000 ms (the map's, or 500; 1000 over a network)"),
      Option(name: "connect-delay", value: "MS", text: "silence behind connecting, 0...30000 ms (the map's)"),
    ]
  }

  /// What tells one device of several, and the last of all options.
  private static var wantedOptions: [Option] {
    [
      Option(name: "model", value: "N", text: "SunSpec model (the first that measures)"),
      Option(name: "instance", value: "N", text: "which of several such models in one device (1)"),
      Option(
        name: "serial", value: "TEXT", text: "the serial number that the device must have, where the map knows it"),
      .json,
    ]
  }

  private static let mapsNote =
    "A map is a name that busbar devices lists, or a file as in Devices/, of which docs/HARDWARE.md tells."

  private static let failures =
    "With --json a failure is {\"error\":\"timeout\"|\"crc\"|\"exception\"|\"busGone\"|...,\"message\":...} on stdout."

  static var devices: Verb {
    Verb(
      name: "devices", summary: "list the devices that --map knows by name", options: [.json],
      notes: [
        "--json prints {\"map\":...,\"title\":...,\"kind\":...,\"layout\":...,\"unit\":...,\"baud\":...,\"parity\":...,\n"
          + "\"quantities\":[...],\"limits\":true|false} for each: unit, baud and parity are what it leaves its factory with."
      ],
      examples: ["busbar devices", "busbar devices --json"], exitCodes: ["0  done", "2  usage"])
  }

  static var read: Verb {
    Verb(
      name: "read", summary: "read a meter or an inverter",
      options: portOptions() + [
        Option(name: "count", value: "N", text: "readings (1)"),
        Option(
          name: "interval", value: "MS", text: "with --count: from one reading to the next, 0...3600000 ms (1000)"),
        Option(
          name: "watch", value: nil,
          text: "read until SIGTERM, through silence and unplugging; --unit may be N[:MAP],N[:MAP],..."),
      ] + wantedOptions,
      notes: [
        mapsNote,
        "With --watch total power is read each second and the rest every ten; each value has its own time. What a device\n"
          + "said last is \"stale\" once it is silent, with ageMilliseconds, and \"offline\" after 30 s; an inverter that had\n"
          + "stopped producing is \"asleep\", and a counter that cannot have moved so is \"suspectCounter\".",
        failures,
      ],
      examples: [
        "busbar read --port /dev/ttyUSB0 --map eastron-sdm120 --unit 3",
        "busbar read --port /dev/ttyUSB0 --unit 1,2,126:sunspec --watch --json",
        "busbar read --port tcp:192.168.1.20:502 --map sunspec --watch --json",
      ],
      exitCodes: ["0  done", "1  the device cannot be read", "2  usage", "78 the map is wrong: FILE:LINE: message"])
  }

  static var scan: Verb {
    Verb(
      name: "scan", summary: "look for devices at every address of a bus",
      options: portOptions() + [
        Option(name: "first", value: "N", text: "first address, 1...247 (1)"),
        Option(name: "last", value: "N", text: "last address (247)"), .json,
      ],
      notes: ["Each address costs 0.4 s where nobody answers. With --map only that one is tried.", failures],
      examples: ["busbar scan --port /dev/ttyUSB0 --baud 9600 --last 10"],
      exitCodes: ["0  somebody answered", "1  nobody did", "2  usage"])
  }

  static var dump: Verb {
    Verb(
      name: "dump", summary: "print raw registers",
      options: portOptions() + [
        Option(name: "address", value: "A", text: "first register, 0...65535 (all that the map reads)"),
        Option(name: "registers", value: "N", text: "how many (10)"),
        Option(name: "function", value: "N", text: "3 holding or 4 input registers (the map's)"),
      ] + wantedOptions,
      notes: [failures], examples: ["busbar dump --port /dev/ttyUSB0 --address 0 --registers 6"])
  }

  static var limit: Verb {
    Verb(
      name: "limit", summary: "hold an inverter's power below a limit, until SIGTERM",
      options: portOptions(map: "sunspec") + [
        Option(name: "watts", value: "W", text: "the limit", isRequired: true),
        Option(
          name: "ttl", value: "SECONDS", text: "how long the inverter keeps it without us, 2...65535", isRequired: true),
        Option(name: "budget", value: "FILE", text: "where the day's writes are counted"), .json,
      ],
      notes: [
        "The limit is written, read back, proven by measured power, and renewed at half its time. SIGTERM gives it\n"
          + "back. When this program dies, the inverter itself ends it after --ttl. A limit that somebody else set is\n"
          + "left alone.",
        "--json prints {\"state\":\"pending\"|\"active\"|\"unverified\"|\"overridden\"|\"expired\"|\"released\",\n"
          + "\"limitMilliwatts\":...,\"measuredMilliwatts\":...} at each change.",
      ],
      examples: ["busbar limit --port /dev/ttyUSB0 --unit 126 --watts 3000 --ttl 60"],
      exitCodes: ["0  released", "1  it could not be set, or was lost", "2  usage"])
  }

  static var capture: Verb {
    Verb(
      name: "capture", summary: "read, and keep every byte that passed in a file",
      options: [Option(name: "out", value: "FILE", text: "made anew, mode 0600", isRequired: true)] + portOptions() + [
        Option(name: "count", value: "N", text: "readings, one a second (1)"),
        Option(name: "watch", value: nil, text: "read until SIGTERM"),
      ] + wantedOptions,
      notes: ["docs/PROTOCOL.md has the file's format.", failures],
      examples: ["busbar capture --port /dev/ttyUSB0 --out morning.capture --count 60"],
      exitCodes: ["0  done", "1  the device cannot be read", "2  usage"])
  }

  static var replay: Verb {
    Verb(
      name: "replay", operands: "FILE", words: 1...1, summary: "read a capture again: bit for bit the same samples",
      options: Array(portOptions().dropFirst()) + [
        Option(name: "count", value: "N", text: "readings (all)")
      ] + wantedOptions,
      notes: ["Map and unit must be those of the capture; a request that differs from it is \"corrupted\"."],
      examples: ["busbar replay morning.capture --json"],
      exitCodes: ["0  done", "1  it is no capture, or one of something else", "2  usage"])
  }

  static var simulateBus: Verb {
    Verb(
      name: "simulate-bus", operands: "[SCENARIO]", words: 0...1,
      summary: "meters and inverters behind pseudoterminals and TCP, until SIGTERM",
      options: [
        Option(name: "folder", value: "FOLDER", text: "instead: where bus/meter-K and truth/meter-K.txt go, K from 0"),
        Option(name: "houses", value: "N", text: "with --folder: 1...1024 (1)"),
        Option(name: "seed", value: "N", text: "with --folder: the same seed makes the same houses (1)"),
        .json,
      ],
      notes: [
        "Prints one JSON object a line for each device, with or without --json: port, unit and map. Without SCENARIO\n"
          + "these are an Eastron SDM630 (unit 1) and a SunSpec inverter (unit 126) on two pseudoterminals at 8N1.\n"
          + "docs/HARDWARE.md tells what a scenario may say."
      ],
      examples: [
        "busbar simulate-bus &", "busbar simulate-bus --houses 2 --folder /tmp/houses &",
        "busbar read --port /tmp/houses/bus/meter-0",
      ],
      exitCodes: ["0  done", "1  failed", "2  usage", "78 the scenario is wrong: FILE:LINE: message"])
  }

  static var doctor: Verb {
    Verb(
      name: "doctor", summary: "check clock, rights, port, network, journal, disk and keys, and say how to mend them",
      options: [
        Option(name: "config", value: "FILE", text: "a node.ini: its address, port, peers, folder, journal and keys"),
        Option(name: "port", value: "PATH", text: "a serial port"),
        Option(name: "baud", value: "N", text: "with --port: bits a second (9600)"),
        Option(name: "parity", value: "NAME", text: "with --port: none, even or odd (none)"), .json,
      ],
      notes: ["--json prints {\"check\":...,\"ok\":true|false,\"detail\":...,\"remedy\":...} for each."],
      examples: ["busbar doctor --port /dev/ttyUSB0", "busbar doctor --config grid/meter-1/node.ini"],
      exitCodes: ["0  all is well", "1  something is not", "2  usage"])
  }
}
