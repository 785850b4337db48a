"""Models that cannot be: a sound tiny one, with one thing changed. Each is refused naming what is wrong, the value and
what was expected.

usage: bad_model_test.py SHIMMY"""
import copy
import math
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support import Program  # noqa: E402

import cases  # noqa: E402
import tiny_gguf  # noqa: E402

PROGRAM = None


def key(name, value):
    return lambda metadata, _: metadata.__setitem__("llama." + name, value)


def no_key(name):
    return lambda metadata, _: metadata.pop(name)


def no_tensor(name):
    return lambda _, tensors: tensors.pop(name)


def tensor(name, change):
    return lambda _, tensors: tensors.__setitem__(name, change(tensors[name]))


def weight(name, row, value):
    def change(rows):
        flat = not isinstance(rows[0], list)
        changed = copy.deepcopy(rows)
        (changed if flat else changed[row])[1] = value
        return changed
    return tensor(name, change)


# (what is changed, the model it is changed in, what the message must say)
ROWS = [
    (key("attention.head_count", 0), "llama", ["llama.attention.head_count", "0", "expected 1"]),
    (key("attention.head_count", 3), "llama", ["llama.attention.head_count_kv", "2", "3"]),
    (key("attention.head_count_kv", 0), "llama", ["llama.attention.head_count_kv", "0", "expected 1"]),
    (key("attention.head_count", 2000000), "llama", ["llama.attention.head_count", "2000000"]),
    (key("attention.head_count", [4, 2]), "llama", ["llama.attention.head_count", "4", "2", "layer"]),
    (key("rope.dimension_count", 14), "llama", ["llama.rope.dimension_count", "14", "12"]),
    (key("rope.dimension_count", 7), "llama", ["llama.rope.dimension_count", "7", "even"]),
    (key("rope.freq_base", -1.0), "llama", ["llama.rope.freq_base", "-1"]),
    (key("rope.freq_base", math.nan), "llama", ["llama.rope.freq_base", "nan"]),
    (key("rope.scaling.type", "spiral"), "llama", ["llama.rope.scaling.type", "spiral", "yarn"]),
    (key("rope.scaling.type", 4), "llama", ["llama.rope.scaling.type"]),
    (key("embedding_length", 0), "llama", ["llama.embedding_length", "0"]),
    (key("embedding_length", 44), "llama", ["token_embd.weight", "40", "44"]),
    (key("block_count", 3), "llama", ["blk.2.", "missing"]),
    (key("block_count", 4000000), "llama", ["llama.block_count", "4000000"]),
    (key("feed_forward_length", 56), "llama", ["ffn_gate.weight", "52", "56"]),
    (key("attention.key_length", 16), "llama", ["attn_q.weight", "48", "64"]),
    (key("attention.layer_norm_rms_epsilon", -1e-5), "llama", ["llama.attention.layer_norm_rms_epsilon", "-9.99", "expected 0"]),
    (key("context_length", 0), "llama", ["llama.context_length", "0"]),
    (no_key("llama.attention.layer_norm_rms_epsilon"), "llama", ["llama.attention.layer_norm_rms_epsilon", "missing"]),
    (no_key("llama.embedding_length"), "llama", ["llama.embedding_length", "missing"]),
    (no_key("general.architecture"), "llama", ["general.architecture"]),
    (lambda m, _: m.__setitem__("general.architecture", "perceptron"), "llama", ["perceptron", "llama", "gemma2", "qwen3moe"]),
    (key("expert_used_count", 9), "mixtral", ["llama.expert_used_count", "9", "5"]),
    (key("expert_used_count", 0), "mixtral", ["llama.expert_used_count", "0"]),
    (key("expert_count", 4), "mixtral", ["blk.0.ffn_gate_inp.weight", "5", "4"]),
    (key("expert_feed_forward_length", 24), "mixtral", ["blk.0.ffn_gate_exps.weight"]),
    (no_tensor("token_embd.weight"), "llama", ["token_embd.weight", "missing"]),
    (no_tensor("output_norm.weight"), "llama", ["output_norm.weight", "missing"]),
    (no_tensor("blk.1.attn_norm.weight"), "llama", ["blk.1.attn_norm.weight", "missing"]),
    (no_tensor("blk.0.ffn_norm.weight"), "llama", ["blk.0.ffn_norm.weight", "missing"]),
    (no_tensor("blk.1.attn_k.weight"), "llama", ["blk.1.attn_k.weight", "missing"]),
    (no_tensor("blk.1.ffn_down.weight"), "llama", ["blk.1.ffn_down.weight", "missing"]),
    (no_tensor("blk.1.ffn_up_exps.weight"), "mixtral", ["blk.1.ffn_up_exps.weight", "missing"]),
    (no_tensor("position_embd.weight"), "gpt2", ["position_embd.weight", "missing"]),
    (tensor("blk.0.attn_q.weight", lambda rows: rows[:-1]), "llama", ["blk.0.attn_q.weight", "47", "48"]),
    (tensor("blk.0.attn_norm.weight", lambda row: row[:-1]), "llama", ["blk.0.attn_norm.weight", "39", "40"]),
    (tensor("blk.0.ffn_down.weight", lambda rows: [r + r for r in rows]), "llama", ["blk.0.ffn_down.weight", "104", "52"]),
    (tensor("output.weight", lambda rows: rows[:-1]), "llama", ["output.weight", "299", "300"]),
    (tensor("blk.0.attn_qkv.weight", lambda rows: rows[:-1]), "phi2-fused", ["blk.0.attn_qkv.weight", "143", "144"]),
    (tensor("blk.1.attn_q.bias", lambda row: row + [0.0]), "qwen2", ["blk.1.attn_q.bias", "49", "48"]),
    (tensor("rope_freqs.weight", lambda row: row[:-1]), "llama-3-tensor", ["rope_freqs.weight", "5", "6"]),
    (tensor("rope_freqs.weight", lambda row: [0.0] + row[1:]), "llama-3-tensor", ["rope_freqs.weight", "0", "positive"]),
    (no_tensor("rope_factors_long.weight"), "phi3-long-factors", ["rope_factors_long.weight"]),
    (weight("blk.1.attn_norm.weight", 0, math.nan), "llama", ["blk.1.attn_norm.weight", "nan", "finite"]),
    (weight("blk.1.ffn_up.weight", 17, math.nan), "llama", ["blk.1.ffn_up.weight", "nan", "row 17", "finite"]),
    (weight("token_embd.weight", 299, math.inf), "llama", ["token_embd.weight", "inf", "row 299", "finite"]),
    (weight("blk.0.attn_q.bias", 0, -math.inf), "qwen2", ["blk.0.attn_q.bias", "inf", "finite"]),
    (lambda m, _: m.__setitem__("gemma3.attention.sliding_window_pattern", [True, False]), "gemma3-pattern",
     ["gemma3.attention.sliding_window_pattern", "2", "3"]),
]


