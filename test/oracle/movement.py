"""What moves values without computing: shapes, slices, indices, joining and parting. All exact."""
import numpy as np
import torch

from inputs import INF, NAN, label
from records import Case, Named, Row, filled, flags, integers, literal


def shapes():
    odd = literal([NAN, INF, -INF, 0.0, -0.0, 1e-30])
    yield Row('reshape', lambda x, shape: x.reshape(shape), [
        *[Case(f'{label(a)} to {label(b)}', filled(a), b) for a, b in [
            ([], [1]), ([1], []), ([6], [2, 3]), ([2, 3, 5], [5, 6]), ([3, 5], [15]), ([2, 1, 3, 2], [4, 3]), ([0], [3, 0]), ([3, 0], [0, 7]),
            ([2, 3], [3, -1]), ([2, 3, 5], [-1])]],
        Case('special values', odd, [2, 3]), Case('int32', integers([6]), [3, 2]), Case('bool', flags([6]), [3, 2])], signed_zero=True)
    yield Row('flatten', lambda x, start=None: x * 1 if start is None and x.dim() < 2 else torch.flatten(x, 1 if start is None else start), [
        *[Case(label(s), filled(s)) for s in ([], [5], [3, 5], [2, 3, 5], [2, 1, 3, 2], [3, 0])],
        *[Case(f'{label(s)} from {a}', filled(s), a) for s, a in [([2, 3, 5], 1), ([2, 1, 3, 2], 1), ([2, 1, 3, 2], 2), ([3, 5], 1), ([2, 3, 5], 0), ([3, 5], -1), ([5], 0), ([], 0)]]])
    yield Row('squeeze', squeezed, [
        *[Case(label(s), filled(s)) for s in ([], [1], [5], [1, 5, 1], [2, 1, 3, 1], [1, 0])],
        *[Case(f'{label(s)} axis {a}', filled(s), a) for s, a in [([1], 0), ([1, 5], 0), ([5, 1], -1), ([2, 1, 3, 1], 1), ([2, 1, 3, 1], [1, 3])]]])
    yield Row('expandDims', lambda x, axis: x.unsqueeze(axis), [
        Case(f'{label(s)} axis {a}', filled(s), a) for s, axes in (([], [0, -1]), ([5], [0, 1, -1]), ([3, 5], [0, 1, 2, -1, -2]), ([3, 0], [1])) for a in axes])
    yield Row('transpose', lambda x: x.transpose(-1, -2), [
        *[Case(label(s), filled(s)) for s in ([1, 1], [1, 5], [5, 1], [3, 5], [4, 4], [17, 33], [2, 3, 5], [2, 2, 7, 3], [3, 0], [0, 3])],
        Case('int32', integers([3, 5])), Case('bool', flags([3, 5]))])
    yield Row('permute', lambda x, axes: x.permute(axes), [
        *[Case(f'{label(s)} {axes}', filled(s), axes) for s, axes in [
            ([5], [0]), ([3, 5], [0, 1]), ([3, 5], [1, 0]), ([2, 3, 5], [1, 0, 2]), ([2, 3, 5], [2, 0, 1]), ([2, 3, 5], [0, -1, 1]), ([2, 3, 5], [2, 1, 0]),
            ([2, 3, 4, 5], [0, 2, 1, 3]), ([2, 3, 4, 5], [3, 1, 0, 2]), ([2, 3, 4, 5], [1, 2, 3, 0]), ([3, 0, 2], [2, 1, 0])]],
        Case('[] []', filled([]), []), Case('int32', integers([2, 3, 5]), [2, 0, 1])])
    yield Row('broadcastTo', lambda x, shape: torch.broadcast_to(x, shape), [
        *[Case(f'{label(a)} to {label(b)}', filled(a), b) for a, b in [
            ([], []), ([], [5]), ([1], [7]), ([5], [3, 5]), ([3, 1], [3, 5]), ([1, 5], [3, 5]), ([2, 1, 4], [2, 3, 4]), ([3, 1], [2, 3, 5]), ([1], [0]),
            ([3, 1], [3, 0]), ([3, 5], [3, 5])]],
        Case('int32', integers([3]), [2, 3])], ulp=0, gradient_ulp=1, magnitude='linear')


def squeezed(x, axis=None):
    gone = [n for n in range(x.dim()) if x.shape[n] == 1] if axis is None else [a % x.dim() for a in (axis if isinstance(axis, list) else [axis])]
    return x.reshape([size for n, size in enumerate(x.shape) if n not in gone])


