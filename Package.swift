// swift-tools-version: 6.2
import PackageDescription

// The layers are those of docs/ARCHITECTURE.md; Tests/ArchitectureTests reads the import lines against them.
// The Embedded flags live in the SDKs that Toolchain/ makes. The one switch of this manifest, BUSBAR_MUTANT_TESTS, adds the unit
// tests of four modules once more, against the copies that have violations planted in them (`make unit-mutants`).

let strict: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableExperimentalFeature("AddressableParameters"),
  .treatAllWarnings(as: .error),
  .treatWarning("EmbeddedRestrictions", as: .error),
]

/// Programs that never run on a board may use Foundation, and with it untyped errors.
let hostOnly: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes"), .treatAllWarnings(as: .error)]

func module(_ name: String, _ dependencies: [Target.Dependency], linking: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, swiftSettings: strict,
    linkerSettings: linking.map { .linkedLibrary($0) })
}

// What only a workstation runs; never part of a board's build. The copies stand under the names of what they are copies
// of, so that their sources say the same imports.
let copied = ["Consensus", "Aggregation", "Node"]
let mutants: [SwiftSetting] = [
  .define("BUSBAR_MUTANTS"),
  .unsafeFlags(copied.flatMap { ["-module-alias", "\($0)=Mutant\($0)"] }),
]

/// Metering has violations of its own, and what is above it is not copied for them.
let guardMutants: [SwiftSetting] = [
  .define("BUSBAR_MUTANTS"), .unsafeFlags(["-module-alias", "Metering=MutantMetering"]),
]

func mutantCopy(of name: String, _ dependencies: [Target.Dependency], _ more: [SwiftSetting] = []) -> Target {
  .target(name: "Mutant" + name, dependencies: dependencies, swiftSettings: strict + mutants + more)
}

// The simulated world is classes on one thread. Looking at run time whether two accesses to a property overlap took a third
// of its time. What it runs, from Wire to Node, is built as it ships, with every check.
let singleThreaded: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"])]

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, swiftSettings: [.enableExperimentalFeature("Lifetimes")])
}

