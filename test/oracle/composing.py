"""Layers that hold others, Scale and Bilinear: the value, and the gradients of the inputs and of the parameters in the order of the walk."""
import zlib

import torch

from layers import ACTIVATIONS, summands
from records import EPSILON, Call, Named, as_json, encoded, filled, largest, rounded_up


class Made:
    """A layer of the library, the tensors that it trains, and what it computes of them and of inputs."""

    def __init__(self, call, parameters, run):
        self.call, self.parameters, self.run = call, parameters, run


def function(name, run):
    return Made(Named('function', name), [], run)


ADD, MUL = function('add', torch.add), function('mul', torch.mul)
SUB = function('sub', torch.sub)
RELU, TANH = function('relu', torch.relu), function('tanh', torch.tanh)


class ComposedRow:
    """`make` takes a function that makes a tensor of a shape, and gives what is to be tried."""

    def __init__(self, op, name, shapes, make, as_list=False):
        self.op, self.name, self.shapes, self.make, self.as_list = op, name, shapes, make, as_list

    def seeded(self, part, shape):
        tensor = filled(shape)
        tensor.seed = zlib.crc32(f'{self.op}/{self.name}/{part}'.encode()) & 0xFFFF
        return tensor

    def records(self):
        count = iter(range(99))
        made = self.make(lambda *shape: self.seeded(f'parameter{next(count)}', list(shape)))
        values = {id(p): p.torch().requires_grad_() for p in made.parameters}
        xs = [self.seeded(f'x{i}', shape) for i, shape in enumerate(self.shapes)]
        inputs = [x.torch().requires_grad_() for x in xs]
        out = made.run(*inputs, **{'values': values} if made.parameters else {})
        out = torch.cat(list(out)) if isinstance(out, tuple) else out
        cotangent = self.seeded('cotangent', list(out.shape))
        wanted = [*inputs, *values.values()]
        gradients = torch.autograd.grad(out, wanted, cotangent.torch(), retain_graph=True)
        floors = [16 * EPSILON * s for s in summands(out, cotangent, wanted)]
        yield {'op': self.op, 'name': self.name, 'kind': 'layer', 'args': as_json(made.call.args),
               'input': [x.json() for x in xs] if len(xs) > 1 else xs[0].json(),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(16 * EPSILON * largest(out.detach().abs()))},
               'cotangent': cotangent.json(),
               'gradients': [{**encoded(g.numpy(), 'float64'), 'floor': rounded_up(f)} for g, f in zip(gradients, floors)],
               'tolerance': {'ulp': 8, 'gradientUlp': 16}}


def called(part, *inputs, values):
    return part.run(*inputs, values=values) if part.parameters else part.run(*inputs)


def gathered(parts):
    return [p for part in parts for p in part.parameters]


def dense(tensor, inputs, outputs, activation=None):
    weight, bias = tensor(outputs, inputs), tensor(outputs)
    run = lambda x, values: ACTIVATIONS[activation](torch.nn.functional.linear(x, values[id(weight)], values[id(bias)]))
    return Made(Call('Dense', weight, bias, *([Named('function', activation)] if activation else [])), [weight, bias], run)


def scale(tensor, *sizes, bias=True, activation=None):
    factor, summand = tensor(*sizes), tensor(*sizes) if bias else False
    run = lambda x, values: ACTIVATIONS[activation](x * values[id(factor)] + (values[id(summand)] if bias else 0))
    return Made(Call('Scale', factor, summand, *([Named('function', activation)] if activation else [])), [factor, summand] if bias else [factor], run)


def bilinear(tensor, in1, in2, out, bias=True, activation=None):
    weight, summand = tensor(out, in1, in2), tensor(out) if bias else False
    def run(x, y=None, values=None):
        y = x if y is None else y
        return ACTIVATIONS[activation](torch.nn.functional.bilinear(x, y, values[id(weight)], values[id(summand)] if bias else None))
    call = Call('Bilinear', weight, summand, *([Named('function', activation)] if activation else []))
    return Made(call, [weight, summand] if bias else [weight], run)


def chain(*parts):
    def run(x, values):
        for part in parts:
            x = called(part, *(x if isinstance(x, tuple) else [x]), values=values)
        return x
    return Made(Call('Chain', *[part.call for part in parts]), gathered(parts), run)


