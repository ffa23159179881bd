/** Gradient rows of matrix products: every transposition, batches, vectors, and the layer's x Wᵀ + b. */
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { build, type Float64, map, matmul, read, reshape, sizeOf, transpose, zip } from './float64.ts'

type Shape = readonly number[]

const transpositions = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const

const swapped = (shape: Shape, swap: boolean): Shape => (swap ? [...shape.slice(0, -2), ...shape.slice(-2).reverse()] : shape)
const turned = (x: Float64, turn: boolean): Float64 => (turn ? transpose(x) : x)

/** Both ways to say transposed: an option, and the operation that waits. */
const products = (a: Shape, b: Shape): readonly Row[] =>
  transpositions.flatMap(([left, right]): readonly Row[] => {
    const row = {
      op: 'matmul',
      shapes: [swapped(a, left), swapped(b, right)],
      domain: [-1.5, 1.7],
      reference: ([x, y]: readonly Float64[]) => matmul(turned(x, left), turned(y, right)),
      ulp: 4,
      cancels: true,
    } as const
    const name = `[${a}] x [${b}]${left ? ', left transposed' : ''}${right ? ', right transposed' : ''}`
    return [
      { ...row, name: `${name}, by option`, run: (x, y) => flux.matmul(x, y, { transposeLeft: left, transposeRight: right }) },
      ...(left || right
        ? [{ ...row, name, run: (x: flux.Tensor, y: flux.Tensor) => flux.matmul(left ? x.transpose() : x, right ? y.transpose() : y) }]
        : []),
    ]
  })

const vectors = (name: string, a: Shape, b: Shape, asA: Shape, asB: Shape, result: Shape): Row => ({
  op: 'matmul',
  name,
  shapes: [a, b],
  domain: [-1.5, 1.7],
  run: (x, y) => flux.matmul(x, y),
  reference: ([x, y]) => reshape(matmul(reshape(x, asA), reshape(y, asB)), result),
  ulp: 4,
  cancels: true,
})

const linear = (x: Shape, weight: Shape, bias: boolean): Row => {
  const rows = x.slice(0, -1).reduce((n, size) => n * size, 1)
  const result = [...x.slice(0, -1), weight[0]]
  return {
    op: 'linear',
    name: `x [${x}], weight [${weight}]${bias ? ', bias' : ''}`,
    shapes: [x, weight, ...(bias ? [[weight[0]]] : [])],
    domain: [-1.5, 1.7],
    run: (input, w, b) => flux.linear(input, w, b),
    reference: ([input, w, b]) => {
      const y = reshape(matmul(reshape(input, [rows, weight[1]]), transpose(w)), result)
      return b ? zip(y, b, (value, addend) => value + addend) : y
    },
    ulp: 4,
    cancels: true,
  }
}

/** Einstein's sum as one loop over all letters. */
export function einstein(equation: string, xs: readonly Float64[]): Float64 {
  const [inputs, output] = equation.split('->')
  const terms = inputs.split(',')
  const sizes = new Map<string, number>()
  for (const [i, term] of terms.entries()) for (const [axis, letter] of [...term].entries()) sizes.set(letter, xs[i].shape[axis])
  const shape = (letters: Iterable<string>) => [...letters].map(letter => sizes.get(letter) ?? 1)
  const inner = [...sizes.keys()].filter(letter => !output.includes(letter))
  return build(shape(output), index => {
    const at = new Map([...output].map((letter, i) => [letter, index[i]]))
    let total = 0
    for (let place = 0; place < sizeOf(shape(inner)); place++) {
      let rest = place
      for (const letter of inner) {
        const size = sizes.get(letter) ?? 1
        at.set(letter, rest % size)
        rest = Math.floor(rest / size)
      }
      total += terms.reduce((product, term, i) => product * read(xs[i], [...term].map(letter => at.get(letter) ?? 0)), 1) // biome-ignore format: one line
    }
    return total
  })
}

const sums = (op: string, equation: string, shapes: readonly Shape[], run: (...xs: flux.Tensor[]) => flux.Tensor): Row => ({
  op,
  name: `${equation} [${shapes.join('], [')}]`,
  shapes,
  domain: [-1.5, 1.7],
  run,
  reference: xs => einstein(equation, xs),
  ulp: 4,
  cancels: true,
})
const einsums = (equation: string, ...shapes: readonly Shape[]) => sums('einsum', equation, shapes, (...xs) => flux.einsum(equation, ...xs))

export const productRows: readonly Row[] = [
  ...products([3, 2], [2, 4]),
  ...products([2, 3, 2], [2, 2, 2]),
  ...products([2, 3, 2], [2, 3]),
  ...products([2, 3], [2, 3, 2]),
  ...products([2, 1, 2, 2], [3, 2, 2]),
  vectors('a row and a matrix', [3], [3, 2], [1, 3], [3, 2], [2]),
  vectors('a matrix and a column', [2, 3], [3], [2, 3], [3, 1], [2]),
  vectors('two vectors', [4], [4], [1, 4], [4, 1], []),
  vectors('a batch and a column', [2, 2, 3], [3], [2, 2, 3], [3, 1], [2, 2]),
  {
    op: 'matmul',
    name: 'of a matrix and its own transposition',
    shapes: [[3, 2]],
    domain: [-1.5, 1.7],
    run: x => flux.matmul(x, x.transpose()),
    reference: ([x]) => matmul(x, transpose(x)),
    ulp: 4,
    cancels: true,
  },
  linear([3, 2], [4, 2], true),
  linear([3, 2], [4, 2], false),
  linear([2, 2, 3], [2, 3], true),
  linear([3], [2, 3], true),
  ...[true, false].map(
    (bias): Row => ({
      ...linear([3, 2], [4, 2], bias),
      name: `in a Dense with relu${bias ? ' and a bias' : ''}`,
      run: (x, w, b) => flux.Dense(w, b ?? false, flux.relu)(x),
      reference: ([x, w, b]) => {
        const y = matmul(x, transpose(w))
        return map(b ? zip(y, b, (value, addend) => value + addend) : y, value => Math.max(value, 0))
      },
    }),
  ),
  einsums('ii->i', [3, 3]),
  einsums('iji->j', [2, 3, 2]),
  einsums('ij->j', [2, 3]),
  einsums('ji,kj->ki', [3, 2], [2, 3]),
  einsums('bij,bkj->bik', [2, 2, 3], [2, 2, 3]),
  einsums('ij,ij->i', [2, 3], [2, 3]),
  einsums('i,ij,j->', [2], [2, 3], [3]),
  einsums('bi,ij,bj->b', [2, 2], [2, 3], [2, 3]),
  sums('dot', 'ij,kjl->ikl', [[2, 3], [2, 3, 2]], (x, y) => flux.dot(x, y)), // biome-ignore format: one line
  sums('dot', 'i,i->', [[4], [4]], (x, y) => flux.dot(x, y)), // biome-ignore format: one line
  sums('outer', 'i,j->ij', [[2], [3]], (x, y) => flux.outer(x, y)), // biome-ignore format: one line
]