let package = Package(
  name: "busbar",
  products: [
    .executable(name: "busbar", targets: ["busbar"]),
    .executable(name: "busbar-bench", targets: ["busbar-bench"]),
    .executable(name: "busbar-selftest", targets: ["busbar-selftest"]),
    .executable(name: "busbar-sim", targets: ["busbar-sim"]),
  ],
  targets: [
    // 0: C libraries, no logic
    .systemLibrary(name: "CGMP"),
    .systemLibrary(name: "CSodium"),
    .systemLibrary(name: "CInih"),
    .target(name: "CLinux"),
    .target(name: "CHeapCount"),
    .target(name: "CPlainLoop"),
    .target(name: "CTableRead"),
    // 1
    module("Units", []),
    module("Wire", []),
    // 2
    module("BigInteger", ["CGMP", "CTableRead", "Wire"], linking: ["gmp"]),
    module("Cryptography", ["CSodium", "Wire"], linking: ["sodium"]),
    module("HAL", ["Units", "Wire"]),
    module("Metering", ["Units", "Wire"]),
    // 3
    module("Paillier", ["BigInteger", "Cryptography", "Units", "Wire"]),
    module("Consensus", ["Cryptography", "Units", "Wire"]),
    module("Packets", ["Cryptography", "HAL", "Units", "Wire"]),
    module("Drivers", ["HAL", "Metering", "Units", "Wire"]),
    module("LinuxPlatform", ["CLinux", "Cryptography", "HAL", "Wire"]),
    module("SimulatedPlatform", ["HAL", "Wire"]),
    module("Configuration", ["CInih", "HAL", "Metering", "Units"], linking: ["inih"]),
    // 4
    module("Aggregation", ["Consensus", "Cryptography", "Paillier", "Units", "Wire"]),
    module("SimulatedWorld", ["HAL", "Wire"]),
    module("Commands", ["Configuration", "HAL", "LinuxPlatform"]),
    // 6
    module(
      "Node",
      ["Aggregation", "Consensus", "Cryptography", "HAL", "Metering", "Packets", "Paillier", "Units", "Wire"]),
    // 7
    .target(
      name: "Simulator",
      dependencies: [
        "Aggregation", "Consensus", "Cryptography", "HAL", "Metering", "Node", "Packets", "Paillier",
        "SimulatedPlatform", "Units",
        "Wire",
      ],
      swiftSettings: strict + singleThreaded),
    module(
      "NodeProcess",
      [
        "Aggregation", "CLinux", "Commands", "Configuration", "Consensus", "Cryptography", "Drivers", "HAL",
        "LinuxPlatform", "Metering", "Node", "Packets", "Paillier", "Units", "Wire",
      ]),
    module(
      "Bench",
      [
        "Aggregation", "BigInteger", "CHeapCount", "Commands", "Configuration", "Consensus", "CPlainLoop",
        "Cryptography", "HAL", "LinuxPlatform", "Metering", "Node", "NodeProcess", "Packets", "Paillier", "Units",
        "Wire",
      ]),
    // The same sources once more, with violations planted in them that `busbar-sim mutants` must find.
    .target(name: "MutantMetering", dependencies: ["Units", "Wire"], swiftSettings: strict + guardMutants),
    mutantCopy(of: "Consensus", ["Cryptography", "Units", "Wire"]),
    mutantCopy(of: "Aggregation", ["MutantConsensus", "Cryptography", "Paillier", "Units", "Wire"]),
    mutantCopy(
      of: "Node",
      [
        "MutantAggregation", "MutantConsensus", "Cryptography", "HAL", "Metering", "Packets", "Paillier", "Units",
        "Wire",
      ]),
    mutantCopy(
      of: "Simulator",
      [
        "MutantAggregation", "MutantConsensus", "MutantNode", "Cryptography", "HAL", "Metering", "Packets", "Paillier",
        "SimulatedPlatform", "Units", "Wire",
      ], singleThreaded),
    // 8
    .executableTarget(
      name: "busbar",
      dependencies: [
        "Aggregation", "CLinux", "Commands", "Configuration", "Consensus", "Cryptography", "Drivers", "HAL",
        "LinuxPlatform", "Metering", "Node", "NodeProcess", "Packets", "Paillier", "SimulatedPlatform",
        "SimulatedWorld", "Units", "Wire",
      ],
      swiftSettings: strict),
    .executableTarget(name: "busbar-bench", dependencies: ["Bench", "Commands"], swiftSettings: strict),
    .executableTarget(
      name: "busbar-selftest",
      dependencies: [
        "Aggregation", "BigInteger", "CLinux", "Consensus", "Cryptography", "HAL", "Metering", "Packets",
        "Paillier",
        "Units",
        "Wire",
      ],
      swiftSettings: strict),
    // Host only: never named by `make cross`.
    .executableTarget(
      name: "busbar-lab",
      dependencies: ["BigInteger", "CHeapCount", "Configuration", "Cryptography", "Metering", "Paillier", "Wire"],
      swiftSettings: hostOnly),
    .executableTarget(
      name: "busbar-sim",
      dependencies: [
        "Aggregation", "CLinux", "Consensus", "Cryptography", "HAL", "LinuxPlatform", "Metering", "MutantConsensus",
        "MutantSimulator", "Node", "Packets", "Paillier", "SimulatedPlatform", "Simulator", "Units", "Wire",
      ],
      swiftSettings: strict),
    tests("WireTests", ["Units", "Wire"]),
    tests("BigIntegerTests", ["BigInteger", "Wire"]),
    tests("PaillierTests", ["BigInteger", "CHeapCount", "Cryptography", "Paillier", "Wire"]),
    tests("ConsensusTests", ["Consensus", "Cryptography", "Units", "Wire"]),
    tests("AggregationTests", ["Aggregation", "Consensus", "Cryptography", "Units", "Wire"]),
    tests("PacketsTests", ["Cryptography", "HAL", "Packets", "SimulatedPlatform", "Units", "Wire"]),
    tests("ArchitectureTests", [], exclude: ["exceptions.txt"]),
    tests("ConfigurationTests", ["Configuration", "HAL", "Metering"]),
    tests("MeteringTests", ["Metering", "Units", "Wire"]),
    tests(
      "DriversTests",
      [
        "CLinux", "Configuration", "Drivers", "HAL", "LinuxPlatform", "Metering", "SimulatedWorld", "Units", "Wire",
      ]),
    tests("PlatformTests", ["CLinux", "HAL", "LinuxPlatform", "SimulatedPlatform", "Wire"]),
    tests(
      "NodeTests",
      [
        "Aggregation", "CHeapCount", "Consensus", "Cryptography", "HAL", "Metering", "Node", "Packets", "Paillier",
        "SimulatedPlatform", "Units", "Wire",
      ]),
    // What is arranged there, over the copies: each planted fault must be seen.
    .testTarget(
      name: "PlantedTests",
      dependencies: [
        "MutantAggregation", "MutantConsensus", "MutantNode", "Cryptography", "HAL", "Packets", "Paillier",
        "SimulatedPlatform", "Units", "Wire",
      ],
      swiftSettings: [.enableExperimentalFeature("Lifetimes")] + mutants),
    tests("CryptographyTests", ["Cryptography", "Units", "Wire"]),
  ]
)

if Context.environment["BUSBAR_MUTANT_TESTS"] != nil {
  package.targets.append(
    .testTarget(
      name: "MutantMeteringTests", dependencies: ["MutantMetering", "Units", "Wire"],
      swiftSettings: [.enableExperimentalFeature("Lifetimes")] + guardMutants))
  for name in copied {
    guard let tested = package.targets.first(where: { $0.name == name + "Tests" }) else { continue }
    let dependencies = tested.dependencies.map { dependency in
      guard case .byNameItem(let name, _) = dependency, copied.contains(name) else { return dependency }
      return .byName(name: "Mutant" + name)
    }
    package.targets.append(
      .testTarget(
        name: "Mutant" + name + "Tests", dependencies: dependencies,
        swiftSettings: (tested.swiftSettings ?? []) + mutants))
  }
}
