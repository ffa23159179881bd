"""Holds convolutions, poolings, norms and upsampling that vision.mjs wrote to PyTorch in double precision: vision.py FILE"""
import numpy as np
import torch
from torch.nn import functional

from compare import compared, decode, gradients, plain, problem, weights

CONVOLUTIONS = ("conv", "convTranspose", "depthwiseConv")


def listed(value, axes):
    return [value] * axes if isinstance(value, (int, float)) else value


def sides_of(pad, axes, totals):
    """Zeros before and behind each axis, of so many in all with 'same'."""
    if pad == "same":
        return [(n // 2, n - n // 2) for n in totals]
    pad = listed(pad, axes)
    return [(pad[2 * k], pad[2 * k + 1]) for k in range(axes)] if len(pad) > axes else [(n, n) for n in pad]


def padded(x, sides, value=0.0):
    return functional.pad(x, [n for low, high in reversed(sides) for n in (low, high)], value=value)


def convolution(name, a, o):
    x, weight, bias = a if len(a) > 2 else (*a, None)
    axes = x.dim() - 2
    stride, dilation = listed(o["stride"], axes), listed(o["dilation"], axes)
    groups = x.shape[1] if name == "depthwiseConv" else o["groups"]
    kernel = weight.shape[2:]
    totals = [dilation[k] * (kernel[k] - 1) for k in range(axes)]
    sides = sides_of(o["pad"], axes, totals)
    if name != "convTranspose":
        w = weight.flip(list(range(2, axes + 2))) if o.get("flipKernel") else weight
        return getattr(functional, f"conv{axes}d")(padded(x, sides), w, bias, stride, 0, dilation, groups)
    out_pad = listed(o["outPad"], axes)
    if o["pad"] == "same":
        # The adjoint of a convolution of n stride places, but for places behind that its stride leaves out.
        highs = [sides[k][1] + 1 - stride[k] for k in range(axes)]
        out_pad = [-highs[k] if highs[k] < 0 else out_pad[k] for k in range(axes)]
        sides = [(sides[k][0], max(highs[k], 0)) for k in range(axes)]
    y = getattr(functional, f"conv_transpose{axes}d")(x, weight, None, stride, 0, 0, groups, dilation)
    y = functional.pad(y, [n for k in reversed(range(axes)) for n in (-sides[k][0], out_pad[k] - sides[k][1])])
    return y if bias is None else y + bias.reshape([-1, *[1] * axes])


def pooling(name, a, o):
    (x,) = a
    axes = x.dim() - 2
    window = listed(o["window"], axes)
    stride = listed(o.get("stride", window), axes)
    sides = sides_of(o.get("pad", 0), axes, [n - 1 for n in window])
    if name == "maxPool":
        return getattr(functional, f"max_pool{axes}d")(padded(x, sides, -torch.inf), window, stride)
    pool = getattr(functional, f"avg_pool{axes}d")
    # Of what is no number in a window only the sum tells.
    count = 1 if o.get("countPadding", True) else pool(padded(torch.ones_like(x.detach()), sides), window, stride)
    return pool(padded(x, sides), window, stride) / count


def upsample(a, o):
    (x,) = a
    axes = x.dim() - 2
    given = listed(o.get("size", o.get("scale")), axes)
    size = given if "size" in o else [int(n * s) for n, s in zip(x.shape[2:], given)]
    if o["mode"] == "nearest":
        for k, count in enumerate(size):
            x = x.index_select(k + 2, torch.tensor([i * x.shape[k + 2] // count for i in range(count)]))
        return x
    return functional.interpolate(x, size, mode=o["mode"], align_corners=o.get("alignCorners", True))


def shuffle(a, o):
    (x,) = a
    axes, r = x.dim() - 2, o["r"]
    n, c, *sizes = x.shape
    apart = x.reshape([n, c // r ** axes, *[r] * axes, *sizes])
    order = [each for k in range(axes) for each in (2 + axes + k, 2 + k)]
    return apart.permute([0, 1, *order]).reshape([n, c // r ** axes, *[r * size for size in sizes]])


def norm(name, a, o):
    x, *rest = a
    given = dict(zip(o["names"], rest))
    rank = x.dim()
    view, axes = x, None
    if name in ("layerNorm", "rmsNorm"):
        sizes = listed(o.get("sizes", x.shape[-1]), 1)
        axes = list(range(rank - len(sizes), rank))
        shape = sizes
    else:
        shape = [-1, *[1] * (rank - 2)]
        if name == "groupNorm":
            view = x.reshape([x.shape[0], o["groups"], -1]) if x.numel() else x.reshape([0, o["groups"], 1])
        axes = [k for k in range(rank) if k != 1] if name == "batchNorm" else list(range(2, view.dim()))
    if x.numel() == 0:
        y = x * 0
    elif name == "rmsNorm":
        y = x / torch.sqrt((x * x).mean(-1, keepdim=True) + o["eps"])
    else:
        if "mean" in given:
            mean, variance = given["mean"].reshape(shape), given["variance"].reshape(shape)
        else:
            mean = view.mean(axes, keepdim=True)
            variance = ((view - mean) ** 2).mean(axes, keepdim=True)
        y = ((view - mean) / torch.sqrt(variance + o["eps"])).reshape(x.shape)
    y = y * given["scale"].reshape(shape) if "scale" in given else y
    return y + given["bias"].reshape(shape) if "bias" in given else y


def value_of(name, a, o):
    if name in CONVOLUTIONS:
        return convolution(name, a, o)
    if name in ("maxPool", "meanPool"):
        return pooling(name, a, o)
    if name.startswith("adaptive"):
        axes = a[0].dim() - 2
        return getattr(functional, f"adaptive_{'max' if 'Max' in name else 'avg'}_pool{axes}d")(a[0], listed(o["out"], axes))
    if name == "globalMaxPool":
        return functional.max_pool1d(a[0].flatten(2), a[0][0, 0].numel() if len(a[0]) else 1).reshape([*a[0].shape[:2], *[1] * (a[0].dim() - 2)])
    if name == "globalMeanPool":
        return a[0].mean(list(range(2, a[0].dim())), keepdim=True)
    if name == "upsample":
        return upsample(a, o)
    return shuffle(a, o) if name == "pixelShuffle" else norm(name, a, o)


def compute(record, dtype, is_bound=False):
    """With `is_bound` what the same sums come to with absolute values: how hard they are to compute."""
    size = np.abs if is_bound else lambda x: x
    leaves = [torch.tensor(size(decode(each["data"], each["shape"])), dtype=dtype, requires_grad=True) for each in record["leaves"]]

    def weighed(x, phase):
        return (x * torch.tensor(size(weights(x.numel(), phase)).reshape(x.shape), dtype=dtype)).sum()

    value = value_of(record["name"], leaves, record["options"])
    first = gradients(weighed(value, 1), leaves, create_graph=True)
    total = sum((weighed(g, i + 0.5) for i, g in enumerate(first)), torch.zeros((), dtype=dtype))
    second = gradients(total, leaves)
    return [[plain(x) for x in each] for each in ([value], first, second)]


#: How many units in the last place of the sum of absolute values a sum may be off.
UNITS = 12


def bounded(got, right, bound):
    if got.shape != right.shape:
        return f"shape {got.shape} instead of {right.shape}"
    off = np.abs(got.astype(np.float64) - right) / (UNITS * 2.0**-24 * bound + 1e-38)
    if off.size and not off.max() <= 1:
        worst = np.unravel_index(int(np.nanargmax(np.where(np.isnan(off), np.inf, off))), off.shape)
        return f"{got[worst]} instead of {right[worst]}, {off[worst] * UNITS:.1f} units of {bound[worst]}"
    return None


def check(record):
    name = record["name"]
    if 0 in record["shape"]:
        shapes = [each["shape"] for each in record["leaves"]]
        for level in ("first", "second"):
            for text, shape in zip(record[level], shapes):
                if decode(text, shape).any():
                    return f"{name}: a derivative of nothing is not 0"
        return None
    double = compute(record, torch.float64)
    shapes = [each["shape"] for each in record["leaves"]]
    got = [[decode(record["value"], record["shape"])], *[[decode(t, s) for t, s in zip(record[level], shapes)] for level in ("first", "second")]]
    whats = ("value", "gradient", "second derivative")
    if name in CONVOLUTIONS and not record["isOdd"]:
        bound = compute(record, torch.float64, True)
        for what, gots, rights, bounds in zip(whats, got, double, bound):
            for i, all_ in enumerate(zip(gots, rights, bounds)):
                wrong = bounded(*all_)
                if wrong:
                    return f"{name}: {what} {i}: {wrong}"
        return None
    single = compute(record, torch.float32)
    for level, what in enumerate(whats):
        for i, (mine, right, near) in enumerate(zip(got[level], double[level], single[level])):
            if name in (*CONVOLUTIONS, "upsample"):
                # PyTorch multiplies zeros by infinities, too; what it gives a number for is to be that number.
                mine = np.where(np.isnan(right), np.float32(np.nan), mine)
            if name in CONVOLUTIONS and record["isOdd"] and not np.isfinite(decode(record["leaves"][1]["data"], shapes[1])).all():
                # So do we, where a stride is done by zeros between the entries of what comes.
                right = np.where(np.isnan(mine), np.nan, right)
            # What cancels is divided by the root of eps, and in a second derivative as large as the first ones.
            floor = 2e-6 * max([1, *(np.abs(x[np.isfinite(x)]).max(initial=0) for x in double[1])]) if level == 2 else 1e-6
            floor = max(floor, 1e-6 / np.sqrt(record["options"].get("eps", 1)))
            wrong = problem(mine, right, near, floor)
            if wrong is not None:
                if wrong:
                    return f"{name}: {what} {i}: {wrong}"
                break
    return None


if __name__ == "__main__":
    compared(check)
