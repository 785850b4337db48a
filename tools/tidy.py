#!/usr/bin/env python3
"""Holds the tree to its own style, beyond what clang-format sees: lengths, nesting, leftovers, dead and untested files.

Usage: tools/tidy.py [ROOT]     exit code 0: all well, 1: faults, each as file:line: text
Reads only files that git tracks or would track. Takes a few seconds at most; needs nothing but Python.
"""

import ast
import pathlib
import re
import subprocess
import sys

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
NESTING_MAX = 4  # blocks of if, for, while, switch, do within one function

# Files that may be longer, each with its reason. Tests may be, too: cases are data.
LONG_FILES = {}
# Folders whose sources are tested from elsewhere, each with its reason.
TESTED_ELSEWHERE = {}

CODE = {".h", ".cpp", ".inc"}
TEXT = CODE | {".py", ".sh", ".cmake", ".md", ".txt", ".json", ".yml", ".yaml", ".ts", ".js", ".css", ".html"}
# Written by people in other folders' formats, or not prose of ours.
NOT_OURS = ("models/guide/text/", "package-lock.json")
SELF = ("tools/tidy.py", "tools/tools_test.py")  # name what they look for

LEFTOVERS = [
    (re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))"), "a note without an issue number: write TODO(#123), or do it"),
    (re.compile(r"\bHACK\b"), "say what is odd and why instead of HACK"),
    (re.compile(r"\b([Nn]ot implemented|[Uu]nimplemented)\b"), "absence is absence of code, not a message"),
    (re.compile(r"\b(coming soon|lorem ipsum|your code here|rest of the code)\b", re.I), "a copied stub"),
    (re.compile(r"(?<![\w.])/(work|root|Users)/\w"), "a path of one machine"),
]


def is_test(name):
    return name.startswith("tests/") or pathlib.PurePosixPath(name).stem.endswith("_test")


def tracked_files(root):
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False,
    )
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
    else:
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if "build" not in p.parts]
    return sorted(name for name in set(names) if name and (root / name).is_file())


