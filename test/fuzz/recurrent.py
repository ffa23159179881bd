"""Holds recurrent layers that recurrent.mjs wrote to their formulas in PyTorch, and these to torch.nn where it has them: recurrent.py FILE"""
import torch
from torch import nn

from compare import checker, compared

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3, "GRUv3": 3}
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "swish": nn.functional.silu}


def fields_of(o):
    """What one cell has, in the order of the walk."""
    names = ["Wi", "Wh"] + (["bias"] if o.get("bias", True) else []) + (["hiddenBias"] if o.get("recurrentBias") else [])
    names += ["Wn"] if o["kind"] == "GRUv3" else []
    return names + ((["h0", "c0"] if o["kind"] == "LSTM" else ["h0"]) if o.get("trainState") else [])


def step(o, p, x, state):
    kind, n, h = o["kind"], o["units"], state[0]
    i = x @ p["Wi"].T + p.get("bias", 0)
    if kind == "GRUv3":
        r, z = torch.sigmoid(i[:, : 2 * n] + h @ p["Wh"].T).split(n, 1)
        new = torch.tanh(i[:, 2 * n :] + (r * h) @ p["Wn"].T)
        return [(1 - z) * new + z * h]
    u = h @ p["Wh"].T
    if kind == "RNN":
        return [ACTIVATIONS[o["activation"]](i + u)]
    if kind == "LSTM":
        i, f, g, out = (i + u).split(n, 1)
        c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
        return [torch.sigmoid(out) * torch.tanh(c), c]
    (ir, iz, i_n), (ur, uz, un) = i.split(n, 1), u.split(n, 1)
    r, z = torch.sigmoid(ir + ur), torch.sigmoid(iz + uz)
    new = torch.tanh(i_n + r * (un + p.get("hiddenBias", 0)))
    return [(1 - z) * new + z * h]


def one_way(o, p, x, state, lengths, reverse):
    ys, steps = [None] * x.shape[1], range(x.shape[1])
    first = state
    for t in reversed(steps) if reverse else steps:
        new = step(o, p, x[:, t], state)
        there = (lengths > t)[:, None]
        state = [torch.where(there, a, b) for a, b in zip(new, state)]
        ys[t] = torch.where(there, new[0], torch.zeros_like(new[0]))
    y = torch.stack(ys, 1)
    if o["kind"] in ("RNN", "LSTM", "GRU") and o.get("activation", "tanh") in ("tanh", "relu") and not reverse and o["lengths"] is None and x.dtype == torch.float64 and len(x):
        more = {"nonlinearity": o["activation"]} if o["kind"] == "RNN" else {}
        module = getattr(nn, o["kind"])(x.shape[2], o["units"], batch_first=True, **more).double()
        bias = p.get("bias", torch.zeros(len(p["Wi"]), dtype=x.dtype))
        hidden = torch.zeros_like(bias)
        if "hiddenBias" in p:
            hidden = torch.cat([hidden[: 2 * o["units"]], p["hiddenBias"]])
        with torch.no_grad():
            for name, value in (("weight_ih_l0", p["Wi"]), ("weight_hh_l0", p["Wh"]), ("bias_ih_l0", bias), ("bias_hh_l0", hidden)):
                getattr(module, name).copy_(value)
            given = [s[None].contiguous() for s in first]
            theirs = module(x, tuple(given) if len(given) > 1 else given[0])[0]
        assert torch.allclose(theirs, y, rtol=1e-9, atol=1e-11)
    return y, state


def results(o, leaves, inputs):
    x, *given = leaves[:inputs]
    rest = iter(leaves[inputs:])
    names, ways, count = fields_of(o), 2 if o["bidirectional"] else 1, 2 if o["kind"] == "LSTM" else 1
    cells = [{name: next(rest) for name in names} for _ in range(o["layers"] * ways)]
    flow = x[None] if o["isOne"] else x
    batch, n = len(flow), o["units"]
    lengths = torch.full([batch], flow.shape[1]) if o["lengths"] is None else torch.tensor(o["lengths"], dtype=torch.int64)
    states = [g.reshape(len(cells), -1, n).expand(-1, batch, -1) if g.numel() else g.reshape(len(cells), batch, n) for g in given]
    last = []
    for _ in range(o["layers"]):
        ys = []
        for way in range(ways):
            p = cells[len(last)]
            state = [s[len(last)] for s in states]
            if not state:
                state = [p[key].expand(batch, n) if key in p else flow.new_zeros(batch, n) for key in ("h0", "c0")[:count]]
            y, end = one_way(o, p, flow, state, lengths, way == 1)
            ys.append(y)
            last.append(end)
        flow = torch.cat(ys, 2)
    outs = [flow, *(torch.stack([each[i] for each in last]) if len(cells) > 1 else last[0][i] for i in range(count))]
    if not o["isOne"]:
        return outs
    return [outs[0][0], *(e[:, 0] if len(cells) > 1 else e[0] for e in outs[1:])]


if __name__ == "__main__":
    compared(checker(lambda o, leaves, inputs: results({"lengths": None, "activation": "tanh", **o}, leaves, inputs)))
