"""Trains shimmy-guide from the files in text/ and writes the GGUF: tokenizer, data, training, evaluation, Q8_0, all in one go.

usage: train.py [--out DIR] [--steps N] [--samples N] [--seed S] [--smoke]
Needs PyTorch 2 and a GPU (bf16); --smoke runs a tiny configuration on the CPU to try the code."""
import argparse
import json
import math
import multiprocessing
import pathlib
import random
import re
import time
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F

import bpe
import data
import gguf_out
from model import Guide, Shape

BUCKETS = [48, 64, 96, 128, 192, 256, 384, 512, 768, 1024]
CHAT_TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
                 "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
_texts = _tokenizer = None


def log(*parts):
    print(*parts, flush=True)


# ---- data --------------------------------------------------------------------------------------------------------------

def count_words(job):
    seed, count = job
    rng, words = random.Random(seed), Counter()
    for _ in range(count):
        for text, _ in _texts.sample(rng):
            if isinstance(text, str):
                words.update(bpe.split(text))
    return words


def make_samples(job):
    """-> (ids uint16, ten times the weights uint8, lengths)"""
    seed, count = job
    rng, ids, weights, lengths = random.Random(seed), [], [], []
    for _ in range(count):
        i, w = data.encode_sample(_texts.sample(rng), _tokenizer, rng)
        ids.append(np.array(i, np.uint16))
        weights.append(np.array([round(10 * x) for x in w], np.uint8))
        lengths.append(len(i))
    return np.concatenate(ids), np.concatenate(weights), np.array(lengths, np.int64)


