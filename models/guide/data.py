"""From the files in text/ to conversations: reads topics, expands templates, varies the way people type.

A sample is (segments, ...) of one conversation: [(text, weight)], where text between special tokens is encoded in one go.
Everything is drawn from a random.Random that the caller seeds.

usage: data.py             checks the texts (unknown macros, one question under two topics) and prints examples"""
import json
import pathlib
import random
import re

from variation import (PORTS, UNITS, code_text, gibberish, long_text, normal, off_numbers, pseudo_word, random_name,
                       some_words, sum_slots, vary)

HERE = pathlib.Path(__file__).resolve().parent
TEXT = HERE / "text"
SHIMMY_FILES = ["about", "start", "commands", "models", "api", "errors"]
SMALL_FILES = ["smalltalk"]
OFF_FILES = ["offtopic"]


# ---- templates: text with {a|b|c}, $MACRO, $list, ${list} and %slot% -------------------------------------------------

class Grammar:
    def __init__(self):
        self.lists = {}
        for name in ("macros", "words"):
            for line in (TEXT / f"{name}.txt").read_text().splitlines():
                if line and not line.startswith("#"):
                    key, alternatives = line.split(" = ", 1)
                    self.lists[key.strip()] = alternatives
        self.words = {k for k in self.lists if k.islower()} - {"name"}
        self.parsed = {}
        for k, v in self.lists.items():
            self.lists[k] = self._alternatives(v)
        self.lists["letters"] = None

    def _alternatives(self, text):
        depth, parts, start = 0, [], 0
        for i, c in enumerate(text):
            depth += (c == "{") - (c == "}")
            if c == "|" and depth == 0:
                parts.append(text[start:i])
                start = i + 1
        parts.append(text[start:])
        return [self.parse(p) for p in parts]

    def parse(self, text):
        if text in self.parsed:
            return self.parsed[text]
        nodes, i, plain = [], 0, ""
        while i < len(text):
            c = text[i]
            if c == "$":
                m = re.match(r"\$\{([a-z]+)\}|\$([A-Z]+|[a-z]+)", text[i:])
                if m:
                    nodes += [plain, ("list", m.group(1) or m.group(2))]
                    plain, i = "", i + m.end()
                    continue
            if c == "{":
                depth, j = 1, i + 1
                while j < len(text) and depth:
                    depth += (text[j] == "{") - (text[j] == "}")
                    j += 1
                inside = text[i + 1:j - 1]
                parts = self._alternatives(inside)
                if depth == 0 and len(parts) > 1:
                    nodes += [plain, ("any", parts)]
                    plain, i = "", j
                    continue
            plain += c
            i += 1
        nodes.append(plain)
        nodes = [x for x in nodes if x != ""]
        for x in nodes:
            if x[0] == "list" and isinstance(x, tuple) and x[1] not in self.lists:
                raise ValueError(f"unknown macro ${x[1]} in {text!r}")
        self.parsed[text] = nodes
        return nodes

    def expand(self, nodes, rng, strange=0.0):
        out = []
        for x in nodes:
            if isinstance(x, str):
                out.append(x)
            elif x[0] == "any":
                out.append(self.expand(rng.choice(x[1]), rng, strange))
            elif strange and x[1] in self.words and rng.random() < strange:
                out.append(pseudo_word(rng))
            else:
                out.append(self.expand(rng.choice(self.lists[x[1]]), rng, strange))
        return "".join(out)


class Topic:
    def __init__(self, name, weight, kind):
        self.name, self.weight, self.kind = name, weight, kind
        self.lines, self.answers = [], []


