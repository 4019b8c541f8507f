#!/usr/bin/env bash
# Install what is missing on a fresh Debian 12 machine with the Swift toolchain; says nothing when nothing is missing.
# Usage: setup.sh          packages for building, testing and running
#        setup.sh peers    the same, and the pinned peers the tests compare with, in .build-peers/venv
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(libgmp-dev libsodium-dev libinih-dev qemu-user python3 python3-venv gcc make m4 xz-utils dpkg-dev libc6-dev)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo)
  echo "installing: ${missing[*]}" >&2
  "${as_root[@]}" apt-get update -qq || echo "setup: not every index could be read; going on with the rest" >&2
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "${missing[@]}" > /dev/null
fi
command -v swift > /dev/null || { echo "setup: the Swift toolchain (6.3 or later) is not on PATH" >&2; exit 1; }

if [ "${1:-}" = peers ]; then
  pins=(phe==1.5.0 pymodbus==3.16.1 pyserial==3.5 cryptography==48.0.0)
  stamp=.build-peers/stamp
  if [ "$(cat "$stamp" 2>/dev/null)" != "${pins[*]}" ]; then
    rm -rf .build-peers
    python3 -m venv .build-peers/venv
    .build-peers/venv/bin/pip install --quiet --disable-pip-version-check "${pins[@]}"
    echo "${pins[*]}" > "$stamp"
  fi
fi
