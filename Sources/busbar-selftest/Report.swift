/// What the self-test found so far; a check that fails prints its name.
struct Report {
  var passed = 0
  var failed = 0

  mutating func check(_ ok: Bool, _ name: StaticString) {
    if ok {
      passed += 1
    } else {
      failed += 1
      print("failed: ", terminator: "")
      print(name)
    }
  }
}
