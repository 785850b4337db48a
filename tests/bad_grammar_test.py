#!/usr/bin/env python3
"""Hostile schemas, grammars and expressions: each is an error that says where, or compiles, within a second and 64 MB.

Usage: bad_grammar_test.py BINARY
Each case is a process of its own, `shimmy grammar --jsonl`, whose peak memory is read from /proc when it has answered.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import unittest

from support import clean_environment

BINARY = sys.argv[1]
MEMORY_KB_MAX = 64 << 10
SECONDS_MAX = 1.0
ANSWER_SECONDS_MAX = 30  # on a busy machine; the figure that counts is processor time
PLACE = re.compile(r"^#|line \d+, column \d+|position \d+|at byte \d+")
TEXTS = ["a" * 2000, "{}", "[1]", '"a"', ""]


def schema(**keywords):
    return {"schema": keywords}


def nested(opening, leaf, closing, times):
    return opening * times + leaf + closing * times


# Each must be refused, by a message that holds these words and says where.
REFUSED = {
    "left recursion": ({"gbnf": 'root ::= root "a" | "a"'}, "left-recursive"),
    "left recursion behind what may be empty": (
        {"gbnf": 'root ::= a\na ::= b? a "x" | "y"\nb ::= "z"'}, "left-recursive"),
    "left recursion through other rules": ({"gbnf": 'root ::= a\na ::= b "x"\nb ::= a | "y"'}, "left-recursive"),
    "endless rule": ({"gbnf": 'root ::= "a" root'}, "never ends"),
    "endless pair of rules": ({"gbnf": 'root ::= "a" b\nb ::= "b" root'}, "never ends"),
    "60,000 groups, gbnf": ({"gbnf": "root ::= " + nested("(", '"a"', ")", 60000)}, "nested"),
    "60,000 groups, regex": ({"regex": nested("(", "a", ")", 60000)}, "nested"),
    "60,000 groups, pattern": (schema(pattern=nested("(", "a", ")", 60000)), "nested"),
    "{1000}{1000}, gbnf": ({"gbnf": 'root ::= "a"{1000}{1000}'}, "repetition"),
    "{1000}{1000}, regex": ({"regex": "a{1000}{1000}"}, "nothing to repeat"),
    "{1000}{1000}, pattern": (schema(pattern="a{1000}{1000}"), "nothing to repeat"),
    "({1000}){1000}, gbnf": ({"gbnf": 'root ::= ("a"{1000}){1000}'}, "so many repetitions"),
    "({1000}){1000}, regex": ({"regex": "(a{1000}){1000}"}, "too large"),
    "({1000}){1000}, pattern": (schema(items={"pattern": "(a{1000}){1000}"}), "#/items/pattern"),
    "reference to itself": ({"schema": {"$ref": "#"}}, "#/$ref: it leads back to itself"),
    "cycle of references": (
        {"schema": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}},
        "leads back to itself"),
    "cycle through allOf": (schema(allOf=[{"$ref": "#"}]), "leads back to itself"),
    "a member that needs itself": (
        schema(type="object", properties={"a": {"$ref": "#"}}, required=["a"]), "no value satisfies"),
    "missing reference": ({"schema": {"items": {"$ref": "#/$defs/a"}}}, "#/items/$ref: '#/$defs/a' leads to nothing"),
    "reference to another document": ({"schema": {"$ref": "https://example.com/a"}}, "other documents are not read"),
    "bounds of numbers": (schema(properties={"n": {"minimum": 5, "maximum": 3}}), "#/properties/n/minimum"),
    "bounds of strings": (schema(minLength=5, maxLength=3), "#/minLength: 5 is above maxLength 3"),
    "bounds of items": (schema(minItems=5, maxItems=3), "#/minItems: 5 is above maxItems 3"),
    "bounds of members": (schema(minProperties=5, maxProperties=3), "#/minProperties: 5 is above maxProperties 3"),
    "bounds in allOf": (schema(type="integer", allOf=[{"minimum": 5}, {"maximum": 4}]), "no value satisfies"),
    "contains that cannot be": (
        schema(type="array", contains={"const": 1}, prefixItems=[{"const": 2}], items=False), "no value satisfies"),
    "invalid regex": ({"regex": "a{2,1}"}, "position 6"),
    "invalid pattern": (schema(properties={"x": {"pattern": "(["}}), "#/properties/x/pattern"),
    "states that double": ({"regex": "(a|b)*a(a|b){30}"}, "too large"),
    "states that double, pattern": (schema(pattern="^(a|b)*a(a|b){30}$"), "#/pattern: it is too large"),
    "20,000 optional letters": ({"regex": "a?" * 20000}, "too large"),
    "60,000 optional letters": ({"gbnf": "root ::= " + '"a"? ' * 60000}, "more than"),
    "60,000 alternatives": ({"gbnf": "root ::= " + " | ".join(f'"w{i}"' for i in range(60000))}, "more than"),
    "cases that multiply": (
        schema(allOf=[{"anyOf": [{"properties": {f"k{i}": {"const": 1}}}, {"required": [f"j{i}"]}]}
                      for i in range(30)]), "#: "),
    "3,000 shapes of objects": (
        schema(anyOf=[{"type": "object", "properties": {"k": {"const": i}}, "required": ["k"]} for i in range(3000)]),
        "#: "),
    "40 patterns of keys": (schema(patternProperties={f"a{i}.*b": {"type": "integer"} for i in range(40)}), "#: "),
    "a number of 4,000 digits": (schema(minimum=int("9" * 4000)), "#: the number"),
    "no schema": ({"schema": 5}, "#: a schema is an object"),
    "two kinds at once": ({"schema": {}, "regex": "a"}, "one of schema, gbnf, regex, choice or json"),
}

# May be refused, by a message that says where, or compile.
JUDGED = {
    "60,000 numbers": schema(enum=[i * 7919 for i in range(60000)]),
    "60,000 words": schema(enum=[str(i * 7919) for i in range(60000)]),
    "60,000 words that share nothing": schema(enum=[format(i * 0x9E3779B97F4A7C15 % 2**64, "016x")
                                                    for i in range(60000)]),
    "60,000 objects": schema(enum=[{"a": i} for i in range(60000)]),
    "60,000 choices": {"choice": [str(i * 7919) for i in range(60000)]},
    "20,000 constants": schema(anyOf=[{"const": str(i)} for i in range(20000)]),
    "20,000 members with a format": schema(
        properties={f"p{i}": {"type": "string", "format": "date-time"} for i in range(20000)}),
    "exactly one of 40": schema(oneOf=[{"required": [f"k{i}"], "type": "object"} for i in range(40)]),
    "four thousand million items": schema(type="array", minItems=4 * 10**9),
    "four thousand million characters": schema(type="string", minLength=4 * 10**9),
    "long texts of a pattern": schema(type="string", minLength=40000, pattern="^(ab|c)*$"),
    "contains at each of 1,000 places": schema(
        type="array", contains={"type": "integer"}, minContains=100000, prefixItems=[{"type": "string"}] * 1000),
    "rules that double": {"gbnf": "root ::= r0\n" + "".join(f"r{i} ::= r{i + 1} r{i + 1}\n" for i in range(60))
                                  + 'r60 ::= "a"'},
    "texts with many readings": {"gbnf": 'root ::= a a a\na ::= "a" | "a" a | "a" a a'},
    "repeated nothing": {"gbnf": 'root ::= (("a"?)*)* "b"'},
}

# Lines that no JSON library would write.
LINES = {
    "60,000 levels": ('{"schema":' + nested('{"items":', "{}", "}", 60000) + ',"texts":[]}', "more than 100 levels"),
    "cut off": ('{"schema":', "at byte 10"),
    "no UTF-8": ('{"schema":{"const":"\udcff"},"texts":[]}', "UTF-8"),
    "a key twice": ('{"schema":{"type":"string","type":"null"},"texts":[]}', "twice"),
}


class Answer:
    """What the program says to one line, and what it took."""

    def __init__(self, line, home):
        with subprocess.Popen([BINARY, "grammar", "--jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=home,
                              env=clean_environment(home)) as process:
            watch = threading.Timer(ANSWER_SECONDS_MAX, process.kill)
            watch.start()
            process.stdin.write(line.encode(errors="surrogateescape") + b"\n")
            process.stdin.flush()
            self.answer = process.stdout.readline()
            proc = pathlib.Path("/proc", str(process.pid))
            self.peak_kb = int(re.search(r"VmHWM:\s+(\d+)", (proc / "status").read_text())[1])
            ticks = (proc / "stat").read_text().rpartition(")")[2].split()[11:13]
            self.seconds = sum(map(int, ticks)) / 100
            process.stdin.close()
            self.code = process.wait()
            watch.cancel()


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.home = folder.name
        cls.most_kb = cls.most_seconds = 0

    @classmethod
    def tearDownClass(cls):
        print(f"at most {cls.most_seconds:.2f} s, {cls.most_kb / 1024:.1f} MB")

    def check(self, line):
        got = Answer(line, self.home)
        Case.most_kb, Case.most_seconds = max(Case.most_kb, got.peak_kb), max(Case.most_seconds, got.seconds)
        self.assertEqual(got.code, 0)
        self.assertLessEqual(got.seconds, SECONDS_MAX)
        self.assertLessEqual(got.peak_kb, MEMORY_KB_MAX)
        return json.loads(got.answer)

    def test_is_refused_with_its_place(self):
        for name, (grammar, words) in REFUSED.items():
            with self.subTest(name):
                answer = self.check(json.dumps(grammar | {"texts": TEXTS}))
                self.assertIn(words, answer.get("error", ""))
                if name != "two kinds at once":
                    self.assertRegex(answer["error"], PLACE)

    def test_is_judged_in_time(self):
        for name, grammar in JUDGED.items():
            with self.subTest(name):
                answer = self.check(json.dumps(grammar | {"texts": TEXTS}))
                if "error" in answer:
                    self.assertRegex(answer["error"], f"{PLACE.pattern}|^choice|^text \\d+: ")

    def test_is_no_line(self):
        for name, (line, words) in LINES.items():
            with self.subTest(name):
                self.assertIn(words, self.check(line).get("error", ""))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
