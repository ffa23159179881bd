"""MultiHeadAttention: the value, and the gradients of the inputs and of the parameters in the order of the walk, by nn.MultiheadAttention or its formula."""
import math
import zlib

import torch

from layers import summands
from records import EPSILON, as_json, encoded, filled, flags, largest, literal, rounded_up


class AttentionRow:
    """
    dims        as the library takes them; shapes those of the inputs, one for each that is given
    module      nn.MultiheadAttention computes it, else the formula
    score       the bias of the call; call what it is told besides
    """

    def __init__(self, name, dims, shapes, heads, module=False, bias=False, high=1, score=None, **call):
        call = call if score is None else {**call, 'bias': score}
        self.name, self.dims, self.shapes, self.heads, self.module, self.bias, self.high, self.call = name, dims, shapes, heads, module, bias, high, call

    def seeded(self, part, tensor):
        tensor.seed = zlib.crc32(f'MultiHeadAttention/{self.name}/{part}'.encode()) & 0xFFFF
        return tensor

    def parameters(self):
        inputs, inner, out = self.dims if isinstance(self.dims, list) else [self.dims] * 3
        inputs = inputs if isinstance(inputs, list) else [inputs] * 3
        qk, v = inner if isinstance(inner, list) else [inner] * 2
        sizes = [(qk, inputs[0]), (qk, inputs[1]), (v, inputs[2]), (out, v)]
        made = []
        for part, size in zip('qkvo', sizes):
            made.append(self.seeded(part, filled(size)))
            if self.bias:
                made.append(self.seeded(f'{part} bias', filled(size[:1])))
        return made

    def computed(self, xs, parameters):
        q, k, v = [xs[0], xs[min(1, len(xs) - 1)], xs[-1]]
        n = 2 if self.bias else 1
        weights, biases = parameters[::n], parameters[1::2] if self.bias else [None] * 4
        told = {key: value.torch() if hasattr(value, 'torch') else value for key, value in self.call.items()}
        if self.module:
            return self.by_module(q, k, v, weights, biases, told)
        linear = torch.nn.functional.linear
        split = lambda x: x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
        q, k, v = (split(linear(x, w, b)) for x, w, b in zip((q, k, v), weights, biases))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + told.get('bias', 0)
        allowed = told.get('mask', torch.tensor(True)).expand(scores.shape)
        if told.get('causal'):
            tq, tk = scores.shape[-2:]
            allowed = allowed & (torch.arange(tk) <= torch.arange(tq)[:, None] + tk - tq)
        masked = torch.where(allowed, scores, torch.tensor(-math.inf, dtype=scores.dtype))
        found = torch.where(allowed.any(-1, keepdim=True), torch.softmax(torch.where(allowed.any(-1, keepdim=True), masked, scores), -1), 0 * scores)
        y = linear((found @ v).transpose(1, 2).flatten(2), weights[3], biases[3])
        return [y, found] if told.get('returnWeights') else [y]

    def by_module(self, q, k, v, weights, biases, told):
        size = weights[0].shape[0]
        mask = ~told['mask'] if 'mask' in told else told.get('bias')
        padding = None
        if mask is not None and mask.dim() == 4 and mask.shape[1] == 1:
            mask, padding = None, mask[:, 0, 0]
        elif mask is not None and mask.dim() == 4:
            mask = mask.flatten(0, 1)
        if told.get('causal'):
            mask = torch.ones(q.shape[1], k.shape[1], dtype=torch.bool).triu(1)
        in_bias = torch.cat(list(biases[:3])) if self.bias else None
        y, found = torch.nn.functional.multi_head_attention_forward(
            *(x.transpose(0, 1) for x in (q, k, v)), size, self.heads, None, in_bias, None, None, False, 0.0, weights[3], biases[3],
            key_padding_mask=padding, attn_mask=mask, use_separate_proj_weight=True, q_proj_weight=weights[0], k_proj_weight=weights[1],
            v_proj_weight=weights[2], average_attn_weights=False)
        y = y.transpose(0, 1)
        return [y, found] if told.get('returnWeights') else [y]

    def records(self):
        parameters = self.parameters()
        inputs = [self.seeded(f'x{i}', filled(shape, -self.high, self.high)) for i, shape in enumerate(self.shapes)]
        for key, value in self.call.items():
            if hasattr(value, 'seed'):
                self.seeded(key, value)
        wanted = [x.torch().requires_grad_() for x in [*inputs, *parameters]]
        outs = self.computed(wanted[:len(inputs)], wanted[len(inputs):])
        out = torch.cat([each.reshape(-1) for each in outs]) if len(outs) > 1 else outs[0]
        cotangent = self.seeded('cotangent', filled(list(out.shape)))
        gradients = torch.autograd.grad(out, wanted, cotangent.torch(), retain_graph=True)
        # What cancels within, as the gradient of a bias of the keys, has the size of the others.
        sizes = summands(out, cotangent, wanted)
        floors = [32 * EPSILON * max(s, max(sizes) / 4) for s in sizes]
        yield {'op': 'MultiHeadAttention', 'name': self.name, 'kind': 'layer', 'args': as_json([self.dims, {'heads': self.heads, 'bias': self.bias}]),
               'input': [x.json() for x in inputs], 'parameters': [p.json() for p in parameters], 'call': as_json(self.call),
               'out': {**encoded(out.detach().numpy(), 'float64'), 'floor': rounded_up(32 * EPSILON * largest(out.detach().abs()))},
               'cotangent': cotangent.json(),
               'gradients': [{**encoded(g.numpy(), 'float64'), 'floor': rounded_up(f)} for g, f in zip(gradients, floors)],
               'tolerance': {'ulp': 8, 'gradientUlp': 16}}


