import { arange, eye, full, keep, linspace, ones, onesLike, scope, tensor, zeros, zerosLike } from 'fluxtape'
import { describe, expect, test } from 'vitest'

describe('tensor', () => {
  test('of a number has no axes', () => {
    const x = tensor(3)
    expect([x.shape, x.dtype, x.size, x.rank, x.item(), x.toArray()]).toEqual([[], 'float32', 1, 0, 3, 3])
  })

  test('of nested arrays has their shape', () => {
    const x = tensor([
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ])
    expect([x.shape, x.size, x.rank]).toEqual([[1, 3, 2], 6, 3])
    expect(x.toArray()).toEqual([
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ])
    expect([...x.data()]).toEqual([1, 2, 3, 4, 5, 6])
  })

  test('of empty arrays has their shape', () => {
    expect(tensor([]).shape).toEqual([0])
    expect(tensor([[], []]).shape).toEqual([2, 0])
    expect(tensor([], [0, 3]).shape).toEqual([0, 3])
  })

  test('of numbers with a shape is laid out row by row', () => {
    expect(tensor([1, 2, 3, 4, 5, 6], [2, 3]).toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
    expect(
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        [4],
      ).toArray(),
    ).toEqual([1, 2, 3, 4])
    expect(tensor(new Float32Array([1, 2]), [2, 1]).toArray()).toEqual([[1], [2]])
    expect(tensor(5, [1, 1]).toArray()).toEqual([[5]])
  })

  test.each([
    [new Float32Array([1.5, -2]), 'float32', [1.5, -2]],
    [new Float64Array([0.1, 2]), 'float32', [Math.fround(0.1), 2]],
    [new Int32Array([1, -2]), 'int32', [1, -2]],
    [new Uint8Array([1, 255]), 'uint8', [1, 255]],
    [new Uint8ClampedArray([1, 255]), 'uint8', [1, 255]],
    [new Int8Array([1, -2]), 'float32', [1, -2]],
    [new Int16Array([1, -2]), 'float32', [1, -2]],
    [new Uint16Array([1, 65535]), 'float32', [1, 65535]],
    [new Uint32Array([1, 2 ** 31]), 'float32', [1, 2 ** 31]],
    [new BigInt64Array([1n, -(2n ** 31n)]), 'int32', [1, -(2 ** 31)]],
    [new BigUint64Array([1n, 2n ** 31n - 1n]), 'int32', [1, 2 ** 31 - 1]],
  ] as const)('of %o is %s', (data, dtype, values) => {
    const x = tensor(data)
    expect(x.dtype).toBe(dtype)
    expect([...x.data()]).toEqual(values)
  })

  test('copies: it does not see later changes of the array', () => {
    const data = new Float32Array([1, 2])
    const x = tensor(data)
    data[0] = 9
    expect(x.toArray()).toEqual([1, 2])
  })

  test('of a part of a buffer takes that part', () => {
    expect(tensor(new Float32Array([1, 2, 3, 4]).subarray(1, 3)).toArray()).toEqual([2, 3])
  })

  test('of booleans is bool, of booleans and numbers float32', () => {
    expect(tensor([true, false]).dtype).toBe('bool')
    expect(tensor([true, false]).toArray()).toEqual([true, false])
    expect(tensor([true, 2]).dtype).toBe('float32')
    expect(tensor([true, 2]).toArray()).toEqual([1, 2])
    expect(tensor(true).item()).toBe(1)
  })

  test('in a dtype that is asked for', () => {
    expect(tensor([0, 2, -1], undefined, { dtype: 'int32' }).toArray()).toEqual([0, 2, -1])
    expect(tensor([0, 2, Number.NaN], undefined, { dtype: 'bool' }).toArray()).toEqual([false, true, true])
    expect(tensor([1, 255], undefined, { dtype: 'uint8' }).toArray()).toEqual([1, 255])
    expect(tensor(new Int32Array([1, 2]), undefined, { dtype: 'float32' }).dtype).toBe('float32')
  })

  test('keeps NaN, infinities and the sign of zero', () => {
    expect(tensor([Number.NaN, Number.POSITIVE_INFINITY, -0]).toArray()).toEqual([Number.NaN, Number.POSITIVE_INFINITY, -0])
  })

  test('has a shape of its own', () => {
    const shape = [2, 2]
    const x = tensor([1, 2, 3, 4], shape)
    const y = zeros(shape)
    shape[0] = 5
    expect([x.shape, y.shape]).toEqual([
      [2, 2],
      [2, 2],
    ])
  })

  test('takes more than 8 axes', () => {
    const shape = [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]
    const x = arange(0, 32).reshape(shape)
    expect(x.rank).toBe(10)
    expect(x.add(1).sum().item()).toBe(528)
  })
})