def parsed(entry):
    """An entry of a slice string, or of a list, as Python understands it."""
    if isinstance(entry, str):
        parts = [int(p) if p.strip() else None for p in entry.split(':')]
        return parts[0] if len(parts) == 1 else slice(*parts)
    if isinstance(entry, list):
        return slice(*entry)
    return slice(None) if entry is None else entry


def sliced(x, entries):
    """PyTorch has no negative steps, so every axis is picked by index."""
    axis = 0
    entries = [each.strip() if isinstance(each, str) else each for each in (entries.split(',') if isinstance(entries, str) else entries)]
    if '...' in entries:
        at = entries.index('...')
        entries[at:at + 1] = [None] * (x.dim() - len(entries) + 1)
    for entry in entries:
        entry = parsed(entry)
        if isinstance(entry, slice):
            x = x.index_select(axis, torch.tensor(range(*entry.indices(x.shape[axis])), dtype=torch.int64))
            axis += 1
        else:
            x = x.select(axis, entry)
    return x


def slices():
    cases = [(s, text) for s, texts in (
        ([7], ['0:2', '1:', ':-1', '::2', '::-1', '5:1:-2', '-3:', '3', '-1', '2:100', '5:2', '::3', '6::-3', ':']),
        ([3, 5], ['1:, ::-1', '::-1, 1:4', '0', '-1, 2', ':, 0', ':, -1', '1, ::-2', ':, 1:4:2', '::2, ::2', '2:2']),
        ([2, 3, 5], ['1, 0:2, ::-1', ':, 1', '::-1, ::-1, ::-1', ':, :, 3', '0, 0, 0']), ([67], ['3:64:7', '::-5']), ([3, 0], ['1:', ':, 0:0']),
        ([2, 1, 3, 2], [':, 0, ::2, 1', '..., 1', '0, ..., ::-1', '..., 0, :, 1', '1, ...']), ([3, 5], ['..., 0', '...', '..., 1:, 2', '0, 1, ...']),
        ([], ['...'])) for text in texts]
    lists = [([7], [[1, 4]]), ([7], [[0, 7, 3]]), ([7], [[5, 0, -2]]), ([7], [3]), ([7], [-1]), ([7], [None]), ([7], [[-3, -1]]), ([3, 5], [1, [0, 2]]),
             ([3, 5], [None, 2]), ([3, 5], [[2, 0, -1], [4, 1, -1]]), ([3, 5], [[0, 2]]), ([2, 3, 5], [None, 1, [1, 4, 2]]), ([2, 3, 5], [1, [0, 2], None]), ([2, 3, 5], ['...', 0])]
    yield Row('slice', sliced, [
        *[Case(f"{label(s)} '{text}'", filled(s), text) for s, text in cases], *[Case(f'{label(s)} {entries}', filled(s), entries) for s, entries in lists],
        Case('int32', integers([3, 5]), '1:, ::-1'), Case('bool', flags([3, 5]), '1:, ::-1'), Case('special values', literal([NAN, INF, -0.0, 1]), '::-1')])


def gathered(x, indices, axis=0):
    axis %= x.dim()
    flat = x.index_select(axis, indices.reshape(-1).long())
    return flat.reshape(list(x.shape[:axis]) + list(indices.shape) + list(x.shape[axis + 1:]))


def scattered(x, indices, updates, axis=0):
    axis %= x.dim()
    flat = updates.reshape(list(x.shape[:axis]) + [indices.numel()] + list(x.shape[axis + 1:]))
    return x.index_add(axis, indices.reshape(-1).long(), flat)


INDEXED = [  # shape of x, shape of indices, axis
    ([5], [], 0), ([5], [1], 0), ([5], [7], 0), ([5], [3, 5], 0), ([7, 3], [5], 0), ([7, 3], [2, 3], 0), ([3, 7], [5], 1), ([3, 7], [5], -1), ([2, 5, 3], [4], 1),
    ([2, 5, 3], [2, 2], 1), ([2, 3, 5], [], 2), ([17, 5], [67], 0), ([5, 3], [0], 0), ([2, 1, 3, 2], [5], 2), ([5, 0], [3], 0)]


