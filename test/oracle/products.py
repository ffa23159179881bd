"""matmul and linear: inner dimensions on both sides of every block size, batches, vectors, transposed operands."""
import numpy as np
import torch

from inputs import INF, NAN, label
from records import Call, Case, Row, filled, integers, literal

INNER = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 63, 64, 65, 255, 256, 257, 511, 512, 513, 1025]
OUTER = [(1, 1), (3, 5), (5, 3), (1, 7), (7, 1), (2, 3)]
TILES = [(4, 8), (3, 12), (5, 9), (9, 13), (7, 17), (13, 25), (17, 33), (33, 11)]


def product(x, y, options=None):
    options = options or {}
    x = x.transpose(-1, -2) if options.get('transposeLeft') else x
    y = y.transpose(-1, -2) if options.get('transposeRight') else y
    return torch.matmul(x, y)


def flipped(shape):
    return [*shape[:-2], shape[-1], shape[-2]]


def transposed(shape):
    return Call('transpose', filled(flipped(shape)), function=lambda x: x.transpose(-1, -2))


def plain(x, y):
    yield Case(label(x, y), filled(x), filled(y))


def every_way(x, y):
    """Both operands as they are, stored transposed and said so, and through transpose()."""
    yield from plain(x, y)
    yield Case(f'transposeLeft {label(x, y)}', filled(flipped(x)), filled(y), {'transposeLeft': True})
    yield Case(f'transposeRight {label(x, y)}', filled(x), filled(flipped(y)), {'transposeRight': True})
    yield Case(f'transposeLeft, transposeRight {label(x, y)}', filled(flipped(x)), filled(flipped(y)), {'transposeLeft': True, 'transposeRight': True})
    yield Case(f'transpose() {label(x, y)}', transposed(x), transposed(y))


def inner():
    """Small outer sizes while the inner ones are long: the gradients are as long as the operands."""
    for i, k in enumerate(INNER):
        m, n = OUTER[i % 5 + 1] if k < 200 else (2, 3)
        ways = list(every_way([m, k], [k, n]))
        for i, way in enumerate(ways):
            way.overrides['gradient'] = k < 60 or (i < 3 and k < 70) or (i == 0 and k in (256, 513))
        yield from ways
        if k < 200:
            yield from plain([1, k], [k, 1])


def shapes():
    for m, n in TILES:
        yield from plain([m, 6], [6, n])
        for way in list(every_way([m, 5], [5, n]))[1:4]:
            way.overrides['gradient'] = m < 8
            yield way
    for x, y in [([5], [5]), ([1], [1]), ([67], [67]), ([7], [7, 3]), ([3, 7], [7]), ([1, 7], [7]), ([5], [2, 5, 3]), ([2, 3, 5], [5]), ([17], [17, 1]), ([33, 17], [17])]:
        yield from plain(x, y)
    for x, y in [([2, 3, 4], [2, 4, 5]), ([1, 3, 4], [2, 4, 5]), ([2, 3, 4], [1, 4, 5]), ([3, 4], [2, 4, 5]), ([2, 3, 4], [4, 5]), ([4, 1, 3, 5], [2, 5, 3]),
                 ([2, 2, 3, 5], [2, 2, 5, 3]), ([2, 1, 1, 7], [3, 7, 1]), ([3, 1, 17], [3, 17, 5]), ([2, 3, 7, 5], [1, 1, 5, 2])]:
        yield from every_way(x, y)
    for x, y in [([0, 3], [3, 2]), ([3, 0], [0, 2]), ([2, 3], [3, 0]), ([0], [0]), ([0, 2, 3], [0, 3, 2]), ([0], [0, 3]), ([3, 0], [0]), ([0, 0], [0, 0])]:
        yield from plain(x, y)


def special():
    some = dict(gradient=False)
    yield Case('NaN stays in its row', literal([[1, NAN, 2], [3, 4, 5]]), literal([[1, 2], [0.0, 1], [3, 4]]), **some)
    yield Case('Infinity times 0 is NaN', literal([[INF, 1], [2, 3]]), literal([[0.0, 1], [2, -1]]), **some)
    yield Case('infinities of both signs', literal([[INF, -INF], [INF, INF]]), literal([[1, 1], [1, -1]]), **some)
    yield Case('large and small', literal([[1e30, 1e-30], [1e20, 1]]), literal([[1e-30, 1e30], [1e30, 1]]), magnitude=None, **some)


