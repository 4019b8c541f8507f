#!/usr/bin/env bash
# Check the format of the Swift sources and the syntax of the scripts; shellcheck looks too where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
swift format lint -r --strict --parallel Sources Tests Package.swift
Toolchain/embed-devices.sh --check
scripts=(Toolchain/*.sh Toolchain/run .ci/run)
for script in "${scripts[@]}"; do bash -n "$script"; done
if command -v shellcheck > /dev/null; then shellcheck -x "${scripts[@]}"; fi
