"""Norms: values, and the gradients of x, scale and bias; of layers with running statistics what these are after some steps."""
import zlib

import torch
import torch.nn.functional as F

from inputs import INF, NAN
from records import UNDEFINED, Case, Row, as_json, filled, literal, reference


def trained(shape, low=0.5, high=2):
    tensor = filled(shape, low, high)
    tensor.trained = True
    return tensor


def options(n, eps=None, scale=True, bias=True, **more):
    given = {**({'scale': trained(n)} if scale else {}), **({'bias': trained(n, -1, 1)} if bias else {}), **more}
    return {**given, **({} if eps is None else {'eps': eps})}


def both(o, shape):
    """torch 1.13 cannot differentiate with one alone."""
    return o.get('scale', torch.ones(shape)), o.get('bias', torch.zeros(shape))


def layer_norm(x, o=None):
    o = o or {}
    first = o['scale'] if 'scale' in o else o.get('bias')
    sizes = o.get('sizes', list(first.shape) if first is not None else [x.shape[-1]])
    sizes = [sizes] if isinstance(sizes, int) else sizes
    return F.layer_norm(x, sizes, *both(o, sizes), o.get('eps', 1e-5))


def rms_norm(x, o=None):
    o = o or {}
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + o.get('eps', 1e-5)) * o.get('scale', 1)


def batch_norm(x, o=None):
    o = o or {}
    if 'mean' in o:
        mean, variance, scale, bias = (o[key].reshape([1, -1] + [1] * (x.dim() - 2)) for key in ('mean', 'variance', 'scale', 'bias'))
        return (x - mean) / torch.sqrt(variance + o.get('eps', 1e-5)) * scale + bias
    # torch refuses one value for each channel.
    y = x if x.numel() > x.shape[1] else torch.cat([x, x])
    return F.batch_norm(y, None, None, o.get('scale'), o.get('bias'), True, 0.1, o.get('eps', 1e-5))[:x.shape[0]]


def group_norm(x, groups, o=None):
    o = o or {}
    return F.group_norm(x, groups, *both(o, x.shape[1]), o.get('eps', 1e-5))


def instance_norm(x, o=None):
    o = o or {}
    y = x if x[0, 0].numel() > 1 else torch.cat([x, x], -1)
    y = F.instance_norm(y, None, None, o.get('scale'), o.get('bias'), True, 0.1, o.get('eps', 1e-5))
    return y[..., :x.shape[-1]]


def affine(shape, n, *before, single=False, **more):
    """Every way to give scale and bias."""
    text = ','.join(map(str, [*before, *shape]))
    # Of one value 1 / sqrt(eps) is the size of what cancels.
    slack = dict(gradient_floor=2000) if single else {}
    yield Case(f'[{text}]', filled(shape, -2, 3), *before, **slack)
    yield Case(f'[{text}] with both', filled(shape, -2, 3), *before, options(n, **more), **slack)
    yield Case(f'[{text}] with scale', filled(shape, -2, 3), *before, options(n, bias=False, **more), **slack)
    yield Case(f'[{text}] with bias, eps 0.1', filled(shape, -2, 3), *before, options(n, 0.1, scale=False, **more), **slack)


def special(shape, *before):
    """An offset of 10,000; NaN and infinities spoil their groups."""
    x = filled(shape, 10000, 10002)
    yield Case(f'an offset {list(shape)}', x, *before)
    values = torch.linspace(-1, 2, torch.Size(shape).numel()).reshape(shape)
    for name, value in (('NaN', NAN), ('Infinity', INF), ('-Infinity', -INF)):
        odd = values.clone()
        odd.view(-1)[1] = value
        yield Case(f'{name} {list(shape)}', literal(odd.numpy()), *before, gradient=False)


