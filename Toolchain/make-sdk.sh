#!/usr/bin/env bash
# Generate a relocatable Swift SDK bundle: Embedded Swift + Debian bookworm C libraries, static glibc.
# Usage: make-sdk.sh <dir>/pi.artifactbundle
# Then:  swift build --swift-sdks-path <dir> --swift-sdk pi-armv6 -c release --product node
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=$1
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')

json_list() { local sep=""; for item in "$@"; do printf '%s"%s"' "$sep" "$item"; sep=", "; done; }

artifacts=""
sdk() { # id, Swift triple, clang triple, Debian architecture, Debian multiarch, "static" or "dynamic", C flags...
  local id=$1 triple=$2 clang=$3 debian=$4 multiarch=$5 kind=$6; shift 6
  local root=$out/$id/sysroot
  mkdir -p "$out/$id"
  [ -d "$root/usr" ] || "$here/make-sysroot.sh" "$debian" "$root"
  cp "$resources/embedded/$triple/libswiftUnicodeDataTables.a" "$root/usr/lib/$multiarch/"
  local link=(-use-ld=lld -Xclang-linker "--target=$clang" -lswiftUnicodeDataTables -lm)
  [ "$kind" = dynamic ] || link+=(-Xclang-linker -static)
  cat > "$out/$id/toolset.json" <<J
{ "schemaVersion": "1.0",
  "swiftCompiler": { "extraCLIOptions": [
    "-enable-experimental-feature", "Embedded", "-wmo", "-Xfrontend", "-function-sections",
    $(json_list "${link[@]}") ] },
  "cCompiler": { "extraCLIOptions": [ $(json_list "--target=$clang" -ffunction-sections -ffp-contract=off "$@") ] } }
J
  cat > "$out/$id/swift-sdk.json" <<J
{ "schemaVersion": "4.0",
  "targetTriples": { "$triple": { "sdkRootPath": "sysroot", "toolsetPaths": ["toolset.json"] } } }
J
  artifacts+="${artifacts:+,}
    \"$id\": { \"type\": \"swiftSDK\", \"version\": \"1.0\", \"variants\": [ { \"path\": \"$id\" } ] }"
}

mkdir -p "$out"
sdk pi-arm64 aarch64-none-none-elf aarch64-linux-gnu arm64 aarch64-linux-gnu static \
  -mcpu=cortex-a53 -mno-outline-atomics
sdk pi-armv7 armv7-none-none-eabi armv7-linux-gnueabihf armhf arm-linux-gnueabihf static \
  -mcpu=cortex-a7 -mfloat-abi=hard -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64
# armel is soft-float ABI; softfp + vfpv2 keeps that ABI but uses the ARM1176's VFP (15 times fewer instructions).
sdk pi-armv6 armv6-none-none-eabi armv6-linux-gnueabi armel arm-linux-gnueabi static \
  -mcpu=arm1176jzf-s -mfloat-abi=softfp -mfpu=vfpv2 -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64
# Same mode on the development machine: sanitizers, fuzzing, heap counts. Dynamic, because ASan/TSan need it.
sdk embedded-x86_64 x86_64-unknown-linux-gnu x86_64-linux-gnu amd64 x86_64-linux-gnu dynamic \
  -fno-omit-frame-pointer

cat > "$out/info.json" <<J
{ "schemaVersion": "1.0", "artifacts": {$artifacts
} }
J
