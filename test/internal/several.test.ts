// Operations of several results, extras and joint pullbacks: made here as the families make them, and topK.
import { Descent, freeze, gradient, jit, memory, params, pullback, scope, type Tensor, tensor, topK, trainStep, zeros } from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { add, mul, square, sub } from '../../src/ops/pointwise.ts'
import { operation, several } from '../../src/tape/operation.ts'
import { thrown } from '../errors/thrown.ts'

const write = (y: Tensor, values: ArrayLike<number>) => y.view().set(values)

/** What the pullback was asked for, and the cotangents that it got. */
const asked: { wanted: readonly boolean[]; gs: readonly boolean[] }[] = []
let fails = false

/** x + y, x y and a count that has no derivative, with one pullback. */
const runBoth = several<undefined, { x: Tensor; y: Tensor }>({
  name: 'sumAndProduct',
  inputs: 'float32',
  results: ([x]) => [
    [x, 'float32'],
    [x, 'int32'],
    [x, 'float32'],
  ],
  forward([sum, count, product], [x, y]) {
    const [a, b] = [x.data(), y.data()]
    write(
      sum,
      a.map((each, i) => each + b[i]),
    )
    write(
      count,
      a.map((_, i) => i),
    )
    write(
      product,
      a.map((each, i) => each * b[i]),
    )
  },
  save: (_, [x, y]) => ({ x, y }),
  joint([ofSum, , ofProduct], { x, y }, _, wanted) {
    asked.push({ wanted: [...wanted], gs: [ofSum !== undefined, ofProduct !== undefined] })
    const cotangent = (other: Tensor) => {
      const part = ofProduct && mul(ofProduct, other)
      return ofSum && part ? add(ofSum, part) : (ofSum ?? part)
    }
    const first = wanted[0] ? cotangent(y) : undefined
    if (fails) throw new RangeError('midway')
    return [first, wanted[1] ? cotangent(x) : undefined]
  },
})
const both = (x: Tensor, y: Tensor) => runBoth([x, y], undefined)

const [x, y] = [tensor([2, -1, 3]), tensor([5, 4, 0.5])]
const values = (gs: readonly (Tensor | undefined)[]) => gs.map(g => g?.toArray())

describe('an operation of several results', () => {
  test('is differentiated in all of them, or in those that took part', () => {
    const use = (f: (sum: Tensor, product: Tensor, count: Tensor) => Tensor) =>
      values(
        gradient(
          (a: Tensor, b: Tensor) => {
            const [sum, count, product] = both(a, b)
            return f(sum, product, count).sum()
          },
          x,
          y,
        ),
      )
    expect(use((sum, product) => sum.mul(10).add(product))).toEqual([
      [15, 14, 10.5],
      [12, 9, 13],
    ])
    expect(use(sum => sum)).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ])
    expect(use((_, product) => product.mul(2))).toEqual([
      [10, 8, 1],
      [4, -2, 6],
    ])
    expect(asked.slice(-3).map(({ gs }) => gs)).toEqual([
      [true, true],
      [true, false],
      [false, true],
    ])
  })

  test('has no pullback called where none took part, or only what has no derivative', () => {
    const before = asked.length
    const f = (a: Tensor) => {
      const [, count] = both(a, y)
      return a.mul(count).sum()
    }
    expect(values(gradient(f, x))).toEqual([[0, 1, 2]])
    expect(asked).toHaveLength(before)
  })

  test('has each used twice, and of one tensor twice', () => {
    const f = (a: Tensor) => {
      const [sum, , product] = both(a, a)
      return sum.mul(product).add(product).add(sum).sum()
    }
    // 2a³ + a² + 2a
    expect(values(gradient(f, x))).toEqual([Array.from(x.data(), a => 6 * a * a + 2 * a + 2)])
  })

  test('has second derivatives, by the cotangent too', () => {
    const f = (a: Tensor) => {
      const [sum, , product] = both(a, a.square())
      return sum.mul(product).sum()
    }
    // (a + a²) a³
    const inner = (a: Tensor) => (gradient(f, a)[0] as Tensor).sum()
    expect(values(gradient(inner, x))).toEqual([Array.from(x.data(), a => 12 * a ** 2 + 20 * a ** 3)])
    const [, back] = pullback((a: Tensor) => both(a, y)[2], x)
    expect(values(gradient((g: Tensor) => (back(g)[0] as Tensor).square().sum(), tensor([1, 2, 3])))).toEqual([[50, 64, 1.5]])
    back.dispose()
  })

  test('is told which cotangents are wanted, and computes no other', () => {
    gradient((a: Tensor) => both(a, y)[0].sum(), x)
    gradient((b: Tensor) => both(x, b)[0].sum(), y)
    gradient((a: Tensor, b: Tensor) => both(a, b)[0].sum(), x, y)
    expect(asked.slice(-3).map(({ wanted }) => wanted)).toEqual([
      [true, false],
      [false, true],
      [true, true],
    ])
    const [frozen, w] = [tensor([1, 1, 1]), tensor([1, 2, 3])]
    freeze(frozen)
    gradient(() => both(frozen, w)[2].sum(), params(w, frozen))
    expect(asked.at(-1)?.wanted).toEqual([false, true])
  })

  test('gives its memory back, when results are unused or freed early, and when its pullback throws midway', () => {
    const f = (a: Tensor, b: Tensor) => {
      const [sum, count, product] = both(a, b)
      const loss = product.mul(2).sum()
      for (const each of [sum, count, product]) each.dispose()
      return loss
    }
    const before = memory()
    scope(() => {
      expect(values(gradient(f, x, y))).toEqual([
        [10, 8, 1],
        [4, -2, 6],
      ])
      const [, back] = pullback(f, x, y)
      fails = true
      expect(thrown(() => back())).toBe('RangeError: midway')
      expect(thrown(() => gradient(f, x, y))).toBe('RangeError: midway')
      fails = false
      expect(values(back())).toEqual([
        [10, 8, 1],
        [4, -2, 6],
      ])
      back.dispose()
    })
    fails = false
    expect({ ...memory(), peak: 0 }).toEqual({ ...before, peak: 0 })
  })

  test('refuses a saved value that was written since', () => {
    const a = tensor([1, 2, 3])
    const [, back] = pullback((b: Tensor) => both(a, b)[2], y)
    a.assign(y)
    expect(() => back()).toThrow(/sumAndProduct: a value that the pullback needs/)
    back.dispose()
  })
})

