"""Families of inputs: the shapes, values and axes that every operation of a kind is held to."""
import itertools

from records import UNDEFINED, Case, filled, flags, integers, literal

NAN, INF = float('nan'), float('inf')
SIZES = [1, 3, 4, 5, 7, 17, 31, 33, 67]
SHAPES = [[], *([n] for n in SIZES), [3, 5], [2, 3, 5], [2, 1, 3, 2], [0], [3, 0]]
SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 100.0, -100.0, 1e-30, -1e-30, 1e30, -1e30]
PAIRS = [
    ([], []), ([1], [1]), ([3], [3]), ([4], [4]), ([5], [5]), ([7], [7]), ([17], [17]), ([31], [31]), ([33], [33]), ([67], [67]),
    ([3, 5], [3, 5]), ([2, 1, 3, 2], [2, 1, 3, 2]),
    ([5, 3], [3]), ([3], [5, 3]), ([5, 1], [1, 3]), ([2, 1, 4], [3, 1]), ([7, 1], [7, 5]), ([3, 17], [3, 1]), ([2, 3, 1, 5], [4, 1]),
    ([5], []), ([], [3, 4]), ([1], [7]), ([1, 1], [3]),
    ([0], [0]), ([3, 0], [1]), ([3, 0], [3, 1]), ([0], []), ([0, 3], [3]),
]


def label(*shapes):
    return ' with '.join(str(list(s)).replace(' ', '') for s in shapes)


def unary_inputs(low=-3, high=3, special=SPECIAL, edges=()):
    for shape in SHAPES:
        yield Case(label(shape), filled(shape, low, high))
    if special:
        yield Case('special values', literal(special), special=True)
    if edges:
        yield Case('edges', literal(list(edges)))


def with_arguments(*settings, low=-3, high=3, edges=()):
    """A unary operation with further arguments."""
    for more in settings:
        text = ', '.join(map(str, more))
        yield Case(f'{text} [33]', filled([33], low, high), *more)
        yield Case(f'{text} [2,3,5]', filled([2, 3, 5], low, high), *more)
        yield Case(f'{text} [3,0]', filled([3, 0]), *more)
        if edges:
            yield Case(f'{text} edges', literal(list(edges)), *more)


def binary_inputs(left=(-3, 3), right=(-3, 3), special=True, numbers=(2, -0.5), make=filled, pairs=PAIRS):
    for x, y in pairs:
        yield Case(label(x, y), make(x, *left), make(y, *right))
    for number in numbers:
        for shape in ([5], [3, 17], [], [0]):
            yield Case(f'{label(shape)} with {number}', make(shape, *left), number)
            yield Case(f'{number} with {label(shape)}', number, make(shape, *right))
    if special:
        values = [NAN, INF, -INF, 0.0, -0.0, 1.0, -2.5]
        xs, ys = zip(*itertools.product(values, values))
        yield Case('special values', literal(xs), literal(ys), special=True)
        values = [1e30, -1e30, 1e-30, 100.0]
        xs, ys = zip(*itertools.product(values, values))
        yield Case('extremes', literal(xs), literal(ys), special=True)


def integer_inputs(numbers=(3, -2), nonzero=False):
    """int32 with int32, with float32, with numbers; bool and uint8 compute in int32."""
    low = 1 if nonzero else -9
    yield Case('int32 [7] with int32 [7]', integers([7]), integers([7], low))
    yield Case('int32 [67] with int32 [67]', integers([67]), integers([67], low))
    yield Case('int32 [5,1] with int32 [1,3]', integers([5, 1]), integers([1, 3], low))
    yield Case('int32 [5,3] with int32 [3]', integers([5, 3]), integers([3], low))
    yield Case('int32 [0] with int32 [0]', integers([0]), integers([0], low))
    yield Case('int32 [5] with float32 [5]', integers([5]), filled([5], 0.5, 2))
    yield Case('float32 [3,1] with int32 [4]', filled([3, 1]), integers([4], low))
    yield Case('int32 [] with float32 [3]', integers([]), filled([3], 0.5, 2))
    yield Case('bool [5] with float32 [5]', flags([5]), filled([5], 0.5, 2))
    yield Case('uint8 [5] with float32 [5]', integers([5], 0, 256, 'uint8'), filled([5], 0.5, 2))
    for number in numbers:
        yield Case(f'int32 [5] with {number}', integers([5]), number)
        yield Case(f'{number} with int32 [5]', number, integers([5], low))
    yield Case('uint8 [7] with uint8 [7]', literal([0, 1, 200, 255, 3, 128, 100], 'uint8'), literal([7, 255, 100, 255, 200, 128, 1], 'uint8'))
    yield Case('uint8 [3] with int32 [3]', literal([0, 1, 255], 'uint8'), literal([-7, 5, 300], 'int32'))
    if not nonzero:
        yield Case('bool [4] with bool [4]', literal([0, 0, 1, 1], 'bool'), literal([0, 1, 0, 1], 'bool'))
        yield Case('bool [2] with int32 [2]', literal([0, 1], 'bool'), literal([-7, 5], 'int32'))
        yield Case('bool [2] with 1', literal([0, 1], 'bool'), 1)
        yield Case('uint8 [2] with 1', literal([0, 255], 'uint8'), 1)


