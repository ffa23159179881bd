// Random trainings, of models, rules, schedules, callbacks and data by chance, that are stopped in some way at some moments and taken up by new objects, on another
// number of threads, with jit or without, while another training runs, and their folder is lost or its newest file damaged: they end with the bits of one that was
// not interrupted: weights, running statistics, slots, losses, the record of epochs, what the callbacks remember, and the best checkpoint.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

console.info = () => {}
console.warn = () => {}
const root = mkdtempSync(join(tmpdir(), 'fluxtape-resumed-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

const RULES = 'Descent Momentum Nesterov RMSProp Adam AdamW RAdam AdaMax OAdam AMSGrad NAdam AdaBelief AdaGrad AdaDelta Rprop Lion Muon'.split(' ') // biome-ignore format: a list
const BEFORE = {
  AccumGrad: () => F.AccumGrad(3),
  ClipNorm: () => F.ClipNorm(1),
  ClipGlobalNorm: () => F.ClipGlobalNorm(0.5),
  ClipGrad: () => F.ClipGrad(0.1),
  WeightDecay: () => F.WeightDecay(0.01),
  SignDecay: () => F.SignDecay(0.001),
}
const SCHEDULES = {
  none: () => undefined,
  number: () => 0.02,
  Exp: () => F.Exp(0.05, 0.9),
  CosAnneal: () => F.CosAnneal(0.05, 0.001, 5),
  Warmup: () => F.Warmup(F.Step(0.05, 0.5, 4), 3),
  own: () => step => 0.05 / (1 + step),
  path: () => (step, path) => (path.startsWith('first') ? 0.01 : 0.05 / (1 + step)),
}
const LAYERS = {
  Dense: () => F.Dense(4, 4, F.tanh),
  BatchNorm: () => F.BatchNorm(4, F.relu),
  LayerNorm: () => F.LayerNorm(4),
  Dropout: () => F.Dropout(0.3),
  AlphaDropout: () => F.AlphaDropout(0.2),
  WeightNorm: () => F.WeightNorm(F.Dense(4, 4), 'weight'),
  noise: () => x => (F.isTraining() ? x.add(F.randn(x.shape, { std: 0.1 })) : x),
  residual: () => F.SkipConnection(F.Chain(F.Dense(4, 4), F.Dropout(0.5)), F.add),
  frozen: () => F.freeze(F.Dense(4, 4, F.sigmoid)),
  GRU: () =>
    F.Chain(
      x => x.expandDims(1),
      F.GRU(4, 4),
      x => x.squeeze(1),
    ),
}
const DATA = ['loader', 'seeded', 'whole batches', 'mapped', 'list', 'iterable', 'stream', 'seeded stream', 'late', 'late stream']
const VALIDATIONS = ['none', 'list', 'loader', 'seeded', 'mapped', 'stream', 'late', 'function', 'same']
const CALLBACKS = ['ema', 'earlyStopping', 'plateau', 'patience', 'adjust', 'freeze', 'skip', 'own', 'counts', 'swap']
const FORMS = ['implicit', 'implicit', 'jit', 'explicit']
const EVERY = ['epoch', 1, 2, 5, 1000, { minutes: 1e-6 }]
const ENDINGS = ['steps', 'abort', 'fail', 'epoch', 'break', 'onStep', 'onEpoch', 'onGradient', 'metrics']

function draw(source) {
  const rule = source.pick(RULES)
  const before = source.chance(0.4) ? source.list(source.int(1, 2), () => source.pick(Object.keys(BEFORE))) : []
  const takesEta = rule !== 'AdaDelta'
  const schedule = takesEta ? source.pick(Object.keys(SCHEDULES).slice(0, rule === 'Rprop' ? 2 : undefined)) : 'none'
  const isNumber = ['none', 'number'].includes(schedule)
  const isFit = name => (name !== 'plateau' && name !== 'adjust') || (takesEta && (name === 'adjust' || (isNumber && rule !== 'Rprop')))
  const [n, batchSize] = [source.int(5, 12), source.int(2, 5)]
  return {
    layers: source.list(source.int(0, 4), () => source.pick(Object.keys(LAYERS))),
    isTied: source.chance(0.15),
    ...{ rule, before, schedule },
    data: source.pick(DATA),
    validation: source.pick(VALIDATIONS),
    hasMetrics: source.chance(0.2),
    callbacks: CALLBACKS.filter(name => source.chance(0.2) && isFit(name)),
    form: source.pick(FORMS),
    isBeside: source.chance(0.15),
    diverges: source.chance(0.12),
    // No batch of one, of which BatchNorm has no variance.
    ...{ n: n - Number(n % batchSize === 1), batchSize },
    epochs: source.int(1, 5),
    at: source.int(0, 9),
  }
}

const rows = F.tensor(
  Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)),
  [12, 4],
)
const targets = rows.sum(1, { keepDims: true })
/** One of its numbers is none. */
const spoiled = F.where(F.arange(0, 48, 1).reshape([12, 4]).equal(13), Number.NaN, rows)

