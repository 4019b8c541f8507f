#!/usr/bin/env bash
# Make the SDK bundle with its sysroots and rebuilt GMP in Toolchain/generated; nothing to do when the scripts that
# made it did not change. Builds beside the old bundle and swaps at the end, so an interrupted run leaves no half one.
set -euo pipefail
cd "$(dirname "$0")"
inputs=$(cat make-sysroot.sh make-sdk.sh make-gmp.sh make-all.sh <(swiftc --version 2>/dev/null) | sha256sum)
[ "$(cat generated/stamp 2>/dev/null)" = "$inputs" ] && exit 0
rm -rf generated.new && mkdir generated.new
trap 'rm -rf generated.new' EXIT
./make-sdk.sh generated.new/pi.artifactbundle
./make-gmp.sh generated.new/pi.artifactbundle/pi-armv6/sysroot armv6
./make-gmp.sh generated.new/pi.artifactbundle/pi-armv7/sysroot armv7
echo "$inputs" > generated.new/stamp
rm -rf generated && mv generated.new generated
