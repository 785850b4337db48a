#!/usr/bin/env bash
# Runs one libFuzzer program for a bounded time; a crash, a hang or a leak fails, and the input is printed.
# Usage: scripts/fuzz.sh PROGRAM SOURCE_DIR     seeds are read from SOURCE_DIR/fuzz_seeds/<name>/ where it exists
set -euo pipefail
program=$1
seeds=$2/fuzz_seeds/$(basename "$program")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
corpora=("$work/corpus")
[ ! -d "$seeds" ] || corpora+=("$seeds")

status=0
"$program" -max_total_time="${SHIMMY_FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$work/" "${corpora[@]}" > "$work/log" 2>&1 || status=$?
tail -n 60 "$work/log"
for input in "$work"/crash-* "$work"/timeout-* "$work"/oom-* "$work"/leak-*; do
    [ ! -f "$input" ] || { echo "input in base64:"; base64 "$input"; }
done
exit "$status"
