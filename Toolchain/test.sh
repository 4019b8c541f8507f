#!/usr/bin/env bash
# Everything `make test` runs, stage by stage: each stage's wall time in one table, then "N passed, N failed" in total.
# The total adds what the stages themselves printed: unit tests, each selftest, each peer script, the demo as one, the
# tests of the command line and of outages.
# A stage that failed without counting a failure itself, such as a crash, counts as one failure.
# shellcheck disable=SC2317 # functions are called by name, through stage
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
logs=build/test
rm -rf "$logs"
mkdir -p "$logs"
passed=0 failed=0 table=""

# Release, in the same folder as `make build`: the tests run the very objects that ship, which are not compiled twice,
# and a fault that only the optimizer brings out is seen. Tests therefore say `import`, not `@testable import`.
unit_tests() {
  timeout --kill-after=10 1800 swift test -c release --disable-testable-imports --disable-xctest
}
demonstration() {
  rm -rf build/demo-test build/demo-test.new
  timeout --kill-after=10 600 Toolchain/demo.sh "" --data build/demo-test --periods 2
}
# Nine groups side by side for a minute, in periods of 4 s; `make test-outages` has the long outages.
outages() {
  timeout --kill-after=30 240 .build-peers/venv/bin/python -B Tests/Outages/outages.py .build/release/busbar --short
}
# On the demo's folder when that stage left one; else the script runs a demo of its own.
command_line() {
  local folder=()
  if [ -d build/demo-test/published ]; then folder=(build/demo-test); fi
  timeout --kill-after=10 300 .build-peers/venv/bin/python -B Tests/CommandLine/test_command_line.py .build/release/busbar "${folder[@]}" |
    sed 's/^/commands: /'
}

# Guided, uniform and liveness schedules over n = 4…7, some of them with real signatures, then what can be enumerated, and a
# group under each attack; beside it on the other core, whole groups of the real nodes.
simulation() {
  local groups=build/test/groups.txt status=0
  timeout --kill-after=10 3000 .build/release/busbar-sim groups --schedules 300 > "$groups" 2>&1 &
  local beside=$!
  timeout --kill-after=10 900 .build/release/busbar-sim run --schedules 200000 || status=1
  timeout --kill-after=10 300 .build/release/busbar-sim run --schedules 1000 --real-crypto || status=1
  # The bound on time and views after healing grows with n.
  timeout --kill-after=10 300 .build/release/busbar-sim run --schedules 3000 --profile liveness --members 16 || status=1
  # More than f liars may come to two decisions; then f + 1 of them are known.
  timeout --kill-after=10 300 .build/release/busbar-sim run --schedules 10000 --too-many-liars --members 4 || status=1
  timeout --kill-after=10 300 .build/release/busbar-sim run --schedules 10000 --too-many-liars --members 7 || status=1
  timeout --kill-after=10 300 .build/release/busbar-sim crashes || status=1
  timeout --kill-after=10 600 .build/release/busbar-sim twins || status=1
  # A group for each attack. Of so few sets p99 is the slowest one: each attack is judged by its median, and all of them together
  # by p99. Then two faulty members, where they matter most. A missed bound fails the stage.
  timeout --kill-after=10 600 .build/release/busbar-sim attacks --groups 1 --periods 4 --spread || status=1
  timeout --kill-after=10 600 .build/release/busbar-sim attacks --members 7 --groups 1 --periods 3 --spread \
    --attack slow-primary,selective-records,double-records,everything || status=1
  wait "$beside" || status=1
  cat "$groups"
  return "$status"
}
model() { timeout --kill-after=10 1200 Toolchain/model.sh; }

# Counters read a stage's log and print "PASSED FAILED".
count_nothing() { echo 0 0; }
count_unit_tests() {
  local total bad
  total=$(sed -nE 's/.*Test run with ([0-9]+) tests? .*/\1/p' "$1" | tail -n 1)
  bad=$(grep -E '^[^ ]+ Test .* failed after [0-9.]+ seconds' "$1" | grep -Ecv ' Test run with ' || true)
  # No summary means that the run did not reach its end; no tests means that nothing was tested.
  if [ "${total:-0}" = 0 ]; then echo 0 1; else echo $((total - bad)) "$bad"; fi
}
count_summaries() { # the last "N passed, N failed" of each program, whose lines begin with "name: "
  sed -nE 's/^([^:]+): ([0-9]+) passed, ([0-9]+) failed$/\1 \2 \3/p' "$1" |
    awk '{ passed[$1] = $2; failed[$1] = $3 }
      END { for (name in passed) { p += passed[name]; f += failed[name] } print p + 0, f + 0 }'
}
count_schedules() { # "N schedules, ...: N unsafe, N stuck, N wrongly convicted"
  sed -nE 's/^([0-9]+) schedules,.*: ([0-9]+) unsafe, ([0-9]+) stuck, ([0-9]+) wrongly.*/\1 \2 \3 \4/p' "$1" |
    awk '{ bad = $2 + $3 + $4; p += $1 - bad; f += bad } END { print p + 0, f + 0 }'
}
count_one() { if [ "$status" = 0 ]; then echo 1 0; else echo 0 1; fi; }

stage() { # name, counter, command...
  local name=$1 counter=$2 started=$SECONDS status=0 ok bad row
  shift 2
  echo "== $name"
  "$@" 2>&1 | tee "$logs/$name.log" || status=${PIPESTATUS[0]}
  read -r ok bad < <("$counter" "$logs/$name.log")
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  if [ "$status" = 0 ] && [ "$bad" != 0 ]; then status=1; fi
  passed=$((passed + ok)) failed=$((failed + bad))
  printf -v row '%-10s %5d s %7d passed %5d failed' "$name" $((SECONDS - started)) "$ok" "$bad"
  table+=$row$'\n'
  return "$status"
}

finish() {
  printf '== times\n%s%s passed, %s failed\n' "$table" "$passed" "$failed"
  if [ "$failed" = 0 ]; then exit 0; else exit 1; fi
}

# Without these two nothing below can run; after them a failed stage does not keep the others from reporting.
stage setup count_nothing Toolchain/setup.sh peers || finish
stage build count_nothing Toolchain/build.sh || finish
stage lint count_nothing Toolchain/lint.sh || true
stage unit count_unit_tests unit_tests || true
stage simulation count_schedules simulation || true
stage model count_summaries model || true
if stage cross count_nothing Toolchain/cross.sh; then
  stage selftest count_summaries Toolchain/selftest.sh || true
else
  stage selftest count_summaries Toolchain/selftest.sh host || true
fi
stage peers count_summaries Toolchain/peers.sh || true
stage demo count_one demonstration || true
stage commands count_summaries command_line || true
stage outages count_summaries outages || true
finish