function dataOf({ data, n, batchSize, diverges }) {
  const [x, y] = [diverges ? spoiled : rows, targets].map(each => each.slice([[0, n]]))
  const options = { batchSize, shuffle: true }
  const pairs = i => [x.slice([i]), y.slice([i])]
  const loader = more => new F.DataLoader([x, y], { ...options, ...more })
  const streamed = { *[Symbol.iterator]() { for (let i = 0; i < n; i++) yield pairs(i) } } // biome-ignore format: one line
  const streamedLate = { async *[Symbol.asyncIterator]() { for (let i = 0; i < n; i++) yield pairs(i) } } // biome-ignore format: one line
  return {
    loader: () => loader(),
    seeded: () => loader({ seed: 4 }),
    list: () => Array.from(new F.DataLoader([x, y], { batchSize }), ([a, b]) => [F.clone(a), F.clone(b)]),
    iterable: () => ({ [Symbol.iterator]: () => loader()[Symbol.iterator]() }),
    'whole batches': () => loader({ seed: 4, partial: false }),
    mapped: () => loader({ map: ([a, b]) => [a.add(F.rand([4], { high: 0.1 })), b] }),
    stream: () => new F.DataLoader(streamed, { batchSize, shuffle: 4 }),
    'seeded stream': () => new F.DataLoader(streamed, { batchSize, shuffle: 3, seed: 4, map: ([a, b]) => [a.add(F.rand([1])), b] }),
    'late stream': () => new F.DataLoader(streamedLate, { batchSize, shuffle: 4, prefetch: 2 }),
    late: () =>
      new F.DataLoader({ length: n, get: async i => pairs(i) }, { ...options, prefetch: 2, map: ([a, b]) => [a.add(F.rand([1])), b] }),
  }[data]()
}

function optimizerOf({ rule, before, schedule }) {
  const eta = SCHEDULES[schedule]()
  const main = eta === undefined ? F[rule]() : F[rule](eta)
  return before.length === 0 ? main : F.OptimizerChain(...before.map(name => BEFORE[name]()), main)
}

/** A list of callbacks, and what each remembers at the end. */
function callbacksOf({ callbacks, validation, at }, model, optimizer) {
  const metric = validation === 'none' ? 'loss' : 'validation'
  const averages = []
  let gradients = 0
  let own = { sum: 0, last: F.zeros([2]), list: [] }
  const make = {
    ema: () => F.ema({ decay: 0.8 }),
    earlyStopping: () => F.earlyStopping({ metric, patience: 1, minDelta: 0.01 }),
    plateau: () => F.plateau({ metric, patience: 1, factor: 0.5, minDelta: 0.05 }),
    patience: () => F.patience(({ loss }) => loss > 0.5, 2),
    adjust: () => ({ onStep: ({ step }) => void (step === at && F.adjust(optimizer, 0.007)) }),
    counts: () => ({ onGradient: () => void gradients++, state: () => gradients, load: state => void (gradients = state) }),
    swap: () => {
      averages.push(F.ema({ decay: 0.5 }))
      return averages.at(-1)
    },
    freeze: () => ({ onStep: ({ step }) => void (step === at && F.freeze(model.first)) }),
    skip: () => ({ onGradient: ({ step }) => (step % 4 === 3 ? F.skip : undefined) }),
    own: () => ({
      onStep({ step, loss }) {
        own = { sum: own.sum + loss, last: F.keep(own.last.add(step)), list: [...own.list.slice(-3), loss] }
      },
      state: () => own,
      load: state => void (own = state),
    }),
  }
  const list = callbacks.map(name => make[name]())
  return { list, averages, remembered: () => list.map(each => each.state?.()) }
}