def indexing():
    first = [Case('repeated indices', filled([4, 3]), literal([1, 1, 1, 3], 'int32')), Case('int32', integers([5, 3]), literal([4, 0, 0], 'int32')),
             Case('bool', flags([5, 3]), literal([4, 0], 'int32')), Case('special values', literal([NAN, INF, -0.0, 1]), literal([3, 0, 1], 'int32'))]
    yield Row('gather', gathered, [*[Case(f'{label(s, i)} axis {a}', filled(s), integers(i, 0, s[a]), a) for s, i, a in INDEXED], *first],
              gradient_ulp=1, magnitude='linear', note='takes whole slices')
    yield Row('takeAlong', lambda x, indices, axis: torch.gather(x, axis, indices.long()), [
        *[Case(f'{label(s, i)} axis {a}', filled(s), integers(i, 0, s[a]), a) for s, i, a in [
            ([5], [7], 0), ([5], [1], 0), ([3, 5], [3, 2], 1), ([3, 5], [3, 7], -1), ([3, 5], [4, 5], 0), ([2, 3, 5], [2, 6, 5], 1), ([2, 3, 5], [2, 3, 1], 2),
            ([33, 3], [5, 3], 0), ([3, 5], [3, 0], 1)]],
        Case('int32', integers([3, 5]), integers([3, 2], 0, 5), 1)], gradient_ulp=1, magnitude='linear', note='takes entries, as torch.gather')
    yield Row('scatterAdd', scattered, [
        Case('int32', integers([5]), literal([4, 0, 0], 'int32'), integers([3])),
        *[Case(f'{label(s, i)} axis {a}', filled(s), integers(i, 0, s[a]), filled(s[:a % len(s)] + i + s[a % len(s) + 1:]), a) for s, i, a in INDEXED],
        Case('repeated indices', filled([4, 3]), literal([1, 1, 1, 3], 'int32'), filled([4, 3]))], ulp=1, magnitude='linear', note='adds slices: the adjoint of gather')

    def one_hot(indices, classes):
        return torch.nn.functional.one_hot(indices.long(), classes).int()

    yield Row('oneHot', one_hot, [
        *[Case(f'{label(s)} of {n}', integers(s, 0, n), n) for s, n in [([], 3), ([1], 1), ([5], 3), ([17], 10), ([2, 3], 4), ([2, 1, 3], 5), ([67], 33)]],
        Case('[0] of 3', literal([], 'int32'), 3)],
              any_dtype=True, note='the values only: the dtype is not part of the reference')


