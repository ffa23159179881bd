import {
  type Average,
  accuracy,
  confusionMatrix,
  DataLoader,
  f1,
  identity,
  memory,
  oneHot,
  precision,
  r2,
  recall,
  rocAuc,
  scope,
  type Tensor,
  tensor,
  topKAccuracy,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const int32 = (values: number[]) => tensor(values, undefined, { dtype: 'int32' })
/** Numbers from 0 to 1 that are the same in every run. */
const noise = (n: number, seed = 1) =>
  Array.from({ length: n }, (_, i) => (Math.sin((i + 1) * 12.9898 * seed) * 43758.5453) % 1).map(Math.abs)
const averages: readonly Average[] = ['macro', 'weighted', 'micro', 'none']

/** By the book, in double: lists of what is true and what was predicted, and which classes count. */
const rates = (truth: readonly number[], guesses: readonly number[], classes: readonly number[]) =>
  classes.map(each => {
    const tp = truth.filter((t, i) => t === each && guesses[i] === each).length
    const fp = guesses.filter((g, i) => g === each && truth[i] !== each).length
    const fn = truth.filter((t, i) => t === each && guesses[i] !== each).length
    return { tp, fp, fn }
  })
const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b)
const formulas = {
  precision: ({ tp, fp }: { tp: number; fp: number; fn: number }) => ratio(tp, tp + fp),
  recall: ({ tp, fn }: { tp: number; fp: number; fn: number }) => ratio(tp, tp + fn),
  f1: ({ tp, fp, fn }: { tp: number; fp: number; fn: number }) => ratio(2 * tp, 2 * tp + fp + fn),
}
const metrics = { precision, recall, f1 }
const names = ['precision', 'recall', 'f1'] as const
const mean = (list: readonly number[], weights = list.map(() => 1)) =>
  list.reduce((sum, each, i) => sum + each * weights[i], 0) / weights.reduce((a, b) => a + b, 0)
const total = (counts: readonly { tp: number; fp: number; fn: number }[]) =>
  counts.reduce((a, b) => ({ tp: a.tp + b.tp, fp: a.fp + b.fp, fn: a.fn + b.fn }))

describe('precision, recall and f1', () => {
  // Class 3 is never predicted, class 4 never there, class 5 neither.
  const truth = noise(60).map(each => Math.floor(each * 4))
  const guesses = noise(60, 2).map(each => [0, 1, 2, 4][Math.floor(each * 4)])
  const outputs = oneHot(int32(guesses), 6).cast('float32')
  const batches = new DataLoader([outputs, int32(truth)], { batchSize: 7 })

  it.each(names)('%s over classes is what the book says', name => {
    const counts = rates(truth, guesses, [0, 1, 2, 3, 4])
    const scores = counts.map(formulas[name])
    const support = counts.map(({ tp, fn }) => tp + fn)
    const wanted = [mean(scores), mean(scores, support), formulas[name](total(counts)), [...scores, Number.NaN]]
    for (const data of [[outputs, int32(truth)] as [Tensor, Tensor], batches]) {
      for (const [i, average] of averages.entries()) {
        const found = metrics[name](identity, data, { average })
        const flat = [found].flat()
        expect(flat.map(Number.isNaN)).toEqual([wanted[i]].flat().map(Number.isNaN))
        for (const [k, each] of [wanted[i]].flat().entries()) if (!Number.isNaN(each)) expect(flat[k]).toBeCloseTo(each, 12)
      }
      expect(metrics[name](identity, data)).toBeCloseTo(mean(scores), 12)
    }
  })

  it.each(names)('%s over labels counts each output for itself', name => {
    const labels = noise(60, 3).map(each => Number(each > 0.6))
    // The last label is never there, and never predicted.
    const y = labels.map((each, i) => (i % 3 === 2 ? 0 : each))
    const scores = noise(60, 4).map((each, i) => (i % 3 === 2 ? 0 : each))
    const counts = [0, 1, 2].map(column => {
      const own = (list: readonly number[]) => list.filter((_, i) => i % 3 === column)
      return rates(
        own(y),
        own(scores).map(each => Number(each > 0.5)),
        [1],
      )[0]
    })
    const each = counts.map(formulas[name])
    const data: [Tensor, Tensor] = [tensor(scores, [20, 3]), tensor(y, [20, 3])]
    const options = { threshold: 0.5 }
    expect(metrics[name](identity, data, options)).toBeCloseTo(mean(each), 12)
    expect(metrics[name](identity, data, { ...options, average: 'none' })[2]).toBe(0)
    expect(metrics[name](identity, data, { ...options, average: 'micro' })).toBeCloseTo(formulas[name](total(counts)), 12)
  })

  it.each(names)('%s of one output is that of its positives', name => {
    const data = (x: Tensor, y: Tensor): [Tensor, Tensor] => [x, y]
    const [x, y] = [tensor([3, 1, -1, 2]), tensor([1, 0, 1, 1])]
    const wanted = { precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 }[name]
    for (const pair of [data(x, y), data(x.reshape([4, 1]), y), data(x.reshape([4, 1]), y.reshape([4, 1])), data(x, y.cast('bool'))]) {
      expect(metrics[name](identity, pair, { threshold: 0 })).toBeCloseTo(wanted, 12)
    }
    // Nothing to find, and nothing found.
    expect(metrics[name](identity, data(x.mul(0).sub(1), y.mul(0)), { threshold: 0 })).toBe(0)
  })

  it.each(names)('%s of NaN: no class is predicted, and a label wrongly', name => {
    const x = tensor([
      [Number.NaN, 1],
      [0, 1],
      [1, 0],
    ])
    const found = metrics[name](identity, [x, int32([0, 1, 0])], { average: 'none' })
    expect(found).toEqual({ precision: [1, 1], recall: [0.5, 1], f1: [2 / 3, 1] }[name])
    const y = tensor([1, 0, 1])
    expect(metrics[name](identity, [tensor([Number.NaN, Number.NaN, 1]), y], { threshold: 0 })).toBe(0.5)
  })

  it.each(names)('%s of no data is NaN', name => {
    expect(metrics[name](identity, [])).toBeNaN()
    expect(metrics[name](identity, [], { average: 'micro' })).toBeNaN()
    expect(metrics[name](identity, [], { average: 'none' })).toEqual([])
    expect(metrics[name](identity, [[zeros([0, 2]), int32([])]])).toBeNaN()
    expect(metrics[name](identity, [zeros([0, 2]), int32([])])).toBeNaN()
    expect(metrics[name](identity, [zeros([0]), zeros([0])], { threshold: 0 })).toBeNaN()
  })
})

