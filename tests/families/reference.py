"""A forward pass in plain Python floats (64 bits), written from the models' published descriptions.

It shares nothing with the engine: a model here is a dict of choices and a dict of tensors, not a GGUF file. Slow and
plain on purpose: it is what the engine's results are compared with."""
import math
from operator import mul


def dot(a, b):
    return math.fsum(map(mul, a, b))


def linear(weights, name, x):
    bias = weights.get(name + ".bias")
    y = [dot(row, x) for row in weights[name + ".weight"]]
    return [a + b for a, b in zip(y, bias)] if bias else y


def add(a, b, scale=1.0):
    return [x + scale * y for x, y in zip(a, b)]


def softmax(scores):
    peak = max(scores)
    shares = [math.exp(s - peak) for s in scores]
    total = math.fsum(shares)
    return [s / total for s in shares]


ACTIVATIONS = {
    "silu": lambda x: x / (1 + math.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))),
}


def norm(weights, name, x, kind, eps):
    """RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""
    mean = math.fsum(x) / len(x) if kind == "layer" else 0.0
    centred = [v - mean for v in x]
    factor = 1 / math.sqrt(math.fsum(v * v for v in centred) / len(x) + eps)
    y = [v * factor * g for v, g in zip(centred, weights[name + ".weight"])]
    bias = weights.get(name + ".bias")
    return [a + b for a, b in zip(y, bias)] if bias else y


def yarn(frequencies, dims, base, rule):
    """Peng et al. 2023: (frequencies, factor of cosine and sine)."""
    original, factor = rule["original"], rule["factor"]

    def border(turns):
        return dims * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

    low = max(0, math.floor(border(rule.get("beta_fast", 32))))
    high = min(dims - 1, math.ceil(border(rule.get("beta_slow", 1))))
    out = []
    for i, f in enumerate(frequencies):
        ramp = min(1.0, max(0.0, (i - low) / max(0.001, high - low)))
        out.append(f / factor * ramp + f * (1 - ramp))
    return out, 1 + 0.1 * math.log(factor)


def llama3(frequencies, rule):
    """The scaling of Llama 3.1's published code."""
    out = []
    for f in frequencies:
        wavelength = 2 * math.pi / f
        if wavelength < rule["original"] / rule["high"]:
            out.append(f)
        elif wavelength > rule["original"] / rule["low"]:
            out.append(f / rule["factor"])
        else:
            smooth = (rule["original"] / wavelength - rule["low"]) / (rule["high"] - rule["low"])
            out.append((1 - smooth) * f / rule["factor"] + smooth * f)
    return out


