extension Verb {
  package static var bench: Verb {
    Verb(
      name: "bench", operands: "crypto | packets | consensus | node | round | round-node | fleet", words: 1...1,
      summary: "time what this machine does most",
      options: [
        Option(
          name: "bits", value: "N", text: "of the Paillier key, 2048 or 3072 (2048; fleet 3072)"),
        Option(name: "milliseconds", value: "N", text: "crypto: for each operation, 10...60000 (1000)"),
        Option(name: "packets", value: "N", text: "packets: how many, 32...100000000 (10000000)"),
        Option(name: "messages", value: "N", text: "consensus, node: how many, 1000...100000000 (1000000)"),
        Option(name: "aggregators", value: "M", text: "node, round, fleet: in the group, 4...64, node 4...16 (4)"),
        Option(
          name: "meters", value: "N", text: "node, round, fleet: of each aggregator's set, 3...512 (4, 100, 500)"),
        Option(name: "seconds", value: "N", text: "of a period: fleet 2...3600 (60), node with --data 4...3600 (4)"),
        Option(name: "periods", value: "N", text: "round 1...80 (1), fleet 1...1000 (3), node with --data 1...100 (3)"),
        Option(name: "data", value: "FOLDER", text: "a folder that does not exist yet (fleet: fleet-data; node: none)"),
        Option(name: "report", value: "FILE", text: "fleet: where its numbers go too, as JSON"),
        Option(name: "driver", value: "PORT", text: "round-node: where the program is that plays the group"),
        .json,
      ],
      notes: [
        "crypto: wall time of one operation after a warm-up, as percentiles: what else runs on the machine shows in\n"
          + "the upper ones. Keys are made first, which takes seconds on a small board, and are forgotten.",
        "packets: full packets from one socket to another on loopback, with the heap allocations they cost, and the\n"
          + "CPU time of a plain C loop that moves as many unsealed ones.",
        "consensus: votes that four instances of the core send each other, with the heap allocations they cost.",
        "node: what a group's real aggregators and their meters send each other, with the heap allocations it costs an\n"
          + "aggregator's node. With --data one aggregator keeps its journal there and its packets cross sockets; CPU time\n"
          + "of that, with syncs and calls, stands for what its process takes: records come from meters, with receipts.",
        "round: CPU time of an aggregator's periods in which every set is certified: every record, proposal and vote\n"
          + "arrives sealed. The baseline is what no program can avoid: libsodium's verification, and GMP's product\n"
          + "and remainder, once for each record. The aggregator is a process of its own, round-node, which round\n"
          + "starts: what is resident there is an aggregator's.",
        "fleet: whole periods of a group on loopback in real time: each aggregator and the bookkeeper a process, and\n"
          + "all meters in one. Fails unless every period of every set is certified with every meter, and every sum\n"
          + "is that of the registers. Tells what each role took.",
      ],
      examples: [
        "busbar bench crypto", "busbar bench crypto --bits 3072 --milliseconds 5000 --json",
        "busbar bench packets --packets 1000000",
      ])
  }
}

extension Verb {
  package static var simulateMeters: Verb {
    Verb(
      name: "simulate-meters", summary: "all meters of a group in one process, for measurements of the rest",
      options: [
        Option(
          name: "folder", value: "FOLDER", text: "of a group that provision made, with its meters' keys",
          isRequired: true)
      ],
      notes: [
        "Each meter is the node that `run` runs, with its own keys, sealed packets and records. What differs: one socket\n"
          + "for all; one table of powers for all, with short exponents; registers that are computed, not read; journals\n"
          + "that are not kept, so it is started once for a group. FOLDER/truth/PERIOD.txt has the registers each meter\n"
          + "was given at the end of that period, in mWh, FOLDER/truth/state the period up to which all are certified."
      ],
      examples: ["busbar simulate-meters --folder fleet-data"])
  }
}
