/** Gradient rows of what works on each element: unary, binary, and choice. */

import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import type { Interval, Row } from './check.ts'
import { at, broadcastShape, build, erf, type Float64, gelu, map, read, roundHalfEven, sigmoid, softplus, zip } from './float64.ts'

/** The library by name. */
const library = { ...flux }

type Unary = (x: number) => number
type UnaryName = { [Name in keyof typeof flux]: (typeof flux)[Name] extends (x: Tensor) => Tensor ? Name : never }[keyof typeof flux]

const unary = (op: UnaryName, domain: Interval, f: Unary, ulp = 2): Row => ({
  op,
  name: `on [${domain}]`,
  shapes: [[3, 5]],
  domain,
  run: library[op] as (x: Tensor) => Tensor,
  reference: ([x]) => map(x, f),
  ulp,
})

const unaryRows: readonly Row[] = [
  unary('neg', [-2, 2], x => -x, 0),
  unary('square', [-2, 2], x => x * x, 1),
  unary('abs', [-2, 2.3], Math.abs, 0),
  unary('sign', [-2, 2.3], Math.sign, 0),
  unary('reciprocal', [0.5, 2], x => 1 / x),
  unary('reciprocal', [-2, -0.5], x => 1 / x),
  unary('sqrt', [0.3, 4], Math.sqrt),
  unary('rsqrt', [0.3, 4], x => 1 / Math.sqrt(x)),
  unary('exp', [-3, 2], Math.exp),
  unary('expm1', [-3, 2], Math.expm1),
  unary('expm1', [-1e-3, 1e-3], Math.expm1),
  unary('log', [0.2, 5], Math.log),
  unary('log1p', [-0.7, 3], Math.log1p),
  unary('log1p', [-1e-3, 1e-3], Math.log1p),
  unary('sin', [-4, 4], Math.sin),
  unary('cos', [-4, 4], Math.cos),
  unary('tan', [-1.2, 1.2], Math.tan, 4),
  unary('tanh', [-2, 2], Math.tanh),
  unary('erf', [-2, 2], erf),
  unary('floor', [-2.3, 2.2], Math.floor, 0),
  unary('ceil', [-2.3, 2.2], Math.ceil, 0),
  unary('round', [-2.3, 2.2], roundHalfEven, 0),
  unary('sigmoid', [-4, 4], sigmoid),
  unary('softplus', [-4, 4], softplus),
  unary('relu', [-2, 2.3], x => Math.max(x, 0), 0),
  unary('leakyrelu', [-2, 2.3], x => (x > 0 ? x : 0.01 * x)),
  unary('elu', [-3, 2.3], x => (x < 0 ? Math.expm1(x) : x), 4),
  unary('gelu', [-3, 3], gelu, 6),
  unary('geluTanh', [-3, 3], x => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))), 20),
  unary('swish', [-4, 4], x => x * sigmoid(x), 4),
  unary('mish', [-4, 4], x => x * Math.tanh(softplus(x)), 5),
  unary('celu', [-3, 2.3], x => (x < 0 ? Math.expm1(x) : x), 4),
  unary('selu', [-3, 2.3], x => (x < 0 ? 1.7580993408473766 * Math.expm1(x) : 1.0507009873554805 * x), 4),
  unary('logsigmoid', [-4, 4], x => -softplus(-x)),
  unary('relu6', [-2, 8.3], x => Math.min(Math.max(x, 0), 6), 0),
  unary('hardtanh', [-2, 2.3], x => Math.min(Math.max(x, -1), 1), 0),
  unary('hardsigmoid', [-5, 5.3], x => Math.min(Math.max(x + 3, 0), 6) / 6),
  unary('hardswish', [-5, 5.3], x => (x * Math.min(Math.max(x + 3, 0), 6)) / 6),
  unary('lisht', [-3, 3], x => x * Math.tanh(x), 4),
  unary('logcosh', [-3, 3], x => Math.log(Math.cosh(x)), 8),
  unary('softsign', [-3, 3.3], x => x / (1 + Math.abs(x))),
  unary('squareplus', [-5, 5], x => (x + Math.sqrt(x * x + 4)) / 2, 4),
  unary('tanhshrink', [-2, 2.3], x => x - Math.tanh(x), 6),
  unary('softshrink', [-2, 2.3], x => x - Math.min(Math.max(x, -0.5), 0.5), 1),
  unary('trelu', [-2, 3.3], x => (x > 1 ? x : 0), 0),
  unary('sigmoidFast', [-4, 4], sigmoid),
  unary('tanhFast', [-2, 2], Math.tanh),
  unary('identity', [-2, 2], x => x, 0),
]

