/// One option of a verb. What stands here is both what `--help` prints and what the command line accepts.
struct Option {
  let name: String
  /// The placeholder of its value; nil for a flag.
  let value: String?
  let text: String
  var isRequired = false

  static let json = Option(name: "json", value: nil, text: "print JSON, one object a line")
}

/// One verb: its place on the command line and its help.
struct Verb {
  let name: String
  /// Plain words behind the verb, as the usage line shows them; empty for none.
  var operands = ""
  /// How many plain words it takes.
  var words = 0...0
  let summary: String
  var options: [Option] = []
  /// Paragraphs for a reader, behind the options.
  var notes: [String] = []
  var examples: [String] = []
  /// What 0, 1, … mean here, where that is more than done and failed.
  var exitCodes = ["0  done", "1  failed", "2  usage"]

  static var all: [Verb] {
    [
      demo, provision, keygen, checkConfig, run, devices, read, scan, dump, limit, capture, replay, simulateBus,
      simulateMeters, doctor, inspect, verify, bench, status, relay,
      Verb(
        name: "version", summary: "print the version", options: [.json], examples: ["busbar version"],
        exitCodes: ["0  done", "2  usage"]),
    ]
  }

  static func named(_ name: String) -> Verb? { all.first { $0.name == name } }

  private static var demo: Verb {
    Verb(
      name: "demo", summary: "run a microgrid of 33 nodes on this machine and check it against the truth",
      options: [
        Option(
          name: "data", value: "FOLDER",
          text: "a folder that does not exist yet (demo-data, or the next free demo-data-N)"),
        Option(name: "periods", value: "N", text: "reporting periods to run, 1...1000 (5)"),
        Option(name: "kill", value: "NODE", text: "kill this node, without warning, in the middle of a period"),
        Option(
          name: "pause", value: "NODE", text: "stop this node there, and let it go on one and a half periods later"),
        Option(
          name: "wipe", value: "NODE", text: "kill this node there, delete its journal, start it half a period later"),
        Option(name: "at-period", value: "P", text: "which one, 1...N (1)"),
        Option(
          name: "targets", value: "LIST", text: "of armv6, armv7, arm64: some nodes run as ARM programs under qemu"),
        .json,
      ],
      notes: [
        "Nodes are aggregator-1 ... aggregator-4, meter-1 ... meter-28 and bookkeeper-1. A period is 4 s, 12 s with\n"
          + "--targets; the houses live 450 times faster. Signatures are checked as decisions are published; at the\n"
          + "end every sum is opened, and the certified and the pending energy of every house are compared with what\n"
          + "the house itself answered.",
        "--json prints {\"event\":\"period\",...} for each decision as it is published and {\"event\":\"summary\",...}\n"
          + "last. The folder stays; busbar verify FOLDER checks it again.",
      ],
      examples: [
        "busbar demo --periods 3", "busbar demo --data /tmp/grid --kill aggregator-2 --at-period 2",
        "busbar demo --wipe aggregator-3 --at-period 2",
      ],
      exitCodes: [
        "0  every house agrees, and every sum", "1  they do not, a node stopped by itself, or it was interrupted",
        "2  usage",
      ])
  }

  private static var provision: Verb {
    Verb(
      name: "provision", summary: "make keys, genesis and a folder for each node of a group",
      options: [
        Option(name: "topology", value: "FILE", text: "how large the group is and where it runs", isRequired: true),
        Option(name: "out", value: "FOLDER", text: "a folder that does not exist yet", isRequired: true),
        .json,
      ],
      notes: [
        "Key files are readable by their owner alone. Everything is made in FOLDER.new, which is renamed last.\n"
          + "docs/CONFIGURATION.md explains topology.ini. The first period begins one to two periods from now."
      ],
      examples: ["busbar provision --topology topology.ini --out grid"],
      exitCodes: [
        "0  done", "1  failed; FOLDER was not made", "2  usage", "78 the topology is wrong: FILE:LINE: message",
      ])
  }

  private static var keygen: Verb {
    Verb(
      name: "keygen", summary: "make one node's identity, or a bookkeeper's Paillier key",
      options: [
        Option(name: "out", value: "FILE", text: "the key file, mode 0600; never overwritten", isRequired: true),
        Option(name: "paillier", value: nil, text: "a Paillier key instead of an identity"),
        Option(name: "bits", value: "N", text: "with --paillier: of its modulus, 2048...4096 (3072)"), .json,
      ],
      notes: [
        "Of an identity the public keys are printed. Beside a Paillier key FILE.modulus is written, which is public:\n"
          + "the modulus n and a proof that gcd(n, phi(n)) = 1, without which one ciphertext opens to many sums."
      ],
      examples: ["busbar keygen --out identity.key", "busbar keygen --paillier --out paillier.key"])
  }

  private static var checkConfig: Verb {
    Verb(
      name: "check-config", operands: "FILE", words: 1...1, summary: "check a configuration, and say what it would run",
      options: [.json],
      notes: [
        "FILE is a node.ini, a topology.ini or a board.ini. For a node.ini the files it names are checked too: they\n"
          + "exist, no key file may be read by others, and the genesis holds this node's public keys. A meter that is\n"
          + "not plugged in is a warning."
      ],
      examples: ["busbar check-config grid/meter-1/node.ini"],
      exitCodes: ["0  it is right", "2  usage", "78 it is wrong: FILE:LINE: message"])
  }