def integer_unary():
    """int32 first."""
    return [Case('int32 [7]', integers([7])), Case('int32 [67]', integers([67])), Case('int32 [0]', integers([0])),
            Case('bool [2]', literal([0, 1], 'bool')), Case('uint8 [3]', literal([0, 1, 255], 'uint8'))]


def positive_integers():
    """For functions whose value is float32 whatever comes in."""
    yield Case('int32 [5]', literal([1, 2, 3, 7, 12], 'int32'))
    yield Case('bool [2]', literal([1, 1], 'bool'))
    yield Case('uint8 [3]', literal([1, 2, 9], 'uint8'))


AXES = [
    ([7], [0, -1]), ([67], [0]), ([3, 5], [0, 1, -1, -2]), ([3, 5], [[0, 1]]), ([2, 3, 5], [0, 1, 2, -3, [0, 1], [1, 2], [0, 2], [-1, 0], [0, 1, 2]]),
    ([2, 3, 4, 5], [1, [0, 2], [1, 3], [0, 3], [1, 2], [0, 1, 3], -2]), ([2, 1, 3, 2], [1, [1, 3]]), ([33, 3], [0]), ([3, 33], [1]), ([5, 17], [0]),
]
SEVERAL = [[], [1], [3], [4], [5], [7], [17], [31], [33], [67], [3, 5], [2, 3, 5], [2, 1, 3, 2]]


def reduction_inputs(low=-1, high=1, make=filled, lists=True, empty=(True, True), sizes=(257,)):
    """empty: whether zero entries may be reduced, and whether a zero-size result is asked for."""
    for shape in SEVERAL:
        yield Case(f'all of {label(shape)}', make(shape, low, high))
    for n in sizes:
        yield Case(f'all of [{n}]', make([n], low, high), **({} if n < 200 or n == 257 else {'gradient': False}))
    for shape, axes in AXES:
        for axis in axes:
            if lists or not isinstance(axis, list):
                yield Case(f'{label(shape)} axis {axis}', make(shape, low, high), axis)
    yield Case('[2,3,5] all, keepDims', make([2, 3, 5], low, high), UNDEFINED, {'keepDims': True})
    yield Case('[2,3,5] axis 1, keepDims', make([2, 3, 5], low, high), 1, {'keepDims': True})
    yield Case('[7] axis -1, keepDims', make([7], low, high), -1, {'keepDims': True})
    if lists:
        yield Case('[2,3,5] axis [0,2], keepDims', make([2, 3, 5], low, high), [0, 2], {'keepDims': True})
    if empty[0]:
        yield Case('all of [0]', make([0], low, high))
        yield Case('[3,0] axis 1', make([3, 0], low, high), 1)
        yield Case('[3,0] axis 1, keepDims', make([3, 0], low, high), 1, {'keepDims': True})
    if empty[1]:
        yield Case('[3,0] axis 0', make([3, 0], low, high), 0)


def reduction_specials(gradient=False):
    for name, values in [('NaN', [1, NAN, 2]), ('Infinity', [1, INF, 2]), ('-Infinity', [1, -INF, 2]), ('both infinities', [INF, 1, -INF]),
                         ('NaN among infinities', [INF, NAN, -INF]), ('all -Infinity', [-INF, -INF, -INF]), ('zeros', [0.0, -0.0, 0.0])]:
        yield Case(f'with {name}', literal(values), gradient=gradient)
    yield Case('NaN in one row', literal([[1, NAN, 2], [3, 4, 5]]), 1, gradient=gradient)
