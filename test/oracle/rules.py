"""Optimizer rules: the parameters after each of ten steps, in float64.

Every rule is written here as FLUX has it (ours where marked); torch.optim computes it too where it agrees, and then its values are the ones kept.
"""
import zlib

import numpy as np
import torch

from records import EPSILON, Call, as_json, encoded, filled, rounded_up

STEPS = 10
SHAPES = [[3, 5], []]
# Factors of the gradients: none, hardly any, much, all of a sudden.
AWKWARD = [1, 0, 1e-12, 1e4, 1, 1e-6, -1, 0, 1e-30, 100]


class Rule:
    """step(state, t, x, g) gives the step to subtract; state is a dict, empty at first.

    whole(gradients) changes those of all parameters before; max_norm has PyTorch clip them, which adds 1e-6 to the norm: then ours are kept.
    """

    def __init__(self, op, hyper, step, torch_rule=None, later=False, note=None, whole=None, max_norm=None, scales=None, slack=1, shapes=None):
        self.op, self.hyper, self.step, self.torch_rule, self.later, self.note = op, hyper, step, torch_rule, later, note
        self.whole, self.max_norm = whole, max_norm
        self.scales, self.slack, self.shapes = scales or [1] * STEPS, slack, shapes or SHAPES


def moments(s, x, g, b1, b2):
    s['m'] = b1 * s.get('m', 0 * x) + (1 - b1) * g
    s['v'] = b2 * s.get('v', 0 * x) + (1 - b2) * g * g
    return s['m'], s['v']


def momentum(s, t, x, g, eta, rho):
    s['v'] = rho * s.get('v', 0 * x) + eta * g
    return s['v']


def nesterov(s, t, x, g, eta, rho):
    v = s.get('v', 0 * x)
    s['v'] = rho * v - eta * g
    return -rho ** 2 * v + (1 + rho) * eta * g


def rmsprop(s, t, x, g, eta, rho, eps, centred=False):
    s['q'] = rho * s.get('q', 0 * x) + (1 - rho) * g * g
    s['l'] = rho * s.get('l', 0 * x) + (1 - rho) * g if centred else 0 * x
    return eta * g / (np.sqrt(s['q'] - s['l'] ** 2) + eps)


def adam(s, t, x, g, eta, beta, eps):
    m, v = moments(s, x, g, *beta)
    return eta * (m / (1 - beta[0] ** t)) / (np.sqrt(v / (1 - beta[1] ** t)) + eps)


def adamw(s, t, x, g, eta, beta, decay, eps, couple=True):
    step = adam(s, t, x, g, 1, beta, eps)
    return eta * (step + decay * x) if couple else eta * step + decay * x


def radam(s, t, x, g, eta, beta, eps):
    m, v = moments(s, x, g, *beta)
    b1, b2 = beta
    top = 2 / (1 - b2) - 1
    rho = top - 2 * t * b2 ** t / (1 - b2 ** t)
    m = m / (1 - b1 ** t)
    if rho <= 4:
        return eta * m
    r = np.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
    return eta * r * m / (np.sqrt(v / (1 - b2 ** t)) + eps)


def adamax(s, t, x, g, eta, beta, eps):
    m, _ = moments(s, x, g, *beta)
    s['u'] = np.maximum(beta[1] * s.get('u', 0 * x), np.abs(g))
    return eta / (1 - beta[0] ** t) * m / (s['u'] + eps)


def oadam(s, t, x, g, eta, beta, eps):
    d = adam(s, t, x, g, eta, beta, eps)
    step = 2 * d - s.get('d', 0 * x)
    s['d'] = d
    return step


def amsgrad(s, t, x, g, eta, beta, eps):
    m, v = moments(s, x, g, *beta)
    s['top'] = np.maximum(s.get('top', 0 * x), v)
    return eta * m / (np.sqrt(s['top']) + eps)


def nadam(s, t, x, g, eta, beta, eps):
    m, v = moments(s, x, g, *beta)
    b1, b2 = beta
    return eta * (b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1 ** t)) / (np.sqrt(b2 * v / (1 - b2 ** t)) + eps)


def adabelief(s, t, x, g, eta, beta, eps):
    b1, b2 = beta
    s['m'] = b1 * s.get('m', 0 * x) + (1 - b1) * g
    s['s'] = b2 * s.get('s', 0 * x) + (1 - b2) * (g - s['m']) ** 2 + eps
    return eta * (s['m'] / (1 - b1 ** t)) / (np.sqrt(s['s'] / (1 - b2 ** t)) + eps)