def einsum(equation, *xs):
    """torch.einsum, which numpy.einsum must agree with."""
    wanted = np.einsum(equation, *[x.detach().numpy() for x in xs])
    if not any(x.is_floating_point() for x in xs):
        return torch.from_numpy(np.asarray(wanted, dtype=np.int32))
    y = torch.einsum(equation.replace(' ', ''), *[x.double() for x in xs])
    assert y.shape == wanted.shape and np.allclose(y.detach().numpy(), wanted, rtol=1e-9, atol=1e-12), equation
    return y


EINSUMS = [  # the equation, then the shapes
    ('i', [5]), ('ij->ji', [3, 5]), ('ji', [3, 5]), ('Ba', [2, 3]), ('bA', [2, 3]), ('ij->', [3, 5]), ('ij->i', [3, 5]), ('ij->j', [3, 5]), ('ii', [4, 4]), ('ii->i', [4, 4]),
    ('iij->ji', [3, 3, 5]), ('iji->j', [3, 5, 3]), ('iijj->ij', [2, 2, 3, 3]), ('iii->i', [3, 3, 3]), ('ijk->kij', [2, 3, 5]), ('...i->...', [2, 3, 5]), ('i...->...i', [2, 3, 5]),
    ('...ij->...ji', [2, 3, 5]), ('...', [2, 3]), ('...ii->...i', [2, 3, 3]), ('', []),
    ('i,i', [5], [5]), ('i,i->i', [5], [5]), ('i,j', [3], [5]), ('i,j->ji', [3], [5]), ('ij,ij->ij', [3, 5], [3, 5]), ('ij,ij->ji', [3, 5], [3, 5]), ('ij,ji->ij', [3, 5], [5, 3]),
    ('ij,ij', [3, 5], [3, 5]), ('ij,ji', [3, 5], [5, 3]), ('ij,ij->i', [3, 5], [3, 5]), ('ij,j->i', [3, 5], [5]), ('i,ij->j', [3], [3, 5]), ('ij,j->ij', [3, 5], [5]),
    ('ij,jk', [3, 5], [5, 7]), ('ij,jk->ki', [3, 5], [5, 7]), ('ji,jk->ik', [5, 3], [5, 7]), ('ij,kj->ik', [3, 5], [7, 5]), ('ji,kj->ik', [5, 3], [7, 5]), ('ji,kj->ki', [5, 3], [7, 5]),
    ('bij,bjk->bik', [2, 3, 5], [2, 5, 4]), ('bij,bkj->bik', [2, 3, 5], [2, 4, 5]), ('bji,bjk->bki', [2, 5, 3], [2, 5, 4]), ('ibj,bjk->ibk', [3, 2, 5], [2, 5, 4]),
    ('bqhd,bkhd->bhqk', [2, 3, 2, 5], [2, 4, 2, 5]), ('bhqk,bkhd->bqhd', [2, 2, 3, 4], [2, 4, 2, 5]), ('ijk,jkl->il', [2, 3, 5], [3, 5, 4]), ('ijk,kjl->il', [2, 3, 5], [5, 3, 4]),
    ('ijk,ilm->jklm', [2, 3, 2], [2, 3, 2]), ('ij,kl->ijkl', [2, 3], [4, 5]), ('ij,kl->il', [2, 3], [4, 5]), ('ij,kl->', [2, 3], [4, 5]), ('ijk,j->ik', [2, 3, 5], [3]),
    ('...ij,...jk->...ik', [2, 3, 5], [2, 5, 4]), ('...ij,...jk', [2, 1, 3, 5], [3, 5, 4]), ('...ij,jk->...ik', [2, 2, 3, 5], [5, 4]), ('...,...->...', [2, 3], [3]),
    ('i...,...', [2, 3], [4, 3]), ('...i,...i->...', [2, 3, 5], [5]), ('ij,jk', [2, 1], [3, 4]), ('ij,ij->ij', [1, 3], [2, 3]), ('ij,ij->j', [1, 3], [2, 3]), ('ij,', [2, 3], []),
    ('iij,j->i', [3, 3, 5], [5]), ('ii,jj->ij', [3, 3], [4, 4]), (' i j , j k -> i k ', [3, 5], [5, 7]),
    ('ij,jk,kl->il', [3, 5], [5, 2], [2, 4]), ('ij,kl,jk->il', [3, 5], [2, 4], [5, 2]), ('i,j,k->ijk', [2], [3], [4]), ('i,ij,j', [3], [3, 5], [5]), ('bi,ij,bj->b', [4, 3], [3, 5], [4, 5]),
    ('ij,jk,kl,lm->im', [2, 3], [3, 4], [4, 5], [5, 2]), ('ij,ij,ij->ij', [3, 5], [3, 5], [3, 5]),
    ('ij,jk', [3, 0], [0, 2]), ('ij,jk', [0, 3], [3, 2]), ('ij->j', [0, 3]), ('ij,ij->i', [2, 0], [2, 0]), ('ij,jk->ik', [17, 33], [33, 21])]


