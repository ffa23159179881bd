/** Gradient rows of the losses, by the prediction and by whatever else is differentiable. */

import type { Tensor } from 'fluxtape'
import * as flux from 'fluxtape'
import type { Row } from './check.ts'
import { along, average, build, type Float64, logSoftmax, map, read, reduce, scalar, softplus, total, zip } from './float64.ts'

/** The library by name. */
const library = { ...flux }

const epsilon = 2 ** -23
const mean = (x: Float64): Float64 => scalar(average([...x.data]))
const everything = (x: Float64): Float64 => scalar(total([...x.data]))
/** The loss of each sample: the one whose class it is. */
const chosen = (logarithms: Float64, classes: readonly number[]): Float64 =>
  build([classes.length], ([i]) => -read(logarithms, [i, classes[i]]))
/** The loss of each sample of a distribution over the classes. */
const expected = (logarithms: Float64, target: Float64, axis = 1): Float64 =>
  reduce(
    zip(target, logarithms, (t, l) => -t * l),
    [axis],
    total,
  )

const classes = [2, 0, 3]
const asClasses = () => flux.tensor(Int32Array.from(classes))
const classWeight = [0.5, 2, 1.25, 0.75]
const asWeight = () => flux.tensor([...classWeight])
const row = (op: string, name: string, rest: Omit<Row, 'op' | 'name'>): Row => ({ op, name, ulp: 4, cancels: true, ...rest })

const regressions: readonly Row[] = (['mse', 'mae'] as const).flatMap(op => {
  const each = (x: Float64, y: Float64) => zip(x, y, (a, b) => (op === 'mse' ? (a - b) ** 2 : Math.abs(a - b)))
  const shapes = [
    [2, 3],
    [2, 3],
  ]
  const domain = [-2, 2.3] as const
  return [
    row(op, 'mean', { shapes, domain, run: (x, y) => library[op](x, y), reference: ([x, y]) => mean(each(x, y)) }),
    row(op, 'sum', { shapes, domain, run: (x, y) => library[op](x, y, { agg: flux.sum }), reference: ([x, y]) => everything(each(x, y)) }),
    row(op, 'unreduced', { shapes, domain, run: (x, y) => library[op](x, y, { agg: flux.identity }), reference: ([x, y]) => each(x, y) }),
    row(op, 'of a number', {
      shapes: [[4]],
      domain,
      run: x => library[op](x, 0.1),
      reference: ([x]) => mean(each(x, scalar(Math.fround(0.1)))),
    }),
  ]
})

type ClassLoss = 'crossEntropy' | 'logitCrossEntropy'

const classLosses: readonly Row[] = (['crossEntropy', 'logitCrossEntropy'] as const).flatMap((op: ClassLoss) => {
  const logarithms = (x: Float64, axis = 1) => (op === 'crossEntropy' ? map(x, p => Math.log(p + epsilon)) : along(x, axis, logSoftmax))
  const [low, high] = op === 'crossEntropy' ? [0.1, 0.9] : [-2, 2]
  const domain = [low, high] as const
  const shapes = [[3, 4]]
  const call = (x: Tensor, y: Tensor, options: Parameters<typeof flux.crossEntropy>[2] = {}) => library[op](x, y, options)
  const weighed = (x: Float64) => chosen(logarithms(x), classes).data.reduce((sum, loss, i) => sum + loss * classWeight[classes[i]], 0)
  return [
    row(op, 'classes, mean', { shapes, domain, run: x => call(x, asClasses()), reference: ([x]) => mean(chosen(logarithms(x), classes)) }),
    row(op, 'classes, unreduced', {
      shapes,
      domain,
      run: x => call(x, asClasses(), { agg: flux.identity }),
      reference: ([x]) => chosen(logarithms(x), classes),
    }),
    row(op, 'classes, weighed', {
      shapes,
      domain,
      run: x => call(x, asClasses(), { weight: asWeight() }),
      reference: ([x]) => scalar(weighed(x) / total(classes.map(c => classWeight[c]))),
    }),
    row(op, 'classes, one ignored', {
      shapes,
      domain,
      run: x => call(x, asClasses(), { ignoreIndex: 0 }),
      reference: ([x]) => {
        const { data } = chosen(logarithms(x), classes)
        return scalar((data[0] + data[2]) / 2)
      },
    }),
    row(op, 'soft targets, by both', {
      shapes: [
        [3, 4],
        [3, 4],
      ],
      domain: [domain, [0.1, 0.9]],
      run: (x, y) => call(x, y),
      reference: ([x, y]) => mean(expected(logarithms(x), y)),
    }),
    row(op, 'soft targets along the first axis, summed', {
      shapes: [
        [4, 3],
        [4, 3],
      ],
      domain: [domain, [0.1, 0.9]],
      run: (x, y) => call(x, y, { axis: 0, agg: flux.sum }),
      reference: ([x, y]) => everything(expected(logarithms(x, 0), y, 0)),
    }),
    row(op, 'one-hot targets', {
      shapes,
      domain,
      run: x => call(x, flux.oneHot(classes, 4)),
      reference: ([x]) => mean(chosen(logarithms(x), classes)),
    }),
  ]
})

const binary = (x: Float64, y: Float64, factor = 1): Float64 => zip(x, y, (l, t) => (1 - t) * l + (1 + (factor - 1) * t) * softplus(-l))

const binaryLosses: readonly Row[] = [
  row('logitBinaryCrossEntropy', 'by both', {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    domain: [
      [-3, 3],
      [0.1, 0.9],
    ],
    run: (x, y) => flux.logitBinaryCrossEntropy(x, y),
    reference: ([x, y]) => mean(binary(x, y)),
  }),
  row('logitBinaryCrossEntropy', 'of a number', {
    shapes: [[2, 3]],
    domain: [-3, 3],
    run: x => flux.logitBinaryCrossEntropy(x, 1, { agg: flux.sum }),
    reference: ([x]) => everything(binary(x, scalar(1))),
  }),
  row('logitBinaryCrossEntropy', 'with a weight of the positive', {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    domain: [
      [-3, 3],
      [0.1, 0.9],
    ],
    run: (x, y) => flux.logitBinaryCrossEntropy(x, y, { posWeight: 2.5, agg: flux.identity }),
    reference: ([x, y]) => binary(x, y, 2.5),
  }),
]

export const lossRows: readonly Row[] = [...regressions, ...classLosses, ...binaryLosses]
