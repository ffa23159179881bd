"""Holds losses that losses.mjs wrote to the formulas of test/oracle in double precision, and where it has them to PyTorch's own: losses.py FILE"""
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "oracle"))
import losses as oracle  # noqa: E402
from compare import compared, decode, gradients, plain, problem, weighed  # noqa: E402

agrees = oracle.agrees


def scored(logarithms):
    def loss(x, y, options):
        return oracle.likelihood(logarithms(x, options), y, options)
    return loss


def ctc(x, y, options):
    """Of no steps at all PyTorch reads what is not there."""
    n = 1 if x.dim() == 2 else x.shape[0]
    lengths = options.get("lengths", [x.shape[-2]] * n)
    counts = options.get("targetLengths", [y.shape[-1]] * n)
    ours = oracle.ctc(x, y, {**options, "lengths": [max(1, each) for each in lengths], "agg": "identity"})
    none = torch.tensor([each == 0 for each in lengths]).reshape(ours.shape)
    empty = torch.tensor([0.0 if each == 0 else torch.inf for each in counts]).reshape(ours.shape)
    return oracle.aggregated(torch.where(none, empty, ours), options)


FORMULAS = {
    **{name: oracle.by_element(f) for name, f in dict(
        msle=oracle.msle, huber=oracle.huber, poisson=oracle.poisson, hinge=oracle.margin,
        squaredHinge=lambda x, y, o: oracle.margin(x, y, o).square(), siameseContrastive=oracle.siamese_contrastive,
        binaryCrossEntropy=oracle.binary_cross_entropy, binaryFocal=oracle.binary_focal).items()},
    "mae": oracle.mae, "mse": oracle.mse, "dice": oracle.overlap(oracle.dice), "tversky": oracle.overlap(oracle.tversky),
    "logitBinaryCrossEntropy": oracle.logit_binary_cross_entropy, "logitCrossEntropy": oracle.logit_cross_entropy,
    "crossEntropy": scored(lambda x, o: torch.log(x + o.get("eps", oracle.MACHINE))),
    "klDivergence": oracle.kl_divergence, "focal": oracle.focal, "ctc": ctc,
}


def aggregated(name, x, y, options, agg):
    if name == "labelSmoothing":
        return oracle.label_smoothing(x, y, options)
    if agg in ("mean", "sum", "identity"):
        return FORMULAS[name](x, y, {**options, "agg": agg})
    losses = FORMULAS[name](x, y, {**options, "agg": "identity"})
    return losses.square().sum() * 0.5 if agg == "own" else torch.logsumexp(losses.reshape(-1), 0)


def compute(record, dtype):
    torch.set_default_dtype(dtype)
    # In single precision two formulas differ by more.
    oracle.agrees = agrees if dtype == torch.float64 else lambda ours, theirs: ours
    leaves = {}

    def made(each):
        if not isinstance(each, dict):
            return each
        x = torch.tensor(decode(each["data"], each["shape"]), dtype=dtype)
        if each["leaf"] < 0:
            return x if each["dtype"] == "float32" else x.to(getattr(torch, each["dtype"]))
        leaves[each["leaf"]] = x.requires_grad_()
        return x

    x, y = made(record["x"]), made(record["y"])
    options = {name: made(each) for name, each in record["options"].items()}
    options = {name: each.to(dtype) if isinstance(each, torch.Tensor) else each for name, each in options.items()}
    if isinstance(y, float | int) and record["name"] != "labelSmoothing":
        y = torch.tensor(float(y), dtype=dtype).expand(x.shape)
    elif isinstance(y, torch.Tensor) and y.dim() == 0 and x.dim() > 0 and record["name"] not in ("ctc", "labelSmoothing", "crossEntropy", "klDivergence", "focal", "logitCrossEntropy"):
        y = y.expand(x.shape)
    ordered = [leaves[i] for i in sorted(leaves)]
    value = aggregated(record["name"], x, y, options, record["agg"])
    first = gradients(weighed(value, 1), ordered, create_graph=True)
    total = torch.zeros((), dtype=dtype)
    for i, g in enumerate(first):
        total = total + weighed(g, i + 0.5)
    # PyTorch has no second derivative of its ctc.
    second = gradients(total, ordered) if record["name"] != "ctc" else []
    return [[plain(x) for x in each] for each in ([value], first, second)], [list(x.shape) for x in ordered]


def check(record):
    if 0 in record["x"]["shape"] and record["agg"] == "mean" or 0 in record["x"]["shape"] and record["name"] == "labelSmoothing":
        return None
    double, shapes = compute(record, torch.float64)
    single, _ = compute(record, torch.float32)
    name = record["name"]
    wrong = problem(decode(record["value"], record["shape"]), double[0][0], single[0][0])
    if wrong:
        return f"{name}: value: {wrong}"
    for level, what in ((1, "gradient"), (2, "second derivative")):
        # What cancels in a second derivative is as large as the first ones.
        floor = 2e-6 * max([1, *(np.abs(each).max(initial=0) for each in double[1])]) if level == 2 else 1e-6
        texts = record["first" if level == 1 else "second"]
        for i, (right, near) in enumerate(zip(double[level], single[level])):
            wrong = problem(decode(texts[i], shapes[i]), right, near, floor)
            if wrong is not None:
                if wrong:
                    return f"{name}: {what} {i}: {wrong}"
                break
    return None


compared(check)
