"""Records of the oracle: tensors as JSON, and one case computed by PyTorch in float64."""
import base64
import json
import math
import zlib

import numpy as np
import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

EPSILON = 2.0 ** -24
ROUNDED = 0.51  # ulps of a correctly rounded result, with room for the reference's own rounding
DTYPES = {'float32': np.float32, 'float64': np.float64, 'int32': np.int32, 'uint8': np.uint8, 'bool': np.uint8}


def hashed(n, seed):
    """n 32-bit hashes: a Weyl sequence through murmur3's finalizer. oracle.ts has the same function."""
    with np.errstate(over='ignore'):
        h = np.arange(n, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((seed * 40503 + 1) % 2 ** 32)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        return h ^ (h >> np.uint32(16))


class Tensor:
    """An input: a shape and either its values or a fill (a formula; its seed comes from the case's name)."""

    def __init__(self, dtype, shape, values=None, low=-1, high=1):
        self.dtype, self.shape, self.values, self.low, self.high = dtype, tuple(shape), values, low, high
        self.seed = None
        self.constant = False
        self.trained = False  # has a gradient among options, too

    def array(self):
        if self.values is not None:
            return np.asarray(self.values, dtype=DTYPES[self.dtype]).reshape(self.shape)
        h = hashed(math.prod(self.shape), self.seed)
        if self.dtype == 'float32':
            flat = (self.low + (self.high - self.low) * ((h >> np.uint32(9)).astype(np.float64) / 2.0 ** 23)).astype(np.float32)
        else:
            flat = (self.low + (h >> np.uint32(9)).astype(np.int64) % (self.high - self.low)).astype(DTYPES[self.dtype])
        return flat.reshape(self.shape)

    def json(self):
        if self.values is None:
            spec = {'$': self.dtype, 'shape': list(self.shape), 'fill': self.seed}
            return spec if (self.low, self.high) == (-1, 1) else {**spec, 'low': self.low, 'high': self.high}
        return encoded(self.array(), self.dtype)

    def torch(self, floating=torch.float64):
        array = torch.from_numpy(self.array().copy())
        if self.dtype == 'float32':
            return array.to(floating)
        return array.to(torch.bool) if self.dtype == 'bool' else array


class Call:
    """An argument that is itself a call of the library, such as transpose(x)."""

    def __init__(self, op, *args, function=None):
        self.op, self.args, self.function = op, args, function


class Named:
    """An argument the driver makes: undefined, a number that JSON lacks, a function of the library."""

    def __init__(self, kind, value=None):
        self.kind, self.value = kind, value

    def __repr__(self):
        return self.kind if self.value is None else str(self.value)


UNDEFINED = Named('undefined')


def filled(shape, low=-1, high=1):
    return Tensor('float32', shape, low=low, high=high)


def integers(shape, low=-9, high=10, dtype='int32'):
    return Tensor(dtype, shape, low=low, high=high)


def flags(shape):
    return Tensor('bool', shape, low=0, high=2)


def literal(values, dtype='float32'):
    with np.errstate(over='ignore'):
        array = np.asarray(values, dtype=DTYPES[dtype])
    return Tensor(dtype, array.shape, array)


def constant(tensor):
    """An input whose gradient is not part of the reference."""
    tensor.constant = True
    return tensor


def encoded(array, dtype):
    raw = np.ascontiguousarray(array, dtype=np.dtype(DTYPES[dtype]).newbyteorder('<')).tobytes()
    return {'$': dtype, 'shape': list(np.shape(array)), 'data': base64.b64encode(raw).decode()}


class Case:
    """What a row's inputs yield. Whatever a case leaves out, its row decides."""

    def __init__(self, name, *args, **overrides):
        self.name, self.args, self.overrides = name, args, overrides


def walk(arg, visit, differentiable=True):
    """Maps an argument tree; visit gets (leaf, whether a gradient is asked for). Options are constants."""
    if isinstance(arg, (list, tuple)):
        return [walk(each, visit, differentiable) for each in arg]
    if isinstance(arg, dict):
        return {key: walk(value, visit, False) for key, value in arg.items()}
    return visit(arg, differentiable)


def tensors(args):
    found = []

    def visit(leaf, differentiable):
        if isinstance(leaf, Call):
            walk(leaf.args, visit, differentiable)
        elif isinstance(leaf, Tensor):
            found.append((leaf, (differentiable or leaf.trained) and leaf.dtype == 'float32' and not leaf.constant))

    walk(args, visit)
    return found


def as_json(args):
    def visit(leaf, _):
        if isinstance(leaf, Tensor):
            return leaf.json()
        if isinstance(leaf, Call):
            return {'$': 'call', 'op': leaf.op, 'args': as_json(leaf.args)}
        if isinstance(leaf, Named):
            return {'$': leaf.kind} if leaf.value is None else {'$': leaf.kind, 'value': leaf.value}
        return leaf

    return walk(args, visit)


def resolved(args, values, small=False):
    """The arguments as PyTorch takes them; small: bool and uint8 compute in int32."""
    def visit(leaf, _):
        if isinstance(leaf, Tensor):
            value = values[id(leaf)]
            return value.to(torch.int32) if small and leaf.dtype in ('bool', 'uint8') else value
        if isinstance(leaf, Call):
            return leaf.function(*walk(leaf.args, visit))
        if isinstance(leaf, Named):
            return float(leaf.value) if leaf.kind == 'number' else None
        return leaf

    return walk(args, visit)


class Run:
    """One evaluation: outputs and the gradients of the tensors that have one."""

    def __init__(self, function, args, cotangents=None, floating=torch.float64, change=lambda x: x, small=False):
        self.leaves = tensors(args)
        self.values = {id(leaf): change(leaf.torch(floating)) if leaf.dtype == 'float32' else leaf.torch() for leaf, _ in self.leaves}
        self.wanted = [self.values[id(leaf)].requires_grad_() for leaf, yes in self.leaves if yes]
        out = function(*resolved(args, self.values, small))
        self.listed = isinstance(out, (list, tuple))
        self.outs = list(out) if self.listed else [out]
        self.gradients = None
        if cotangents and any(o.requires_grad for o in self.outs):
            found = self.pull([change(c.torch(floating)).reshape(o.shape) for c, o in zip(cotangents, self.outs)])
            self.gradients = found

    def pull(self, cotangents):
        pairs = [(o, c) for o, c in zip(self.outs, cotangents) if o.requires_grad]
        found = torch.autograd.grad([o for o, _ in pairs], self.wanted, [c for _, c in pairs], retain_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, self.wanted)]

    def summands(self, cotangents):
        """For each gradient, sum of |J| |cotangent|, and whether anything is a sum of several."""
        total = [torch.zeros_like(x) for x in self.wanted]
        count = [torch.zeros_like(x) for x in self.wanted]
        for out, cotangent in zip(self.outs, cotangents):
            if not out.requires_grad:
                continue
            flat = out.reshape(-1)
            for j, c in enumerate(cotangent.torch().reshape(-1).abs().tolist()):
                row = torch.autograd.grad(flat[j], self.wanted, retain_graph=True, allow_unused=True)
                for t, n, g in zip(total, count, row):
                    if g is not None:
                        t += g.abs() * c
                        n += g != 0
        return [t if (n > 1).any() else None for t, n in zip(total, count)]


