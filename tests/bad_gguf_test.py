#!/usr/bin/env python3
"""Damaged GGUF files: each is refused with an error, or loads where the index allows it, within a second and 64 MB.

Usage: bad_gguf_test.py BINARY
`inspect` must refuse what is wrong with the container, `probe` everything. The same files go through the readers under
AddressSanitizer in the unit tests of the floors.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from support import clean_environment, data_dir

MEMORY_BYTES_MAX = 64 << 20
SECONDS_MAX = 1.0
KNOWN_EXITS = (0, 1, 2)


class Outcome:
    def __init__(self, command, home):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.monotonic()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=home,
                                       env=clean_environment(home))
            _, status, usage = os.wait4(process.pid, 0)
            self.wall_s = time.monotonic() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            self.code = process.returncode
            # Processor time, so that a busy machine does not fail the test; a wait without work shows as wall time.
            self.seconds = min(self.wall_s, usage.ru_utime + usage.ru_stime) if self.wall_s < 5 else self.wall_s
            self.memory_bytes = usage.ru_maxrss * 1024
            out.seek(0)
            err.seek(0)
            self.out, self.err = out.read().decode(errors="replace"), err.read().decode(errors="replace")


def judge(command, case, outcome):
    """What is wrong with this outcome, as a list of sentences."""
    faults = []
    if outcome.code not in KNOWN_EXITS:
        faults.append(f"ended with {outcome.code}: {outcome.err[-2000:]}")
    if outcome.seconds > SECONDS_MAX:
        faults.append(f"took {outcome.seconds:.2f} s")
    if outcome.memory_bytes > MEMORY_BYTES_MAX:
        faults.append(f"took {outcome.memory_bytes / 1e6:.0f} MB")
    must_refuse = case["expect"] == "reject" and (command == "probe" or case["level"] == "container")
    if must_refuse and outcome.code == 0:
        faults.append("was accepted")
    if case["expect"] == "ok" and outcome.code != 0:
        faults.append(f"was refused: {outcome.err.strip()}")
    if outcome.code != 0 and "shimmy:" not in outcome.err:
        faults.append("gave no message")
    return faults


def main():
    binary = pathlib.Path(sys.argv[1]).resolve()
    maker = data_dir() / "bad_gguf" / "make_bad_gguf.py"
    with tempfile.TemporaryDirectory(prefix="shimmy-bad-gguf-") as folder:
        subprocess.run([sys.executable, maker, folder], check=True, stdout=subprocess.DEVNULL)
        cases = json.loads((pathlib.Path(folder) / "index.json").read_text())
        faults, slowest, largest = [], 0.0, 0
        for case in cases:
            for command in ("inspect", "probe"):
                outcome = Outcome([binary, command, f"{folder}/{case['file']}"], folder)
                slowest, largest = max(slowest, outcome.seconds), max(largest, outcome.memory_bytes)
                for fault in judge(command, case, outcome):
                    faults.append(f"{command} {case['file']} ({case['what']}): {fault}")
    print("\n".join(faults))
    print(f"{len(cases)} files, {len(faults)} faults; at most {slowest:.2f} s and {largest / 1e6:.0f} MB")
    if not cases:
        print("no cases: the test would prove nothing")
    return 1 if faults or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
