#!/usr/bin/env python3
"""Answers held to a grammar, over HTTP and on the command line.

Usage: structured_test.py BINARY
"""

import json
import random
import re
import sys
import unittest
import urllib.error

from support import Program, Server

BINARY = sys.argv[1]
RUNS = 40


def random_schema(rng, depth=2):
    """A schema by chance, of what valid() below can check."""
    kind = rng.randrange(8 if depth else 5)
    if kind == 0:
        return {"type": "integer", "minimum": rng.randrange(-50, 0), "maximum": rng.randrange(1, 500)}
    if kind == 1:
        return {"type": "string", "minLength": rng.randrange(3), "maxLength": rng.randrange(3, 12)}
    if kind == 2:
        return {"enum": ["red", 3, None, {"x": [1, "é\n"]}]}
    if kind == 3:
        return {"type": "boolean"}
    if kind == 4:
        return {"type": "string", "pattern": "^[a-c]{2,4}-[0-9]$"}
    if kind == 5:
        return {"type": "array", "items": random_schema(rng, depth - 1), "minItems": 1, "maxItems": 3}
    names = rng.sample(["name", "age", "tags", "größe", "x y"], rng.randrange(1, 4))
    return {"type": "object", "properties": {name: random_schema(rng, depth - 1) for name in names},
            "required": names[:rng.randrange(len(names) + 1)], "additionalProperties": False}


def valid(value, schema):
    if "enum" in schema:
        return value in schema["enum"]
    kind = schema["type"]
    if kind == "boolean":
        return isinstance(value, bool)
    if kind == "integer":
        whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value)  # 12.0 is one
        return whole and schema["minimum"] <= value <= schema["maximum"]
    if kind == "string":
        if "pattern" in schema:
            return isinstance(value, str) and re.search(schema["pattern"], value) is not None
        return isinstance(value, str) and schema["minLength"] <= len(value) <= schema["maxLength"]
    if kind == "array":
        return (isinstance(value, list) and schema["minItems"] <= len(value) <= schema["maxItems"]
                and all(valid(item, schema["items"]) for item in value))
    return (isinstance(value, dict) and set(schema["required"]) <= set(value) <= set(schema["properties"])
            and all(valid(item, schema["properties"][key]) for key, item in value.items()))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shimmy = Program(BINARY)
        cls.addClassCleanup(cls.shimmy.folder.cleanup)
        cls.server = Server(cls.shimmy)
        cls.addClassCleanup(cls.server.stop)
        cls.rng = random.Random(7)

    def chat(self, **fields):
        body = {"model": "shimmy-guide", "messages": [{"role": "user", "content": "Tell me about models."}],
                "temperature": 1, "max_tokens": 300} | fields
        return self.server.post("/v1/chat/completions", body)

    def refused(self, **fields):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.chat(**fields)
        with caught.exception:
            return caught.exception.code, json.load(caught.exception)["error"]


