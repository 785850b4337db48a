#!/usr/bin/env bash
# Shimmy beside llama.cpp on one machine: the same files, the same threads, in turns, because memory bandwidth drifts.
# Prints the medians, the ratio of each turn and its spread. The peer comes from npm into build/peer.
#
#   bench/compare.sh MODEL.gguf...            -p 512 -n 128 --threads 2 --turns 5
#   bench/compare.sh --shapes                 makes tinyllama-1.1b as Q4_0, Q4_K_M and Q8_0 and compares those
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shimmy="$root/build/release/shimmy"
peer="$root/build/peer"
[ -x "$shimmy" ] || "$root/run.sh" --build

if [ ! -d "$peer/node_modules/node-llama-cpp" ]; then
    mkdir -p "$peer"
    cp "$root/bench/peer/package.json" "$root/bench/peer/llama_cpp.mjs" "$peer/"
    npm install --prefix "$peer" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
fi

models=()
if [ "${1-}" = --shapes ]; then
    shift
    for type in Q4_0 Q4_K_M Q8_0; do
        file="$peer/tinyllama-1.1b-$type.gguf"
        [ -f "$file" ] || "$shimmy" make-model --shape tinyllama-1.1b --type "$type" "$file" >&2
        models+=("$file")
    done
fi
exec python3 "$root/bench/compare.py" --shimmy "$shimmy" --peer "$peer/llama_cpp.mjs" "$@" "${models[@]}"
