"""Pooling, upsampling, pixel shuffle and dropout, as operations and as layers."""
import zlib

import torch
from torch.nn import functional as F

from inputs import INF, NAN, label
from records import EPSILON, Case, Row, as_json, encoded, filled, largest, literal, rounded_up


def listed(value, d):
    return [value] * d if isinstance(value, int) else list(value)


def sides(pad, window, d):
    """(low, high) of each axis."""
    if pad == 'same':
        return [((k - 1) // 2, k // 2) for k in window]
    pad = listed(pad, d)
    return [(pad[2 * i], pad[2 * i + 1]) for i in range(d)] if len(pad) == 2 * d else [(p, p) for p in pad]


def geometry(x, window, options):
    d = x.dim() - 2
    k = listed(window, d)
    return d, k, listed(options.get('stride', window), d), sides(options.get('pad', 0), k, d)


def padded(x, pads, value):
    return F.pad(x, [each for pair in reversed(pads) for each in pair], value=value)


def max_pool(x, window, options={}):
    d, k, s, pads = geometry(x, window, options)
    pool = [F.max_pool1d, F.max_pool2d, F.max_pool3d][d - 1]
    if all(low == high <= size // 2 for (low, high), size in zip(pads, k)):
        return pool(x, k, s, [low for low, _ in pads])
    return pool(padded(x, pads, -INF), k, s)


def mean_pool(x, window, options={}):
    d, k, s, pads = geometry(x, window, options)
    pool = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][d - 1]
    if all(low == high <= size // 2 for (low, high), size in zip(pads, k)):
        return pool(x, k, s, [low for low, _ in pads], count_include_pad=options.get('countPadding', True))
    whole = pool(padded(x, pads, 0.0), k, s)
    return whole if options.get('countPadding', True) else whole / pool(padded(torch.ones_like(x), pads, 0.0), k, s)


def adaptive(pools):
    return lambda x, out: pools[x.dim() - 3](x, listed(out, x.dim() - 2))


adaptive_max = adaptive([F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d])
adaptive_mean = adaptive([F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d])


def upsample(x, mode, options):
    d = x.dim() - 2
    size = listed(options['size'], d) if 'size' in options else [int(s * n) for s, n in zip(
        [options['scale']] * d if isinstance(options['scale'], (int, float)) else options['scale'], x.shape[2:])]
    if mode == 'nearest':
        return F.interpolate(x, size, mode=mode)
    return F.interpolate(x, size, mode=mode, align_corners=options.get('alignCorners', True))


def pixel_shuffle(x, r):
    d = x.dim() - 2
    n, c, *sizes = x.shape
    apart = x.reshape(n, c // r ** d, *[r] * d, *sizes)
    return apart.permute(0, 1, *[axis for i in range(d) for axis in (2 + d + i, 2 + i)]).reshape(n, c // r ** d, *[r * s for s in sizes])


# [shape, window, options]
POOLED = [
    ([1, 1, 2, 2], 2), ([2, 3, 8, 8], 2), ([2, 2, 9, 11], 2), ([1, 2, 10, 10], [2, 2]), ([2, 1, 7, 6], 3), ([1, 2, 5, 7], [2, 3]), ([1, 1, 1, 1], 1), ([2, 2, 1, 9], [1, 2]),
    ([1, 2, 7, 9], 3, {'stride': 1}), ([1, 2, 7, 9], 3, {'stride': 2}), ([2, 1, 9, 9], 2, {'stride': 3}), ([1, 1, 9, 17], [2, 3], {'stride': [3, 1]}),
    ([1, 2, 6, 7], 3, {'stride': 1, 'pad': 1}), ([1, 2, 7, 9], 3, {'stride': 2, 'pad': 1}), ([1, 1, 5, 6], 2, {'pad': [1, 0]}), ([1, 1, 5, 6], [3, 2], {'stride': 1, 'pad': [2, 0, 0, 1]}),
    ([1, 2, 5, 8], 2, {'pad': 'same'}), ([1, 2, 4, 9], 2, {'pad': 'same'}), ([1, 2, 5, 8], 2, {'stride': 1, 'pad': 'same'}), ([1, 1, 5, 8], [3, 4], {'stride': 2, 'pad': 'same'}), ([1, 1, 1, 1], 3, {'pad': 1}),
    ([2, 3, 17], 2), ([1, 2, 33], 3, {'stride': 1}), ([1, 2, 20], [4], {'stride': 2, 'pad': [1]}), ([2, 1, 9], 5, {'stride': 4, 'pad': 'same'}), ([1, 1, 1], 1),
    ([1, 2, 4, 4, 6], 2), ([1, 1, 3, 4, 7], [2, 3, 2], {'stride': 1, 'pad': 1}), ([1, 1, 5, 3, 9], [1, 2, 2]), ([1, 1, 5, 5, 5], 3, {'stride': [2, 1, 2], 'pad': [1, 0, 1]}),
    ([0, 3, 4, 4], 2),
]
ADAPTIVE = [([1, 1, 10], 4), ([2, 1, 7], 3), ([1, 2, 8, 8], 2), ([1, 2, 7, 9], [3, 4]), ([1, 1, 3, 2], 5), ([1, 2, 5, 6], 1), ([1, 1, 4, 5, 7], [2, 3, 3]), ([1, 1, 1, 1], 1), ([1, 1, 6, 5], [3, 2])]
GLOBAL = [[2, 3, 5, 7], [1, 2, 9], [1, 2, 3, 4, 5], [3, 1, 1, 1]]
ODD = [[[[NAN, 1, 2, 3, -INF, -INF, 0, 1, 2, 5], [0, 1, INF, 3, -INF, -INF, NAN, 2, 7, 7], [-1, -2, -3, -4, 1e30, 1, -5, -5, 0, -1], [-2, -1, -4, -3, 1, 1e30, -5, -5, 2, 1]]]]


def named(case):
    shape, window, *options = case
    return Case(f'{label(shape)} by {window}{" " + str(options[0]) if options else ""}', filled(shape, -1, 1), window, *options)


def pools():
    odd = literal(ODD)
    negative = Case('all negative', filled([1, 2, 5, 6], -9, -1), 3, {'stride': 1, 'pad': 1})
    infinite = literal([[[[-INF] * 5] * 5]])
    yield Row('maxPool', max_pool, [
        *map(named, POOLED), negative, Case('ties', literal([[[[1, 1, 2, 2, 0, 0, 3, 1], [1, 1, 2, 2, 0, 0, 3, 3]]]]), 2),
        Case('overlapping ties', literal([[[[1, 1, 1, 2, 2, 1]] * 4]]), 3, {'stride': 1}),
        Case('special values', odd, 2), Case('special values, overlapping', odd, 2, {'stride': 1}), Case('nothing but -Infinity', infinite, 2), Case('nothing but -Infinity, padded', infinite, 3, {'pad': 1})], gradient_ulp=2, magnitude='linear')
    yield Row('meanPool', mean_pool, [
        *map(named, POOLED), *[named((*case[:2], {**case[2], 'countPadding': False})) for case in POOLED if len(case) > 2 and 'pad' in case[2]],
        Case('special values', odd, 2, gradient=False)], ulp=2, gradient_ulp=4, magnitude='linear')
    adaptives = [Case(f'{label(shape)} to {out}', filled(shape), out) for shape, out in ADAPTIVE]
    yield Row('adaptiveMaxPool', adaptive_max, adaptives, gradient_ulp=2, magnitude='linear')
    yield Row('adaptiveMeanPool', adaptive_mean, adaptives, ulp=2, gradient_ulp=4, magnitude='linear')
    yield Row('globalMaxPool', lambda x: x.amax(tuple(range(2, x.dim())), keepdim=True), [Case(label(s), filled(s)) for s in GLOBAL])
    yield Row('globalMeanPool', lambda x: x.mean(tuple(range(2, x.dim())), keepdim=True), [Case(label(s), filled(s)) for s in GLOBAL], ulp=2, gradient_ulp=2, magnitude='linear')


UPSAMPLED = [
    ([2, 3, 4, 5], 'nearest', {'scale': 2}), ([1, 2, 3], 'nearest', {'scale': 3}), ([1, 1, 2, 3, 2], 'nearest', {'scale': [2, 1, 3]}), ([1, 2, 3, 4], 'nearest', {'size': [5, 7]}),
    ([1, 1, 6, 5], 'nearest', {'size': [4, 3]}), ([1, 2, 4, 5], 'nearest', {'scale': 1.5}),
    *[(shape, mode, {**told, **corners}) for corners in ({}, {'alignCorners': False}) for shape, mode, told in [
        ([2, 3, 5], 'linear', {'scale': 2}), ([1, 1, 7], 'linear', {'size': 4}), ([1, 1, 1], 'linear', {'size': 3}), ([1, 2, 5], 'linear', {'size': 1}), ([1, 1, 5], 'linear', {'scale': 1.7}),
        ([2, 2, 3, 4], 'bilinear', {'scale': 2}), ([1, 1, 4, 5], 'bilinear', {'size': [3, 9]}), ([1, 2, 5, 5], 'bilinear', {'scale': [2, 1]}), ([1, 1, 1, 1], 'bilinear', {'scale': 3}),
        ([1, 1, 2, 3, 4], 'trilinear', {'scale': 2}), ([1, 2, 3, 2, 3], 'trilinear', {'size': [4, 3, 1]})]],
]


def others():
    yield Row('upsample', upsample, [Case(f'{label(s)} {mode} {told}', filled(s), mode, told) for s, mode, told in UPSAMPLED], floor=6, gradient_ulp=4, magnitude='linear')
    yield Row('pixelShuffle', pixel_shuffle, [Case(f'{label(s)} by {r}', filled(s), r) for s, r in [
        ([2, 4, 3, 5], 2), ([1, 18, 2, 2], 3), ([2, 6, 4], 3), ([1, 8, 2, 3, 2], 2), ([1, 3, 4, 4], 1)]])
    shapes = [[7], [3, 5], [2, 3, 4, 5], [0, 3], []]
    yield Row('dropout', lambda x, p, options=None: F.dropout(x, p, True), [
        *[Case(f'{label(s)} p {p}', filled(s), p) for s in shapes for p in (0, 1)], Case('along axes', filled([2, 3, 4]), 1, {'axis': 1})])
    yield Row('alphaDropout', lambda x, p: F.alpha_dropout(x, p, True), [Case(f'{label(s)} p {p}', filled(s), p) for s in shapes for p in (0, 1)])


class LayerRow:
    """A layer without parameters, or a Chain of them, as a function of PyTorch."""

    def __init__(self, op, args, shape, function, ulp=2):
        self.op, self.args, self.shape, self.function, self.ulp = op, args, shape, function, ulp

    def records(self):
        name = f'{self.args if self.op != "Chain" else "two layers"} of {label(self.shape)}'
        x = filled(self.shape)
        x.seed = zlib.crc32(f'{self.op}/{name}'.encode()) & 0xFFFF
        value = x.torch().requires_grad_()
        out = self.function(value)
        cotangent = filled(list(out.shape))
        cotangent.seed = x.seed ^ 0x5555
        gradient, = torch.autograd.grad(out, value, cotangent.torch())
        floor = rounded_up(8 * EPSILON * max(1, largest(gradient)))
        yield {'op': self.op, 'name': name, 'kind': 'layer', 'args': as_json(self.args), 'input': x.json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(4 * EPSILON)}, 'cotangent': cotangent.json(),
               'gradients': [{**encoded(gradient.numpy(), 'float64'), 'floor': floor}], 'tolerance': {'ulp': self.ulp, 'gradientUlp': 4}}


def layers():
    yield LayerRow('MaxPool', [2], [2, 3, 8, 10], lambda x: F.max_pool2d(x, 2))
    yield LayerRow('MaxPool', [[3, 3], {'stride': 2, 'pad': 1}], [1, 2, 7, 9], lambda x: F.max_pool2d(x, 3, 2, 1))
    yield LayerRow('MeanPool', [[2, 2]], [2, 3, 8, 10], lambda x: F.avg_pool2d(x, 2))
    yield LayerRow('MeanPool', [3, {'stride': 2, 'pad': 1, 'countPadding': False}], [1, 2, 7, 9], lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
    yield LayerRow('AdaptiveMaxPool', [[3, 4]], [1, 2, 7, 9], lambda x: F.adaptive_max_pool2d(x, [3, 4]))
    yield LayerRow('AdaptiveMeanPool', [[3, 4]], [1, 2, 7, 9], lambda x: F.adaptive_avg_pool2d(x, [3, 4]))
    yield LayerRow('GlobalMaxPool', [], [2, 3, 5, 4], lambda x: F.adaptive_max_pool2d(x, 1))
    yield LayerRow('GlobalMeanPool', [], [2, 3, 5, 4], lambda x: F.adaptive_avg_pool2d(x, 1))
    yield LayerRow('Upsample', ['bilinear', {'scale': 2}], [1, 2, 3, 4], lambda x: F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=True))
    yield LayerRow('Upsample', ['nearest', {'scale': 2}], [1, 2, 3, 4], lambda x: F.interpolate(x, scale_factor=2))
    yield LayerRow('PixelShuffle', [2], [1, 8, 3, 4], lambda x: F.pixel_shuffle(x, 2))
    yield LayerRow('Flatten', [], [2, 3, 4], lambda x: torch.flatten(x, 1))
    yield LayerRow('Dropout', [0], [3, 4], lambda x: x * 1)
    yield LayerRow('AlphaDropout', [0], [3, 4], lambda x: x * 1)


def rows():
    yield from pools()
    yield from others()
    yield from layers()