describe('confusionMatrix', () => {
  it('has a row for each class that is true', () => {
    const [truth, guesses] = [noise(50).map(each => Math.floor(each * 3)), noise(50, 2).map(each => Math.floor(each * 3))]
    const wanted = [0, 1, 2].map(t => [0, 1, 2].map(g => truth.filter((each, i) => each === t && guesses[i] === g).length))
    const outputs = oneHot(int32(guesses), 3).cast('float32')
    for (const y of [int32(truth), oneHot(int32(truth), 3), tensor(truth)]) {
      const found = confusionMatrix(identity, new DataLoader([outputs, y], { batchSize: 8 }))
      expect(found.toArray()).toEqual(wanted)
      expect(found.dtype).toBe('int32')
    }
  })

  it('of one output is 2 by 2, of several labels one of these for each', () => {
    const [x, y] = [tensor([3, -1, 2, Number.NaN]), tensor([1, 1, 0, 0])]
    const wanted = [
      [0, 2],
      [1, 1],
    ]
    expect(confusionMatrix(identity, [x, y], { threshold: 0 }).toArray()).toEqual(wanted)
    const two = (z: Tensor) => z.reshape([4, 1]).tile([1, 2])
    expect(confusionMatrix(identity, [two(x), two(y)], { threshold: 0 }).toArray()).toEqual([wanted, wanted])
  })

  it('leaves rows with NaN out', () => {
    const x = tensor([
      [Number.NaN, 1],
      [0, 1],
    ])
    expect(confusionMatrix(identity, [x, int32([0, 0])]).toArray()).toEqual([
      [0, 1],
      [0, 0],
    ])
    expect(confusionMatrix(identity, []).shape).toEqual([0, 0])
  })
})

/** Of all pairs. */
const area = (scores: readonly number[], labels: readonly number[]) => {
  let [sum, pairs] = [0, 0]
  scores.forEach((a, i) => {
    scores.forEach((b, k) => {
      if (labels[i] !== 1 || labels[k] !== 0) return
      pairs++
      sum += a > b ? 1 : a === b ? 0.5 : 0
    })
  })
  return sum / pairs
}

