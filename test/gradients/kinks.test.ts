// Derivatives where there is none: what is given instead, by value, as PyTorch has it unless a name says otherwise.
import * as flux from 'fluxtape'
import { gradient, pullback, type Tensor, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const infinity = Number.POSITIVE_INFINITY
const plain = (x: Tensor | undefined): number[] | undefined => x && Array.from(x.data(), value => value + 0)

/** The gradient of the sum of f by each argument, as plain arrays, no zero negative. */
function slopes(f: (...xs: readonly Tensor[]) => Tensor, ...xs: readonly (readonly number[])[]): unknown[] {
  const [, back] = pullback(f, ...xs.map(values => tensor([...values])))
  const found: readonly (Tensor | undefined)[] = back()
  return found.map(plain)
}

/** The gradient of the sum of the gradient of the sum. */
function curvatures(f: (...xs: readonly Tensor[]) => Tensor, ...xs: readonly (readonly number[])[]): unknown[] {
  const inner = (...ys: readonly Tensor[]) =>
    gradient((...zs: readonly Tensor[]) => f(...zs).sum(), ...ys)
      .map(each => each?.sum() ?? tensor(0))
      .reduce((a, b) => a.add(b))
  return gradient(inner, ...xs.map(values => tensor([...values]))).map(plain)
}

describe('first derivatives at kinks', () => {
  const table: readonly (readonly [
    string,
    (...xs: readonly Tensor[]) => Tensor,
    readonly (readonly number[])[],
    readonly (readonly number[])[],
  ])[] = [
    ['abs is flat at 0', x => flux.abs(x), [[-1, 0, -0, 2]], [[-1, 0, 0, 1]]],
    ['relu is flat at 0', x => flux.relu(x), [[-1, 0, 2, infinity]], [[0, 0, 1, 1]]],
    ['leakyrelu has its lower slope at 0', x => flux.leakyrelu(x, 0.25), [[-1, 0, -0, 2]], [[0.25, 0.25, 0.25, 1]]],
    ['leakyrelu asks x, not its result', x => flux.leakyrelu(x, -0.25), [[-1, 0, 2]], [[-0.25, -0.25, 1]]],
    ['elu has slope 1 at 0 whatever alpha is', x => flux.elu(x, 0.25), [[-infinity, 0, -0, 2]], [[0, 1, 1, 1]]],
    ['celu has slope 1 at 0', x => flux.celu(x, 0.25), [[-infinity, 0, -0, 2]], [[0, 1, 1, 1]]],
    ['selu has its lower slope at 0', x => flux.selu(x), [[0, -0, 1]], [[1.7580993, 1.7580993, 1.050701].map(Math.fround)]],
    ['relu6 is flat at 0 and 6', x => flux.relu6(x), [[-1, 0, 1e-45, 5.9999995, 6, infinity]], [[0, 0, 1, 1, 0, 0]]],
    ['hardtanh is flat at -1 and 1', x => flux.hardtanh(x), [[-1, -0.99999994, 0, 0.99999994, 1]], [[0, 1, 1, 1, 0]]],
    ['hardsigmoid is flat at -3 and 3', x => flux.hardsigmoid(x), [[-infinity, -3, 0, 3]], [[0, 0, Math.fround(1 / 6), 0]]],
    ['hardswish is steep at -3 and 3', x => flux.hardswish(x), [[-infinity, -4, -3, 0, 3, 4, infinity]], [[0, 0, -0.5, 0.5, 1.5, 1, 1]]],
    ['softshrink is flat at λ', x => flux.softshrink(x, 0.25), [[-infinity, -0.25, 0, 0.25, 0.5]], [[1, 0, 0, 0, 1]]],
    ['trelu is flat at θ', x => flux.trelu(x, -1), [[-infinity, -1, -0.5, 0, 2]], [[0, 0, 1, 1, 1]]],
    ['rrelu has its lower slope at 0', x => flux.rrelu(x, 0.25, 0.25), [[-1, 0, 2, infinity]], [[0.25, 0.25, 1, 1]]],
    [
      'swish, mish and geluTanh end flat and with slope 1',
      x => flux.swish(x).add(flux.mish(x)).add(flux.geluTanh(x)),
      [[-infinity, infinity]],
      [[0, 3]],
    ],
    [
      'lisht, logcosh and tanhshrink at the ends',
      x => flux.lisht(x).add(flux.logcosh(x)).add(flux.tanhshrink(x)),
      [[-infinity, infinity]],
      [[-1, 3]],
    ],
    [
      'softsign, squareplus and logsigmoid at the ends',
      x => flux.softsign(x).add(flux.squareplus(x)).add(flux.logsigmoid(x)),
      [[-infinity, infinity]],
      [[1, 1]],
    ],
    ['gelu is flat at -Infinity', x => flux.gelu(x), [[-infinity, infinity]], [[0, 1]]],
    ['sign, floor, ceil and round are flat', x => x.sign().add(x.floor()).add(x.ceil()).add(x.round()), [[-1, 0, 0.5, 2]], [[0, 0, 0, 0]]],
    ['clamp has slope 1 on both bounds', x => flux.clamp(x, -1, 1), [[-1.5, -1, 0, 1, 1.5]], [[0, 1, 1, 1, 0]]],
    ['clamp of one bound', x => flux.clamp(x, 0), [[-1, 0, 1]], [[0, 1, 1]]],
    [
      'maximum of equals shares',
      (x, y) => flux.maximum(x, y),
      [
        [1, 2, 3],
        [3, 2, 1],
      ],
      [
        [0, 0.5, 1],
        [1, 0.5, 0],
      ],
    ],
    [
      'minimum of equals shares',
      (x, y) => flux.minimum(x, y),
      [
        [1, 2, 3],
        [3, 2, 1],
      ],
      [
        [1, 0.5, 0],
        [0, 0.5, 1],
      ],
    ],
    ['maximum with a number', x => flux.maximum(x, 2), [[1, 2, 3]], [[0, 0.5, 1]]],
    ['max of equals shares', x => flux.max(x), [[3, 1, 3, 3, 2]], [[1 / 3, 0, 1 / 3, 1 / 3, 0].map(Math.fround)]],
    ['min of equals shares', x => flux.min(x), [[1, 3, 1, 2]], [[0.5, 0, 0.5, 0]]],
    ['norm is flat at 0', x => flux.norm(x), [[0, 0]], [[0, 0]]],
    ['the 3-norm is flat at 0', x => flux.norm(x, 0, { p: 3 }), [[0, 0]], [[0, 0]]],
    ['the 1-norm of 0', x => flux.norm(x, 0, { p: 1 }), [[0, -2]], [[0, -1]]],
    ['the largest of equals by size', x => flux.norm(x, 0, { p: infinity }), [[-2, 2, 1]], [[-0.5, 0.5, 0]]],
    ['std is flat where all are equal', x => flux.std(x), [[2, 2, 2]], [[0, 0, 0]]],
    [
      'mae is flat where nothing is wrong',
      (x, y) => flux.mae(x, y, { agg: flux.sum }),
      [
        [1, 2],
        [1, 3],
      ],
      [
        [0, -1],
        [0, 1],
      ],
    ],
    ['prod with one 0', x => flux.prod(x), [[2, 0, 3]], [[0, 6, 0]]],
    ['prod with two 0', x => flux.prod(x), [[0, 0, 3]], [[0, 0, 0]]],
    ['sqrt is steep at 0', x => flux.sqrt(x), [[0, 4]], [[infinity, 0.25]]],
    ['log is steep at 0', x => flux.log(x), [[0, 4]], [[infinity, 0.25]]],
    [
      'pow of 0',
      (x, y) => flux.pow(x, y),
      [
        [0, 0, 0, 0],
        [0, 1, 2, 0.5],
      ],
      [
        [0, 1, 0, infinity],
        [0, 0, 0, 0],
      ],
    ],
    ['pow of 0 to a number', x => flux.pow(x, 0), [[0, 2]], [[0, 0]]],
    ['the number 0 to a power', x => flux.pow(0, x), [[0, 1, 2]], [[0, 0, 0]]],
    ['where does not see what it leaves out', x => flux.where(flux.greater(x, 0), flux.mul(x, 2), 5), [[-1, 3]], [[0, 2]]],
  ]
  it.each(table)('%s', (_, f, xs, wanted) => {
    expect(slopes(f, ...xs)).toEqual(wanted)
  })
})

describe('second derivatives at kinks', () => {
  it('relu, abs and clamp have none', () => {
    expect(curvatures(x => flux.relu(x).mul(x), [-1, 0, 2])).toEqual([[0, 0, 2]])
    expect(curvatures(x => flux.abs(x).mul(x), [-1, 0, 2])).toEqual([[-2, 0, 2]])
    expect(curvatures(x => flux.clamp(x, -1, 1).mul(x), [-1, 0, 3])).toEqual([[2, 2, 0]])
  })

  it('leakyrelu and elu have none from 0 on', () => {
    expect(curvatures(x => flux.leakyrelu(x).mul(x), [-1, 0, 3])).toEqual([[0.02, 0.02, 2].map(Math.fround)])
    expect(curvatures(x => flux.elu(x, 2), [0, 200, -Infinity])).toEqual([[0, 0, 0]])
  })

  it('squareplus and logcosh are smooth at 0, and what is pieced together has none at its ends', () => {
    expect(curvatures(x => flux.squareplus(x), [0])).toEqual([[0.25]])
    expect(curvatures(x => flux.logcosh(x), [0])).toEqual([[1]])
    expect(curvatures(x => flux.hardswish(x), [-4, 0, 4])).toEqual([[0, Math.fround(1 / 3), 0]])
    expect(curvatures(x => flux.swish(x).add(flux.mish(x)).add(flux.geluTanh(x)).add(flux.lisht(x)), [-infinity, infinity])).toEqual([
      [0, 0],
    ])
  })

  it('prod has the right ones where factors are 0', () => {
    expect(curvatures(x => flux.prod(x), [2, 0, 3])).toEqual([[3, 5, 2]])
    expect(curvatures(x => flux.prod(x), [0, 0, 3])).toEqual([[3, 3, 0]])
  })

  it('pow has the right ones at a base or an exponent of 0', () => {
    // ∂²/∂x² = y (y - 1) x^(y - 2), ∂²/∂x∂y = x^(y - 1) (1 + y log x), ∂²/∂y² = x^y log² x
    expect(curvatures(x => flux.pow(x, 2), [0, 1])).toEqual([[2, 2]])
    expect(curvatures(x => flux.pow(x, tensor([2, 3])), [0, 0])).toEqual([[2, 0]])
    expect(curvatures(x => flux.pow(x, tensor([0, 1])), [0, 0])).toEqual([[0, 0]])
    expect(curvatures(y => flux.pow(0, y), [0, 1, 2])).toEqual([[0, 0, 0]])
    expect(curvatures(y => flux.pow(tensor([0, 0]), y), [0, 2])).toEqual([[0, 0]])
    expect(curvatures((x, y) => flux.pow(x, y), [2], [0])).toEqual([[0.5], [Math.fround(0.5 + Math.log(2) ** 2)]])
  })

  it('norm and std have none at 0', () => {
    expect(curvatures(x => flux.norm(x), [0, 0])).toEqual([[0, 0]])
    expect(curvatures(x => flux.std(x), [2, 2])).toEqual([[0, 0]])
  })
})
