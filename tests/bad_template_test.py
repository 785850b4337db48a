#!/usr/bin/env python3
"""Chat templates that cannot work, in models that a running server finds: each request is answered with a message that
says what is wrong, and the server goes on serving the others.

Usage: bad_template_test.py BINARY
"""

import json
import pathlib
import re
import signal
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "families"))
from support import Program, clean_environment  # noqa: E402

import cases  # noqa: E402
import tiny_gguf  # noqa: E402

PROGRAM = Program(sys.argv[1])
MESSAGES = [{"role": "user", "content": "Hi"}]
BYTE, CONTROL, UNKNOWN = 6, 3, 2  # tokenizer.ggml.token_type

# (id, template, what the message must say)
BAD = [
    ("syntax", "{{ bos_token }}\n{% for m in messages %}{{ m.content }", ["line 2"]),
    ("unclosed", "{% if messages %}\nHi", ["line"]),
    ("unknown-filter", "Hi\n{{ messages[0].content | embroider }}", ["line 2", "embroider"]),
    ("endless", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", ["line 1", "steps"]),
    ("recursion", "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}{{ again(0) }}", ["line 1"]),
    ("huge", "{{ 'x' * 10**12 }}", ["line 1"]),
    ("refusal", "{{ raise_exception('no tourists') }}", ["no tourists"]),
]


def vocabulary():
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    return {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.scores": [0.0] * len(tokens),
        "tokenizer.ggml.token_type": [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256,
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
    }


def write_model(path, chat_template=None, **more):
    """A tiny llama with a vocabulary of bytes."""
    words = vocabulary()
    _, _, metadata, make = cases.case("chat", "llama", {"context_length": 512}, **cases.ADJACENT)
    own = {} if chat_template is None else {"tokenizer.chat_template": chat_template}
    tiny_gguf.write(path, metadata | words | own | more, make())


class BadTemplates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = PROGRAM.home / "models"
        folder.mkdir()
        for name, source, _ in BAD:
            write_model(folder / f"{name}.gguf", source)
        write_model(folder / "sound.gguf", "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
        cls.errors = open(PROGRAM.home / "errors", "w+", encoding="utf-8")
        cls.server = subprocess.Popen([PROGRAM.binary, "serve", "--bind", "127.0.0.1:0"], stdout=subprocess.PIPE,
                                      stderr=cls.errors, text=True, cwd=PROGRAM.home, env=clean_environment(PROGRAM.home))
        banner = ""
        for line in cls.server.stdout:
            banner += line
            if "Ctrl+C" in line:
                break
        cls.url = re.search(r"http://\S+:\d+", banner).group(0)

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        cls.server.wait(timeout=30)
        cls.server.stdout.close()
        cls.errors.close()

    def chat(self, model):
        """(status, message of the error or None)"""
        body = {"model": model, "messages": MESSAGES, "max_tokens": 2, "temperature": 0}
        request = urllib.request.Request(self.url + "/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return reply.status, json.load(reply).get("error")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)["error"]["message"]

    def test_each_is_refused_and_the_server_lives(self):
        for name, _, says in BAD:
            with self.subTest(model=name):
                status, message = self.chat(name)
                self.assertEqual(status, 400, message)
                for part in says:
                    self.assertIn(part, message)
                self.assertEqual(self.chat("sound"), (200, None))
        self.assertIsNone(self.server.poll())

    def test_the_command_says_the_same(self):
        for name, _, says in BAD:
            with self.subTest(model=name):
                run = PROGRAM.run("template", PROGRAM.home / "models" / f"{name}.gguf")
                self.assertEqual(run.returncode, 1, run.stdout)
                for part in says:
                    self.assertIn(part, run.stderr)


class Choice(unittest.TestCase):
    """Which template a model without one gets, and how to give it another."""

    def setUp(self):
        self.path = PROGRAM.home / "bare.gguf"

    def rendered(self, *arguments):
        messages = PROGRAM.home / "chat.json"
        messages.write_text(json.dumps(MESSAGES))
        run = PROGRAM.run("template", self.path, "--messages", messages, *arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run

    def test_by_name_and_family(self):
        for more, shown in (({"general.name": "TinyLlama-1.1B-Chat"}, "<|user|>\nHi</s>"),
                            ({"general.name": "Vicuna 7B"}, "USER: Hi"),
                            ({"general.name": "nobody's"}, "<|im_start|>user\nHi<|im_end|>")):
            write_model(self.path, **more)
            run = self.rendered()
            self.assertIn(shown, run.stdout)
            self.assertEqual("--chat-template" in run.stderr, "im_start" in shown, run.stderr)

    def test_override(self):
        write_model(self.path, "own")
        self.assertEqual(self.rendered().stdout.strip(), "own")
        self.assertIn("<|user|>\nHi", self.rendered("--chat-template", "zephyr").stdout)
        other = PROGRAM.home / "mine.jinja"
        other.write_text("mine {{ messages[0].content }}")
        self.assertEqual(self.rendered("--chat-template", other).stdout.strip(), "mine Hi")
        run = PROGRAM.run("template", self.path, "--chat-template", "gone")
        self.assertEqual(run.returncode, 1)
        self.assertIn("gone", run.stderr)
        self.assertIn("zephyr", run.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
