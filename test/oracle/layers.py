"""Dense and Chains of it: the value, and the gradients of input and parameters in the order of the walk."""
import zlib

import torch

from records import EPSILON, Call, Named, as_json, encoded, filled, largest, rounded_up

ACTIVATIONS = {None: lambda x: x, 'relu': torch.relu, 'tanh': torch.tanh, 'sigmoid': torch.sigmoid, 'gelu': torch.nn.functional.gelu}


def summands(out, cotangent, wanted):
    """For each gradient the largest sum of |J| |cotangent|."""
    total = [torch.zeros_like(x) for x in wanted]
    for y, c in zip(out.reshape(-1), cotangent.torch().reshape(-1).abs()):
        for t, g in zip(total, torch.autograd.grad(y, wanted, retain_graph=True)):
            t += g.abs() * c
    return [largest(t) for t in total]


class LayerRow:
    """layers: (inputs, outputs, activation) each; more than one, or chain, makes a Chain."""

    def __init__(self, name, shape, layers, chain=False):
        self.name, self.shape, self.layers, self.chain = name, shape, layers, chain or len(layers) > 1
        self.op = 'Chain' if self.chain else 'Dense'

    def seeded(self, part, shape, bound=1.0):
        tensor = filled(shape, -bound, bound)
        tensor.seed = zlib.crc32(f'{self.op}/{self.name}/{part}'.encode()) & 0xFFFF
        return tensor

    def records(self):
        x = self.seeded('x', self.shape)
        fields, calls, modules = [], [], []
        for i, (inputs, outputs, activation) in enumerate(self.layers):
            weight, bias = self.seeded(f'weight{i}', [outputs, inputs]), self.seeded(f'bias{i}', [outputs])
            fields += [weight, bias]
            calls.append(Call('Dense', weight, bias, *([Named('function', activation)] if activation else [])))
            linear = torch.nn.Linear(inputs, outputs)
            linear.load_state_dict({'weight': weight.torch(), 'bias': bias.torch()})
            modules.append((linear, ACTIVATIONS[activation]))
        model = Call('Chain', *calls) if self.chain else calls[0]
        value = x.torch().requires_grad_()
        out, size = value, value.detach().abs()
        for linear, activation in modules:
            out = activation(linear(out))
            size = torch.nn.functional.linear(size, linear.weight.detach().abs(), linear.bias.detach().abs())
        cotangent = self.seeded('cotangent', list(out.shape))
        parameters = [p for linear, _ in modules for p in (linear.weight, linear.bias)]
        gradients = torch.autograd.grad(out, [value, *parameters], cotangent.torch(), retain_graph=True)
        floor = 8 * EPSILON * largest(size)
        sizes = summands(out, cotangent, [value, *parameters])
        yield {'op': self.op, 'name': self.name, 'kind': 'layer', 'args': as_json(model.args), 'input': x.json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(floor)}, 'cotangent': cotangent.json(),
               'gradients': [{**encoded(g.numpy(), 'float64'), 'floor': rounded_up(16 * EPSILON * s)} for g, s in zip(gradients, sizes)],
               'tolerance': {'ulp': 8, 'gradientUlp': 16}}


class OwnRow:
    """A layer of torch.nn, with its first parameters: 1 and 0."""

    def __init__(self, op, args, shape, module, activation='identity'):
        self.op, self.args, self.shape, self.module, self.activation = op, args, shape, module, ACTIVATIONS.get(activation, lambda x: x)
        self.name = f'{shape}{"" if activation == "identity" else " " + activation}'

    def records(self):
        x = filled(self.shape, -2, 3)
        cotangent = filled(list(self.module(torch.zeros(self.shape)).shape))
        for part, tensor in (('x', x), ('cotangent', cotangent)):
            tensor.seed = zlib.crc32(f'{self.op}/{self.name}/{part}'.encode()) & 0xFFFF
        value = x.torch().requires_grad_()
        out = self.activation(self.module(value))
        parameters = list(self.module.parameters())
        gradients = torch.autograd.grad(out, [value, *parameters], cotangent.torch(), retain_graph=True)
        floor = rounded_up(64 * EPSILON)
        yield {'op': self.op, 'name': self.name, 'kind': 'layer', 'args': as_json(self.args), 'input': x.json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': floor}, 'cotangent': cotangent.json(),
               'gradients': [{**encoded(g.numpy(), 'float64'), 'floor': rounded_up(64 * EPSILON * largest(g))} for g in gradients],
               'tolerance': {'ulp': 8, 'gradientUlp': 16}}


class RMSNorm(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(n))

    def forward(self, x):
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5) * self.weight


def reordered(module):
    """GroupNorm of Flux has its bias first."""
    module._parameters = dict(bias=module._parameters['bias'], weight=module._parameters['weight'])
    return module


def seeded(part, shape):
    tensor = filled(shape)
    tensor.seed = zlib.crc32(f'WeightNorm/{part}'.encode()) & 0xFFFF
    return tensor


def norms():
    nn = torch.nn
    relu = Named('function', 'relu')
    yield OwnRow('LayerNorm', [5], [3, 5], nn.LayerNorm(5))
    yield OwnRow('LayerNorm', [3, 4, relu], [2, 3, 4], nn.LayerNorm([3, 4]), 'relu')
    yield OwnRow('GroupNorm', [6, 2], [3, 6, 2, 2], reordered(nn.GroupNorm(2, 6)))
    yield OwnRow('GroupNorm', [4, 4, relu], [2, 4, 5], reordered(nn.GroupNorm(4, 4)), 'relu')
    yield OwnRow('InstanceNorm', [3, relu, {'affine': True}], [2, 3, 7], reordered(nn.InstanceNorm1d(3, affine=True)), 'relu')
    yield OwnRow('RMSNorm', [5], [3, 5], RMSNorm(5))
    weight, bias = seeded('weight', [2, 5]), seeded('bias', [2])
    linear = nn.Linear(5, 2)
    linear.load_state_dict({'weight': weight.torch(), 'bias': bias.torch()})
    linear = nn.utils.weight_norm(linear)
    # As ours has them: v, bias, g.
    linear._parameters = {key: linear._parameters[key] for key in ('weight_v', 'bias', 'weight_g')}
    yield OwnRow('WeightNorm', [Call('Dense', weight, bias)], [3, 5], linear)


def rows():
    yield from norms()
    for shape in ([3], [1, 3], [5, 3], [2, 3, 3], [2, 1, 5, 3]):
        yield LayerRow(f'3 to 5 of {shape}', shape, [(3, 5, None)])
    for activation in ('relu', 'tanh', 'sigmoid', 'gelu'):
        yield LayerRow(f'{activation} of [7, 5]', [7, 5], [(5, 3, activation)])
        yield LayerRow(f'{activation} of [17]', [17], [(17, 1, activation)])
        yield LayerRow(f'{activation} of [3, 2, 33]', [3, 2, 33], [(33, 7, activation)])
    yield LayerRow('one output', [67, 1], [(1, 1, None)])
    yield LayerRow('three layers', [7, 5], [(5, 9, 'relu'), (9, 7, 'tanh'), (7, 3, None)])
    yield LayerRow('deep', [5, 3], [(3, 5, 'gelu'), (5, 5, 'sigmoid'), (5, 4, 'tanh'), (4, 1, None)])
    yield LayerRow('one layer in a chain', [3, 4], [(4, 5, 'relu')], chain=True)
    yield LayerRow('rank 1', [17], [(17, 9, 'tanh'), (9, 5, None)])
    yield LayerRow('rank 3', [2, 3, 7], [(7, 5, 'relu'), (5, 3, None)])
