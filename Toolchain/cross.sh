#!/usr/bin/env bash
# Build busbar and busbar-selftest for targets (all by default) and leave stripped copies in build/TARGET.
# Usage: cross.sh [TARGET...]     An ARM binary over 3 MB is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
Toolchain/make-all.sh
[ $# -gt 0 ] || set -- embedded-x86_64 armv6 armv7 arm64
limit=3145728
objcopy=$(command -v llvm-objcopy || echo "$(dirname "$(command -v swiftc)")/llvm-objcopy")
for target in "$@"; do
  case $target in
    armv6) sdk=pi-armv6 triple=armv6-none-none-eabi scratch=.build-arm ;;
    armv7) sdk=pi-armv7 triple=armv7-none-none-eabi scratch=.build-arm ;;
    arm64) sdk=pi-arm64 triple=aarch64-none-none-elf scratch=.build-arm ;;
    embedded-x86_64) sdk=embedded-x86_64 triple=x86_64-unknown-linux-gnu scratch=.build-embedded ;;
    *) echo "unknown target $target" >&2; exit 2 ;;
  esac
  mkdir -p "build/$target"
  for product in busbar busbar-selftest; do
    swift build -c release --swift-sdks-path Toolchain/generated --swift-sdk "$sdk" --scratch-path "$scratch" \
      --product "$product" > "build/$target/$product.log" 2>&1 || { cat "build/$target/$product.log" >&2; exit 1; }
    "$objcopy" --strip-all --remove-section=.swift_modhash "$scratch/$triple/release/$product" "build/$target/$product"
    size=$(stat -c %s "build/$target/$product")
    echo "$target $product $size bytes stripped"
    if [ "$target" != embedded-x86_64 ] && [ "$size" -gt "$limit" ]; then
      echo "$target $product is over $limit bytes" >&2; exit 1
    fi
  done
done