/** x², with 2x as an extra where nobody differentiates the pullback. */
let made = 0
const runSquare = operation<undefined, { x?: Tensor; slope?: Tensor }>({
  name: 'squareWithSlope',
  shape: ([shape]) => shape,
  extras: ([shape], _, isOnce) => (isOnce ? { slope: [shape, 'float32'] } : undefined),
  forward(y, [input], _, extras) {
    const data = input.data()
    write(
      y,
      data.map(each => each * each),
    )
    if (!extras?.slope) return
    made++
    write(
      extras.slope,
      data.map(each => 2 * each),
    )
  },
  save: (_, [input], __, extras) => (extras ? {} : { x: input }),
  pullback: [(g, { x: input, slope }) => mul(g, slope ?? mul(input as Tensor, 2))],
})
const squared = (each: Tensor) => runSquare([each], undefined)

describe('an extra', () => {
  test('is made only while somebody records the operation, and freed with the tape', () => {
    const counted = (f: () => unknown) => {
      const before = made
      f()
      return made - before
    }
    expect(counted(() => squared(x).dispose())).toBe(0)
    expect(counted(() => gradient((a: Tensor) => a.mul(squared(y)).sum(), x))).toBe(0)
    expect(counted(() => gradient((a: Tensor) => squared(a).sum(), x))).toBe(1)
    const before = memory().bytes
    scope(() => {
      const [, back] = pullback(squared, x)
      expect(values(back())).toEqual([[4, -2, 6]])
      expect(values(back())).toEqual([[4, -2, 6]])
      const held = memory().bytes
      back.dispose()
      expect(held - memory().bytes).toBe(64)
    })
    expect(memory().bytes).toBe(before)
  })

  test('is left out where the pullback may be differentiated, and every order is right', () => {
    const before = made
    const cube = (a: Tensor) => squared(a).mul(a).sum()
    expect(values(gradient((a: Tensor) => (gradient(cube, a)[0] as Tensor).sum(), x))).toEqual([[12, -6, 18]])
    expect(made).toBe(before)
    // The outer gradient does not see x: the extra is a constant to it, and its own variable comes by the cotangent.
    const scaled = (s: Tensor) => (gradient((a: Tensor) => squared(a).mul(s).sum(), x)[0] as Tensor).sum()
    expect(values(gradient(scaled, tensor(3)))).toEqual([8])
    expect(made).toBe(before + 1)
  })
})

