// Fifty steps of random models, losses, batches, freezing, tied weights, noise and thread counts, with and without jit: the same bits.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

const { adjust, bernoulli, Chain, Dense, freeze, gradient, jit, keep, params, rand, randint, randn, tensor, thaw, trainStep, zeros } = F
const STEPS = 50

/** What happens to the outputs z of the net on the way to the loss, each with a chance. */
const features = {
  gather: (z, { index }) => z.gather(index),
  where: z => F.where(z.greater(0), z, z.mul(0.1)),
  custom: (z, { custom }) => z.add(custom(z)),
  split: (z, { classes }) => F.concat(z.split([1, classes - 1], 1).reverse(), 1),
  scatter: (z, { index }) => z.scatterAdd(index, z.mul(0.1)),
  softmax: z => z.add(z.softmax(0)),
  slice: z => z.slice(':, ::-1'),
  stopped: z => z.mul(z.stopGradient().sigmoid()),
  extremes: z => z.maximum(z.mean(0)).minimum(5),
  closed: (z, { closed }) => z.add(closed),
  closedTransposed: (z, { closedSquare }) => z.matmul(closedSquare),
  transposed: (z, { model }) => z.matmul(model.square.transpose()),
  view: (z, { model, classes }) => z.add(model.square.reshape([-1]).slice([[0, classes]])),
  outerView: (z, { outerView, classes }) => z.add(outerView.slice([[0, classes]])),
  product: (z, { model }) => z.mul(model.extra.prod().tanh().add(1)),
  standardized: z => z.sub(z.mean(1, { keepDims: true })).div(z.std(1, { keepDims: true }).add(0.5)),
  number: (z, { number }) => z.mul(number),
  batched: (z, { model, classes }) => F.matmul(z.reshape([z.shape[0], 1, classes]), model.square).reshape([z.shape[0], classes]),
  permuted: z => z.permute([1, 0]).tanh().permute([1, 0]),
  drawn: z => z.add(randint(-2, 3, z.shape).cast('float32').mul(0.01)),
  embedded: (z, { model, index }) => z.add(model.embedding.gather(index.less(3).cast('int32'))),
  clamped: z => z.clamp(-3, 3),
  written: (z, { classes }) => z.add(tensor(Array.from({ length: classes }, (_, i) => i / 7))),
  taken: z => z.add(z.takeAlong(z.argMax(-1, { keepDims: true }), -1).mul(0.1)),
  logSumExp: z => z.sub(z.logSumExp(-1, { keepDims: true })),
  frozen: (z, { frozen }) => z.mul(frozen.sigmoid()),
}
const penalties = {
  norm: (_, { model }) => model.square.norm().mul(0.01),
  gradientPenalty: (_, { model, x }) =>
    gradient(q => model.net(q).square().sum(), x)[0]
      .square()
      .mean()
      .mul(0.01),
  pullback: z => {
    const [, back] = F.pullback(q => q.tanh(), z)
    return back(z)[0].sum().mul(0.001)
  },
}
const losses = {
  mse: (z, { y }) => F.mse(z, y.cast('float32').reshape([-1, 1]).broadcastTo(z.shape)),
  mae: z => F.mae(z, zeros(z.shape)),
  classes: (z, { y }) => F.logitCrossEntropy(z, y),
  oneHot: (z, { y, classes }) => F.logitCrossEntropy(z, F.oneHot(y, classes)),
  weighted: (z, { y, closed }) => F.logitCrossEntropy(z, y, { weight: closed.sigmoid(), ignoreIndex: 1 }),
  binary: (z, { y, classes }) => F.logitBinaryCrossEntropy(z, F.oneHot(y, classes).cast('float32')),
}
const optimizers = {
  Adam: () => F.Adam(1e-2),
  AdamW: () => F.AdamW(1e-2, { lambda: 0.01 }),
  Momentum: () => F.Momentum(0.01, 0.9),
  Descent: () => F.Descent(0.05),
  chain: () => F.OptimizerChain(F.ClipNorm(1), F.Adam(1e-2)),
  scheduled: () => F.Adam(step => 0.01 / (1 + step / 10)),
}

function draw(source) {
  const [inputs, classes] = [source.pick([1, 3, 4, 8, 17]), source.pick([2, 3, 5, 10])]
  const sizes = [inputs, ...source.list(source.int(0, 2), () => source.pick([2, 5, 8, 16, 33])), classes]
  const every = (share, most) => (source.chance(share) ? source.int(1, most) : Infinity)
  return {
    classes,
    sizes,
    activations: sizes.slice(2).map(() => source.pick(['relu', 'tanh', 'sigmoid', 'gelu', 'softplus', 'identity'])),
    features: Object.keys(features).filter(() => source.chance(0.18)),
    penalties: Object.keys(penalties).filter(() => source.chance(0.15)),
    noise: source.pick(['none', 'none', 'dropped', 'added']),
    isTied: source.chance(0.3),
    hasExtras: source.chance(0.18),
    loss: source.pick(Object.keys(losses)),
    optimizer: source.pick(Object.keys(optimizers)),
    isExplicit: source.chance(0.25),
    isRecord: source.chance(0.2),
    isSameBatch: source.chance(0.2),
    rows: source.chance(0.5)
      ? [source.pick([1, 4, 7, 16, 32])]
      : [source.pick([1, 4, 7]), source.pick([8, 16, 33]), source.pick([2, 3, 64])],
    freezeEvery: every(0.3, 9),
    adjustEvery: every(0.3, 9),
    assignEvery: every(0.5, 6),
    threadsEvery: every(0.1, 8),
  }
}

