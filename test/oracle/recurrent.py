"""Recurrent cells and layers: values, last states, and the gradients of input, states and parameters, for some also those of a gradient."""
import zlib

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from records import EPSILON, Call, Named, as_json, encoded, filled, largest, rounded_up

GATES = {'RNN': 1, 'LSTM': 4, 'GRU': 3, 'GRUv3': 3}
H, IN = 4, 3


class GRUv3(nn.Module):
    """PyTorch has none: arXiv 1406.1078v3, in its own words."""

    def __init__(self, inputs, units):
        super().__init__()
        self.Wi, self.Wh = (nn.Parameter(torch.zeros(n * units, m, dtype=torch.float64)) for n, m in ((3, inputs), (2, units)))
        self.b = nn.Parameter(torch.zeros(3 * units, dtype=torch.float64))
        self.Wn = nn.Parameter(torch.zeros(units, units, dtype=torch.float64))
        self.units = units

    def step(self, x, h):
        i, n = (x @ self.Wi.T + self.b), self.units
        r, z = (torch.sigmoid(i[:, k * n:k * n + n] + h @ self.Wh[k * n:k * n + n].T) for k in (0, 1))
        return (1 - z) * torch.tanh(i[:, 2 * n:] + (r * h) @ self.Wn.T) + z * h


def numpy_step(x, h, Wi, Wh, b, Wn):
    """The same in NumPy: what holds the class above."""
    n = h.shape[1]
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    i = x @ Wi.T + b
    r, z = sigmoid(i[:, :n] + h @ Wh[:n].T), sigmoid(i[:, n:2 * n] + h @ Wh[n:].T)
    return (1 - z) * np.tanh(i[:, 2 * n:] + (r * h) @ Wn.T) + z * h


class Way:
    """The parameters of one cell, as the walk goes through them, and what PyTorch has in their place."""

    def __init__(self, row, at, inputs):
        o, op = row.options, row.kind
        g = GATES[op]
        self.fields = {'Wi': [g * H, inputs], 'Wh': [(2 if op == 'GRUv3' else g) * H, H]}
        if o.get('bias', True):
            self.fields['bias'] = [g * H]
        if o.get('recurrentBias'):
            self.fields['hiddenBias'] = [H]
        if op == 'GRUv3':
            self.fields['Wn'] = [H, H]
        if o.get('trainState'):
            self.fields.update({'h0': [H], **({'c0': [H]} if op == 'LSTM' else {})})
        self.specs = {key: row.seeded(f'{at}/{key}', shape, row.bound) for key, shape in self.fields.items()}
        self.values = {key: spec.torch().requires_grad_() for key, spec in self.specs.items()}


