#!/usr/bin/env python3
"""The command line as people and scripts use it. Usage: cli_test.py BINARY SOURCE_DIR"""

import json
import os
import pathlib
import pty
import shutil
import struct
import subprocess
import sys
import unittest

from support import Program, clean_environment, data_dir

BINARY, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
COMMANDS = ["serve", "generate", "list", "discover", "probe", "bench", "inspect", "tokenize", "template", "logits",
            "gpu-info"]


class Case(unittest.TestCase):
    def setUp(self):
        self.shimmy = Program(BINARY)
        self.addCleanup(self.shimmy.folder.cleanup)

    def ok(self, *arguments, **options):
        done = self.shimmy.run(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def fails(self, code, *arguments, **options):
        done = self.shimmy.run(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn("shimmy", done.stderr)
        self.assertLess(len(done.stderr), 2000)
        return done.stderr


class Front(Case):
    def test_version(self):
        self.assertRegex(self.ok("--version"), r"^shimmy \d+\.\d+\.\d+\n$")

    def test_help_of_every_command_has_examples(self):
        whole = self.ok("--help")
        for command in COMMANDS:
            self.assertIn(f"  {command} ", whole)
            text = self.ok(command, "--help")
            self.assertIn("Examples:", text)
            self.assertIn(f"shimmy {command}", text)

    def test_alone_and_not_on_a_terminal_it_prints_the_help(self):
        self.assertIn("serve", self.ok())

    def test_alone_on_a_terminal_it_teaches(self):
        ours, theirs = pty.openpty()
        done = subprocess.Popen([self.shimmy.binary], stdin=theirs, stdout=theirs, stderr=theirs, cwd=self.shimmy.home,
                                env=clean_environment(self.shimmy.home))
        self.assertEqual(done.wait(timeout=60), 0)
        text = os.read(ours, 1 << 16).decode()
        os.close(ours)
        os.close(theirs)
        for words in ("shimmy-guide", "Next:", "shimmy serve", "--help"):
            self.assertIn(words, text)

    def test_usage_errors(self):
        self.assertIn("did you mean `shimmy serve`?", self.fails(2, "serv").lower())
        self.assertIn("`shimmy list --help`", self.fails(2, "list", "--no-such-option"))
        self.fails(2, "bench", "x", "--runs", "many")
        self.fails(2, "--backend", "abacus", "list")

    def test_cli_page_is_current(self):
        page = (SOURCE / "docs" / "CLI.md").read_text(encoding="utf-8")
        self.assertEqual(self.ok("help-markdown"), page, "run: build/release/shimmy help-markdown > docs/CLI.md")

    def test_description_of_the_api_is_current(self):
        page = (SOURCE / "docs" / "openapi.yaml").read_text(encoding="utf-8")
        self.assertEqual(self.ok("openapi"), page, "run: build/release/shimmy openapi > docs/openapi.yaml")

    def test_structured_output_page_holds_the_table_of_the_code(self):
        page = (SOURCE / "docs" / "STRUCTURED_OUTPUT.md").read_text(encoding="utf-8")
        self.assertIn(self.ok("grammar", "--keywords"), page, "put the output of shimmy grammar --keywords there")

    def test_no_colours_without_a_terminal(self):
        self.assertNotIn("\x1b", self.ok("--help") + self.ok("list") + self.fails(1, "inspect", "x"))


class Gpu(Case):
    """With whatever Vulkan device there is, one in software too; ./test.sh installs that one."""

    def adapters(self):
        tree = json.loads(self.ok("gpu-info", "--json"))
        self.assertTrue(tree["reason"])
        if not tree["adapters"]:
            self.assertNotIn("SHIMMY_REQUIRE_VULKAN", os.environ, tree["reason"])
        return tree["adapters"]

    def test_info_is_for_people_and_for_scripts(self):
        text = self.ok("gpu-info")
        for adapter in self.adapters():
            self.assertIn(adapter["name"], text)
            self.assertGreater(adapter["memory_bytes"], 0)
            chosen = json.loads(self.ok("gpu-info", "--json", "--gpu-device", adapter["index"]))
            self.assertEqual(chosen["used"], adapter["index"] if adapter["usable"] else None)
        self.assertIn("Used: ", text)

    def test_a_choice_that_cannot_be_met_is_an_error_with_the_reason(self):
        words = self.fails(2, "probe", "shimmy-guide", "--gpu-backend", "vulkan", "--gpu-device", "no such card")
        self.assertRegex(words, "no such card|libvulkan|driver")

    def test_it_writes_what_the_cpu_writes(self):
        if not any(adapter["index"] == 0 and adapter["usable"] for adapter in self.adapters()):
            self.skipTest("there is no usable Vulkan device")
        question = ("generate", "shimmy-guide", "--prompt", "What is Shimmy?", "-n", "12", "--temperature", "0")
        self.assertEqual(self.ok(*question, "--gpu-backend", "vulkan", "--gpu-device", "0"),
                         self.ok(*question, "--gpu-backend", "cpu"))


class Models(Case):
    def setUp(self):
        super().setUp()
        models = data_dir() / "models"
        folder = self.shimmy.home / "models"
        folder.mkdir()
        for name in ("stories260K-q8_0.gguf", "stories260K-f32.gguf", "lora-random-r4.gguf"):
            shutil.copy(models / name, folder / name)

    def test_list(self):
        ids = self.ok("list", "--short").split()
        self.assertIn("stories260k-q8-0", ids)
        self.assertIn("stories260k-f32", ids)
        self.assertNotIn("lora-random-r4", ids)
        listed = {model["id"]: model for model in json.loads(self.ok("list", "--json"))["models"]}
        model = listed["stories260k-q8-0"]
        self.assertEqual((model["architecture"], model["quantisation"], model["context_tokens"]), ("llama", "Q8_0", 512))
        self.assertIn("stories260k-q8-0", self.ok("list"))

    def test_discover_says_where_and_why_not(self):
        found = json.loads(self.ok("discover", "--json"))
        self.assertIn("stories260k-f32", [model["id"] for model in found["models"]])
        self.assertIn("LoRA", found["skipped"][0]["reason"])
        self.assertIn("lora-random-r4.gguf: is a LoRA adapter", self.ok("discover"))

    def test_model_dirs(self):
        other = self.shimmy.home / "other"
        other.mkdir()
        shutil.move(self.shimmy.home / "models" / "stories260K-f32.gguf", other / "Other_Name.gguf")
        self.assertNotIn("other-name", self.ok("list", "-s").split())
        self.assertIn("other-name", self.ok("list", "-s", "--model-dirs", other).split())
        self.assertIn("other-name", self.ok("--model-dirs", other, "list", "-s").split())
        self.assertIn("other-name", self.ok("list", "-s", env={"SHIMMY_MODEL_PATHS": f"/nowhere:{other}"}).split())

    def test_inspect(self):
        text = self.ok("inspect", "models/stories260K-q8_0.gguf", "--tensors")
        for words in ("llama", "Q8_0", "blk.4.ffn_down.weight", "general.architecture", "512 tokens"):
            self.assertIn(words, text)
        self.assertLess(max(map(len, text.splitlines())), 250)
        tree = json.loads(self.ok("inspect", "models/stories260K-q8_0.gguf", "--json"))
        self.assertEqual(tree["metadata"]["general.architecture"], "llama")
        self.assertEqual(tree["metadata"]["tokenizer.ggml.tokens"]["count"], 512)
        self.assertEqual(sum(t["tensors"] for t in tree["tensor_types"]), len(tree["tensors"]))

    def test_inspect_errors(self):
        self.assertIn("no such file", self.fails(1, "inspect", "gone.gguf"))
        (self.shimmy.home / "text.gguf").write_text("hello")
        self.assertIn("text.gguf", self.fails(1, "inspect", "text.gguf"))

    def test_probe(self):
        self.assertTrue(self.ok("probe", "stories260k-q8-0").startswith("ok: loaded stories260k-q8-0\n"))
        self.assertIn("LoRA adapter", self.fails(2, "probe", "models/lora-random-r4.gguf"))
        self.assertIn("did you mean stories260k-q8-0", self.fails(2, "probe", "stories260k-q8"))
        self.assertIn("Name an id", self.fails(2, "probe"))

    def test_logits(self):
        self.ok("logits", "-m", "stories260k-f32", "--tokens", "1,403,407", "-o", "out.f32")
        values = struct.unpack("<1536f", (self.shimmy.home / "out.f32").read_bytes())
        first = values[:512]
        self.assertEqual(first.index(max(first)), 403)
        self.assertAlmostEqual(max(first), 17.0235, places=2)
        self.ok("logits", "-m", "stories260k-f32", "--tokens", "1,403,407", "-o", "ref.f32", "--backend", "reference")
        reference = struct.unpack("<1536f", (self.shimmy.home / "ref.f32").read_bytes())
        self.assertLess(max(abs(a - b) for a, b in zip(values, reference)), 0.1)
        self.assertIn("512", self.fails(1, "logits", "-m", "stories260k-f32", "--tokens", "1,512", "-o", "x"))

    def test_bench(self):
        tree = json.loads(self.ok("bench", "stories260k-q8-0", "-p", "16", "-n", "8", "-r", "3", "--json"))
        for rate in ("prefill_tps", "decode_tps"):
            self.assertGreater(tree[rate], 0)
            spread = tree[f"{rate}_spread"]
            self.assertTrue(spread["min"] <= tree[rate] <= spread["max"])
        again = json.loads(self.ok("bench", "stories260k-q8-0", "-p", "16", "-n", "8", "-r", "1", "--json"))
        self.assertEqual(tree["logits_hash"], again["logits_hash"])
        self.assertIn("TOKENS/S", self.ok("bench", "stories260k-q8-0", "-p", "4", "-n", "4", "-r", "1"))

    def test_generate_is_exact_and_alone_on_stdout(self):
        want = json.loads((data_dir() / "models" / "expected.json").read_text())["stories260K-q8_0.gguf"]
        case = next(case for case in want if case["smallest_top2_gap"] > 0.01 and case["prompt"])
        out = self.ok("generate", "stories260k-q8-0", "--no-template", "--temperature", "0", "--max-tokens",
                      len(case["greedy_ids"]), "--prompt", case["prompt"])
        self.assertEqual(out.strip(), case["greedy_text"].strip())

    def test_generate_seed_and_json(self):
        ask = ("generate", "stories260k-f32", "--no-template", "--prompt", "Once", "--max-tokens", "24", "--temperature", "1")
        self.assertEqual(self.ok(*ask, "--seed", "7"), self.ok(*ask, "--seed", "7"))
        self.assertNotEqual(self.ok(*ask, "--seed", "7"), self.ok(*ask, "--seed", "8"))
        tree = json.loads(self.ok(*ask, "--seed", "7", "--json"))
        self.assertEqual(tree["usage"]["completion_tokens"], 24)
        self.assertEqual(tree["finish_reason"], "length")
        self.assertEqual(tree["text"], self.ok(*ask, "--seed", "7"))

    def test_generate_errors(self):
        self.assertIn("did you mean", self.fails(1, "generate", "stories260k", "--prompt", "x"))
        long = "word " * 2000
        self.assertIn("512", self.fails(1, "generate", "stories260k-f32", "--no-template", "--prompt", long))
        self.fails(2, "generate", "stories260k-f32", "--prompt", "x", "--temperature", "-1")

    def test_prompt_from_standard_input(self):
        ask = ("generate", "stories260k-f32", "--no-template", "--max-tokens", "8", "--temperature", "0")
        self.assertEqual(self.ok(*ask, stdin="Once upon"), self.ok(*ask, "--prompt", "Once upon"))


if __name__ == "__main__":
    data_dir()
    unittest.main(argv=sys.argv[:1], verbosity=2)
