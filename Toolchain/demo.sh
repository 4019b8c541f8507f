#!/usr/bin/env bash
# Run the demo with the host's program, after building those targets that some of its nodes run as.
# Usage: demo.sh "armv6,arm64" [ARGUMENT...]     demo.sh "" [ARGUMENT...]
set -euo pipefail
cd "$(dirname "$0")/.."
targets=${1-}
[ $# = 0 ] || shift
if [ -n "$targets" ]; then
  cross=()
  for target in ${targets//,/ }; do
    if [ "$target" != host ]; then cross+=("$target"); fi
  done
  if [ "${#cross[@]}" -gt 0 ]; then PRODUCTS=busbar Toolchain/cross.sh "${cross[@]}"; fi
  set -- --targets "$targets" "$@"
fi
exec .build/release/busbar demo "$@"