class Sequence:
    """`op(inputs, units, ...options)` of x [b, t, in] (or [t, in]; of a cell [b, in]), with states or none, and lengths."""

    def __init__(self, op, name, shape, states=None, lengths=None, second=False, activation=None, bound=0.9, inner=None, **options):
        self.op, self.name, self.shape, self.states, self.lengths = op, name, shape, states, lengths
        self.second, self.activation, self.bound, self.options = second, activation, bound, options
        self.inner, self.kind, self.is_cell = inner, (inner or op).replace('Cell', ''), op.endswith('Cell')

    def seeded(self, part, shape, bound=1.0):
        tensor = filled(shape, -bound, bound)
        tensor.seed = zlib.crc32(f'{self.op}/{self.name}/{part}'.encode()) & 0xFFFF
        return tensor

    def one_way(self, way, x, state, lengths, reverse):
        """x [b, t, in], state a list of [b, h]: y [b, t, h] and the last states."""
        v = way.values
        if self.kind == 'GRUv3':
            module = GRUv3(x.shape[2], H)
            for key, value in (('Wi', v['Wi']), ('Wh', v['Wh']), ('b', v.get('bias', torch.zeros(3 * H, dtype=torch.float64))), ('Wn', v['Wn'])):
                delattr(module, key)
                setattr(module, key, value)
            h, ys = state[0], [None] * x.shape[1]
            for t in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
                there = (torch.tensor(lengths) > t)[:, None] if lengths else torch.ones(len(x), 1, dtype=torch.bool)
                new = module.step(x[:, t], h)
                expected = numpy_step(*(a.detach().numpy() for a in (x[:, t], h, module.Wi, module.Wh, module.b, module.Wn)))
                assert np.allclose(new.detach().numpy(), expected, rtol=1e-12, atol=1e-14)
                h = torch.where(there, new, h)
                ys[t] = torch.where(there, new, torch.zeros_like(new))
            return torch.stack(ys, 1), [h]
        module = {'RNN': nn.RNN, 'LSTM': nn.LSTM, 'GRU': nn.GRU}[self.kind](
            x.shape[2], H, batch_first=True, **({'nonlinearity': self.activation or 'tanh'} if self.kind == 'RNN' else {})).double()
        b = v.get('bias', torch.zeros(GATES[self.kind] * H, dtype=torch.float64))
        hidden = torch.cat([torch.zeros(2 * H, dtype=torch.float64), v['hiddenBias']]) if 'hiddenBias' in v else torch.zeros_like(b)
        module._flat_weights = [v['Wi'], v['Wh'], b, hidden]
        packed = x
        if reverse:
            # PyTorch's own reverse has other names and no forward part: turned around by hand, each row within its length.
            index = torch.stack([torch.cat([torch.arange(n - 1, -1, -1), torch.arange(n, x.shape[1])]) for n in lengths or [x.shape[1]] * len(x)])
            packed = torch.gather(x, 1, index[:, :, None].expand(-1, -1, x.shape[2]))
        given = tuple(s[None] for s in state)
        call = pack_padded_sequence(packed, torch.tensor(lengths), batch_first=True, enforce_sorted=False) if lengths else packed
        y, last = module(call, given if self.kind == 'LSTM' else given[0])
        if lengths:
            y = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0]
        if reverse:
            y = torch.gather(y, 1, index[:, :, None].expand(-1, -1, H))
        return y, [s[0] for s in (last if self.kind == 'LSTM' else (last,))]

    def records(self):
        o = self.options
        count, ways = 2 if self.kind == 'LSTM' else 1, 2 if o.get('bidirectional') else 1
        layers = o.get('layers', 1)
        cells = [Way(self, f'{layer}/{way}', IN if layer == 0 else H * ways) for layer in range(layers) for way in range(ways)]
        x = self.seeded('x', self.shape, 2)
        value = x.torch().requires_grad_()
        flow = value[:, None] if self.is_cell and len(self.shape) > 1 else value
        if self.is_cell and len(self.shape) == 1:
            flow = value[None, None]
        elif flow.dim() == 2:
            flow = flow[None]
        batch = len(flow)
        states = [self.seeded(f'state{i}', self.states) for i in range(count)] if self.states else []
        given = [s.torch().requires_grad_() for s in states]
        whole = [g.reshape(layers * ways, -1, H).expand(-1, batch, -1) for g in given]
        last = []
        for layer in range(layers):
            ys = []
            for way in range(ways):
                cell = cells[len(last)]
                zeros = torch.zeros(batch, H, dtype=torch.float64)
                trained = [cell.values[key].expand(batch, -1) for key in ('h0', 'c0') if key in cell.values]
                state = [w[len(last)] for w in whole] or trained or [zeros] * count
                y, end = self.one_way(cell, flow, state, self.lengths, way == 1)
                ys.append(y)
                last.append(end)
            flow = torch.cat(ys, 2)
        ends = [torch.stack([each[i] for each in last]) for i in range(count)]
        outs = [flow, *(e if layers * ways > 1 else e[0] for e in ends)]
        if self.is_cell:
            outs[0] = outs[0][:, 0]
        if batch == 1 and len(self.shape) < (2 if self.is_cell else 3):
            outs = [outs[0][0], *(e[:, 0] if layers * ways > 1 else e[0] for e in outs[1:])]
        cotangents = [self.seeded(f'cotangent{i}', list(out.shape)) for i, out in enumerate(outs)]
        wanted = [value, *given, *(v for cell in cells for v in cell.values.values())]
        loss = sum((out * c.torch()).sum() for out, c in zip(outs, cotangents))
        gradients = torch.autograd.grad(loss, wanted, create_graph=self.second, allow_unused=True)
        gradients = [torch.zeros_like(w) if g is None else g for g, w in zip(gradients, wanted)]
        told = {key: each for key, each in o.items()}
        if not self.is_cell:
            told['returnState'] = True
        args = [IN, H, *([Named('function', self.activation)] if self.activation else []), told]
        if self.inner:
            args = [Call(self.inner, IN, H, o), {'returnState': True}]
        floor = 32 * EPSILON
        sized = lambda gs: [{**encoded(g.detach().numpy(), 'float64'), 'floor': rounded_up(64 * EPSILON * max(largest(g), 1))} for g in gs]
        record = {'op': self.op, 'name': self.name, 'kind': 'sequence', 'args': as_json(args),
                  'parameters': [s.json() for cell in cells for s in cell.specs.values()], 'input': x.json(),
                  'states': [s.json() for s in states], **({'lengths': self.lengths} if self.lengths else {}),
                  'outs': [{**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(floor)} for out in outs],
                  'cotangents': [c.json() for c in cotangents], 'gradients': sized(gradients)}
        if self.second:
            again = sum((g * g).sum() for g in gradients)
            record['second'] = sized([torch.zeros_like(w) if g is None else g for g, w in
                                      zip(torch.autograd.grad(again, wanted, allow_unused=True), wanted)])
        yield {**record, 'tolerance': {'ulp': 8, 'gradientUlp': 32}}


