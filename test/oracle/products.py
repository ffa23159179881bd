"""matmul and linear: inner dimensions on both sides of every block size, batches, vectors, transposed operands."""
import torch

from inputs import INF, NAN, label
from records import Call, Case, Row, filled, literal

INNER = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1025]
OUTER = [(1, 1), (3, 5), (5, 3), (1, 7), (7, 1), (2, 3)]
TILES = [(4, 8), (3, 12), (5, 9), (9, 13), (7, 17), (13, 25), (17, 33), (33, 11)]


def product(x, y, options=None):
    options = options or {}
    x = x.transpose(-1, -2) if options.get('transposeLeft') else x
    y = y.transpose(-1, -2) if options.get('transposeRight') else y
    return torch.matmul(x, y)


def flipped(shape):
    return [*shape[:-2], shape[-1], shape[-2]]


def transposed(shape):
    return Call('transpose', filled(flipped(shape)), function=lambda x: x.transpose(-1, -2))


def plain(x, y):
    yield Case(label(x, y), filled(x), filled(y))


def every_way(x, y):
    """Both operands as they are, stored transposed and said so, and through transpose()."""
    yield from plain(x, y)
    yield Case(f'transposeLeft {label(x, y)}', filled(flipped(x)), filled(y), {'transposeLeft': True})
    yield Case(f'transposeRight {label(x, y)}', filled(x), filled(flipped(y)), {'transposeRight': True})
    yield Case(f'transposeLeft, transposeRight {label(x, y)}', filled(flipped(x)), filled(flipped(y)), {'transposeLeft': True, 'transposeRight': True})
    yield Case(f'transpose() {label(x, y)}', transposed(x), transposed(y))


def inner():
    """Small outer sizes while the inner ones are long: the gradients are as long as the operands."""
    for i, k in enumerate(INNER):
        m, n = OUTER[i % 5 + 1] if k < 200 else (2, 3)
        ways = list(every_way([m, k], [k, n]))
        for i, way in enumerate(ways):
            way.overrides['gradient'] = k < 60 or (i < 3 and k < 70) or (i == 0 and k in (256, 513))
        yield from ways
        if k < 200:
            yield from plain([1, k], [k, 1])


def shapes():
    for m, n in TILES:
        yield from plain([m, 6], [6, n])
        for way in list(every_way([m, 5], [5, n]))[1:4]:
            way.overrides['gradient'] = m < 8
            yield way
    for x, y in [([5], [5]), ([1], [1]), ([67], [67]), ([7], [7, 3]), ([3, 7], [7]), ([1, 7], [7]), ([5], [2, 5, 3]), ([2, 3, 5], [5]), ([17], [17, 1]), ([33, 17], [17])]:
        yield from plain(x, y)
    for x, y in [([2, 3, 4], [2, 4, 5]), ([1, 3, 4], [2, 4, 5]), ([2, 3, 4], [1, 4, 5]), ([3, 4], [2, 4, 5]), ([2, 3, 4], [4, 5]), ([4, 1, 3, 5], [2, 5, 3]),
                 ([2, 2, 3, 5], [2, 2, 5, 3]), ([2, 1, 1, 7], [3, 7, 1]), ([3, 1, 17], [3, 17, 5]), ([2, 3, 7, 5], [1, 1, 5, 2])]:
        yield from every_way(x, y)
    for x, y in [([0, 3], [3, 2]), ([3, 0], [0, 2]), ([2, 3], [3, 0]), ([0], [0]), ([0, 2, 3], [0, 3, 2]), ([0], [0, 3]), ([3, 0], [0]), ([0, 0], [0, 0])]:
        yield from plain(x, y)


def special():
    some = dict(gradient=False)
    yield Case('NaN stays in its row', literal([[1, NAN, 2], [3, 4, 5]]), literal([[1, 2], [0.0, 1], [3, 4]]), **some)
    yield Case('Infinity times 0 is NaN', literal([[INF, 1], [2, 3]]), literal([[0.0, 1], [2, -1]]), **some)
    yield Case('infinities of both signs', literal([[INF, -INF], [INF, INF]]), literal([[1, 1], [1, -1]]), **some)
    yield Case('large and small', literal([[1e30, 1e-30], [1e20, 1]]), literal([[1e-30, 1e30], [1e30, 1]]), magnitude=None, **some)


def rows():
    yield Row('matmul', product, [*inner(), *shapes(), *special()], ulp=1, magnitude='linear')
    yield Row('linear', lambda x, weight, bias=None: torch.nn.functional.linear(x, weight, bias), [
        *[Case(label(x, w, [w[0]]), filled(x), filled(w), filled([w[0]])) for x, w in [
            ([3], [5, 3]), ([1, 1], [1, 1]), ([7, 3], [5, 3]), ([1, 17], [7, 17]), ([5, 33], [3, 33]), ([2, 3, 5], [4, 5]), ([2, 1, 3, 5], [7, 5]), ([17, 65], [9, 65]),
            ([0, 3], [5, 3]), ([3, 257], [5, 257]), ([33, 11], [13, 11])]],
        *[Case(f'no bias {label(x, w)}', filled(x), filled(w)) for x, w in [([7], [3, 7]), ([5, 7], [3, 7]), ([2, 3, 7], [5, 7])]]], ulp=1, magnitude='linear')
