// Operations on bytes, booleans and integers have the values of those on float32, which PyTorch's are held to, and the types that stand here.
import * as f from 'fluxtape'
import { type DType, type Tensor, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const [P, Q] = [
  [3, 0, 250, 7, 7, 1, 0, 9, 255, 2, 4, 5],
  [1, 2, 0, 4, 3, 9, 7, 0, 1, 6, 8, 11],
]
const where = () => tensor([true, false, true, true], [4])
const at = () => tensor(Int32Array.of(2, 0, 1, 1), [2, 2])
const alongs = () => tensor(Int32Array.of(2, 0, 1, 1, 0, 2), [3, 2])

/** What is made of x and y, both [3, 4], and its type: the one that came where it says 'same'. */
const rows: readonly [name: string, dtype: DType | 'same', run: (x: Tensor, y: Tensor) => Tensor | readonly Tensor[]][] = [
  ['chunk', 'same', x => f.chunk(x, 2, 1)],
  ['chunk of an empty axis', 'same', x => f.chunk(x.slice('0:0'), 3)],
  ['split', 'same', x => f.split(x, [1, 2])],
  ['stack', 'same', (x, y) => f.stack([x, y], 1)],
  ['concat', 'same', (x, y) => f.concat([x, y], 1)],
  ['slice', 'same', x => x.slice('::-1, 1:4:2')],
  ['flip', 'same', x => f.flip(x, 1)],
  ['roll', 'same', x => f.roll(x, 1, 1)],
  ['tile', 'same', x => f.tile(x, [2, 1])],
  ['repeat', 'same', x => f.repeat(x, 2, 0)],
  ['diag of a vector', 'same', x => f.diag(x.slice('0'))],
  ['diag of a matrix', 'same', x => f.diag(x.slice(':, 0:3'))],
  ['gather', 'same', x => f.gather(x, at(), 1)],
  ['takeAlong', 'same', x => f.takeAlong(x, alongs(), 1)],
  ['where', 'int32', (x, y) => f.where(where(), x, y)],
  ['scatterAdd', 'int32', (x, y) => f.scatterAdd(x, [2, 0, 2], y)],
  ['dot', 'int32', (x, y) => f.dot(x, y.reshape([4, 3]))],
  ['outer', 'int32', (x, y) => f.outer(x, y)],
  ["einsum 'ij,ij->i'", 'int32', (x, y) => f.einsum('ij,ij->i', x, y)],
  ["einsum 'ij,kj->ki'", 'int32', (x, y) => f.einsum('ij,kj->ki', x, y)],
  ["einsum 'ii->i'", 'same', x => f.einsum('ii->i', x.slice(':, 0:3'))],
  ['max', 'int32', x => x.max()],
  ['max along an axis', 'int32', x => x.max(1)],
  ['min', 'int32', x => x.min()],
  ['min along an axis', 'int32', x => x.min(0, { keepDims: true })],
  ['argMax', 'int32', x => x.argMax()],
  ['argMax along an axis', 'int32', x => x.argMax(1)],
  ['argMin', 'int32', x => x.argMin()],
  ['argMin along an axis', 'int32', x => x.argMin(0)],
  ['variance', 'float32', x => x.variance(1)],
  ['std', 'float32', x => x.std()],
  ['norm', 'float32', x => x.norm(0)],
  ['norm, p = 1', 'float32', x => x.norm(1, { p: 1 })],
  ['logSumExp', 'float32', x => x.logSumExp(1)],
]

describe.each(['uint8', 'bool', 'int32'] as const)('of %s', type => {
  it.each(rows)('%s', (_, dtype, run) => {
    const [x, y] = [P, Q].map(values => tensor(values, [3, 4]).cast(type))
    const parts = (made: Tensor | readonly Tensor[]) => [made].flat() as Tensor[]
    const [ours, floats] = [parts(run(x, y)), parts(run(x.cast('float32'), y.cast('float32')))]
    expect(ours.map(each => each.cast('float32').toArray())).toEqual(floats.map(each => each.toArray()))
    for (const each of ours) expect(each.dtype).toBe(dtype === 'same' ? type : dtype)
  })
})

it.each(['float32', 'int32', 'uint8', 'bool'] as const)('chunk of an empty axis of %s has as many parts as torch.chunk', dtype => {
  const chunks = f.chunk(f.zeros([2, 0], { dtype }), 3, 1)
  expect(chunks.map(each => [each.shape, each.dtype])).toEqual(new Array(3).fill([[2, 0], dtype]))
  expect(f.chunk(f.zeros([0, 2], { dtype }), 2, 1).map(each => each.shape)).toEqual(new Array(2).fill([0, 1]))
  expect(() => f.chunk(f.zeros([], { dtype }), 1)).toThrow(f.ShapeError)
  expect(() => f.chunk(f.zeros([0], { dtype }), 0)).toThrow('chunk: the number of parts is a whole number from 1: 0.')
})