class ResponseFormat(Case):
    def test_random_schemas(self):
        whole = 0
        for seed in range(RUNS):
            schema = random_schema(self.rng)
            answer = self.chat(seed=seed, n=2, response_format={
                "type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}})
            for choice in answer["choices"]:
                if choice["finish_reason"] != "stop":
                    continue
                whole += 1
                value = json.loads(choice["message"]["content"])
                self.assertTrue(valid(value, schema), f"{value} by {schema}")
        self.assertGreater(whole, RUNS)

    def test_json_object_grammar_regex_and_choice(self):
        answer = self.chat(response_format={"type": "json_object"}, max_tokens=600, temperature=0.2)["choices"][0]
        self.assertTrue(answer["message"]["content"].startswith("{"))
        if answer["finish_reason"] == "stop":
            self.assertIsInstance(json.loads(answer["message"]["content"]), dict)
        cases = [({"grammar": 'root ::= "a"+ "b"'}, r"a+b"), ({"guided_regex": "[0-9]{3}-[x-z]{2}"}, r"[0-9]{3}-[x-z]{2}"),
                 ({"guided_choice": ["yes", "no"]}, r"yes|no")]
        for fields, pattern in cases:
            choice = self.chat(**fields)["choices"][0]
            if choice["finish_reason"] == "stop":
                self.assertRegex(choice["message"]["content"], f"^(?:{pattern})$")
        answer = self.chat(guided_json={"const": [1, "x"]})["choices"][0]
        if answer["finish_reason"] == "stop":
            self.assertEqual(json.loads(answer["message"]["content"]), [1, "x"])

    def test_the_same_with_logprobs_and_without_chat(self):
        answer = self.server.post("/v1/completions", {
            "model": "shimmy-guide", "prompt": "One, two, ", "temperature": 1, "logprobs": 1, "seed": 3, "max_tokens": 80,
            "guided_regex": "(three|four)( and [a-z]{2}){2}"})["choices"][0]
        self.assertRegex(answer["text"], r"^(three|four)( and [a-z]{2}){2}$")
        self.assertEqual("".join(answer["logprobs"]["tokens"]), answer["text"])

    def test_what_cannot_be_promised_is_a_400(self):
        status, error = self.refused(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {
            "type": "object", "properties": {"a": {"type": "string", "format": "regex"}}}}})
        self.assertEqual((status, error["code"], error["param"]), (400, "invalid_json_schema", "response_format"))
        self.assertIn("#/properties/a", error["message"])
        self.assertIn("format", error["message"])
        status, error = self.refused(grammar="root ::= other")
        self.assertEqual((status, error["code"], error["param"]), (400, "invalid_grammar", "grammar"))
        self.assertIn("line 1, column", error["message"])
        self.assertEqual(self.refused(guided_regex="(")[1]["code"], "invalid_grammar")


class Tools(Case):
    def test_a_demanded_call_has_valid_arguments(self):
        for seed in range(RUNS // 2):
            schemas = {f"tool_{i}": {"type": "object", "properties": {"a": random_schema(self.rng), "b": random_schema(self.rng, 0)},
                                     "required": ["a"], "additionalProperties": False} for i in range(2)}
            tools = [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in schemas.items()]
            choice = {"type": "function", "function": {"name": "tool_1"}} if seed % 2 else "required"
            answer = self.chat(seed=seed, tools=tools, tool_choice=choice, max_tokens=400)["choices"][0]
            if answer["finish_reason"] == "length":
                continue
            calls = answer["message"]["tool_calls"]
            self.assertGreaterEqual(len(calls), 1)
            for call in calls:
                name = call["function"]["name"]
                self.assertIn(name, ["tool_1"] if seed % 2 else schemas)
                value = json.loads(call["function"]["arguments"])
                self.assertTrue(valid(value, schemas[name]), f"{value} by {schemas[name]}")

    def test_a_schema_that_cannot_be_kept_is_refused(self):
        tools = [{"type": "function", "function": {"name": "f", "parameters": {
            "type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}}}]
        status, error = self.refused(tools=tools, tool_choice="required")
        self.assertEqual((status, error["code"], error["param"]), (400, "invalid_json_schema", "tools"))
        self.assertIn("'f'", error["message"])


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.shimmy = Program(BINARY)
        self.addCleanup(self.shimmy.folder.cleanup)

    def generate(self, *arguments):
        return self.shimmy.run("generate", "shimmy-guide", "--prompt", "Hello", "--seed", "5", *arguments)

    def test_flags(self):
        schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}},
                  "required": ["n"], "additionalProperties": False}
        file = self.shimmy.home / "schema.json"
        file.write_text(json.dumps(schema), encoding="utf-8")
        for given in (json.dumps(schema), str(file)):
            done = self.generate("--json-schema", given)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(json.loads(done.stdout)["n"], range(1, 10))
        grammar = self.shimmy.home / "a.gbnf"
        grammar.write_text('root ::= "x" [0-9]', encoding="utf-8")
        self.assertRegex(self.generate("--grammar", str(grammar)).stdout, r"^x[0-9]$")
        self.assertRegex(self.generate("--regex", "[ab]{4}", "--temperature", "1").stdout, r"^[ab]{4}$")

    def test_errors(self):
        done = self.generate("--json-schema", '{"type": "nothing"}')
        self.assertEqual(done.returncode, 1)
        self.assertIn("--json-schema", done.stderr)
        self.assertEqual(self.generate("--regex", "a", "--json-schema", "{}").returncode, 2)
        self.assertIn("gone.gbnf", self.generate("--grammar", "gone.gbnf").stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
