"""Losses, prediction first and target second. FLUX's formulas; PyTorch's own functions confirm them where they agree."""
import math

import numpy as np
import torch
import torch.nn.functional as F

from inputs import INF, label
from records import Case, Row, constant, filled, flags, hashed, integers, literal

MACHINE = 2.0 ** -23  # 1.1920929e-7, added to a probability before its logarithm
SUM, IDENTITY = {'agg': 'sum'}, {'agg': 'identity'}


def aggregated(values, options, weights=None):
    """mean divides by the weights of what was counted; nothing counted is 0."""
    agg = options.get('agg', 'mean')
    if agg == 'identity':
        return values
    if agg == 'sum':
        return values.sum()
    if weights is None:
        return values.mean()
    return values.sum() / weights.sum() if weights.sum() != 0 else values.sum() * 0


def agrees(ours, theirs):
    assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-13, equal_nan=True), (ours, theirs)
    return ours


def mse(x, y, options=None):
    y = y if isinstance(y, torch.Tensor) else torch.full_like(x, y)
    return aggregated((x - y).square(), options or {})


def mae(x, y, options=None):
    y = y if isinstance(y, torch.Tensor) else torch.full_like(x, y)
    return aggregated((x - y).abs(), options or {})


def likelihood(logarithms, y, options):
    """Minus the target's share of the logarithms; y: classes (whole numbers, one axis less) or a distribution."""
    axis = options.get('axis', -1)
    logarithms = logarithms.movedim(axis, -1)
    weight = options.get('weight')
    if y.dim() == logarithms.dim():
        y = y.movedim(axis, -1).double() if not y.is_floating_point() else y.movedim(axis, -1)
        shares = y * torch.where(torch.isinf(logarithms) & (y == 0), torch.zeros(()), logarithms)
        return aggregated(-(shares if weight is None else shares * weight).sum(-1), options)
    y = y.long()
    counted = y != options['ignoreIndex'] if 'ignoreIndex' in options else torch.ones_like(y, dtype=torch.bool)
    safe = torch.where(counted, y, 0)
    weights = counted.double() * (1.0 if weight is None else weight[safe])
    picked = logarithms.gather(-1, safe[..., None])[..., 0]
    ours = aggregated(torch.where(counted, -picked * weights, torch.zeros(())), options, weights)
    if counted.any():
        flat, classes = logarithms.reshape(-1, logarithms.shape[-1]), torch.where(counted, y, -100).reshape(-1)
        agg = {'identity': 'none'}.get(options.get('agg', 'mean'), options.get('agg', 'mean'))
        agrees(ours.detach(), F.nll_loss(flat, classes, weight, reduction=agg).reshape(ours.shape).detach())
    return ours


def cross_entropy(x, y, options=None):
    return likelihood(torch.log(x + MACHINE), y, options or {})


def logit_cross_entropy(x, y, options=None):
    options = options or {}
    return likelihood(torch.log_softmax(x, options.get('axis', -1)), y, options)


def logit_binary_cross_entropy(x, y, options=None):
    options = options or {}
    y = y if isinstance(y, torch.Tensor) else torch.full_like(x, y)
    more = options.get('posWeight')
    more = more if more is None or isinstance(more, torch.Tensor) else torch.tensor(float(more))
    y = y.to(x.dtype)

    def part(share, logits):
        return torch.where(torch.isinf(logits) & (share == 0), torch.zeros(()), share * -F.logsigmoid(logits))

    # PyTorch computes (1 - y) x + log(1 + exp(-x)), which cancels where y is 0, and is NaN at infinity.
    values = part(y if more is None else more * y, x) + part(1 - y, -x)
    finite = torch.isfinite(x)
    agrees(values.detach()[finite], F.binary_cross_entropy_with_logits(x, y, pos_weight=more, reduction='none').detach()[finite])
    return aggregated(values, options)


def distances():
    for shape in ([], [1], [3], [5], [7], [33], [67], [3, 5], [17, 1], [2, 3, 5], [2, 1, 3, 2]):
        yield Case(label(shape), filled(shape), filled(shape))
    for name, options in (('sum', SUM), ('identity', IDENTITY)):
        for shape in ([5], [3, 17], [2, 3, 5]):
            yield Case(f'{name} {label(shape)}', filled(shape), filled(shape), options)
    yield Case('a number as target', filled([3, 5]), 0.5)
    yield Case('sum of [0]', filled([0]), filled([0]), SUM)
    yield Case('prediction equals target', literal([1, 2, -3]), literal([1, 2, -3]))
    yield Case('large', literal([1e10, -1e10]), literal([-1e10, 3]), IDENTITY)


