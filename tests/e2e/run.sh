#!/bin/sh
# Runs the end-to-end tests against a program: tests/e2e/run.sh PATH-TO-shimmy [TEST-FILE...]
# Installs the pinned clients on first use. Exits with 77 (skipped) where npm cannot install them, unless CI is set.
set -eu
SHIMMY=$(realpath "$1")
export SHIMMY
shift
cd "$(dirname "$0")"

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
        echo "the clients that these tests use cannot be installed: is npm there, and a network?"
        [ -z "${CI-}" ] || exit 1
        exit 77
    fi
fi

# The clients need Node 22; Debian 12 has 18, so the set brings its own.
node=node
major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0)
[ "$major" -ge 22 ] || node=node_modules/.bin/node
[ $# -gt 0 ] || set -- *.test.mjs
exec "$node" --test --test-timeout=120000 "$@"
