"""Activations, softmax and its relatives."""
import math

import torch
import torch.nn.functional as F

from inputs import INF, NAN, SPECIAL, label, unary_inputs, with_arguments
from records import Case, Row, filled, literal


def elu(x, alpha=1.0):
    """torch's has eˣ - 1 where it loses digits near 0, and at 0 the derivative alpha, where ours is 1, as Flux's."""
    return torch.where(x >= 0, x, alpha * torch.expm1(torch.clamp(x, max=0)))


def celu(x, alpha=1.0):
    return torch.where(x >= 0, x, alpha * torch.expm1(torch.clamp(x, max=0) / alpha))


def selu(x):
    return torch.where(x > 0, 1.0507009873554805 * x, 1.7580993408473766 * torch.expm1(torch.clamp(x, max=0)))


def logcosh(x):
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs())) - math.log(2)


def squareplus(x, b=4.0):
    root = torch.sqrt(x * x + b)
    return torch.where(x > 0, (x + root) / 2, b / 2 / (root - x))


SHRUNK = [x for x in SPECIAL if x == x]


def glu_inputs():
    for shape, axes in (([2], []), ([6], [0]), ([34], []), ([3, 4], [1]), ([4, 3], [0, -2]), ([2, 6, 3], [1]), ([0], []), ([3, 0], []), ([0, 4], [])):
        for more in [(axis,) for axis in axes] or [()]:
            yield Case(f'{label(shape)} {more}', filled(shape, -3, 3), *more)


def pointwise():
    deep = [-30, -15, -5, -1, 1e-4, 1, 5, 15, 30]
    yield Row('sigmoid', torch.sigmoid, unary_inputs(-6, 6, edges=(*deep, -87, 0)), ulp=4, gradient_floor=2)
    yield Row('relu', torch.relu, unary_inputs(edges=(0.0, -0.0, 2e-38)), signed_zero=True, note='the derivative at 0 is 0')
    yield Row('gelu', F.gelu, unary_inputs(edges=deep), ulp=6, floor=4, gradient_floor=6, free_nan=True,
              note='ours: exact, as PyTorch; Flux: the tanh form')
    yield Row('geluTanh', lambda x: F.gelu(x, approximate='tanh'), unary_inputs(edges=deep), ulp=6, floor=4, gradient_floor=8, free_nan=True)
    yield Row('softplus', lambda x: F.softplus(x, threshold=700), unary_inputs(-6, 6, edges=(*deep, 0, 19, 21)), ulp=6)
    yield Row('logsigmoid', F.logsigmoid, unary_inputs(-6, 6, edges=(*deep, 0)), ulp=6)
    yield Row('leakyrelu', lambda x, a=0.01: F.leaky_relu(x, a), [*unary_inputs(edges=(0.0, -0.0)), *with_arguments((0.2,), (0,), edges=(0.0, 1, -1))],
              ulp=1, note='the derivative at 0 is a')
    yield Row('elu', elu, [*unary_inputs(edges=(0.0, 1e-4, -1e-4, -20)), *with_arguments((0.5,), (2,), edges=(0.0, 1, -1))], ulp=6,
              gradient_floor=2, note='the derivative at 0 is 1')
    yield Row('celu', celu, [*unary_inputs(edges=(0.0, 1e-4, -1e-4, -20)), *with_arguments((0.5,), (2,), edges=(0.0, 1, -1))],
              ulp=6, gradient_floor=2)
    yield Row('selu', selu, unary_inputs(edges=(0.0, 1e-4, -1e-4, -20)), ulp=6, gradient_floor=4)
    yield Row('swish', F.silu, unary_inputs(-6, 6, edges=(*deep, 0)), ulp=6, gradient_floor=4, free_nan=True)
    yield Row('relu6', F.relu6, unary_inputs(-3, 9, edges=(0.0, 6, 3, 7)), note='the derivative at 0 and at 6 is 0')
    yield Row('hardtanh', F.hardtanh, unary_inputs(edges=(-1, 1, 0.5)), note='the derivative at -1 and at 1 is 0')
    yield Row('hardsigmoid', F.hardsigmoid, unary_inputs(-5, 5, edges=(-3, 3, 0)), ulp=2, floor=2, note='the derivative at -3 and at 3 is 0')
    yield Row('hardswish', F.hardswish, unary_inputs(-5, 5, edges=(-3, 3, 0)), ulp=3, floor=8, gradient_floor=4, free_nan=True,
              note='the derivative at -3 is -1/2, at 3 it is 3/2')
    yield Row('mish', F.mish, unary_inputs(-6, 6, edges=(*deep, 0)), ulp=8, gradient_floor=8, free_nan=True)
    yield Row('softsign', F.softsign, unary_inputs(), ulp=2, free_nan=True)
    yield Row('tanhFast', torch.tanh, unary_inputs(edges=deep), ulp=4, gradient_floor=2, note='tanh itself')
    yield Row('sigmoidFast', torch.sigmoid, unary_inputs(edges=deep), ulp=4, gradient_floor=2, note='sigmoid itself')
    yield Row('lisht', lambda x: x * torch.tanh(x), unary_inputs(edges=(*deep, 0)), ulp=5, gradient_floor=8, free_nan=True)
    yield Row('logcosh', logcosh, unary_inputs(edges=(*deep, 0, 1e-2)), ulp=6, floor=1, gradient_floor=2, free_nan=True)
    yield Row('squareplus', squareplus, [*unary_inputs(edges=(0.0, -40, 40)), *with_arguments((0.25,), (1,), edges=(0.0, 1, -1))],
              ulp=6, gradient_floor=4, free_nan=True)
    yield Row('tanhshrink', F.tanhshrink, unary_inputs(special=None, edges=(0.0, 1, -1, 30)), ulp=6, floor=1, gradient_floor=2)
    yield Row('softshrink', lambda x, a=0.5: F.softshrink(x, a),
              [*unary_inputs(special=SHRUNK, edges=(0.5, -0.5, 0.0)), *with_arguments((0.25,), (0,), edges=(0.25, 1, -1))], ulp=1,
              note='the derivative at ±λ is 0; ours keeps NaN')
    yield Row('trelu', lambda x, theta=1.0: F.threshold(x, theta, 0.0),
              [*unary_inputs(edges=(1, 0.0)), *with_arguments((-0.5,), (0.25,), edges=(0.25, -0.5, 1))], note='the derivative at θ is 0')
    yield Row('rrelu', lambda x, low=0.25, high=0.25: F.leaky_relu(x, low), with_arguments((0.25, 0.25), edges=(0.0, 1, -1)), ulp=1,
              note='of one slope')
    yield Row('glu', lambda x, axis=-1: F.glu(x, axis), glu_inputs(), ulp=6, gradient_floor=2)


