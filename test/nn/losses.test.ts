import {
  binaryCrossEntropy,
  binaryFocal,
  crossEntropy,
  ctc,
  Descent,
  DTypeError,
  dice,
  focal,
  full,
  gradient,
  hinge,
  huber,
  identity,
  jit,
  klDivergence,
  logitBinaryCrossEntropy,
  logitCrossEntropy,
  logSoftmax,
  mae,
  mean,
  mse,
  msle,
  oneHot,
  ones,
  params,
  poisson,
  ReleasedError,
  randn,
  ShapeError,
  siameseContrastive,
  softmax,
  squaredHinge,
  sum,
  type Tensor,
  tensor,
  trainStep,
  tversky,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const int32 = (values: number[]) => tensor(values, undefined, { dtype: 'int32' })
const close = (actual: Tensor, expected: Tensor | number[], digits = 5) => {
  const [a, b] = [actual.data(), Array.isArray(expected) ? expected : expected.data()]
  expect(a).toHaveLength(b.length)
  for (let i = 0; i < a.length; i++) expect(a[i]).toBeCloseTo(b[i], digits)
}

describe('where the right class is almost certain', () => {
  const others = [0, -1, 0.5, -2]
  const near = (actual: number, wanted: number, tolerance = 1e-6) => expect(Math.abs(actual / wanted - 1)).toBeLessThan(tolerance)
  const weight = tensor([2, 1, 1, 3, 1])
  const soft = tensor([[0.9, 0.025, 0.025, 0.025, 0.025]])
  const kinds: readonly (readonly [title: string, loss: (x: Tensor) => Tensor])[] = [
    ['classes', x => logitCrossEntropy(x, int32([0]))],
    ['classes, not reduced', x => logitCrossEntropy(x, int32([0]), { agg: identity }).sum()],
    ['one-hot', x => logitCrossEntropy(x, oneHot([0], 5))],
    ['one-hot with weight', x => logitCrossEntropy(x, oneHot([0], 5), { weight }).div(2)],
    ['weight', x => logitCrossEntropy(x, int32([0]), { weight })],
    ['ignoreIndex', x => logitCrossEntropy(x, int32([0]), { ignoreIndex: 3 })],
    ['another axis', x => logitCrossEntropy(x.reshape([5, 1]), int32([0]), { axis: 0 })],
  ]
  for (const margin of [1, 5, 9, 17, 25, 40, 80]) {
    const rest = others.reduce((total, x) => total + Math.exp(x - margin), 0)
    const slopes = [-rest, ...others.map(x => Math.exp(x - margin))].map(e => e / (1 + rest))
    it.each(kinds)(`%s, ${margin} ahead`, (title, loss) => {
      const x = tensor([[margin, ...others]])
      near(loss(x).item(), Math.log1p(rest))
      const gradients = gradient(loss, x)[0].data()
      // The fused gradient of classes keeps its bits up to 2^-17.
      const tolerance = title.startsWith('classes') && rest > 2 ** -17 ? 2 ** -23 / rest + 1e-6 : 1e-6
      slopes.forEach((slope, i) => near(gradients[i], slope, tolerance))
    })
  }

  it('softmax and logSoftmax have their slopes', () => {
    for (const margin of [1, 20, 60]) {
      const p = Math.exp(-margin)
      const rest = p / (1 + p) ** 2
      const [a, b] = gradient(x => softmax(x).slice([0]), tensor([margin, 0]))[0].data()
      near(a, rest)
      near(b, -rest)
      const [c, d] = gradient(
        x =>
          logSoftmax(x)
            .mul(tensor([3, 1e-3]))
            .sum(),
        tensor([margin, 0]),
      )[0].data()
      near(c, (3 * p - 1e-3) / (1 + p))
      near(d, -(3 * p - 1e-3) / (1 + p))
      const second = gradient(x => gradient(y => logitCrossEntropy(y, int32([0])), x)[0].slice([0, 0]), tensor([[margin, 0]]))[0].data()
      near(second[0], rest, 3e-6)
      near(second[1], -rest, 3e-6)
    }
    expect(softmax(tensor([1 / 0, 3])).toArray()).toEqual([1, 0])
    expect(
      logSoftmax(tensor([3, 3, Number.NEGATIVE_INFINITY]))
        .data()
        .slice(0, 2),
    ).toEqual(logSoftmax(tensor([3, 3])).data())
  })

  it('softens like any other', () => {
    const x = tensor([[17, ...others]])
    close(gradient(y => logitCrossEntropy(y, soft), x)[0], softmax(x).sub(soft), 6)
  })
})

describe('agg', () => {
  const [p, t] = [
    tensor([
      [1, 2],
      [3, 5],
    ]),
    tensor([
      [1, 0],
      [0, 1],
    ]),
  ]

  it('is the mean, the sum, none, or a function of your own', () => {
    expect(mse(p, t).toArray()).toBe((0 + 4 + 9 + 16) / 4)
    expect(mse(p, t, { agg: mean }).item()).toBe(7.25)
    expect(mse(p, t, { agg: sum }).item()).toBe(29)
    expect(mse(p, t, { agg: identity }).toArray()).toEqual([
      [0, 4],
      [9, 16],
    ])
    expect(mae(p, t, { agg: losses => losses.max() }).item()).toBe(4)
    expect(mae(p, t, { agg: losses => losses.sum(0) }).toArray()).toEqual([3, 6])
  })

  it('of a loss of classes sees one loss a sample', () => {
    const logits = randn([3, 4])
    const seen: (readonly number[])[] = []
    const agg = (losses: Tensor) => {
      seen.push(losses.shape)
      return losses.sum()
    }
    const whole = logitCrossEntropy(logits, int32([0, 1, 3]), { agg })
    close(whole, logitCrossEntropy(logits, int32([0, 1, 3]), { agg: identity }).sum())
    crossEntropy(softmax(logits), int32([0, 1, 3]), { agg })
    expect(seen).toEqual([[3], [3]])
  })

  it('of the binary loss sees one an element', () => {
    expect(logitBinaryCrossEntropy(zeros([2, 3]), ones([2, 3]), { agg: identity }).shape).toEqual([2, 3])
  })
})

describe('a target', () => {
  it('may be a number, or a tensor of one', () => {
    const p = tensor([[1, 3]])
    expect(mse(p, 1).item()).toBe(2)
    expect(mse(p, tensor(1)).item()).toBe(2)
    expect(mae(p, 2).item()).toBe(1)
    close(logitBinaryCrossEntropy(zeros([2]), 1), [Math.log(2)])
    close(logitBinaryCrossEntropy(zeros([2]), tensor(0)), [Math.log(2)])
  })

  it('may be of integers, and lets the gradient through to the prediction', () => {
    const [grad] = gradient(p => mse(p, int32([1, 2])), tensor([2, 4]))
    expect(grad?.toArray()).toEqual([1, 2])
  })

  it.each([
    ['mse', () => mse(ones([2, 3]), ones([3]))],
    ['mae', () => mae(ones([2, 3]), ones([3]))],
    ['logitBinaryCrossEntropy', () => logitBinaryCrossEntropy(ones([2, 3]), ones([3]))],
  ])('of %s does not broadcast', (name, f) => {
    expect(f).toThrow(ShapeError)
    expect(f).toThrow(
      `${name}: prediction and target differ in shape: [2, 3] and [3]. Losses do not broadcast: reshape one of them. The prediction comes first.`,
    )
  })

  it.each([
    ['crossEntropy', () => crossEntropy(ones([4, 3]), zeros([4, 1]))],
    ['logitCrossEntropy', () => logitCrossEntropy(ones([4, 3]), zeros([4, 1]))],
  ])('of %s that fits in no way is an error that shows both ways', (name, f) => {
    expect(f).toThrow(ShapeError)
    expect(f).toThrow(
      `${name}: prediction and target do not fit: [4, 3] and [4, 1]. Targets are integer classes [4], or one-hot or soft [4, 3]. The prediction comes first.`,
    )
  })

  it('that was released is named', () => {
    const t = ones([2])
    t.dispose()
    expect(() => mse(ones([2]), t)).toThrow(ReleasedError)
    expect(() => logitCrossEntropy(ones([2, 2]), t)).toThrow(ReleasedError)
  })

  it('that is no tensor is a TypeError', () => {
    expect(() => mse(ones([2]), [1, 2] as never)).toThrow(TypeError)
    expect(() => logitCrossEntropy(ones([2, 2]), [0, 1] as never)).toThrow(TypeError)
  })
})

describe('classes', () => {
  const logits = tensor([
    [1, 2, 3],
    [0, -1, 4],
    [2, 2, 2],
  ])
  const expected = logitCrossEntropy(logits, oneHot(int32([2, 0, 1]), 3)).item()

  it.each([
    ['int32', int32([2, 0, 1])],
    ['uint8', tensor(new Uint8Array([2, 0, 1]))],
    ['whole float32', tensor([2, 0, 1])],
    ['one-hot float32', oneHot(int32([2, 0, 1]), 3).cast('float32')],
    ['one-hot bool', oneHot(int32([2, 0, 1]), 3).cast('bool')],
    ['one-hot int32', oneHot(int32([2, 0, 1]), 3).cast('int32')],
  ])('may be %s', (_, target) => {
    expect(logitCrossEntropy(logits, target).item()).toBeCloseTo(expected, 6)
    expect(crossEntropy(softmax(logits), target).item()).toBeCloseTo(expected, 5)
  })

  it.each([
    ['beyond the last', int32([0, 3, 1]), RangeError, 'logitCrossEntropy: 3 at place 1 is no class: classes count from 0 to 2.'],
    ['below 0', int32([0, 1, -1]), RangeError, 'logitCrossEntropy: -1 at place 2 is no class: classes count from 0 to 2.'],
    [
      "PyTorch's mark",
      int32([0, 1, -100]),
      RangeError,
      'logitCrossEntropy: -100 at place 2 is no class: classes count from 0 to 2. A loss leaves samples out with { ignoreIndex: -100 }.',
    ],
    ['not whole', tensor([0, 0.5, 1]), RangeError, 'logitCrossEntropy: index 0.5 at place 1 is not a whole number.'],
  ])('%s are errors', (_, target, kind, message) => {
    expect(() => logitCrossEntropy(logits, target)).toThrow(new kind(message))
  })

  it('as bool are refused', () => {
    expect(() => logitCrossEntropy(logits, tensor([true, false, true]))).toThrow(DTypeError)
  })

  it('of a single sample of rank 1 are a scalar', () => {
    const y = logitCrossEntropy(tensor([0, 0]), tensor(1, undefined, { dtype: 'int32' }))
    close(y, [Math.log(2)])
  })

  it('of an error leave the library working', () => {
    expect(() => gradient(l => logitCrossEntropy(l, int32([9, 9, 9])), logits)).toThrow(RangeError)
    expect(gradient(l => logitCrossEntropy(l, int32([0, 1, 2])), logits)[0]?.shape).toEqual([3, 3])
  })
})

describe('axis', () => {
  it('says where the classes lie: 1 for [n, c, h]', () => {
    const logits = randn([2, 3, 4])
    const classes = int32([0, 1, 2, 0, 1, 2, 0, 1]).reshape([2, 4])
    const last = logitCrossEntropy(logits.permute([0, 2, 1]), classes, { agg: identity })
    const first = logitCrossEntropy(logits, classes, { axis: 1, agg: identity })
    expect(first.shape).toEqual([2, 4])
    close(first, last)
    const soft = softmax(randn([2, 3, 4]), 1)
    close(logitCrossEntropy(logits, soft, { axis: 1 }), logitCrossEntropy(logits.permute([0, 2, 1]), soft.permute([0, 2, 1])))
    close(crossEntropy(softmax(logits, 1), classes, { axis: -2 }), first.mean(), 4)
  })

  it('that is not there is an error', () => {
    expect(() => logitCrossEntropy(ones([2, 3]), int32([0, 1]), { axis: 2 })).toThrow(ShapeError)
  })
})

describe('weight and ignoreIndex', () => {
  const logits = randn([4, 3])
  const classes = int32([0, 2, 1, 2])
  const each = () => logitCrossEntropy(logits, classes, { agg: identity }).data()
  const weight = tensor([1, 2, 4])

  it('weigh the classes; the mean divides by the weights of the targets', () => {
    const [a, b, c, d] = each()
    close(logitCrossEntropy(logits, classes, { weight }), [(a + 4 * b + 2 * c + 4 * d) / 11])
    close(logitCrossEntropy(logits, classes, { weight, agg: sum }), [a + 4 * b + 2 * c + 4 * d])
    close(logitCrossEntropy(logits, classes, { weight, agg: identity }), [a, 4 * b, 2 * c, 4 * d])
  })

  it('leave samples out of sum, count and gradient', () => {
    const [a, , c] = each()
    close(logitCrossEntropy(logits, classes, { ignoreIndex: 2 }), [(a + c) / 2])
    close(logitCrossEntropy(logits, classes, { ignoreIndex: 2, agg: identity }), [a, 0, c, 0])
    const [grad] = gradient(l => logitCrossEntropy(l, classes, { ignoreIndex: 2 }), logits)
    const rows = grad?.toArray() as number[][]
    expect(rows[1]).toEqual([0, 0, 0])
    expect(rows[3]).toEqual([0, 0, 0])
    expect(rows[0].some(value => value !== 0)).toBe(true)
  })

  it('work together, and an ignored class may lie outside the classes', () => {
    const [a, b, , d] = each()
    const padded = int32([0, 2, -100, 2])
    close(logitCrossEntropy(logits, padded, { weight, ignoreIndex: -100 }), [(a + 4 * b + 4 * d) / 9])
    expect(() => logitCrossEntropy(logits, padded)).toThrow(RangeError)
  })

  it.each([{}, { weight }])('give 0 and no gradient where all are ignored: %j', options => {
    const all = int32([1, 1, 1, 1])
    expect(logitCrossEntropy(logits, all, { ...options, ignoreIndex: 1 }).item()).toBe(0)
    const [grad] = gradient(l => logitCrossEntropy(l, all, { ...options, ignoreIndex: 1 }), logits)
    expect(grad?.data().every(value => value === 0)).toBe(true)
  })

  it('ignore a sample even where its logits are not finite', () => {
    const broken = tensor([
      [Number.NEGATIVE_INFINITY, 0],
      [0, 0],
    ])
    close(logitCrossEntropy(broken, int32([0, 1]), { ignoreIndex: 0 }), [Math.log(2)])
  })

  it('of another size is an error', () => {
    expect(() => logitCrossEntropy(logits, classes, { weight: ones([4]) })).toThrow('logitCrossEntropy: the weight is [3]: [4].')
  })

  it('there is no ignored class unless one is given', () => {
    close(logitCrossEntropy(full([2, 2], 0), int32([0, 1])), [Math.log(2)])
  })
})

describe('the binary loss', () => {
  const { POSITIVE_INFINITY: inf, NaN: nan } = Number
  const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))
  const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
  const logits = Float32Array.from({ length: 401 }, (_, i) => (i - 200) / 2)
  const all = { agg: identity }
  /** Relative, but for the subnormal numbers, which have fewer digits. */
  const error = (got: number, exact: number) => Math.max(0, Math.abs(got - exact) - 2 ** -147) / Math.abs(exact)

  it.each([
    [0, 1],
    [1, 1],
    [0, 2.5],
    [1, 2.5],
  ])('is as accurate on one side as on the other: target %i, posWeight %f', (y, w) => {
    let worst = 0
    const shares = [full([logits.length], y), y, tensor(y)]
    for (const target of shares) {
      const loss = (x: Tensor) => logitBinaryCrossEntropy(x, target, { ...all, ...(w !== 1 && { posWeight: w }) })
      const values = loss(tensor(logits)).data()
      const slopes = gradient(x => loss(x).sum(), tensor(logits))[0].data()
      logits.forEach((x, i) => {
        const value = y === 1 ? w * softplus(-x) : softplus(x)
        const slope = y === 1 ? -w * sigmoid(-x) : sigmoid(x)
        worst = Math.max(worst, error(values[i], value), error(slopes[i], slope))
      })
    }
    expect(worst).toBeLessThan(4e-7)
  })

  it('of infinite logits is 0 where they are right and infinite where they are wrong', () => {
    const [x, y] = [tensor([inf, -inf, inf, -inf, inf, nan, nan]), tensor([1, 0, 0, 1, 0.5, 0, 1])]
    expect(logitBinaryCrossEntropy(x, y, all).toArray()).toEqual([0, 0, inf, inf, inf, nan, nan])
    expect(gradient(z => logitBinaryCrossEntropy(z, y, { agg: sum }), x)[0].toArray()).toEqual([0, 0, 1, -1, 0.5, nan, nan])
  })

  it('has a second derivative on both sides: that of the sigmoid', () => {
    const x = tensor([-40, -17, 0, 17, 40])
    for (const y of [0, 1]) {
      const [second] = gradient(z => gradient(a => logitBinaryCrossEntropy(a, y, { agg: sum }), z)[0].sum(), x)
      const expected = x.data().map(a => sigmoid(a) * sigmoid(-a))
      second.data().forEach((value, i) => void expect(value / expected[i]).toBeCloseTo(1, 6))
    }
  })

  it('takes weights that broadcast, and refuses those that would broadcast the loss', () => {
    expect(logitBinaryCrossEntropy(zeros([2, 3]), 1, { posWeight: tensor([1, 2, 3]), ...all }).shape).toEqual([2, 3])
    expect(() => logitBinaryCrossEntropy(zeros([2, 1]), 1, { posWeight: tensor([1, 2, 3]) })).toThrow(ShapeError)
  })
})

