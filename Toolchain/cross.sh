#!/usr/bin/env bash
# Build for the boards and leave stripped programs in build/TARGET. An ARM program over 3 MB is an error.
# Usage: cross.sh [TARGET...]      all targets by default: embedded-x86_64 armv6 armv7 arm64
# PRODUCTS="busbar" limits what is built; by default busbar and busbar-selftest. PRODUCTS=busbar-bench, which may have 16 MB, ends today
# in a fault of the compiler (docs/LIMITS.md).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
[ $# -gt 0 ] || set -- embedded-x86_64 armv6 armv7 arm64

settings() { # sets sdk, triple and scratch
  case $1 in
    armv6) sdk=pi-armv6 triple=armv6-none-none-eabi scratch=.build-arm ;;
    armv7) sdk=pi-armv7 triple=armv7-none-none-eabi scratch=.build-arm ;;
    arm64) sdk=pi-arm64 triple=aarch64-none-none-elf scratch=.build-arm ;;
    embedded-x86_64) sdk=embedded-x86_64 triple=x86_64-unknown-linux-gnu scratch=.build-embedded ;;
    *) echo "cross: unknown target $1" >&2; exit 2 ;;
  esac
  read -ra products <<< "${PRODUCTS:-busbar busbar-selftest}"
}
for target in "$@"; do settings "$target"; done

Toolchain/make-all.sh
Toolchain/embed-devices.sh
# SwiftPM does not see that a library inside an SDK changed, so what an earlier bundle was linked into goes.
stamp=Toolchain/generated/pi.artifactbundle/stamp
for scratch in .build-arm .build-embedded; do
  cmp -s "$stamp" "$scratch/sdk-stamp" || rm -rf "$scratch"
  mkdir -p "$scratch"
  cp "$stamp" "$scratch/sdk-stamp"
done

swift=$(command -v swiftc)
objcopy=$(dirname "$swift")/llvm-objcopy
# Without the toolchain's, another llvm-objcopy; Debian's objcopy needs binutils-multiarch to know the ARM formats.
[ -x "$objcopy" ] || objcopy=$(command -v llvm-objcopy || command -v objcopy)
for target in "$@"; do
  settings "$target"
  mkdir -p "build/$target"
  for product in "${products[@]}"; do
    limit=$((3 * 1024 * 1024))
    if [ "$product" = busbar-bench ]; then limit=$((16 * 1024 * 1024)); fi
    log=build/$target/$product.log
    # Always one product: a bare build would compile the host-only targets too.
    swift build -c release --swift-sdks-path Toolchain/generated --swift-sdk "$sdk" --scratch-path "$scratch" \
      --product "$product" > "$log" 2>&1 || { cat "$log" >&2; echo "cross: $target $product failed" >&2; exit 1; }
    # .swift_modhash differs between source folders; without it two builds are the same to the byte.
    "$objcopy" --strip-all --remove-section=.swift_modhash \
      "$scratch/$triple/release/$product" "build/$target/$product.new"
    mv "build/$target/$product.new" "build/$target/$product"
    size=$(stat -c %s "build/$target/$product")
    printf '%-16s %-16s %9d bytes stripped\n' "$target" "$product" "$size"
    if [ "$target" != embedded-x86_64 ] && [ "$size" -gt "$limit" ]; then
      echo "cross: $target $product is over $limit bytes" >&2
      exit 1
    fi
  done
done