describe('rocAuc', () => {
  const n = 40
  // Rounded, so that there are ties.
  const scores = noise(3 * n).map(each => Math.round(each * 8) / 8)
  const labels = noise(3 * n, 2).map(each => Number(each > 0.4))
  const own = (list: readonly number[], column: number) => list.filter((_, i) => i % 3 === column)
  const areas = [0, 1, 2].map(column => area(own(scores, column), own(labels, column)))
  const x = tensor(scores, [n, 3])

  it('of one output counts pairs, ties half', () => {
    const one = tensor(own(scores, 0))
    const y = tensor(own(labels, 0))
    for (const pair of [
      [one, y],
      [one.reshape([n, 1]), y],
      [one, y.cast('bool')],
    ] as [Tensor, Tensor][]) {
      expect(rocAuc(identity, pair)).toBeCloseTo(areas[0], 12)
      expect(rocAuc(identity, new DataLoader(pair, { batchSize: 9 }))).toBeCloseTo(areas[0], 12)
    }
  })

  it('of several labels is their mean', () => {
    const data = new DataLoader([x, tensor(labels, [n, 3])], { batchSize: 7 })
    const positives = [0, 1, 2].map(column => own(labels, column).filter(Boolean).length)
    expect(rocAuc(identity, data)).toBeCloseTo(mean(areas), 12)
    expect(rocAuc(identity, data, { average: 'weighted' })).toBeCloseTo(mean(areas, positives), 12)
    expect(rocAuc(identity, data, { average: 'micro' })).toBeCloseTo(area(scores, labels), 12)
    rocAuc(identity, data, { average: 'none' }).forEach((each, i) => {
      expect(each).toBeCloseTo(areas[i], 12)
    })
  })

  it('of classes is each against the rest', () => {
    const classes = noise(n, 3).map(each => Math.floor(each * 3))
    const wanted = [0, 1, 2].map(each =>
      area(
        own(scores, each),
        classes.map(one => Number(one === each)),
      ),
    )
    expect(rocAuc(identity, [x, int32(classes)])).toBeCloseTo(mean(wanted), 12)
    expect(rocAuc(identity, [x, oneHot(int32(classes), 3)])).toBeCloseTo(mean(wanted), 12)
  })

  it('of one class alone there is none, and NaN counts as wrong', () => {
    expect(rocAuc(identity, [tensor([1, 2]), tensor([1, 1])])).toBeNaN()
    for (const none of [[], [zeros([0]), int32([])]]) expect(rocAuc(identity, none as [Tensor, Tensor])).toBeNaN()
    const halves = [tensor([1, 1, 2, 2], [2, 2]), tensor([0, 1, 1, 1], [2, 2])] as [Tensor, Tensor]
    expect(rocAuc(identity, halves)).toBe(1)
    expect(rocAuc(identity, halves, { average: 'none' })).toEqual([1, Number.NaN])
    expect(rocAuc(identity, [tensor([Number.NaN, 2, 1]), tensor([1, 1, 0])])).toBe(0.5)
    expect(rocAuc(identity, [tensor([Number.NaN, 2, 1]), tensor([0, 1, 1])])).toBe(0)
  })
})

describe('topKAccuracy', () => {
  const x = tensor(noise(60), [10, 6])
  const y = int32(noise(10, 2).map(each => Math.floor(each * 6)))

  it('finds the class among the k largest', () => {
    const rows = x.toArray<number[][]>()
    for (const k of [1, 2, 5, 6]) {
      const hits = rows.filter((row, i) => [...row].sort((a, b) => b - a).indexOf(row[y.data()[i]]) < k).length
      expect(topKAccuracy(identity, [x, y], { k })).toBeCloseTo(hits / 10, 12)
      expect(topKAccuracy(identity, new DataLoader([x, oneHot(y, 6)], { batchSize: 3 }), { k })).toBeCloseTo(hits / 10, 12)
    }
    expect(topKAccuracy(identity, [x, y], { k: 1 })).toBe(accuracy(identity, [x, y]))
    expect(topKAccuracy(identity, [x, y])).toBe(topKAccuracy(identity, [x, y], { k: 5 }))
  })

  it('takes the first of equals, and no row with NaN', () => {
    const equal = zeros([3, 3])
    expect(topKAccuracy(identity, [equal, int32([0, 1, 2])], { k: 2 })).toBeCloseTo(2 / 3, 12)
    const odd = tensor([
      [Number.NaN, 1, 0],
      [0, 1, Number.NaN],
    ])
    expect(topKAccuracy(identity, [odd, int32([0, 1])], { k: 3 })).toBe(0)
    expect(topKAccuracy(identity, [])).toBeNaN()
    expect(topKAccuracy(identity, [zeros([0, 9]), int32([])])).toBeNaN()
    expect(accuracy(identity, [zeros([0, 9]), int32([])])).toBeNaN()
    expect(confusionMatrix(identity, [zeros([0, 2]), int32([])]).toArray()).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(topKAccuracy(identity, [tensor([[3, 2, 1]]), tensor([2])])).toBe(1)
  })
})

