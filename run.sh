#!/usr/bin/env bash
# Builds Shimmy and starts its server. The first run installs what is missing and compiles; later ones start at once.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/setup.sh
. "$root/scripts/setup.sh"

usage() {
    cat << TEXT
Usage: ./run.sh [--build] [options of "shimmy serve"]

Installs missing Debian packages, builds build/release/shimmy and starts the server.

  --build    only build, do not start
  --help     this text

Examples:
  ./run.sh                                      serve the models found on this machine
  ./run.sh --model-path ~/models/my.gguf        … with this one as the default
  ./run.sh --bind 0.0.0.0:8080                  … for other machines too
  build/release/shimmy serve --help             all options of the server
TEXT
}

build_only=no
case ${1-} in
    --build) build_only=yes; shift ;;
    --help | -h) usage; exit 0 ;;
esac

install_packages "${build_packages[@]}"
build="$root/build/release"
if [ ! -f "$build/build.ninja" ]; then
    say "Configuring a release build in build/release"
    run_quietly "configuring" cmake --preset release -S "$root" -B "$build" -DSHIMMY_TESTS=OFF
fi
[ -x "$build/shimmy" ] || say "Building Shimmy with $(cores) cores; this takes a few minutes the first time"
build "$build" --target shimmy

[ "$build_only" = no ] || { say "Built: $build/shimmy"; exit 0; }
exec "$build/shimmy" serve "$@"
