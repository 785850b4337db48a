#!/usr/bin/env python3
"""Names the C++ files that clang-format would change. Usage: tools/check_format.py CLANG_FORMAT [ROOT]"""

import pathlib
import subprocess
import sys


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "clang-format-19"
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent.parent)
    files = sorted(p for folder in ("src", "tests", "bench") for p in (root / folder).rglob("*")
                   if p.suffix in (".h", ".cpp", ".inc"))
    try:
        run = subprocess.run([program, "--dry-run", *map(str, files)], capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"cannot run \"{program}\": {error.strerror}; install clang-format-19")
        return 1
    changed = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    for file in changed:
        print(f"{file}:1: run {program} -i on it")
    if not changed:
        print(f"format: {len(files)} files are in order")
    return 1 if changed or run.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
