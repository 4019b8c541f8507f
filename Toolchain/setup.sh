#!/usr/bin/env bash
# Install what is missing on a fresh Debian 12 machine with a Swift toolchain; says nothing when nothing is missing.
# Usage: setup.sh          packages to build, test and run
#        setup.sh peers    also the other implementations the tests compare with: mbpoll, promtool, Spin, and Python packages
#                          in .build-peers/venv
#        setup.sh hosts    what makes network namespaces: `make test-hosts`
#        setup.sh benchmarks    those that speeds are compared with, in .build-peers/benchmarks
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh

packages=(libgmp-dev libsodium-dev libinih-dev qemu-user # host build and selftest
  gcc libc6-dev make m4 xz-utils dpkg-dev)               # sysroots and GMP
peer_packages=(python3 python3-venv python3-gmpy2 mbpoll libmodbus-dev prometheus spin)
# phe runs on Debian's gmpy2, which uses the same libgmp as our programs: only then are ratios to it fair.
peer_pins=(pymodbus==3.16.1 pyserial==3.5 cryptography==48.0.0 phe==1.5.0 click==8.1.7
  modbus_tk==1.1.5 pysunspec2==1.3.7)
benchmark_pins=(phe==1.5.0 pypaillier==0.8.0)

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    echo "setup: as root, run: $*" >&2
    return 1
  fi
}

install_packages() { # packages...
  local missing=() package
  for package in "$@"; do
    # The status must be read: dpkg-query also answers for a removed package whose configuration stayed.
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  if [ "${#missing[@]}" = 0 ]; then return; fi
  echo "setup: installing ${missing[*]}" >&2
  if ! as_root apt-get update -qq; then
    sleep 5
    as_root apt-get update -qq || echo "setup: not every package index could be read; going on with the rest" >&2
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

check_swift() {
  if command -v swift > /dev/null; then return; fi
  echo "setup: no swift on PATH nor in /opt/swift/usr/bin; install Swift 6.3 or later for Debian 12 from swift.org" >&2
  return 1
}

install_peers() {
  local stamp=.build-peers/stamp wanted="system-site-packages ${peer_pins[*]}"
  if [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; then return; fi
  echo "setup: making .build-peers/venv with $wanted" >&2
  rm -rf .build-peers
  # Debian's Python by its full path: python3-venv completes that one, whatever else PATH has.
  /usr/bin/python3 -m venv --system-site-packages .build-peers/venv
  # Wheels only: a source package would need compilers and headers nobody asked for.
  .build-peers/venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: "${peer_pins[@]}"
  echo "$wanted" > "$stamp"
}

# Peers of the benchmarks alone: their wheels exist for fewer machines.
install_benchmark_peers() {
  local stamp=.build-peers/benchmarks/stamp wanted="${benchmark_pins[*]}"
  if [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; then return; fi
  echo "setup: making .build-peers/benchmarks with $wanted" >&2
  rm -rf .build-peers/benchmarks
  /usr/bin/python3 -m venv --system-site-packages .build-peers/benchmarks
  .build-peers/benchmarks/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    "${benchmark_pins[@]}"
  echo "$wanted" > "$stamp"
}

case ${1-} in
  "")
    install_packages "${packages[@]}"
    check_swift
    ;;
  peers)
    install_packages "${packages[@]}" "${peer_packages[@]}"
    check_swift
    install_peers
    ;;
  hosts)
    install_packages "${packages[@]}" python3 iproute2
    check_swift
    ;;
  benchmarks)
    install_packages "${packages[@]}" "${peer_packages[@]}"
    check_swift
    install_benchmark_peers
    ;;
  *)
    echo "usage: setup.sh [peers | hosts | benchmarks]" >&2
    exit 2
    ;;
esac
