"""One tiny model or more of every family: what its publication says it computes (`model`, read by reference.py), and the
file that its converter would write (`metadata`, `tensors`).

Sizes are odd on purpose: heads that do not multiply to the width, groups of several sizes, rows that fill no vector."""
import array
import math
import random

VOCAB = 300
TOKENS = 22

BASE = dict(layers=2, dim=40, heads=4, kv_heads=2, head_dim=12, ffn=52, norm="rms", eps=1e-5, act="silu", gated=True,
            rope="halves", rope_dims=12, base=10000.0)
LAYER_NORM = dict(norm="layer", norm_bias=True)
MOE = dict(experts=dict(n=5, used=2, dim=20, renormalize=True))


def model(**choices):
    return BASE | choices


class Tensors:
    """Random float32 tensors by name, in a file's order."""

    def __init__(self, choices, seed):
        self.c, self.random, self.out = choices, random.Random(seed), {}

    def numbers(self, n, mean, deviation):
        return list(array.array("f", (self.random.gauss(mean, deviation) for _ in range(n))))

    def matrix(self, name, rows, cols, bias=False, deviation=None):
        spread = deviation or 1 / math.sqrt(cols)
        self.out[name + ".weight"] = [self.numbers(cols, 0, spread) for _ in range(rows)]
        if bias:
            self.out[name + ".bias"] = self.numbers(rows, 0, 0.2)

    def stack(self, name, n, rows, cols):
        self.out[name + ".weight"] = [[self.numbers(cols, 0, 1 / math.sqrt(cols)) for _ in range(rows)] for _ in range(n)]

    def norm(self, name, n, mean=1.0):
        self.out[name + ".weight"] = self.numbers(n, mean, 0.2)
        if self.c.get("norm_bias"):
            self.out[name + ".bias"] = self.numbers(n, 0, 0.2)

    def attention(self, prefix):
        c, dim = self.c, self.c["dim"]
        q, kv = c["heads"] * c["head_dim"], c["kv_heads"] * c["head_dim"]
        if c.get("fused_qkv"):
            self.matrix(prefix + "attn_qkv", q + 2 * kv, dim, c.get("qkv_bias"))
        else:
            for part, rows in (("attn_q", q), ("attn_k", kv), ("attn_v", kv)):
                self.matrix(prefix + part, rows, dim, c.get("qkv_bias"))
        if c.get("qk_norm"):
            by_head = c["qk_norm"] == "head"
            self.norm(prefix + "attn_q_norm", c["head_dim"] if by_head else q)
            self.norm(prefix + "attn_k_norm", c["head_dim"] if by_head else kv)
        self.matrix(prefix + "attn_output", dim, q, c.get("bias"))

    def experts(self, prefix):
        rule, dim = self.c["experts"], self.c["dim"]
        self.matrix(prefix + "ffn_gate_inp", rule["n"], dim, deviation=0.5)
        for part in ("gate", "up"):
            self.stack(prefix + f"ffn_{part}_exps", rule["n"], rule["dim"], dim)
        self.stack(prefix + "ffn_down_exps", rule["n"], dim, rule["dim"])
        if "shared" in rule:
            for part in ("gate", "up"):
                self.matrix(prefix + f"ffn_{part}_shexp", rule["shared"], dim)
            self.matrix(prefix + "ffn_down_shexp", dim, rule["shared"])
            if rule.get("shared_router"):
                self.out[prefix + "ffn_gate_inp_shexp.weight"] = self.numbers(dim, 0, 0.2)

    def feed_forward(self, prefix):
        c, dim, ffn = self.c, self.c["dim"], self.c["ffn"]
        if c.get("fused_gate_up"):
            self.matrix(prefix + "ffn_up", 2 * ffn, dim, c.get("bias"))
        else:
            if c["gated"]:
                self.matrix(prefix + "ffn_gate", ffn, dim, c.get("bias"))
            self.matrix(prefix + "ffn_up", ffn, dim, c.get("bias"))
        self.matrix(prefix + "ffn_down", dim, ffn, c.get("bias"))

    def layer(self, index):
        c, prefix, dim = self.c, f"blk.{index}.", self.c["dim"]
        if c.get("pre_norms", True):
            self.norm(prefix + "attn_norm", dim)
        self.attention(prefix)
        if c.get("post_norms"):
            self.norm(prefix + "post_attention_norm", dim)
        if c.get("pre_norms", True) and not c.get("one_norm"):
            self.norm(prefix + "ffn_norm", dim)
        if "experts" in c and index not in c.get("dense_layers", ()):
            self.experts(prefix)
        else:
            self.feed_forward(prefix)
        if c.get("post_norms"):
            self.norm(prefix + "post_ffw_norm", dim)

    def encoder(self):
        c, dim = self.c, self.c["dim"]
        self.matrix("token_embd", VOCAB, dim, deviation=0.4)
        if not c["rope"]:
            self.matrix("position_embd", c.get("ctx", 64), dim, deviation=0.2)
        self.matrix("token_types", 2, dim, deviation=0.2)
        self.norm("token_embd_norm", dim)
        for index in range(c["layers"]):
            prefix = f"blk.{index}."
            self.attention(prefix)
            self.norm(prefix + "attn_output_norm", dim)
            self.feed_forward(prefix)
            self.norm(prefix + "layer_output_norm", dim)
        return self.out

    def decoder(self):
        c = self.c
        self.matrix("token_embd", VOCAB, c["dim"], deviation=0.4)
        if c.get("learned_positions"):
            self.matrix("position_embd", c.get("ctx", 64), c["dim"], deviation=0.2)
        for name, factors in c.get("factors", {}).items():
            self.out[name] = list(array.array("f", factors))
        for index in range(c["layers"]):
            self.layer(index)
        self.norm("output_norm", c["dim"])
        if not c.get("tied"):
            self.matrix("output", VOCAB, c["dim"], c.get("head_bias"), deviation=3 / math.sqrt(c["dim"]))
        return self.out


