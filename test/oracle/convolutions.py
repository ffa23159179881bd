"""conv and its like: every option alone and several together, in 1 to 3 dimensions, sizes that leave something over, one pixel, one channel, empty batches."""
import zlib

import torch
from torch.nn import functional as F

from inputs import INF, NAN, label
from layers import ACTIVATIONS, summands
from records import EPSILON, UNDEFINED, Case, Named, Row, as_json, encoded, filled, integers, largest, literal, rounded_up

CONV = [None, F.conv1d, F.conv2d, F.conv3d]
TRANSPOSED = [None, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]


def per_axis(value, axes):
    return [value] * axes if isinstance(value, int) else list(value)


def sides(pad, zeros):
    """[before, after] of each axis; 'same' puts the odd one of the zeros behind."""
    axes = len(zeros)
    if pad == 'same':
        return [[n // 2, n - n // 2] for n in zeros]
    if not isinstance(pad, int) and len(pad) == 2 * axes:
        return [list(pad[2 * i:2 * i + 2]) for i in range(axes)]
    return [[each, each] for each in per_axis(pad, axes)]


def told(weight, options):
    options = options or {}
    axes = weight.dim() - 2
    stride, dilation = (per_axis(options.get(name, 1), axes) for name in ('stride', 'dilation'))
    spans = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
    return axes, stride, dilation, options.get('groups', 1), options.get('bias'), options.get('pad', 0), spans


def conv(x, weight, options=None):
    axes, stride, dilation, groups, bias, pad, spans = told(weight, options)
    if (options or {}).get('flipKernel'):
        weight = weight.flip(list(range(2, axes + 2)))
    padded = F.pad(x.double(), [n for pair in reversed(sides(pad, spans)) for n in pair])
    return CONV[axes](padded, weight, bias, stride, 0, dilation, groups)


def conv_transpose(x, weight, options=None):
    """What is cut off is cut off the whole result, so that both sides may differ."""
    axes, stride, dilation, groups, bias, pad, spans = told(weight, options)
    more = per_axis((options or {}).get('outPad', 0), axes)
    cut = sides(pad, spans)
    if pad == 'same':
        # What the convolution of n stride places pads with, but for places behind that its stride leaves out.
        cut = [[low, high + 1 - s] for (low, high), s in zip(cut, stride)]
        more = [max(0, -high) for _, high in cut]
    y = TRANSPOSED[axes](x, weight, bias, stride, 0, more, groups, dilation)
    for axis, (low, high) in enumerate(cut):
        y = y.narrow(axis + 2, low, y.shape[axis + 2] - low - max(0, high))
    return y


def depthwise(x, weight, options=None):
    return conv(x, weight, {**(options or {}), 'groups': x.shape[1]})


def text(value):
    return str(value).replace(' ', '')


def case(x, w, bias=None, **options):
    name = ' '.join([label(x, w), *(['bias'] if bias else []), *[f'{key} {text(value)}' for key, value in options.items()]])
    told = {**({'bias': filled([bias])} if bias else {}), **options}
    return Case(name, filled(x), filled(w), *([told] if told else []))


def spoiled(shape, places):
    tensor = filled(shape)
    tensor.seed = 7
    values = tensor.array().copy()
    for place, value in places:
        values.reshape(-1)[place] = value
    return literal(values)


SHARED = [  # of all: x, weight (as conv takes it, outputs as inputs), options
    ([2, 3, 7], [4, 3, 3], {}), ([1, 1, 1], [1, 1, 1], {}), ([2, 3, 11], [2, 3, 4], dict(stride=3)), ([1, 2, 9], [3, 2, 2], dict(pad=1, dilation=3)),
    ([2, 2, 5], [3, 2, 3], dict(pad=[1, 2])), ([2, 4, 6], [6, 2, 3], dict(groups=2, pad=1)), ([0, 3, 7], [4, 3, 3], {}),
    ([2, 2, 5, 6], [3, 2, 3, 2], {}), ([1, 1, 1, 1], [3, 1, 1, 1], {}), ([1, 1, 5, 4], [1, 1, 5, 4], {}), ([3, 1, 6, 5], [2, 1, 3, 3], dict(pad=1)), ([2, 3, 4, 4], [5, 3, 1, 1], {}),
    ([2, 3, 7, 6], [2, 3, 3, 3], dict(stride=2, pad=1)), ([1, 2, 7, 8], [2, 2, 1, 1], dict(stride=3)), ([1, 2, 8, 7], [2, 2, 2, 2], dict(stride=3)),
    ([1, 2, 6, 5], [3, 2, 3, 2], dict(stride=[2, 1])), ([1, 2, 6, 5], [3, 2, 3, 2], dict(pad=[0, 1])), ([1, 2, 4, 5], [3, 2, 3, 3], dict(pad=[0, 1, 2, 1])),
    ([1, 2, 7, 8], [2, 2, 3, 3], dict(dilation=2)), ([1, 2, 7, 6], [2, 2, 2, 3], dict(dilation=[3, 1], stride=[1, 2], pad=[2, 1])), ([2, 4, 5, 5], [6, 2, 3, 3], dict(groups=2)),
    ([2, 6, 4, 5], [6, 2, 2, 3], dict(groups=3, stride=2, pad=[1, 0, 0, 1], dilation=[2, 1])), ([1, 4, 4, 4], [4, 1, 3, 3], dict(groups=4, pad=1)), ([2, 1, 9, 9], [3, 1, 5, 5], dict(pad=2)),
    ([1, 9, 4, 9], [7, 9, 3, 3], dict(pad=1)), ([1, 2, 3, 17], [5, 2, 3, 3], dict(pad=1)), ([1, 2, 2, 2], [2, 2, 3, 3], dict(pad=3)), ([0, 2, 4, 4], [3, 2, 3, 3], dict(pad=1)),
    ([1, 2, 3, 4, 3], [3, 2, 2, 3, 2], {}), ([2, 1, 2, 1, 3], [2, 1, 1, 1, 1], {}), ([1, 2, 3, 5, 4], [2, 2, 2, 3, 3], dict(stride=[1, 2, 2], pad=1)),
    ([1, 2, 3, 4, 4], [4, 1, 2, 2, 2], dict(groups=2, dilation=[1, 2, 1], pad=[0, 1, 0, 0, 1, 0])),
]
SAME = [([1, 2, 7], [2, 2, 4]), ([1, 2, 8], [2, 2, 3]), ([1, 1, 5, 6], [2, 1, 4, 3]), ([1, 1, 3, 4, 2], [1, 1, 2, 3, 4])]


class LayerRow:
    """A layer of ready tensors: gradients of the input, of the weight and of the bias."""

    def __init__(self, op, function, x, w, outputs, activation=None, **options):
        self.op, self.function, self.shapes, self.outputs, self.activation, self.options = op, function, (x, w), outputs, activation, options
        self.name = ' '.join([label(x, w), activation or 'no activation', *([] if outputs else ['no bias']), *[f'{key} {text(value)}' for key, value in options.items()]])

    def seeded(self, part, shape):
        tensor = filled(shape)
        tensor.seed = zlib.crc32(f'{self.op}/{self.name}/{part}'.encode()) & 0xFFFF
        return tensor

    def records(self):
        x, weight = (self.seeded(part, shape) for part, shape in zip(('x', 'weight'), self.shapes))
        bias = self.seeded('bias', [self.outputs]) if self.outputs else None
        inputs = [each.torch().requires_grad_() for each in (x, weight, bias) if each]
        of = lambda x, weight, bias=None: self.function(x, weight, {**self.options, 'bias': bias})
        out = ACTIVATIONS[self.activation](of(*inputs))
        size = of(*[each.detach().abs() for each in inputs])
        cotangent = self.seeded('cotangent', list(out.shape))
        gradients = torch.autograd.grad(out, inputs, cotangent.torch(), retain_graph=True)
        sizes = summands(out, cotangent, inputs)
        args = [weight, bias or False, Named('function', self.activation) if self.activation else UNDEFINED, self.options]
        yield {'op': self.op, 'name': self.name, 'kind': 'layer', 'args': as_json(args), 'input': x.json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(8 * EPSILON * largest(size))}, 'cotangent': cotangent.json(),
               'gradients': [{**encoded(g.numpy(), 'float64'), 'floor': rounded_up(16 * EPSILON * s)} for g, s in zip(gradients, sizes)],
               'tolerance': {'ulp': 8, 'gradientUlp': 16}}


def turned(x, w, options):
    """The input of a transposed convolution by the same weight, such that its result is not much larger: [batch, outputs, ...]."""
    return [x[0], w[0], *[min(n, 4) for n in x[2:]]], w, options


def rows():
    yield Row('conv', conv, [
        *[case(x, w, **options) for x, w, options in SHARED],
        *[case(x, w, pad='same', **more) for x, w in SAME for more in [{}, dict(stride=2), dict(dilation=2)]],
        *[case(x, w, w[0], **options) for x, w, options in SHARED[3:6] + SHARED[10:13] + SHARED[-2:]],
        *[case(x, w, flipKernel=True, **options) for x, w, options in [SHARED[2], SHARED[13], SHARED[18], SHARED[-1]]],
        Case('NaN and infinities in x', spoiled([2, 2, 5, 6], [(7, NAN), (70, INF), (100, -INF)]), filled([3, 2, 3, 2]), {'stride': [1, 2]}),
        # Without a gradient: that of x multiplies zeros beside the cotangent by the weight, which PyTorch leaves out.
        Case('NaN and infinities in the weight', filled([2, 2, 5, 6]), spoiled([4, 2, 3, 2], [(3, NAN), (16, INF), (30, -INF)]), {'stride': [1, 2]}, gradient=False),
        Case('infinities of both signs', literal([[[1.0, INF, 2, -INF, 3, 4]]]), literal([[[1.0, 0, 1]], [[1.0, 2, 3]]]), gradient=False),
        Case('large and small', literal([[[1e30, 1e-30, 1e20, 1]]]), literal([[[1e-30, 1e30]]]), magnitude=None, gradient=False),
        Case('int32', integers([2, 2, 5]), filled([3, 2, 2])),
    ], ulp=1, magnitude='linear')
    yield Row('convTranspose', conv_transpose, [
        *[case(*turned(x, w, options)[:2], **options) for x, w, options in SHARED if options.get('pad') != 3],
        *[case([2, w[0], *[3] * (len(w) - 2)], w, pad='same', **more) for _, w in SAME for more in [{}, dict(stride=2), dict(stride=5, dilation=1)]],
        *[case(*turned(x, w, options)[:2], w[1] * options.get('groups', 1), **options) for x, w, options in SHARED[3:6] + SHARED[10:13] + SHARED[-2:]],
        case([2, 3, 4], [3, 2, 3], stride=3, outPad=2), case([1, 2, 3, 4], [2, 3, 2, 3], 3, stride=[2, 3], outPad=[1, 2], pad=1),
        case([1, 4, 2, 3, 2], [4, 2, 2, 1, 3], stride=2, outPad=[0, 1, 1], groups=2, pad=[0, 0, 1]), case([1, 2, 3, 3], [2, 1, 2, 2], stride=2, outPad=1, pad=[1, 0, 0, 2]),
        Case('NaN and infinities in x', spoiled([2, 3, 3, 4], [(7, NAN), (30, INF), (60, -INF)]), filled([3, 2, 3, 2]), {'stride': [1, 2]}),
    ], ulp=1, magnitude='linear')
    yield Row('depthwiseConv', depthwise, [
        case([2, 3, 7], [3, 1, 3]), case([2, 3, 7], [6, 1, 4], 6, stride=2, pad='same'), case([1, 2, 5, 6], [2, 1, 3, 3], pad=1), case([2, 5, 4, 5], [5, 1, 3, 3], 5, stride=2, pad=1),
        case([1, 2, 6, 5], [4, 1, 2, 3], dilation=[2, 1], pad=[0, 1, 2, 0]), case([1, 1, 3, 3], [3, 1, 3, 3]), case([1, 3, 3, 3, 4], [3, 1, 2, 2, 3], 3, pad=1), case([0, 2, 4, 4], [2, 1, 3, 3]),
    ], ulp=1, magnitude='linear')
    for op in ('Conv', 'CrossCor'):
        yield LayerRow(op, conv, [2, 2, 5], [3, 2, 3], 3, 'relu', pad=1)
        yield LayerRow(op, conv, [2, 2, 5, 6], [4, 1, 3, 2], 4, 'tanh', groups=2, stride=[2, 1], dilation=[1, 2], pad=[1, 0, 0, 2], flipKernel=True)
        yield LayerRow(op, conv, [1, 1, 3, 4, 3], [2, 1, 2, 3, 2], 0, 'relu', pad='same')
    yield LayerRow('Conv', conv, [2, 1, 7, 7], [6, 1, 5, 5], 6, 'relu', pad=2)
    yield LayerRow('Conv', conv, [1, 5, 1, 1], [3, 5, 1, 1], 3)
    yield LayerRow('ConvTranspose', conv_transpose, [2, 3, 3], [3, 2, 3], 2, 'relu', stride=2, outPad=1)
    yield LayerRow('ConvTranspose', conv_transpose, [1, 4, 2, 3], [4, 2, 2, 3], 4, 'gelu', groups=2, stride=[2, 3], pad='same')
    yield LayerRow('ConvTranspose', conv_transpose, [1, 2, 2, 2, 2], [2, 1, 2, 1, 3], 0, dilation=[2, 1, 1], pad=[1, 0, 0, 0, 1, 2])
    yield LayerRow('DepthwiseConv', depthwise, [2, 3, 5, 6], [3, 1, 3, 3], 3, 'relu', stride=2, pad=1)
    yield LayerRow('DepthwiseConv', depthwise, [1, 2, 7], [2, 1, 2], 0, 'tanh', dilation=3)