def blank_text(code):
    """The code with comments, strings and character literals blanked out, line by line of the same count."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        text = match.group(0)
        return ("" if text.startswith("/") else '""') + "\n" * text.count("\n")

    without_directives = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: "\n" * m.group(0).count("\n"),
                                pattern.sub(blank, code), flags=re.M)
    return without_directives


CONTROL = re.compile(r"^\s*(?:\}?\s*else\b|(?:\}\s*)?(?:if|for|while|switch|do|catch|try)\b)")


def block_kind(header):
    """What the brace opens that follows this text: scope, function, control, lambda or list."""
    header = header.strip()
    if re.search(r"\bnamespace\b|\bextern \"\"$", header):
        return "scope"
    if CONTROL.match(header):
        return "control"
    if re.search(r"\]\s*(?:<[^{}]*>\s*)?(?:\([^{}]*\))?\s*(?:mutable|noexcept|->[^{}]*|\s)*$", header, re.S) and "[" in header:
        return "lambda"
    if re.search(r"(?:^|[\s>)])(?:class|struct|union|enum)\b[^()=]*$", header):
        return "scope"
    if re.search(r"\)\s*(?:const|noexcept|override|final|mutable|->\s*[\w:<>,&*\s]+|\s)*$", header) and "=" not in header.split("(")[0]:
        return "function"
    if re.search(r"\)\s*(?:noexcept\s*)?:\s*[^;]*[)}]$", header, re.S):  # a constructor with initialisers
        return "function"
    return "list"


class BlockReader:
    """Follows the braces of one file: good enough for code that clang-format has laid out."""

    def __init__(self, name, faults):
        self.name, self.faults = name, faults
        self.stack = []  # (kind, first line, text before the brace)
        self.header, self.header_line, self.line = "", 1, 1

    def read(self, code):
        for char in blank_text(code):
            self.line += char == "\n"
            if char == "{":
                self.open()
            elif char == "}":
                self.close()
            elif char == ";" and self.header.count("(") <= self.header.count(")"):
                self.header = ""
            else:
                if not self.header.strip():
                    self.header, self.header_line = "", self.line
                self.header += char

    def open(self):
        kind = block_kind(self.header)
        if kind == "function" and any(k == "function" for k, _, _ in self.stack):
            kind = "lambda"
        start = self.header_line if self.header.strip() else self.line
        self.stack.append((kind, start, self.header))
        self.header = ""
        if kind == "control" and self.control_depth() == NESTING_MAX + 1:
            self.faults.append(f"{self.name}:{self.line}: nested more than {NESTING_MAX} deep; give the inside a name")

    def control_depth(self):
        depth = 0
        for kind, _, _ in reversed(self.stack):
            if kind in ("function", "lambda"):
                break
            depth += kind == "control"
        return depth

    def close(self):
        kind, start, header = self.stack.pop() if self.stack else ("scope", self.line, "")
        lines = self.line - start + 1
        if kind == "function" and lines > FUNCTION_LINES_MAX:
            self.faults.append(f"{self.name}:{start}: function of {lines} lines (at most {FUNCTION_LINES_MAX})")
        self.header = header + "{}" if kind == "list" else ""  # a list is part of a longer statement
        self.header_line = start if kind == "list" else self.line


def check_python(name, code, faults):
    try:
        tree = ast.parse(code)
    except SyntaxError as error:
        faults.append(f"{name}:{error.lineno}: {error.msg}")
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                faults.append(f"{name}:{node.lineno}: function of {lines} lines (at most {FUNCTION_LINES_MAX})")


def check_lines(name, lines, faults):
    for number, line in enumerate(lines, 1):
        if line != line.rstrip() and not name.endswith(".md"):
            faults.append(f"{name}:{number}: space at the end of the line")
        if "\t" in line and pathlib.PurePosixPath(name).suffix in CODE | {".py"}:
            faults.append(f"{name}:{number}: a tab; indent with spaces")
        if name in SELF:
            continue
        for pattern, why in LEFTOVERS:
            if pattern.search(line):
                faults.append(f"{name}:{number}: {why}: {line.strip()[:80]}")


def check_file(root, name, faults):
    data = (root / name).read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        faults.append(f"{name}:1: not UTF-8 (byte {error.start})")
        return
    if text and not text.endswith("\n"):
        faults.append(f"{name}:{text.count(chr(10)) + 1}: no newline at the end of the file")
    lines = text.split("\n")
    check_lines(name, lines, faults)
    suffix = pathlib.PurePosixPath(name).suffix
    is_code = suffix in CODE | {".py", ".sh", ".cmake"}
    if is_code and not is_test(name) and name not in LONG_FILES and len(lines) - 1 > FILE_LINES_MAX:
        faults.append(f"{name}:{FILE_LINES_MAX}: file of {len(lines) - 1} lines (at most {FILE_LINES_MAX})")
    if suffix in CODE and not is_test(name):
        BlockReader(name, faults).read(text)
    if suffix == ".py":
        check_python(name, text, faults)


def check_dead(root, names, faults):
    """Sources that no CMake file builds, headers that nothing includes."""
    cmake = "\n".join((root / n).read_text() for n in names if n.endswith(("CMakeLists.txt", ".cmake")))
    words = set(re.findall(r"[\w.+-]+", cmake))
    included = set()
    for name in names:
        if pathlib.PurePosixPath(name).suffix in CODE:
            included |= set(re.findall(r'#\s*include\s+"([^"]+)"', (root / name).read_text(errors="replace")))
    basenames = {pathlib.PurePosixPath(i).name for i in included}
    for name in names:
        path = pathlib.PurePosixPath(name)
        if not name.startswith(("src/", "tests/", "bench/")):
            continue
        if path.suffix == ".cpp" and path.name not in words:
            faults.append(f"{name}:1: no CMakeLists.txt builds it")
        if path.suffix in (".h", ".inc") and path.name not in basenames:
            faults.append(f"{name}:1: nothing includes it")


def check_tested(names, faults):
    folders = {}
    for name in names:
        if name.startswith("src/") and name.endswith(".cpp"):
            folders.setdefault(str(pathlib.PurePosixPath(name).parent), []).append(name)
    tested = {folder for folder, sources in folders.items() if any(is_test(s) for s in sources)}
    for folder in sorted(folders):
        above = {str(parent) for parent in pathlib.PurePosixPath(folder).parents}
        if folder not in TESTED_ELSEWHERE and not tested & (above | {folder}):
            faults.append(f"{folder}:1: no *_test.cpp in this folder or above it")


def check(root):
    names = tracked_files(root)
    faults = []
    for name in names:
        path = pathlib.PurePosixPath(name)
        if name.startswith(NOT_OURS) or name.endswith(NOT_OURS):
            continue
        if path.suffix in TEXT or path.name in ("run.sh", "test.sh", ".ci/run"):
            check_file(root, name, faults)
    check_dead(root, names, faults)
    check_tested(names, faults)
    for name in list(LONG_FILES) + list(TESTED_ELSEWHERE):
        if not (root / name).exists():
            faults.append(f"tools/tidy.py:1: excepts {name}, which does not exist")
    return faults, len(names)


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    faults, count = check(root.resolve())
    print("\n".join(faults) if faults else f"tidy: {count} files are in order")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