def largest(magnitude):
    finite = magnitude[torch.isfinite(magnitude)] if magnitude is not None else None
    return 0.0 if finite is None or finite.numel() == 0 else float(finite.abs().max())


def rounded_up(x):
    """A floor needs no digits: the next power of two."""
    return 0.0 if x <= 0 else 2.0 ** math.ceil(math.log2(x))


def reference(value, floor=0.0, free=None):
    array = value.detach().numpy()
    dtype = {'float64': 'float64', 'int32': 'int32', 'int64': 'int32', 'bool': 'bool', 'uint8': 'uint8'}[str(array.dtype)]
    with np.errstate(over='ignore'):
        exact = dtype == 'float64' and np.array_equal(array.astype(np.float32).astype(np.float64), array, equal_nan=True)
    record = encoded(array, 'float32' if exact else dtype)
    if floor and dtype == 'float64':
        record['floor'] = rounded_up(floor)
    if free is not None and free.any():
        record['free'] = [int(i) for i in np.flatnonzero(free.numpy())]
    return record


def single(x):
    with np.errstate(over='ignore'):
        return torch.from_numpy(x.detach().numpy().astype(np.float32).astype(np.float64))


def unsettled(gradient, again, leaf, out, free_nan):
    """Where a gradient at a special value is not compared: limits that come out NaN, there or in the value, and what float32 cannot follow."""
    free = torch.isnan(gradient) & ~torch.isnan(out) if out.shape == gradient.shape else torch.zeros_like(gradient, dtype=torch.bool)
    if out.shape == gradient.shape:
        free |= (torch.isnan(leaf) | torch.isnan(out)) & ~torch.isnan(gradient)
        if free_nan:
            free |= torch.isnan(out) & ~torch.isnan(leaf)
    wide, narrow = single(gradient), single(again)
    same = (wide == narrow) | (torch.isnan(wide) & torch.isnan(narrow)) | ((wide - narrow).abs() <= 1e-3 * wide.abs() + 1e-6)
    return free | ~same