class Texts:
    def __init__(self):
        self.grammar = Grammar()
        self.topics, self.follow = {}, {}
        for kind, files in (("shimmy", SHIMMY_FILES), ("small", SMALL_FILES), ("off", OFF_FILES), ("raw", ["tasks"])):
            for name in files:
                self._read(TEXT / f"{name}.txt", kind)
        self._read_followups()
        self.systems = [s.replace("~", "\n") for s in self._plain("systems")]
        self.prose = [self.grammar.parse(s) for s in self._plain("prose")]
        self.held_out = {normal(item["ask"][-1]) for item in held_out()}  # earlier turns only set the scene
        self.names = list(self.topics)
        self.weights = [self.topics[n].weight for n in self.names]

    def _plain(self, name):
        return [s for s in (TEXT / f"{name}.txt").read_text().splitlines() if s and not s.startswith("#")]

    def _read(self, path, kind):
        topic, answer = None, []

        def close():
            if answer:
                topic.answers.append("\n".join(answer))
                answer.clear()
        for number, line in enumerate(path.read_text().splitlines() + [""], 1):
            if line.startswith("@ "):
                close()
                parts = line[2:].split()
                weight = float(parts[1][1:]) if len(parts) > 1 else 1.0
                if parts[0] in self.topics:
                    raise ValueError(f"{path.name}:{number}: topic {parts[0]} twice")
                topic = self.topics[parts[0]] = Topic(parts[0], weight, kind)
            elif line.startswith("- "):
                topic.lines.append(self.grammar.parse(line[2:].strip()))
            elif line.startswith("> ") or line == ">":
                answer.append(line[2:])
            elif not line:
                if topic:
                    close()
            elif not line.startswith("#"):
                raise ValueError(f"{path.name}:{number}: {line!r}")

    def _read_followups(self):
        after, lines = [], []
        for line in self._plain("followups"):
            if line.startswith("@ "):
                after = line[2:].split()
            elif line.startswith("- "):
                lines.append(self.grammar.parse(line[2:]))
            elif line.startswith("=> "):
                for name in [*after, line[3:].strip()]:
                    if name not in self.topics:
                        raise ValueError(f"followups.txt: unknown topic {name}")
                for name in after:
                    self.follow.setdefault(name, []).append((lines, line[3:].strip()))
                lines = []

    def fill(self, text, rng):
        """Slots -> (text with slots shielded by \\x01..\\x01, values for the answer)."""
        shown, values = {}, {}
        if "%a%" in text:
            shown, values = sum_slots(rng)
        if "%port%" in text:
            shown["port"] = str(rng.choice(PORTS) if rng.random() < 0.3 else rng.randint(1024, 65535) if rng.random() < 0.5
                                else rng.randint(1, 65) * 1000 + rng.choice([0, 0, 1, 80, 90, 500, rng.randint(0, 999)]))
        if "%threads%" in text:
            shown["threads"] = str(rng.choice([1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64]) if rng.random() < 0.8 else rng.randint(1, 128))
        if "%ctx%" in text:
            shown["ctx"] = str(rng.choice([512, 1024, 2048, 3000, 4096, 8000, 8192, 10000, 12000, 16000, 16384, 20000, 32768, 65536, 100000,
                                           131072, rng.randint(5, 999) * 100]))
            if rng.random() < 0.2:
                k = rng.choice([1, 2, 4, 8, 8, 16, 16, 32, 32, 64, 128])
                shown["ctx"], values["ctx"] = f"{k}{rng.choice('kkkK')}", str(1024 * k)
        while "%age%" in text:
            text = text.replace("%age%", str(rng.randint(2, 99) if rng.random() < 0.9 else rng.randint(100, 2100)), 1)
        if "%words%" in text:
            shown["words"] = some_words(rng, self.grammar)
        if "%name%" in text:
            shown["name"] = random_name(rng, self.grammar)
        values = {**shown, **values}  # what the answer says, where it differs from what was asked
        while "%d%" in text:
            text = text.replace("%d%", str(rng.randint(0, 30) if rng.random() < 0.8 else rng.randint(0, 999)), 1)
        text = off_numbers(rng, text)
        while "%unit%" in text:
            text = text.replace("%unit%", rng.choice(UNITS), 1)
        while "%gibberish%" in text:
            text = text.replace("%gibberish%", gibberish(rng), 1)
        text = text.replace("%longtext%", "\x02") if "%longtext%" in text else text
        for k, v in shown.items():
            text = text.replace(f"%{k}%", "\x01" + k + "\x01")
        return text, shown, values

    def question(self, topic, rng, lines=None):
        """One typed question of this topic, and the slot values for its answer."""
        for _ in range(20):
            text = self.grammar.expand(rng.choice(lines or topic.lines), rng, strange=0.12 if topic.kind == "off" else 0.0)
            text = " ".join(text.split(" ")).strip()
            text = re.sub(r"  +", " ", text)
            bulk = "%longtext%" in text or "%code%" in text or "%chat%" in text
            text, shown, values = self.fill(text, rng)
            kind = "raw" if bulk or topic.kind == "raw" or topic.name in ("off-gibberish", "emoji", "empty") and rng.random() < 0.7 else \
                "echo" if topic.name == "echo" else topic.kind
            parts = text.split("\x01")
            text = vary("\x01".join(p if i % 2 == 0 else str(i // 2) for i, p in enumerate(parts)), rng, kind)
            names = [p for i, p in enumerate(parts) if i % 2]
            text = re.sub("\x01(\\d+)\x01", lambda m: shown[names[int(m.group(1))]], text)
            text = text.replace("~", "\n") if bulk or topic.kind == "raw" or topic.name == "echo" else text
            if bulk:
                text = text.replace("\x02", long_text(rng, self.grammar)).replace("%code%", code_text(rng, self.grammar))
                text = text.replace("%chat%", self._chat(rng)) if "%chat%" in text else text
            if text and normal(text) not in self.held_out:
                return text, values
        return "hello", {}

    def _chat(self, rng):
        out = []
        for _ in range(rng.randint(1, 2)):
            t = self.topics[rng.choice(["hello", "load-model", "what-is-shimmy", "off-general", "off-code", "joke", "python", "address"])]
            q, values = self.question(t, rng)
            out.append(f"USER: {q}\nASSISTANT: {self.answer(t, values, rng)}")
        return "\n".join(out)

    def answer(self, topic, values, rng):
        text = rng.choice(topic.answers)
        for k, v in values.items():
            text = text.replace(f"%{k}%", v)
        return text

    def pick(self, rng):
        return self.topics[rng.choices(self.names, self.weights)[0]]

    def conversation(self, rng):
        """[(role, text, topic)]"""
        turns = []
        chance = rng.random()
        if chance < 0.42:
            turns.append(("system", rng.choice(self.systems), None))
        elif chance < 0.46:
            turns.append(("system", " ".join(rng.sample(self.systems, rng.randint(2, 6))), None))
        elif chance < 0.48:
            turns.append(("system", long_text(rng, self.grammar)[:800], None))
        count = rng.choices([1, 2, 3, 4, 6, 9, 14], [56, 20, 10, 6, 4, 2.5, 1.5])[0]
        previous = None
        for _ in range(count):
            lines = None
            if previous and previous.name in self.follow and rng.random() < 0.5:
                lines, name = rng.choice(self.follow[previous.name])
                topic = self.topics[name]
            elif previous and rng.random() < 0.15:
                topic = self.topics[rng.choice(["thanks", "ok", "bye", "thanks", "yes", "not-understood", "wrong-answer", "praise"])]
            else:
                topic = self.pick(rng)
            q, values = self.question(topic, rng, lines)
            turns.append(("user", q, topic))
            turns.append(("assistant", self.answer(topic, values, rng), topic))
            previous = topic
        return turns

    def sample(self, rng):
        """[(encode, weight)] with special tokens as ints: one training document."""
        if rng.random() < 0.03:
            text = self.grammar.expand(rng.choice(self.prose), rng, strange=0.1).replace("~", "\n")
            return [(text, 1.0), (END, 1.0)]
        if rng.random() < 0.015:
            topic = self.pick(rng)
            q, values = self.question(topic, rng)
            return [(q + "\n", 0.1), (self.answer(topic, values, rng), 1.0), (END, 1.0)]
        out = []
        for role, text, _ in self.conversation(rng):
            out.append((START, 0.0))
            if role == "assistant":
                out += [("assistant\n", 0.0), (text, 1.0), (END, 1.0), ("\n", 0.0)]
            else:
                out += [(f"{role}\n{text}", 0.1), (END, 0.1), ("\n", 0.0)]
        return out


START, END = -1, -2


def encode_sample(segments, tokenizer, rng, limit=1024):
    """-> ids, weights (of predicting that id). 'assistant\\n' and the answer are encoded apart: the borders agree because
    no answer begins with white space. Cut at limit."""
    ids, weights = [], []
    drop = 0.1 if rng.random() < 0.12 else 0.0
    for text, weight in segments:
        if text == START or text == END:
            part = [tokenizer.im_start if text == START else tokenizer.im_end]
        else:
            part = tokenizer.encode(text, rng, drop if weight < 1.0 else 0.0)
        ids += part
        weights += [weight] * len(part)
    return ids[:limit], weights[:limit]


def held_out():
    return [json.loads(s) for s in (TEXT / "heldout.jsonl").read_text().splitlines() if s.strip()]


def sensible(item, answers):
    """item['want']: one list a turn; each entry 'a|b' asks for one of its alternatives. Case does not matter."""
    for want, answer in zip(item["want"], answers):
        low = answer.lower()
        for entry in want:
            if not any(x.lower() in low for x in entry.split("|")):
                return False
    return True


def check():
    texts, rng = Texts(), random.Random(7)
    seen, clashes = {}, {}
    for name, topic in texts.topics.items():
        if not topic.answers or not topic.lines:
            raise ValueError(f"topic {name} has no answers or no questions")
        if topic.kind == "raw":
            continue
        for _ in range(3000):
            text = texts.grammar.expand(rng.choice(topic.lines), rng)
            if "%" in text:
                continue
            key = normal(text)
            other = seen.setdefault(key, name)
            if other != name and not (other.startswith("off") and name.startswith("off")):
                clashes.setdefault(tuple(sorted((other, name))), set()).add(key)
    for pair, keys in sorted(clashes.items()):
        print("clash", pair, sorted(keys)[:6])
    lines = sum(len(t.lines) for t in texts.topics.values())
    print(len(texts.topics), "topics,", lines, "question templates,", sum(len(t.answers) for t in texts.topics.values()), "answers,",
          len(held_out()), "held-out conversations;", len(seen), "different questions seen")
    for _ in range(12):
        print("---")
        for role, text, topic in texts.conversation(rng):
            print(f"{role}: {text}")


if __name__ == "__main__":
    check()
