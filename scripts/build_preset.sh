#!/usr/bin/env bash
# Configures and builds one preset of CMakePresets.json. Usage: scripts/build_preset.sh PRESET [TARGET...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
preset=$1
shift
cmake --preset "$preset" -S "$root" -B "$root/build/$preset"
exec cmake --build "$root/build/$preset" --parallel "$(nproc)" ${1+--target "$@"}
