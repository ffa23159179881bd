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
    if counted.any() and weights.sum() != 0:
        flat, classes = logarithms.reshape(-1, logarithms.shape[-1]), torch.where(counted, y, -100).reshape(-1)
        agg = {'identity': 'none'}.get(options.get('agg', 'mean'), options.get('agg', 'mean'))
        agrees(ours.detach(), F.nll_loss(flat.detach(), classes, None if weight is None else weight.detach(), reduction=agg).reshape(ours.shape))
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
    theirs = F.binary_cross_entropy_with_logits(x.detach(), y.detach(), pos_weight=None if more is None else more.detach(), reduction='none')
    agrees(values.detach()[finite], theirs[finite])
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


def targets_like(x, y):
    return y.to(x.dtype) if isinstance(y, torch.Tensor) else torch.full_like(x, y)


def xlogy(y, x):
    """0 where y is 0, whatever x is, and so are its derivatives there."""
    nothing = (y == 0) & ~torch.isfinite(torch.log(x.detach()))
    return y * torch.log(torch.where(nothing, torch.ones(()), x))


def by_element(formula):
    def loss(x, y, options=None):
        options = options or {}
        return aggregated(formula(x, targets_like(x, y), options), options)
    return loss


def huber(x, y, options):
    return F.huber_loss(x, y, delta=options.get('delta', 1.0), reduction='none')


def poisson(x, y, options):
    ours = x - xlogy(y, x)
    counted = (x.detach() > 0) & torch.isfinite(x.detach())
    agrees(ours.detach()[counted], F.poisson_nll_loss(x, y.expand_as(x), log_input=False, eps=0, reduction='none').detach()[counted])
    return ours


def msle(x, y, options):
    eps = options.get('eps', MACHINE)
    return (torch.log(x + eps) - torch.log(y + eps)).square()


def margin(x, y, options):
    return torch.clamp(1 - x * y, min=0)


def binary_cross_entropy(x, y, options):
    eps, more = options.get('eps', MACHINE), options.get('posWeight', 1.0)
    ours = -more * xlogy(y, x + eps) - xlogy(1 - y, 1 - x + eps)
    if eps == 0 and not isinstance(more, torch.Tensor) and more == 1.0:
        inner = (x > 0) & (x < 1)  # PyTorch clamps the logarithms at -100
        agrees(ours.detach()[inner], F.binary_cross_entropy(x, y.expand_as(x), reduction='none').detach()[inner])
    return ours


def modulated(logarithms, p, gamma):
    rest = 1 - p
    counts = rest > 0
    return logarithms if gamma == 0 else torch.where(counts, torch.where(counts, rest, torch.ones(())) ** gamma, torch.zeros(())) * logarithms


def binary_focal(x, y, options):
    eps, gamma = options.get('eps', MACHINE), options.get('gamma', 2)
    p = torch.clamp(y * (x + eps) + (1 - y) * (1 - x - eps), min=eps)
    return -modulated(torch.log(p), p, gamma)


def siamese_contrastive(x, y, options):
    return (1 - y) * x.square() + y * torch.clamp(options.get('margin', 1.0) - x, min=0).square()


def kl_divergence(x, y, options=None):
    options = options or {}
    axis = options.get('axis', -1)
    logarithms = torch.log(x + options.get('eps', MACHINE))
    if y.dim() < x.dim():
        return likelihood(logarithms, y, options)
    y = y.to(x.dtype)
    terms = xlogy(y, y) - y * logarithms
    if 'weight' in options:
        terms = terms * options['weight'].reshape([-1 if i == axis % x.dim() else 1 for i in range(x.dim())])
    ours = aggregated(terms.sum(axis), options)
    if x.dim() == 2 and axis == -1 and not options:
        agrees(ours.detach(), F.kl_div(logarithms, y, reduction='batchmean').detach())
    return ours


def focal(x, y, options=None):
    options = options or {}
    p = x + options.get('eps', MACHINE)
    # Of one class PyTorch's cross-entropy would be another function: the scores are no logarithms.
    scores = modulated(torch.log(p), p, options.get('gamma', 2))
    return likelihood(scores, y, options)


def overlap(share):
    def loss(x, y, options=None):
        options = options or {}
        axis = options.get('axis', list(range(x.dim())))
        ours = 1 - share(x, targets_like(x, y), lambda terms: terms.sum(axis), options)
        return aggregated(ours, options)
    return loss


def dice(x, y, total, options):
    s = options.get('smooth', 1)
    return (2 * total(x * y) + s) / (total(y.square()) + total(x.square()) + s)


