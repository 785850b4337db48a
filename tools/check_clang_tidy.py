#!/usr/bin/env python3
"""clang-tidy over the sources of some folders, as the build compiles them.

Usage: tools/check_clang_tidy.py CLANG_TIDY BUILD FOLDER...     BUILD holds compile_commands.json
Tests and fuzz targets are left out: GoogleTest's macros would be most of the work.
"""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys


def sources(build, folders):
    """The files of compile_commands.json that lie in one of the folders, without tests and fuzz targets."""
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    files = {(pathlib.Path(entry["directory"]) / entry["file"]).resolve() for entry in commands}
    return sorted(file for file in files if any(file.is_relative_to(folder) for folder in folders)
                  and not file.stem.endswith(("_test", "_fuzz")))


def faults(program, build, file):
    """What clang-tidy says of one file; empty: nothing."""
    run = subprocess.run([program, "-p", str(build), "--quiet", str(file)], capture_output=True, text=True, check=False)
    return run.stdout + (run.stderr if run.returncode and not run.stdout else "")


def main():
    program, build, *folders = sys.argv[1:]
    build = pathlib.Path(build)
    files = sources(build, [pathlib.Path(folder).resolve() for folder in folders])
    try:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = [text for text in pool.map(lambda file: faults(program, build, file), files) if text.strip()]
    except OSError as error:
        print(f"cannot run \"{program}\": {error.strerror}; install clang-tidy-19")
        return 1
    print("\n".join(found) or f"clang-tidy: {len(files)} files are in order")
    if not files:
        print(f"no source of {', '.join(folders)} is in {build}/compile_commands.json: the check would prove nothing")
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
