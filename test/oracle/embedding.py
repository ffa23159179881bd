"""Embedding and EmbeddingBag by PyTorch; sinusoidal and rotary positions in NumPy's float64."""
import zlib

import numpy as np
import torch

from records import EPSILON, Case, Row, as_json, encoded, filled, integers, largest, literal, rounded_up


def seeded(row, tensor, part):
    tensor.seed = zlib.crc32(f'{row.op}/{row.name}/{part}'.encode()) & 0xFFFF
    return tensor


class TableRow:
    """A layer of a ready weight: `run` takes the weight and the inputs, `args` follow the weight. `empty` is a row of the weight that is 0."""

    def __init__(self, op, name, shape, args, inputs, run, empty=None):
        self.op, self.name, self.shape, self.args, self.inputs, self.run, self.empty = op, name, shape, args, inputs, run, empty

    def seed(self, tensor, part):
        return seeded(self, tensor, part)

    def records(self):
        weight = self.seed(filled(self.shape), 'weight')
        if self.empty is not None:
            values = weight.array().copy()
            values[self.empty] = 0
            weight = literal(values)
        xs = [self.seed(x, f'x{i}') for i, x in enumerate(self.inputs)]
        value = weight.torch().requires_grad_()
        floats = [x.torch().requires_grad_() if x.dtype == 'float32' else x.torch() for x in xs]
        out = self.run(value, *floats)
        cotangent = self.seed(filled(out.shape), 'cotangent')
        wanted = [*[x for x in floats if x.is_floating_point()], value]
        gradients = torch.autograd.grad(out, wanted, cotangent.torch())
        summed = torch.autograd.grad(self.run(value, *floats), wanted, cotangent.torch().abs())
        floors = [4 * EPSILON * largest(each.abs()) for each in summed]
        yield {'op': self.op, 'name': self.name, 'kind': 'layer', 'args': [weight.json(), *as_json(self.args)],
               'input': [x.json() for x in xs] if len(xs) > 1 else xs[0].json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(4 * EPSILON * largest(out.detach().abs()))},
               'cotangent': cotangent.json(),
               'gradients': [{**encoded(g.numpy(), 'float64'), 'floor': rounded_up(f)} for g, f in zip(gradients, floors)],
               'tolerance': {'ulp': 4, 'gradientUlp': 4}}


def embedding(padding=None):
    return lambda weight, x: torch.nn.functional.embedding(x.long(), weight, padding_idx=padding)


def bag(mode, padding=None):
    def run(weight, x, offsets=None):
        lead = x.shape[:-1]
        x = x.reshape(-1, x.shape[-1]) if offsets is None else x
        y = torch.nn.functional.embedding_bag(x.long(), weight, None if offsets is None else offsets.long(), mode=mode, padding_idx=padding)
        return y if offsets is not None else y.reshape(*lead, -1)
    return run


def one_hot(x, size):
    return literal(np.eye(size)[x], 'bool')


def tables():
    for shape in ([], [1], [7], [3, 5], [2, 2, 3], [67]):
        yield TableRow('Embedding', f'of {shape}', [5, 3], [], [integers(shape, 0, 5)], embedding())
    for features in (1, 4, 16, 17, 33):
        yield TableRow('Embedding', f'{features} features', [7, features], [], [integers([3, 6], 0, 7)], embedding())
    yield TableRow('Embedding', 'uint8', [5, 3], [], [integers([4], 0, 5, dtype='uint8')], embedding())
    yield TableRow('Embedding', 'padding', [5, 3], [{'paddingIdx': 2}], [integers([4, 6], 0, 5)], embedding(2), empty=2)
    yield TableRow('Embedding', 'one-hot', [5, 3], [], [one_hot([[4, 0], [2, 2], [0, 1]], 5)], lambda w, x: x.double() @ w)
    modes = ('mean', 'sum', 'max')
    told = lambda mode: [] if mode == 'mean' else [mode]
    for shape in ([4, 3], [1, 1], [2, 3, 4]):
        for mode in modes:
            yield TableRow('EmbeddingBag', f'{mode} of {shape}', [5, 17], told(mode), [integers(shape, 0, 5)], bag(mode))
    for name, offsets in (('bags', [0, 2, 7]), ('empty bags', [0, 0, 3, 3, 9]), ('one bag', [0])):
        for mode in modes:
            inputs = [integers([9], 0, 5), literal(offsets, 'int32')]
            yield TableRow('EmbeddingBag', f'{mode} of {name}', [5, 6], told(mode), inputs, bag(mode))
    for mode in modes:
        args = [mode, {'paddingIdx': 1}]
        yield TableRow('EmbeddingBag', f'{mode} with padding', [5, 6], args, [literal([[0, 1, 4], [1, 1, 1], [2, 1, 2]], 'int32')], bag(mode, 1))
        yield TableRow('EmbeddingBag', f'{mode} with padding and offsets', [5, 6], args, [integers([9], 0, 5), literal([0, 2, 2, 7], 'int32')], bag(mode, 1))