const bitsOf = value => {
  if (value instanceof F.Tensor) return `${value.dtype} ${value.shape} ${value.data()}`
  if (value instanceof Map) return [...value].map(([key, each]) => `${key}: ${bitsOf(each)}`)
  if (Array.isArray(value)) return value.map(bitsOf)
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([key, each]) => `${key}: ${key === 'seconds' ? '' : bitsOf(each)}`)
  return Object.is(value, -0) ? '-0' : String(value)
}

/** How a training ends: as `ending` says, at a step or an epoch, or by itself. `form`, `every` and `keep` are nothing that a result hangs on. */
async function trained(given, { path, every, keep, form, ending, at, lost }) {
  F.manualSeed(11)
  const first = F.Dense(4, 4)
  const tied = given.isTied ? [first] : []
  const body = F.Chain(first, ...given.layers.map(name => LAYERS[name]()), ...tied, F.Dense(4, 1))
  const model = { first, body }
  const [ps, optimizer] = [F.params(model), optimizerOf(given)]
  const controller = new AbortController()
  let hasFailed = false
  const failIf = isNow => {
    if (!isNow) return
    hasFailed = true
    throw new Error('no luck')
  }
  let [losses, measured] = [0, 0]
  const compute = (body, a, b) => F.mse(body(a), b)
  const failing = (body, a, b) => {
    if (F.isTraining()) failIf(ending === 'fail' && losses++ === at)
    return compute(body, a, b)
  }
  const data = dataOf(given)
  const clean = name => dataOf({ ...given, diverges: false, data: name })
  const others = { none: () => undefined, function: () => () => body(rows).mean(), same: () => (given.diverges ? clean('list') : data) }
  const validation = (others[given.validation] ?? (() => clean(given.validation)))()
  const { list, averages, remembered } = callbacksOf(given, model, optimizer)
  const ends = {
    onGradient: ({ step }) => failIf(ending === 'onGradient' && step === at),
    onStep({ step }) {
      if (lost === step) rmSync(path, { recursive: true, force: true })
      if (ending === 'abort' && step === at) controller.abort()
      failIf(ending === 'onStep' && step === at)
    },
    onEpoch: ({ epoch }) => failIf(ending === 'onEpoch' && epoch === at),
  }
  const averaged = () => {
    failIf(ending === 'metrics' && measured++ === at)
    for (const each of averages) each.swap()
    const value = body(rows).mean().item()
    for (const each of averages) each.swap()
    return value
  }
  const options = {
    epochs: ending === 'epoch' ? at + 1 : given.epochs,
    ...(ending === 'steps' && { steps: at + 1 }),
    callbacks: [...list, ends],
    signal: controller.signal,
    validation,
    ...((given.hasMetrics || ending === 'metrics') && { metrics: { averaged } }),
    onDiverged: () => F.skip,
    ...(path && { checkpoint: { path, every, keep }, resume: path }),
  }
  const implicit = (a, b) => failing(body, a, b)
  const run = () =>
    form === 'explicit'
      ? F.train((m, a, b) => failing(m.body, a, b), model, data, F.setup(optimizer, model), options)
      : F.train(form === 'jit' && ending !== 'fail' ? F.jit((a, b) => compute(body, a, b)) : implicit, ps, data, optimizer, options)
  try {
    const training = run()
    if (ending === 'break') for await (const { step } of training) if (step === at) break
    const history = await training
    return bitsOf({
      model: F.state(model),
      slots: F.optimizerState(optimizer, ps),
      frozen: [...F.state(model).values()].map(each => each.frozen),
      steps: history.steps.map(({ step, epoch, loss }) => `${step} ${epoch} ${loss}`),
      epochs: history.epochs,
      remembered: remembered(),
    })
  } catch (error) {
    if (controller.signal.aborted && error === controller.signal.reason) return undefined
    if (hasFailed && error.message === 'no luck') return undefined
    throw error
  }
}

