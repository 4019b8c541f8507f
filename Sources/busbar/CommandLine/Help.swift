import Commands
import NodeProcess

extension Verb {
  static var demo: Verb {
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

  static var provision: Verb {
    Verb(
      name: "provision", summary: "make a group: a genesis, and what each of its nodes needs to join it",
      options: [
        Option(name: "topology", value: "FILE", text: "who is in the group and where", isRequired: true),
        Option(name: "out", value: "FOLDER", text: "a folder that does not exist yet", isRequired: true),
        Option(
          name: "registrations", value: "FOLDER", text: "NODE.registration of each node, from keygen --registration"),
        Option(
          name: "first-period", value: "TIME",
          text: "when the first period begins at the earliest, as 2026-12-24T18:00Z (in one to two periods)"),
        .json,
      ],
      notes: [
        "A site's topology has a section for each node. From it and from the registrations genesis.bin is made, and\n"
          + "bundles/NODE.bundle for each node, without a private key. Names of hosts are looked up now, and addresses\n"
          + "are written. Compare the fingerprints with those that keygen printed on the nodes.",
        "A bench's topology has one host for all. Then all keys are made here, for a demo: FOLDER/NODE has those of\n"
          + "each node and its node.ini.",
        "The first period begins one to two periods from now. A clock before 2025, and a first period more than a day\n"
          + "away, are refused unless --first-period says when. Everything is made in FOLDER.new, which is renamed last.\n"
          + "docs/CONFIGURATION.md explains topology.ini, docs/DEPLOY.md the way from boards to certified sums.",
      ],
      examples: [
        "busbar provision --topology topology.ini --registrations registrations --out site",
        "busbar provision --topology bench.ini --out grid",
      ],
      exitCodes: [
        "0  done", "1  failed; FOLDER was not made", "2  usage", "78 the topology is wrong: FILE:LINE: message",
      ])
  }

  static var keygen: Verb {
    Verb(
      name: "keygen", summary: "make a node's keys where they are used, and show their public part",
      options: [
        Option(
          name: "out", value: "FILE",
          text: "the key file, mode 0600, or with --role the node's folder; never overwritten"),
        Option(name: "role", value: "ROLE", text: "aggregator, meter or bookkeeper: all keys of such a node"),
        Option(name: "registration", value: "FOLDER", text: "print the public part of the keys in it, signed"),
        Option(name: "paillier", value: nil, text: "one key alone: a Paillier key instead of an identity"),
        Option(name: "bits", value: "N", text: "of a Paillier key's modulus, 2048...4096 (3072)"), .json,
      ],
      notes: [
        "With --role the node's folder gets identity.key, a bookkeeper's paillier.key, and registration; a fingerprint\n"
          + "is printed. --registration prints that file, if it is that of the key: what provision wants of each node.\n"
          + "Private keys need never leave the folder.",
        "Of an identity alone the public keys are printed. Beside a Paillier key FILE.modulus is written, which is\n"
          + "public: the modulus n and a proof that gcd(n, phi(n)) = 1, without which one ciphertext opens to many sums.",
      ],
      examples: [
        "busbar keygen --role meter --out /var/lib/busbar/node",
        "busbar keygen --registration /var/lib/busbar/node > meter-1.registration",
        "busbar keygen --out identity.key", "busbar keygen --paillier --out paillier.key",
      ])
  }

  static var installBundle: Verb {
    Verb(
      name: "install-bundle", operands: "BUNDLE", words: 1...1,
      summary: "join a group with the keys that were made here",
      options: [
        Option(name: "data", value: "FOLDER", text: "the folder of keygen --role", isRequired: true),
        .json,
      ],
      notes: [
        "FOLDER gets genesis.bin and node.ini, whose paths are relative to it. Before anything is written it is checked\n"
          + "that the genesis holds this node's keys, and that the proof of its modulus holds; a bookkeeper's key must be\n"
          + "that of the modulus. The network that is printed is the same on every node of the site."
      ],
      examples: ["busbar install-bundle meter-1.bundle --data /var/lib/busbar/node"],
      exitCodes: ["0  done", "1  failed; nothing was changed", "2  usage"])
  }

  static var checkConfig: Verb {
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

  static var inspect: Verb {
    Verb(
      name: "inspect", operands: "[KIND] FILE", words: 1...2, summary: "say what a file is, and what it says in public",
      options: [
        Option(name: "genesis", value: "FILE", text: "check a certificate against it; read a sum by its slots"),
        Option(name: "certificate", value: "FILE", text: "with --genesis: check a sum against it"),
        .json,
      ],
      notes: [
        "KIND is genesis, certificate, sum, journal, identity, paillier-key, registration, bundle or configuration;\n"
          + "without it the file's own tag decides.\nSecrets and a household's registers are never shown; of a key file the public half is."
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

  static var verify: Verb {
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

  static var version: Verb {
    Verb(
      name: "version", summary: "print the version", options: [.json], examples: ["busbar version"],
      exitCodes: ["0  done", "2  usage"])
  }
}
