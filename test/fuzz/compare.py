"""What all programs that hold something to PyTorch have in common."""
import base64
import json
import sys

import numpy as np
import torch

torch.set_num_threads(1)


def decode(text, shape):
    return np.frombuffer(base64.b64decode(text), dtype=np.float32).reshape(shape)


def weights(count, phase):
    return np.floor(np.cos(np.arange(count, dtype=np.float64) * 0.7 + phase) * 64 + 0.5) / 64


def weighed(x, phase):
    return (x * torch.tensor(weights(x.numel(), phase).reshape(x.shape), dtype=x.dtype)).sum()


def gradients(y, leaves, **options):
    if not y.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    found = torch.autograd.grad(y, leaves, allow_unused=True, **options)
    return [torch.zeros_like(leaf) if g is None else g for g, leaf in zip(found, leaves)]


def problem(got, right, single, floor=1e-6):
    """What is wrong with `got`; the error of PyTorch in single precision, or of several runs of it one behind the other, says how hard it is to compute. None: right; False: not to be compared from here on."""
    if got.shape != right.shape:
        return f"shape {got.shape} instead of {right.shape}"
    if got.size == 0:
        return None
    with np.errstate(all="ignore"):
        if (np.abs(right[np.isfinite(right)]) > 1e37).any():
            return False
        nan = np.isnan(got) != np.isnan(right)
        if nan.any():
            return f"{got[nan][0]} instead of {right[nan][0]}"
        infinite = (np.isinf(got) | np.isinf(right)) & ~np.isnan(right) & (got != right) & ~(np.abs(right) > 1e37)
        if infinite.any():
            return f"{got[infinite][0]} instead of {right[infinite][0]}"
        finite = np.isfinite(got) & np.isfinite(right)
        if not finite.any():
            return None
        got, right, single = got[finite].astype(np.float64), right[finite], single[..., finite]
        rounding = np.abs(np.where(np.isfinite(single), single - right, np.inf)).max()
        off = np.abs(got - right) / (40 * rounding + 3e-6 * np.abs(right) + 2e-6 * np.abs(right).max() + floor)
        worst = int(np.argmax(off))
        return f"{got[worst]} instead of {right[worst]}" if off[worst] > 1 else None


def plain(x):
    """Derivatives that are 0 may come as tensors without memory, of which NumPy would read garbage: added to zeros they have some."""
    return (x.detach() + torch.zeros(x.shape, dtype=x.dtype)).numpy().astype(np.float64)


def moved(x, generator):
    """Its numbers, each of which is its neighbour in single precision or itself."""
    return x * (1 + 2**-23 * torch.randint(-1, 2, x.shape, generator=generator))


def checker(values_of, *others):
    """
    A check of records with `leaves` that `values_of(options, leaves, inputs)` makes a list of results of: their values, the gradients of their sum, and of those.
    One run in single precision may be lucky, so that its errors say too little: where something is off there are more, of inputs that are moved by the last bit,
    and by `others`, other formulas of the same.
    """

    def compute(record, dtype, formula=values_of, generator=None):
        tensors = [torch.tensor(decode(each["data"], each["shape"])) for each in record["leaves"]]
        if generator:
            tensors = [moved(x, generator) for x in tensors]
        leaves = [x.to(dtype).requires_grad_() for x in tensors]
        values = formula(record["options"], leaves, record["inputs"])
        first = gradients(sum(weighed(y, i + 1) for i, y in enumerate(values)), leaves, create_graph=True)
        total = sum((weighed(g, i + 0.5) for i, g in enumerate(first)), torch.zeros((), dtype=dtype))
        second = gradients(total, leaves)
        return dict(zip(("values", "first", "second"), [[plain(x) for x in each] for each in (values, first, second)]))

    def wrong_with(record, right, singles):
        shapes = {"values": record["shapes"], **{part: [each["shape"] for each in record["leaves"]] for part in ("first", "second")}}
        parts = [("", part, range(len(record[part])), record[part]) for part in ("values", "first", "second")]
        for form, part, places, texts in parts + [(f"{each['form']}, ", each["what"], each["of"], each["datas"]) for each in record.get("forms", [])]:
            for i, text in zip(places, texts):
                wrong = problem(decode(text, shapes[part][i]), right[part][i], np.stack([single[part][i] for single in singles]), record.get("floor", 1e-6))
                if wrong is False:
                    return None
                if wrong:
                    return f"{form}{part} {i}: {wrong}"
        return None

    def check(record):
        right, singles = compute(record, torch.float64), [compute(record, torch.float32)]
        if not wrong_with(record, right, singles):
            return None
        generator = torch.Generator().manual_seed(record["seed"])
        singles += [compute(record, torch.float32, formula) for formula in others]
        singles += [compute(record, torch.float32, formula, generator) for formula in (values_of, *others) for _ in range(3)]
        return wrong_with(record, right, singles)

    return check


def compared(check):
    """Runs `check` on each record of the file, and prints [seed], and then [seed, problem], as lines of JSON."""
    for line in open(sys.argv[1]):
        record = json.loads(line)
        print(json.dumps([record["seed"]]), flush=True)
        wrong = check(record)
        if wrong:
            print(json.dumps([record["seed"], wrong]), flush=True)