def tversky(x, y, total, options):
    beta, s = options.get('beta', 0.7), options.get('smooth', 1)
    both = total(x * y)
    return (both + s) / (both + (1 - beta) * total((1 - y) * x) + beta * total(y * (1 - x)) + s)


def label_smoothing(y, alpha, options=None):
    axis = (options or {}).get('axis', -1)
    return targets_like(torch.zeros(()), y) * (1 - alpha) + alpha / (2 if axis is None else y.shape[axis])


def ctc(x, y, options=None):
    """PyTorch's, of time first; where a target does not fit its gradient is NaN, ours 0."""
    options = options or {}
    one = x.dim() == 2
    x, y = (x[None], y[None]) if one else (x, y)
    n, time, classes = x.shape
    lengths = [options.get('lengths', [time] * n)] if isinstance(options.get('lengths'), int) else options.get('lengths', [time] * n)
    counts = options.get('targetLengths', [y.shape[1]] * n)
    blank = options.get('blank', classes - 1)
    logarithms = torch.log_softmax(x, -1)

    def theirs(zero):
        return F.ctc_loss(logarithms.transpose(0, 1), y.long(), torch.tensor(lengths), torch.tensor(counts), blank, 'none', zero_infinity=zero)

    values = theirs(True) + torch.where(torch.isinf(theirs(False).detach()), torch.tensor(INF), torch.zeros(()))
    return aggregated(values[0] if one else values, options)


def signs(shape):
    return literal(1.0 - 2 * (hashed(math.prod(shape), 3) % 2).reshape(shape))


