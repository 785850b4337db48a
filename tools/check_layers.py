#!/usr/bin/env python3
"""Checks that every #include "..." under src/ follows an edge of tools/layers.txt, and that headers form no cycles.

Default deny: a folder that is not in the file, or an edge that is not in its line, is a fault. Only a *_test.cpp may
besides include what lies in the folders below its own.
Usage: tools/check_layers.py [ROOT]     exit code 0: all well, 1: faults (each as file:line: text), 2: layers.txt is wrong
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
SUFFIXES = {".h", ".cpp", ".inc"}


def read_layers(path):
    """{folder: set of folders it may include}; the folder itself is always allowed."""
    layers = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        folder, colon, allowed = line.partition(":")
        if not colon or folder in layers:
            sys.exit(f"{path}:{number}: expected one line `folder: allowed ...` per folder")
        layers[folder] = set(allowed.split())
    for folder, allowed in layers.items():
        unknown = {name for name in allowed if name != "*" and name.removesuffix("/*") not in layers}
        if unknown:
            sys.exit(f"{path}: {folder} names unknown folders: {', '.join(sorted(unknown))}")
    return layers


def floor_of(path, layers):
    """The deepest listed folder that holds the path (relative to src/), or None."""
    for parent in pathlib.PurePosixPath(path).parents:
        if str(parent) in layers:
            return str(parent)
    return None


def may_include(allowed, target):
    return any(
        name in ("*", target) or (name.endswith("/*") and target.startswith(name[:-1])) for name in allowed
    )


def is_test_below(name, floor, target_floor):
    """A test may look into the folders below its own: a conformance test compares what lies there."""
    return pathlib.PurePosixPath(name).stem.endswith("_test") and target_floor.startswith(floor + "/")


def find_cycle(graph):
    """One cycle of an include graph {file: [file]}, as a list of files, or None. Iterative depth-first search."""
    done = set()
    for start in sorted(graph):
        path, on_path, stack = [], set(), [(start, iter(graph[start]))]
        path.append(start)
        on_path.add(start)
        while stack:
            node, targets = stack[-1]
            target = next((t for t in targets if t not in done), None)
            if target is None:
                stack.pop()
                done.add(node)
                on_path.discard(path.pop())
            elif target in on_path:
                return path[path.index(target):] + [target]
            else:
                stack.append((target, iter(graph.get(target, []))))
                path.append(target)
                on_path.add(target)
    return None


def check(root):
    layers = read_layers(root / "tools" / "layers.txt")
    src = root / "src"
    faults, graph = [], {}
    for file in sorted(p for p in src.rglob("*") if p.suffix in SUFFIXES):
        name = file.relative_to(src).as_posix()
        floor = floor_of(name, layers)
        if floor is None:
            faults.append(f"src/{name}:1: its folder has no line in tools/layers.txt")
            continue
        graph[name] = []
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            where = f"src/{name}:{number}"
            if (src / target).is_file():
                graph[name].append(target)
            target_floor = floor_of(target, layers)
            if target_floor is None:
                faults.append(f'{where}: "{target}" is not a path below src/ in a listed folder')
            elif target_floor != floor and not (
                may_include(layers[floor], target_floor) or is_test_below(name, floor, target_floor)
            ):
                faults.append(f"{where}: {floor} may not include {target_floor} ({target})")
    cycle = find_cycle(graph)
    if cycle:
        faults.append(f"src/{cycle[0]}:1: include cycle: {' -> '.join(cycle)}")
    return faults, len(graph)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    root = root if root.is_dir() else root.parent.parent
    faults, count = check(root)
    print("\n".join(faults) if faults else f"layers: {count} files follow tools/layers.txt")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