type Binary = (x: number, y: number) => number
type BinaryName = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum'

const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [3, 4],
    [3, 4],
  ],
  [[2, 3], [3]],
  [
    [2, 1, 3],
    [4, 1],
  ],
  [[], [2, 2]],
]

/** Both operands tensors, in four ways to broadcast; then a number on either side. */
const binary = (op: BinaryName, domain: Interval | readonly Interval[], f: Binary, ulp = 2): readonly Row[] => [
  ...pairs.map(
    (shapes): Row => ({
      op,
      name: shapes.map(shape => `[${shape}]`).join(' and '),
      shapes,
      domain,
      run: (x, y) => library[op](x, y),
      reference: ([x, y]) => zip(x, y, f),
      ulp,
    }),
  ),
  ...[1.75, 2, 0]
    .flatMap((number): readonly Row[] => [
      {
        op,
        name: `a tensor and ${number}`,
        shapes: [[5]],
        domain: [0.5, 3],
        run: x => library[op](x, number),
        reference: ([x]) => map(x, value => f(value, number)),
        ulp,
      },
      {
        op,
        name: `${number} and a tensor`,
        shapes: [[5]],
        domain: [0.5, 3],
        run: x => library[op](number, x),
        reference: ([x]) => map(x, value => f(number, value)),
        ulp,
      },
    ])
    .filter(({ name }) => op !== 'div' || name !== 'a tensor and 0'),
]

const binaryRows: readonly Row[] = [
  ...binary('add', [-2, 2], (x, y) => x + y, 1),
  ...binary('sub', [-2, 2], (x, y) => x - y, 1),
  ...binary('mul', [-2, 2], (x, y) => x * y, 1),
  ...binary('div', [0.5, 3], (x, y) => x / y, 1),
  ...binary(
    'div',
    [
      [-2, 2],
      [-3, -0.5],
    ],
    (x, y) => x / y,
    1,
  ),
  ...binary(
    'pow',
    [
      [0.3, 2],
      [-2, 2],
    ],
    (x, y) => x ** y,
  ),
  ...binary('maximum', [-2, 2], Math.max, 0),
  ...binary('minimum', [-2, 2], Math.min, 0),
  {
    op: 'pow',
    name: 'of negative numbers to whole powers',
    shapes: [[5]],
    domain: [-2, -0.5],
    run: x => flux.pow(x, 3),
    reference: ([x]) => map(x, value => value ** 3),
  },
  {
    op: 'mul',
    name: 'of a tensor by itself',
    shapes: [[2, 3]],
    domain: [-2, 2],
    run: x => flux.mul(x, x),
    reference: ([x]) => map(x, value => value * value),
  },
  {
    op: 'add',
    name: 'of a tensor to a row of its own',
    shapes: [[3, 3]],
    domain: [-2, 2],
    run: x => flux.add(x, x.slice([1])),
    reference: ([x]) => build(x.shape, ([i, j]) => x.data[3 * i + j] + x.data[3 + j]),
    cancels: true,
  },
]

const flags = [1, 0, 0, 1, 1, 0]
const condition = (shape: readonly number[]) =>
  flux.tensor(
    flags.slice(
      0,
      shape.reduce((n, size) => n * size, 1),
    ),
    shape,
    { dtype: 'bool' },
  )
const choose = (shape: readonly number[], x: Float64, y: Float64): Float64 => {
  const mask: Float64 = { shape, data: Float64Array.from(flags) }
  return build(broadcastShape(shape, x.shape, y.shape), index => at(at(mask, index) ? x : y, index))
}
const number = (value: number): Float64 => ({ shape: [], data: Float64Array.of(value) })

