#!/usr/bin/env bash
# Make the SDK bundle, with its sysroots and the rebuilt GMP, in Toolchain/generated. Nothing is done when the bundle
# there was finished by these same scripts and this same compiler.
# Usage: make-all.sh
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=Toolchain/environment.sh
. ./environment.sh
bundle=generated/pi.artifactbundle
inputs=$(cat make-sysroot.sh make-sdk.sh make-gmp.sh make-all.sh <(swiftc --version 2> /dev/null) | sha256sum)
finished() { [ "$(cat "$bundle/stamp" 2> /dev/null)" = "$inputs" ]; }
if finished; then exit 0; fi

mkdir -p generated
# Two runs at once would delete each other's work; the second waits, then finds the bundle finished.
exec 9> generated/lock
flock 9
if finished; then exit 0; fi
echo "making the cross SDKs in Toolchain/generated (about a minute)" >&2
# The stamp is inside and the name comes last, so an interrupted run never leaves a half bundle that counts as done.
rm -rf generated/unfinished
./make-sdk.sh generated/unfinished
./make-gmp.sh generated/unfinished
echo "$inputs" > generated/unfinished/stamp
rm -rf "$bundle"
mv generated/unfinished "$bundle"
