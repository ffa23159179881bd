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

const pair = [
  [2, 3],
  [2, 3],
]
const share = [0.1, 0.9] as const
/** By both arguments, unreduced, and their mean. */
const byBoth = (
  op: 'msle' | 'huber' | 'poisson' | 'hinge' | 'squaredHinge' | 'binaryCrossEntropy' | 'binaryFocal' | 'siameseContrastive',
  domain: Row['domain'],
  each: (x: number, y: number) => number,
): readonly Row[] => [
  row(op, 'by both', {
    shapes: pair,
    domain,
    run: (x, y) => library[op](x, y, { agg: flux.identity }),
    reference: ([x, y]) => zip(x, y, each),
  }),
  row(op, 'mean', { shapes: pair, domain, run: (x, y) => library[op](x, y), reference: ([x, y]) => mean(zip(x, y, each)) }),
]
const focused = (p: number): number => -((1 - p) ** 2) * Math.log(p)
const atLeast0 = (x: number): number => Math.max(0, x)

const byElement: readonly Row[] = [
  ...byBoth('msle', [0.5, 3], (x, y) => (Math.log(x + epsilon) - Math.log(y + epsilon)) ** 2),
  ...byBoth('huber', [-2, 2.3], (x, y) => (Math.abs(x - y) < 1 ? (x - y) ** 2 / 2 : Math.abs(x - y) - 0.5)),
  ...byBoth('poisson', [0.5, 3], (x, y) => x - y * Math.log(x)),
  ...byBoth(
    'hinge',
    [
      [-2, 2.3],
      [1, 1],
    ],
    (x, y) => atLeast0(1 - x * y),
  ),
  ...byBoth(
    'squaredHinge',
    [
      [-2, 2.3],
      [-1, -1],
    ],
    (x, y) => atLeast0(1 - x * y) ** 2,
  ),
  ...byBoth('binaryCrossEntropy', share, (x, y) => -y * Math.log(x + epsilon) - (1 - y) * Math.log(1 - x + epsilon)),
  ...byBoth('binaryFocal', share, (x, y) => focused(y * (x + epsilon) + (1 - y) * (1 - x - epsilon))),
  ...byBoth('siameseContrastive', [[0.1, 1.9], share], (x, y) => (1 - y) * x * x + y * atLeast0(1 - x) ** 2),
]

const shares: readonly Row[] = [
  row('klDivergence', 'soft targets, by both', {
    shapes: pair,
    domain: share,
    run: (x, y) => flux.klDivergence(x, y),
    reference: ([x, y]) =>
      mean(
        reduce(
          zip(x, y, (p, q) => q * (Math.log(q) - Math.log(p + epsilon))),
          [1],
          total,
        ),
      ),
  }),
  row('focal', 'soft targets, by both', {
    shapes: pair,
    domain: share,
    run: (x, y) => flux.focal(x, y),
    reference: ([x, y]) =>
      mean(
        reduce(
          zip(x, y, (p, q) => q * focused(p + epsilon)),
          [1],
          total,
        ),
      ),
  }),
  row('focal', 'classes, gamma 1.5', {
    shapes: [[3, 4]],
    domain: share,
    run: x => flux.focal(x, asClasses(), { gamma: 1.5, agg: flux.identity }),
    reference: ([x]) =>
      chosen(
        map(x, p => (1 - p) ** 1.5 * Math.log(p)),
        classes,
      ),
  }),
  row('dice', 'by both', {
    shapes: pair,
    domain: share,
    run: (x, y) => flux.dice(x, y),
    reference: ([x, y]) => {
      const sum = (f: (p: number, q: number) => number) => everything(zip(x, y, f)).data[0]
      return scalar(1 - (2 * sum((p, q) => p * q) + 1) / (sum((p, q) => p * p + q * q) + 1))
    },
  }),
  row('tversky', 'by both', {
    shapes: pair,
    domain: share,
    run: (x, y) => flux.tversky(x, y, { beta: 0.75 }),
    reference: ([x, y]) => {
      const sum = (f: (p: number, q: number) => number) => everything(zip(x, y, f)).data[0]
      const both = sum((p, q) => p * q) + 1
      return scalar(1 - both / (both + sum((p, q) => 0.25 * (1 - q) * p + 0.75 * q * (1 - p))))
    },
  }),
  row('labelSmoothing', '', {
    shapes: [[2, 3]],
    // Three that are about 1 together.
    domain: [0.331, 0.335],
    run: y => flux.labelSmoothing(y, 0.25),
    reference: ([y]) => map(y, q => 0.75 * q + 0.25 / 3),
  }),
]

/** -log of the sum of the probabilities of all paths that read as the labels; the last class is blank. */
function lossesOf(x: Float64, labels: readonly (readonly number[])[]): Float64 {
  const [, time, classes] = x.shape
  const logarithms = along(x, 2, logSoftmax)
  return build([labels.length], ([b]) => {
    let sum = 0
    for (let code = 0; code < classes ** time; code++) {
      const path = Array.from({ length: time }, (_, t) => Math.floor(code / classes ** t) % classes)
      const heard = path.filter((c, t) => c !== classes - 1 && c !== path[t - 1])
      if (heard.join() === labels[b].join()) sum += Math.exp(total(path.map((c, t) => read(logarithms, [b, t, c]))))
    }
    return -Math.log(sum)
  })
}

const sequences: readonly Row[] = [
  row('ctc', 'of each, with a repeated label', {
    shapes: [[2, 4, 3]],
    domain: [-1.5, 1.5],
    run: x =>
      flux.ctc(
        x,
        flux.tensor([
          [0, 1],
          [1, 1],
        ]),
        { agg: flux.identity },
      ),
    reference: ([x]) =>
      lossesOf(x, [
        [0, 1],
        [1, 1],
      ]),
  }),
  row('ctc', 'mean, an empty target', {
    shapes: [[2, 3, 3]],
    domain: [-1.5, 1.5],
    run: x =>
      flux.ctc(
        x,
        flux.tensor([
          [0, 1],
          [9, 9],
        ]),
        { targetLengths: [2, 0] },
      ),
    reference: ([x]) => mean(lossesOf(x, [[0, 1], []])),
  }),
]

export const lossRows: readonly Row[] = [...regressions, ...classLosses, ...binaryLosses, ...byElement, ...shares, ...sequences]