def angles(positions, features, base=10_000):
    return np.multiply.outer(np.asarray(positions, np.float64), base ** (-2 * np.arange(features // 2) / max(1, features)))


def sinusoidal(positions, features, base=10_000):
    t = angles(positions, features, base)
    return torch.from_numpy(np.stack([np.sin(t), np.cos(t)], -1).reshape(*t.shape[:-1], features))


def rotary(x, options=None):
    options = options or {}
    heads, base = options.get('heads', 1), options.get('base', 10_000)
    at = options.get('positions', 0)
    at = np.arange(x.shape[-2]) + at if isinstance(at, int) else at.numpy() if isinstance(at, torch.Tensor) else np.asarray(at)
    features = x.shape[-1] // heads
    t = angles(at, features, base)[..., None, :]
    c, s = torch.from_numpy(np.cos(t)), torch.from_numpy(np.sin(t))
    y = x.reshape(*x.shape[:-1], heads, features)
    if options.get('interleaved'):
        a, b = y[..., ::2], y[..., 1::2]
        return torch.stack([a * c - b * s, b * c + a * s], -1).reshape(x.shape)
    a, b = y[..., :features // 2], y[..., features // 2:]
    return torch.cat([a * c - b * s, b * c + a * s], -1).reshape(x.shape)


def positions():
    for shape in ([1, 2], [5, 4], [2, 3, 6], [2, 7, 10], [3, 33, 16]):
        yield PositionsRow('SinusoidalPositions', f'of {shape}', shape, [], lambda x: x + sinusoidal(np.arange(x.shape[-2]), x.shape[-1]))
        yield PositionsRow('RotaryPositions', f'of {shape}', shape, [], rotary)
    yield PositionsRow('SinusoidalPositions', 'base', [2, 9, 8], [{'base': 100}], lambda x: x + sinusoidal(np.arange(9), 8, 100))
    told = {'base': 100, 'heads': 3, 'interleaved': True}
    yield PositionsRow('RotaryPositions', 'told', [2, 9, 12], [told], lambda x: rotary(x, told))
    cases = [Case(f'of {shape}', filled(shape)) for shape in ([1, 2], [5, 4], [2, 3, 6], [3, 33, 16])]
    for interleaved in (False, True):
        name = 'interleaved' if interleaved else 'halves'
        for heads in (1, 2):
            cases.append(Case(f'{name}, {heads} heads', filled([2, 5, 20]), {'heads': heads, 'interleaved': interleaved}))
    far = [0, 1, 511, 4095, 65_537, 1_000_003]
    cases += [Case('far away', filled([2, 6, 8]), {'positions': far}), Case('from a million', filled([3, 8]), {'positions': 10 ** 6}),
              Case('of each row', filled([2, 3, 4]), {'positions': literal([[0, 1, 2], [7, 3, 7]], 'int32'), 'base': 50})]
    yield Row('rotary', rotary, cases, ulp=2, floor=8, gradient_floor=8)


class PositionsRow:
    """A layer without parameters, of x."""

    def __init__(self, op, name, shape, args, run):
        self.op, self.name, self.shape, self.args, self.run = op, name, shape, args, run

    def seed(self, tensor, part):
        return seeded(self, tensor, part)

    def records(self):
        x = self.seed(filled(self.shape), 'x')
        value = x.torch().requires_grad_()
        out = self.run(value)
        cotangent = self.seed(filled(out.shape), 'cotangent')
        [gradient] = torch.autograd.grad(out, [value], cotangent.torch())
        yield {'op': self.op, 'name': self.name, 'kind': 'layer', 'args': as_json(self.args), 'input': x.json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(4 * EPSILON)}, 'cotangent': cotangent.json(),
               'gradients': [{**encoded(gradient.numpy(), 'float64'), 'floor': rounded_up(4 * EPSILON)}],
               'tolerance': {'ulp': 2, 'gradientUlp': 2}}


def rows():
    yield from tables()
    yield from positions()