def numbers(low=-1, high=1, target_low=-1, target_high=1, targets=None):
    """Elementwise losses: every size of a kernel's tail, options of agg, and a number as target."""
    targets = targets or (lambda shape: filled(shape, target_low, target_high))
    for shape in ([], [1], [7], [33], [3, 5], [2, 3, 5]):
        yield Case(label(shape), filled(shape, low, high), targets(shape))
    for name, options in (('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'{name} [3,5]', filled([3, 5], low, high), targets([3, 5]), options)
    yield Case('a number as target', filled([5], low, high), 1)


def told(name, *values, low=0, high=1, target=None):
    for value in values:
        yield Case(f'{name} {value}', filled([3, 5], low, high), target or filled([3, 5], 0, 1), {name: value, **IDENTITY})


def few_classes(scores):
    weight = {'weight': literal([0.5, 2, 1.25])}
    for shape in ([5, 3], [1, 67], [2, 3, 5]):
        yield Case(f'classes {label(shape)}', scores(shape), integers(shape[:-1], 0, shape[-1]))
        yield Case(f'soft {label(shape)}', scores(shape), soft(shape))
    yield Case('one sample, no batch axis', scores([5]), literal(3, 'int32'))
    yield Case('one-hot', scores([5, 3]), constant(one_hot(HOT, 3)))
    for name, options in (('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'{name}, classes', scores([5, 3]), integers([5], 0, 3), options)
        yield Case(f'{name}, soft', scores([5, 3]), soft([5, 3]), options)
    yield Case('classes along axis 1', scores([2, 3, 4], 1), integers([2, 4], 0, 3), {'axis': 1})
    yield Case('soft along axis 1', scores([2, 3, 4], 1), soft([2, 3, 4], 1), {'axis': 1})
    yield Case('weight, classes', scores([7, 3]), integers([7], 0, 3), weight)
    yield Case('weight, soft', scores([5, 3]), soft([5, 3]), weight)
    yield Case('weight and ignoreIndex', scores([5, 3]), literal([0, -1, 1, 2, -1], 'int32'), {**weight, 'ignoreIndex': -1})


def certain(hot):
    """Predictions of 0 and 1, right and wrong."""
    yield Case('certain, classes', literal([[1, 0.0, 0.0], [0.0, 1, 0.0]]), literal([0, 2], 'int32'), IDENTITY)
    yield Case('certain, one-hot', literal([[1, 0.0, 0.0], [0.0, 1, 0.0]]), constant(hot), IDENTITY)


def sequences():
    x = lambda *shape: filled(shape, -3, 3)
    words = literal([[0, 0, 1, 2], [2, 1, 0, 3], [3, 3, 3, 3]], 'int32')
    for name, options in (('mean', {}), ('sum', SUM), ('identity', IDENTITY)):
        yield Case(f'a batch, {name}', x(3, 11, 5), words, options)
    for blank in (0, 2, 4):
        others = [c for c in range(5) if c != blank]
        yield Case(f'blank {blank}', x(2, 7, 5), literal(np.take(others, [[0, 1, 1], [3, 2, 0]]), 'int32'), {'blank': blank, **IDENTITY})
    yield Case('lengths', x(3, 11, 5), words, {'lengths': [11, 7, 9], **IDENTITY})
    yield Case('lengths of targets', x(3, 9, 5), literal([[0, 0, 1, 2], [2, -1, 9, 9], [4, 4, 4, 4]], 'int32'),
               {'lengths': [9, 3, 5], 'targetLengths': [4, 1, 0], **IDENTITY})
    yield Case('one sequence', x(6, 4), literal([0, 2, 2], 'int32'))
    yield Case('one sequence, a number as length', x(6, 4), literal([0, 2], 'int32'), {'lengths': 4, 'targetLengths': [1]})
    yield Case('an empty target', x(5, 4), literal(np.zeros([0]), 'int32'))
    yield Case('empty targets', x(2, 5, 4), literal(np.zeros([2, 0]), 'int32'))
    yield Case('just room enough for repeated labels', x(1, 5, 3), literal([[1, 1, 1]], 'int32'))
    yield Case('no room', x(3, 3, 3), literal([[0, 1, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]], 'int32'), {'targetLengths': [4, 3, 2], **IDENTITY},
               note='the derivative is 0 where the loss is infinite; PyTorch: NaN')
    yield Case('long', x(2, 32, 7), integers([2, 12], 0, 6), IDENTITY)
    yield Case('far apart', literal(np.where(np.arange(40).reshape(1, 10, 4) % 3 == 0, 60.0, -60.0)), literal([[0, 1, 2]], 'int32'), gradient_ulp=512)
    yield Case('classes as float32', x(2, 5, 4), constant(literal([[0, 1], [2, 2]])))
    yield Case('two classes', x(1, 20, 2), literal([[0, 0, 0]], 'int32'))


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
    zero = lambda *_: 0.0
    yield Row('msle', by_element(msle), [
        *numbers(0, 4, 0, 4),
        *told('eps', 1, 0.5),
        Case('at 0', literal([0.0, 0.0, 3]), literal([0.0, 2, 0.0]), IDENTITY, gradient=False),
        Case('far apart', literal([1e30, 1e-30]), literal([1e-30, 1e30]), IDENTITY, gradient=False)],
              ulp=8, magnitude=lambda x, y, options=None: 8.0, spread=8, gradient_ulp=16, gradient_floor=16,
              note='the machine epsilon is added before the logarithms')
    yield Row('huber', by_element(huber), [
        *numbers(-3, 3, -3, 3),
        *told('delta', 0.25, 5, low=-3, high=3),
        Case('at delta, at 0 and beyond', literal([1, -1, 0.0, 2, -2, INF, -INF]), constant(literal(np.zeros(7))), IDENTITY)],
              ulp=6, magnitude=zero, gradient_floor=4)
    yield Row('poisson', by_element(poisson), [
        *numbers(0.1, 4, 0, 4),
        Case('nothing counted', literal([0.0, 3, INF]), constant(literal([0.0, 0.0, 0.0])), IDENTITY, note='0 log 0 is 0'),
        Case('whole numbers', filled([7], 0.1, 4), integers([7], 0, 5))],
              ulp=6, magnitude=lambda *_: 8.0, gradient_floor=8)
    for name, formula in (('hinge', margin), ('squaredHinge', lambda x, y, o: margin(x, y, o).square())):
        yield Row(name, by_element(formula), [
            *numbers(-2, 2, targets=signs),
            Case('at the margin and beyond', literal([1, -1, 2, -2, 0.5, -INF]), constant(literal([1, -1, 1, 1, -1, 1])), IDENTITY),
            Case('whole numbers', filled([4], -2, 2), literal([1, -1, -1, 1], 'int32'))],
                  ulp=6, magnitude=lambda *_: 4.0, gradient_floor=8)
    yield Row('binaryCrossEntropy', by_element(binary_cross_entropy), [
        *numbers(0.05, 0.95, 0, 1),
        *told('eps', 0, 0.25, low=0.05, high=0.95),
        *told('posWeight', 2.5, low=0.05, high=0.95),
        Case('posWeight for each', filled([5, 3], 0.05, 0.95), filled([5, 3], 0, 1), {'posWeight': literal([0.5, 3, 1])}),
        Case('certain', literal([0.0, 1, 0.0, 1]), constant(literal([0.0, 1, 1, 0.0])), IDENTITY),
        Case('certain without eps', literal([0.0, 1, 0.0, 1]), constant(literal([0.0, 1, 1, 0.0])), {'eps': 0, **IDENTITY}),
        Case('bool', filled([5], 0.05, 0.95), flags([5]))],
              ulp=8, magnitude=lambda *_: 4.0, gradient_ulp=16, gradient_floor=16)
    yield Row('binaryFocal', by_element(binary_focal), [
        *numbers(0.05, 0.95, 0, 1),
        *told('gamma', 0, 0.5, 1, 3, low=0.05, high=0.95),
        *told('eps', 0.03125, low=0.05, high=0.95),
        Case('certain', literal([0.0, 1, 0.0]), constant(literal([0.0, 1, 1])), IDENTITY, gradient_floor=64),
        Case('certain and gamma 0.5', literal([1, 0.0]), constant(literal([1, 1])), {'gamma': 0.5, **IDENTITY}),
        Case('certain and wrong', literal([1]), constant(literal([0.0])), IDENTITY, note='p is kept at eps'),
        Case('0 or 1', filled([7], 0.05, 0.95), integers([7], 0, 2))],
              ulp=8, magnitude=lambda *_: 4.0, gradient_ulp=16, gradient_floor=32)
    yield Row('siameseContrastive', by_element(siamese_contrastive), [
        *numbers(0, 2, 0, 1),
        *told('margin', 0, 0.5, 3, low=0, high=2),
        Case('at the margin and at 0', literal([1, 0.0, 2, 1]), constant(literal([1, 0.0, 1, 0.0])), IDENTITY),
        Case('whole numbers', filled([7], 0, 2), integers([7], 0, 2))],
              ulp=8, magnitude=lambda *_: 4.0, gradient_floor=16)
    yield Row('klDivergence', kl_divergence, [
        *few_classes(probabilities), *certain(one_hot([0, 2], 3)),
        Case('of itself', literal([[0.25, 0.25, 0.5]]), literal([[0.25, 0.25, 0.5]])),
        Case('eps', probabilities([5, 3]), soft([5, 3]), {'eps': 0.125})],
              ulp=6, magnitude=size_of, spread=4, gradient_ulp=16, gradient_floor=8, note='0 log 0 is 0')
    yield Row('focal', focal, [
        *few_classes(probabilities), *certain(one_hot([0, 2], 3)),
        *(Case(f'gamma {gamma}', probabilities([5, 3]), soft([5, 3]), {'gamma': gamma}) for gamma in (0, 0.5, 1, 5)),
        Case('certain and gamma 0.5', literal([[1, 0.0]]), literal([0], 'int32'), {'gamma': 0.5}),
        Case('eps', probabilities([5, 3]), soft([5, 3]), {'eps': 0.125})],
              ulp=6, magnitude=size_of, spread=4, gradient_ulp=16, gradient_floor=16)
    for name, share, options in (('dice', dice, ('smooth', 0.25)), ('tversky', tversky, ('beta', 0.25))):
        yield Row(name, overlap(share), [
            *(Case(label(shape), filled(shape, 0, 1), filled(shape, 0, 1)) for shape in ([], [7], [3, 5], [2, 3, 33])),
            Case('masks', filled([3, 5], 0, 1), integers([3, 5], 0, 2)),
            Case('masks of bool', filled([3, 5], 0, 1), flags([3, 5])),
            Case('a number as target', filled([3, 5], 0, 1), 1),
            Case('nothing in either', literal([0.0, 0.0]), literal([0.0, 0.0])),
            Case('along axes', filled([2, 3, 5], 0, 1), filled([2, 3, 5], 0, 1), {'axis': [1, 2], **IDENTITY}),
            Case('mean along an axis', filled([2, 3, 5], 0, 1), filled([2, 3, 5], 0, 1), {'axis': -1}),
            Case('smooth', filled([5], 0, 1), filled([5], 0, 1), {'smooth': 0.25}),
            Case('told', filled([5], 0, 1), filled([5], 0, 1), {options[0]: options[1]})],
                  ulp=4, floor=16, magnitude=zero, gradient_ulp=16, gradient_floor=16)
    yield Row('labelSmoothing', label_smoothing, [
        Case('one-hot', one_hot(HOT, 3), 0.1), Case('soft', soft([4, 5]), 0.25), Case('soft along axis 1', soft([2, 3, 4], 1), 0.3, {'axis': 1}),
        Case('bool', flags([3, 4]), 0.5, {'axis': None}), Case('labels of two classes', integers([7], 0, 2), 0.2, {'axis': None}),
        Case('not at all', soft([4, 5]), 0), Case('wholly', soft([4, 5]), 1)], ulp=2, floor=2, gradient_ulp=2)
    yield Row('ctc', ctc, sequences(), ulp=8, magnitude=lambda *_: 8.0, spread=4, gradient_ulp=16, gradient_floor=16,
              note='no division by the length of the target')
