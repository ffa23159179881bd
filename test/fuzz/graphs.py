"""Holds graphs that graphs.mjs wrote to PyTorch in double precision, and prints [seed] and [seed, problem] as lines of JSON: graphs.py FILE"""
import math

import numpy as np
import torch
from torch.nn import functional

from compare import compared, decode, gradients, plain, problem, weighed


def root(v, p):
    """Its derivative at 0 is 0, as ours is."""
    zero = v == 0
    return torch.where(zero, torch.zeros_like(v), torch.where(zero, torch.ones_like(v), v) ** (1 / p))


UNARY = {
    **{name: getattr(torch, name) for name in "neg square exp expm1 abs sign sin cos tanh erf floor ceil round sigmoid relu".split()},
    **{name: getattr(torch, name) for name in "reciprocal log log1p sqrt rsqrt tan".split()},
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "gelu": lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))),
    "stopGradient": lambda x: x.detach(),
    "identity": lambda x: x,
}
BINARY = dict(add=torch.add, sub=torch.sub, mul=torch.mul, div=torch.div, maximum=torch.maximum, minimum=torch.minimum)
COMPARE = dict(equal=torch.eq, notEqual=torch.ne, less=torch.lt, lessEqual=torch.le, greater=torch.gt, greaterEqual=torch.ge)


def constant(value, like):
    return torch.tensor(value, dtype=like.dtype)


def binary(a, name, x=None, y=None):
    if name == "pow":
        if y is not None:
            return torch.pow(a[0], y)
        base, exponent = (constant(x, a[0]), a[0]) if x is not None else a
        return torch.exp(exponent * torch.log(base))
    left, right = (constant(x, a[0]), a[0]) if x is not None else (a[0], constant(y, a[0])) if y is not None else a
    return BINARY[name](left, right)


def where(inputs, name, c, a=None, b=None):
    x, y, z = inputs
    condition = COMPARE[name](x, c)
    y = y if a is None else constant(a, x)
    z = z if b is None else constant(b, x)
    shape = torch.broadcast_shapes(condition.shape, y.shape, z.shape)
    return torch.where(condition.expand(shape), y.expand(shape), z.expand(shape))


def reduce(a, name, keepDims, more, axis=None):
    (x,) = a
    rank = x.dim()
    axes = list(range(rank)) if axis is None else [axis % rank] if isinstance(axis, int) else sorted(k % rank for k in axis)
    if name == "prod":
        for k in reversed(axes):
            x = x.prod(k, keepdim=keepDims)
        return x
    if name in ("variance", "std"):
        count = math.prod(x.shape[k] for k in axes)
        centered = (x - (x.mean(axes, keepdim=True) if axes else x)) ** 2
        variance = (centered.sum(axes, keepdim=keepDims) if axes else centered) / max(0, count - more["correction"])
        return variance if name == "variance" else root(variance, 2)
    if not axes:
        return x.abs() if name == "norm" else x * 1
    if name == "norm":
        p = more["p"]
        if p == "inf":
            return torch.amax(x.abs(), axes, keepdim=keepDims)
        if p == 1:
            return x.abs().sum(axes, keepdim=keepDims)
        return root((x * x if p == 2 else x.abs() ** p).sum(axes, keepdim=keepDims), p)
    f = dict(sum=torch.sum, mean=torch.mean, max=torch.amax, min=torch.amin, logSumExp=torch.logsumexp)[name]
    return f(x, axes, keepdim=keepDims)


def matmul(a, waitLeft=False, waitRight=False, transposeLeft=False, transposeRight=False):
    x, y = a
    if waitLeft or transposeLeft:
        x = x.transpose(-1, -2)
    if waitRight or transposeRight:
        y = y.transpose(-1, -2)
    return torch.matmul(x, y)


def linear(a):
    y = torch.matmul(a[0], a[1].t())
    return y + a[2] if len(a) > 2 else y


def conv(a, name, groups, stride, dilation, pad, outPad=None):
    x, weight, bias = a if len(a) > 2 else (*a, None)
    axes = x.dim() - 2
    if name == "conv":
        padded = functional.pad(x, [n for k in reversed(range(axes)) for n in pad[2 * k:2 * k + 2]])
        return getattr(functional, f"conv{axes}d")(padded, weight, bias, stride, 0, dilation, groups)
    y = getattr(functional, f"conv_transpose{axes}d")(x, weight, bias, stride, 0, outPad, groups, dilation)
    for k in range(axes):
        y = y.narrow(k + 2, pad[2 * k], y.shape[k + 2] - pad[2 * k] - pad[2 * k + 1])
    return y


