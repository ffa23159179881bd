"""Prints what is further from PyTorch's double precision than a few units in the last place: unary-ulp.py FILE COUNT NAME..."""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
from activations import celu, elu, selu, squareplus  # noqa: E402

TINY = 2.0**-126
# Units in the last place that are allowed; derivatives divide and multiply once more.
MOST = {"value": 6, "derivative": 8, "second derivative": 40}
# The exponential of a large argument has many of its roundings.
MOST_OF = {"gelu": 1500, "geluTanh": 1500}
FUNCTIONS = {
    **{name: getattr(torch, name) for name in "neg square exp expm1 abs sign sin cos tan tanh erf floor ceil round".split()},
    **{name: getattr(torch, name) for name in "sigmoid relu reciprocal log log1p sqrt rsqrt".split()},
    "softplus": lambda x: torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs())),
    "gelu": lambda x: torch.where(x == -math.inf, -torch.zeros_like(x), x * 0.5 * torch.erfc(-x / math.sqrt(2))),
}


def logcosh(x):
    a = x.abs()
    return torch.where(a < 1, torch.log1p(2 * torch.sinh(torch.clamp(a, max=1) / 2) ** 2), a + torch.log1p(torch.exp(-2 * a)) - math.log(2))


def tanhshrink(x):
    near = torch.where(x.abs() < 1e-2, x, torch.zeros_like(x))
    s = near * near
    return torch.where(x.abs() < 1e-2, near * s * (1 / 3 - s * (2 / 15 - s * (17 / 315 - s * 62 / 2835))), x - torch.tanh(x))


def logistic(x):
    """Of which autograd's derivatives keep the tails."""
    return 1 / (1 + torch.exp(-x))


def slope_of_logistic(x):
    return logistic(x) * logistic(-x)


def threshold(x, theta=1.0):
    return torch.where(x <= theta, torch.zeros_like(x), x)


def leaky(x, a=0.01):
    return torch.where(x > 0, x, a * x)


def shrunk(x, a=0.5):
    return torch.where(x > a, x - a, torch.where(x < -a, x + a, x * 0))


FUNCTIONS.update({
    "celu": celu, "elu": elu, "selu": selu, "squareplus": squareplus, "logcosh": logcosh, "tanhshrink": tanhshrink, "trelu": threshold,
    "leakyrelu": leaky, "softshrink": shrunk, "rrelu": lambda x, low=1 / 8, high=1 / 3: leaky(x, (low + high) / 2),
    "geluTanh": lambda x: x * logistic(math.sqrt(8 / math.pi) * (x + 0.044715 * x ** 3)), "swish": lambda x: x * logistic(x),
    "mish": F.mish, "lisht": lambda x: x * torch.tanh(x), "softsign": lambda x: x / (1 + x.abs()), "relu6": F.relu6, "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish,
    "sigmoidFast": torch.sigmoid, "tanhFast": torch.tanh,
    "logsigmoid": lambda x: torch.clamp(x, max=0) - torch.log1p(torch.exp(-x.abs())),
})
# Whose values and derivatives are finite wherever x is.
TAME = set("""sigmoid softplus relu gelu celu elu geluTanh hardsigmoid hardswish hardtanh leakyrelu lisht logcosh logsigmoid mish relu6 rrelu selu
    sigmoidFast softshrink softsign squareplus swish tanhFast tanhshrink trelu tanh erf sin cos abs""".split())