const choiceRows: readonly Row[] = [
  {
    op: 'where',
    name: 'of one shape',
    shapes: [
      [2, 3],
      [2, 3],
    ],
    domain: [-2, 2],
    run: (x, y) => flux.where(condition([2, 3]), x, y),
    reference: ([x, y]) => choose([2, 3], x, y),
    ulp: 0,
  },
  {
    op: 'where',
    name: 'broadcast',
    shapes: [[4, 1, 3], []],
    domain: [-2, 2],
    run: (x, y) => flux.where(condition([2, 3]), x, y),
    reference: ([x, y]) => choose([2, 3], x, y),
    ulp: 0,
  },
  {
    op: 'where',
    name: 'a tensor and a number',
    shapes: [[2, 3]],
    domain: [-2, 2],
    run: x => flux.where(condition([2, 3]), x, 0.5),
    reference: ([x]) => choose([2, 3], x, number(0.5)),
    ulp: 0,
  },
  {
    op: 'where',
    name: 'a number and a tensor',
    shapes: [[2, 3]],
    domain: [-2, 2],
    run: x => flux.where(condition([2, 3]), 0.5, x),
    reference: ([x]) => choose([2, 3], number(0.5), x),
    ulp: 0,
  },
  {
    op: 'clamp',
    name: 'between two bounds',
    shapes: [[3, 5]],
    domain: [-2, 2.3],
    run: x => flux.clamp(x, -0.9, 1.1),
    reference: ([x]) => map(x, value => Math.min(Math.max(value, -0.9), 1.1)),
    ulp: 1,
  },
  {
    op: 'clamp',
    name: 'from below',
    shapes: [[3, 5]],
    domain: [-2, 2.3],
    run: x => flux.clamp(x, 0.25),
    reference: ([x]) => map(x, value => Math.max(value, 0.25)),
    ulp: 0,
  },
  {
    op: 'cast',
    name: 'to float32, which it has',
    shapes: [[3]],
    domain: [-2, 2],
    run: x => flux.cast(x, 'float32'),
    reference: ([x]) => x,
    ulp: 0,
  },
  {
    op: 'stopGradient',
    name: 'as a constant factor',
    shapes: [[3]],
    domain: [-2, 2],
    run: x => flux.mul(x, flux.stopGradient(x)),
    reference: ([x], [constant]) => zip(x, constant, (a, b) => a * b),
  },
]

const numberRows: readonly Row[] = [
  {
    op: 'leakyrelu',
    name: 'that falls below 0',
    shapes: [[3, 5]],
    domain: [-2, 2.3],
    run: x => flux.leakyrelu(x, -0.75),
    reference: ([x]) => map(x, value => (value > 0 ? value : -0.75 * value)),
  },
  {
    op: 'celu',
    name: 'with an alpha of 0.7',
    shapes: [[3, 5]],
    domain: [-3, 2.3],
    run: x => flux.celu(x, 0.7),
    reference: ([x]) => map(x, value => (value < 0 ? 0.7 * Math.expm1(value / 0.7) : value)),
    ulp: 4,
  },
  {
    op: 'squareplus',
    name: 'with a b of 0.5',
    shapes: [[3, 5]],
    domain: [-3, 3],
    run: x => flux.squareplus(x, 0.5),
    reference: ([x]) => map(x, value => (value + Math.sqrt(value * value + 0.5)) / 2),
    ulp: 4,
  },
  {
    op: 'rrelu',
    name: 'of one slope',
    shapes: [[3, 5]],
    domain: [-2, 2.3],
    run: x => flux.rrelu(x, 0.25, 0.25),
    reference: ([x]) => map(x, value => (value > 0 ? value : 0.25 * value)),
  },
  ...[0, -1].map(
    (axis): Row => ({
      op: 'glu',
      name: `along axis ${axis}`,
      shapes: [[4, 6]],
      domain: [-3, 3],
      run: x => flux.glu(x, axis),
      reference: ([x]) =>
        axis === 0
          ? build([2, 6], ([i, j]) => read(x, [i, j]) * sigmoid(read(x, [i + 2, j])))
          : build([4, 3], ([i, j]) => read(x, [i, j]) * sigmoid(read(x, [i, j + 3]))),
      ulp: 4,
    }),
  ),
  {
    op: 'elu',
    name: 'with an alpha of 0.5',
    shapes: [[3, 5]],
    domain: [-3, 2.3],
    run: x => flux.elu(x, 0.5),
    reference: ([x]) => map(x, value => (value < 0 ? 0.5 * Math.expm1(value) : value)),
    ulp: 4,
  },
]

export const pointwiseRows: readonly Row[] = [...unaryRows, ...numberRows, ...binaryRows, ...choiceRows]
