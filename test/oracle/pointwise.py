"""Arithmetic, comparisons, the functions of one variable, where."""
import torch

from inputs import (INF, NAN, PAIRS, binary_inputs, integer_inputs, integer_unary, label, positive_integers, unary_inputs, with_arguments)
from records import ROUNDED, Case, Row, filled, flags, integers, literal


def t(x):
    return x if isinstance(x, torch.Tensor) else torch.tensor(x)


def both(function):
    """A binary function either of whose sides may be a number; a number takes the tensor's dtype."""
    def apply(x, y):
        if not isinstance(x, torch.Tensor):
            x = torch.tensor(x, dtype=y.dtype)
        if not isinstance(y, torch.Tensor):
            y = torch.tensor(y, dtype=x.dtype)
        kind = torch.float64 if x.is_floating_point() or y.is_floating_point() else torch.promote_types(x.dtype, y.dtype)
        if x.dtype == torch.float32 or y.dtype == torch.float32:
            kind = torch.float32
        return function(x.to(kind), y.to(kind))
    return apply


def truth(function):
    def apply(x, y):
        return function(t(x), t(y))
    return apply


def large_integers():
    large = [2147483646, -2147483647, 65536, -65536]
    return [Case('int32 that just fits', literal(large, 'int32'), literal([1, -1, 32767, 32768], 'int32'))]


def ties():
    return [Case('ties', literal([1, 2, 3, -1, 0]), literal([1, 3, 3, -1, 0])),
            Case('ties with a number', literal([1, 2, 3]), 2), Case('ties that broadcast', literal([[1], [2]]), literal([1, 2, 1]))]


TIE = 'a tie gives each side half, as PyTorch; Flux gives all to the second'


def arithmetic():
    yield Row('add', both(torch.add), [*binary_inputs(), *integer_inputs(), *large_integers()], ulp=ROUNDED, small=True)
    yield Row('sub', both(torch.sub), [*binary_inputs(), *integer_inputs(), *large_integers()], ulp=ROUNDED, small=True)
    yield Row('mul', both(torch.mul), [*binary_inputs(), *integer_inputs(), *large_integers()], ulp=ROUNDED, gradient_ulp=1, small=True)
    yield Row('div', both(torch.true_divide), [*binary_inputs(right=(0.5, 3)), *integer_inputs(nonzero=True)], ulp=ROUNDED, gradient_ulp=4,
              small=True)
    yield Row('pow', both(torch.pow), [
        *binary_inputs(left=(0.1, 3), numbers=(2, 3, 0.5, 1)), *with_arguments((-1,), (0,), (-2,), (1.7,), low=0.2, high=3, edges=(1, 2, 0.5)),
        Case('negative base, whole exponents', literal([-2, -1.5, -0.5, -3, -2]), literal([2, 3, -1, 0, -3])),
        Case('negative base, number', filled([17], -3, -0.1), 3), Case('negative base, fraction', literal([-2.0, -0.5]), 0.5, special=True),
        Case('zero base', literal([0.0, 0.0, 0.0, 0.0]), literal([0, 1, 2, 0.5]), special=True), Case('zero to 0', literal([0.0, 2.0]), 0),
        Case('zero to 1', literal([0.0, 2.0]), 1), Case('zero to 2', literal([0.0, 2.0]), 2)], ulp=16)
    yield Row('maximum', both(torch.maximum), [*binary_inputs(), *binary_ints(), *ties()], note=TIE)
    yield Row('minimum', both(torch.minimum), [*binary_inputs(), *binary_ints(), *ties()], note=TIE)


def binary_ints():
    return [case for case in integer_inputs() if 'int32' in case.name.split(' with ')[0] and 'bool' not in case.name]


def comparisons():
    for op, function in [('equal', torch.eq), ('notEqual', torch.ne), ('less', torch.lt), ('lessEqual', torch.le), ('greater', torch.gt),
                         ('greaterEqual', torch.ge)]:
        few = [case for case in integer_inputs() if 'uint8 [3] with int32' not in case.name and 'uint8 [2]' not in case.name]
        same = [Case('equal and not', literal([1, 2, 3, 0.0]), literal([1, 3, 2, -0.0])),
                Case('many ties [67]', integers([67], 0, 3), integers([67], 0, 3)), Case('bool', literal([0, 0, 1, 1], 'bool'), literal([0, 1, 0, 1], 'bool'))]
        yield Row(op, both(function), [*binary_inputs(), *few, *same], gradient=False, small=True)
    for op, function in [('logicalAnd', torch.logical_and), ('logicalOr', torch.logical_or)]:
        yield Row(op, function, [Case(label(x, y), flags(x), flags(y)) for x, y in PAIRS])
    yield Row('logicalNot', torch.logical_not, [Case(label(s), flags(s)) for s in ([], [1], [5], [17], [3, 5], [2, 1, 3, 2], [0], [3, 0])])
    yield Row('isNaN', torch.isnan, unary_inputs(), gradient=False)
    yield Row('isFinite', torch.isfinite, unary_inputs(), gradient=False)


HALVES = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 3.7, -3.2, 8388609.0, 0.0, -0.0]
TRIGONOMETRY = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 100.0, -100.0, 1e-30, -1e-30]