describe('r2', () => {
  const residue = (y: readonly number[], f: readonly number[]) => y.reduce((sum, each, i) => sum + (each - f[i]) ** 2, 0)
  const spread = (y: readonly number[]) =>
    residue(
      y,
      y.map(() => mean(y)),
    )
  const explained = (y: readonly number[], f: readonly number[]) => 1 - residue(y, f) / spread(y)
  // A mean that would swallow the variance in float32 sums.
  const f32 = (list: readonly number[]) => [...Float32Array.from(list)]
  const y = f32(noise(40).map(each => 1000 + each))
  const found = f32(noise(40, 2).map((each, i) => y[i] + (each - 0.5) / 2))
  const own = (list: readonly number[], column: number) => list.filter((_, i) => i % 2 === column)

  it('is what the formula says, by output', () => {
    const each = [0, 1].map(column => explained(own(y, column), own(found, column)))
    const spreads = [0, 1].map(column => spread(own(y, column)))
    const data = new DataLoader([tensor(found, [20, 2]), tensor(y, [20, 2])], { batchSize: 6 })
    expect(r2(identity, data)).toBeCloseTo(mean(each), 9)
    expect(r2(identity, data, { average: 'weighted' })).toBeCloseTo(mean(each, spreads), 9)
    expect(r2(identity, data, { average: 'micro' })).toBeCloseTo(mean(each, spreads), 9)
    expect(r2(identity, data, { average: 'none' })[1]).toBeCloseTo(each[1], 9)
  })

  it('takes [n, 1] against [n], constant targets and few of them', () => {
    const pair: [Tensor, Tensor] = [tensor(found, [40, 1]), tensor(y)]
    expect(r2(identity, pair)).toBeCloseTo(explained(y, found), 9)
    expect(r2(identity, [tensor([1, 1]), tensor([1, 1])])).toBe(1)
    expect(r2(identity, [tensor([1, 2]), tensor([1, 1])])).toBe(0)
    expect(r2(identity, [tensor([1]), tensor([1])])).toBeNaN()
    expect(r2(identity, [tensor([1, Number.NaN]), tensor([1, 2])])).toBeNaN()
    expect(r2(identity, [])).toBeNaN()
    expect(r2(identity, [zeros([0, 1]), zeros([0])])).toBeNaN()
  })
})