def sums():
    yield Row('einsum', einsum, [
        *[Case(' '.join([equation.replace(' ', '_'), label(*shapes)]), equation, *[filled(shape) for shape in shapes]) for equation, *shapes in EINSUMS],
        *[Case(f'int32 {equation}', equation, *[integers(shape) for shape in shapes]) for equation, *shapes in [
            ('ij,jk', [3, 5], [5, 7]), ('ij->i', [3, 5]), ('ii->i', [3, 3]), ('i,j', [3], [5]), ('bij,bjk->bki', [2, 3, 5], [2, 5, 4]), ('ij,j,i->', [3, 5], [5], [3])]],
        Case('int32 with float32', 'ij,jk', integers([3, 5]), filled([5, 2]))], ulp=1, magnitude='linear')

    def dot(x, y):
        return torch.from_numpy(np.asarray(np.dot(x.numpy(), y.numpy()))) if not x.is_floating_point() else x * y if 0 in (x.dim(), y.dim()) else torch.tensordot(
            x, y, dims=([x.dim() - 1], [max(0, y.dim() - 2)]))

    yield Row('dot', dot, [
        *[Case(label(x, y), filled(x), filled(y)) for x, y in [
            ([5], [5]), ([1], [1]), ([257], [257]), ([3, 5], [5]), ([5], [5, 3]), ([3, 5], [5, 7]), ([2, 3, 5], [5]), ([2, 3, 5], [4, 5, 2]), ([3, 5], [2, 5, 2]), ([], [3, 5]),
            ([3, 5], []), ([], []), ([0], [0]), ([3, 0], [0, 2])]],
        Case('int32 [5]', integers([5]), integers([5])), Case('int32 [3,5] with [5,2]', integers([3, 5]), integers([5, 2]))], ulp=1, magnitude='linear')
    yield Row('outer', lambda x, y: x.reshape(-1, 1) * y.reshape(-1), [
        *[Case(label(x, y), filled(x), filled(y)) for x, y in [([3], [5]), ([1], [7]), ([2, 3], [4]), ([], [3]), ([0], [3]), ([17], [33])]],
        Case('int32', integers([3]), integers([5]))], ulp=0, gradient_ulp=1, magnitude='linear')


def rows():
    yield from sums()
    yield Row('matmul', product, [*inner(), *shapes(), *special()], ulp=1, magnitude='linear')
    yield Row('linear', lambda x, weight, bias=None: torch.nn.functional.linear(x, weight, bias), [
        *[Case(label(x, w, [w[0]]), filled(x), filled(w), filled([w[0]])) for x, w in [
            ([3], [5, 3]), ([1, 1], [1, 1]), ([7, 3], [5, 3]), ([1, 17], [7, 17]), ([5, 33], [3, 33]), ([2, 3, 5], [4, 5]), ([2, 1, 3, 5], [7, 5]), ([17, 65], [9, 65]),
            ([0, 3], [5, 3]), ([3, 257], [5, 257]), ([33, 11], [13, 11])]],
        *[Case(f'no bias {label(x, w)}', filled(x), filled(w)) for x, w in [([7], [3, 7]), ([5, 7], [3, 7]), ([2, 3, 7], [5, 7])]]], ulp=1, magnitude='linear')