def joining():
    def stacked(shape, n, make=filled):
        return [make(shape) for _ in range(n)]

    yield Row('concat', lambda xs, axis=0: torch.cat(xs, axis), [
        *[Case(f'{label(*list(map(list, ss)))} axis {a}', [filled(s) for s in ss], a) for ss, a in [
            ([[3]], 0), ([[3], [1]], 0), ([[5], [7], [1]], -1), ([[0], [3]], 0), ([[2, 3], [1, 3]], 0), ([[3, 2], [3, 5]], 1), ([[3, 2], [3, 0], [3, 1]], -1),
            ([[2, 1, 3], [2, 4, 3]], 1), ([[2, 3, 1], [2, 3, 4]], 2), ([[1, 2, 3, 2], [3, 2, 3, 2]], 0), ([[0, 3], [0, 3]], 0)]],
        Case('without an axis', [filled([3, 2]), filled([1, 2])]), Case('int32', [integers([3]), integers([4])], 0), Case('bool', [flags([3]), flags([4])], 0)])
    yield Row('stack', lambda xs, axis=0: torch.stack(xs, axis), [
        *[Case(f'{n} of {label(s)} axis {a}', stacked(s, n), a) for s, n, a in [
            ([], 3, 0), ([5], 1, 0), ([5], 3, 0), ([5], 3, 1), ([5], 3, -1), ([3, 5], 2, 0), ([3, 5], 2, 1), ([3, 5], 2, 2), ([3, 5], 2, -2), ([2, 3, 5], 3, 1),
            ([0], 2, 0), ([3, 0], 2, 1)]],
        Case('without an axis', stacked([5], 2)), Case('int32', stacked([5], 2, integers), 1)])

    def split(x, sizes, axis=0):
        return torch.split(x, x.shape[axis] // sizes if isinstance(sizes, int) else sizes, axis)

    yield Row('split', split, [
        *[Case(f'{label(s)} {sizes} axis {a}', filled(s), sizes, a) for s, sizes, a in [
            ([6], 3, 0), ([6], 1, 0), ([7], [2, 4, 1], 0), ([7], [7], 0), ([7], [3, 0, 4], 0), ([4, 3], 2, 0), ([3, 4], 2, 1), ([3, 5], [1, 4], -1), ([2, 6, 3], 3, 1),
            ([2, 6, 3], [1, 5], 1)]],
        Case('without an axis', filled([4, 3]), 2), Case('int32', integers([6]), 2, 0)])
    yield Row('chunk', lambda x, n, axis=0: torch.chunk(x, n, axis), [
        *[Case(f'{label(s)} {n} axis {a}', filled(s), n, a) for s, n, a in [([7], 3, 0), ([5], 4, 0), ([6], 2, 0), ([3], 5, 0), ([3, 7], 2, 1), ([2, 5, 3], 2, -2)]],
        Case('without an axis', filled([5, 2]), 2)], note='may give fewer than n pieces, as torch.chunk')


KINDS = {'float32': torch.float64, 'int32': torch.int32, 'uint8': torch.uint8, 'bool': torch.bool}


def casting():
    yield Row('cast', lambda x, dtype: x.to(KINDS[dtype]), [
        Case('float32 to float32', filled([7]), 'float32'), Case('float32 to int32 truncates', literal([1.9, -1.9, 0.5, -0.5, 3, -0.0, 1e9]), 'int32'),
        Case('float32 to bool', literal([0.0, -0.0, 0.5, -1, 1e-30, INF]), 'bool'), Case('float32 to uint8', literal([0, 1.9, 254.5, 255]), 'uint8'),
        Case('int32 to float32', integers([17]), 'float32'), Case('int32 to float32, large', literal([16777216, -16777215, 2147483392], 'int32'), 'float32'),
        Case('int32 to bool', literal([0, 1, -5, 256], 'int32'), 'bool'), Case('int32 to uint8', literal([0, 1, 255], 'int32'), 'uint8'),
        Case('bool to float32', flags([7]), 'float32'), Case('bool to int32', flags([7]), 'int32'), Case('bool to uint8', flags([7]), 'uint8'),
        Case('uint8 to float32', literal([0, 127, 128, 255], 'uint8'), 'float32'), Case('uint8 to int32', literal([0, 127, 128, 255], 'uint8'), 'int32'),
        Case('uint8 to bool', literal([0, 1, 2, 255], 'uint8'), 'bool'), Case('[] to int32', literal(2.5), 'int32'), Case('[3,0] to int32', filled([3, 0]), 'int32'),
        Case('[2,3,5] to float32', filled([2, 3, 5]), 'float32')])


def padded(x, widths, options=None):
    """numpy.pad of the indices says where every value comes from, so that PyTorch can differentiate it."""
    if not widths:
        return x * 1
    options = options or {}
    mode, value = options.get('mode', 'constant'), options.get('value', 0)
    places = np.arange(x.numel()).reshape(x.shape)
    places = np.pad(places, widths, constant_values=-1) if mode == 'constant' else np.pad(places, widths, mode)
    places = torch.from_numpy(places)
    taken = x.reshape(-1)[places.clamp(min=0).reshape(-1)].reshape(places.shape) if x.numel() else torch.zeros(places.shape)
    return torch.where(places < 0, torch.tensor(value, dtype=x.dtype), taken)


def rolled(x, shift, axis=None):
    if axis is not None and isinstance(axis, list) != isinstance(shift, list):
        shift = [shift] * len(axis)
    return x.roll(shift, axis)


def copies():
    exact = dict(gradient_ulp=1, magnitude='linear')
    yield Row('pad', padded, [
        *[Case(f'{label(s)} {widths}', filled(s), widths) for s, widths in [
            ([5], [[1, 2]]), ([5], [[0, 0]]), ([3, 5], [[1, 0], [0, 2]]), ([2, 3, 5], [[0, 1], [2, 0], [1, 1]]), ([1, 2, 3, 2], [[0, 0], [0, 0], [1, 1], [2, 2]])]],
        Case('value', filled([3, 5]), [[1, 1], [1, 1]], {'value': 2.5}), Case('value -Infinity', filled([3]), [[1, 1]], {'value': Named('number', '-Infinity')}),
        *[Case(f'{mode} {label(s)} {widths}', filled(s), widths, {'mode': mode}) for mode in ('reflect', 'edge') for s, widths in [
            ([5], [[2, 3]]), ([3, 5], [[1, 2], [0, 4]]), ([2, 3, 5], [[1, 0], [2, 2], [0, 1]])]],
        Case('[]', filled([]), []), Case('[0]', filled([0]), [[1, 2]]), Case('reflect twice', filled([3]), [[7, 5]], {'mode': 'reflect'}),
        Case('reflect one', filled([1]), [[2, 1]], {'mode': 'reflect'}), Case('int32', integers([5]), [[1, 2]]), Case('int32 value', integers([5]), [[1, 2]], {'value': -7}),
        Case('uint8', integers([5], 0, 256, 'uint8'), [[3, 2]], {'value': 255}), Case('bool edge', flags([5]), [[1, 2]], {'mode': 'edge'})], **exact)
    yield Row('tile', lambda x, times: x.tile(times if isinstance(times, list) else [times]), [
        Case(f'{label(s)} {times}', filled(s), times) for s, times in [([5], [3]), ([3, 5], [2, 1]), ([3, 5], [1, 3]), ([3, 5], [2, 2]), ([2, 3, 5], [2, 1, 2]), ([1], [7]), ([3, 5], [0, 2]), ([5], [2, 3]), ([5], [2, 1, 1]), ([2, 3, 5], [2]), ([0], [3]),
            ([], [4]), ([], [])]] + [Case('a number', filled([3, 5]), 2), Case('int32', integers([3]), [2, 2]), Case('bool', flags([3]), [2])], **exact)
    yield Row('repeat', lambda x, n, axis=None: x.repeat_interleave(n, axis), [
        Case(f'{label(s)} {n} axis {a}', filled(s), n, a) for s, n, a in [([5], 3, 0), ([5], 1, 0), ([3, 5], 2, 0), ([3, 5], 2, 1), ([2, 3, 5], 3, 1), ([2, 3, 5], 2, -1), ([3, 5], 0, 1), ([3, 0], 2, 0)]] + [
                  *[Case(f'{label(s)} flattened', filled(s), 2) for s in ([], [3, 5])], Case('int32', integers([3]), 2, 0), Case('bool', flags([3]), 3, 0)],
              note='repeats each entry, as torch.repeat_interleave', **exact)
    yield Row('flip', lambda x, axis=None: x.flip(list(range(x.dim())) if axis is None else axis), [
        *[Case(f'{label(s)} axis {a}', filled(s), a) for s, a in [([5], 0), ([67], 0), ([3, 5], 0), ([3, 5], 1), ([3, 5], -1), ([3, 5], [0, 1]), ([2, 3, 5], [0, 2]), ([3, 0], 0)]],
        Case('all axes', filled([3, 5])), Case('[]', filled([])), Case('int32', integers([3, 5]), 1), Case('bool', flags([5]))])
    yield Row('roll', rolled, [
        *[Case(f'{label(s)} by {n} axis {a}', filled(s), n, a) for s, n, a in [
            ([5], 2, 0), ([5], -1, 0), ([5], 12, -1), ([5], 0, 0), ([5], 5, 0), ([3, 5], 1, 0), ([3, 5], 2, 1), ([2, 3, 5], -1, 1), ([3, 5], [1, 2], [0, 1]),
            ([3, 5], 1, [0, 1]), ([3, 5], [1, 1], [1, 1]), ([3, 0], 2, 1), ([3, 0], 2, 0)]],
        *[Case(f'{label(s)} flattened', filled(s), 4) for s in ([], [3, 5], [0])], Case('int32', integers([3, 5]), 1, 1), Case('bool', flags([7]), 3, 0)])
    for name, function in (('triu', torch.triu), ('tril', torch.tril)):
        yield Row(name, function, [
            *[Case(f'{label(s)} {k}', filled(s), k) for s in ([3, 3], [3, 5], [5, 3], [2, 3, 4]) for k in (-4, -1, 0, 2, 6)], Case('left out', filled([3, 3])),
            Case('[3,0]', filled([3, 0])), Case('[0,3]', filled([0, 3]), 1), Case('int32', integers([3, 5]), 1), Case('uint8', integers([3, 3], 0, 256, 'uint8'), 0),
            Case('bool', flags([3, 5]), -1), Case('special values', literal([[NAN, INF], [-INF, NAN]]), 0, gradient=False)])
    yield Row('diag', torch.diag, [
        *[Case(f'{label(s)} {k}', filled(s), k) for s in ([4], [1], [3, 3], [3, 5], [5, 3]) for k in (-2, 0, 1)], Case('left out', filled([3, 3])),
        Case('beyond', filled([3, 3]), 0), Case('[3,3] 3', filled([3, 3]), 3), Case('[3,5] -3', filled([3, 5]), -3), Case('[0] 1', filled([0]), 1), Case('[0,3]', filled([0, 3])),
        Case('int32', integers([3, 5]), 1), Case('bool', flags([3]), -1)])


def rows():
    yield from shapes()
    yield from slices()
    yield from indexing()
    yield from joining()
    yield from casting()
    yield from copies()
