"""Encoders as they are served: texts over HTTP, their vectors and rankings against a plain 64-bit pass in Python.

The vocabulary is WordPiece with a word for each letter, so that what the model should see is plain to write down.

usage: encoder_server_test.py SHIMMY"""
import json
import math
import string
import sys
import unittest
import urllib.error

sys.path.insert(0, str(__import__("pathlib").Path(__file__).resolve().parent.parent))
from support import Program, Server  # noqa: E402

import cases  # noqa: E402
import reference  # noqa: E402
import tiny_gguf  # noqa: E402

PROGRAM = None
CLS, SEP = 2, 3
WORDS = list(string.ascii_lowercase)
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + ["\u2581" + word for word in WORDS]
VOCABULARY += [f"[unused{i}]" for i in range(cases.VOCAB - len(VOCABULARY))]
TOKENIZER = {
    "tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": VOCABULARY, "tokenizer.ggml.unknown_token_id": 1,
    "tokenizer.ggml.cls_token_id": CLS, "tokenizer.ggml.seperator_token_id": SEP, "tokenizer.ggml.padding_token_id": 0,
}
TEXTS = ["a b c", "z", "c c d x y " * 8, "q w e r t y", "h i"]


def ids(text):
    return [4 + WORDS.index(word) for word in text.split()]


def single(text):
    return [CLS] + ids(text) + [SEP]


def rms(want, got):
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(want, got, strict=True)) / len(want))


class Encoders(unittest.TestCase):
    def serve(self, name, tensors, metadata, *options):
        path = PROGRAM.home / f"{name}.gguf"
        tiny_gguf.write(path, metadata | TOKENIZER, tensors)
        server = Server(PROGRAM, "--bind", "127.0.0.1:0", "--model-path", str(path), *options)
        self.addCleanup(server.close)
        return server, path.stem

    def refused(self, server, path, body):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            server.post(path, body)
        return caught.exception.code, json.load(caught.exception)["error"]

    def case(self, name):
        _, pooling, model, metadata, make = next(case for case in cases.ENCODERS if case[0] == name)
        return pooling, model, metadata, make()

    def test_vectors_of_several_texts_are_those_of_each_alone(self):
        for name in ("bert-cls", "nomic-bert"):
            pooling, model, metadata, tensors = self.case(name)
            server, model_id = self.serve("served-" + name, tensors, metadata)
            answer = server.post("/v1/embeddings", {"model": model_id, "input": TEXTS})
            self.assertEqual(answer["usage"]["prompt_tokens"], sum(len(single(text)) for text in TEXTS))
            for text, item in zip(TEXTS, answer["data"], strict=True):
                want = reference.pooled(reference.encoder_rows(model, tensors, single(text)), pooling)
                self.assertLessEqual(rms(want, item["embedding"]), 2e-4, (name, text))

    def test_pooling_by_option(self):
        _, model, metadata, tensors = self.case("bert-cls")
        rows = reference.encoder_rows(model, tensors, single(TEXTS[0]))
        for pooling in ("mean", "last"):
            server, model_id = self.serve("pooled-" + pooling, tensors, metadata, "--pooling", pooling)
            answer = server.post("/v1/embeddings", {"model": model_id, "input": TEXTS[0]})
            self.assertLessEqual(rms(reference.pooled(rows, pooling), answer["data"][0]["embedding"]), 2e-4, pooling)

    def test_what_an_encoder_does_not_do(self):
        _, _, metadata, tensors = self.case("bert-cls")
        server, model_id = self.serve("encoder", tensors, metadata)
        self.assertIn("encoder", server.banner)
        self.assertIn("/v1/embeddings", server.banner)
        code, error = self.refused(server, "/v1/completions", {"model": model_id, "prompt": "a"})
        self.assertEqual((code, error["code"]), (501, "unsupported"))
        code, error = self.refused(server, "/v1/embeddings", {"model": model_id, "input": ["a", "a " * 63]})
        self.assertEqual((code, error["code"], error["param"]), (400, "context_length_exceeded", "input[1]"))
        self.assertIn("65 tokens; 64", error["message"])
        code, error = self.refused(server, "/v1/rerank", {"model": model_id, "query": "a", "documents": ["b"]})
        self.assertEqual((code, error["param"]), (400, "model"))
        self.assertIn("rank head", error["message"])

    def ranker(self, layers, extra):
        _, model, metadata, tensors = self.case("bert-cls")
        head = cases.Tensors(model, "rank head " + layers)
        if layers == "two":
            head.matrix("cls", model["dim"], model["dim"], bias=True)
        head.matrix("cls.output" if layers == "two" else "cls", 1, model["dim"], bias=True, deviation=0.5)
        return model, metadata | extra, tensors | head.out

    def check_ranking(self, name, model, metadata, tensors):
        server, model_id = self.serve(name, tensors, metadata)
        query, documents = "k l m", TEXTS + ["k l m"]
        scores = []
        for document in documents:
            first = [CLS] + ids(query) + [SEP]
            pair = first + ids(document) + [SEP]
            segments = [0] * len(first) + [1] * (len(pair) - len(first))
            scores.append(reference.rank_score(tensors, reference.encoder_rows(model, tensors, pair, segments)))
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        body = {"model": model_id, "query": query, "documents": documents}
        raw = server.post("/v1/rerank", body | {"raw_scores": True})["results"]
        self.assertEqual([result["index"] for result in raw], order)
        for result in raw:
            self.assertAlmostEqual(result["relevance_score"], scores[result["index"]], delta=2e-3)
        best = server.post("/rerank", body | {"top_n": 2, "return_documents": True})["results"]
        self.assertEqual([result["document"]["text"] for result in best], [documents[i] for i in order[:2]])
        for result in best:
            self.assertAlmostEqual(result["relevance_score"], 1 / (1 + math.exp(-scores[result["index"]])), delta=1e-3)
        self.assertGreater(max(scores) - min(scores), 0.05)
        return server, model_id

    def test_rankings_equal_the_published_architecture(self):
        ranks = {"bert.pooling_type": 4}
        server, model_id = self.check_ranking("ranker", *self.ranker("two", ranks))
        code, error = self.refused(server, "/v1/embeddings", {"model": model_id, "input": "a"})
        self.assertEqual((code, error["param"]), (400, "model"))
        code, error = self.refused(server, "/v1/rerank", {"model": model_id, "query": "a", "documents": ["b", "c " * 70]})
        self.assertEqual((code, error["code"], error["param"]), (400, "context_length_exceeded", "documents[1]"))
        self.check_ranking("plain-ranker", *self.ranker("one", ranks))

    def test_a_ranker_that_says_otherwise_embeds_too(self):
        model, metadata, tensors = self.ranker("two", {})
        server, model_id = self.check_ranking("both", model, metadata, tensors)
        answer = server.post("/v1/embeddings", {"model": model_id, "input": TEXTS[0]})
        want = reference.pooled(reference.encoder_rows(model, tensors, single(TEXTS[0])), "cls")
        self.assertLessEqual(rms(want, answer["data"][0]["embedding"]), 2e-4)

    def test_a_rank_head_that_is_missing(self):
        _, _, metadata, tensors = self.case("bert-cls")
        path = PROGRAM.home / "headless.gguf"
        tiny_gguf.write(path, metadata | {"bert.pooling_type": 4}, tensors)
        run = PROGRAM.run("embed", "-m", path, "--tokens", "1,2")
        self.assertEqual(run.returncode, 1)
        self.assertIn("cls.output.weight", run.stderr)


if __name__ == "__main__":
    PROGRAM = Program(sys.argv.pop(1))
    unittest.main()
