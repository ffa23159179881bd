"""Reductions along any axes."""
import math

import torch

from inputs import INF, NAN, label, reduction_inputs, reduction_specials
from records import UNDEFINED, Case, Row, filled, flags, integers, literal

LONG = (9, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1025, 4099)


def every(x, axis):
    if axis is None:
        return list(range(x.dim()))
    return [a % x.dim() for a in (axis if isinstance(axis, list) else [axis])]


def along(function):
    """Gives a function of (matrix whose last axis is reduced) an axis and keepDims."""
    def apply(x, axis=None, options=None):
        axes = every(x, axis)
        rest = [a for a in range(x.dim()) if a not in axes]
        count = math.prod(x.shape[a] for a in axes)
        rows = x.permute(rest + axes).reshape([x.shape[a] for a in rest] + [count])
        out = function(rows)
        if (options or {}).get('keepDims'):
            out = out.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])
        return out
    return apply


def total(x):
    return torch.sum(x, -1, dtype=x.dtype if x.is_floating_point() else torch.int32)


def product(x):
    return torch.prod(x, -1, dtype=x.dtype if x.is_floating_point() else torch.int32)


def mean(x):
    return torch.mean(x if x.is_floating_point() else x.double(), -1)


def logarithm(x):
    if x.shape[-1] == 0:
        return x.sum(-1) - INF
    return torch.logsumexp(x, -1)


def with_correction(function):
    def apply(x, axis=None, options=None):
        return along(lambda rows: function(rows, (options or {}).get('correction', 0)))(x, axis, options)
    return apply


def variance(x, correction):
    x = x.double()
    n = x.shape[-1] - correction
    if n <= 0 or x.shape[-1] == 0:
        return x.sum(-1) * NAN
    return (x - x.mean(-1, keepdim=True)).square().sum(-1) / n


def deviation(x, correction):
    v = variance(x, correction)
    return torch.where(v == 0, v, torch.where(v == 0, torch.ones(()), v).sqrt())


def summed_size(x, axis=None, options=None):
    """Size of the summands times the growth of rounding with their number."""
    sizes = along(lambda rows: rows.abs().sum(-1))(x, axis)
    n = x.numel() / max(1, sizes.numel())
    return sizes * (1 + math.sqrt(n) / 8)


def averaged_size(function):
    def apply(x, axis=None, options=None):
        n = x.numel() / max(1, along(total)(x, axis).numel())
        return along(function)(x.double(), axis) * (1 + math.sqrt(n) / 8)
    return apply


def integer_reductions(mean_too=False):
    yield Case('int32 [7]', integers([7]))
    yield Case('int32 [67]', integers([67]))
    yield Case('int32 [3,5] axis 0', integers([3, 5]), 0)
    yield Case('int32 [2,3,5] axis [0,2]', integers([2, 3, 5]), [0, 2])
    yield Case('bool [17]', flags([17]))
    yield Case('bool [3,5] axis 1', flags([3, 5]), 1)
    yield Case('uint8 [5]', integers([5], 0, 256, 'uint8'))
    yield Case('int32 [0]', integers([0]))
    yield Case('bool [3,0] axis 1', flags([3, 0]), 1)


def of_order(x, axis=None, options=None):
    return along(lambda rows: torch.linalg.vector_norm(rows, (options or {}).get('p', 2), dim=-1))(x, axis, options)


def orders():
    yield Case('p 3 [7]', filled([7]), UNDEFINED, {'p': 3})
    yield Case('p 0.5 [2,3,5] axis [0,2]', filled([2, 3, 5], 0.5, 2), [0, 2], {'p': 0.5})
    yield Case('p 1.5 [3,5] axis 0, keepDims', filled([3, 5]), 0, {'p': 1.5, 'keepDims': True})
    yield Case('p 1 [5]', filled([5]), UNDEFINED, {'p': 1})
    yield Case('large', literal([1e20, -3e20, 2e20]))
    yield Case('small, p 3', literal([1e-23, -3e-23, 2e-23]), UNDEFINED, {'p': 3})


def corrected():
    more = {'correction': 1}
    yield Case('correction 1 [7]', filled([7]), UNDEFINED, more)
    yield Case('correction 1 [2,3,5] axis [0,2]', filled([2, 3, 5]), [0, 2], more)
    yield Case('correction 1 [3,5] axis -1, keepDims', filled([3, 5]), -1, {'correction': 1, 'keepDims': True})
    yield Case('correction 1 of one value', literal([2.0]), UNDEFINED, more, gradient=False)


