#!/usr/bin/env bash
# Fuzz every decoder for FUZZ_SECONDS (30) each, or for FUZZ_RUNS inputs where that is set, however long they take, with
# libFuzzer, which comes with the Swift toolchain; not part of `make test`. Inputs that reached something new are kept in
# build/fuzz/corpus/TARGET, and one that broke an invariant is left in build/fuzz/failures/TARGET-…; the last line is
# "N passed, N failed", a target each.
# Usage: fuzz.sh [TARGET...]      by default all of Tests/Fuzz
#        fuzz.sh TARGET FILE      run one input again
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
bound=-max_total_time=${FUZZ_SECONDS:-30}
[ -z "${FUZZ_RUNS:-}" ] || bound=-runs=$FUZZ_RUNS
folder=$PWD/build/fuzz
mkdir -p "$folder/failures" "$folder/logs"

swift build -c release --package-path Tests/Fuzz --scratch-path "$folder/package"
program=$folder/package/release/fuzz
# Each line: a target and its longest input.
known=$("$program" seeds "$folder/corpus")

if [ $# = 2 ] && [ -f "$2" ]; then exec "$program" "$1" "$2"; fi
[ $# -gt 0 ] || read -ra names <<< "$(awk '{ printf "%s ", $1 }' <<< "$known")"
[ $# = 0 ] || names=("$@")
passed=0 failed=0
for name in "${names[@]}"; do
  longest=$(awk -v name="$name" '$1 == name { print $2 }' <<< "$known")
  [ -n "$longest" ] || { echo "fuzz: unknown target $name" >&2; exit 2; }
  log=$folder/logs/$name.log
  # -timeout is for one input, in seconds: a slow machine under load stays far below it.
  if "$program" "$name" "$bound" -max_len="$longest" -timeout=60 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$folder/failures/$name-" "$folder/corpus/$name" > "$log" 2>&1; then
    passed=$((passed + 1))
    printf '%-22s %10d executions, %5d inputs kept\n' "$name" \
      "$(awk '/number_of_executed_units/ { print $2 }' "$log")" "$(find "$folder/corpus/$name" -type f | wc -l)"
  else
    failed=$((failed + 1))
    tail -n 40 "$log" >&2
    echo "fuzz: $name failed; run it again with Toolchain/fuzz.sh $name FILE" >&2
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
