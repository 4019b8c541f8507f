#!/usr/bin/env bash
# Run busbar-selftest on the host and as built by cross.sh, each program under qemu where it has to be.
# Usage: selftest.sh [TARGET...]   by default: host embedded-x86_64 armv6 armv7 arm64
# Each program's last line is "N passed, N failed"; all run, and one that failed fails this script.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
[ $# -gt 0 ] || set -- host embedded-x86_64 armv6 armv7 arm64
failed=0
for target in "$@"; do
  program=build/$target/busbar-selftest
  if [ "$target" = host ]; then program=.build/release/busbar-selftest; fi
  timeout --kill-after=10 600 Toolchain/run "$target" -- "$program" | sed "s/^/$target: /" || {
    echo "selftest: $target failed with status ${PIPESTATUS[0]}" >&2
    failed=1
  }
done
exit "$failed"
