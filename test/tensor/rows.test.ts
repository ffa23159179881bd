// Tensors of rows: typed arrays, tensors, nested numbers, mixed.
import {
  Chain,
  DataLoader,
  Dense,
  type DType,
  gradient,
  memory,
  ones,
  ReleasedError,
  type RowsInput,
  scope,
  stack,
  type Tensor,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { refuses } from '../errors/table.ts'

const x = tensor([1, 2])
const ints = tensor([3, 4], { dtype: 'int32' })
const bytes = new Uint8Array([5, 6])

describe('rows make a tensor of the type that they have in common', () => {
  it.each<[name: string, rows: RowsInput, dtype: DType, values: unknown]>([
    [
      'typed arrays',
      [new Float32Array([1, 2]), new Float32Array([3, 4])],
      'float32',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      'bytes',
      [bytes, bytes],
      'uint8',
      [
        [5, 6],
        [5, 6],
      ],
    ],
    [
      'bytes and ints',
      [bytes, new Int32Array([-1, 2 ** 30])],
      'int32',
      [
        [5, 6],
        [-1, 2 ** 30],
      ],
    ],
    [
      'bytes and numbers',
      [bytes, [0.5, 1]],
      'float32',
      [
        [5, 6],
        [0.5, 1],
      ],
    ],
    [
      'bytes and booleans',
      [bytes, [true, false]],
      'int32',
      [
        [5, 6],
        [1, 0],
      ],
    ],
    [
      '64-bit integers',
      [new BigInt64Array([1n, 2n]), new BigUint64Array([3n, 4n])],
      'int32',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    ['doubles', [new Float64Array([1, 2])], 'float32', [[1, 2]]],
    ['typed arrays in lists', [[bytes], [bytes]], 'uint8', [[[5, 6]], [[5, 6]]]],
    ['empty ones', [new Float32Array(0), new Float32Array(0)], 'float32', [[], []]],
    [
      'tensors',
      [x, x],
      'float32',
      [
        [1, 2],
        [1, 2],
      ],
    ],
    [
      'tensors of two types',
      [x, ints],
      'float32',
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      'tensors of one type',
      [ints, ints],
      'int32',
      [
        [3, 4],
        [3, 4],
      ],
    ],
    ['scalars', [tensor(1), tensor(2), 3], 'float32', [1, 2, 3]],
    [
      'tensors in lists',
      [
        [x, x],
        [x, x],
      ],
      'float32',
      [
        [
          [1, 2],
          [1, 2],
        ],
        [
          [1, 2],
          [1, 2],
        ],
      ],
    ],
    [
      'tensors, typed arrays and numbers',
      [[7, 8], x, bytes],
      'float32',
      [
        [7, 8],
        [1, 2],
        [5, 6],
      ],
    ],
  ])('%s', (_, rows, dtype, values) => {
    const before = memory()
    scope(() => {
      const y = tensor(rows)
      expect([y.dtype, y.toArray()]).toEqual([dtype, values])
      expect(tensor(rows, [y.size]).shape).toEqual([y.size])
      expect(tensor(rows, { dtype: 'float32' }).toArray()).toEqual(values)
    })
    expect(memory().tensors).toBe(before.tensors)
  })

  it('tensors stay on the tape, as stacked', () => {
    const f = (join: (rows: readonly Tensor[]) => Tensor) => (a: Tensor, b: Tensor) =>
      join([a, b, a.mul(b)])
        .square()
        .sum()
    const rows = gradient(
      f(rows => tensor(rows)),
      x,
      x,
    )
    expect(rows.map(g => g.toArray())).toEqual(gradient(f(stack), x, x).map(g => g.toArray()))
    const [g] = gradient((a: Tensor) => tensor([a.sum(), a.mul(2).sum()], { dtype: 'float32' }).sum(), x)
    expect(g.toArray()).toEqual([3, 3])
  })

  it('leaves nothing behind outside of scopes', () => {
    const before = memory().tensors
    tensor([x, [1, 2], bytes]).dispose()
    expect(memory().tensors).toBe(before)
  })

  it('is what a DataLoader makes of them', () => {
    const rows = [new Float32Array([1, 2]), new Float32Array([3, 4])]
    const [[x, y, z]] = new DataLoader([zeros([2, 2]), rows, [ones([3]), ones([3])]], { batchSize: 2 })
    expect([x.shape, y.shape, z.shape]).toEqual([
      [2, 2],
      [2, 2],
      [2, 3],
    ])
  })
})

const cyclic: unknown[] = [x]
cyclic.push(cyclic)
const gone = ones([2])
gone.dispose()
describe('rows are refused', () => {
  refuses([
    [
      'of several lengths',
      () => tensor([new Float32Array(2), new Float32Array(3)]),
      'ShapeError: tensor: the nested arrays are ragged: [2, 2] by the first of each level, but then an array of 3. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    [
      'of several shapes',
      () => tensor([x, ones([3])]),
      'ShapeError: tensor: the nested arrays are ragged: [2] by the first of each level, but then a row [3]. All arrays of a level must have one length: padSequences pads the shorter ones.',
    ],
    ['that lie in themselves', () => tensor(cyclic as never), 'TypeError: tensor: an array lies inside of itself. Nest arrays of numbers.'],
    [
      'in another shape',
      () => tensor([x, x], [3]),
      'ShapeError: tensor: the shape does not hold the data: 4 numbers, [3]. The sizes of the shape must multiply to 4.',
    ],
    [
      'that do not fit the type',
      () => tensor([x.neg(), x], { dtype: 'uint8' }),
      'RangeError: cast: -1 does not fit into uint8. Clamp it first, or use float32.',
    ],
    [
      'with a DataView',
      () => tensor([new DataView(new ArrayBuffer(8))] as never),
      'TypeError: tensor: an element is no number: a DataView. Elements are numbers or booleans; convert the others first.',
    ],
    [
      'with a layer',
      () => tensor([x, Chain(Dense(1, 1))] as never),
      'TypeError: tensor: an element is no number: function. Elements are numbers or booleans; convert the others first.',
    ],
  ])
  it('that have been released', () => {
    expect(() => tensor([x, gone])).toThrow(ReleasedError)
  })
})