describe('probabilities', () => {
  it('may be off by rounding, and NaN passes', () => {
    const p = tensor([
      [1.000001, -1e-7],
      [Number.NaN, 0.5],
    ])
    const losses = crossEntropy(p, int32([0, 0]), { agg: identity }).data()
    expect(losses[0]).toBeCloseTo(0, 5)
    expect(losses[1]).toBeNaN()
    expect(crossEntropy(p.slice('0:1'), tensor([[1, 0]])).item()).toBeCloseTo(0, 5)
  })

  it('are checked in each step of a jit', () => {
    const w = ones([1])
    const loss = jit((p: Tensor, y: Tensor) => crossEntropy(p.mul(w), y))
    const step = (p: number[]) => trainStep(loss, params(w), [tensor([p]), int32([0])], Descent(0))
    for (let i = 0; i < 4; i++) expect(step([0.5, 0.5])).toBeCloseTo(Math.LN2, 5)
    expect(() => step([0.5, 7])).toThrow(
      new RangeError(
        'crossEntropy: 7 at place 1 of the prediction is no probability. Take the softmax of logits before, or use logitCrossEntropy.',
      ),
    )
    expect(step([0.5, 0.5])).toBeCloseTo(Math.LN2, 5)
  })

  it('and so are targets', () => {
    const w = ones([1])
    const loss = jit((p: Tensor, y: Tensor) => logitBinaryCrossEntropy(p.mul(w), y))
    const step = (y: number[]) => trainStep(loss, params(w), [tensor([0, 0]), tensor(y)], Descent(0))
    for (let i = 0; i < 4; i++) expect(step([0, 1])).toBeCloseTo(Math.LN2, 5)
    expect(() => step([0, -1])).toThrow(
      new RangeError('logitBinaryCrossEntropy: -1 at place 1 of the target is no probability. A target lies from 0 to 1.'),
    )
    expect(step([1 + 1e-6, -1e-6])).toBeCloseTo(Math.LN2, 5)
    expect(logitBinaryCrossEntropy(zeros([2]), tensor([1, Number.NaN]), { agg: identity }).data()[1]).toBeNaN()
    expect(logitCrossEntropy(zeros([1, 2]), tensor([[1, Number.NaN]])).item()).toBeNaN()
  })
})

