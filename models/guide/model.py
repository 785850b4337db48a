"""The network: a llama-family decoder (RMS norm, adjacent-pair rope, grouped-query attention, gated SiLU, tied head)."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Shape:
    vocab: int = 4096
    dim: int = 256
    layers: int = 8
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 32
    ffn: int = 704
    context: int = 1024
    eps: float = 1e-5
    rope_base: float = 10000.0


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + self.eps)
        return (y * self.weight).to(x.dtype)


def rope(x, cos, sin):  # x [batch, heads, time, head_dim]; pairs are (2i, 2i+1), as GGUF's llama wants them
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), dim=-1).flatten(-2)


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        self.attn_norm, self.ffn_norm = RmsNorm(s.dim, s.eps), RmsNorm(s.dim, s.eps)
        self.attn_q = nn.Linear(s.dim, s.heads * s.head_dim, bias=False)
        self.attn_k = nn.Linear(s.dim, s.kv_heads * s.head_dim, bias=False)
        self.attn_v = nn.Linear(s.dim, s.kv_heads * s.head_dim, bias=False)
        self.attn_output = nn.Linear(s.heads * s.head_dim, s.dim, bias=False)
        self.ffn_gate = nn.Linear(s.dim, s.ffn, bias=False)
        self.ffn_up = nn.Linear(s.dim, s.ffn, bias=False)
        self.ffn_down = nn.Linear(s.ffn, s.dim, bias=False)

    def forward(self, x, cos, sin, drop):
        s, (b, t, _) = self.s, x.shape
        h = self.attn_norm(x)
        q = self.attn_q(h).view(b, t, s.heads, s.head_dim).transpose(1, 2)
        k = self.attn_k(h).view(b, t, s.kv_heads, s.head_dim).transpose(1, 2)
        v = self.attn_v(h).view(b, t, s.kv_heads, s.head_dim).transpose(1, 2)
        q, k = rope(q, cos, sin), rope(k, cos, sin)
        group = s.heads // s.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        a = self.attn_output(a.transpose(1, 2).reshape(b, t, -1))
        x = x + F.dropout(a, drop, self.training)
        h = self.ffn_norm(x)
        f = self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))
        return x + F.dropout(f, drop, self.training)


class Guide(nn.Module):
    def __init__(self, shape, dropout=0.0):
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.token_embd = nn.Embedding(shape.vocab, shape.dim)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = RmsNorm(shape.dim, shape.eps)
        self.fast = None  # compiled blocks, used in training only
        freq = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
        angle = torch.outer(torch.arange(shape.context).float(), freq)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(p, std=0.02 / (2 * shape.layers) ** 0.5 if deep else 0.02)

    def forward(self, ids):  # [batch, time] -> hidden states [batch, time, dim]
        x = F.dropout(self.token_embd(ids), self.dropout, self.training)
        if torch.is_autocast_enabled():
            x = x.bfloat16()
        t = ids.shape[1]
        cos, sin = self.cos[:t].to(x.dtype), self.sin[:t].to(x.dtype)
        for block in (self.fast if self.training and self.fast else self.blk):
            x = block(x, cos, sin, self.dropout)
        return self.output_norm(x)

    def head(self, hidden):
        return hidden @ self.token_embd.weight.to(hidden.dtype).T
