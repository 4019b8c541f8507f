#!/usr/bin/env bash
# Write Sources/Configuration/BuiltInDevices.swift from Devices/*.ini: a program on a board needs no file beside it.
# Usage: embed-devices.sh           writes the source when it is not what the files say
#        embed-devices.sh --check   fails then instead
set -euo pipefail
cd "$(dirname "$0")/.."
target=Sources/Configuration/BuiltInDevices.swift
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
  cat << 'HEAD'
// Made from Devices/*.ini by Toolchain/embed-devices.sh, which `make build` runs. Change those.

extension BuiltInDevices {
  /// File names and texts, sorted.
  static let files: [(name: StaticString, text: StaticString)] = [
HEAD
  for file in Devices/*.ini; do
    printf '    (\n      "%s",\n      #"""\n' "$(basename "$file")"
    # Comments stay in the files: boards have better uses for the bytes. Empty lines in their place keep the numbering.
    sed -E 's/^;.*$//; s/^(.+)$/      \1/' "$file"
    printf '\n      """#\n    ),\n'
  done
  printf '  ]\n}\n'
} > "$new"
if cmp -s "$new" "$target"; then exit 0; fi
if [ "${1-}" = --check ]; then
  echo "embed-devices: $target is not what Devices/ says; run Toolchain/embed-devices.sh" >&2
  exit 1
fi
cp "$new" "$target"
