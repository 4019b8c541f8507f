#!/usr/bin/env bash
# Usage: peers.sh [full]      `full` also runs what takes longer
# Run each Tests/Peers/*.py: our program against other people's implementations of the same formats.
# A script is given the path of busbar, prints "N passed, N failed" last, and exits with 0 only if none failed.
# Names that begin with an underscore are modules the scripts share.
set -euo pipefail
cd "$(dirname "$0")/.."
failed=0
for script in Tests/Peers/[!_]*.py; do
  [ -e "$script" ] || continue
  name=$(basename "$script" .py)
  timeout --kill-after=10 300 .build-peers/venv/bin/python -B "$script" .build/release/busbar "$@" | sed "s/^/$name: /" || {
    echo "peers: $name failed with status ${PIPESTATUS[0]}" >&2
    failed=1
  }
done
exit "$failed"
