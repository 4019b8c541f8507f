#!/usr/bin/env bash
# Everything `make test` runs, stage by stage: each stage's wall time in one table, then "N passed, N failed" in total.
# The total adds what the stages themselves printed: unit tests, each selftest, each peer script, the demo as one, the
# tests of the command line and of outages.
# A stage that failed without counting a failure itself, such as a crash, counts as one failure; so does one that was begun and left no
# result. Each stage's output is in build/test/STAGE.log.
#
# Two lanes share the cores: the SDK and `cross` on one, host build, lint, unit tests, simulation and model on the other. They are joined
# before the stages that look at the clock.
# shellcheck disable=SC2317 # functions are called by name, through stage
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
logs=build/test
rm -rf "$logs"
mkdir -p "$logs"
order=(setup sdk build lint unit simulation model cross selftest peers demo commands outages)

# Release, in the same folder as `make build`: the tests run the very objects that ship, which are not compiled twice,
# and a fault that only the optimizer brings out is seen. Tests therefore say `import`, not `@testable import`.
unit_tests() {
  timeout --kill-after=10 1800 swift test -c release --disable-testable-imports --disable-xctest
}
demonstration() {
  rm -rf build/demo-test build/demo-test.new
  timeout --kill-after=10 600 Toolchain/demo.sh "" --data build/demo-test --periods 3
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
# group under each attack; beside it 300 whole groups of the real nodes, by two processes. The first has the arranged ones as well.
simulation() {
  local status=0 beside=() process
  timeout --kill-after=10 3000 .build/release/busbar-sim groups --schedules 130 > "$logs/groups-1.txt" 2>&1 &
  beside+=($!)
  timeout --kill-after=10 3000 .build/release/busbar-sim groups --from 130 --schedules 170 > "$logs/groups-2.txt" 2>&1 &
  beside+=($!)
  timeout --kill-after=10 1800 .build/release/busbar-sim run --schedules 200000 || status=1
  timeout --kill-after=10 1500 .build/release/busbar-sim run --schedules 1000 --real-crypto || status=1
  # The bound on time and views after healing grows with n.
  timeout --kill-after=10 1500 .build/release/busbar-sim run --schedules 3000 --profile liveness --members 16 || status=1
  # More than f liars may come to two decisions; then f + 1 of them are known.
  timeout --kill-after=10 1500 .build/release/busbar-sim run --schedules 10000 --too-many-liars --members 4 || status=1
  timeout --kill-after=10 1500 .build/release/busbar-sim run --schedules 10000 --too-many-liars --members 7 || status=1
  timeout --kill-after=10 1500 .build/release/busbar-sim crashes || status=1
  timeout --kill-after=10 1800 .build/release/busbar-sim twins || status=1
  # A group for each attack. Of so few sets p99 is the slowest one: each attack is judged by its median, and all of them together
  # by p99. Then two faulty members, where they matter most. A missed bound fails the stage.
  timeout --kill-after=10 1800 .build/release/busbar-sim attacks --groups 1 --periods 4 --spread || status=1
  timeout --kill-after=10 1800 .build/release/busbar-sim attacks --members 7 --groups 1 --periods 3 --spread \
    --attack slow-primary,selective-records,double-records,everything || status=1
  for process in "${beside[@]}"; do wait "$process" || status=1; done
  cat "$logs/groups-1.txt" "$logs/groups-2.txt"
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

# What a stage came to is written down, for lanes are processes: PASSED FAILED SECONDS. One that is begun has failed until it says otherwise.
stage() { # name, counter, command...
  local name=$1 counter=$2 started=$SECONDS status=0 ok bad
  shift 2
  echo "== $name"
  echo 0 1 - > "$logs/$name.result"
  "$@" 2>&1 | tee "$logs/$name.log" || status=${PIPESTATUS[0]}
  read -r ok bad < <("$counter" "$logs/$name.log")
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  if [ "$status" = 0 ] && [ "$bad" != 0 ]; then status=1; fi
  echo "$ok" "$bad" $((SECONDS - started)) > "$logs/$name.result"
  return "$status"
}

# The other lane, in a process group of its own: whatever ends this script ends it, compilers and all.
lane=""
cross_lane() {
  if stage sdk count_nothing Toolchain/make-all.sh; then stage cross count_nothing Toolchain/cross.sh || true; fi
}
begin_lane() {
  set -m
  cross_lane > "$logs/lane.txt" 2>&1 &
  lane=$!
  set +m
}
join_lane() {
  wait "$lane" || true
  lane=""
  cat "$logs/lane.txt"
}
stop_lane() {
  if [ -z "$lane" ]; then return; fi
  kill -- "-$lane" 2> /dev/null || true
  wait "$lane" 2> /dev/null || true
  lane=""
}
trap stop_lane EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

finish() {
  local passed=0 failed=0 name ok bad seconds
  if [ -n "$lane" ]; then
    # What is stopped here has not failed.
    stop_lane
    for name in sdk cross; do
      if grep -q -e '-$' "$logs/$name.result" 2> /dev/null; then rm "$logs/$name.result"; fi
    done
  fi
  echo "== times (sdk and cross beside build to model)"
  for name in "${order[@]}"; do
    if ! [ -e "$logs/$name.result" ]; then continue; fi
    read -r ok bad seconds < "$logs/$name.result"
    printf '%-10s %5s s %7d passed %5d failed\n' "$name" "$seconds" "$ok" "$bad"
    passed=$((passed + ok)) failed=$((failed + bad))
  done
  printf '%-10s %5d s\n' "in all" "$SECONDS"
  echo "$passed passed, $failed failed"
  if [ "$failed" = 0 ]; then exit 0; else exit 1; fi
}

# Without these two nothing below can run; after them a failed stage does not keep the others from reporting.
stage setup count_nothing Toolchain/setup.sh peers || finish
# Both lanes read what it writes.
Toolchain/embed-devices.sh
begin_lane
stage build count_nothing Toolchain/build.sh || finish
stage lint count_nothing Toolchain/lint.sh || true
stage unit count_unit_tests unit_tests || true
stage simulation count_schedules simulation || true
stage model count_summaries model || true
join_lane
if [ "$(cut -d " " -f 2 "$logs/cross.result" 2> /dev/null)" = 0 ]; then
  stage selftest count_summaries Toolchain/selftest.sh || true
else
  stage selftest count_summaries Toolchain/selftest.sh host || true
fi
stage peers count_summaries Toolchain/peers.sh || true
stage demo count_one demonstration || true
stage commands count_summaries command_line || true
stage outages count_summaries outages || true
finish
