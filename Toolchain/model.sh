#!/usr/bin/env bash
# Check Models/instance.pml with Spin: the model as it is must have no violation, and each planted one must be found.
set -euo pipefail
cd "$(dirname "$0")/.."
gigabytes=${MODEL_GIGABYTES:-4}
# No search takes longer than that.
seconds=${MODEL_SECONDS:-1200}
work=build/model
rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0

explore() { # OPTIMISATION DEFINITION...: prints the number of errors and of states
  local folder=$work/run optimisation=$1
  shift
  rm -rf "$folder"
  mkdir "$folder"
  cp Models/instance.pml "$folder"
  (
    cd "$folder"
    spin "${@/#/-D}" -a instance.pml > spin.log
    gcc -w "$optimisation" -DSAFETY -DNOREDUCE -DMEMLIM=$((gigabytes * 1024)) -o pan pan.c
    timeout --kill-after=10 "$seconds" ./pan -m1000000 -w23 > pan.log
  ) || true
  # A search that was cut short shows nothing.
  if grep -qE "max search depth too small|out of memory|truncated" "$folder/pan.log"; then
    echo "unfinished 0"
  else
    sed -nE 's/.*errors: ([0-9]+).*/\1/p; s/^ *([0-9.e+]+) states, stored.*/\1/p' "$folder/pan.log" | paste -sd ' '
  fi
}
check() { # what is expected: 0 or 1; then as for explore
  local expected=$1 errors states
  shift
  read -r errors states < <(explore "$@") || true
  if [ "$errors" = "$expected" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "model: ${*:2}: expected $expected errors, got ${errors:-none}" >&2
  fi
  printf '%s: %s errors in %s states\n' "${*:2}" "${errors:-?}" "${states:-?}"
}
# Each owner makes the liar lead other rounds.
each_liar() { # as for explore
  local owner
  for owner in 3 2 1 0; do check 0 "$@" "OWNER=$owner"; done
}
# With owners 1 and 0 it leads none of two views, and these are alike.
each_liar_that_stays() {
  local owner
  for owner in 3 2 1; do check 0 "$@" STAYS "OWNER=$owner"; done
}

# Periods 1 and 2 in position 1, and 2 and 3 in position 2, of two views each.
each_liar -O2 IN_ORDER FIRST=4 SECOND=4
each_liar_that_stays -O2 IN_ORDER FIRST=4 SECOND=2
# In any order, that nothing rests on the argument of order alone: position 1 as above; two positions of one period; two positions
# over two periods each, of one view.
each_liar -O2 FIRST=4 SECOND=0
each_liar -O1 FIRST=2 SECOND=2
each_liar -O1 VIEWS=1 FIRST=2 SECOND=2

# Planted violations, with the liar that leads (2, 1) and (3, 0). In order, but for a vote in an old round, which is out of order.
for violation in UNJUSTIFIED_PERIOD FIRST_FROM_DECIDING_ROUND NO_PREVIOUS LOCK_OF_OTHER_POSITION LOCK_ENDS_WITH_PERIOD HIDES_LOCK \
  FORGETS_LOCK_AT_RESTART AMNESIA NOT_RECOMPUTED QUORUM_LESS_ONE UNVERIFIED_LOCK LOWEST_CHOSEN HIGHEST_VIEW DECIDES_ON_PREPARES; do
  check 1 -O0 IN_ORDER FIRST=4 SECOND=3 OWNER=1 "$violation"
done
check 1 -O0 IN_ORDER FIRST=4 SECOND=0 OWNER=1 DECIDES_ACROSS_ROUNDS
check 1 -O0 FIRST=3 SECOND=0 OWNER=1 VOTES_IN_OLD_ROUND

echo "model: $passed passed, $failed failed"
[ "$failed" = 0 ]
