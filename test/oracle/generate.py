"""Writes the reference values of test/oracle, or with --check says whether they are what it would write.

    /usr/bin/python3 test/oracle/generate.py [--check]

The values come from PyTorch 1.13 in float64, on inputs that float32 holds exactly. oracle.ts says what a record is and how it
is compared. An operation is one row of the tables in this folder: `Row(name, function, inputs, ulp=...)`, what its inputs are is in inputs.py.
"""
import base64
import json
import pathlib
import sys

import numpy as np

sys.dont_write_bytecode = True

import activations
import attention
import composing
import convolutions
import derivatives
import embedding
import heads
import layers
import losses
import movement
import norms
import pointwise
import pooling
import products
import recurrent
import reductions
import rules
import schedules
from records import lines

FILES = {
    'pointwise': pointwise.rows, 'activations': activations.rows, 'reductions': reductions.rows, 'movement': movement.rows, 'products': products.rows,
    'losses': losses.rows, 'rules': rules.rows, 'layers': layers.rows, 'convolutions': convolutions.rows, 'pooling': pooling.rows,
    'norms': norms.rows, 'composing': composing.rows, 'embedding': embedding.rows, 'attention': attention.rows, 'heads': heads.rows,
    'recurrent': recurrent.rows, 'recurrent-states': recurrent.states,
    'schedules': schedules.rows, 'derivatives': derivatives.rows,
}
HERE = pathlib.Path(__file__).parent


FLOATS = {'float32': '<f4', 'float64': '<f8'}


def alike(a, b):
    """Equal but for the last bits of float64, in which processors' vector libraries differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return False
        if 'data' in a and a['$'] in FLOATS and b['$'] in FLOATS:
            x, y = (np.frombuffer(base64.b64decode(r['data']), FLOATS[r['$']]).astype(np.float64) for r in (a, b))
            floors = a.get('floor', 0), b.get('floor', 0)
            return a['shape'] == b['shape'] and a.get('free') == b.get('free') and max(floors) <= 2 * min(floors) and close(x, y, min(floors))
        return all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == b


def close(x, y, floor):
    """A thousandth of the floor is nothing to a test that allows the floor; it is what cancellation makes of the last bits."""
    scale = np.abs(x[np.isfinite(x)]).max(initial=0)
    return bool(np.isclose(x, y, rtol=1e-11, atol=max(1e-14 * min(scale, 1), 1e-3 * floor), equal_nan=True).all())


def stale(path, text):
    if not path.exists():
        return True
    old = path.read_text()
    return old != text and not alike(json.loads(old), json.loads(text))


def main():
    check = '--check' in sys.argv[1:]
    failed, bytes_, cases = [], 0, 0
    for name, rows in FILES.items():
        records = [record for row in rows() for record in row.records()]
        text = lines(records)
        path = HERE / f'{name}.json'
        cases += len(records)
        bytes_ += len(text.encode())
        print(f'{path.name}: {len(records)} cases, {len(text.encode()):,} bytes')
        if not check:
            path.write_text(text)
        elif stale(path, text):
            failed.append(path.name)
    print(f'{cases} cases, {bytes_:,} bytes')
    if failed:
        sys.exit(f'stale: {", ".join(failed)}. Run /usr/bin/python3 test/oracle/generate.py')


if __name__ == '__main__':
    main()