describe('tensors of one value', () => {
  test('zeros, ones and full', () => {
    expect(zeros([2, 2]).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(ones([3]).toArray()).toEqual([1, 1, 1])
    expect(full([2], 2.5).toArray()).toEqual([2.5, 2.5])
    expect(full([], 7).item()).toBe(7)
    expect(zeros([0, 2]).toArray()).toEqual([])
  })

  test('in every dtype', () => {
    for (const dtype of ['float32', 'int32', 'uint8'] as const) {
      expect([zeros([2], { dtype }).dtype, ones([2], { dtype }).dtype]).toEqual([dtype, dtype])
      expect(ones([2], { dtype }).toArray()).toEqual([1, 1])
    }
    expect(ones([1], { dtype: 'bool' }).toArray()).toEqual([true])
    expect(full([2], 7, { dtype: 'bool' }).data()).toEqual(new Uint8Array([1, 1]))
    expect(full([2], true).dtype).toBe('bool')
    expect(full([2], true, { dtype: 'float32' }).toArray()).toEqual([1, 1])
    expect(full([2], -1, { dtype: 'int32' }).toArray()).toEqual([-1, -1])
  })

  test('like another', () => {
    const x = tensor(new Int32Array([1, 2]))
    const [z, o] = [zerosLike(x), onesLike(x)]
    expect([z.dtype, z.toArray(), o.dtype, o.toArray()]).toEqual(['int32', [0, 0], 'int32', [1, 1]])
    expect(x.toArray()).toEqual([1, 2])
    expect(onesLike(tensor([true, false])).toArray()).toEqual([true, true])
  })
})

describe('series', () => {
  test('arange', () => {
    expect(arange(3).toArray()).toEqual([0, 1, 2])
    expect(arange(1, 4).toArray()).toEqual([1, 2, 3])
    expect(arange(0, 1, 0.25).toArray()).toEqual([0, 0.25, 0.5, 0.75])
    expect(arange(3, 0, -1).toArray()).toEqual([3, 2, 1])
    expect(arange(3, 0).toArray()).toEqual([])
    expect(arange(0).toArray()).toEqual([])
    expect(arange(2.5).toArray()).toEqual([0, 1, 2])
    expect(arange(0, 3, 1, { dtype: 'int32' }).dtype).toBe('int32')
  })

  test('linspace', () => {
    expect(linspace(0, 1, 5).toArray()).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect(linspace(2, 4, 1).toArray()).toEqual([2])
    expect(linspace(2, 4, 0).toArray()).toEqual([])
    expect(linspace(1, -1, 3).toArray()).toEqual([1, 0, -1])
    expect(linspace(0, 0.3, 4).data().at(-1)).toBe(Math.fround(0.3))
  })

  test('eye', () => {
    expect(eye(2).toArray()).toEqual([
      [1, 0],
      [0, 1],
    ])
    expect(eye(2, 3).toArray()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ])
    expect(eye(3, 2).toArray()).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
    ])
    expect(eye(0).shape).toEqual([0, 0])
  })
})

describe('reading', () => {
  test('data is a copy, in the array of the type', () => {
    const x = tensor([1, 2])
    const data = x.data()
    expect(data).toBeInstanceOf(Float32Array)
    data[0] = 9
    expect(x.toArray()).toEqual([1, 2])
    expect(tensor(new Int32Array([1])).data()).toBeInstanceOf(Int32Array)
    expect(tensor([true]).data()).toEqual(new Uint8Array([1]))
    expect(tensor(new Uint8Array([7])).data()).toEqual(new Uint8Array([7]))
    // A copy of shared memory would itself be shared, which much of the platform refuses.
    expect(data.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test('view is where the elements lie', () => {
    const x = tensor([1, 2])
    x.view()[0] = 9
    expect(x.toArray()).toEqual([9, 2])
    expect(x.view().length).toBe(2)
  })

  test('item is the number of a tensor of one element, whatever its shape', () => {
    expect(tensor([[[4]]]).item()).toBe(4)
    expect(tensor([true]).item()).toBe(1)
  })

  test('toArray nests as deep as there are axes', () => {
    expect(zeros([1, 0]).toArray()).toEqual([[]])
    expect(zeros([2, 1, 1]).toArray()).toEqual([[[0]], [[0]]])
    expect(tensor([[true], [false]]).toArray()).toEqual([[true], [false]])
  })

  test('reading in a scope needs no memory', () => {
    const x = keep(tensor([1, 2, 3]))
    const sum = scope(() => [...x.data()].reduce((a, b) => a + b) + (x.toArray() as number[]).length)
    expect(sum).toBe(9)
  })
})