def elementary():
    whole = [0.0, 1.0, -1.0, 0.5, -0.5]
    exact = dict(signed_zero=True)
    yield Row('neg', torch.neg, [*unary_inputs(), *integer_unary()], small=True, **exact)
    yield Row('square', torch.square, [*unary_inputs(), *integer_unary()], ulp=ROUNDED, gradient_ulp=1, small=True)
    yield Row('abs', torch.abs, [*unary_inputs(edges=(0.0, -0.0)), *integer_unary()[:3]], small=True, note='the derivative at 0 is 0, as PyTorch; Flux has 1',
              **exact)
    yield Row('sign', torch.sign, [*unary_inputs(special=[INF, -INF, 0.0, -0.0, 1e-30, -1e30]), *integer_unary()[:3]], small=True,
              note='NaN is left out: PyTorch gives 0')
    yield Row('reciprocal', torch.reciprocal, [*unary_inputs(0.3, 3), *unary_negative(), *positive_integers()], ulp=1)
    yield Row('floor', torch.floor, unary_inputs(edges=HALVES), **exact)
    yield Row('ceil', torch.ceil, unary_inputs(edges=HALVES), **exact)
    yield Row('round', torch.round, unary_inputs(edges=HALVES), note='half to even', **exact)
    yield Row('sqrt', torch.sqrt, [*unary_inputs(0, 5, edges=(4, 9, 2, 2e-38)), *positive_integers()], ulp=ROUNDED, gradient_ulp=2)
    yield Row('rsqrt', torch.rsqrt, [*unary_inputs(0.1, 5), *positive_integers()], ulp=2)
    yield Row('exp', torch.exp, [*unary_inputs(-5, 5, edges=(*whole, 88.5, -87, -104)), *positive_integers()], ulp=4)
    yield Row('log', torch.log, [*unary_inputs(0.01, 5, edges=(1, 1.0000001, 0.9999999, 2, 0.5, 2e-38)), *positive_integers()], ulp=4)
    yield Row('log1p', torch.log1p, [*unary_inputs(-0.9, 5, edges=(1e-7, -1e-7, 1e-4, -0.5)), *positive_integers()], ulp=4)
    yield Row('expm1', torch.expm1, [*unary_inputs(-3, 3, edges=(1e-7, -1e-7, 1e-4, -20, 88)), *positive_integers()], ulp=4,
              gradient_floor=2)
    yield Row('sin', torch.sin, [*unary_inputs(-7, 7, special=TRIGONOMETRY, edges=whole), Case('far [67]', filled([67], -1000, 1000))], ulp=4, floor=2,
              gradient_floor=2)
    yield Row('cos', torch.cos, [*unary_inputs(-7, 7, special=TRIGONOMETRY, edges=whole), Case('far [67]', filled([67], -1000, 1000))], ulp=4, floor=2,
              gradient_floor=2)
    yield Row('tan', torch.tan, unary_inputs(-4, 4, special=TRIGONOMETRY, edges=whole), ulp=8, gradient_ulp=20)
    yield Row('tanh', torch.tanh, [*unary_inputs(edges=(1e-4, -1e-4, 0.6, 9, -9)), *positive_integers()], ulp=4, gradient_floor=8, **exact)
    yield Row('erf', torch.erf, unary_inputs(edges=(1e-4, -1e-4, 0.9, 4, -4)), ulp=4, gradient_floor=1, **exact)
    yield Row('clamp', lambda x, low, high: torch.clamp(x, low, high), [
        *with_arguments((-1, 1), (0, 6), (-0.5, 0.25), edges=(-1, 1, 0, 6, -0.5, 0.25)),
        Case('special values', literal([NAN, INF, -INF, 0.0, 1e30, -1e30]), -1, 1, special=True), Case('int32', integers([17]), -3, 4)],
              note='the bounds pass the gradient, as PyTorch')


def unary_negative():
    return [Case('negative [17]', filled([17], -3, -0.3))]


def selection():
    def where(condition, x, y):
        numbers = [not isinstance(v, torch.Tensor) for v in (x, y)]
        x = torch.tensor(x, dtype=y.dtype) if numbers[0] else x
        y = torch.tensor(y, dtype=x.dtype) if numbers[1] else y
        kind = y.dtype if y.is_floating_point() else x.dtype
        return torch.where(condition, x.to(kind), y.to(kind))

    cases = [Case(f'{label(c)} ? {label(x)} : {label(y)}', flags(c), filled(x), filled(y)) for c, x, y in [
        ([], [], []), ([1], [1], [1]), ([7], [7], [7]), ([33], [33], [33]), ([3, 5], [3, 5], [3, 5]), ([5], [3, 5], [3, 1]), ([3, 1], [5], []),
        ([], [4], [4]), ([2, 1, 3], [1, 4, 1], [3]), ([5], [], [5]), ([0], [0], [0]), ([3, 0], [1], [3, 1])]]
    cases += [
        Case('a number on the left', flags([7]), 2, filled([7])), Case('a number on the right', flags([3, 5]), filled([5]), -0.5),
        Case('int32', flags([7]), integers([7]), integers([7])), Case('int32 and a number', flags([7]), integers([7]), 0),
        Case('int32 and float32', flags([7]), integers([7]), filled([7])),
        Case('what is not taken does not matter', literal([1, 0, 1, 0], 'bool'), literal([1, NAN, -0.0, INF]), literal([NAN, 2, INF, NAN]))]
    yield Row('where', where, cases)


def rows():
    yield from arithmetic()
    yield from comparisons()
    yield from elementary()
    yield from selection()