def rows():
    row = AttentionRow
    x = [2, 5, 8]
    lacking = literal([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], 'bool')
    lacking.values = lacking.values.reshape(2, 1, 1, 5)
    lacking.shape = (2, 1, 1, 5)
    yield row('of itself', 8, [x], 2, module=True)
    yield row('with biases', 8, [x], 2, module=True, bias=True)
    yield row('of q and of k and v', 8, [[2, 3, 8], x], 4, module=True)
    yield row('other features of keys and values', [[8, 5, 3], 8, 8], [[2, 3, 8], [2, 4, 5], [2, 4, 3]], 2, module=True, bias=True)
    yield row('causal', 8, [x], 2, module=True, causal=True)
    yield row('a mask', 8, [x], 2, module=True, mask=literal([[1, 0, 0, 1, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 0, 0, 1]], 'bool'))
    yield row('padded keys', 8, [x], 2, module=True, mask=lacking)
    yield row('a bias for each head', 8, [x], 2, module=True, score=filled([2, 2, 5, 5], -2, 2))
    yield row('a bias, a mask, causal', 8, [x], 2, score=filled([5, 5], -2, 2), mask=flags([2, 5, 5]), causal=True)
    yield row('weights', 8, [[2, 3, 8], x], 2, module=True, returnWeights=True)
    yield row('one head, one step', 4, [[1, 1, 4]], 1, module=True)
    yield row('other sizes within', [6, [4, 10], 3], [[2, 3, 6]], 2)
    yield row('other sizes all over', [[3, 4, 5], [2, 6], 7], [[2, 3, 3], [2, 4, 4], [2, 4, 5]], 2, bias=True)
    yield row('causal, more keys', 4, [[1, 2, 4], [1, 5, 4]], 2, causal=True)
    yield row('causal, more queries', 4, [[1, 5, 4], [1, 2, 4]], 2, causal=True)
    yield row('no key for some', 4, [[2, 3, 4]], 2, mask=literal([[0, 0, 0], [1, 0, 0], [0, 1, 1]], 'bool'), returnWeights=True)
    yield row('a mask, causal, weights', 8, [x], 4, causal=True, mask=flags([2, 1, 5, 5]), returnWeights=True)
    yield row('large logits', 4, [[1, 6, 4]], 1, high=40)
    yield row('a long one', 2, [[1, 70, 2]], 1, causal=True)