/** Trains something else until it is told to end; what it draws is nothing to those beside it. */
function besides() {
  const controller = new AbortController()
  const model = F.Chain(F.Dense(4, 4), F.Dropout(0.5), F.Dense(4, 1))
  const data = new F.DataLoader([rows, targets], { batchSize: 3, shuffle: true })
  const options = { epochs: 1e6, signal: controller.signal, breathe: 0 }
  const training = F.train((a, b) => F.mse(model(a), b), F.params(model), data, F.Adam(), options).catch(() => {})
  return () => {
    controller.abort()
    return training
  }
}

/** Damages the newest checkpoint of a folder: the one before is taken, or the run starts anew. */
function damage(path, source) {
  const steps = readdirSync(path).flatMap(name => /^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? [])
  if (steps.length === 0) return
  const file = join(path, `step-${Math.max(...steps)}.safetensors`)
  const bytes = readFileSync(file)
  bytes[source.int(0, bytes.length - 1)] ^= 1 << source.int(0, 7)
  writeFileSync(file, source.pick([bytes, bytes.subarray(0, source.int(0, bytes.length - 1))]))
}

/** The weights of the best checkpoint, and the step it is of; where no epoch had a loss there is none. */
function bestOf(path) {
  const file = join(path, 'best.safetensors')
  if (!existsSync(file)) return 'none'
  const { tensors, metadata } = F.loadSafetensors(readFileSync(file))
  const { step } = JSON.parse(metadata.get('run')).record
  return bitsOf({ step, ...Object.fromEntries([...tensors].filter(([name]) => name.startsWith('model.'))) }).join('; ')
}

for (const seed of seeds()) {
  const source = new Source(seed)
  const given = draw(source)
  const path = join(root, `${seed}`)
  let text = JSON.stringify(given)
  let end = () => {}
  try {
    let keepsBest = source.chance(0.3)
    const whole = await trained(given, { form: given.form, ...(keepsBest && { path: `${path}-whole`, keep: 1 }) })
    if (given.isBeside) end = besides()
    const steps = given.epochs * Math.ceil(given.n / given.batchSize)
    const part = () => ({
      path,
      every: source.pick(EVERY),
      keep: source.int(1, 3),
      form: source.chance(0.3) ? source.pick(FORMS) : given.form,
    })
    for (let i = source.int(1, 3); i > 0; i--) {
      if (source.chance(0.05)) await F.threads(source.int(1, 2))
      const ending = source.pick(ENDINGS.filter(name => name !== 'metrics' || given.hasMetrics))
      const at = source.int(0, (['epoch', 'onEpoch', 'metrics'].includes(ending) ? given.epochs : steps) - 1)
      const all = { ...part(), ending, at, lost: source.chance(0.1) ? source.int(0, steps - 1) : undefined }
      text += ` ${ending} at ${at}, ${all.form}, saved every ${JSON.stringify(all.every)}, ${all.keep} kept;`
      if (all.lost !== undefined) {
        text += ` the folder is lost at ${all.lost};`
        keepsBest = false
      }
      await trained(given, all)
      if (source.chance(0.15) && existsSync(path)) {
        text += ' the newest is damaged;'
        damage(path, source)
      }
    }
    const resumed = await trained(given, part())
    const other = whole.findIndex((each, i) => each !== resumed[i])
    if (other >= 0)
      failed(seed, `${whole[other].split(':')[0]}: ${resumed[other].slice(0, 250)} instead of ${whole[other].slice(0, 250)}`, text)
    if (keepsBest && bestOf(path) !== bestOf(`${path}-whole`))
      failed(seed, `the best: ${bestOf(path).slice(0, 250)} instead of ${bestOf(`${path}-whole`).slice(0, 250)}`, text)
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 4).join(' '), text)
  }
  await end()
  for (const each of [path, `${path}-whole`]) rmSync(each, { recursive: true, force: true })
}
finish()