def adagrad(s, t, x, g, eta, eps):
    s['a'] = s.get('a', 0 * x + eps) + g * g
    return eta * g / (np.sqrt(s['a']) + eps)


def adadelta(s, t, x, g, rho, eps):
    s['a'] = rho * s.get('a', 0 * x) + (1 - rho) * g * g
    d = s.get('d', 0 * x)
    step = g * np.sqrt(d + eps) / np.sqrt(s['a'] + eps)
    s['d'] = rho * d + (1 - rho) * step * step
    return step


def rprop(s, t, x, g, eta, factors=(0.5, 1.2), limits=(1e-6, 50)):
    turn = s.get('g', 0 * x) * g
    size = s.get('size', 0 * x + eta)
    size = np.where(turn > 0, np.minimum(size * factors[1], limits[1]), np.where(turn < 0, np.maximum(size * factors[0], limits[0]), size))
    g = np.where(turn < 0, 0, g)
    s['size'], s['g'] = size, g
    return size * np.sign(g)


def lion(s, t, x, g, eta, beta, decay=0):
    m = s.get('m', 0 * x)
    s['m'] = beta[1] * m + (1 - beta[1]) * g
    return eta * (np.sign(beta[0] * m + (1 - beta[0]) * g) + decay * x)


def newton_schulz(g):
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def muon(s, t, x, g, eta, rho, decay=0, rest=3e-4, beta=(0.9, 0.95), eps=1e-10):
    if x.ndim < 2:
        return adamw(s, t, x, g, rest, beta, decay, eps)
    s['m'] = rho * s.get('m', 0 * x) + (1 - rho) * g
    u = rho * s['m'] + (1 - rho) * g
    matrix = u.reshape(len(u), -1)
    rows, columns = matrix.shape
    return eta * ((newton_schulz(matrix) * max(1, rows / columns) ** 0.5).reshape(x.shape) + decay * x)


def clip_norm(g, omega, p=2):
    norm = np.linalg.norm(np.ravel(g), p)
    return g * min(omega / norm, 1) if norm else g


def clip_global_norm(omega):
    def whole(gs):
        norm = np.sqrt(sum((g * g).sum() for g in gs))
        return [g * min(omega / norm, 1) for g in gs]
    return dict(whole=whole, max_norm=omega)