def metadata(arch, c, extra):
    keys = {
        "context_length": c.get("ctx", 64), "embedding_length": c["dim"], "block_count": c["layers"],
        "feed_forward_length": c["ffn"], "attention.head_count": c["heads"], "attention.head_count_kv": c["kv_heads"],
        "attention.key_length": c["head_dim"], "attention.value_length": c["head_dim"],
        "attention.layer_norm_rms_epsilon" if c["norm"] == "rms" else "attention.layer_norm_epsilon": c["eps"],
    }
    if c.get("rope"):
        keys |= {"rope.dimension_count": c["rope_dims"], "rope.freq_base": c["base"]}
    if "experts" in c:
        keys |= {"expert_count": c["experts"]["n"], "expert_used_count": c["experts"]["used"],
                 "expert_feed_forward_length": c["experts"]["dim"]}
    return {"general.architecture": arch} | {f"{arch}.{key}": value for key, value in (keys | extra).items()}


def case(name, arch, extra=None, **choices):
    """(name, model, metadata, tensors); the tensors are drawn when the case is used."""
    chosen = model(**choices)
    return name, chosen, metadata(arch, chosen, extra or {}), lambda: Tensors(chosen, name).decoder()


YARN = dict(type="yarn", factor=4.0, original=16)
LLAMA3 = dict(type="llama3", factor=8.0, low=1.0, high=4.0, original=32)
ADJACENT = dict(rope="adjacent")
GEMMA = dict(act="gelu_tanh", tied=True, embed_scale=math.sqrt(40), eps=1e-6)
SHORT, LONG = [1.0, 1.05, 1.1, 1.2, 1.3, 1.4], [1.0, 1.5, 2.5, 4.0, 7.0, 12.0]


def long_rope(name, original, divisors):
    # Ding et al. 2024, and Phi-3's published code: sqrt(1 + ln(s) / ln(original)), for both lists.
    magnitude = math.sqrt(1 + math.log(64 / original) / math.log(original))
    return case(name, "phi3", {"rope.scaling.type": "longrope", "rope.scaling.original_context_length": original,
                               "attention.sliding_window": 9},
                fused_qkv=True, fused_gate_up=True, kv_heads=4, windows={0: 9, 1: 9},
                scaling=dict(type="divisors", divisors=divisors, magnitude=magnitude),
                factors={"rope_factors_long.weight": LONG, "rope_factors_short.weight": SHORT})


