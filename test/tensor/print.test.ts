import { inspect } from 'node:util'
import { Adam, arange, Chain, DataLoader, Dense, full, gradient, OptimizerChain, ones, params, tensor, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'

describe('a tensor prints', () => {
  test('a scalar in one line', () => {
    expect(String(tensor(3.5))).toBe('Tensor float32 [] 3.5')
    expect(String(tensor(true))).toBe('Tensor bool [] true')
  })

  test('a vector below its title', () => {
    expect(String(tensor([1, 2.5, -3]))).toBe('Tensor float32 [3]\n[  1, 2.5,  -3]')
  })

  test('a matrix with its columns aligned', () => {
    expect(
      String(
        tensor(
          [
            [1, -20],
            [300, 4],
          ],
          undefined,
          { dtype: 'int32' },
        ),
      ),
    ).toBe('Tensor int32 [2, 2]\n' + '[[  1, -20],\n' + ' [300,   4]]')
  })

  test('more axes with empty lines between', () => {
    expect(String(arange(0, 12).reshape([2, 3, 2]))).toBe(
      'Tensor float32 [2, 3, 2]\n' +
        '[[[ 0,  1],\n' +
        '  [ 2,  3],\n' +
        '  [ 4,  5]],\n' +
        '\n' +
        ' [[ 6,  7],\n' +
        '  [ 8,  9],\n' +
        '  [10, 11]]]',
    )
  })

  test('four axes with two empty lines between the largest parts', () => {
    expect(String(arange(0, 4).reshape([2, 1, 2, 1]))).toBe(
      'Tensor float32 [2, 1, 2, 1]\n' + '[[[[0],\n' + '   [1]]],\n' + '\n' + '\n' + ' [[[2],\n' + '   [3]]]]',
    )
  })

  test('bool as true and false', () => {
    expect(
      String(
        tensor([
          [true, false],
          [false, true],
        ]),
      ),
    ).toBe('Tensor bool [2, 2]\n' + '[[ true, false],\n' + ' [false,  true]]')
  })

  test('uint8 as numbers', () => {
    expect(String(tensor(new Uint8Array([1, 255])))).toBe('Tensor uint8 [2]\n[  1, 255]')
  })

  test('NaN and infinities by name', () => {
    expect(String(tensor([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]))).toBe(
      'Tensor float32 [4]\n[      NaN,  Infinity, -Infinity,         0]',
    )
  })

  test('four digits or so, very small and very large ones with an exponent', () => {
    expect(String(tensor([1 / 3, 1234.5678, 1e-5, 123456.789, 0.001, 1e10, 12345678]))).toBe(
      'Tensor float32 [7]\n[   0.33333,     1234.6,  1.0000e-5,  1.2346e+5,      0.001, 1.0000e+10,  1.2346e+7]',
    )
  })

  test('an empty one says so', () => {
    expect(String(zeros([0]))).toBe('Tensor float32 [0] (empty)')
    expect(String(zeros([2, 0, 3], { dtype: 'int32' }))).toBe('Tensor int32 [2, 0, 3] (empty)')
  })

  test('a released one says so', () => {
    const x = ones([2])
    x.dispose()
    expect(String(x)).toBe('Tensor float32 [2] (released)')
  })

  test('all of 1,000 elements, and of more only the edges', () => {
    expect(String(zeros([1000])).match(/0/g)).toHaveLength(1000 + 3)
    expect(String(arange(0, 1001))).toBe('Tensor float32 [1001]\n[   0,    1,    2, ...,  998,  999, 1000]')
  })

  test('the edges of every long axis', () => {
    expect(String(arange(0, 1600).reshape([40, 40]))).toBe(
      'Tensor float32 [40, 40]\n' +
        '[[   0,    1,    2, ...,   37,   38,   39],\n' +
        ' [  40,   41,   42, ...,   77,   78,   79],\n' +
        ' [  80,   81,   82, ...,  117,  118,  119],\n' +
        ' ...,\n' +
        ' [1480, 1481, 1482, ..., 1517, 1518, 1519],\n' +
        ' [1520, 1521, 1522, ..., 1557, 1558, 1559],\n' +
        ' [1560, 1561, 1562, ..., 1597, 1598, 1599]]',
    )
  })

  test('the width of what is shown, not of what is left out', () => {
    const x = full([2000], 1)
    x.view()[1000] = 123456
    expect(String(x)).toBe('Tensor float32 [2000]\n[1, 1, 1, ..., 1, 1, 1]')
  })

  test('nothing of what would be millions of elements even at the edges', () => {
    const shape = new Array<number>(17).fill(2)
    expect(String(zeros(shape))).toBe(`Tensor float32 [${shape.join(', ')}] (too many to show: print a slice)`)
    expect(String(zeros([7, 7, 7, 7])).match(/0/g)).toHaveLength(6 ** 4)
  })

  test('alike in String, in a template and in console.log', () => {
    const x = tensor([[1, 2]])
    expect(`${x}`).toBe(String(x))
    expect(inspect(x)).toBe(String(x))
    expect(inspect({ x })).toContain('Tensor float32 [1, 2]')
  })

  test('in Deno, too', () => {
    const x = tensor([1])
    const print = (x as unknown as Record<symbol, () => string>)[Symbol.for('Deno.customInspect')]
    expect(print.call(x)).toBe(String(x))
  })
})

describe('ten thousand axes', () => {
  let deep: unknown = [1, 2]
  for (let i = 0; i < 1e4; i++) deep = [deep]
  const x = tensor(deep as never)

  test('are made, printed and read without a call for each', () => {
    expect([x.rank, x.size]).toEqual([10001, 2])
    expect(String(x).slice(-10005)).toBe(`[1, 2]${']'.repeat(1e4)}`.slice(-10005))
    let inner: unknown = x.toArray()
    for (let i = 0; i < 1e4; i++) [inner] = inner as unknown[]
    expect(inner).toEqual([1, 2])
  })
})

describe('toArray refuses', () => {
  test.each([
    ['more arrays than JavaScript has memory for', [2 ** 26, 0]],
    ['so many around few elements', [2 ** 25, 1]],
  ])('%s', (_, shape) => {
    const x = zeros(shape, { dtype: 'uint8' })
    expect(() => x.toArray()).toThrow(new RangeError(`toArray: too many elements for nested arrays: [${shape.join(', ')}]. Use data().`))
    x.dispose()
  })

  test('but gives lists without elements', () => {
    expect([zeros([2, 0, 3]).toArray(), zeros([0, 2]).toArray(), zeros([2, 2, 0]).toArray()]).toEqual([
      [[], []],
      [],
      [
        [[], []],
        [[], []],
      ],
    ])
  })
})

describe('console.log prints what String prints of', () => {
  const w = ones([2])
  const ps = params({ w })
  test.each<[name: string, value: object, text: string]>([
    ['Params', ps, 'Params (1): w [2]'],
    ['Grads', gradient(() => w.sum(), ps), 'Grads (1 of 1): w [2]'],
    ['a loader', new DataLoader(ones([5, 2]), { batchSize: 2 }), 'DataLoader (3): 5 observations, batches of 2'],
    ['an optimizer', Adam(0.1), 'Adam(eta: 0.1, beta: [0.9, 0.999], epsilon: 1e-8)'],
    ['a chain of them', OptimizerChain(Adam(0.1)), 'OptimizerChain(Adam(eta: 0.1, beta: [0.9, 0.999], epsilon: 1e-8))'],
    ['a layer', Dense(2, 1), String(Dense(2, 1))],
    ['a model', Chain(Dense(2, 1)), String(Chain(Dense(2, 1)))],
  ])('%s', (_, value, text) => {
    const deno = (value as unknown as Record<symbol, () => string>)[Symbol.for('Deno.customInspect')]
    expect([String(value), inspect(value), deno.call(value)]).toEqual([text, text, text])
  })
})
