"""Checks shimmy-guide.gguf without PyTorch: reads the file, dequantises it, and answers held-out questions with a numpy forward
pass and a KV cache. Shares only the tokenizer and the texts with the training code.

usage: check_guide.py [--sample N] [--ask QUESTION ...] [FILE.gguf]
--sample 0 takes every held-out conversation; --ask holds one conversation instead, one argument a turn."""
import argparse
import pathlib
import random
import struct
import sys
import time

import numpy as np

import bpe
import data

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}


class File:
    def __init__(self, path):
        self.raw, self.at = pathlib.Path(path).read_bytes(), 0
        magic, version, tensors, pairs = self.raw[:4], *struct.unpack_from("<IQQ", self.raw, 4)
        if magic != b"GGUF" or version != 3:
            sys.exit(f"{path}: not a GGUF version 3 file")
        self.at, self.meta, infos = 24, {}, []
        for _ in range(pairs):
            key = self.string()
            self.meta[key] = self.value(self.number("<I"))
        for _ in range(tensors):
            name, rank = self.string(), self.number("<I")
            shape = [self.number("<Q") for _ in range(rank)]
            infos.append((name, shape[::-1], self.number("<I"), self.number("<Q")))
        start = -(-self.at // 32) * 32
        self.tensors = {name: self.tensor(shape, kind, start + offset) for name, shape, kind, offset in infos}

    def number(self, form):
        value = struct.unpack_from(form, self.raw, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def string(self):
        n = self.number("<Q")
        self.at += n
        return self.raw[self.at - n:self.at].decode("utf-8")

    def value(self, kind):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, count = self.number("<I"), self.number("<Q")
            return [self.value(inner) for _ in range(count)]
        return self.number(SCALARS[kind])

    def tensor(self, shape, kind, at):
        count = int(np.prod(shape))
        if kind == 0:
            return np.frombuffer(self.raw, np.float32, count, at).reshape(shape)
        assert kind == 8, f"tensor type {kind}"
        blocks = np.frombuffer(self.raw, np.uint8, count // 32 * 34, at).reshape(-1, 34)
        scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        return (blocks[:, 2:].copy().view(np.int8).astype(np.float32) * scale).reshape(shape)


class Guide:
    def __init__(self, path):
        f = File(path)
        m, self.w = f.meta, f.tensors
        assert m["general.architecture"] == "llama" and m["tokenizer.ggml.pre"] == "llama-bpe"
        self.layers, self.heads, self.kv = m["llama.block_count"], m["llama.attention.head_count"], m["llama.attention.head_count_kv"]
        self.context, self.eps = m["llama.context_length"], m["llama.attention.layer_norm_rms_epsilon"]
        self.dim = m["llama.embedding_length"]
        self.head_dim, self.end = self.dim // self.heads, m["tokenizer.ggml.eos_token_id"]
        self.freq = m["llama.rope.freq_base"] ** (-np.arange(0, self.head_dim, 2) / self.head_dim)
        self.tokenizer = bpe.Tokenizer.from_vocabulary(m["tokenizer.ggml.tokens"], m["tokenizer.ggml.merges"])
        assert self.end == self.tokenizer.im_end and self.w["token_embd.weight"].shape == (len(self.tokenizer.tokens), self.dim)

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.w[name + ".weight"]

    def rope(self, x, position):  # [time, heads, head_dim]
        angle = (position[:, None] * self.freq[None])[:, None]
        a, b, out = x[..., 0::2], x[..., 1::2], np.empty_like(x)
        out[..., 0::2], out[..., 1::2] = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
        return out

    def forward(self, ids, cache):
        """Appends to cache (a list of [k, v] a layer) and returns the logits after the last id."""
        x, past = self.w["token_embd.weight"][ids], cache[0][0].shape[0] if cache else 0
        position, group = np.arange(past, past + len(ids)), self.heads // self.kv
        for i in range(self.layers):
            p = f"blk.{i}."
            h = self.norm(x, p + "attn_norm")
            q, k, v = (h @ self.w[p + f"attn_{n}.weight"].T for n in "qkv")
            q = self.rope(q.reshape(len(ids), self.heads, -1), position)
            k, v = self.rope(k.reshape(len(ids), self.kv, -1), position), v.reshape(len(ids), self.kv, -1)
            if past:
                k, v = np.concatenate([cache[i][0], k]), np.concatenate([cache[i][1], v])
                cache[i] = [k, v]
            else:
                cache.append([k, v])
            q = q.reshape(len(ids), self.kv, group, -1)
            score = np.einsum("tkgd,skd->kgts", q, k) / np.sqrt(self.head_dim)
            score = np.where(np.arange(len(k))[None] > position[:, None], -np.inf, score)
            score = np.exp(score - score.max(-1, keepdims=True))
            a = np.einsum("kgts,skd->tkgd", score / score.sum(-1, keepdims=True), v).reshape(len(ids), -1)
            x = x + a @ self.w[p + "attn_output.weight"].T
            h = self.norm(x, p + "ffn_norm")
            gate = h @ self.w[p + "ffn_gate.weight"].T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ self.w[p + "ffn_up.weight"].T)) @ self.w[p + "ffn_down.weight"].T
        return self.norm(x[-1], "output_norm") @ self.w["token_embd.weight"].T

    def answer(self, messages, limit=260):
        """-> (text, whether the end token came)"""
        t, ids = self.tokenizer, []
        for role, text in messages:
            ids += [t.im_start, *t.encode(f"{role}\n{text}"), t.im_end, *t.encode("\n")]
        ids += [t.im_start, *t.encode("assistant\n")]
        cache, out = [], []
        logits = self.forward(np.array(ids), cache)
        while len(out) < limit and len(ids) + len(out) < self.context:
            token = int(logits.argmax())
            if token == self.end:
                return t.decode(out), True
            out.append(token)
            logits = self.forward(np.array([token]), cache)
        return t.decode(out), False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", nargs="?", default=str(data.HERE / "shimmy-guide.gguf"))
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--ask", nargs="+")
    args = parser.parse_args()
    guide, began = Guide(args.file), time.time()
    if args.ask:
        talk = []
        for question in args.ask:
            talk.append(("user", question))
            talk.append(("assistant", guide.answer(talk)[0]))
            print(f"> {question}\n{talk[-1][1]}\n")
        return
    items = data.held_out()
    if args.sample:
        items = random.Random(1).sample(items, min(args.sample, len(items)))
    good, ends, turns = 0, 0, 0
    for item in items:
        talk, answers = [("system", item["system"])] if "system" in item else [], []
        for question in item["ask"]:
            talk.append(("user", question))
            text, ended = guide.answer(talk)
            talk.append(("assistant", text))
            answers.append(text)
            ends, turns = ends + ended, turns + 1
        right = data.sensible(item, answers)
        good += right
        if not right:
            print(f"not as wanted: {item['ask']} -> {answers[-1][:150]!r}")
    print(f"{good} of {len(items)} held-out conversations sensible ({100 * good / len(items):.1f} %), "
          f"{ends} of {turns} answers ended by themselves, {time.time() - began:.0f} s")
    sys.exit(ends < turns or good < 0.85 * len(items))


if __name__ == "__main__":
    main()