def pool(a, name, window, stride, pad, countPadding=True):
    (x,) = a
    axes = x.dim() - 2

    def around(x, value):
        return functional.pad(x, [n for k in reversed(range(axes)) for n in pad[2 * k:2 * k + 2]], value=value)
    if name == "maxPool":
        return getattr(functional, f"max_pool{axes}d")(around(x, -torch.inf), window, stride)
    mean = getattr(functional, f"avg_pool{axes}d")
    y = mean(around(x, 0.0), window, stride)
    return y if countPadding else y / mean(around(torch.ones_like(x.detach()), 0.0), window, stride)


def norm(a, name, affine, eps, sizes=None, groups=None):
    x, *rest = a
    given = dict(zip(affine, rest))
    rank = x.dim()
    shape = [-1, *[1] * (rank - 2)] if name not in ("layerNorm", "rmsNorm") else sizes or [x.shape[-1]]
    view = x.reshape([x.shape[0], groups, -1]) if groups else x
    axes = dict(layerNorm=range(rank - len(sizes or []), rank), rmsNorm=[rank - 1], batchNorm=[k for k in range(rank) if k != 1],
                groupNorm=[2], instanceNorm=range(2, rank))[name]
    if name != "rmsNorm":
        view = view - view.mean(list(axes), keepdim=True)
    y = (view / torch.sqrt((view * view).mean(list(axes), keepdim=True) + eps)).reshape(x.shape)
    y = y * given["scale"].reshape(shape) if "scale" in given else y
    return y + given["bias"].reshape(shape) if "bias" in given else y


def flatten(a, **options):
    (x,) = a
    if x.dim() == 0:
        return x.reshape([1])
    k = options["from"] % x.dim()
    return x.reshape([*x.shape[:k], math.prod(x.shape[k:])])


def squeeze(a, axis=None):
    (x,) = a
    if axis is None:
        return x.squeeze()
    for k in axis:
        x = x.squeeze(k)
    return x


def slices(a, where):
    (x,) = a
    axis = 0
    for entry in where:
        if isinstance(entry, int):
            x = x.select(axis, entry)
            continue
        if entry is not None:
            x = x.index_select(axis, torch.tensor(range(x.shape[axis])[slice(*entry)], dtype=torch.long))
        axis += 1
    return x