describe('every metric', () => {
  const data: [Tensor, Tensor] = [tensor(noise(40), [10, 4]), int32(noise(10, 2).map(each => Math.floor(each * 4)))]
  const all = { accuracy, confusionMatrix, f1, precision, recall, rocAuc, topKAccuracy }
  type Metric = (model: (x: Tensor) => Tensor, data: unknown, options: object) => number | Tensor
  const numbers = (found: number | Tensor) => (typeof found === 'number' ? found : found.toArray())

  it.each(Object.entries(all))('%s takes asynchronous data, and gives a promise then', async (name, each) => {
    const metric = each as unknown as Metric
    async function* batches() {
      yield* new DataLoader(data, { batchSize: 4 })
    }
    const options = name === 'topKAccuracy' ? { k: 2 } : {}
    const found: number | Tensor = await metric(identity, batches(), options)
    expect(numbers(found)).toEqual(numbers(metric(identity, data, options)))
  })

  it.each(Object.entries({ ...all, r2 }))('%s leaves nothing behind', (name, each) => {
    const metric = each as unknown as Metric
    const pair: [Tensor, Tensor] = name === 'r2' ? [data[0], data[0]] : data
    const before = memory()
    scope(() => void metric((x: Tensor) => x.mul(2), pair, name === 'topKAccuracy' ? { k: 2 } : {}))
    expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
  })

  const bad = (metric: string, call: () => unknown, text: string) => [metric, call, text] as const
  const [x, y] = data
  it.each([
    bad(
      'precision',
      () => precision(identity, [x, y], { average: 'mean' as never }),
      "TypeError: precision: the average is 'macro', 'micro', 'weighted' or 'none': 'mean' came.",
    ),
    bad('recall', () => recall(identity, [[x, tensor([0, 1])]]), 'ShapeError: recall: outputs and targets do not fit: [10, 4] and [2].'),
    bad('f1', () => f1(identity, [x, y.add(4)]), 'RangeError: f1: 4 at place 0 is no class: classes count from 0 to 3.'),
    bad('f1', () => f1(identity, [x, x], { threshold: 0 }), 'RangeError: f1: with a threshold targets are 0 or 1: '),
    bad(
      'precision',
      () =>
        precision(identity, [
          [zeros([1, 2]), int32([0])],
          [zeros([1, 3]), int32([0])],
        ]),
      'ShapeError: precision: batches differ in the number of outputs: 3 after 2.',
    ),
    bad(
      'rocAuc',
      () => rocAuc(identity, [tensor([1, 2]), tensor([0, 2])]),
      'RangeError: rocAuc: for scores targets are 0 or 1: 2 at place 1 came.',
    ),
    bad(
      'topKAccuracy',
      () => topKAccuracy(identity, [x, y], { k: 5 }),
      'RangeError: topKAccuracy: k is a whole number from 1 to 4, the number of classes: 5.',
    ),
    bad(
      'confusionMatrix',
      () => confusionMatrix(identity, [x.slice('..., 0:1'), y]),
      'ShapeError: confusionMatrix: one output tells no classes apart: [10, 1].',
    ),
    bad(
      'f1',
      () => f1(identity, [tensor([0.9, 0.1, 0.8, 0.7]), tensor([1, 0, 1, 0])]),
      'ShapeError: f1: one output tells no classes apart: [4]. Pass { threshold: 0 } for logits or { threshold: 0.5 } for probabilities, or use a model with an output for each class.',
    ),
    bad(
      'topKAccuracy',
      () => topKAccuracy(identity, [tensor([0.9, 0.1]), tensor([1, 0])]),
      'ShapeError: topKAccuracy: one output tells no classes apart: [2]. Use a model with an output for each class.',
    ),
    ...[accuracy, confusionMatrix, f1, precision, recall].flatMap(metric =>
      [
        [1, 1],
        [0, 0],
        [2, -1],
        [0, Number.NaN],
        [0, 2],
      ].map(row =>
        bad(
          metric.name,
          () => (metric as unknown as Metric)(identity, [zeros([2, 2]), tensor([[0, 1], row])], {}),
          `RangeError: ${metric.name}: a row of the target is not one-hot: [${row.join(', ')}]. Targets are integer classes, or one-hot. For labels that are each 0 or 1 pass { threshold: 0 } for logits or { threshold: 0.5 } for probabilities.`,
        ),
      ),
    ),
    bad(
      'topKAccuracy',
      () => topKAccuracy(identity, [zeros([2, 9]), zeros([2, 9])]),
      'RangeError: topKAccuracy: a row of the target is not one-hot: row 0. Targets are integer classes, or one-hot.',
    ),
    bad('r2', () => r2(identity, [x, y]), 'ShapeError: r2: outputs and targets do not fit: [10, 4] and [10].'),
    bad(
      'r2',
      () => r2(identity, x as never),
      'TypeError: r2: the data is [x, y], or an iterable of such batches, such as a DataLoader: a tensor came.',
    ),
    bad('f1', () => f1((() => 1) as never, [x, y]), 'TypeError: f1: a tensor is needed: number.'),
  ])('%s refuses', (_, call, text) => {
    let came = 'nothing was thrown'
    try {
      call()
    } catch (error) {
      came = String(error)
    }
    expect(came.startsWith(text) ? text : came).toBe(text)
  })

  it('calls a model of several inputs with all of a batch but its last', () => {
    const [x, lengths, y] = [
      tensor([
        [1, 0],
        [0, 1],
        [1, 0],
      ]),
      tensor([1, 2, 3]),
      tensor([0, 1, 1]),
    ]
    const seen: unknown[][] = []
    const model = (...inputs: [Tensor, ...Tensor[]]) => {
      seen.push(inputs.map(each => each.toArray()))
      return inputs[0]
    }
    expect(accuracy(model, new DataLoader([x, lengths, y], { batchSize: 2 }))).toBeCloseTo(2 / 3)
    expect(seen).toEqual([
      [
        [
          [1, 0],
          [0, 1],
        ],
        [1, 2],
      ],
      [[[1, 0]], [3]],
    ])
  })
})