class StatsRow:
    """A layer with running statistics: what it gives in training step by step, these statistics after that, and what it gives in use."""

    def __init__(self, op, module, args, shapes):
        self.op, self.module, self.args, self.shapes = op, module, args, shapes

    def records(self):
        name = f'{self.args} of {self.shapes}'
        xs = []
        for i, shape in enumerate(self.shapes):
            x = filled(shape, -1, 3)
            x.seed = zlib.crc32(f'{self.op}/{name}/{i}'.encode()) & 0xFFFF
            xs.append(x)
        module = self.module()
        outs = [module(x.torch()) for x in xs]
        after = [module.running_mean, module.running_var]
        module.eval()
        yield {'op': self.op, 'name': name, 'kind': 'stats', 'args': as_json(self.args), 'inputs': [x.json() for x in xs],
               'outs': [reference(out, 1e-6) for out in outs], 'after': [reference(each.clone(), 1e-7) for each in after],
               'used': reference(module(xs[0].torch()), 1e-6), 'tolerance': {'ulp': 4, 'gradientUlp': 4}}


LIKE = dict(ulp=4, gradient_ulp=16, floor=32, gradient_floor=64, spread=32, magnitude=lambda x, *_: 1.0)


def rows():
    nn = torch.nn
    yield Row('layerNorm', layer_norm, [
        *affine([7], [7]), *affine([3, 5], [5]), *affine([2, 3, 4], [3, 4], sizes=[3, 4]), *affine([67, 33], [33]), *affine([2, 1], [1], single=True),
        Case('sizes 4', filled([3, 4]), {'sizes': 4}), Case('[0,5]', filled([0, 5]), options([5]), gradient=False), *special([3, 9])], **LIKE)
    yield Row('rmsNorm', rms_norm, [
        *(Case(f'{shape}', filled(shape, -2, 3)) for shape in ([7], [3, 5], [2, 1], [35, 33])),
        Case('with scale', filled([3, 5], -2, 3), options([5], bias=False)), Case('with scale, eps 0.1', filled([2, 3, 4]), options([4], 0.1, bias=False)),
        *special([3, 9])], **LIKE)
    yield Row('batchNorm', batch_norm, [
        *affine([4, 1], [1]), *affine([5, 7], [7]), *affine([3, 2, 5], [2]), *affine([1, 3, 4, 3], [3]), *affine([2, 5, 1, 1], [5]),
        *affine([1, 3], [3], single=True), *affine([2, 1, 2, 3, 2], [1]),
        *(Case(f'given {shape}', filled(shape, -2, 3), options([shape[1]], mean=trained([shape[1]]), variance=trained([shape[1]])))
          for shape in ([4, 3], [1, 5, 3], [2, 4, 3, 3])), *special([5, 3]), *special([2, 3, 9])], **LIKE)
    yield Row('groupNorm', group_norm, [
        *affine([2, 4], [4], 2), *affine([3, 6, 5], [6], 3), *affine([1, 4, 3, 3], [4], 1), *affine([2, 4, 2, 2], [4], 4), *special([2, 4, 5], 2)], **LIKE)
    yield Row('instanceNorm', instance_norm, [
        *affine([2, 3, 5], [3]), *affine([1, 1, 3, 3], [1]), *affine([3, 2, 1], [2], single=True), *affine([2, 2, 2, 3, 3], [2]), *special([2, 3, 5])], **LIKE)
    yield StatsRow('BatchNorm', lambda: nn.BatchNorm1d(3), [3], [[5, 3], [2, 3], [7, 3]])
    yield StatsRow('BatchNorm', lambda: nn.BatchNorm2d(2, eps=0.01, momentum=0.3), [2, UNDEFINED, {'eps': 0.01, 'momentum': 0.3}], [[2, 2, 3, 3], [1, 2, 3, 2]])
    yield StatsRow('BatchNorm', lambda: nn.BatchNorm3d(1, affine=False), [1, UNDEFINED, {'affine': False}], [[2, 1, 2, 2, 3]] * 3)
    yield StatsRow('InstanceNorm', lambda: nn.InstanceNorm1d(3, track_running_stats=True, affine=True), [3, UNDEFINED, {'trackStats': True, 'affine': True}], [[5, 3, 4], [1, 3, 7]])
    yield StatsRow('InstanceNorm', lambda: nn.InstanceNorm2d(2, track_running_stats=True), [2, UNDEFINED, {'trackStats': True}], [[2, 2, 3, 3]] * 3)

