import Commands
import NodeProcess

extension Verb {
  static var run: Verb {
    Verb(
      name: "run", summary: "run one node until SIGTERM or SIGINT",
      options: [Option(name: "config", value: "FILE", text: "its node.ini", isRequired: true)],
      notes: ["It makes the same checks as check-config first. docs/CONFIGURATION.md explains node.ini."],
      examples: ["busbar run --config grid/aggregator-1/node.ini"],
      exitCodes: [
        "0  it was told to stop", "1  it cannot go on", "2  usage", "78 the configuration is wrong: FILE:LINE: message",
      ])
  }
}

/// `busbar run`: the node and all that it needs is ``NodeProcess``.
func runNode(_ arguments: Arguments) throws(Failure) { try run(try loadNode(try arguments.required("config"))) }
