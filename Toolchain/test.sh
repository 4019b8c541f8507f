#!/usr/bin/env bash
# Everything `make test` runs, stage by stage, with each stage's wall time and one closing count.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
mkdir -p build
passed=0 failed=0 table=""

stage() { # name, command...
  local name=$1 started=$SECONDS; shift
  echo "== $name"
  if "$@" 2>&1 | tee "build/$name.log"; then :; else
    echo "stage $name failed" >&2
    echo "$passed passed, $((failed + 1)) failed"
    exit 1
  fi
  table+=$(printf '%6d s  %s' $((SECONDS - started)) "$name")$'\n'
}
count() { # adds the "N passed, N failed" lines of a log
  local p f
  while read -r p f; do passed=$((passed + p)); failed=$((failed + f)); done < <(
    sed -nE 's/^(.*: )?([0-9]+) passed, ([0-9]+) failed$/\2 \3/p' "build/$1.log")
}

selftests() {
  Toolchain/run host -- .build/release/busbar-selftest
  for target in embedded-x86_64 armv6 armv7 arm64; do
    Toolchain/run "$target" -- "build/$target/busbar-selftest" | sed "s/^/$target: /"
  done
}
peers() {
  for script in Tests/Peers/*.py; do
    [ -e "$script" ] || continue
    .build-peers/venv/bin/python "$script" .build/release/busbar
  done
}

stage setup Toolchain/setup.sh peers
stage build swift build -c release
stage lint Toolchain/lint.sh
stage unit swift test
unit=$(sed -nE 's/.*Test run with ([0-9]+) tests? .*passed.*/\1/p' build/unit.log | tail -n 1)
[ -n "$unit" ] && [ "$unit" -gt 0 ] || { echo "no unit test was run" >&2; exit 1; }
passed=$((passed + unit))
stage cross Toolchain/cross.sh
stage selftest selftests; count selftest
stage peers peers; count peers
if .build/release/busbar --help 2>/dev/null | grep -q '^  demo '; then
  stage demo .build/release/busbar demo --data build/demo-test --periods 2
  passed=$((passed + 1))
fi
printf '%s' "$table"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
