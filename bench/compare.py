"""Turns of shimmy and of llama.cpp on the same files; a table of medians and ratios. Called by bench/compare.sh."""

import argparse
import json
import statistics
import subprocess
from pathlib import Path

WORK = {"prefill_tps": "prompt", "decode_tps": "answer"}


def run_json(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def turns_of(options, model):
    """[(ours, the peer's)] of each turn; who begins changes from turn to turn."""
    p, n, threads = str(options.prompt), str(options.decode), str(options.threads)
    sides = [
        lambda: run_json([options.shimmy, "bench", model, "-p", p, "-n", n, "-r", "1", "--threads", threads, "--json"]),
        lambda: run_json(["node", options.peer, model, p, n, threads]),
    ]
    turns = []
    for turn in range(options.turns):
        order = [0, 1] if turn % 2 == 0 else [1, 0]
        results = {side: sides[side]() for side in order}
        turns.append((results[0], results[1]))
    return turns


def row(model, key, turns):
    ours, peers = ([turn[side][key] for turn in turns] for side in (0, 1))
    ratios = [a / b for a, b in zip(ours, peers)]
    return (
        f"| {Path(model).name} | {WORK[key]} | {statistics.median(ours):.1f} | {statistics.median(peers):.1f} "
        f"| {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--shimmy", required=True)
    parser.add_argument("--peer", required=True)
    parser.add_argument("-p", "--prompt", type=int, default=512)
    parser.add_argument("-n", "--decode", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()

    print(f"prompts of {options.prompt} tokens, answers of {options.decode}, {options.threads} threads, {options.turns} turns")
    print("| file | work | shimmy, tokens/s | llama.cpp | ratio | of all turns |\n|---|---|---|---|---|---|")
    for model in options.models:
        turns = turns_of(options, model)
        for key in WORK:
            print(row(model, key, turns), flush=True)


if __name__ == "__main__":
    main()
