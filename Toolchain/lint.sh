#!/usr/bin/env bash
# Formatting of Swift sources and syntax of scripts.
set -euo pipefail
cd "$(dirname "$0")/.."
swift format lint -r --strict --parallel Sources Tests Package.swift
for script in Toolchain/*.sh Toolchain/run .ci/run; do bash -n "$script"; done
