"""Prints what is further from PyTorch's double precision than a few units in the last place: unary-ulp.py FILE COUNT NAME..."""
import math
import sys

import numpy as np
import torch

TINY = 2.0**-126
# Units in the last place that are allowed; derivatives divide and multiply once more.
MOST = {"value": 6, "derivative": 8}
FUNCTIONS = {
    **{name: getattr(torch, name) for name in "neg square exp expm1 abs sign sin cos tan tanh erf floor ceil round".split()},
    **{name: getattr(torch, name) for name in "sigmoid relu reciprocal log log1p sqrt rsqrt".split()},
    "softplus": lambda x: torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs())),
    "gelu": lambda x: torch.where(x == -math.inf, -torch.zeros_like(x), x * 0.5 * torch.erfc(-x / math.sqrt(2))),
}
# Where autograd's derivative, made from the result, loses the tail, or is wrong at the joint.
DERIVATIVES = {
    "tanh": lambda x: 1 / torch.cosh(x) ** 2,
    "expm1": torch.exp,
    "sigmoid": lambda x: torch.sigmoid(x) * torch.sigmoid(-x),
    "softplus": torch.sigmoid,
}
# The two terms of the derivative cancel where it is 0; a factor of the value is a small subnormal number before the value is one.
FLOOR = {("gelu", "derivative"): 1.2e-7, ("gelu", "value"): 4e-44}


def problems(x, got, right):
    with np.errstate(all="ignore"):
        rounded = right.astype(np.float32)
        unit = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(right), TINY))) - 23)
        off = (np.abs(got.astype(np.float64) - right) - FLOOR.get((name, kind), 0)) / unit
    # A derivative at NaN or infinity is whatever the formula gives there.
    nan = (np.isnan(got) != np.isnan(x if kind == "value" else right)) & ((kind == "value") | np.isfinite(x)) & ~((kind == "value") & np.isnan(right))
    yield "is NaN, or is not", nan
    # Where the rounded result is infinite or the largest float, either may come.
    edge = np.abs(right) > 3.4e38
    yield "is infinite, or is not", ~nan & ~edge & (np.isinf(got) != np.isinf(rounded))
    finite = np.isfinite(got) & np.isfinite(right) & ~edge & ~np.isnan(x)
    yield "is off", finite & (off > MOST[kind])
    yield "has the other zero", finite & (kind == "value") & (got == 0) & (right == 0) & (np.signbit(got) != np.signbit(right))


path, count, *names = sys.argv[1:]
parts = np.fromfile(path, np.float32).reshape(-1, int(count))
x = parts[0]
for i, name in enumerate(names):
    t = torch.tensor(x.astype(np.float64), requires_grad=True)
    y = FUNCTIONS[name](t)
    derivative = DERIVATIVES[name](t) if name in DERIVATIVES else torch.autograd.grad(y.sum(), t)[0]
    for kind, got, right in (("value", parts[1 + 2 * i], y), ("derivative", parts[2 + 2 * i], derivative)):
        right = right.detach().numpy()
        for problem, where in problems(x, got, right):
            if where.any():
                at = np.argmax(where)
                print(f"{name}: the {kind} {problem}: {got[at]!r} instead of {right[at]!r} at {x[at]!r}, and {where.sum() - 1} more")
