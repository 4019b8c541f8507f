#!/usr/bin/env bash
# Generate a relocatable Swift SDK bundle: Embedded Swift with Debian's C libraries, static glibc.
# Usage: make-sdk.sh DIR/pi.artifactbundle
# Then:  swift build --swift-sdks-path DIR --swift-sdk pi-armv6 -c release --product busbar
set -euo pipefail
# shellcheck source=Toolchain/environment.sh
. "$(dirname "$0")/environment.sh"
[ $# = 1 ] || { echo "usage: make-sdk.sh DIR/pi.artifactbundle" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
out=$1
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')

json_list() { # items... as the inside of a JSON array
  local separator="" item
  for item in "$@"; do
    printf '%s"%s"' "$separator" "$item"
    separator=", "
  done
}

artifacts=""
sdk() { # id, Swift triple, clang triple, Debian architecture, Debian multiarch, "static" or "dynamic", C flags...
  local id=$1 triple=$2 clang=$3 debian=$4 multiarch=$5 kind=$6
  shift 6
  local root=$out/$id/sysroot
  mkdir -p "$out/$id"
  "$here/make-sysroot.sh" "$debian" "$root"
  # SwiftPM does not look for libraries of the toolchain's embedded/ folder, so this one moves into the sysroot.
  cp "$resources/embedded/$triple/libswiftUnicodeDataTables.a" "$root/usr/lib/$multiarch/"
  local link=(-use-ld=lld -Xclang-linker "--target=$clang" -lswiftUnicodeDataTables -lm)
  if [ "$kind" = static ]; then link+=(-Xclang-linker -static); fi
  # A fused multiply-add rounds once where two operations round twice: without -ffp-contract=off the same C code
  # would give other digits on boards whose FPU has one.
  local c=("--target=$clang" -ffunction-sections -ffp-contract=off "$@")
  # The pass gives each constant array of a function a numbered symbol that objects share. In Embedded Swift every module
  # compiles the functions it uses anew, numbers them otherwise, and the linker keeps one: 6.3.1 so read one list for another.
  local outliner='"-Xllvm", "-sil-disable-pass=object-outliner"'
  cat > "$out/$id/toolset.json" << JSON
{ "schemaVersion": "1.0",
  "swiftCompiler": { "extraCLIOptions": [
    "-enable-experimental-feature", "Embedded", "-wmo", "-Xfrontend", "-function-sections", $outliner,
    $(json_list "${link[@]}") ] },
  "cCompiler": { "extraCLIOptions": [ $(json_list "${c[@]}") ] } }
JSON
  cat > "$out/$id/swift-sdk.json" << JSON
{ "schemaVersion": "4.0",
  "targetTriples": { "$triple": { "sdkRootPath": "sysroot", "toolsetPaths": ["toolset.json"] } } }
JSON
  artifacts+="${artifacts:+,}
    \"$id\": { \"type\": \"swiftSDK\", \"version\": \"1.0\", \"variants\": [ { \"path\": \"$id\" } ] }"
}

mkdir -p "$out"
sdk pi-arm64 aarch64-none-none-elf aarch64-linux-gnu arm64 aarch64-linux-gnu static \
  -mcpu=cortex-a53 -mno-outline-atomics
# 32-bit glibc keeps time_t and off_t at 32 bits unless told otherwise, and a 32-bit time_t ends in 2038.
sdk pi-armv7 armv7-none-none-eabi armv7-linux-gnueabihf armhf arm-linux-gnueabihf static \
  -mcpu=cortex-a7 -mfloat-abi=hard -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64
# armel is soft-float ABI; softfp with vfpv2 keeps that ABI but uses the ARM1176's VFP (15 times fewer instructions).
sdk pi-armv6 armv6-none-none-eabi armv6-linux-gnueabi armel arm-linux-gnueabi static \
  -mcpu=arm1176jzf-s -mfloat-abi=softfp -mfpu=vfpv2 -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64
# The same mode on the development machine: the fast gate, sanitizers, heap counts. Dynamic, because sanitizers need it.
sdk embedded-x86_64 x86_64-unknown-linux-gnu x86_64-linux-gnu amd64 x86_64-linux-gnu dynamic \
  -fno-omit-frame-pointer

cat > "$out/info.json" << JSON
{ "schemaVersion": "1.0", "artifacts": {$artifacts
} }
JSON
