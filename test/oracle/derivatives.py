"""jacobian, hessian, jvp and hvp of functions of the library, as torch.autograd.functional has them, and once more differentiated."""
import torch
from torch.nn.functional import conv2d, conv_transpose2d
from torch.autograd import functional

from inputs import label
from records import Case, Named, Row, filled

FUNCTIONS = {
    'exp': torch.exp, 'tanh': torch.tanh, 'matmul': torch.matmul, 'mul': torch.mul,
    'softmax': lambda x: torch.softmax(x, -1), 'logSoftmax': lambda x: torch.log_softmax(x, -1), 'logSumExp': lambda x: torch.logsumexp(x, tuple(range(x.dim()))),
    'norm': lambda x: torch.sqrt((x * x).sum()), 'mse': lambda x, y: torch.mean((x - y) ** 2),
    'conv': conv2d, 'convTranspose': conv_transpose2d, 'depthwiseConv': lambda x, w: conv2d(x, w, groups=x.shape[1]),
}


def named(name):
    """A function of the library, and what it is in PyTorch."""
    return Named('function', name)


def one(xs):
    return xs if len(xs) > 1 else xs[0]


def rows():
    def of(take, name, shapes, lists=False, **more):
        xs = [filled(shape, low=0.25) for shape in shapes]
        function = FUNCTIONS[name]
        inputs = xs if not lists else [xs[:len(xs) // 2], xs[len(xs) // 2:]] if len(xs) > 2 else xs
        return Case(f'{name} {label(*shapes)}', named(name), *inputs, function=lambda _, *given: take(function, *given), **more)

    def jacobian(f, *xs):
        found = functional.jacobian(f, one(xs), create_graph=True)
        return list(found) if len(xs) > 1 else found

    def hessian(f, x):
        return functional.hessian(f, x, create_graph=True)

    def tuples(*args):
        return [tuple(each) if isinstance(each, list) else each for each in args]

    def jvp(f, x, v):
        x, v = tuples(x, v)
        return list(functional.jvp(f, x, v, create_graph=True))

    def hvp(f, x, v):
        x, v = tuples(x, v)
        found = functional.vhp(f, x, v, create_graph=True)[1]
        return list(found) if isinstance(found, tuple) else found

    def diagonal(f, x):
        return torch.diagonal(hessian(f, x).reshape(x.numel(), x.numel())).reshape(x.shape)

    loose = dict(ulp=8, floor=8, gradient_ulp=16, gradient_floor=64)
    yield Row('jacobian', None, [
        *[of(jacobian, name, [shape]) for name in ['exp', 'softmax', 'logSoftmax', 'logSumExp', 'norm'] for shape in [[5], [2, 3], [1]]],
        of(jacobian, 'matmul', [[3, 2], [2, 4]]), of(jacobian, 'mul', [[3, 1], [4]]), of(jacobian, 'mul', [[], [13]])], **loose)
    yield Row('hessian', None, [of(hessian, name, [shape]) for name in ['logSumExp', 'norm'] for shape in [[5], [2, 3], []]], **loose)
    yield Row('diagonalHessian', None, [of(diagonal, name, [shape]) for name in ['logSumExp', 'norm'] for shape in [[5], [2, 3]]], **loose)
    yield Row('jvp', None, [
        *[of(jvp, name, [shape, shape]) for name in ['exp', 'softmax', 'logSoftmax', 'logSumExp', 'tanh'] for shape in [[5], [2, 3]]],
        *[of(jvp, name, [x, w, x, w], lists=True, magnitude='linear') for name, x, w in [
            ('conv', [2, 2, 3, 4], [3, 2, 2, 3]), ('convTranspose', [1, 3, 2, 2], [3, 2, 2, 3]), ('depthwiseConv', [1, 2, 3, 3], [4, 1, 2, 2])]],
        of(jvp, 'matmul', [[3, 2], [2, 4], [3, 2], [2, 4]], lists=True)], **loose)
    yield Row('hvp', None, [
        *[of(hvp, name, [shape, shape]) for name in ['logSumExp', 'norm'] for shape in [[5], [2, 3]]],
        of(hvp, 'mse', [[3, 2], [3, 2], [3, 2], [3, 2]], lists=True)], **loose)
