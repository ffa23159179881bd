import { concat, type DType, oneHot, stack, type Tensor, tensor, where, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const dtypes: readonly DType[] = ['float32', 'int32', 'uint8', 'bool']
const one = (dtype: DType) => tensor([1, 0, 1], undefined, { dtype })

/** float32 wins; all others are computed in int32. */
const common = (a: DType, b: DType) => (a === 'float32' || b === 'float32' ? 'float32' : 'int32')
const pairs = dtypes.flatMap(a => dtypes.map(b => [a, b] as const))

describe('arithmetic', () => {
  test.each(pairs)('%s and %s', (a, b) => {
    const [x, y] = [one(a), one(b)]
    const results = { add: x.add(y), sub: x.sub(y), mul: x.mul(y), maximum: x.maximum(y), minimum: x.minimum(y) }
    for (const result of Object.values(results)) expect(result.dtype).toBe(common(a, b))
    expect(results.add.toArray()).toEqual([2, 0, 2])
    expect(results.sub.toArray()).toEqual([0, 0, 0])
    expect(x.div(y).dtype).toBe('float32')
    expect(x.div(y).toArray()).toEqual([1, Number.NaN, 1])
    expect(x.pow(y).dtype).toBe('float32')
    for (const result of [x.equal(y), x.less(y), x.greaterEqual(y), x.logicalAnd(y), x.logicalOr(y)]) expect(result.dtype).toBe('bool')
    expect(x.equal(y).toArray()).toEqual([true, true, true])
    expect(where(tensor([true, false, true]), x, y).dtype).toBe(common(a, b))
  })

  test.each(dtypes)('%s and a number, which takes its type', dtype => {
    const type = dtype === 'float32' ? 'float32' : 'int32'
    const x = one(dtype)
    expect(x.add(2).dtype).toBe(type)
    expect(x.add(2).toArray()).toEqual([3, 2, 3])
    expect(x.mul(-3).toArray()).toEqual([-3, 0, -3].map(each => (dtype === 'float32' && each === 0 ? -0 : each)))
    expect(x.maximum(1).dtype).toBe(type)
    expect(where(x, x, 5).dtype).toBe(type)
    expect(where(x, x, 5).toArray()).toEqual([1, 5, 1])
    expect(x.div(2).dtype).toBe('float32')
    expect(x.div(2).toArray()).toEqual([0.5, 0, 0.5])
    expect(x.less(0.5).toArray()).toEqual([false, true, false])
    expect(x.equal(1).toArray()).toEqual([true, false, true])
  })

  test.each(['int32', 'uint8', 'bool'] as const)('%s and a number that is not whole is a DTypeError', dtype => {
    const x = one(dtype)
    const text = (name: string, number: number) =>
      `DTypeError: ${name}: a number takes the tensor's dtype, and is not whole: ${dtype} and ${number}. Write x.cast('float32') first.`
    expect(thrown(() => x.add(0.5))).toBe(text('add', 0.5))
    expect(thrown(() => where(x, x, 0.5))).toBe(text('where', 0.5))
  })

  test('int32 compares exactly where float32 could not', () => {
    const x = tensor(new Int32Array([2 ** 24, 2 ** 24 + 1]))
    expect(x.equal(2 ** 24).toArray()).toEqual([true, false])
    expect(x.less(x.add(1)).toArray()).toEqual([true, true])
    expect(x.argMax().item()).toBe(1)
  })
})

describe('one operand', () => {
  const floats = [
    'exp',
    'log',
    'sqrt',
    'sin',
    'tanh',
    'sigmoid',
    'reciprocal',
    'mean',
    'softmax',
    'std',
    'variance',
    'norm',
    'logSumExp',
  ] as const
  const ints = ['neg', 'square', 'abs', 'sign', 'sum', 'prod', 'max', 'min'] as const
  const indices = ['argMax', 'argMin'] as const
  const bools = ['isNaN', 'isFinite', 'any', 'all', 'logicalNot'] as const
  const same = ['reshape', 'transpose', 'slice', 'permute', 'gather', 'broadcastTo', 'expandDims'] as const

  test.each(dtypes)('of %s', dtype => {
    const x = one(dtype)
    for (const name of floats) expect([name, (x[name] as () => Tensor)().dtype]).toEqual([name, 'float32'])
    for (const name of ints) expect([name, x[name]().dtype]).toEqual([name, dtype === 'float32' ? 'float32' : 'int32'])
    for (const name of indices) expect([name, x[name]().dtype]).toEqual([name, 'int32'])
    for (const name of bools) expect([name, x[name]().dtype]).toEqual([name, 'bool'])
    const square = x.expandDims(0)
    const moved = [
      x.reshape([3, 1]),
      square.transpose(),
      x.slice('1:'),
      square.permute([1, 0]),
      x.gather([0, 0]),
      square.broadcastTo([2, 3]),
      square,
    ]
    expect(moved).toHaveLength(same.length)
    for (const each of moved) expect(each.dtype).toBe(dtype)
    expect(square.transpose().data()).toEqual(x.data())
    expect(square.broadcastTo([2, 3]).data().slice(3)).toEqual(x.data())
  })

  test('the sum of bool and uint8 counts beyond a byte', () => {
    expect(tensor(new Uint8Array(1000).fill(255)).sum().item()).toBe(255_000)
    expect(zeros([300], { dtype: 'bool' }).equal(0).sum().item()).toBe(300)
  })

  test('matmul is float32', () => {
    const x = tensor(new Int32Array([1, 2]), [1, 2])
    expect(x.matmul(x.transpose()).dtype).toBe('float32')
    expect(x.matmul(x.transpose()).item()).toBe(5)
  })
})

describe('joining', () => {
  test.each(pairs)('%s and %s', (a, b) => {
    const type = a === b ? a : common(a, b)
    expect(concat([one(a), one(b)]).dtype).toBe(type)
    expect(stack([one(a), one(b)]).dtype).toBe(type)
    expect(
      concat([one(a), one(b)])
        .cast('int32')
        .toArray(),
    ).toEqual([1, 0, 1, 1, 0, 1])
  })
})

describe('cast', () => {
  test('from float32: towards zero, bool where it is not zero', () => {
    expect(tensor([0, 1, -1, 1.9, -1.9, 300]).cast('int32').toArray()).toEqual([0, 1, -1, 1, -1, 300])
    expect(tensor([0, 1, 1.9, -0.9, 255]).cast('uint8').toArray()).toEqual([0, 1, 1, 0, 255])
    expect(tensor([0, 0.1, -1, Number.NaN]).cast('bool').toArray()).toEqual([false, true, true, true])
  })

  test('from int32, uint8 and bool', () => {
    const i = tensor(new Int32Array([0, -1, 256, 2 ** 24 + 1]))
    expect(i.cast('float32').toArray()).toEqual([0, -1, 256, 2 ** 24])
    expect(i.cast('bool').toArray()).toEqual([false, true, true, true])
    const u = tensor(new Uint8Array([0, 2, 255]))
    expect(u.cast('float32').toArray()).toEqual([0, 2, 255])
    expect(u.cast('int32').toArray()).toEqual([0, 2, 255])
    expect(u.cast('bool').toArray()).toEqual([false, true, true])
    const b = tensor([true, false])
    for (const dtype of ['float32', 'int32', 'uint8'] as const) expect(b.cast(dtype).toArray()).toEqual([1, 0])
  })

  test('to the same type is the tensor itself', () => {
    for (const dtype of dtypes) {
      const y = one(dtype)
      expect(y.cast(dtype)).toBe(y)
    }
  })

  test('of every size, to its last element', () => {
    for (const from of dtypes) {
      for (const to of dtypes) {
        for (const size of [0, 1, 3, 4, 5, 15, 16, 17, 33]) {
          const y = tensor(
            Array.from({ length: size }, (_, i) => i % 2),
            undefined,
            { dtype: from },
          )
          expect([...y.cast(to).data()]).toEqual(Array.from({ length: size }, (_, i) => i % 2))
        }
      }
    }
  })
})

describe('indices', () => {
  test('are int32, or whole float32 or uint8 numbers, or plain ones', () => {
    const x = tensor([10, 20, 30])
    for (const indices of [tensor(new Int32Array([2, 0])), tensor([2, 0]), tensor(new Uint8Array([2, 0])), [2, 0]]) {
      expect(x.gather(indices).toArray()).toEqual([30, 10])
    }
    expect(x.gather(1).toArray()).toBe(20)
    expect(oneHot([1, 0]).dtype).toBe('bool')
    expect(
      oneHot(tensor([1, 0]), 3)
        .cast('int32')
        .toArray(),
    ).toEqual([
      [0, 1, 0],
      [1, 0, 0],
    ])
  })

  test('as plain numbers are not rounded to float32', () => {
    const x = zeros([2 ** 24 + 4], { dtype: 'uint8' })
    x.view()[2 ** 24 + 1] = 7
    expect(x.gather([2 ** 24 + 1]).toArray()).toEqual([7])
    x.dispose()
  })
})