CASES = [
    case("llama", "llama", **ADJACENT),
    case("llama-tied-biased", "llama", tied=True, qkv_bias=True, bias=True, kv_heads=1, **ADJACENT),
    case("llama-linear", "llama", {"rope.scaling.type": "linear", "rope.scaling.factor": 4.0},
         scaling=dict(type="linear", factor=4.0), **ADJACENT),
    case("llama-linear-older-key", "llama", {"rope.scale_linear": 2.0}, scaling=dict(type="linear", factor=2.0), **ADJACENT),
    case("llama-yarn", "llama",
         {"rope.scaling.type": "yarn", "rope.scaling.factor": 4.0, "rope.scaling.original_context_length": 16},
         scaling=YARN, **ADJACENT),
    case("llama-3-tensor", "llama", scaling=dict(type="divisors", divisors=LONG), factors={"rope_freqs.weight": LONG},
         tied=True, **ADJACENT),
    case("llama-3-metadata", "llama",
         {"rope.scaling.type": "llama3", "rope.scaling.factor": 8.0, "rope.scaling.low_freq_factor": 1.0,
          "rope.scaling.high_freq_factor": 4.0, "rope.scaling.original_context_length": 32},
         scaling=LLAMA3, base=50.0, **ADJACENT),
    case("mixtral", "llama", **ADJACENT, **MOE),
    case("deepseek-moe", "deepseek", {"expert_weights_scale": 1.5, "leading_dense_block_count": 1},
         experts=dict(n=6, used=3, dim=20, renormalize=False, scale=1.5, shared=24), dense_layers=(0,), kv_heads=4, **ADJACENT),
    case("phi2", "phi2", act="gelu_tanh", gated=False, parallel=True, one_norm=True, rope_dims=8, kv_heads=4, qkv_bias=True,
         bias=True, head_bias=True, **LAYER_NORM),
    case("phi2-fused", "phi2", act="gelu_tanh", gated=False, parallel=True, one_norm=True, rope_dims=8, kv_heads=4,
         fused_qkv=True, qkv_bias=True, bias=True, head_bias=True, **LAYER_NORM),
    long_rope("phi3-short-factors", 32, SHORT),
    long_rope("phi3-long-factors", 16, LONG),
    case("phi3-partial", "phi3", fused_qkv=True, fused_gate_up=True, rope_dims=6, tied=True),
    case("gemma", "gemma", kv_heads=1, **GEMMA),
    case("gemma2", "gemma2",
         {"attention.sliding_window": 5, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 6.0}, layers=4,
         post_norms=True, windows={0: 5, 2: 5}, attn_softcap=3.0, logit_softcap=6.0, **GEMMA),
    case("gemma3", "gemma3", {"attention.sliding_window": 6, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0},
         layers=7, post_norms=True, qk_norm="head", windows=dict.fromkeys([0, 1, 2, 3, 4, 6], 6), base=1e6,
         base_local=10000.0, scaling=dict(type="linear", factor=8.0), **GEMMA),
    case("gemma3-pattern", "gemma3", {"attention.sliding_window": 4, "attention.sliding_window_pattern": [False, True, True],
                                      "rope.freq_base_swa": 2000.0},
         layers=3, post_norms=True, qk_norm="head", windows={1: 4, 2: 4}, base=1e6, base_local=2000.0, **GEMMA),
    case("gpt2", "gpt2", rope=None, learned_positions=True, act="gelu_tanh", gated=False, kv_heads=4, fused_qkv=True,
         qkv_bias=True, bias=True, tied=True, **LAYER_NORM),
    case("gptneox", "gptneox", {"use_parallel_residual": True}, act="gelu", gated=False, parallel=True, kv_heads=4,
         rope_dims=4, fused_qkv=True, qkv_bias=True, bias=True, **LAYER_NORM),
    case("gptneox-serial", "gptneox", {"use_parallel_residual": False}, act="gelu", gated=False, kv_heads=4, rope_dims=12,
         fused_qkv=True, qkv_bias=True, bias=True, **LAYER_NORM),
    case("starcoder2", "starcoder2", act="gelu_tanh", gated=False, tied=True, qkv_bias=True, bias=True, kv_heads=1,
         **LAYER_NORM),
    case("stablelm", "stablelm", {"use_parallel_residual": True}, rope_dims=4, qkv_bias=True, **LAYER_NORM),
    case("stablelm-parallel", "stablelm", {"use_parallel_residual": True}, rope_dims=4, parallel=True, one_norm=True,
         **LAYER_NORM),
    case("qwen2", "qwen2", qkv_bias=True, tied=True, base=1e6),
    case("qwen2moe", "qwen2moe", {"expert_shared_feed_forward_length": 28}, qkv_bias=True, kv_heads=4,
         experts=dict(n=5, used=2, dim=20, renormalize=False, shared=28, shared_router=True)),
    case("qwen3", "qwen3", qk_norm="head", tied=True, base=1e6, heads=6, kv_heads=2),
    case("qwen3moe", "qwen3moe", qk_norm="head", **MOE),
    case("olmo2", "olmo2", pre_norms=False, post_norms=True, qk_norm="row"),
    case("internlm2", "internlm2", base=1e6, **ADJACENT),
    case("command-r", "command-r", {"logit_scale": 0.0625}, norm="layer", parallel=True, one_norm=True, tied=True,
         logit_scale=0.0625, **ADJACENT),
    case("granite", "granite",
         {"embedding_scale": 12.0, "residual_scale": 0.22, "attention.scale": 0.0625, "logit_scale": 8.0}, tied=True,
         embed_scale=12.0, residual_scale=0.22, attn_scale=0.0625, logit_scale=1 / 8, **ADJACENT),
    case("exaone", "exaone", scaling=dict(type="divisors", divisors=LONG), factors={"rope_freqs.weight": LONG}),
    case("smollm3", "smollm3", layers=4, no_rope_layers=(3,), tied=True, base=5e6, **ADJACENT),
]


def encoder(name, arch, pooling, extra=None, **choices):
    """(name, pooling, model, metadata, tensors)"""
    chosen = model(bidirectional=True, kv_heads=4, **LAYER_NORM, **choices)
    return name, pooling, chosen, metadata(arch, chosen, extra or {}), lambda: Tensors(chosen, name).encoder()


ENCODERS = [
    encoder("bert-cls", "bert", "cls", {"pooling_type": 2}, rope=None, act="gelu", gated=False, qkv_bias=True, bias=True),
    encoder("bert-mean", "bert", "mean", {"pooling_type": 1}, rope=None, act="gelu", gated=False, qkv_bias=True, bias=True),
    encoder("nomic-bert", "nomic-bert", "mean", {"pooling_type": 1}, fused_qkv=True),
    encoder("nomic-bert-biased", "nomic-bert", "mean", base=1000.0, fused_qkv=True, qkv_bias=True, bias=True),
]
