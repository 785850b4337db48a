#!/usr/bin/env python3
"""docs/OPENAI_COMPAT.md against the program and the tests: every route and parameter of the server's tables has a row,
every row is of something that is there, and every test that a row names exists. docs/API.md has every route and error code.

Usage: compat_test.py BINARY SOURCE
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest

BINARY, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
PAGE = SOURCE / "docs" / "OPENAI_COMPAT.md"
SHARED = "Parameters beyond OpenAI's"  # a section that counts for every route
STATUSES = {"yes", "partly", "ignored", "refused", "beyond"}
PROOF = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")


def sections():
    """Title of each section, and its table rows as lists of cells, without heads."""
    out, title = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            title = line[3:].strip()
        elif line.startswith("| ") and not line.startswith(("| route |", "| parameter |", "| what ")):
            out.setdefault(title, []).append([cell.strip() for cell in line.strip("|").split("|")])
    return out


def api():
    done = subprocess.run([BINARY, "openapi", "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def parameters(operation):
    return operation["requestBody"]["content"]["application/json"]["schema"]["properties"]


class Compat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sections, cls.api = sections(), api()
        cls.paths = cls.api["paths"]

    def test_the_page_of_the_api_has_every_route_and_error_code(self):
        page = (SOURCE / "docs" / "API.md").read_text(encoding="utf-8")
        for path in self.paths:
            self.assertIn(path, page)
        for failure in self.api["components"]["responses"].values():
            for code in failure["description"].partition(", code ")[2].split(", "):
                self.assertIn(f"`{code}`", page, failure["description"])

    def test_every_route_has_a_row_and_every_row_a_route(self):
        routes = {f"`{method.upper()} {path}`" for path, methods in self.paths.items() for method in methods}
        self.assertEqual({row[0] for row in self.sections["Routes"]}, routes)

    def test_every_parameter_has_a_row(self):
        shared = {row[0] for row in self.sections[SHARED]}
        for path, methods in self.paths.items():
            if "post" not in methods:
                continue
            own = {row[0]: row[1] for row in self.sections.get(f"POST {path}", [])}
            elsewhere = set() if own else {row[0] for rows in self.sections.values() for row in rows}
            for name, schema in parameters(methods["post"]).items():
                row = f"`{name}`"
                self.assertIn(row, own.keys() | shared | elsewhere, f"{path}: no row in {PAGE.name}")
                if row in own:
                    use = schema.get("x-use")
                    self.assertEqual(own[row] if own[row] in ("ignored", "refused") else None, use, f"{path} {name}")

    def test_every_row_is_of_a_parameter_that_is_there(self):
        everywhere = set()
        for path, methods in self.paths.items():
            if "post" not in methods:
                continue
            names = {f"`{name}`" for name in parameters(methods["post"])}
            everywhere |= names
            for row in self.sections.get(f"POST {path}", []):
                self.assertIn(row[0], names, path)
        for row in self.sections[SHARED]:
            self.assertIn(row[0], everywhere)

    def test_rows_have_a_status_and_a_proof_that_exists(self):
        rows = [row for rows in self.sections.values() for row in rows]
        self.assertGreater(len(rows), 80)
        for row in rows:
            if len(row) == 4:
                self.assertIn(row[1], STATUSES, row[0])
            proofs = PROOF.findall(row[-1])
            self.assertTrue(proofs, f"{row[0]}: names no test")
            for title, target in proofs:
                file = (PAGE.parent / target).resolve()
                self.assertTrue(file.is_file(), f"{row[0]}: {target}")
                self.assertTrue(self.has_test(file, title), f"{row[0]}: no test '{title}' in {target}")

    @staticmethod
    def has_test(file, title):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".mjs":
            return f"test('{title}'," in text
        suite, _, name = title.partition(".")
        return re.search(rf"TEST(_F|_P)?\({re.escape(suite)}, {re.escape(name)}\)", text) is not None


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
