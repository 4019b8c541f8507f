#!/usr/bin/env bash
# Check Models/instance.pml with Spin: the model as it is must have no violation, and each planted one must be found.
# Usage: model.sh [VIEWS]     2 by default, which takes a minute; 3 takes much longer and much memory
set -euo pipefail
cd "$(dirname "$0")/.."
views=${1:-2}
gigabytes=${MODEL_GIGABYTES:-4}
work=build/model
rm -rf "$work"
mkdir -p "$work"
passed=0 failed=0

explore() { # VIEWS LIAR [VIOLATION]: prints the number of errors and of states
  local folder
  folder=$work/$1-$2-${3:-none}
  mkdir -p "$folder"
  cp Models/instance.pml "$folder"
  (
    cd "$folder"
    spin -DVIEWS="$1" -DLIAR="$2" ${3:+-D"$3"} -a instance.pml > spin.log
    gcc -w -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=$((gigabytes * 1024)) -o pan pan.c
    ./pan -m4000000 -w24 > pan.log
  )
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
    echo "model: views $1, liar $2 ${3:-}: expected $expected errors, got $errors" >&2
  fi
  printf 'views %s, liar is primary of view %s%s: %s errors in %s states\n' \
    "$1" "$2" "${3:+, $3}" "$errors" "$states"
}

for liar in 0 1 2 3; do
  # Members beyond the views lead nothing, and are alike.
  if [ "$liar" -le "$views" ]; then check 0 "$views" "$liar"; fi
done
# Who lies, and in how many views, to show each.
while read -r violation bound liar; do check 1 "$bound" "$liar" "$violation"; done << 'END'
HIDES_CERTIFICATE 2 0
NOT_RECOMPUTED 2 1
AMNESIA 2 1
VOTES_IN_OLD_VIEW 2 1
DECIDES_ON_PREPARES 2 0
FORGETS_LOCK_AT_RESTART 2 1
UNVERIFIED_CERTIFICATE 2 1
LOWEST_CHOSEN 3 0
END
echo "model: $passed passed, $failed failed"
[ "$failed" = 0 ]
