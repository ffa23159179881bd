"""Writes pytorch-attention.json: states of nn.MultiheadAttention by its own initialization, and what they give.

    /usr/bin/python3 test/io/pytorch-attention.py
"""
import json
import pathlib

import torch


def written(x):
    return {'shape': list(x.shape), 'dtype': 'float32', 'data': [float(f'{v:.9g}') for v in x.flatten().tolist()]}


def case(name, dims, shapes, **options):
    torch.manual_seed(1)
    module = torch.nn.MultiheadAttention(4, 2, batch_first=True, **options)
    for p in module.parameters():
        torch.nn.init.uniform_(p, -1, 1)
    inputs = [torch.rand(shape) * 2 - 1 for shape in shapes]
    y, weights = module(*inputs, average_attn_weights=False)
    state = {key: written(value) for key, value in module.state_dict().items()}
    return {'name': name, 'dims': dims, 'bias': options.get('bias', True), 'state': state, 'inputs': [written(x) for x in inputs],
            'y': written(y), 'weights': written(weights)}


same = [[2, 3, 4], [2, 5, 4], [2, 5, 4]]
cases = [
    case('packed', 4, same),
    case('packed, without biases', 4, same, bias=False),
    case('kdim and vdim', [[4, 3, 2], 4, 4], [[2, 3, 4], [2, 5, 3], [2, 5, 2]], kdim=3, vdim=2),
]
path = pathlib.Path(__file__).parent / 'pytorch-attention.json'
path.write_text('[\n' + ',\n'.join(json.dumps(each, separators=(',', ':')) for each in cases) + '\n]\n')