def accumulated(n, then):
    def step(s, t, x, g):
        s['sum'] = s.get('sum', 0) + g
        if t % n:
            return 0 * x
        g, s['sum'] = s['sum'] / n, 0
        return then(s, t // n, x, g)
    return step


def wired(function, *hyper, **more):
    return lambda s, t, x, g: function(s, t, x, g, *hyper, **more)


def first():
    """The rules of the core."""
    sgd, adam_ = torch.optim.SGD, torch.optim.Adam
    yield Rule('Descent', [0.1], lambda s, t, x, g: 0.1 * g, lambda ps: sgd(ps, lr=0.1))
    yield Rule('Descent', [], lambda s, t, x, g: 0.1 * g, lambda ps: sgd(ps, lr=0.1))
    yield Rule('Momentum', [0.05, 0.8], wired(momentum, 0.05, 0.8), lambda ps: sgd(ps, lr=0.05, momentum=0.8))
    yield Rule('Momentum', [], wired(momentum, 0.01, 0.9), lambda ps: sgd(ps, lr=0.01, momentum=0.9))
    usual = (0.001, [0.9, 0.999], 1e-8)
    yield Rule('Adam', [], wired(adam, *usual), lambda ps: adam_(ps))
    yield Rule('Adam', [0.05, [0.8, 0.95], 1e-6], wired(adam, 0.05, [0.8, 0.95], 1e-6), lambda ps: adam_(ps, 0.05, (0.8, 0.95), 1e-6))
    yield Rule('Adam', [{'eta': 0.01, 'epsilon': 0.1}], wired(adam, 0.01, [0.9, 0.999], 0.1), lambda ps: adam_(ps, 0.01, eps=0.1))
    note = 'ours: no decay unless given, as Flux; PyTorch: 0.01'
    yield Rule('AdamW', [], wired(adamw, 0.001, [0.9, 0.999], 0, 1e-8), lambda ps: torch.optim.AdamW(ps, 0.001, weight_decay=0), note=note)
    yield Rule('AdamW', [0.05, [0.9, 0.99], 0.1], wired(adamw, 0.05, [0.9, 0.99], 0.1, 1e-8), lambda ps: torch.optim.AdamW(ps, 0.05, (0.9, 0.99), weight_decay=0.1))
    yield Rule('AdamW', [0.05, [0.9, 0.99], 0.02, 1e-4, {'couple': False}], wired(adamw, 0.05, [0.9, 0.99], 0.02, 1e-4, couple=False),
               note='the decay is not scaled by eta: PyTorch has no such form')


def composed():
    adam_, sgd = Call('Adam', 0.05), Call('Descent', 0.1)
    tuned = (0.05, [0.9, 0.999], 1e-8)
    yield Rule('OptimizerChain', [], lambda s, t, x, g: g, lambda ps: torch.optim.SGD(ps, lr=1), note='an empty chain is Descent(1)')
    yield Rule('OptimizerChain', [Call('ClipNorm', 1), sgd], lambda s, t, x, g: 0.1 * clip_norm(g, 1), note='a norm for every tensor')
    yield Rule('OptimizerChain', [Call('ClipNorm', 0.5), adam_], lambda s, t, x, g: adam(s, t, x, clip_norm(g, 0.5), *tuned))
    yield Rule('OptimizerChain', [adam_, Call('Descent', 0.5)], lambda s, t, x, g: 0.5 * adam(s, t, x, g, *tuned))
    whole, identity = Call('ClipGlobalNorm', 1.5), lambda s, t, x, g: g
    yield Rule('ClipGlobalNorm', [1.5], identity, lambda ps: torch.optim.SGD(ps, lr=1), **clip_global_norm(1.5))
    yield Rule('ClipGlobalNorm', [], identity, lambda ps: torch.optim.SGD(ps, lr=1), **clip_global_norm(10))
    yield Rule('OptimizerChain', [whole, Call('AdamW', 0.05, [0.9, 0.99], 0.1)], wired(adamw, 0.05, [0.9, 0.99], 0.1, 1e-8),
               lambda ps: torch.optim.AdamW(ps, 0.05, (0.9, 0.99), weight_decay=0.1), **clip_global_norm(1.5))
    yield Rule('OptimizerChain', [whole, Call('WeightDecay', 0.1), Call('Momentum', 0.05, 0.8)], lambda s, t, x, g: momentum(s, t, x, g + 0.1 * x, 0.05, 0.8),
               lambda ps: torch.optim.SGD(ps, 0.05, momentum=0.8, weight_decay=0.1), **clip_global_norm(1.5))
    yield Rule('ClipNorm', [1], lambda s, t, x, g: clip_norm(g, 1))
    yield Rule('ClipNorm', [], lambda s, t, x, g: clip_norm(g, 10))
    yield Rule('ClipNorm', [1.5, 1], lambda s, t, x, g: clip_norm(g, 1.5, 1), later=True)
    later = dict(later=True)
    yield Rule('ClipGrad', [0.3], lambda s, t, x, g: np.clip(g, -0.3, 0.3), **later)
    yield Rule('WeightDecay', [0.1], lambda s, t, x, g: g + 0.1 * x)
    yield Rule('WeightDecay', [], lambda s, t, x, g: g + 5e-4 * x)
    yield Rule('OptimizerChain', [Call('WeightDecay', 0.1), adam_], lambda s, t, x, g: adam(s, t, x, g + 0.1 * x, *tuned),
               lambda ps: torch.optim.Adam(ps, 0.05, weight_decay=0.1))
    yield Rule('OptimizerChain', [Call('WeightDecay', 0.1), sgd], lambda s, t, x, g: 0.1 * (g + 0.1 * x), lambda ps: torch.optim.SGD(ps, 0.1, weight_decay=0.1))
    yield Rule('OptimizerChain', [Call('ClipGrad', 0.3), Call('Momentum', 0.05, 0.9)], lambda s, t, x, g: momentum(s, t, x, np.clip(g, -0.3, 0.3), 0.05, 0.9), **later)
    yield Rule('OptimizerChain', [adam_, Call('WeightDecay', 0.02)], lambda s, t, x, g: adam(s, t, x, g, *tuned) + 0.02 * x)
    yield Rule('OptimizerChain', [Call('SignDecay', 0.02), sgd], lambda s, t, x, g: 0.1 * (g + 0.02 * np.sign(x)), **later)
    yield Rule('OptimizerChain', [Call('AccumGrad', 3), sgd], accumulated(3, lambda s, t, x, g: 0.1 * g), note='the mean of three gradients at every third step', **later)
    yield Rule('AccumGrad', [2], accumulated(2, lambda s, t, x, g: g))
    yield Rule('OptimizerChain', [Call('AccumGrad', 3), adam_], accumulated(3, wired(adam, *tuned)), note='Adam counts the steps that reach it')
    yield Rule('SignDecay', [], lambda s, t, x, g: g + 1e-3 * np.sign(x))
    yield Rule('ClipGrad', [], lambda s, t, x, g: np.clip(g, -10, 10), scales=AWKWARD)


def others():
    optim = torch.optim
    yield Rule('Nesterov', [0.05, 0.8], wired(nesterov, 0.05, 0.8), lambda ps: optim.SGD(ps, lr=0.05, momentum=0.8, nesterov=True))
    yield Rule('Nesterov', [], wired(nesterov, 0.001, 0.9), lambda ps: optim.SGD(ps, lr=0.001, momentum=0.9, nesterov=True))
    yield Rule('RMSProp', [], wired(rmsprop, 0.001, 0.9, 1e-8), lambda ps: optim.RMSprop(ps, 0.001, 0.9, 1e-8))
    yield Rule('RMSProp', [0.05, 0.8, 1e-6, {'centred': True}], wired(rmsprop, 0.05, 0.8, 1e-6, True), lambda ps: optim.RMSprop(ps, 0.05, 0.8, 1e-6, centered=True))
    for op, function, note in [
            ('RAdam', radam, 'ours: the paper, threshold 4 and epsilon after the correction; PyTorch: threshold 5, epsilon before'),
            ('AdaMax', adamax, 'ours: epsilon beside u, as Flux; PyTorch: inside the maximum'),
            ('AMSGrad', amsgrad, 'ours: no bias correction, as the paper, from 0; Flux starts at epsilon; PyTorch corrects'),
            ('NAdam', nadam, 'ours: Dozat with constant momentum, as Flux; PyTorch: a schedule')]:
        yield Rule(op, [], wired(function, 0.001, [0.9, 0.999], 1e-8), note=note)
        yield Rule(op, [0.05, [0.8, 0.9], 1e-6], wired(function, 0.05, [0.8, 0.9], 1e-6), note=note)
    yield Rule('OAdam', [], wired(oadam, 0.001, [0.5, 0.9], 1e-8))
    yield Rule('OAdam', [0.05, [0.8, 0.95], 1e-6], wired(oadam, 0.05, [0.8, 0.95], 1e-6))
    yield Rule('AdaBelief', [], wired(adabelief, 0.001, [0.9, 0.999], 1e-16))
    yield Rule('AdaBelief', [0.05, [0.8, 0.9], 1e-8], wired(adabelief, 0.05, [0.8, 0.9], 1e-8))
    yield Rule('AdaGrad', [], wired(adagrad, 0.1, 1e-8), lambda ps: optim.Adagrad(ps, lr=0.1, eps=1e-8, initial_accumulator_value=1e-8))
    yield Rule('AdaGrad', [0.5, 1e-3], wired(adagrad, 0.5, 1e-3), lambda ps: optim.Adagrad(ps, lr=0.5, eps=1e-3, initial_accumulator_value=1e-3))
    yield Rule('AdaDelta', [], wired(adadelta, 0.9, 1e-8), lambda ps: optim.Adadelta(ps, lr=1, rho=0.9, eps=1e-8))
    yield Rule('AdaDelta', [0.8, 1e-4], wired(adadelta, 0.8, 1e-4), lambda ps: optim.Adadelta(ps, lr=1, rho=0.8, eps=1e-4))
    yield Rule('Rprop', [], wired(rprop, 0.001), lambda ps: optim.Rprop(ps, lr=0.001))
    yield Rule('Rprop', [0.05, [0.4, 1.3], [1e-3, 0.08]], wired(rprop, 0.05, (0.4, 1.3), (1e-3, 0.08)),
               lambda ps: optim.Rprop(ps, lr=0.05, etas=(0.4, 1.3), step_sizes=(1e-3, 0.08)))
    note = 'ours: the paper; Flux swaps the weights of the momentum and has beta 0.999'
    yield Rule('Lion', [], wired(lion, 0.001, [0.9, 0.99]), note=note)
    yield Rule('Lion', [0.05, [0.8, 0.9], {'lambda': 0.1}], wired(lion, 0.05, [0.8, 0.9], 0.1), note=note)
    note = 'its authors\' code in float64; five rounds enlarge a rounding error at most 3.4445 ** 5 times'
    for shape in [[3, 5], [5, 3], [4, 2, 3], [1, 4]]:
        yield Rule('Muon', [0.05, 0.8, {'lambda': 0.1}], wired(muon, 0.05, 0.8, 0.1), note=note, slack=100, shapes=[shape, [3], []])
    yield Rule('Muon', [], wired(muon, 0.02, 0.95), note=note, slack=100)


def awkward():
    """Gradients that are nothing, tiny and large."""
    both, usual = (0.05, [0.8, 0.9]), (0.05, [0.8, 0.9], 1e-6)
    for op, function, hyper in [
            ('Momentum', momentum, (0.05, 0.8)), ('Nesterov', nesterov, (0.05, 0.8)), ('RMSProp', rmsprop, (0.05, 0.8, 1e-6)), ('Adam', adam, usual),
            ('RAdam', radam, usual), ('AdaMax', adamax, usual), ('OAdam', oadam, usual), ('AMSGrad', amsgrad, usual), ('NAdam', nadam, usual),
            ('AdaBelief', adabelief, (*both, 1e-12)), ('AdaGrad', adagrad, (0.5, 1e-8)), ('AdaDelta', adadelta, (0.9, 1e-6)), ('Rprop', rprop, (0.05,)),
            ('Lion', lion, both)]:
        yield Rule(op, list(hyper), wired(function, *hyper), scales=AWKWARD, note='awkward gradients')


def by_hand(rule, starts, gradients):
    xs, states, history = [x.copy() for x in starts], [{} for _ in starts], []
    for t, gs in enumerate(gradients, 1):
        gs = rule.whole(gs) if rule.whole else gs
        xs = [np.asarray(x - rule.step(s, t, x, g)) for s, x, g in zip(states, xs, gs)]
        history.append(xs)
    return history


def by_torch(rule, starts, gradients):
    ps = [torch.nn.Parameter(torch.from_numpy(np.array(x))) for x in starts]
    optimizer, history = rule.torch_rule(ps), []
    for gs in gradients:
        for p, g in zip(ps, gs):
            p.grad = torch.from_numpy(np.array(g))
        if rule.max_norm:
            torch.nn.utils.clip_grad_norm_(ps, rule.max_norm)
        optimizer.step()
        history.append([p.detach().numpy().copy() for p in ps])
    return history


class RuleRow:
    def __init__(self, rule):
        self.rule = rule

    def seeded(self, name, shape, low, high):
        tensor = filled(shape, low, high)
        tensor.seed = zlib.crc32(name.encode()) & 0xFFFF
        return tensor

    def records(self):
        rule = self.rule
        name = named(rule.hyper) + (', awkward gradients' if rule.scales == AWKWARD else '') + (f', {rule.shapes[0]}' if rule.shapes != SHAPES else '')
        starts = [self.seeded(f'{rule.op}/{i}', shape, -1, 1) for i, shape in enumerate(rule.shapes)]
        gradients = [[self.seeded(f'{rule.op}/{t}/{i}', shape, -2 * scale, 2 * scale) for i, shape in enumerate(rule.shapes)]
                     for t, scale in enumerate(rule.scales)]
        arrays = [x.array().astype(np.float64) for x in starts], [[g.array().astype(np.float64) for g in gs] for gs in gradients]
        history = by_hand(rule, *arrays)
        if rule.torch_rule:
            ours, history = history, by_torch(rule, *arrays)
            rtol, atol = (1e-5, 1e-5) if rule.max_norm else (1e-12, 1e-13)
            for a, b in zip(ours, history):
                assert all(np.allclose(x, y, rtol=rtol, atol=atol) for x, y in zip(a, b)), (rule.op, rule.hyper)
            if rule.max_norm:
                history = ours
        after, before, moved = [], arrays[0], 0.0
        for t, xs in enumerate(history, 1):
            moved += max(np.abs(x - y).max(initial=0) for x, y in zip(xs, before))
            biggest = max(np.abs(x).max(initial=0) for x in xs)
            after.append([{**encoded(x, 'float64'), 'floor': rounded_up(EPSILON * rule.slack * (t * max(biggest, 1) + 16 * moved))} for x in xs])
            before = xs
        record = {'op': rule.op, 'name': name, 'kind': 'rule', 'args': as_json(rule.hyper), 'parameters': [x.json() for x in starts],
                  'steps': [[g.json() for g in gs] for gs in gradients], 'after': after, 'tolerance': {'ulp': 2, 'gradientUlp': 2},
                  'from': 'torch.optim' if rule.torch_rule else 'NumPy'}
        if rule.later:
            record['later'] = True
        if rule.note:
            record['note'] = rule.note
        yield record


def named(hyper):
    def text(h):
        return f'{h.op}({", ".join(map(str, h.args))})' if isinstance(h, Call) else str(h)
    return ', '.join(map(text, hyper)) or 'defaults'


def rows():
    for rule in [*first(), *composed()]:
        yield RuleRow(rule)
    for rule in [*others(), *awkward()]:
        rule.later = True
        yield RuleRow(rule)