def sums():
    yield Row('sum', along(total), [*reduction_inputs(sizes=LONG), *reduction_specials(True), *integer_reductions(),
                                   Case('1e30 and back', literal([1e30, -1e30, 1e30]), gradient=False),
                                   Case('int32 that just fits', literal([2147483647, 1, -1, 2147483647, -2147483647], 'int32'))], ulp=1, magnitude=summed_size)
    yield Row('mean', along(mean), [*reduction_inputs(sizes=LONG), *reduction_specials(True), *integer_reductions()], ulp=2,
              magnitude=averaged_size(lambda rows: mean(rows.abs())))
    yield Row('prod', along(product), [
        *reduction_inputs(0.5, 1.5), *reduction_specials(),
        Case('one zero', literal([2, 0.0, 3, 4])), Case('two zeros', literal([2, 0.0, 3, 0.0])), Case('negative', literal([-2, 3, -0.5, -1])),
        Case('a zero in one row', literal([[1, 0.0, 2], [3, 4, 5]]), 1), Case('zeros in one column', literal([[1, 0.0, 2], [3, 0.0, 5]]), 0),
        Case('int32 [5]', integers([5], 1, 5)), Case('bool [5]', flags([5])), Case('int32 [3,5] axis 0', integers([3, 5], 1, 9), 0)],
              ulp=64, gradient_ulp=64)
    rounding = dict(floor=32, gradient=False)  # the rounding of the mean alone moves the gradient by more
    shifted = [Case('far from 0 [33]', filled([33], 1000, 1001), **rounding), Case('far from 0 [17,3] axis 0', filled([17, 3], 100, 101), 0, **rounding)]
    square = averaged_size(lambda rows: mean(rows.square()) * 2)
    yield Row('variance', with_correction(variance), [
        *reduction_inputs(empty=(True, True), sizes=LONG), *reduction_specials(), *corrected(), *shifted,
        Case('constant', literal([3, 3, 3])), Case('int32 [7]', integers([7]))], ulp=8,
              magnitude=lambda x, axis=None, options=None: square(x, axis) if largest_size(x) < 50 else torch.zeros(()), gradient_floor=2,
              note='divides by n unless correction is 1')
    yield Row('std', with_correction(deviation), [
        *reduction_inputs(empty=(True, True), sizes=LONG), *reduction_specials(), *corrected(),
        Case('constant', literal([3, 3, 3]), note='the gradient of a standard deviation that is 0 is 0, as PyTorch')], ulp=8,
              magnitude=lambda x, axis=None, options=None: along(lambda rows: mean(rows.abs()))(x, axis), gradient_floor=2,
              note='divides by n unless correction is 1')
    yield Row('norm', of_order, [
        *orders(), *reduction_inputs(sizes=LONG), *reduction_specials(),
        Case('of zeros', literal([0.0, 0.0, 0.0]), note='the gradient at 0 is 0, as PyTorch')], ulp=16, magnitude=lambda *_: 0.0)
    yield Row('logSumExp', along(logarithm), [
        *reduction_inputs(-4, 4, sizes=LONG), *reduction_specials(),
        Case('extremes', literal([[1000, -1000, 0], [-1000, -1000, -1000], [88, 89, 90]]), -1, gradient_floor=64)], ulp=2,
              magnitude=lambda x, axis=None, options=None: 4 + math.log(1 + x.numel()) + 2 * largest_small(x), spread=2, gradient_floor=4)


def largest_size(x):
    x = x.abs()
    return float(x[torch.isfinite(x)].max()) if torch.isfinite(x).any() else 0.0


def largest_small(x):
    """The size of logits but for the extremes, which are compared in ulps."""
    return largest_size(x) if largest_size(x) < 50 else 0.0


def tied():
    yield Case('ties share [5]', literal([1, 3, 3, 2, 3]))
    yield Case('ties share [3,4] axis 1', literal([[1, 1, 0, 1], [2, 5, 5, 1], [0, 0, 0, 0]]), 1)
    yield Case('ties share [3,4] axis 0', literal([[1, 1, 0, 1], [1, 5, 5, 1], [0, 0, 5, 0]]), 0)
    yield Case('ties share [2,2,3] axis [0,2]', literal([[[1, 2, 2], [3, 3, 3]], [[2, 0, 1], [0, 3, 1]]]), [0, 2])