# Which keep the sign of 0, as PyTorch does.
SIGNED = set(FUNCTIONS) - {"relu6", "softshrink", "logsigmoid"}
# Where autograd's derivative, made from the result, loses the tail, or is wrong at the joint.
DERIVATIVES = {
    "tanh": lambda x: 1 / torch.cosh(x) ** 2,
    "expm1": torch.exp,
    "sigmoid": slope_of_logistic,
    "softplus": logistic,
    "logsigmoid": lambda x: logistic(-x),
    "elu": lambda x, alpha=1.0: torch.where(x >= 0, torch.ones_like(x), alpha * torch.exp(torch.clamp(x, max=0))),
    "celu": lambda x, alpha=1.0: torch.where(x >= 0, torch.ones_like(x), torch.exp(torch.where(x >= 0, torch.zeros_like(x), x) / alpha)),
    "selu": lambda x: torch.where(x > 0, torch.full_like(x, 1.0507009873554805), 1.7580993408473766 * torch.exp(torch.clamp(x, max=0))),
    "abs": torch.sign,
    "hardsigmoid": lambda x: torch.where(x.abs() < 3, torch.full_like(x, 1 / 6), torch.zeros_like(x)),
    "hardswish": lambda x: torch.where(x > 3, torch.ones_like(x), torch.where(x < -3, torch.zeros_like(x), x / 3 + 0.5)),
    "tanhFast": lambda x: 1 / torch.cosh(x) ** 2,
    "sigmoidFast": slope_of_logistic,
    "logcosh": torch.tanh,
    "tanhshrink": lambda x: torch.tanh(x) ** 2,
    "softsign": lambda x: 1 / (1 + x.abs()) ** 2,
}
# Terms of a derivative cancel where it crosses 0; a factor of the value is a small subnormal number before the value is one.
FLOOR = {("gelu", "value"): 4e-44, ("mish", "value"): 1e-43, ("swish", "value"): 1e-43, ("hardswish", "value"): 1e-6, ("hardsigmoid", "value"): 2e-7, ("squareplus", "value"): 1e-36}


def problems(x, got, right):
    with np.errstate(all="ignore"):
        rounded = right.astype(np.float32)
        unit = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(right), TINY))) - 23)
        floor = FLOOR.get((name, kind), 0)
        if kind != "value" and name in TAME:
            floor = np.where(np.abs(x) < 10, 3e-7, 1e-34) if kind == "derivative" else 2e-6
        off = (np.abs(got.astype(np.float64) - right) - floor) / unit
    # A derivative at NaN or infinity is whatever the formula gives there.
    nan = (np.isnan(got) != np.isnan(x if kind == "value" else right)) & ((kind == "value") | np.isfinite(x)) & ~((kind == "value") & np.isnan(right))
    if name not in TAME or kind == "value":
        yield "is NaN, or is not", nan
    if name in TAME:
        yield "is not finite", np.isfinite(x) & (np.abs(x) < 1e38) & ~np.isfinite(got)
    # Where the rounded result is infinite or the largest float, either may come.
    edge = np.abs(right) > 3.4e38
    yield "is infinite, or is not", ~nan & ~edge & (np.isinf(got) != np.isinf(rounded))
    finite = np.isfinite(got) & np.isfinite(right) & ~edge & ~np.isnan(x)
    if kind != "value" and name in TAME:
        # What autograd made of infinities times 0.
        finite &= np.isfinite(x) & ((kind == "derivative") | (x != 0))
    most = MOST[kind] if kind == "derivative" else max(MOST[kind], MOST_OF.get(name, 0))
    yield "is off", finite & (off > most)
    yield "has the other zero", finite & (kind == "value") & (name in SIGNED) & (got == 0) & (right == 0) & (np.signbit(got) != np.signbit(right))


path, count, *names = sys.argv[1:]
parts = np.fromfile(path, np.float32).reshape(-1, int(count))
x = parts[0]
for i, text in enumerate(names):
    name, *numbers = text.split(":")
    t = torch.tensor(x.astype(np.float64), requires_grad=True)
    y = FUNCTIONS[name](t, *map(float, numbers))
    derivative = DERIVATIVES[name](t, *map(float, numbers)) if name in DERIVATIVES else torch.autograd.grad(y.sum(), t, create_graph=True)[0]
    # Of the second one only the activations' are compared.
    second = torch.autograd.grad(derivative.sum(), t)[0] if name in TAME and derivative.requires_grad else None
    for kind, got, right in (("value", parts[1 + 3 * i], y), ("derivative", parts[2 + 3 * i], derivative), ("second derivative", parts[3 + 3 * i], second)):
        if right is None:
            continue
        right = right.detach().numpy()
        for problem, where in problems(x, got, right):
            if where.any():
                at = np.argmax(where)
                print(f"{text}: the {kind} {problem}: {got[at]!r} instead of {right[at]!r} at {x[at]!r}, and {where.sum() - 1} more")
