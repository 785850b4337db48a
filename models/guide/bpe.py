"""Byte-level BPE: the llama-3 pre-tokenizer, a trainer, an encoder. Standard library only ('regex' is used if present,
because it is faster; the scanner below gives the same pieces without it).

Invariant: merges never join digits, so a number is one token a digit and the model can copy it digit by digit."""
import heapq
import unicodedata
from collections import Counter, defaultdict

PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

try:
    import regex
    _compiled = regex.compile(PATTERN)
except ImportError:
    _compiled = None


def _scan(text):
    """PATTERN, alternative by alternative, without a regex library."""
    letter = [unicodedata.category(c)[0] == "L" for c in text]
    number = [unicodedata.category(c)[0] == "N" for c in text]
    space = [c.isspace() and not "\x1c" <= c <= "\x1f" for c in text]
    n, i, out = len(text), 0, []
    while i < n:
        j = i
        if text[i] == "'":
            for suffix in ("s", "t", "re", "ve", "m", "ll", "d"):
                if text[i + 1:i + 1 + len(suffix)].lower() == suffix:
                    j = i + 1 + len(suffix)
                    break
        if j == i:
            k = i + (not letter[i] and not number[i] and text[i] not in "\r\n")
            e = k
            while e < n and letter[e]:
                e += 1
            j = e if e > k else i
        if j == i and number[i]:
            while j < n and j < i + 3 and number[j]:
                j += 1
        if j == i:
            k = e = i + (text[i] == " ")
            while e < n and not (space[e] or letter[e] or number[e]):
                e += 1
            if e > k:
                while e < n and text[e] in "\r\n":
                    e += 1
                j = e
        if j == i:
            e = i
            while e < n and space[e]:
                e += 1
            newline = max((k for k in range(i, e) if text[k] in "\r\n"), default=-1)
            if newline >= 0:
                j = newline + 1
            else:
                j = e if e == n or e == i + 1 else e - 1
        out.append(text[i:j])
        i = j
    return out


def split(text):
    return _compiled.findall(text) if _compiled else _scan(text)


def byte_alphabet():
    """byte -> the printable character that stands for it in GPT-2's spelling"""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spell, extra = {b: chr(b) for b in plain}, 0
    for b in range(256):
        if b not in spell:
            spell[b] = chr(256 + extra)
            extra += 1
    return spell


SPELL = byte_alphabet()
UNSPELL = {c: b for b, c in SPELL.items()}


def spelled(word):
    return "".join(SPELL[b] for b in word.encode("utf-8"))


def train(words, vocab_size):
    """words: Counter of pre-tokenizer pieces. Returns the list of merges (left, right)."""
    pieces = sorted((spelled(w), c) for w, c in words.items() if not any(x.isdigit() for x in w))
    seqs = [list(w) for w, _ in pieces]
    count = [c for _, c in pieces]
    pairs, where = Counter(), defaultdict(set)
    for i, s in enumerate(seqs):
        for p in zip(s, s[1:]):
            pairs[p] += count[i]
            where[p].add(i)
    heap = [(-c, p) for p, c in pairs.items()]
    heapq.heapify(heap)
    merges, room = [], vocab_size - 256 - len(SPECIAL)
    while heap and len(merges) < room:
        c, p = heapq.heappop(heap)
        if -c != pairs[p]:
            if pairs[p] > 0:
                heapq.heappush(heap, (-pairs[p], p))
            continue
        if -c < 2:
            break
        merges.append(p)
        joined, touched = p[0] + p[1], set()
        for i in sorted(where.pop(p)):
            s = seqs[i]
            for q in zip(s, s[1:]):
                pairs[q] -= count[i]
                where[q].discard(i)
            k, t = 0, []
            while k < len(s):
                if k + 1 < len(s) and s[k] == p[0] and s[k + 1] == p[1]:
                    t.append(joined)
                    k += 2
                else:
                    t.append(s[k])
                    k += 1
            seqs[i] = t
            for q in zip(t, t[1:]):
                pairs[q] += count[i]
                where[q].add(i)
                touched.add(q)
        for q in sorted(touched):
            if pairs[q] > 0:
                heapq.heappush(heap, (-pairs[q], q))
    return merges


class Tokenizer:
    """tokens: 256 bytes, then one a merge, then the special ones; padded with unused tokens up to vocab_size."""

    def __init__(self, merges, vocab_size=4096):
        self.merges = [tuple(m) for m in merges]
        self.tokens = [SPELL[b] for b in range(256)] + [a + b for a, b in self.merges]
        while len(self.tokens) < vocab_size - len(SPECIAL):
            self.tokens.append(f"<|unused_{len(self.tokens)}|>")
        self.tokens += SPECIAL
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.eot, self.im_start, self.im_end = (self.ids[s] for s in SPECIAL)
        self.cache = {}

    @classmethod
    def from_vocabulary(cls, tokens, merges):
        t = cls([m.split(" ") for m in merges], len(tokens))
        assert t.tokens == list(tokens)
        return t

    def word(self, w, rng=None, drop=0.0):
        if not drop and w in self.cache:
            return self.cache[w]
        s = list(spelled(w))
        while len(s) > 1:
            best = None
            for k in range(len(s) - 1):
                r = self.rank.get((s[k], s[k + 1]))
                if r is not None and (best is None or r < best[0]) and not (drop and rng.random() < drop):
                    best = (r, k)
            if best is None:
                break
            k = best[1]
            s[k:k + 2] = [s[k] + s[k + 1]]
        ids = [self.ids[x] for x in s]
        if not drop:
            self.cache[w] = ids
        return ids

    def encode(self, text, rng=None, drop=0.0):
        """Plain text only; special tokens are put in by the caller."""
        out = []
        for w in split(text):
            out += self.word(w, rng, drop)
        return out

    def decode(self, ids):
        raw = bytearray()
        for i in ids:
            t = self.tokens[i]
            raw += t.encode() if t in SPECIAL or t.startswith("<|unused_") else bytes(UNSPELL[c] for c in t)
        return raw.decode("utf-8", errors="replace")
