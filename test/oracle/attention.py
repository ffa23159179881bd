"""attention: every option, heads of all kinds of sizes, sides around those of tiles, large scores."""
import math

import torch

from inputs import INF
from records import Case, Row, filled, literal


def attention(q, k, v, options):
    heads = options['heads']
    split = lambda x: x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)
    q, k, v = split(q), split(k), split(v)
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    tq, tk = scores.shape[-2:]
    if 'bias' in options:
        scores = scores + options['bias']
    if 'mask' in options:
        scores = scores.masked_fill(~options['mask'], -INF)
    if options.get('causal'):
        scores = scores.masked_fill(~torch.ones(tq, tk, dtype=torch.bool).tril(options.get('offset', tk - tq)), -INF)
    empty = (scores == -INF).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(empty, 0), -1).masked_fill(empty, 0)
    return (weights @ v).transpose(1, 2).reshape(q.shape[0], tq, -1)


def case(name, sizes, factor=1, **options):
    b, tq, tk, heads, d, e = sizes
    return Case(name, filled([b, tq, heads * d], -factor, factor), filled([b, tk, heads * d]), filled([b, tk, heads * e]), {'heads': heads, **options})


def mask(rows):
    return literal(rows, 'bool')


def cases():
    for t in (1, 4, 5, 9, 64, 65):
        yield case(f'{t} positions', (1, t, t, 2, 4, 4))
        yield case(f'{t} positions, causal', (1, t, t, 1, 4, 8), causal=True)
    for d in (1, 3, 5, 8, 16, 32):
        yield case(f'heads of {d}', (2, 6, 7, 2, d, 9 - d if d < 8 else d))
    yield case('cached keys', (2, 1, 70, 2, 4, 4), causal=True)
    yield case('queries behind cached keys', (1, 5, 70, 1, 4, 4), causal=True)
    yield case('more queries than keys', (1, 7, 3, 1, 4, 4), causal=True)
    yield case('an offset', (1, 7, 9, 1, 4, 4), causal=True, offset=1)
    yield case('a mask', (1, 5, 3, 2, 4, 4), mask=mask([[1, 0, 1], [0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 1, 0]]))
    yield case('a mask of keys, causal', (1, 5, 5, 2, 4, 4), mask=mask([0, 1, 1, 0, 1]), causal=True)
    yield case('a bias', (1, 3, 3, 2, 4, 4), bias=literal([[0.5, -1, 2], [-INF, 0, 3], [-INF, -INF, -INF]]))
    yield case('large scores', (1, 6, 7, 1, 4, 4), factor=1000)


def rows():
    yield Row('attention', attention, cases(), ulp=2, floor=8, gradient_floor=32)
