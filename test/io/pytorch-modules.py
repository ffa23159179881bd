"""Writes pytorch-modules.json: states of embeddings, of norms and of whole models that hold them, under PyTorch's own names, and what they give.

    /usr/bin/python3 test/io/pytorch-modules.py
"""
import json
import pathlib

import torch
from torch import nn


def written(x):
    dtype = 'float32' if x.dtype.is_floating_point else 'int32'
    return {'shape': list(x.shape), 'dtype': dtype, 'data': [float(f'{v:.9g}') if dtype == 'float32' else v for v in x.flatten().tolist()]}


def case(name, make, *inputs):
    """Buffers of norms and all parameters are set to something else than they begin with, but for padding rows."""
    torch.manual_seed(1)
    module = make().eval()
    with torch.no_grad():
        for key, value in module.state_dict().items():
            if key.endswith('running_var'):
                value.uniform_(0.5, 2)
            elif value.dtype.is_floating_point and getattr(module, 'padding_idx', None) is None:
                value.uniform_(-1, 1)
        y = module(*inputs)
    state = {key: written(value) for key, value in module.state_dict().items()}
    return {'name': name, 'state': state, 'inputs': [written(x) for x in inputs], 'y': written(y)}


def x(*shape):
    torch.manual_seed(2)
    return torch.rand(shape) * 2 - 1


class Reader(nn.Module):
    """An embedding, a pre-norm block and a head, as they are written in PyTorch."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.block = nn.TransformerEncoderLayer(4, 2, 6, dropout=0, batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens):
        return self.head(self.norm(self.block(self.embedding(tokens))))


def images():
    return nn.Sequential(nn.Conv2d(2, 4, 3, bias=False), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Flatten(), nn.Linear(16, 3))


tokens = torch.tensor([[0, 2, 4], [1, 1, 3]])
bags = torch.tensor([1, 0, 2, 4, 1, 3, 3])
offsets = torch.tensor([0, 3, 3, 5])
cases = [
    case('Embedding', lambda: nn.Embedding(5, 4), tokens),
    case('Embedding, padding', lambda: nn.Embedding(5, 4, padding_idx=1), tokens),
    *(case(f'EmbeddingBag, {mode}', lambda: nn.EmbeddingBag(5, 4, mode=mode), bags, offsets) for mode in ('mean', 'sum', 'max')),
    case('EmbeddingBag, padding', lambda: nn.EmbeddingBag(5, 4, mode='mean', padding_idx=1), bags, offsets),
    case('LayerNorm', lambda: nn.LayerNorm(4), x(2, 3, 4)),
    case('LayerNorm of two sizes', lambda: nn.LayerNorm([3, 4]), x(2, 3, 4)),
    case('BatchNorm', lambda: nn.BatchNorm1d(3), x(2, 3, 4)),
    case('BatchNorm without scale', lambda: nn.BatchNorm1d(3, affine=False), x(2, 3, 4)),
    case('GroupNorm', lambda: nn.GroupNorm(2, 4), x(2, 4, 3)),
    case('InstanceNorm', lambda: nn.InstanceNorm1d(3, affine=True, track_running_stats=True), x(2, 3, 4)),
    case('Reader', Reader, tokens),
    case('images', images, x(2, 2, 4, 4)),
]
path = pathlib.Path(__file__).parent / 'pytorch-modules.json'
path.write_text('[\n' + ',\n'.join(json.dumps(each, separators=(',', ':')) for each in cases) + '\n]\n')