  private static var run: Verb {
    Verb(
      name: "run", summary: "run one node until SIGTERM or SIGINT",
      options: [Option(name: "config", value: "FILE", text: "its node.ini", isRequired: true)],
      notes: ["It makes the same checks as check-config first. docs/CONFIGURATION.md explains node.ini."],
      examples: ["busbar run --config grid/aggregator-1/node.ini"],
      exitCodes: [
        "0  it was told to stop", "1  it cannot go on", "2  usage", "78 the configuration is wrong: FILE:LINE: message",
      ])
  }

  private static var inspect: Verb {
    Verb(
      name: "inspect", operands: "[KIND] FILE", words: 1...2, summary: "say what a file is, and what it says in public",
      options: [
        Option(name: "genesis", value: "FILE", text: "check a certificate against it; read a sum by its slots"),
        Option(name: "certificate", value: "FILE", text: "with --genesis: check a sum against it"),
        .json,
      ],
      notes: [
        "KIND is genesis, certificate, sum, journal, identity, paillier-key or configuration; without it the file's\n"
          + "own tag decides. Secrets and a household's registers are never shown; of a key file the public half is."
      ],
      examples: [
        "busbar inspect grid/genesis.bin",
        "busbar inspect grid/published/2021-02-19/896540-0.certificate --genesis grid/genesis.bin",
        "busbar inspect grid/meter-1/journal --json",
      ],
      exitCodes: [
        "0  done", "1  the file is damaged or of no known kind", "2  usage",
        "78 a configuration is wrong: FILE:LINE: message",
      ])
  }

  private static var verify: Verb {
    Verb(
      name: "verify", operands: "FOLDER | certificate | sum | modulus", words: 1...1,
      summary: "check certificates and decryptions offline, from files alone",
      options: [
        Option(name: "modulus", value: "FILE", text: "for modulus: what keygen --paillier wrote beside its key"),
        Option(name: "genesis", value: "FILE", text: "for certificate and sum: the group's genesis"),
        Option(name: "certificate", value: "FILE", text: "for certificate and sum"),
        Option(name: "sum", value: "FILE", text: "for sum"),
        Option(name: "from", value: "PERIOD", text: "for a folder that begins later: leave earlier periods aside"),
        .json,
      ],
      notes: [
        "FOLDER holds genesis.bin and published/, which has a folder for each day. Every certificate must carry a\n"
          + "quorum's signatures, every sum must open to the very product that was certified, names must say what is in\n"
          + "the files, and neither may be there without the other. The proof of the genesis' modulus must hold. Each set's\n"
          + "chain is walked: every value names the one before it, the first one the genesis. From where to where it is\n"
          + "whole is printed, and each gap is named. A total that cannot be read stands in the chain as\n"
          + "PERIOD-OWNER.unreadable, and is counted apart. --json prints\n"
          + "{\"certificates\":N,\"decryptions\":N,\"unreadable\":N,\"gaps\":N,\"whole\":[...]} and says {\"error\":...} behind it."
      ],
      examples: [
        "busbar verify grid",
        "busbar verify grid --from 896540",
        "busbar verify sum --genesis grid/genesis.bin --certificate C.certificate --sum C.sum",
      ],
      exitCodes: [
        "0  everything holds", "1  something does not, or a chain has a gap; the reason names it", "2  usage",
      ])
  }

  // MARK: As text

  static var overview: String {
    var text = "busbar: certified sums of smart meters, without anybody's reading\n\nusage: busbar VERB [OPTION...]\n\n"
    for verb in all { text += "  \(padded(verb.name, 17))\(verb.summary)\n" }
    return text + "\nbusbar VERB --help tells more.\nexit codes: 0 done, 1 failed, 2 usage, 78 bad configuration"
  }

  var help: String {
    var usage = "usage: busbar \(name)"
    if !operands.isEmpty { usage += " " + operands }
    for option in options where option.isRequired { usage += " --\(option.name) \(option.value ?? "")" }
    var width = usage.utf8.count
    for option in options where !option.isRequired {
      let word = " [--\(option.name)\(option.value.map { " " + $0 } ?? "")]"
      if width + word.utf8.count > 100 {
        usage += "\n      "
        width = 6
      }
      usage += word
      width += word.utf8.count
    }
    var text = "\(name): \(summary)\n\n\(usage)\n"
    if !options.isEmpty { text += "\n" }
    for option in options {
      text += "  " + padded("--\(option.name) \(option.value ?? "")", 24) + option.text + "\n"
    }
    for note in notes { text += "\n\(note)\n" }
    text += examples.count == 1 ? "\nexample:\n" : "\nexamples:\n"
    for example in examples { text += "  \(example)\n" }
    text += "\nexit codes:"
    for code in exitCodes { text += "\n  \(code)" }
    return text
  }
}

/// The text with spaces behind it, up to `width` characters; ASCII.
func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.utf8.count))
}

/// The text with spaces before it, up to `width` characters; ASCII.
func aligned(_ text: String, _ width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.utf8.count)) + text
}
