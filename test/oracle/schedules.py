"""Schedules: their values at steps from 0, in float64, by the formulas of ParameterSchedulers.jl (which count from 1) or by torch.optim.lr_scheduler where
it has the same one.

A record is {op, args, at, values}; a schedule among the arguments is {op, args} again.
"""
import math
import warnings

import torch

warnings.filterwarnings('ignore', category=UserWarning)
STEPS = list(range(25)) + [99, 1000]


class S:
    """A schedule of the library, and the same as a function of t, which counts from 1."""

    def __init__(self, op, args, at, torch_scheduler=None):
        self.op, self.args, self.at, self.torch_scheduler = op, args, at, torch_scheduler

    def json(self):
        def plain(each):
            return each.json() if isinstance(each, S) else [plain(e) for e in each] if isinstance(each, (list, tuple)) else each
        return {'op': self.op, 'args': [plain(each) for each in self.args]}

    def records(self):
        values = [float(self.at(step + 1)) for step in STEPS]
        if self.torch_scheduler:
            theirs = by_torch(self.torch_scheduler)
            assert all(math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12) for a, b in zip(values, theirs)), (self.op, self.args)
        yield {**self.json(), 'at': STEPS, 'values': values, 'from': 'torch.optim.lr_scheduler' if self.torch_scheduler else 'ParameterSchedulers.jl, by hand'}


def by_torch(make):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    scheduler, values = make(optimizer), []
    for step in range(25):
        values.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return values


def constant(value):
    return lambda t: value


def step(start, decay, sizes):
    def at(t):
        stage, end = 0, 0
        each = iter(sizes if isinstance(sizes, list) else iter(lambda: sizes, None))
        for size in each:
            end += size
            if t <= end:
                break
            stage += 1
        return start * decay ** stage
    return at


def exp(start, decay):
    return lambda t: start * decay ** (t - 1)


def poly(start, degree, most):
    return lambda t: start * (1 - (t - 1) / most) ** degree if t <= most else 0


def inv(start, decay, degree):
    return lambda t: start / (1 + (t - 1) * decay) ** degree


def triangle(l0, l1, period):
    return lambda t: abs(l0 - l1) * 2 / math.pi * abs(math.asin(math.sin(math.pi * (t - 1) / period))) + min(l0, l1)


def sin(l0, l1, period):
    return lambda t: abs(l0 - l1) * abs(math.sin(math.pi * (t - 1) / period)) + min(l0, l1)


def cos(l0, l1, period, restart=True):
    return lambda t: abs(l0 - l1) * (1 + math.cos(math.pi * ((t - 1) % period if restart else t - 1) / period)) / 2 + min(l0, l1)


def one_cycle(n, top, startval=None, endval=None, percent=0.25):
    startval = top / 25 if startval is None else startval
    endval = top / 1e5 if endval is None else endval
    rise = math.ceil(n * percent)

    def at(t):
        if t <= rise:
            return startval + (top - startval) * (1 - math.cos(math.pi * (t - 1) / rise)) / 2
        if t > n:
            return endval
        return endval + (top - endval) * (1 + math.cos(math.pi * (t - 1 - rise) / (n - rise))) / 2
    return at


def warmup(s, steps):
    return lambda t: s(1) * t / steps if t <= steps else s(t - steps)


def sequence(*parts):
    def at(t):
        for s, n in parts[:-1]:
            if t <= n:
                return s(t)
            t -= n
        return parts[-1][0](t)
    return at


def loop(s, period):
    return lambda t: s((t - 1) % period + 1)


def interpolator(s, rate):
    return lambda t: s(math.ceil(t / rate))


def shifted(s, offset):
    """Their offset is a t, which counts from 1; ours a step."""
    return lambda t: s(t + offset)


def rows():
    lr = torch.optim.lr_scheduler
    yield S('Step', [1, 0.5, 4], step(1, 0.5, 4), lambda o: lr.StepLR(o, 4, 0.5))
    yield S('Step', [0.3, 0.7, 1], step(0.3, 0.7, 1))
    yield S('Step', [1, 0.1, [3, 5, 2]], step(1, 0.1, [3, 5, 2]), lambda o: lr.MultiStepLR(o, [3, 8, 10], 0.1))
    yield S('Exp', [1, 0.9], exp(1, 0.9), lambda o: lr.ExponentialLR(o, 0.9))
    yield S('Exp', [0.02, 1.01], exp(0.02, 1.01))
    yield S('Poly', [1, 1, 10], poly(1, 1, 10), lambda o: lr.PolynomialLR(o, 10, 1))
    yield S('Poly', [1, 2.5, 20], poly(1, 2.5, 20), lambda o: lr.PolynomialLR(o, 20, 2.5))
    yield S('Inv', [0.5, 0.2, 2], inv(0.5, 0.2, 2))
    yield S('Inv', [0.5, 0.01, 0.75], inv(0.5, 0.01, 0.75))
    yield S('Triangle', [0.1, 0.9, 8], triangle(0.1, 0.9, 8))
    yield S('Triangle', [0.9, 0.1, 5], triangle(0.9, 0.1, 5))
    yield S('Sin', [0.1, 0.9, 8], sin(0.1, 0.9, 8))
    yield S('Sin', [0.9, 0.1, 5], sin(0.9, 0.1, 5))
    yield S('CosAnneal', [1, 0.1, 7], cos(1, 0.1, 7), lambda o: lr.CosineAnnealingWarmRestarts(o, 7, eta_min=0.1))
    yield S('CosAnneal', [0.1, 1, 7], cos(0.1, 1, 7))
    yield S('CosAnneal', [1, 0, 9, {'restart': False}], cos(1, 0, 9, False), lambda o: lr.CosineAnnealingLR(o, 9))
    yield S('OneCycle', [20, 0.5], one_cycle(20, 0.5))
    yield S('OneCycle', [11, 1, {'startval': 0.1, 'endval': 0.2, 'percentStart': 0.4}], one_cycle(11, 1, 0.1, 0.2, 0.4))
    yield S('OneCycle', [5, 1, {'percentStart': 0}], one_cycle(5, 1, percent=0))
    inner, curve = S('Exp', [1, 0.9], exp(1, 0.9)), S('CosAnneal', [1, 0, 6], cos(1, 0, 6))
    yield S('Warmup', [1, 5], warmup(constant(1), 5), lambda o: lr.LinearLR(o, 1 / 5, 1, 4))
    yield S('Warmup', [curve, 4], warmup(curve.at, 4))
    yield S('Sequence', [[inner, 4], [0.25, 3], [curve]], sequence((inner.at, 4), (constant(0.25), 3), (curve.at, 0)))
    yield S('Sequence', [[0.5, 2], [inner, 3]], sequence((constant(0.5), 2), (inner.at, 3)))
    yield S('Loop', [inner, 6], loop(inner.at, 6))
    yield S('Interpolator', [inner, 3], interpolator(inner.at, 3))
    yield S('Interpolator', [inner, 0.5], interpolator(inner.at, 0.5))
    yield S('Shifted', [curve, 2], shifted(curve.at, 2))
