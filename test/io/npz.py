"""Writes npz.json: npy and npz files of NumPy, in base64, and the values that they have.

    /usr/bin/python3 test/io/npz.py
"""
import base64
import io
import json
import pathlib

import numpy as np


def written(x):
    """As JSON.stringify has a tensor: what JSON has no number for is a text."""
    values = [v if np.isfinite(v) and not (v == 0 and np.signbit(v)) else
              'NaN' if np.isnan(v) else '-0' if v == 0 else 'Infinity' if v > 0 else '-Infinity' for v in x.ravel().astype('f8').tolist()]
    dtype = {'f': 'float32', 'b': 'bool'}.get(x.dtype.kind, 'uint8' if x.dtype == 'u1' else 'int32')
    return {'shape': list(x.shape), 'dtype': dtype, 'data': values}


def npy(x, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, x, version=version, allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def npz(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return base64.b64encode(file.getvalue()).decode()


def case(name, x, version=None):
    with np.errstate(over='ignore'):
        values = x.astype('f4') if x.dtype.kind == 'f' else x
    return {'name': name, 'file': npy(x, version), 'values': {'arr_0': written(values)}}


special = [1.5, -2, np.inf, -np.inf, np.nan, -0.0, 65504, 2.0 ** -24, 0.1]
numbers = {'f': special, 'i': [0, 1, -1, 127, -128], 'u': [0, 1, 127, 255]}
cases = [case(f'{order}{kind}{size}', np.array(numbers[kind], f'{order}{kind}{size}'))
         for kind, sizes in {'f': [2, 4, 8], 'i': [1, 2, 4, 8], 'u': [1, 2, 4, 8]}.items() for size in sizes for order in ('<' if size == 1 else '<>')]
grid = np.arange(24, dtype='f4').reshape(2, 3, 4)
cases += [
    case('large numbers of 64 bits', np.array([2 ** 31 - 1, -2 ** 31], 'i8')),
    case('bool', np.array([[True, False], [False, True]])),
    case('no axis', np.array(-7, 'i8')),
    case('no elements', np.zeros((3, 0, 2), 'f8')),
    case('nothing', np.zeros(0, 'u1')),
    case('Fortran order', np.asfortranarray(grid)),
    case('Fortran order, big endian, halves', np.asfortranarray(grid.astype('>f2'))),
    case('Fortran order, bool', np.asfortranarray(grid % 3 == 0)),
    case('Fortran order, no elements', np.zeros((3, 0, 2), 'f4', order='F')),
    case('ten axes', np.asfortranarray(np.arange(12, dtype='i2').reshape(1, 2, 1, 1, 3, 1, 1, 2, 1, 1))),
    case('version 1', grid, (1, 0)), case('version 2', grid, (2, 0)), case('version 3', grid, (3, 0)),
]
arrays = {'layers.0.weight': grid, 'b/c': np.array([1, 2], 'i8'), 'ключ': np.array(True), 'noise': np.asfortranarray(np.zeros((40, 30), 'f2'))}
texts = {'epochs': np.array('20'), 'name': np.array('Zoë 😀'), 'none': np.array(''), 'format': np.array(b'csr')}
for name, save in (('savez', np.savez), ('savez_compressed', np.savez_compressed)):
    cases.append({'name': name, 'file': npz(save, **arrays, **texts), 'values': {key: written(x) for key, x in arrays.items()},
                  'texts': {key: x.item() if x.dtype.kind == 'U' else x.item().decode() for key, x in texts.items()}})
cases.append({'name': 'savez of nothing', 'file': npz(np.savez), 'values': {}, 'texts': {}})
path = pathlib.Path(__file__).parent / 'npz.json'
path.write_text('[\n' + ',\n'.join(json.dumps(each, separators=(',', ':')) for each in cases) + '\n]\n')
