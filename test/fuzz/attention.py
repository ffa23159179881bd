"""Holds attention, embeddings and blocks that attention.mjs wrote to their formulas in PyTorch: attention.py FILE"""
import math

import torch
from torch.nn import functional as T

import recurrent
from compare import checker, compared


class Summed(torch.autograd.Function):
    """softmax(scores) v of which the backward never has the weights of a whole row: what they would sum to there is g y, the formula of all tiled attention."""

    @staticmethod
    def forward(context, scores, v):
        context.save_for_backward(scores, v)
        return torch.softmax(scores, -1) @ v

    @staticmethod
    def backward(context, g):
        scores, v = context.saved_tensors
        weights = torch.softmax(scores, -1)
        mean = (g * (weights @ v)).sum(-1, keepdim=True)
        return weights * (g @ v.transpose(2, 3) - mean), weights.transpose(2, 3) @ g


def attend(q, k, v, heads, causal, mask=None, bias=None, summed=False):
    def split(x):
        return x.reshape(x.shape[0], x.shape[1], heads, x.shape[2] // heads).transpose(1, 2)

    tq, tk = q.shape[1], k.shape[1]
    scores = split(q) @ split(k).transpose(2, 3) / math.sqrt(q.shape[2] / heads)
    if bias is not None:
        scores = scores + bias
    allowed = torch.ones(tq, tk, dtype=torch.bool)
    if causal:
        allowed = torch.arange(tk)[None] <= torch.arange(tq)[:, None] + (tk - tq)
    if mask is not None:
        allowed = allowed & mask
    allowed = allowed.expand(scores.shape)
    scores = torch.where(allowed, scores, torch.tensor(-math.inf, dtype=q.dtype))
    some = allowed.any(-1, keepdim=True)
    weights = torch.where(some, torch.softmax(torch.where(some, scores, torch.zeros_like(scores)), -1), torch.zeros_like(scores))
    if summed:
        y = torch.where(some, Summed.apply(torch.where(some, scores, torch.zeros_like(scores)), split(v)), torch.zeros((), dtype=q.dtype))
    else:
        y = weights @ split(v)
    y = y.transpose(1, 2)
    return y.reshape(q.shape[0], tq, v.shape[2]), weights


def projections(rest, bias):
    made = []
    for _ in range(4):
        weight = next(rest)
        made.append((weight, next(rest) if bias else None))
    return made


def attention(o, leaves, inputs, summed):
    tensors = leaves[: o["tensors"]]
    rest = iter(leaves[inputs:])
    q, k, v = (list(tensors) + [tensors[-1]] * 2)[:3]
    bias = None
    if o["biased"]:
        bias = leaves[inputs - 1].detach() if o["constant"] else leaves[inputs - 1]
    of_q, of_k, of_v, out = projections(rest, o["bias"])
    mask = torch.tensor([each == "1" for each in o["mask"]["list"]], dtype=torch.bool).reshape(o["mask"]["shape"]) if "mask" in o else None
    y, weights = attend(T.linear(q, *of_q), T.linear(k, *of_k), T.linear(v, *of_v), o["heads"], o["causal"], mask, bias, summed)
    y = T.linear(y, *out)
    return [y, weights] if o["returnWeights"] else [y]


def angles(time, size, dtype):
    at = torch.arange(time, dtype=torch.float64)[:, None] / 10000 ** (torch.arange(0, size, 2, dtype=torch.float64) / size)
    return at.sin().to(dtype), at.cos().to(dtype)


def rotated(x, heads, interleaved):
    batch, time, features = x.shape
    size = features // heads
    sin, cos = angles(time, size, x.dtype)
    sin, cos = sin[:, None], cos[:, None]
    x = x.reshape(batch, time, heads, size)
    if interleaved:
        a, b = x[..., ::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).reshape(batch, time, features)
    a, b = x[..., : size // 2], x[..., size // 2 :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).reshape(batch, time, features)


def blocks(o, leaves, inputs, summed):
    rest = iter(leaves[inputs:])
    table = next(rest)
    tokens = torch.tensor(o["tokens"], dtype=torch.int64).reshape(o["tokenShape"])
    rows = table[tokens]
    if o.get("paddingIdx") is not None:
        rows = torch.where((tokens == o["paddingIdx"])[..., None], torch.zeros_like(rows), rows)
    h = rows + leaves[0]
    size = h.shape[2]
    for kind, count in zip(o["kinds"], o["counts"]):
        if kind == "rotary":
            h = rotated(h, o["heads"], o["interleaved"])
        elif kind == "sinusoidal":
            sin, cos = angles(h.shape[1], size, h.dtype)
            h = h + torch.stack([sin, cos], -1).reshape(h.shape[1], size)
        else:
            p = [next(rest) for _ in range(count)]
            if o["norm"] == "LayerNorm":
                names, x = 2, T.layer_norm(h, [size], p[0], p[1], eps=1e-5)
            else:
                names, x = 1, h / (h.square().mean(-1, keepdim=True) + 1e-5).sqrt() * p[0]
            p = p[names:]
            if kind == "attention":
                of_q, of_k, of_v, out = projections(iter(p), len(p) == 8)
                x = T.linear(attend(T.linear(x, *of_q), T.linear(x, *of_k), T.linear(x, *of_v), o["heads"], True, summed=summed)[0], *out)
            elif kind == "mlp":
                x = T.linear(T.gelu(T.linear(x, p[0], p[1])), p[2], p[3])
            else:
                told = {"kind": kind.upper(), "units": size, "lengths": None}
                names = ("Wi", "Wh", "bias")
                states = [h.new_zeros(len(h), size) for _ in range(2 if kind == "lstm" else 1)]
                x = recurrent.one_way(told, dict(zip(names, p)), x, states, torch.full([len(h)], h.shape[1]), False)[0]
            h = h + x
    return [h @ table.T if o["tied"] else h]


def bags(o, leaves, inputs, _):
    scale, table = leaves[0], leaves[inputs]
    rows = []
    for bag in o["bags"]:
        kept = [i for i in bag if i != o.get("paddingIdx")]
        if not kept:
            rows.append(table.new_zeros(table.shape[1]))
            continue
        found = table[torch.tensor(kept)]
        if o["reduction"] == "max":
            # The first of equals has the gradient.
            at = torch.tensor([[kept[int(found[:, j].argmax())] for j in range(table.shape[1])]])
            rows.append(table.gather(0, at)[0])
        else:
            rows.append(found.mean(0) if o["reduction"] == "mean" else found.sum(0))
    y = torch.stack(rows) if rows else table.new_zeros(0, table.shape[1])
    return [y * y * scale]


def formula(summed):
    return lambda o, leaves, inputs: {"attention": attention, "blocks": blocks, "bags": bags}[o["kind"]](o, leaves, inputs, summed)


compared(checker(formula(False), formula(True)))
