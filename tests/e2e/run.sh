#!/bin/sh
# Runs the end-to-end tests against a program:
#   tests/e2e/run.sh PATH-TO-shimmy WORK-FOLDER [TEST-FILE...]
# Installs the pinned clients into the work folder on first use. Exits with 77 (skipped) where npm cannot install them;
# with CI set that is a failure.
set -eu
here=$(realpath "$(dirname "$0")")
SHIMMY=$(realpath "$1")
export SHIMMY
mkdir -p "$2"
cd "$2"
shift 2

rm -rf golden ./*.mjs
cp -r "$here"/golden .
cp "$here"/*.mjs "$here"/package.json "$here"/package-lock.json "$here"/.npmrc .
if ! cmp -s package-lock.json installed-lock.json; then
    if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; then
        echo "the clients that these tests use cannot be installed: is npm there, and a network?"
        [ -z "${CI-}" ] || exit 1
        exit 77
    fi
    cp package-lock.json installed-lock.json
fi

# The clients need Node 22; Debian 12 has 18, so the set brings its own.
node=node
major=$(node -p 'process.versions.node.split(".")[0]' 2> /dev/null || echo 0)
[ "$major" -ge 22 ] || node=node_modules/.bin/node
[ $# -gt 0 ] || set -- *.test.mjs
exec "$node" --test --test-timeout=120000 "$@"
