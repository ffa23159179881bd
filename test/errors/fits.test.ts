import {
  abs,
  add,
  arange,
  cast,
  clamp,
  Dense,
  Descent,
  dot,
  einsum,
  full,
  jit,
  memory,
  mul,
  neg,
  ones,
  outer,
  params,
  prod,
  scatterAdd,
  scope,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  trainStep,
  where,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { refuses } from './table.ts'
import { thrown } from './thrown.ts'

const most = 2 ** 31 - 1
const least = -(2 ** 31)
const int = (...values: number[]) => tensor(Int32Array.from(values))
const typed = (data: Parameters<typeof tensor>[0], dtype: 'int32' | 'uint8') => tensor(data, undefined, { dtype })
const refused = (operation: string, result: number) =>
  `RangeError: ${operation}: a result does not fit into int32: about ${result}. Write x.cast('float32') first.`
const misfit = (operation: string, value: number, dtype = 'int32') =>
  `RangeError: ${operation}: ${value} does not fit into ${dtype}. Clamp it first, or use float32.`

describe('integer arithmetic refuses what does not fit', () => {
  const wide = 2147483648
  refuses([
    ['add', () => add(int(1, most), int(1, 1)), refused('add', wide)],
    ['add, downwards, of a number', () => add(int(0, 0, 0, 0, least), -1), refused('add', -wide)],
    ['add, broadcast', () => add(int(most, 0).reshape([2, 1]), int(0, 0, 1)), refused('add', wide)],
    ['sub', () => sub(int(least), 1), refused('sub', -wide)],
    ['sub of the least', () => sub(0, int(least)), refused('sub', wide)],
    ['mul', () => mul(int(65536), int(32768)), refused('mul', wide)],
    ['mul whose lower half fits', () => mul(int(65536), 65536), refused('mul', 4294967296)],
    ['mul of the least', () => mul(int(least), -1), refused('mul', wide)],
    ['neg', () => neg(int(0, least)), refused('neg', wide)],
    ['abs', () => abs(int(0, 0, 0, 0, 0, least)), refused('abs', wide)],
    ['square', () => square(int(3, 46341)), refused('square', 2147488256)],
    ['sum', () => sum(int(most, 1)), refused('sum', wide)],
    ['sum of columns', () => sum(int(1, most, 1, 1).reshape([2, 2]), 0), refused('sum', wide)],
    ['sum of many bytes', () => sum(full([1e7], 255, { dtype: 'uint8' })), refused('sum', 2550000128)],
    ['dot', () => dot(int(65536, 1), int(32768, 1)), refused('dot', wide)],
    ['dot whose products fit', () => dot(int(most, 1), int(1, 1)), refused('dot', wide)],
    ['dot of a scalar', () => dot(int(65536), tensor(32768, undefined, { dtype: 'int32' })), refused('dot', wide)],
    [
      'dot in the last of its pieces',
      () => dot(ones([50, 100, 100], { dtype: 'int32' }), int(most, ...new Array(99).fill(1))),
      refused('dot', 2147483648),
    ],
    ['outer', () => outer(int(1, 65536), int(1, 32768)), refused('outer', wide)],
    ['einsum', () => einsum('i,i->', int(most, most), int(1, 1)), refused('einsum', 4294967296)],
    ['prod', () => prod(int(65536, 65536, 3)), refused('prod', 12884901888)],
    ['prod beyond float32', () => prod(full([64], 65536, { dtype: 'int32' })), refused('prod', Number.POSITIVE_INFINITY)],
    ['prod of columns', () => prod(int(65536, 1, -65536, 1).reshape([2, 2]), 0), refused('prod', -4294967296)],
    [
      'scatterAdd',
      () => scatterAdd(int(0, 0), [1, 1], int(most, 1)),
      "RangeError: scatterAdd: a result does not fit into int32. Write x.cast('float32') first.",
    ],
    ['a number as operand', () => add(int(1), 3e9), "RangeError: add: 3000000000 does not fit into int32. Write x.cast('float32') first."],
    [
      'NaN as operand',
      () => where(int(1), int(1), Number.NaN),
      "RangeError: where: NaN does not fit into int32. Write x.cast('float32') first.",
    ],
    [
      'a bound of clamp that is not whole',
      () => clamp(int(1), -1.5, 2),
      "DTypeError: clamp: a number takes the tensor's dtype, and is not whole: int32 and -1.5. Write x.cast('float32') first.",
    ],
    ['a bound of clamp', () => clamp(int(1), 3e9), "RangeError: clamp: 3000000000 does not fit into int32. Write x.cast('float32') first."],
  ])
})

describe('creation and casts refuse what does not fit', () => {
  refuses([
    ['tensor', () => typed([1, 300], 'uint8'), misfit('tensor', 300, 'uint8')],
    ['tensor, negative', () => typed([[-1]], 'uint8'), misfit('tensor', -1, 'uint8')],
    ['tensor, int32', () => typed(3e9, 'int32'), misfit('tensor', 3e9)],
    ['tensor of NaN', () => typed([Number.NaN], 'int32'), misfit('tensor', Number.NaN)],
    ['tensor of a typed array', () => typed(new Uint32Array([2 ** 31]), 'int32'), misfit('tensor', 2 ** 31)],
    ['tensor of 64 bits', () => tensor(new BigInt64Array([1n, -(2n ** 31n) - 1n])), misfit('tensor', -(2 ** 31) - 1)],
    ['full', () => full([2], 256, { dtype: 'uint8' }), misfit('full', 256, 'uint8')],
    ['full of infinity', () => full([0], Number.NEGATIVE_INFINITY, { dtype: 'int32' }), misfit('full', Number.NEGATIVE_INFINITY)],
    ['arange', () => arange(250, 260, 1, { dtype: 'uint8' }), misfit('arange', 256, 'uint8')],
    ['cast float32 to int32', () => cast(tensor([1, 2, 3, 4, 5, 2 ** 31]), 'int32'), misfit('cast', 2 ** 31)],
    ['cast of NaN', () => cast(tensor([Number.NaN]), 'int32'), misfit('cast', Number.NaN)],
    ['cast of infinity', () => cast(tensor([1 / 0]), 'uint8'), misfit('cast', 1 / 0, 'uint8')],
    ['cast float32 to uint8', () => cast(tensor([255.9, -1]), 'uint8'), misfit('cast', -1, 'uint8')],
    ['cast int32 to uint8', () => cast(int(255, 256), 'uint8'), misfit('cast', 256, 'uint8')],
    ['assign', () => int(1).assign(tensor([3e9])), misfit('assign', 3e9)],
  ])
})

test('what fits is exact, to the ends', () => {
  scope(() => {
    expect(add(int(most - 1, least + 1), int(1, -1)).toArray()).toEqual([most, least])
    expect(mul(int(least, 65536, 46340), int(1, -32768, 46340)).toArray()).toEqual([least, least, 2147395600])
    expect(sum(int(most, most, least, least)).item()).toBe(-2)
    expect(sum(int(most, 1, most, 2, -most, 3, -1, 4).reshape([4, 2]), 0).toArray()).toEqual([most - 1, 10])
    expect(prod(int(65536, 65536, 65536, 0)).item()).toBe(0)
    expect(prod(int(65536, -32768)).item()).toBe(least)
    expect(prod(int(65536, 32768, -1)).item()).toBe(least)
    expect(cast(tensor([2 ** 31 - 128, least, 1.9, -1.9]), 'int32').toArray()).toEqual([2 ** 31 - 128, least, 1, -1])
    expect(cast(tensor([255.9, -0.9]), 'uint8').toArray()).toEqual([255, 0])
    expect(typed([255.9, -0.9], 'uint8').toArray()).toEqual([255, 0])
    expect(typed([most + 0.9, least - 0.9], 'int32').toArray()).toEqual([most, least])
    expect(clamp(int(-5, 5), -3e9, 1 / 0).toArray()).toEqual([-5, 5])
    expect(tensor(new BigInt64Array([2n ** 40n]), undefined, { dtype: 'float32' }).item()).toBe(2 ** 40)
    expect(tensor(new Uint32Array([2 ** 31])).dtype).toBe('float32')
  })
})

describe('only the result must fit', () => {
  const far = 2_000_000_000
  const square3 = () => int(far, far, -far, -far).reshape([2, 1, 2])
  const rows: readonly (readonly [title: string, result: () => Tensor, wanted: unknown])[] = [
    ['sum over axes apart', () => square3().sum([0, 2]), [0]],
    ['sum over all', () => square3().sum(), 0],
    ['sum of one axis after the other', () => int(far, 1, far, 2, -far, 3, -far, 4).reshape([2, 2, 2]).sum([0, 2]), [4, 6]],
    ['sum of three axes apart', () => square3().reshape([2, 1, 1, 1, 2]).broadcastTo([2, 1, 2, 2, 2]).sum([0, 2, 4]).reshape([2]), [0, 0]],
    ['sum, kept', () => square3().sum([0, 2], { keepDims: true }), [[[0]]]],
    ['sum of nothing', () => zeros([2, 0, 2], { dtype: 'int32' }).sum([0, 2]), []],
    ['sums of nothing', () => zeros([0, 2, 2], { dtype: 'int32' }).sum([0, 2]), [0, 0]],
    ['sum of bool', () => square3().broadcastTo([2, 3, 2]).cast('bool').sum([0, 2]), [4, 4, 4]],
    ['prod with a zero later', () => int(far, 2, 1, 1, 0, 5, -1, far).reshape([2, 2, 2]).prod([0, 2]), [0, -far]],
    ['scatterAdd to what is far below', () => int(-far, 0).scatterAdd([0, 0], int(far, far)), [far, 0]],
    ['scatterAdd up and down', () => int(0, 0, far).scatterAdd([1, 2, 1, 2, 1], int(far, far, far, -far, -far)), [0, far, far]],
    [
      'scatterAdd of slices',
      () =>
        int(1, -far)
          .reshape([1, 2])
          .scatterAdd([0, 0], int(far, far, -far, far).reshape([2, 2])),
      [[1, far]],
    ],
    [
      'scatterAdd along axis 1',
      () =>
        int(far, 0, -far, 1)
          .reshape([2, 2])
          .scatterAdd([0, 0], int(far, -far, far, far).reshape([2, 2]), 1),
      [
        [far, 0],
        [far, 1],
      ],
    ],
    ['scatterAdd of bytes', () => typed([255, 1], 'uint8').scatterAdd([0, 0], typed([255, 255], 'uint8')), [765, 1]],
    ['mean', () => int(far, far).mean(), far],
    ['variance', () => int(far, far).variance(), 0],
  ]
  test.each(rows)('%s', (_, result, wanted) => scope(() => expect(result().toArray()).toEqual(wanted)))
})

test('axes of integers apart, however many, as of float32', () => {
  scope(() => {
    const x = arange(2 ** 10).reshape(new Array(10).fill(2))
    const axes = [0, 2, 4, 6, 8]
    expect(x.cast('int32').sum(axes).cast('float32').toArray()).toEqual(x.sum(axes).toArray())
    expect(x.cast('int32').sum([1, 5, 9]).shape).toEqual(x.sum([1, 5, 9]).shape)
    const small = x.less(1000).cast('int32').add(1)
    expect(small.prod([1, 5, 9]).cast('float32').toArray()).toEqual(small.cast('float32').prod([1, 5, 9]).toArray())
  })
})

test('assign leaves a tensor as it was', () => {
  scope(() => {
    const x = int(1, 2)
    expect(() => x.assign(tensor([5, Number.NaN]))).toThrow(RangeError)
    expect(x.toArray()).toEqual([1, 2])
  })
})

test('the same in many threads, wherever it is', () => {
  scope(() => {
    const x = zeros([300_001], { dtype: 'int32' })
    for (const at of [0, 150_000, 300_000]) {
      const one = x.scatterAdd([at], int(most))
      expect(thrown(() => one.add(1))).toBe(refused('add', 2147483648))
      expect(thrown(() => one.sum().add(1))).toBe(refused('add', 2147483648))
    }
    expect(x.add(1).sum().item()).toBe(300_001)
    const far = arange(1_000_000).less(500_000).cast('int32').mul(2_000_000_000).sub(1_000_000_000)
    expect(far.sum().item()).toBe(0)
    expect(far.reshape([2, 1000, 500]).sum([0, 2]).notEqual(0).any().item()).toBe(0)
    expect(far.reshape([1000, 1000]).sum(0).notEqual(0).any().item()).toBe(0)
  })
})

test('jit keeps it', () => {
  scope(() => {
    const model = Dense(tensor([[1]]), tensor([0]))
    const loss = jit((x: Tensor, n: Tensor) => model(x).mul(n.square().cast('uint8')).mean())
    const step = (n: number) => trainStep(loss, params(model), [ones([1, 1]), int(n)], Descent(0.01))
    for (let i = 0; i < 4; i++) step(2)
    const before = model.weight.item()
    const { tensors } = memory()
    expect(thrown(() => step(50_000))).toBe(refused('square', 2500000000))
    expect(thrown(() => step(16))).toBe(misfit('cast', 256, 'uint8'))
    expect(model.weight.item()).toBe(before)
    expect(memory().tensors).toBe(tensors + 4)
    expect(step(2)).toBeLessThan(4)
  })
})