class Row:
    """One operation. `function` takes what the library's takes, in its order, options as a dict.

    ulp, gradient_ulp   error in float32 ulps of the reference; a forward of 0 is exact whatever the rest says
    floor               forward: absolute error in 2^-24
    gradient_floor      gradient: absolute error in 2^-24 times the largest cotangent
    magnitude           'linear' (the function is linear in each argument with coefficients that are not negative)
                        or a function of the arguments: the size of the summands, which widens the floor
    spread              how many 2^-24 of that size are allowed, for values and for gradients
    small               bool and uint8 compute in int32
    """

    def __init__(self, op, function, cases, *, ulp=0.0, gradient_ulp=None, floor=0.0, gradient_floor=0.0, magnitude=None,
                 spread=4.0, gradient=True, later=False, small=False, signed_zero=False, free_nan=False, any_dtype=False, note=None):
        self.op, self.function, self.cases = op, function, list(cases)
        self.defaults = dict(ulp=ulp, gradient_ulp=gradient_ulp, floor=floor, gradient_floor=gradient_floor, magnitude=magnitude,
                             spread=spread, gradient=gradient, later=later, small=small, signed_zero=signed_zero, free_nan=free_nan,
                             any_dtype=any_dtype, note=note, special=False, function=function, patch=None)

    def records(self):
        names = set()
        for case in self.cases:
            if case.name in names:
                raise ValueError(f'{self.op}: two cases are named {case.name}')
            names.add(case.name)
            yield self.record(case)

    def record(self, case):
        unknown = set(case.overrides) - set(self.defaults)
        if unknown:
            raise ValueError(f'{self.op} {case.name}: unknown {unknown}')
        o = {**self.defaults, **case.overrides}
        for i, (leaf, _) in enumerate(tensors(case.args)):
            leaf.seed = zlib.crc32(f'{self.op}/{case.name}/{i}'.encode()) & 0xFFFF
        run = Run(o['function'], case.args, small=o['small'])
        cotangents = []
        for i, out in enumerate(run.outs):
            cotangent = filled(out.shape)
            cotangent.seed = zlib.crc32(f'{self.op}/{case.name}/cotangent/{i}'.encode()) & 0xFFFF
            cotangents.append(cotangent)
        differentiable = o['gradient'] and run.wanted and any(out.requires_grad for out in run.outs)
        gradient_ulp = o['gradient_ulp'] if o['gradient_ulp'] is not None else (2 * o['ulp'] + 2 if o['ulp'] else 0)

        record = {'op': self.op, 'name': case.name, 'args': as_json(case.args)}
        outs = [reference(out, *self.forward_slack(o, case, run, out)) for out in run.outs]
        record['out'] = outs if run.listed else outs[0]
        if differentiable:
            run.gradients = run.pull([c.torch().reshape(out.shape) for c, out in zip(cotangents, run.outs)])
            if o['patch']:
                run.gradients = o['patch'](run.gradients, [c.torch() for c in cotangents])
            record['cotangent'] = [c.json() for c in cotangents] if run.listed else cotangents[0].json()
            slacks = iter(self.gradient_slack(o, case, run, cotangents))
            found = iter(run.gradients)
            record['gradients'] = [reference(next(found), *next(slacks)) if yes else None for _, yes in run.leaves]
        record['tolerance'] = {'ulp': o['ulp'], 'gradientUlp': gradient_ulp}
        for key, name in (('later', 'later'), ('signed_zero', 'signedZero'), ('any_dtype', 'anyDtype'), ('note', 'note')):
            if o[key]:
                record[name] = o[key]
        return record

    def forward_slack(self, o, case, run, out):
        if not out.is_floating_point() or not o['ulp'] and not o['floor']:
            return 0.0, None
        floor = o['floor']
        if o['magnitude'] == 'linear':
            sizes = Run(o['function'], case.args, change=torch.abs, small=o['small']).outs
            floor += o['spread'] * max(largest(size) for size in sizes)
        elif o['magnitude']:
            size = o['magnitude'](*resolved(case.args, run.values, o['small']))
            floor += o['spread'] * (largest(size) if isinstance(size, torch.Tensor) else size)
        free = torch.isnan(out) if o['free_nan'] else None
        if free is not None and out.shape == run.wanted[0].shape:
            free &= ~torch.isnan(run.wanted[0])
        return floor * EPSILON, free

    def gradient_slack(self, o, case, run, cotangents):
        biggest = max(largest(c.torch()) for c in cotangents)
        if o['magnitude'] == 'linear':
            sizes = Run(o['function'], case.args, cotangents, change=torch.abs, small=o['small']).gradients
        elif all(x.shape == out.shape for x in run.wanted for out in run.outs) and o['magnitude'] is None:
            sizes = [None] * len(run.wanted)
        else:
            sizes = run.summands(cotangents)
        again = [None] * len(run.wanted)
        if o['special']:
            again = Run(o['function'], case.args, cotangents, floating=torch.float32, small=o['small']).gradients
        for x, gradient, size, narrow in zip(run.wanted, run.gradients, sizes, again):
            copies = max(1, sum(out.numel() for out in run.outs) / max(1, x.numel())) if o['magnitude'] is None else 1
            floor = EPSILON * (o['spread'] * largest(size) + o['gradient_floor'] * biggest * copies)
            yield floor, unsettled(gradient, narrow, x, run.outs[0], o['free_nan']) if o['special'] else None


def lines(records):
    """A JSON array, one record a line."""
    return '[\n' + ',\n'.join(json.dumps(r, separators=(',', ':'), allow_nan=False, ensure_ascii=False) for r in records) + '\n]\n'