def extremes():
    note = 'equal entries share the gradient evenly, as torch.amax; NaN wins'
    for op, function in (('max', torch.amax), ('min', torch.amin)):
        ints = [Case('int32 [67]', integers([67])), Case('int32 [3,5] axis 0', integers([3, 5]), 0), Case('int32 all negative', literal([-5, -2, -9], 'int32'))]
        yield Row(op, along(lambda rows, f=function: f(rows, -1)), [
            *reduction_inputs(empty=(False, True), sizes=(65, 129, 257)), *reduction_specials(), *tied(), *ints,
            Case('all negative [7]', filled([7], -3, -1)), Case('all positive [7]', filled([7], 1, 3))], ulp=0, gradient_ulp=1,
                  magnitude=lambda *_: 0.0, note=note)
    for op, function in (('argMax', torch.argmax), ('argMin', torch.argmin)):
        yield Row(op, lambda x, axis=None, options=None, f=function: f(x, axis, keepdim=True) if axis is not None and options else
                  (f(x, None).reshape([1] * x.dim()) if options else f(x, axis)), [
            *reduction_inputs(lists=False, empty=(False, True), sizes=(65, 129, 257)), *reduction_specials(),
            Case('first of equals [5]', literal([1, 3, 3, 2, 3])), Case('first of equals [3,4] axis 1', literal([[1, 1, 0, 1], [2, 5, 5, 1], [0, 0, 0, 0]]), 1),
            Case('first of equals [3,4] axis 0', literal([[1, 1, 0, 1], [1, 5, 5, 1], [0, 0, 5, 0]]), 0),
            Case('first NaN', literal([1, NAN, 7, NAN])), Case('int32 [17]', integers([17], -50, 50)), Case('int32 [3,5] axis 0', integers([3, 5], -50, 50), 0)],
                  gradient=False, note='the first of equals; NaN wins')


def booleans():
    for op, function in (('any', torch.any), ('all', torch.all)):
        mostly = [Case(f'{value} {label(s)}', literal_of(s, value)) for s in ([5], [3, 17]) for value in (0, 1)]
        yield Row(op, along(lambda rows, f=function: f(rows, -1)), [
            *reduction_inputs(make=lambda shape, *_: flags(shape), sizes=(65, 129)), *mostly,
            Case('one true of 67', literal([0] * 50 + [1] + [0] * 16, 'bool')), Case('one false of 67', literal([1] * 66 + [0], 'bool'))])


def literal_of(shape, value):
    return literal(torch.full(shape, value).numpy(), 'bool')


def cumulative():
    def cumsum(x, axis=None):
        x = x.reshape(-1) if axis is None else x
        return torch.cumsum(x, axis or 0, dtype=x.dtype if x.is_floating_point() else torch.int32)

    cases = [Case(f'{label(s)} axis {a}', filled(s), a) for s, axes in (([1], [0]), ([7], [0, -1]), ([67], [0]), ([3, 5], [0, 1]), ([2, 3, 5], [0, 1, 2]),
                                                                      ([4, 17], [0, -2]), ([0], [0]), ([3, 0], [0, 1])) for a in axes]
    yield Row('cumsum', cumsum, [*cases, Case('all of []', filled([])), Case('all of [3,5]', filled([3, 5])), Case('all of [3,0]', filled([3, 0])),
                                 Case('int32 [7]', integers([7]), 0), Case('int32 [3,5] axis 0', integers([3, 5]), 0), Case('bool [7]', flags([7]), 0),
                                 Case('uint8 [5]', literal([255, 255, 0, 1, 255], 'uint8'), 0),
                                 Case('with NaN', literal([1, NAN, 2]), 0, gradient=False)], ulp=1, magnitude='linear')


def chosen():
    def largest(x, k, axis=-1):
        values, indices = torch.sort(x.int() if x.dtype == torch.bool else x, dim=axis, descending=True, stable=True)
        values, indices = values.narrow(axis, 0, k), indices.narrow(axis, 0, k)
        assert torch.allclose(values, torch.topk(x.int() if x.dtype == torch.bool else x, k, axis)[0], rtol=0, atol=0, equal_nan=True)
        return values.to(x.dtype), indices

    cases = [Case(f'{k} of {label(s)} axis {a}', filled(s), k, a) for s, k, a in [
        ([1], 1, 0), ([5], 1, 0), ([5], 5, -1), ([7], 3, 0), ([67], 8, 0), ([257], 100, 0), ([3, 5], 2, 0), ([3, 5], 4, -1), ([2, 3, 5], 2, 1),
        ([2, 3, 5], 1, -3), ([17, 3], 9, 0), ([3, 0], 2, 0), ([3, 0], 0, 1), ([5], 0, 0)]]
    yield Row('topK', largest, [
        *cases, Case('the last axis if left out', filled([3, 9]), 4),
        Case('first of equals [6]', literal([1, 3, 3, 2, 3, 1]), 5), Case('first of equals [3,4] axis 0', literal([[1, 1, 0, 1], [1, 5, 5, 1], [0, 0, 5, 0]]), 2, 0),
        Case('all equal', literal([2.0] * 33), 17), Case('both zeros are equal', literal([-0.0, 0.0, -1, 0.0, -0.0]), 4),
        Case('NaN wins', literal([1, NAN, INF, NAN, -INF, 7]), 4, gradient=False), Case('-Infinity', literal([-INF, -1, -INF, -1e30]), 3),
        Case('ascending', literal(list(range(40))), 11), Case('descending', literal(list(range(40, 0, -1))), 11), Case('negative', literal([-3, -1, -2, -1e-30]), 3),
        Case('int32 [67]', integers([67], -50, 50), 20), Case('int32 [3,5] axis 0', integers([3, 5]), 2, 0),
        Case('int32 extremes', literal([16777216, -16777216, 0, -1], 'int32'), 4), Case('uint8 [7]', literal([0, 255, 3, 200, 255, 1, 0], 'uint8'), 4),
        Case('bool [5]', literal([0, 1, 0, 1, 1], 'bool'), 4)], ulp=0, magnitude=lambda *_: 0.0, note='of equals the first first; NaN is the largest')