def softmax_inputs():
    for shape in ([1], [3], [7], [17], [31], [67], [257], [3, 5], [5, 1], [2, 3, 5], [33, 3], [2, 1, 3, 2], [0], [3, 0], [0, 3]):
        yield Case(label(shape), filled(shape, -4, 4))
    for shape, axes in (([3, 5], [0, 1, -2]), ([2, 3, 5], [0, 1, 2, -3]), ([2, 3, 4, 5], [1, 2, -1]), ([17, 3], [0]), ([33, 2], [0])):
        for axis in axes:
            yield Case(f'{label(shape)} axis {axis}', filled(shape, -4, 4), axis)
    yield Case('extremes', literal([[1000, -1000, 0], [-1000, -1000, -1000], [1000, 1000, 999], [1e30, 1, -1e30], [88, 89, 90]]))
    yield Case('-Infinity has no weight', literal([[0, -INF, 1], [-INF, -INF, 2]]))
    yield Case('NaN fills its row', literal([[1, NAN, 2], [3, 4, 5]]), gradient=False)
    yield Case('all -Infinity is NaN', literal([-INF, -INF]), gradient=False)


PLUS_INFINITY = [[INF, 1, INF], [INF, -INF, 3]]


def infinite(logarithm):
    def apply(x):
        share = torch.isinf(x) & (x > 0)
        share = share / share.sum(-1, keepdim=True)
        return share.log() if logarithm else share
    return apply


def normalized():
    note = 'ours: +Infinity shares the weight with its equals, as Flux; PyTorch: NaN'
    yield Row('softmax', lambda x, axis=-1: torch.softmax(x, axis), [
        *softmax_inputs(), Case('+Infinity', literal(PLUS_INFINITY), function=infinite(False), gradient=False, note=note)],
              ulp=8, magnitude=lambda *_: 0.0, gradient_floor=4)
    yield Row('logSoftmax', lambda x, axis=-1: torch.log_softmax(x, axis), [
        *softmax_inputs(), Case('+Infinity', literal(PLUS_INFINITY), function=infinite(True), gradient=False, note=note)],
              ulp=2, magnitude=lambda x, axis=-1: 4 + torch.where(x.abs() < 500, x.abs(), torch.zeros(())), spread=2, gradient_floor=8)


def rows():
    yield from pointwise()
    yield from normalized()