/** Losses, parameters and what the next draw gives, as a list. */
async function train(drawn, seed, isReplayed) {
  F.manualSeed(1000 + seed)
  const { classes, sizes } = drawn
  const layers = sizes.slice(1).map((size, i) => Dense(sizes[i], size, F[drawn.activations[i]] ?? F.identity))
  const square = randn([classes, classes], { std: 0.3 })
  const model = { net: Chain(...layers), extra: randn([classes]), square, embedding: randn([6, classes], { std: 0.2 }), unused: randn([2]) }
  if (drawn.isTied) model.tied = square
  const held = [randn([classes]), randn([classes, classes], { std: 0.3 }), randn([classes]), rand([5, sizes[0]])].map(keep)
  const [closed, closedT, frozen, fixed] = held
  freeze(frozen)
  const custom = F.customGradient(
    x => x.sin(),
    (g, [x]) => g.mul(x.cos()),
  )
  const closure = { classes, closed, frozen, closedSquare: closedT.transpose(), outerView: square.reshape([classes * classes]), custom }
  const ps = params(model)
  const compute = (model, x, y, index, number) => {
    const all = { ...closure, model, x, y, index, number }
    const h = drawn.noise === 'dropped' ? x.mul(bernoulli(0.7, x.shape)) : drawn.noise === 'added' ? x.add(randn(x.shape, { std: 0.1 })) : x
    let z = model.net(h)
    for (const name of drawn.features) z = features[name](z, all)
    z = z.add(model.extra)
    if (drawn.isTied) z = z.add(z.matmul(model.tied).mul(0.1))
    const loss = drawn.penalties.reduce((sum, name) => sum.add(penalties[name](z, all)), losses[drawn.loss](z, all))
    return drawn.hasExtras ? [loss, z] : loss
  }
  const spread = drawn.isRecord ? (model, { x, y, rest }) => compute(model, x, y, ...rest) : compute
  const plain = drawn.isExplicit ? (model, ...batch) => spread(model, ...batch) : (...batch) => spread(model, ...batch)
  const loss = isReplayed ? jit(plain) : plain
  const optimizer = optimizers[drawn.optimizer]()
  const state = drawn.isExplicit ? F.setup(optimizer, model) : undefined
  const source = new Source(7 * seed + 1)
  const results = []
  for (let i = 0; i < STEPS; i++) {
    const rows = drawn.isSameBatch ? 5 : source.pick(drawn.rows)
    const x = drawn.isSameBatch ? fixed : rand([rows, sizes[0]], { low: -1, high: 1 })
    const [y, index, number] = [randint(0, classes, [rows]), randint(0, rows, [rows]), source.pick([0.5, 1, 2])]
    if (i % drawn.freezeEvery === 0) {
      const p = source.pick([...ps])
      p.frozen ? thaw(p) : freeze(p)
    }
    if (i % drawn.adjustEvery === 0 && drawn.optimizer !== 'scheduled') adjust(optimizer, { eta: 0.01 * (1 + (i % 3)) })
    if (i % drawn.assignEvery === 0) {
      closed.assign(randn([classes]))
      closedT.assign(randn([classes, classes], { std: 0.3 }))
      model.extra.assign(model.extra.mul(0.9))
    }
    const count = source.pick([1, 2, 4])
    if (i % drawn.threadsEvery === 0) await F.threads(isReplayed ? count : 1)
    const batch = drawn.isRecord ? [{ x, y, rest: [index, number] }] : [x, y, index, number]
    try {
      results.push(trainStep(loss, drawn.isExplicit ? model : ps, batch, state ?? optimizer))
    } catch (error) {
      if (!(error instanceof F.DivergedError)) throw error
      results.push('diverged')
      break
    }
    for (const each of drawn.isSameBatch ? [y, index] : [x, y, index]) each.dispose()
  }
  for (const p of ps) results.push(...p.data())
  results.push(...randn([2]).data())
  for (const each of held) each.dispose()
  return results
}

let thrown = 0
for (const seed of seeds()) {
  const drawn = draw(new Source(seed))
  const outcomes = []
  for (const isReplayed of [false, true]) outcomes.push(await train(drawn, seed, isReplayed).catch(error => [error.message]))
  const [plain, replayed] = outcomes
  if (plain.length === 1) thrown++
  const at = plain.findIndex((value, i) => !Object.is(value, replayed[i]))
  if (at >= 0) failed(seed, `result ${at} of ${plain.length}: ${plain[at]} without jit, ${replayed[at]} with it`, drawn)
}
finish(`${thrown} of them throw`)