def skip(layer, connection):
    run = lambda x, values: called(connection, called(layer, x, values=values), x, values=values)
    return Made(Call('SkipConnection', layer.call, connection.call), gathered([layer, connection]), run)


def parallel(connection, *layers):
    def run(*xs, values):
        count = max(len(xs), len(layers))
        xs, all_ = (list(each) * count if len(each) == 1 else each for each in (xs, layers))
        return called(connection, *[called(layer, x, values=values) for layer, x in zip(all_, xs)], values=values)
    return Made(Call('Parallel', connection.call, *[each.call for each in layers]), gathered([connection, *layers]), run)


def fusion(connection, *layers):
    def run(*xs, values):
        xs = list(xs) * len(layers) if len(xs) == 1 else xs
        ys = []
        for x, layer in zip(xs, layers):
            ys.append(called(layer, called(connection, ys[-1], x, values=values) if ys else x, values=values))
        return tuple(ys)
    return Made(Call('PairwiseFusion', connection.call, *[each.call for each in layers]), gathered([connection, *layers]), run)


def maxout(*layers):
    def run(x, values):
        y, *rest = [called(layer, x, values=values) for layer in layers]
        for each in rest:
            y = torch.where(y > each, y, each)
        return y
    return Made(Call('Maxout', *[each.call for each in layers]), gathered(layers), run)


def rows():
    for shape in ([3], [5, 3], [2, 3, 3]):
        yield ComposedRow('Scale', f'of {shape}', [shape], lambda t: scale(t, 3))
    yield ComposedRow('Scale', 'of two axes, tanh', [[2, 3, 5]], lambda t: scale(t, 3, 5, activation='tanh'))
    yield ComposedRow('Scale', 'without bias', [[7, 5]], lambda t: scale(t, 5, bias=False, activation='relu'))
    for name, in1, in2, out in (('by pairs', 3, 4, 5), ('by W y', 4, 5, 3), ('of one', 1, 1, 1), ('to one', 5, 3, 1), ('of many', 17, 3, 9)):
        yield ComposedRow('Bilinear', name, [[7, in1], [7, in2]], lambda t: bilinear(t, in1, in2, out))
        yield ComposedRow('Bilinear', f'{name}, more axes, tanh', [[2, 3, in1], [2, 3, in2]], lambda t: bilinear(t, in1, in2, out, activation='tanh'))
        yield ComposedRow('Bilinear', f'{name}, without bias', [[3, in1], [3, in2]], lambda t: bilinear(t, in1, in2, out, bias=False))
    yield ComposedRow('Bilinear', 'of vectors', [[3], [4]], lambda t: bilinear(t, 3, 4, 2))
    yield ComposedRow('Bilinear', 'of x twice', [[5, 4]], lambda t: bilinear(t, 4, 4, 2, activation='relu'))
    yield ComposedRow('SkipConnection', 'residual', [[5, 4]], lambda t: skip(chain(dense(t, 4, 7, 'relu'), dense(t, 7, 4)), ADD))
    yield ComposedRow('SkipConnection', 'with a bilinear connection', [[5, 4]], lambda t: skip(dense(t, 4, 3), bilinear(t, 3, 4, 2)))
    yield ComposedRow('Parallel', 'one input', [[5, 4]], lambda t: parallel(MUL, dense(t, 4, 3), dense(t, 4, 3, 'tanh')))
    yield ComposedRow('Parallel', 'one input each', [[5, 4], [5, 2]], lambda t: parallel(bilinear(t, 3, 4, 2), dense(t, 4, 3), dense(t, 2, 4)))
    yield ComposedRow('Parallel', 'one layer', [[5, 4], [5, 4]], lambda t: parallel(SUB, dense(t, 4, 3, 'tanh')))
    yield ComposedRow('PairwiseFusion', 'one input', [[5, 4]], lambda t: fusion(ADD, dense(t, 4, 4, 'relu'), TANH, dense(t, 4, 4)))
    yield ComposedRow('PairwiseFusion', 'one input each', [[5, 4], [5, 4]], lambda t: fusion(MUL, dense(t, 4, 4), dense(t, 4, 4)))
    yield ComposedRow('Maxout', 'of three', [[5, 4]], lambda t: maxout(dense(t, 4, 3), dense(t, 4, 3), dense(t, 4, 3)))
    yield ComposedRow('Maxout', 'of a layer and a function', [[7]], lambda t: maxout(scale(t, 7), TANH))
