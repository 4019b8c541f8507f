#!/usr/bin/env bash
# Count the instructions of one Paillier operation on each ARM target, with qemu and opcount.c, and write them into the
# table of docs/PERFORMANCE.md. Counts are the same in every run on every machine: no clock is involved.
# Usage: count.sh          rewrites the table
#        count.sh check    compares; a count more than 2 % away from the table is an error
set -euo pipefail
cd "$(dirname "$0")/.."
tolerance=2 # percent: what a change of compiler or alignment may move; a slip in an algorithm moves more
targets=(armv6 armv7 arm64)
document=docs/PERFORMANCE.md
work=build/count
mkdir -p "$work"
cc -O2 -shared -fPIC -o "$work/libopcount.so" Toolchain/opcount.c
count() { # target, name of the result, what the self-test shall run
  Toolchain/run "$1" -- -plugin "$work/libopcount.so,out=$work/$2.csv" "build/$1/busbar-selftest" "$3" > "$work/$2.names"
}
for target in "${targets[@]}"; do count "$target" "$target" --count; done

table() {
  echo "| operation | ${targets[*]} |" | sed 's/\([0-9]\) a/\1 | a/g'
  echo "|---|---|---|---|"
  while read -r _ region name; do
    printf '| %s |' "$name"
    for target in "${targets[@]}"; do
      awk -F, -v region="$region" '$1 == region { printf " %.3f |", $3 / 1e6 }' "$work/$target.csv"
    done
    echo
  done < <(grep '^region' "$work/${targets[0]}.names")
}
# The hardened claim: secrets of one size take the same number of instructions, whatever they are. Regions of Counting.swift.
constant() { # what an encryption, and a decryption less the checks of its public ciphertext, took for each secret
  local target
  for target in "${targets[@]}"; do
    count "$target" "$target-first" --count-first-key
    count "$target" "$target-second" --count-second-key
    awk -F, -v target="$target" '
      FNR == 1 { file += 1 }
      { count[file, $1] = $3 }
      END {
        for (round = 0; round < 8; round++) {
          key = 1 + int(round / 4); secret = round % 4
          encryption = count[key, 100 + secret]; decryption = count[key, 120 + secret] - count[key, 140 + secret]
          if (round == 0) { first = encryption; second = decryption }
          if (encryption == 0 || decryption <= 0) { print "count: " target ": round " round " was not counted"; bad = 1 }
          if (encryption != first) { print "count: " target ": encryption takes " first " or " encryption; bad = 1 }
          if (decryption != second) { print "count: " target ": decryption takes " second " or " decryption; bad = 1 }
        }
        if (!bad) print target ": 8 secrets, " first " instructions to encrypt and " second " to decrypt, each time"
        exit bad
      }' "$work/$target-first.csv" "$work/$target-second.csv" || return 1
  done
}
table > "$work/table.md"
cat "$work/table.md"
committed() { sed -n '/<!-- counts -->/,/<!-- end of counts -->/p' "$document" | grep '^|'; }

if [ "${1-}" = check ]; then
  constant
  # Both tables side by side: same names, and each number within the tolerance.
  paste -d '@' <(committed) "$work/table.md" | awk -F'[|@]' -v tolerance="$tolerance" '
    NR < 3 { next }
    {
      half = NF / 2
      if ($2 != $(half + 2)) { print "count: the table has other operations: " $2 " and " $(half + 2); bad = 1; next }
      for (column = 3; column < 6; column++) {
        was = $column; is = $(half + column); compared += 1
        if (was <= 0 || is > was * (1 + tolerance / 100) || is < was * (1 - tolerance / 100)) {
          print "count:" $2 "is" is "million, the table says" was; bad = 1
        }
      }
    }
    END { if (compared == 0) { print "count: nothing to compare"; bad = 1 }; print compared + 0 " counts compared"; exit bad }'
else
  awk -v table="$work/table.md" '
    /<!-- counts -->/ { print; while ((getline line < table) > 0) print line; skip = 1 }
    /<!-- end of counts -->/ { skip = 0 }
    !skip { if ($0 !~ /<!-- counts -->/) print }' "$document" > "$work/document"
  cp "$work/document" "$document"
fi
