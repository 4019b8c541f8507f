// swift-tools-version: 6.2
import PackageDescription

// Fuzz targets, built by Toolchain/fuzz.sh: the modules of the main package again, instrumented for libFuzzer.
// A package of its own, because the main one has no switch and gives its modules to nobody. `Modules` is a link to
// its Sources.

let instrumented: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableExperimentalFeature("AddressableParameters"),
  .unsafeFlags(["-sanitize=fuzzer", "-enable-testing"]),
]

func module(_ name: String, _ dependencies: [Target.Dependency], linking: [String] = []) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Modules/\(name)", swiftSettings: instrumented,
    linkerSettings: linking.map { .linkedLibrary($0) })
}

let package = Package(
  name: "fuzz",
  targets: [
    .systemLibrary(name: "CGMP", path: "Modules/CGMP"),
    .systemLibrary(name: "CSodium", path: "Modules/CSodium"),
    .systemLibrary(name: "CInih", path: "Modules/CInih"),
    .target(name: "CLinux", path: "Modules/CLinux"),
    .target(name: "CTableRead", path: "Modules/CTableRead"),
    .systemLibrary(name: "CFuzzer", path: "CFuzzer"),
    module("Units", []),
    module("Wire", ["Units"]),
    module("BigInteger", ["CGMP", "CTableRead", "Wire"], linking: ["gmp"]),
    module("Cryptography", ["CSodium", "Units", "Wire"], linking: ["sodium"]),
    module("HAL", ["Units", "Wire"]),
    module("Metering", ["Units", "Wire"]),
    module("Paillier", ["BigInteger", "Cryptography", "Units", "Wire"]),
    module("Consensus", ["Cryptography", "HAL", "Units", "Wire"]),
    module("Packets", ["Cryptography", "HAL", "Units", "Wire"]),
    module("Drivers", ["HAL", "Metering", "Units", "Wire"]),
    module("LinuxPlatform", ["CLinux", "Cryptography", "HAL", "Units", "Wire"]),
    module("SimulatedPlatform", ["HAL", "Units", "Wire"]),
    module("Configuration", ["CInih", "HAL", "Metering", "Units", "Wire"], linking: ["inih"]),
    module("Aggregation", ["Consensus", "Cryptography", "HAL", "Paillier", "Units", "Wire"]),
    module(
      "Node",
      [
        "Aggregation", "Consensus", "Cryptography", "Drivers", "HAL", "Metering", "Packets", "Paillier", "Units",
        "Wire",
      ]),
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "Aggregation", "BigInteger", "CFuzzer", "Configuration", "Consensus", "Cryptography", "Drivers", "HAL",
        "LinuxPlatform", "Metering", "Node", "Packets", "Paillier", "SimulatedPlatform", "Units", "Wire",
      ],
      path: "Fuzz", swiftSettings: instrumented + [.unsafeFlags(["-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
  ]
)