def split(a, parts, axis, take):
    (x,) = a
    return torch.split(x, parts if isinstance(parts, list) else [x.shape[axis] // parts] * parts, axis)[take]


def long(indices):
    return torch.tensor(indices, dtype=torch.long)


def gather(a, shape, indices, axis):
    (x,) = a
    return x.index_select(axis, long(indices)).reshape([*x.shape[:axis], *shape, *x.shape[axis + 1 :]])


def scatter_add(a, shape, indices, axis):
    x, updates = a
    return x.index_add(axis, long(indices), updates.reshape([*x.shape[:axis], len(indices), *x.shape[axis + 1 :]]))


def cast(a, dtype):
    (x,) = a
    whole = x.detach()
    return (whole.to(torch.int32) if dtype == "int32" else whole != 0).to(x.dtype) * x


def element_loss(a, name):
    x, y = a
    if name == "mse":
        return ((x - y) ** 2).mean()
    if name == "mae":
        return (x - y).abs().mean()
    return ((1 - y) * x + torch.logaddexp(-x, torch.zeros_like(x))).mean()


def class_loss(a, name, axis, shape, indices, weight=None):
    (x,) = a
    logs = torch.log_softmax(x, axis) if name == "logitCrossEntropy" else torch.log(x + 2.0**-23)
    classes = long(indices).reshape(shape)
    losses = -torch.gather(logs, axis, classes.unsqueeze(axis)).squeeze(axis)
    if weight is None:
        return losses.mean()
    of_each = constant(weight, x)[classes]
    return (losses * of_each).sum() / of_each.sum()


def pad(x, widths, options):
    mode = options["mode"]
    places = np.arange(x.numel()).reshape(x.shape)
    places = np.pad(places, widths, constant_values=-1) if mode == "constant" else np.pad(places, widths, mode)
    places = torch.tensor(places)
    if x.numel() == 0:
        return torch.zeros(places.shape, dtype=x.dtype) + x.sum()
    return torch.where(places < 0, constant(0, x), x.reshape(-1)[places.clamp(min=0).reshape(-1)].reshape(places.shape))


def arrange(a, name, args):
    (x,) = a
    return dict(
        flip=lambda axis: x.flip(list(range(x.dim())) if axis is None else axis),
        roll=lambda k, axis: x.roll(k, axis),
        tile=lambda times: x.tile(times),
        repeat=lambda n, axis: x.repeat_interleave(n, axis),
        pad=lambda widths, options: pad(x, widths, options),
        triu=lambda k: torch.triu(x, k),
        tril=lambda k: torch.tril(x, k),
        cumsum=lambda axis: torch.cumsum(x.reshape(-1) if axis is None else x, axis or 0),
    )[name](*args)


def diag(a, k):
    (x,) = a
    if x.dim() == 2 and not -x.shape[0] <= k <= x.shape[1]:
        return x.reshape(-1)[:0]
    return torch.diag(x, k)


OPERATIONS = {
    "arrange": arrange,
    "diag": diag,
    "einsum": lambda a, equation: torch.einsum(equation, *a),
    "unary": lambda a, name: UNARY[name](a[0]),
    "binary": binary,
    "compare": lambda a, name, y: COMPARE[name](a[0], y).to(a[0].dtype) * a[0],
    "where": where,
    "clamp": lambda a, low=None, high=None: a[0] * 1 if low is None and high is None else torch.clamp(a[0], low, high),
    "reduce": reduce,
    "softmax": lambda a, name, axis: (torch.softmax if name == "softmax" else torch.log_softmax)(a[0], axis),
    "matmul": matmul,
    "linear": linear,
    "conv": conv,
    "pool": pool,
    "norm": norm,
    "reshape": lambda a, shape: a[0].reshape(shape),
    "flatten": flatten,
    "squeeze": squeeze,
    "expandDims": lambda a, axis: a[0].unsqueeze(axis),
    "permute": lambda a, axes: a[0].permute(axes) if a[0].dim() else a[0] * 1,
    "transpose": lambda a: a[0].transpose(-1, -2),
    "broadcastTo": lambda a, shape: a[0].expand(shape) * 1,
    "slice": slices,
    "concat": lambda a, axis: torch.cat(a, axis),
    "stack": lambda a, axis: torch.stack(a, axis),
    "split": split,
    "chunk": lambda a, count, axis, take: torch.chunk(a[0], count, axis)[take],
    "gather": gather,
    "takeAlong": lambda a, shape, indices, axis: torch.gather(a[0], axis, long(indices).reshape(shape)),
    "scatterAdd": scatter_add,
    "cast": cast,
    "elementLoss": element_loss,
    "classLoss": class_loss,
}


def compute(record, dtype):
    leaves = [torch.tensor(decode(leaf["data"], leaf["shape"]), dtype=dtype, requires_grad=True) for leaf in record["leaves"]]
    values = {leaf["at"]: tensor for leaf, tensor in zip(record["leaves"], leaves)}
    loss = torch.zeros((), dtype=dtype)
    for node in record["nodes"]:
        out = node["out"]
        values[out] = OPERATIONS[node["op"]]([values[i] for i in node["in"]], **node["o"])
        if out in record["used"]:
            loss = loss + weighed(values[out], out)
    first = gradients(loss, leaves, create_graph=True)
    total = torch.zeros((), dtype=dtype)
    for i, g in enumerate(first):
        total = total + weighed(g, i + 0.5)
    second = gradients(total, leaves)
    return [[plain(x) for x in each] for each in ([values[node["out"]] for node in record["nodes"]], first, second)]


def check(record):
    double, single = compute(record, torch.float64), compute(record, torch.float32)
    shapes = [leaf["shape"] for leaf in record["leaves"]]
    parts = [
        (f"%{node['out']} = {node['op']}", decode(node["value"], node["shape"]), double[0][i], single[0][i]) for i, node in enumerate(record["nodes"])
    ]
    for level, name in ((1, "gradient"), (2, "second derivative")):
        texts = record["first" if level == 1 else "second"]
        parts += [(f"{name} {i}", decode(text, shapes[i]), double[level][i], single[level][i]) for i, text in enumerate(texts)]
    # What cancels in a norm is divided by the root of eps.
    floor = 1e-6 / np.sqrt(min([1, *(node["o"]["eps"] for node in record["nodes"] if node["op"] == "norm")]))
    for name, *values in parts:
        wrong = problem(*values, floor)
        if wrong is not None:
            return f"{name}: {wrong}" if wrong else None
    return None


if __name__ == "__main__":
    compared(check)