/** x - y and its joint pullback, of one result. */
const runApart = operation<undefined>({
  name: 'apart',
  shape: ([shape]) => shape,
  forward: (out, [a, b]) => {
    const other = b.data()
    write(
      out,
      a.data().map((each, i) => each - other[i]),
    )
  },
  joint: g => [g, sub(0, g)],
})

test('a joint pullback of one result may give its cotangent on, and one tensor for two', () => {
  expect(values(gradient((a: Tensor, b: Tensor) => square(runApart([a, b], undefined)).sum(), x, y))).toEqual([
    [-6, -10, 5],
    [6, 10, -5],
  ])
  expect(values(gradient((a: Tensor) => runApart([a, a], undefined).mul(a).sum(), x))).toEqual([[0, 0, 0]])
})

describe('topK', () => {
  const rows = tensor([
    [3, 1, 2, 3],
    [0, 5, -1, 4],
  ])

  test('gives values and indices, and is a method', () => {
    const { values: largest, indices } = topK(rows, 2)
    expect([largest.toArray(), indices.toArray(), indices.dtype]).toEqual([
      [
        [3, 3],
        [5, 4],
      ],
      [
        [0, 3],
        [1, 3],
      ],
      'int32',
    ])
    expect(rows.topK(1, 0).values.toArray()).toEqual([[3, 5, 2, 4]])
    expect(topK(tensor([2 ** 31 - 1, -(2 ** 31), 7], { dtype: 'int32' }), 3).values.toArray()).toEqual([2 ** 31 - 1, 7, -(2 ** 31)])
  })

  test('gives the gradient to what was chosen; the indices have none', () => {
    const weights = tensor([
      [1, 2],
      [3, 4],
    ])
    expect(values(gradient((a: Tensor) => topK(a, 2).values.mul(weights).sum(), rows))).toEqual([
      [
        [1, 0, 0, 2],
        [0, 3, 0, 4],
      ],
    ])
    expect(values(gradient((a: Tensor) => topK(a, 2).indices.mul(a.slice(':, :2')).sum(), rows))).toEqual([
      [
        [0, 3, 0, 0],
        [1, 3, 0, 0],
      ],
    ])
  })

  test('of every length and k is what sorting gives', () => {
    for (const n of [1, 2, 3, 7, 8, 33]) {
      const numbers = Float32Array.from({ length: 3 * n }, (_, i) => Math.round(8 * Math.sin(i * i + 1)))
      for (let k = 0; k <= n; k++) {
        const { values: largest, indices } = topK(tensor(numbers, [3, n]), k)
        const wanted = [0, 1, 2].map(row => {
          const part = numbers.slice(row * n, row * n + n)
          return [...part.keys()].sort((a, b) => part[b] - part[a] || a - b).slice(0, k)
        })
        expect(indices.toArray()).toEqual(k === 0 ? [[], [], []] : wanted)
        expect(Array.from(largest.data())).toEqual(wanted.flatMap((places, row) => places.map(i => numbers[row * n + i])))
      }
    }
  })

  test('is replayed by jit', () => {
    const run = (loss: (a: Tensor, b: Tensor) => Tensor, w: Tensor) => {
      const losses = [1, 2, 3, 4, 5].map(i => {
        const batch = [tensor([i, -i, 2 * i, 0.5]), tensor([1, i])]
        return trainStep(loss, params(w), batch, Descent(0.1))
      })
      return [losses, Array.from(w.data())]
    }
    let calls = 0
    const loss = (w: Tensor) => (a: Tensor, b: Tensor) => {
      calls++
      const { values: largest, indices } = topK(w.mul(a), 2)
      return largest.mul(b).add(indices).square().mean()
    }
    const [plain, replayed] = [tensor([1, 2, 3, 4]), tensor([1, 2, 3, 4])]
    const wanted = run(loss(plain), plain)
    calls = 0
    expect(run(jit(loss(replayed)), replayed)).toEqual(wanted)
    expect(calls).toBe(2)
  })

  test('of nothing is nothing', () => {
    expect(topK(zeros([0]), 0).values.shape).toEqual([0])
    expect(topK(zeros([3, 0]), 2, 0).indices.shape).toEqual([2, 0])
  })
})