class BadModels(unittest.TestCase):
    def setUp(self):
        self.path = PROGRAM.home / "changed.gguf"
        self.known = {name: (metadata, make()) for name, _, metadata, make in cases.CASES}

    def test_the_models_before_the_change_load(self):
        for name in {name for _, name, _ in ROWS}:
            metadata, tensors = self.known[name]
            tiny_gguf.write(self.path, metadata, tensors)
            run = PROGRAM.run("logits", "-m", self.path, "--tokens", "1,2", "-o", PROGRAM.home / "out.f32")
            self.assertEqual(run.returncode, 0, name + run.stderr)

    def test_each_change_is_refused_by_name(self):
        for number, (change, name, says) in enumerate(ROWS):
            with self.subTest(row=number, model=name, says=says):
                metadata, tensors = dict(self.known[name][0]), dict(self.known[name][1])
                change(metadata, tensors)
                tiny_gguf.write(self.path, metadata, tensors)
                run = PROGRAM.run("logits", "-m", self.path, "--tokens", "1,2", "-o", PROGRAM.home / "out.f32")
                self.assertEqual(run.returncode, 1, run.stderr)
                for part in says:
                    self.assertIn(part, run.stderr)


if __name__ == "__main__":
    PROGRAM = Program(sys.argv.pop(1))
    unittest.main()