def build_tokenizer(seed, samples, vocab, processes):
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        words = Counter()
        for part in pool.imap(count_words, [(seed * 1000 + i, samples // 64 + 1) for i in range(64)]):
            words.update(part)
    words = Counter({w: math.ceil(c ** 0.6) for w, c in words.items() if c >= 3})
    return bpe.Tokenizer(bpe.train(words, vocab), vocab), len(words)


class Dataset:
    """All samples in device memory, sorted into buckets by length."""

    def __init__(self, parts, device):
        self.ids = torch.from_numpy(np.concatenate([p[0] for p in parts]).astype(np.int16)).to(device)
        self.weights = torch.from_numpy(np.concatenate([p[1] for p in parts])).to(device)
        lengths = np.concatenate([p[2] for p in parts])
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self.buckets = []
        for low, high in zip([0, *BUCKETS], BUCKETS):
            mine = np.nonzero((lengths > low) & (lengths <= high))[0]
            if len(mine):
                self.buckets.append((high, torch.from_numpy(starts[mine]).to(device), torch.from_numpy(lengths[mine]).to(device)))
        self.share = np.array([float(length.sum()) for _, _, length in self.buckets])
        self.share /= self.share.sum()
        self.tokens = int(lengths.sum())
        self.order, self.device = [None] * len(self.buckets), device

    def batch(self, rng, tokens):
        """-> ids [b, t], weights [b, t]; padding has weight 0"""
        k = int(rng.choice(len(self.buckets), p=self.share))
        width, starts, lengths = self.buckets[k]
        count = min(tokens // width, len(starts))
        if self.order[k] is None or len(self.order[k]) < count:
            self.order[k] = torch.from_numpy(rng.permutation(len(starts))).to(self.device)
        pick, self.order[k] = self.order[k][:count], self.order[k][count:]
        column = torch.arange(width, device=self.device)
        inside = column[None] < lengths[pick][:, None]
        at = (starts[pick][:, None] + column[None]).clamp(max=len(self.ids) - 1)
        return self.ids[at].long() * inside, self.weights[at].float() / 10 * inside


# ---- training ----------------------------------------------------------------------------------------------------------

def compile_blocks(model, dataset, args, device):
    """About twice the speed; without it (no compiler here) training goes on uncompiled."""
    if device.type != "cuda" or not args.compile:
        return
    try:
        model.fast = [torch.compile(block, dynamic=True) for block in model.blk]
        for k in range(3):
            ids, _ = dataset.batch(np.random.default_rng(k), args.batch_tokens)
            with torch.autocast(device.type, dtype=torch.bfloat16):
                model(ids[:, :-1]).float().mean().backward()
    except Exception as error:
        log(f"not compiled: {error!r}"[:500])
        model.fast = None
    model.zero_grad(set_to_none=True)


def learn(model, dataset, args, device):
    decay = [p for p in model.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if p.dim() != 2]
    fused = {"fused": True} if device.type == "cuda" else {}
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=args.rate, betas=(0.9, 0.95), **fused)
    rng, warmup, began, history = np.random.default_rng(args.seed), min(200, args.steps // 10 + 1), time.time(), []
    model.train()
    compile_blocks(model, dataset, args, device)
    log(f"compiled: {model.fast is not None}, {time.time() - began:.0f} s")
    start, step, done = time.time(), -1, 0.0
    while done < 1:
        step += 1
        done = max((step + 1) / args.steps, (time.time() - start) / args.seconds)
        part = (step + 1) / warmup if step < warmup else 0.5 * (1 + math.cos(math.pi * min(done, 1)))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * max(part, 0.01)
        ids, weights = dataset.batch(rng, args.batch_tokens)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            hidden = model(ids[:, :-1])
            target, weight = ids[:, 1:].reshape(-1), weights[:, 1:].reshape(-1)
            logits = model.head(hidden).reshape(len(target), -1)
        losses = F.cross_entropy(logits.float(), target, reduction="none")
        loss = (losses * weight).sum() / weight.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 500 == 0 or done >= 1:
            answer = weight > 0.5
            value = float((losses.detach() * answer).sum() / answer.sum())
            history.append((step, value))
            log(f"step {step:6d}  answer loss {value:.4f}  loss {float(loss.detach()):.4f}  {time.time() - began:.0f} s")
    return history, time.time() - start


# ---- evaluation --------------------------------------------------------------------------------------------------------

def prompt_ids(tokenizer, messages):
    ids = []
    for role, text in messages:
        ids += [tokenizer.im_start, *tokenizer.encode(f"{role}\n{text}"), tokenizer.im_end, *tokenizer.encode("\n")]
    return ids + [tokenizer.im_start, *tokenizer.encode("assistant\n")]


@torch.no_grad()
def generate(model, tokenizer, prompts, device, temperature=0.0, limit=260, seed=0):
    """Whole batch at once, without a cache. -> [(text, ended)]"""
    model.eval()
    torch.manual_seed(seed)
    rows = [list(p[-(model.shape.context - limit):]) for p in prompts]
    length = torch.tensor([len(r) for r in rows], device=device)
    ids = torch.zeros(len(rows), max(map(len, rows)) + limit, dtype=torch.long, device=device)
    for i, r in enumerate(rows):
        ids[i, :len(r)] = torch.tensor(r, device=device)
    done = torch.zeros(len(rows), dtype=torch.bool, device=device)
    for _ in range(limit):
        live = (~done).nonzero()[:, 0]
        if not len(live):
            break
        hidden = model(ids[live][:, :int(length[live].max())])
        logits = model.head(hidden[torch.arange(len(live), device=device), length[live] - 1])
        if temperature:
            token = torch.multinomial(torch.softmax(logits.float() / temperature, -1), 1)[:, 0]
        else:
            token = logits.argmax(-1)
        ids[live, length[live]] = token
        done[live] = token == tokenizer.im_end
        length[live[token != tokenizer.im_end]] += 1
    return [(tokenizer.decode(ids[i, len(r):int(length[i])].tolist()), bool(done[i])) for i, r in enumerate(rows)]


def known_answers(texts):
    parts = []
    for topic in texts.topics.values():
        for answer in topic.answers if topic.name != "echo" else []:
            parts.append(re.sub(r"%(port|threads|ctx|name|words|a|b|c|sym)%", ".{1,40}?", re.escape(answer).replace(r"\%", "%")))
    return re.compile("|".join(parts))


def evaluate(model, tokenizer, texts, device, temperature=0.0, count=None, limit=260):
    items = data.held_out()[:count]
    talks = [[("system", x["system"])] if "system" in x else [] for x in items]
    answers = [[] for _ in items]
    ended, known, total, pattern = 0, 0, 0, known_answers(texts)
    for turn in range(max(len(x["ask"]) for x in items)):
        active = [i for i, x in enumerate(items) if len(x["ask"]) > turn]
        for i in active:
            talks[i].append(("user", items[i]["ask"][turn]))
        results = generate(model, tokenizer, [prompt_ids(tokenizer, talks[i]) for i in active], device, temperature, limit)
        for i, (text, end) in zip(active, results):
            talks[i].append(("assistant", text))
            answers[i].append(text)
            ended, total = ended + end, total + 1
            known += bool(pattern.fullmatch(text)) or items[i]["topic"] == "echo" and data.sensible(items[i], [text])
    good = [data.sensible(x, a) for x, a in zip(items, answers)]
    return {"held_out": len(items), "sensible": sum(good) / len(items), "ended": ended / total, "known_text": known / total,
            "wrong": [(x["ask"], a) for x, a, g in zip(items, answers, good) if not g]}, answers


def quantised(model):
    """The same model with each matrix as Q8_0 stands for it."""
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 2:
                p.copy_(torch.from_numpy(gguf_out.quantise(p.float().cpu().numpy())[1]).to(p.device))


def write_gguf(path, model, tokenizer):
    s = model.shape
    kinds = [3 if t in bpe.SPECIAL else 5 if t.startswith("<|unused_") else 1 for t in tokenizer.tokens]
    metadata = {
        "general.architecture": "llama", "general.name": "Shimmy Guide", "general.basename": "shimmy-guide",
        "general.description": "The small guide that is built into Shimmy. It knows how to use Shimmy and nothing else.",
        "general.license": "MIT", "general.languages": ["en"], "general.file_type": 7, "general.quantization_version": 2,
        "llama.context_length": s.context, "llama.embedding_length": s.dim, "llama.block_count": s.layers,
        "llama.feed_forward_length": s.ffn, "llama.attention.head_count": s.heads, "llama.attention.head_count_kv": s.kv_heads,
        "llama.attention.layer_norm_rms_epsilon": s.eps, "llama.rope.dimension_count": s.head_dim,
        "llama.rope.freq_base": s.rope_base, "llama.vocab_size": s.vocab,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.tokens": tokenizer.tokens,
        "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.merges": [" ".join(m) for m in tokenizer.merges],
        "tokenizer.ggml.bos_token_id": tokenizer.eot, "tokenizer.ggml.eos_token_id": tokenizer.im_end,
        "tokenizer.ggml.eot_token_id": tokenizer.im_end, "tokenizer.ggml.padding_token_id": tokenizer.eot,
        "tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.add_eos_token": False, "tokenizer.chat_template": CHAT_TEMPLATE}
    tensors = {name: p.detach().float().cpu().numpy() for name, p in model.named_parameters()}
    return gguf_out.write(path, metadata, tensors)


def write_samples(path, answers):
    lines = ["# Unedited answers to held-out questions", "",
             "Greedy, from the quantised model, written by `train.py`. No question below was in the training text.", ""]
    for item, given in zip(data.held_out(), answers):
        for ask, answer in zip(item["ask"], given):
            lines += [f"**{ask}**", "", *("> " + s for s in answer.split("\n")), ""]
        lines += ["---", ""]
    path.write_text("\n".join(lines))


def main():
    global _texts, _tokenizer
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=str(data.HERE))
    parser.add_argument("--steps", type=int, default=9650)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=1e9, help="end training after this time, whatever --steps says")
    parser.add_argument("--compile", type=int, default=1)
    parser.add_argument("--batch-tokens", type=int, default=49152)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--smoke", action="store_true")
    args = parser.parse_args()
    shape = Shape()
    if args.smoke:
        args.steps, args.samples, args.batch_tokens = 12, 500, 2048
        shape = Shape(vocab=1024, dim=64, layers=2, heads=2, kv_heads=1, ffn=96)
    out, began = pathlib.Path(args.out), time.time()
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    _texts = data.Texts()
    _tokenizer, words = build_tokenizer(args.seed, 500 if args.smoke else 60_000, shape.vocab, args.processes)
    log(f"tokenizer: {len(_tokenizer.merges)} merges from {words} words, {time.time() - began:.0f} s")
    jobs = [(args.seed * 100_000 + i, args.samples // 256 + 1) for i in range(256)]
    with multiprocessing.get_context("fork").Pool(args.processes) as pool:
        parts = pool.map(make_samples, jobs, chunksize=1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dataset = Dataset(parts, device)
    log(f"data: {sum(len(p[2]) for p in parts)} conversations, {dataset.tokens / 1e6:.1f} million tokens, {time.time() - began:.0f} s")
    model = Guide(shape, args.dropout).to(device)
    parameters = sum(p.numel() for p in model.parameters())
    history, seconds = learn(model, dataset, args, device)
    model.float()
    size = write_gguf(out / "shimmy-guide.gguf", model, _tokenizer)
    few = {"count": 5, "limit": 6} if args.smoke else {}
    before, _ = evaluate(model, _tokenizer, _texts, device, **few)
    quantised(model)
    after, answers = evaluate(model, _tokenizer, _texts, device, **few)
    lively, _ = evaluate(model, _tokenizer, _texts, device, temperature=0.8, **few)
    write_samples(out / "samples.md", answers)
    report = {"parameters": parameters, "bytes": size, "steps": history[-1][0] + 1, "batch_tokens": args.batch_tokens,
              "training_seconds": round(seconds), "total_seconds": round(time.time() - began),
              "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU", "final_answer_loss": history[-1][1],
              "float32": {k: v for k, v in before.items() if k != "wrong"}, "q8_0": {k: v for k, v in after.items() if k != "wrong"},
              "q8_0_temperature_0.8": {k: v for k, v in lively.items() if k != "wrong"}}
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    log(json.dumps(report, indent=1))
    for ask, answer in after["wrong"]:
        log("WRONG", ask, "->", [a[:160] for a in answer])
    for ask, answer in lively["wrong"][:12]:
        log("WARM", ask, "->", [a[:160] for a in answer])


if __name__ == "__main__":
    main()
