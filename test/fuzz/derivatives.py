"""Holds derivatives of other shapes, of graphs that derivatives.mjs wrote, to torch.autograd.functional in double precision: derivatives.py FILE"""
import torch
from torch.autograd import functional

from compare import compared, decode, plain, problem, weighed
from graphs import OPERATIONS


def derivatives(record, dtype):
    leaves = [torch.tensor(decode(leaf["data"], leaf["shape"]), dtype=dtype) for leaf in record["leaves"]]
    tangents = [torch.tensor(decode(leaf["tangent"], leaf["shape"]), dtype=dtype) for leaf in record["leaves"]]

    def value(*xs):
        values = {leaf["at"]: x for leaf, x in zip(record["leaves"], xs)}
        for node in record["nodes"]:
            values[node["out"]] = OPERATIONS[node["op"]]([values[i] for i in node["in"]], **node["o"])
        return values[record["of"]]

    xs, vs = tuple(leaves), tuple(tangents)
    found = {"jacobian": functional.jacobian(value, xs), "jvp": functional.jvp(value, xs, vs)[1:]}
    scalar = lambda *xs: weighed(value(*xs), 1)
    hessian = functional.hessian(scalar, xs)
    found["hessian"] = [each for row in hessian for each in row]
    found["diagonal"] = [torch.diagonal(row[i].reshape(x.numel(), x.numel())).reshape(x.shape) for i, (row, x) in enumerate(zip(hessian, xs))]
    found["hvp"] = functional.vhp(scalar, xs, vs)[1]
    return {name: [plain(each) for each in list_] for name, list_ in found.items()}


def check(record):
    double, single = derivatives(record, torch.float64), derivatives(record, torch.float32)
    for name, list_ in double.items():
        for i, right in enumerate(list_):
            got = decode(record[name][i], right.shape)
            wrong = problem(got, right, single[name][i], 5e-6)
            if wrong is not None:
                return f"{name} {i}: {wrong}" if wrong else None
    return None


compared(check)