def rope_frequencies(model, base, scaled):
    dims = model["rope_dims"]
    frequencies, magnitude = [base ** (-2 * i / dims) for i in range(dims // 2)], 1.0
    rule = model.get("scaling") if scaled else None
    if rule is None:
        return frequencies, magnitude
    if rule["type"] == "linear":
        return [f / rule["factor"] for f in frequencies], magnitude
    if rule["type"] == "yarn":
        return yarn(frequencies, dims, base, rule)
    if rule["type"] == "llama3":
        return llama3(frequencies, rule), magnitude
    return [f / d for f, d in zip(frequencies, rule["divisors"])], rule.get("magnitude", 1.0)  # one divisor each


def rotate(model, head, position, frequencies, magnitude):
    out, half = list(head), model["rope_dims"] // 2
    for i, f in enumerate(frequencies):
        a, b = (2 * i, 2 * i + 1) if model["rope"] == "adjacent" else (i, i + half)
        c, s = magnitude * math.cos(position * f), magnitude * math.sin(position * f)
        out[a], out[b] = head[a] * c - head[b] * s, head[a] * s + head[b] * c
    return out


def heads_of(row, size):
    return [row[at:at + size] for at in range(0, len(row), size)]


def projections(model, weights, prefix, x):
    hd, heads, kv = model["head_dim"], model["heads"], model["kv_heads"]
    if prefix + "attn_qkv.weight" in weights:
        fused = linear(weights, prefix + "attn_qkv", x)
        q, k, v = fused[:heads * hd], fused[heads * hd:(heads + kv) * hd], fused[(heads + kv) * hd:]
    else:
        q, k, v = (linear(weights, prefix + part, x) for part in ("attn_q", "attn_k", "attn_v"))
    if model.get("qk_norm") == "row":
        q = norm(weights, prefix + "attn_q_norm", q, model["norm"], model["eps"])
        k = norm(weights, prefix + "attn_k_norm", k, model["norm"], model["eps"])
    q, k, v = heads_of(q, hd), heads_of(k, hd), heads_of(v, hd)
    if model.get("qk_norm") == "head":
        q = [norm(weights, prefix + "attn_q_norm", h, model["norm"], model["eps"]) for h in q]
        k = [norm(weights, prefix + "attn_k_norm", h, model["norm"], model["eps"]) for h in k]
    return q, k, v


def seen(model, layer, position, length):
    """The positions that a position attends to."""
    if model.get("bidirectional"):
        return range(length)
    window = model.get("windows", {}).get(layer, 0)
    return range(max(0, position - window + 1) if window else 0, position + 1)


def attention(model, weights, layer, rows):
    prefix, hd = f"blk.{layer}.", model["head_dim"]
    qkv = [projections(model, weights, prefix, x) for x in rows]
    if model.get("rope") and layer not in model.get("no_rope_layers", ()):
        local = model.get("windows", {}).get(layer, 0) and "base_local" in model
        base = model["base_local"] if local else model["base"]
        frequencies, magnitude = rope_frequencies(model, base, not local)
        for position, (q, k, _) in enumerate(qkv):
            for heads in (q, k):
                heads[:] = [rotate(model, h, position, frequencies, magnitude) for h in heads]
    scale, cap = model.get("attn_scale", 1 / math.sqrt(hd)), model.get("attn_softcap")
    out = []
    for position, (q, _, _) in enumerate(qkv):
        row, visible = [], seen(model, layer, position, len(rows))
        for head, query in enumerate(q):
            kv_head = head // (model["heads"] // model["kv_heads"])
            scores = [scale * dot(query, qkv[p][1][kv_head]) for p in visible]
            if cap:
                scores = [cap * math.tanh(s / cap) for s in scores]
            shares = softmax(scores)
            row += [math.fsum(s * qkv[p][2][kv_head][i] for s, p in zip(shares, visible)) for i in range(hd)]
        out.append(linear(weights, prefix + "attn_output", row))
    return out


def gated(model, x, gate, up, down):
    act = ACTIVATIONS[model["act"]]
    hidden = [act(dot(g, x)) * dot(u, x) for g, u in zip(gate, up)]
    return [dot(row, hidden) for row in down]


def experts(model, weights, prefix, x):
    rule = model["experts"]
    share = softmax([dot(row, x) for row in weights[prefix + "ffn_gate_inp.weight"]])
    best = sorted(range(len(share)), key=lambda e: -share[e])[:rule["used"]]
    total = math.fsum(share[e] for e in best) if rule["renormalize"] else 1.0
    out = [0.0] * len(x)
    for e in best:
        parts = (weights[prefix + f"ffn_{part}_exps.weight"][e] for part in ("gate", "up", "down"))
        out = add(out, gated(model, x, *parts), share[e] / total * rule.get("scale", 1.0))
    if prefix + "ffn_gate_shexp.weight" in weights:
        parts = (weights[prefix + f"ffn_{part}_shexp.weight"] for part in ("gate", "up", "down"))
        router = weights.get(prefix + "ffn_gate_inp_shexp.weight")
        out = add(out, gated(model, x, *parts), 1 / (1 + math.exp(-dot(router, x))) if router else 1.0)
    return out


def feed_forward(model, weights, layer, x):
    prefix, act = f"blk.{layer}.", ACTIVATIONS[model["act"]]
    if prefix + "ffn_gate_inp.weight" in weights:
        return experts(model, weights, prefix, x)
    up = linear(weights, prefix + "ffn_up", x)
    if model.get("fused_gate_up"):
        half = len(up) // 2
        hidden = [act(g) * u for g, u in zip(up[:half], up[half:])]
    elif prefix + "ffn_gate.weight" in weights:
        hidden = [act(g) * u for g, u in zip(linear(weights, prefix + "ffn_gate", x), up)]
    else:
        hidden = [act(u) for u in up]
    return linear(weights, prefix + "ffn_down", hidden)


def block(model, weights, layer, rows):
    """One layer of a decoder: norms before (pre), after (post) or both; serial or parallel halves."""
    prefix, scale = f"blk.{layer}.", model.get("residual_scale", 1.0)

    def normed(name, xs):
        if prefix + name + ".weight" not in weights:
            return xs
        return [norm(weights, prefix + name, x, model["norm"], model["eps"]) for x in xs]

    attn_in = normed("attn_norm", rows)
    attn = normed("post_attention_norm", attention(model, weights, layer, attn_in))
    after = [add(x, a, scale) for x, a in zip(rows, attn)]
    if model.get("parallel"):  # both halves read the layer's input: through one norm (GPT-J) or one each (GPT-NeoX)
        ffn_in = normed("ffn_norm", rows) if prefix + "ffn_norm.weight" in weights else attn_in
    else:
        ffn_in = normed("ffn_norm", after)
    ffn = normed("post_ffw_norm", [feed_forward(model, weights, layer, x) for x in ffn_in])
    return [add(x, f, scale) for x, f in zip(after, ffn)]


def logits(model, weights, tokens):
    """[positions][vocabulary]"""
    rows = [[model.get("embed_scale", 1.0) * v for v in weights["token_embd.weight"][t]] for t in tokens]
    if "position_embd.weight" in weights:
        rows = [add(x, weights["position_embd.weight"][p]) for p, x in enumerate(rows)]
    for layer in range(model["layers"]):
        rows = block(model, weights, layer, rows)
    head = "output" if "output.weight" in weights else "token_embd"
    out, cap = [], model.get("logit_softcap")
    for x in rows:
        y = linear(weights, head, norm(weights, "output_norm", x, model["norm"], model["eps"]))
        y = [model.get("logit_scale", 1.0) * v for v in y]
        out.append([cap * math.tanh(v / cap) for v in y] if cap else y)
    return out


def encoder_rows(model, weights, tokens, segments=None):
    """The last layer of BERT (Devlin et al. 2018): sums before norms, every position sees all. [positions][width]"""
    segments = segments or [0] * len(tokens)
    rows = [weights["token_embd.weight"][t] for t in tokens]
    if "position_embd.weight" in weights:
        rows = [add(x, weights["position_embd.weight"][p]) for p, x in enumerate(rows)]
    if "token_types.weight" in weights:
        rows = [add(x, weights["token_types.weight"][s]) for x, s in zip(rows, segments)]

    def normed(name, xs):
        return [norm(weights, name, x, "layer", model["eps"]) for x in xs]

    rows = normed("token_embd_norm", rows)
    for layer in range(model["layers"]):
        attended = attention(model, weights, layer, rows)
        rows = normed(f"blk.{layer}.attn_output_norm", [add(x, a) for x, a in zip(rows, attended)])
        fed = [feed_forward(model, weights, layer, x) for x in rows]
        rows = normed(f"blk.{layer}.layer_output_norm", [add(x, f) for x, f in zip(rows, fed)])
    return rows


def decoder_rows(model, weights, tokens):
    """What a decoder's head would read. [positions][width]"""
    rows = [[model.get("embed_scale", 1.0) * v for v in weights["token_embd.weight"][t]] for t in tokens]
    for layer in range(model["layers"]):
        rows = block(model, weights, layer, rows)
    return [norm(weights, "output_norm", x, model["norm"], model["eps"]) for x in rows]


def pooled(rows, pooling):
    """One vector of length 1."""
    if pooling == "mean":
        vector = [math.fsum(column) / len(rows) for column in zip(*rows)]
    else:
        vector = rows[0 if pooling == "cls" else -1]
    length = math.sqrt(dot(vector, vector))
    return [x / length for x in vector]


def rank_score(weights, rows):
    """A sequence classifier's head: a dense layer with tanh (RoBERTa, Liu et al. 2019) and one row, or the row alone."""
    x = rows[0]
    if "cls.output.weight" not in weights:
        return linear(weights, "cls", x)[0]
    return linear(weights, "cls.output", [math.tanh(h) for h in linear(weights, "cls", x)])[0]
