"""Every family against its published architecture: tiny models of odd sizes, whose logits a plain 64-bit pass in Python
computes (reference.py), on the reference and the cpu backend.

usage: family_test.py SHIMMY"""
import array
import json
import math
import sys
import unittest

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent.parent))
from support import Program  # noqa: E402

import cases  # noqa: E402
import reference  # noqa: E402
import tiny_gguf  # noqa: E402

# Float32 weights and keys: nothing but the rounding of single operations may show. On cpu, keys and values are halves.
RMS_MAX = {"reference": 1e-4, "cpu": 2e-3}

PROGRAM = None


def rms(want, got):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(want, got)) / len(want))


class Families(unittest.TestCase):
    def logits(self, path, tokens, backend):
        out = PROGRAM.home / "logits.f32"
        run = PROGRAM.run("logits", "-m", path, "--backend", backend, "--tokens", ",".join(map(str, tokens)), "-o", out)
        self.assertEqual(run.returncode, 0, run.stderr)
        values = array.array("f")
        values.frombytes(out.read_bytes())
        return values

    def test_logits_equal_the_published_architecture(self):
        tokens = [(7 + 31 * i) % cases.VOCAB for i in range(cases.TOKENS)]
        for name, model, metadata, make in cases.CASES:
            tensors, path = make(), PROGRAM.home / f"{name}.gguf"
            tiny_gguf.write(path, metadata, tensors)
            want = [x for row in reference.logits(model, tensors, tokens) for x in row]
            spread = rms(want, [0.0] * len(want))
            self.assertGreater(spread, 0.1, name)
            for backend, bound in RMS_MAX.items():
                with self.subTest(model=name, backend=backend):
                    got = self.logits(path, tokens, backend)
                    self.assertEqual(len(got), len(want))
                    self.assertLessEqual(rms(want, got), bound)

    def embedding(self, path, tokens, backend, *more):
        run = PROGRAM.run("embed", "-m", path, "--backend", backend, "--json", "--tokens", ",".join(map(str, tokens)), *more)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)["embeddings"][0]

    def test_embeddings_equal_the_published_architecture(self):
        tokens = [(7 + 31 * i) % cases.VOCAB for i in range(41)]
        for name, pooling, model, metadata, make in cases.ENCODERS:
            tensors, path = make(), PROGRAM.home / f"{name}.gguf"
            tiny_gguf.write(path, metadata, tensors)
            rows = reference.encoder_rows(model, tensors, tokens)
            for chosen, more in ((pooling, ()), ("cls", ("--pooling", "cls")), ("last", ("--pooling", "last"))):
                for backend in RMS_MAX:
                    with self.subTest(model=name, backend=backend, pooling=chosen):
                        got = self.embedding(path, tokens, backend, *more)
                        self.assertLessEqual(rms(reference.pooled(rows, chosen), got), 2e-4)

    def test_decoders_embed_too(self):
        tokens = [(7 + 31 * i) % cases.VOCAB for i in range(cases.TOKENS)]
        name, model, metadata, make = next(case for case in cases.CASES if case[0] == "qwen3")
        tensors, path = make(), PROGRAM.home / f"{name}.gguf"
        tiny_gguf.write(path, metadata, tensors)
        rows = reference.decoder_rows(model, tensors, tokens)
        for chosen, more in (("last", ()), ("mean", ("--pooling", "mean"))):
            with self.subTest(pooling=chosen):
                got = self.embedding(path, tokens, "cpu", *more)
                self.assertLessEqual(rms(reference.pooled(rows, chosen), got), 2e-4)

    def test_an_encoder_takes_its_whole_context_at_once(self):
        name, pooling, model, metadata, make = next(case for case in cases.ENCODERS if case[0] == "nomic-bert")
        tensors, path = make(), PROGRAM.home / "long-encoder.gguf"
        tiny_gguf.write(path, metadata | {"nomic-bert.context_length": 530}, tensors)
        tokens = [(7 + 31 * i) % cases.VOCAB for i in range(530)]
        want = reference.pooled(reference.encoder_rows(model, tensors, tokens), pooling)
        self.assertLessEqual(rms(want, self.embedding(path, tokens, "cpu")), 2e-4)
        run = PROGRAM.run("embed", "-m", path, "--tokens", ",".join(["1"] * 531))
        self.assertEqual(run.returncode, 1)
        self.assertIn("531 tokens; 530", run.stderr)

    def test_an_encoder_gives_no_text(self):
        _, _, _, metadata, make = cases.ENCODERS[0]
        path = PROGRAM.home / "encoder.gguf"
        tiny_gguf.write(path, metadata, make())
        run = PROGRAM.run("logits", "-m", path, "--tokens", "1,2", "-o", PROGRAM.home / "logits.f32")
        self.assertEqual(run.returncode, 1)
        self.assertIn("encoder", run.stderr)
        run = PROGRAM.run("embed", "-m", path, "--tokens", ",".join(["1"] * 65))
        self.assertEqual(run.returncode, 1)
        self.assertIn("65 tokens; 64", run.stderr)

    def test_every_gate_of_verify_passes(self):
        for name, _, metadata, make in cases.CASES:
            path = PROGRAM.home / f"{name}.gguf"
            tiny_gguf.write(path, metadata, make())
            with self.subTest(model=name):
                run = PROGRAM.run("verify", path, "--json", "--tokens", 16)
                report = json.loads(run.stdout)
                failed = [gate for gate in report["gates"] if not gate["passed"]]
                self.assertEqual((run.returncode, failed), (0, []), run.stderr)
                self.assertTrue(report["passed"])
                self.assertGreaterEqual(len(report["gates"]), 8)


if __name__ == "__main__":
    PROGRAM = Program(sys.argv.pop(1))
    unittest.main()