def ordered():
    def values(x, axis=-1, options=None):
        return order(x, axis, options)[0].to(x.dtype)

    def indices(x, axis=-1, options=None):
        return order(x, axis, options)[1].int()

    def order(x, axis, options):
        return torch.sort(x.int() if x.dtype == torch.bool else x, dim=axis, descending=bool(options), stable=True)

    down = {'descending': True}
    inputs = [
        *[Case(f'{label(s)} axis {a}', filled(s), a) for s, a in [
            ([1], 0), ([2], 0), ([32], 0), ([33], -1), ([257], 0), ([3, 5], 0), ([3, 5], -1), ([2, 3, 5], 1), ([2, 40, 3], -2), ([3, 0], 0), ([3, 0], 1), ([0], 0)]],
        *[Case(f'{label(s)} axis {a}, descending', filled(s), a, down) for s, a in [([7], 0), ([67], 0), ([3, 5], 0), ([2, 40, 3], 1)]],
        Case('the last axis if left out', filled([3, 9]))]
    for way, options in (('ascending', UNDEFINED), ('descending', down)):
        inputs += [
            Case(f'equals {way}', literal([1, 3, 3, 2, 3, 1, 2]), 0, options), Case(f'both zeros {way}', literal([-0.0, 0.0, -1, 0.0, -0.0, 1]), 0, options),
            Case(f'NaN and infinities {way}', literal([1, NAN, INF, NAN, -INF, 7, -1e-30]), 0, options, gradient=False),
            Case(f'many equals {way}', literal([float(i * 7 % 5) for i in range(70)]), 0, options),
            Case(f'int32 extremes {way}', literal([16777216, -16777216, 0, -1, 16777215, 1], 'int32'), 0, options),
            Case(f'int32 [67] {way}', integers([67], -50, 50), 0, options), Case(f'uint8 [7] {way}', literal([0, 255, 3, 200, 255, 1, 0], 'uint8'), 0, options),
            Case(f'bool [5] {way}', literal([0, 1, 0, 1, 1], 'bool'), 0, options)]
    yield Row('sort', values, inputs, ulp=0, magnitude=lambda *_: 0.0)
    yield Row('argSort', indices, inputs, ulp=0, gradient=False)


def normalized(x, axis=0, options=None):
    x = x.double()
    axes = every(x, axis)
    apart = x - x.mean(axes, keepdim=True)
    return apart / (apart.square().mean(axes, keepdim=True) + (options or {}).get('eps', 1e-5)).sqrt()


def features():
    yield Row('normalize', normalized, [
        Case('[7]', filled([7])), Case('[33,3]', filled([33, 3])), Case('[3,5] axis -1', filled([3, 5]), -1),
        Case('[2,3,5] axis [0,2]', filled([2, 3, 5]), [0, 2]), Case('eps 0.5 [3,5]', filled([3, 5]), 0, {'eps': 0.5}),
        Case('a constant feature', literal([[1.0, 3.0], [2.0, 3.0], [4.0, 3.0]]), note='0, and a finite gradient'),
        Case('one observation', literal([[1.0, 3.0]])), Case('[3,0]', filled([3, 0])), Case('int32 [3,5]', integers([3, 5])), Case('bool [7]', flags([7])),
        Case('large', literal([[1e4, -3e4], [2e4, 1e4], [0.0, 5e4]]))], ulp=4, floor=8, gradient_floor=32,
              note='(x - mean) / sqrt(var + eps), the variance divided by n')


def rows():
    yield from sums()
    yield from ordered()
    yield from chosen()
    yield from extremes()
    yield from booleans()
    yield from cumulative()
    yield from features()
