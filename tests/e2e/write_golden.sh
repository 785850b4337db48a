#!/bin/sh
# Writes tests/e2e/golden anew, after the API has changed on purpose; the difference is for review:
#   tests/e2e/write_golden.sh PATH-TO-shimmy WORK-FOLDER
set -eu
here=$(realpath "$(dirname "$0")")
rm -rf "$here/golden"
mkdir "$here/golden"
SHIMMY_GOLDEN_WRITE="$here/golden" exec sh "$here/run.sh" "$1" "$2" golden.test.mjs
