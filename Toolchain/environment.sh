# shellcheck shell=bash
# Sourced by the other scripts: finds the Swift toolchain and settles what every Swift command here needs.
if ! command -v swift > /dev/null && [ -x /opt/swift/usr/bin/swift ]; then
  PATH=$PATH:/opt/swift/usr/bin
fi
export PATH
# The backtracer can hang for minutes on a crash of a program with several threads.
export SWIFT_BACKTRACE=enable=no
