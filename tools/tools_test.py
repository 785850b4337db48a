#!/usr/bin/env python3
"""check_layers.py and tidy.py must find what they are for: each test plants one fault in a small tree of its own."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True
import check_layers  # noqa: E402
import tidy  # noqa: E402


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class Layers(Tree):
    def setUp(self):
        super().setUp()
        self.write("tools/layers.txt", "base:\nlow: base\nlow/inner: low\nhigh: base low/*\ntop: *\n")
        self.write("src/base/a.h", "#pragma once\n")
        self.write("src/low/b.h", '#include "base/a.h"\n')

    def faults(self):
        return check_layers.check(self.root)[0]

    def test_allowed_edges(self):
        self.write("src/low/inner/c.h", '#include "low/b.h"\n#include <vector>\n')
        self.write("src/high/d.h", '#include "low/inner/c.h"\n')
        self.write("src/top/e.cpp", '#include "high/d.h"\n#include "base/a.h"\n')
        self.assertEqual(self.faults(), [])

    def test_denied_edge_names_file_and_line(self):
        self.write("src/base/z.cpp", '\n#include "low/b.h"\n')
        self.assertEqual(self.faults(), ["src/base/z.cpp:2: base may not include low (low/b.h)"])

    def test_subfolder_is_a_floor_of_its_own(self):
        self.write("src/low/f.h", '#include "low/inner/c.h"\n')
        self.assertIn("low may not include low/inner", self.faults()[0])
        self.write("src/low/f.h", "\n")
        self.write("src/high/d.h", '#include "low/b.h"\n')
        self.assertIn("high may not include low", self.faults()[0])

    def test_unlisted_folder_and_relative_include(self):
        self.write("src/new/g.h", "\n")
        self.write("src/low/h.h", '#include "b.h"\n')
        self.assertEqual(len(self.faults()), 2)

    def test_a_test_may_look_below(self):
        self.write("src/low/inner/c.h", "\n")
        self.write("src/low/all_test.cpp", '#include "low/inner/c.h"\n')
        self.assertEqual(self.faults(), [])
        self.write("src/base/up_test.cpp", '#include "low/b.h"\n')
        self.assertEqual(len(self.faults()), 1)

    def test_cycle(self):
        self.write("src/low/x.h", '#include "low/y.h"\n')
        self.write("src/low/y.h", '#include "low/x.h"\n')
        self.assertIn("include cycle: low/x.h -> low/y.h -> low/x.h", self.faults()[0])


class Tidy(Tree):
    def source(self, text):
        """The faults of one well-connected source file with this text."""
        self.write("src/base/one.cpp", text)
        self.write("src/base/one_test.cpp", "\n")
        self.write("src/base/CMakeLists.txt", "one.cpp one_test.cpp\n")
        tidy.TESTED_ELSEWHERE = {}
        return tidy.check(self.root)[0]

    @staticmethod
    def function(lines, signature="int f(int a)"):
        return signature + " {\n" + "    a();\n" * (lines - 2) + "}\n"

    def test_function_length(self):
        for signature in (
            "int f(int a)", "std::vector<int> Type::name(int a) const", "Type::Type(int a) : a_(a), b_{a}",
            "template <class T>\nauto f(T a) -> std::string", "static bool g(const std::function<void(int)>& h) noexcept",
        ):
            lines = 70 - signature.count("\n")
            self.assertEqual(self.source(self.function(lines, signature)), [], signature)
            faults = self.source("namespace a {\n" + self.function(lines + 1, signature) + "}\n")
            self.assertEqual(len(faults), 1, signature)
            self.assertIn("function of 71 lines", faults[0])

    def test_types_and_tables_may_be_long(self):
        self.assertEqual(self.source("struct A {\n" + "    int a;\n" * 90 + "};\n"), [])
        self.assertEqual(self.source("constexpr std::array kRows{\n" + "    Row{1},\n" * 90 + "};\n"), [])
        self.assertEqual(self.source("const char* text = R\"(\n" + "{ if (\n" * 90 + ")\";\n"), [])

    def test_nesting(self):
        def nested(depth):
            text = "void f() {\n"
            for i in range(depth):
                text += "    if (a) {\n"
            return text + "    }\n" * depth + "}\n"
        self.assertEqual(self.source(nested(tidy.NESTING_MAX)), [])
        self.assertIn("nested more than", self.source(nested(tidy.NESTING_MAX + 1))[0])

    def test_file_length(self):
        self.assertEqual(self.source("\n" * 400), [])
        self.assertIn("file of 401 lines", self.source("\n" * 401)[0])

    def test_leftovers(self):
        self.assertEqual(self.source("// TODO(#12): one day\n"), [])
        for line in ("// TODO: one day", "// FIXME", 'return fail("not implemented");', '"/wo" "/' + 'work/x"', "int a; "):
            self.assertEqual(len(self.source(line + "\n")), 1, line)

    def test_file_ends_with_a_newline(self):
        self.assertIn("no newline", self.source("int a;")[0])

    def test_dead_and_untested(self):
        self.assertEqual(self.source("\n"), [])
        self.write("src/base/two.cpp", "\n")
        self.write("src/base/lonely.h", "#pragma once\n")
        self.write("src/other/three.cpp", "\n")
        self.write("src/other/CMakeLists.txt", "three.cpp\n")
        faults = tidy.check(self.root)[0]
        self.assertEqual(len(faults), 3)
        self.assertIn("src/base/lonely.h:1: nothing includes it", faults[0])
        self.assertIn("src/base/two.cpp:1: no CMakeLists.txt builds it", faults[1])
        self.assertIn("src/other:1: no *_test.cpp", faults[2])


if __name__ == "__main__":
    unittest.main()
