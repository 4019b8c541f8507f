#!/usr/bin/env bash
# The unit tests of Consensus, Aggregation, Node and Metering once for each planted violation, against the copies of these modules
# that can be told one: a violation that no test notices is alive. First without any, which must pass.
# usage: Toolchain/unit-mutants.sh [NAME ...]; without names, those that `busbar-sim mutants` leaves to unit tests, and those of
# Metering. `Toolchain/unit-mutants.sh metering` takes the last ones alone.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
seconds=${MUTANT_SECONDS:-300}
logs=build/unit-mutants
rm -rf "$logs"
mkdir -p "$logs"
metering=$(sed -n '/^enum MeteringMutant/,/^}/s/^ *case //p' Sources/Metering/MeteringMutant.swift | tr ',' '\n' | sed 's/ //g; /^none$/d')
node=$(sed -n '/Of Node; unit tests show them/,/^}/s/^ *case //p' Sources/Consensus/Mutant.swift | tr ',' ' ')
[ -n "$node" ] && [ -n "$metering" ] || { echo "no mutants found in the sources" >&2; exit 1; }
if [ $# = 0 ]; then
  # shellcheck disable=SC2086 # names are words
  set -- $node $metering
elif [ "$*" = metering ]; then
  # shellcheck disable=SC2086 # names are words
  set -- $metering
fi

export BUSBAR_MUTANT_TESTS=1
# No test has this name; the tests are built.
swift test -c release --disable-testable-imports --disable-xctest --filter '^nothing$' > "$logs/build.txt" 2>&1 ||
  { tail -n 20 "$logs/build.txt"; exit 1; }
tests() { # NAME
  local modules='Mutant(Consensus|Aggregation|Node)Tests' planted="--planted=$1"
  if grep -qxF "$1" <<< "$metering"; then modules=MutantMeteringTests planted="--planted-metering=$1"; fi
  [ "$1" != none ] || modules='Mutant(Consensus|Aggregation|Node|Metering)Tests'
  timeout --kill-after=10 "$seconds" .build/release/busbarPackageTests.xctest --testing-library swift-testing \
    --filter "$modules" "$planted" > "$logs/$1.txt" 2>&1
}
first_failure() { sed -nE 's/^[^ ]+ Test (.*) (recorded an issue|failed) .*/\1/p' "$logs/$1.txt" | head -n 1; }

tests none || { echo "the tests fail with nothing planted: $logs/none.txt"; exit 1; }
alive=0
for name in "$@"; do
  status=0
  tests "$name" || status=$?
  if [ "$status" = 0 ]; then
    alive=$((alive + 1))
    printf '%-36s ALIVE\n' "$name"
  elif [ "$status" -ge 124 ]; then
    printf '%-36s killed: the tests did not end, or trapped (status %d)\n' "$name" "$status"
  else
    printf '%-36s killed by %s\n' "$name" "$(first_failure "$name")"
  fi
done
echo "$# mutants, $(($# - alive)) killed, $alive alive"
[ "$alive" = 0 ]
