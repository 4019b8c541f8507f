#!/usr/bin/env bash
# Write Sources/Configuration/Generated/BuiltInDevices.swift from Devices/*.ini: a program on a board needs no file beside it.
# Usage: embed-devices.sh           writes the source when it is not what the files say, by building busbar-lab
#        embed-devices.sh --check   fails then instead
set -euo pipefail
cd "$(dirname "$0")/.."
target=Sources/Configuration/Generated/BuiltInDevices.swift
# What the source was made from stands in its first line: the maps, and how they are read and written.
export LC_ALL=C
made_from=$(cat Devices/*.ini Sources/Configuration/Maps/{CompactMap,DeviceMap+*}.swift Sources/busbar-lab/EmbedDevices.swift | sha256sum | cut -c1-32)
head="// Made from Devices/*.ini by Toolchain/embed-devices.sh, which \`make build\` runs. Change those. $made_from"
if [ "$(head -n 1 "$target")" = "$head" ]; then exit 0; fi
if [ "${1-}" = --check ]; then
  echo "embed-devices: $target is not what Devices/ says; run Toolchain/embed-devices.sh" >&2
  exit 1
fi
# shellcheck source=Toolchain/environment.sh
. Toolchain/environment.sh
swift build -c release --product busbar-lab > /dev/null
new=$(mktemp)
trap 'rm -f "$new"' EXIT
{
  echo "$head"
  "$(swift build -c release --show-bin-path)/busbar-lab" devices Devices/*.ini
} > "$new"
cp "$new" "$target"
