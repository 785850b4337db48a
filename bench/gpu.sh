#!/usr/bin/env bash
# What a GPU does with Shimmy: which one is used, whether its results are right, how fast it is. Prints a table for
# docs/PERFORMANCE.md. Needs no network and no test data; about five minutes, and 10 GB of room for made models.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

case ${1-} in
    --help | -h)
        cat << 'TEXT'
Usage: bench/gpu.sh [SHIMMY]

SHIMMY is a built program; without it build/release/shimmy is built. One that was built elsewhere will do: it needs
neither a compiler nor Vulkan's headers, only the loader (libvulkan.so.1) and the GPU's driver.

SHIMMY_GPU_DEVICE     which GPU (--gpu-device): its number or a part of its name
SHIMMY_BENCH_MODELS   folder for the made models (a temporary one); they are kept there
SHIMMY_BENCH_SMALL=1  no 8B model: for small cards, and for trying this script
TEXT
        exit 0
        ;;
esac

shimmy=${1-$root/build/release/shimmy}
if [ ! -x "$shimmy" ]; then
    cmake --preset release -S "$root" -B "$root/build/release" -DSHIMMY_TESTS=OFF > /dev/null
    cmake --build "$root/build/release" --target shimmy
fi
models=${SHIMMY_BENCH_MODELS-}
if [ -z "$models" ]; then
    models=$(mktemp -d)
    trap 'rm -rf "$models"' EXIT
fi
gpu=(--backend vulkan)
[ -z "${SHIMMY_GPU_DEVICE-}" ] || gpu+=(--gpu-device "$SHIMMY_GPU_DEVICE")

# make NAME SHAPE TYPE [LAYERS]: a model with random weights, once.
make() {
    [ -f "$models/$1.gguf" ] || "$shimmy" make-model "$models/$1.gguf" --shape "$2" --type "$3" ${4:+--layers "$4"} > /dev/null
}

echo "== devices"
"$shimmy" gpu-info "${gpu[@]:2}"

echo
echo "== right? (two layers of each, against the reference)"
faults=0
for case in tinyllama-1.1b:Q4_0 tinyllama-1.1b:Q8_0 tinyllama-1.1b:Q4_K_M tinyllama-1.1b:Q2_K tinyllama-1.1b:F16 \
    mixtral-tiny:Q4_K_M; do
    shape=${case%%:*} type=${case##*:}
    make "parity-$shape-$type" "$shape" "$type" 2
    if words=$("$shimmy" verify "$models/parity-$shape-$type.gguf" "${gpu[@]}" --tokens 24 --kv-tokens 64 2>&1); then
        echo "pass  $shape $type"
    else
        faults=$((faults + 1))
        printf 'FAIL  %s %s\n%s\n' "$shape" "$type" "$words"
    fi
done

echo
echo "== repeatable? (the same logits, bit for bit, in two runs)"
# hash MODEL: of all logits of a short run
hash() { "$shimmy" bench "$1" "${gpu[@]}" -p 64 -n 16 -r 1 --json | sed -n 's/.*"logits_hash": *"\([^"]*\)".*/\1/p'; }
repeat=$models/parity-tinyllama-1.1b-Q4_K_M.gguf
first=$(hash "$repeat") second=$(hash "$repeat")
if [ -n "$first" ] && [ "$first" = "$second" ]; then
    echo "pass  $first"
else
    faults=$((faults + 1))
    echo "FAIL  $first, then $second"
fi

echo
echo "== speed (tokens per second, medians after one run to warm up)"
format='| %-24s | %14s | %14s |\n'
# shellcheck disable=SC2059
printf "$format" model "prefill" "decode 128"
# shellcheck disable=SC2059
printf "$format" ------------------------ -------------- --------------
# measure NAME PROMPT_TOKENS: a row of the table
measure() {
    local json
    json=$("$shimmy" bench "$models/$1.gguf" "${gpu[@]}" -p "$2" -n 128 -r 3 --json)
    number() { sed -n "s/.*\"$1\": *\([0-9.eE+]*\).*/\1/p" <<< "$json" | head -n 1; }
    # shellcheck disable=SC2059
    printf "$format" "$1, $2 tokens" "$(printf '%.0f' "$(number prefill_tps)")" "$(printf '%.1f' "$(number decode_tps)")"
}
make tinyllama-Q4_0 tinyllama-1.1b Q4_0
measure tinyllama-Q4_0 512
[ "${SHIMMY_BENCH_SMALL-}" = 1 ] || measure tinyllama-Q4_0 1900
if [ "${SHIMMY_BENCH_SMALL-}" != 1 ]; then
    make llama-3-8b-Q4_K_M llama-3-8b Q4_K_M
    measure llama-3-8b-Q4_K_M 512
    measure llama-3-8b-Q4_K_M 2048
    echo
    echo "== start to first token, 8B from a warm page cache"
    time "$shimmy" generate "$models/llama-3-8b-Q4_K_M.gguf" "${gpu[@]}" --no-template -p "a" -n 1 > /dev/null
fi
[ "$faults" = 0 ] || { echo "$faults checks failed" >&2; exit 1; }