describe('whole targets', () => {
  const numbers = { mae, mse, msle, huber, poisson, hinge, squaredHinge, siameseContrastive }
  const shares = { logitBinaryCrossEntropy, binaryCrossEntropy, binaryFocal, dice, tversky }
  it.each(Object.entries({ ...numbers, ...shares }))('%s takes them as other numbers', (_, loss) => {
    const isOfSigns = loss === hinge || loss === squaredHinge
    const [x, y] = [tensor([0.25, 0.5, 0.75]), tensor([1, isOfSigns ? 1 : 0, 1])]
    for (const dtype of ['int32', 'uint8', 'bool'] as const) expect(loss(x, y.cast(dtype)).item()).toBe(loss(x, y).item())
  })
})

it('what ctc has no room for has a derivative of 0, whatever is made of its loss', () => {
  const [x, y] = [zeros([2, 1, 3]), tensor([[0, 1]])]
  const agg = (losses: Tensor) => losses.square().sum()
  for (const lengths of [
    [1, 1],
    [1, 0],
  ]) {
    const loss = (logits: Tensor) => ctc(logits, y.broadcastTo([2, 2]), { lengths, agg, targetLengths: [1, 2] })
    const [plain] = gradient(loss, x)
    const second = gradient((z: Tensor) => gradient(loss, z)[0].sum(), x)[0]
    expect([...plain.data().slice(3)]).toEqual([0, 0, 0])
    expect(plain.isFinite().all().item()).toBe(1)
    expect([...second.data().slice(3)]).toEqual([0, 0, 0])
  }
})

it.each([crossEntropy, focal, klDivergence, logitCrossEntropy])('%# takes predictions of whole numbers', loss => {
  const prediction = int32([0, 1]).reshape([1, 2])
  expect(loss(prediction, int32([1])).item()).toBe(loss(prediction.cast('float32'), int32([1])).item())
})