def rows():
    for op in GATES:
        lengths = [3, 5, 1]
        yield Sequence(op, '[3,5,3]', [3, 5, IN])
        yield Sequence(op, '[5,3]', [5, IN])
        yield Sequence(op, '[1,1,3] with state [4]', [1, 1, IN], [H])
        yield Sequence(op, '[2,3,3] with state [2,4], second', [2, 3, IN], [2, H], second=True)
        yield Sequence(op, '[3,5,3] lengths', [3, 5, IN], lengths=lengths)
        yield Sequence(op, '[3,5,3] lengths, bidirectional, second', [3, 5, IN], [2, 3, H], lengths, second=True, bidirectional=True)
        yield Sequence(op, '[2,4,3] 2 layers, no bias', [2, 4, IN], layers=2, bias=False)
        yield Sequence(op, '[2,4,3] 2 layers, bidirectional, trained state', [2, 4, IN], layers=2, bidirectional=True, trainState=True)
        yield Sequence(op, '[4,3] 2 layers, bidirectional, state', [4, IN], [4, H], layers=2, bidirectional=True)
        yield Sequence(op, 'large weights', [2, 6, IN], [H], bound=8)
        yield Sequence(op + 'Cell', '[2,3]', [2, IN])
        yield Sequence(op + 'Cell', '[2,3] with state, second', [2, IN], [2, H], second=True)
        yield Sequence(op + 'Cell', '[3] with state', [IN], [H])
        yield Sequence('Recurrence', f'{op}Cell', [2, 4, IN], [H], [4, 2], inner=op + 'Cell')
    yield Sequence('GRU', '[3,5,3] recurrentBias, lengths, second', [3, 5, IN], [H], [5, 2, 4], second=True, recurrentBias=True)
    yield Sequence('GRU', '[2,4,3] recurrentBias, 2 layers, bidirectional', [2, 4, IN], layers=2, bidirectional=True, recurrentBias=True)
    yield Sequence('GRUCell', '[2,3] recurrentBias', [2, IN], [H], recurrentBias=True)
    yield Sequence('RNN', '[3,5,3] relu, lengths, second', [3, 5, IN], [3, H], [3, 5, 1], second=True, activation='relu')
    yield Sequence('LSTM', '512 steps', [1, 512, IN], [H])


class TorchState:
    """What a module of torch.nn gives with a state of its own names: for the tests of `fromPyTorch`."""

    def __init__(self, op, module, options, zero=()):
        self.op, self.module, self.options, self.zero = op, module.double(), options, zero

    def records(self):
        state = {}
        for name, value in self.module.state_dict().items():
            state[name] = filled(list(value.shape), -0.9, 0.9)
            state[name].seed = zlib.crc32(f'{self.op}/{self.options}/{name}'.encode()) & 0xFFFF
        values = {name: spec.torch() for name, spec in state.items()}
        for name in self.zero:
            values[name][2 * H:] = 0
        self.module.load_state_dict(values)
        x = filled([2, IN] if self.op.endswith('Cell') else [2, 5, IN])
        x.seed = 7
        out = self.module(x.torch())
        out = out if isinstance(out, torch.Tensor) else out[0]
        yield {'op': self.op, 'options': self.options, 'input': x.json(),
               'state': {name: encoded(value.numpy(), 'float32') if name in self.zero else state[name].json() for name, value in values.items()},
               'out': encoded(out.detach().numpy(), 'float64')}


def states():
    for op, module in (('RNN', nn.RNN), ('LSTM', nn.LSTM), ('GRU', nn.GRU)):
        own = {'recurrentBias': True} if op == 'GRU' else {}
        yield TorchState(op, module(IN, H, batch_first=True), own)
        yield TorchState(op, module(IN, H, 2, batch_first=True, bidirectional=True), {**own, 'layers': 2, 'bidirectional': True})
        yield TorchState(op, module(IN, H, batch_first=True, bias=False), {'bias': False})
    for op, module in (('RNNCell', nn.RNNCell), ('LSTMCell', nn.LSTMCell), ('GRUCell', nn.GRUCell)):
        yield TorchState(op, module(IN, H), {'recurrentBias': True} if op == 'GRUCell' else {})
    yield TorchState('GRU', nn.GRU(IN, H, batch_first=True), {}, zero=['bias_hh_l0'])