def one_hot(classes, n, axis=-1):
    hot = F.one_hot(torch.tensor(classes), n)
    return literal(hot.movedim(-1, axis).numpy())


def soft(shape, axis=-1, seed=5):
    """Distributions along an axis, of small whole numbers over their sum."""
    counts = (1 + hashed(math.prod(shape), seed) % 15).astype(np.float64).reshape(shape)
    return literal(counts / counts.sum(axis, keepdims=True))


def probabilities(shape, axis=-1):
    return soft(shape, axis, seed=len(shape) * 100 + sum(shape))


HOT = [0, 2, 1, 2, 0]


def classification(scores):
    """scores(shape, axis) makes predictions."""
    for shape in ([1, 2], [5, 3], [7, 5], [33, 10], [1, 67], [2, 3, 5], [2, 3, 2, 4]):
        yield Case(f'classes {label(shape)}', scores(shape), integers(shape[:-1], 0, shape[-1]))
        yield Case(f'soft {label(shape)}', scores(shape), soft(shape))
    yield Case('one sample, no batch axis', scores([5]), literal(3, 'int32'))
    yield Case('one-hot [5,3]', scores([5, 3]), one_hot(HOT, 3))
    yield Case('one-hot of bool [5,3]', scores([5, 3]), literal(F.one_hot(torch.tensor(HOT), 3).numpy(), 'bool'))
    yield Case('classes as float32 [5,3]', scores([5, 3]), constant(literal(HOT)))
    for name, options in (('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'{name}, classes [5,3]', scores([5, 3]), integers([5], 0, 3), options)
        yield Case(f'{name}, classes [2,3,5]', scores([2, 3, 5]), integers([2, 3], 0, 5), options)
        yield Case(f'{name}, soft [5,3]', scores([5, 3]), soft([5, 3]), options)
    for shape, axis in (([2, 3, 4, 5], 1), ([3, 7], 0), ([2, 5, 3], -2)):
        rest = [n for i, n in enumerate(shape) if i != axis % len(shape)]
        yield Case(f'classes along axis {axis} of {label(shape)}', scores(shape, axis), integers(rest, 0, shape[axis]), {'axis': axis})
        yield Case(f'soft along axis {axis} of {label(shape)}', scores(shape, axis), soft(shape, axis), {'axis': axis})
    weight = [0.5, 2, 1.25]
    for name, agg in (('mean', {}), ('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'weight, classes, {name}', scores([7, 3]), integers([7], 0, 3), {'weight': literal(weight), **agg})
        yield Case(f'ignoreIndex, {name}', scores([5, 3]), literal([0, 1, 1, 2, 1], 'int32'), {'ignoreIndex': 1, **agg})
        yield Case(f'ignoreIndex -100, {name}', scores([4, 3]), literal([0, -100, 2, -100], 'int32'), {'ignoreIndex': -100, **agg})
        yield Case(f'weight and ignoreIndex, {name}', scores([5, 3]), literal([0, -1, 1, 2, -1], 'int32'), {'weight': literal(weight), 'ignoreIndex': -1, **agg})
        yield Case(f'all ignored, {name}', scores([2, 3]), literal([1, 1], 'int32'), {'ignoreIndex': 1, **agg},
                   note='ours: 0; PyTorch: NaN' if name == 'mean' else None)
    yield Case('weight and ignoreIndex along axis 1', scores([2, 3, 4], 1), literal([[0, 2, 1, 9], [9, 1, 1, 0]], 'int32'),
               {'weight': literal(weight), 'ignoreIndex': 9, 'axis': 1})
    for name, agg in (('mean', {}), ('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'weight, one-hot, {name}', scores([5, 3]), one_hot(HOT, 3), {'weight': literal(weight), **agg})
        yield Case(f'weight, soft, {name}', scores([5, 3]), soft([5, 3]), {'weight': literal(weight), **agg})


def size_of(x, y, options=None):
    """The size of a logarithm of a probability, times how many are added and how much each weighs."""
    options = options or {}
    finite = x[torch.isfinite(x)].abs()
    size = 4 + (float(finite.max()) if finite.numel() else 0)
    rows = x.numel() / x.shape[options.get('axis', -1)] if x.dim() else 1
    return size * (rows if options.get('agg') == 'sum' else 1) * (2 if 'weight' in options else 1)


def binary_targets():
    for shape in ([], [1], [5], [33], [67], [3, 5], [2, 3, 5]):
        yield Case(label(shape), filled(shape, -6, 6), filled(shape, 0, 1))
        yield Case(f'0 or 1 {label(shape)}', filled(shape, -6, 6), integers(shape, 0, 2))
    for name, options in (('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'{name} [3,5]', filled([3, 5], -6, 6), filled([3, 5], 0, 1), options)
    yield Case('bool', filled([5], -6, 6), flags([5]))
    yield Case('a number as target', filled([5], -6, 6), 1)
    for name, options in (('mean', {}), ('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'posWeight, {name}', filled([5, 3], -6, 6), filled([5, 3], 0, 1), {'posWeight': literal([0.5, 3, 1]), **options})
    yield Case('posWeight, a number', filled([7], -6, 6), integers([7], 0, 2), {'posWeight': 2.5})
    far = np.linspace(-100, 100, 41)
    for target in (0, 1):
        yield Case(f'far from 0, {target}', literal(far), constant(literal(np.full(41, target))), IDENTITY, gradient_floor=0)
        yield Case(f'far from 0, {target} with posWeight', literal(far), constant(literal(np.full(41, target))), {'posWeight': 2.5, **IDENTITY}, gradient_floor=0)
        yield Case(f'far from 0, the number {target}', literal(far), target, IDENTITY, gradient_floor=0)
    yield Case('far from 0, soft', literal(far), filled([41], 0, 1), IDENTITY)
    yield Case('extremes', literal([1000, -1000, 1000, -1000, 0, 88, -104]), constant(literal([1, 0, 0, 1, 0.5, 1, 1])), IDENTITY)
    yield Case('infinite', literal([INF, -INF, INF, -INF]), constant(literal([1, 0, 0, 1])), IDENTITY, note='ours: 0 and Infinity; PyTorch: NaN')


def rows():
    yield Row('mse', mse, distances(), ulp=6, magnitude=lambda *_: 0.0, gradient_floor=2)
    yield Row('mae', mae, distances(), ulp=6, magnitude=lambda *_: 0.0, note='the derivative is 0 where prediction and target are equal')
    yield Row('crossEntropy', cross_entropy, [
        *classification(probabilities),
        Case('certain and wrong', literal([[1, 0.0, 0.0], [0.0, 1, 0.0]]), literal([0, 2], 'int32'), IDENTITY),
        Case('certain, one-hot', literal([[1, 0.0, 0.0], [0.0, 1, 0.0]]), one_hot([0, 2], 3), IDENTITY)],
              ulp=6, magnitude=size_of, spread=2, gradient_ulp=8, note='the machine epsilon is added before the logarithm')
    yield Row('logitCrossEntropy', logit_cross_entropy, [
        *classification(lambda shape, axis=-1: filled(shape, -4, 4)),
        Case('extremes, classes', literal([[1000, -1000, 0], [-1000, -1000, -1000], [1000, 1000, 999], [88, 89, 90]]), literal([1, 0, 2, 0], 'int32'), IDENTITY),
        Case('extremes, one-hot', literal([[1000, -1000, 0], [-1000, -1000, -1000], [1000, 1000, 999]]), one_hot([1, 0, 2], 3), IDENTITY),
        Case('-Infinity without a share, classes', literal([[0, -INF, 1], [-INF, 2, -INF]]), literal([2, 1], 'int32'), IDENTITY),
        Case('-Infinity without a share, one-hot', literal([[0, -INF, 1], [-INF, 2, -INF]]), constant(one_hot([2, 1], 3)), IDENTITY, note='ours: 0; PyTorch: NaN'),
        Case('-Infinity without a share, soft', literal([[0, -INF, 1]]), constant(literal([[0.25, 0.0, 0.75]])), note='ours: 0; PyTorch: NaN'),
        Case('-Infinity as the target', literal([[0, -INF, 1]]), literal([1], 'int32'), IDENTITY, gradient=False)],
              ulp=4, magnitude=size_of, spread=2, gradient_ulp=8, gradient_floor=4)
    yield Row('logitBinaryCrossEntropy', logit_binary_cross_entropy, binary_targets(), ulp=6, magnitude=lambda *_: 0.0, spread=2, gradient_ulp=8, gradient_floor=4)
