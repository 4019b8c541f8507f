#!/usr/bin/env bash
# Build everything for this machine, optimized, into .build/release.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
Toolchain/embed-devices.sh
exec swift build -c release
