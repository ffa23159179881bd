// Models of random layers: how they train, are kept, copied, folded, taken apart and described. Two trainings that take turns are each as if alone, a step that
// diverged leaves everything as it was, and what a model says of itself is so.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source, sizeOf } from './source.mjs'

let source
const ACTIVATIONS = [F.identity, F.relu, F.tanh, F.swish, F.gelu, F.leakyrelu]
const activation = () => source.pick(ACTIVATIONS)

/** Layers that take [n, channels, height, width]; each gives what comes out of it, and what makes it anew. */
const OF_IMAGES = {
  conv([channels, ...sizes]) {
    const groups = source.pick([1, 1, 2].filter(n => channels % n === 0))
    const outputs = groups * source.int(1, 3)
    const kernel = sizes.map(size => source.int(1, Math.min(3, size)))
    const options = {
      groups,
      stride: source.int(1, 2),
      pad: source.pick([0, 1, 'same', [0, 1, 1, 0]]),
      bias: source.chance(0.7),
      flipKernel: source.chance(0.3),
    }
    return F[source.pick(['Conv', 'CrossCor'])](kernel, channels, outputs, source.chance(0.6) ? F.identity : activation(), options)
  },
  depthwise: ([channels]) =>
    F.DepthwiseConv([3, 2], channels, channels * source.int(1, 2), source.chance(0.6) ? F.identity : activation(), {
      pad: 'same',
      stride: source.int(1, 2),
    }),
  transposed([channels]) {
    const groups = source.pick([1, 1, 2].filter(n => channels % n === 0))
    const stride = source.int(1, 2)
    return F.ConvTranspose([2, 3], channels, groups * source.int(1, 2), source.chance(0.7) ? F.identity : activation(), {
      groups,
      stride,
      pad: source.pick([0, 'same', [0, 1]]),
      outPad: source.int(0, stride - 1),
      bias: source.chance(0.7),
    })
  },
  batchNorm: ([channels]) =>
    F.BatchNorm(channels, activation(), {
      affine: source.chance(0.7),
      momentum: source.pick([0.1, 0.5, 1]),
      trackStats: source.chance(0.9),
    }),
  instanceNorm: ([channels, h, w]) =>
    h * w > 1 && F.InstanceNorm(channels, activation(), { affine: source.chance(0.5), trackStats: source.chance(0.5) }),
  groupNorm: ([channels]) => F.GroupNorm(channels, source.pick([1, channels]), activation()),
  layerNorm: ([, h, w]) => F.LayerNorm(...source.pick([[w], [h, w]])),
  rmsNorm: ([, , w]) => F.RMSNorm(w),
  dropout: () => F.Dropout(0.25, source.chance(0.5) ? { axis: 1 } : {}),
  alphaDropout: () => F.AlphaDropout(0.1),
  maxPool: ([, h, w]) => F.MaxPool([Math.min(2, h), Math.min(2, w)], { stride: source.int(1, 2) }),
  meanPool: () => F.MeanPool(2, { pad: 'same', countPadding: source.chance(0.5) }),
  adaptive: () => F[source.pick(['AdaptiveMaxPool', 'AdaptiveMeanPool'])](source.int(1, 4)),
  upsample: ([, h, w]) => h * w < 50 && F.Upsample(source.pick(['nearest', 'bilinear']), { scale: 2 }),
  shuffle: ([channels]) => channels % 4 === 0 && F.PixelShuffle(2),
  skip: ([channels]) =>
    F.SkipConnection(F.Chain(F.Conv([3, 3], channels, channels, F.identity, { pad: 1 }), F.BatchNorm(channels, activation())), F.add),
  parallel: ([channels]) =>
    F.Parallel((a, b) => F.concat([a, b], 1), F.Conv([1, 1], channels, 2), F.Conv([3, 3], channels, 1, F.relu, { pad: 1 })),
  maxout: ([channels]) => F.Maxout(() => F.Conv([1, 1], channels, 2), 2),
  scale: ([channels, h, w]) => F.Scale(channels, h, w, activation()),
  weightNorm: ([channels]) => F.WeightNorm(F.Conv([2, 2], channels, 2, activation(), { pad: 'same' })),
  pairwise: ([channels]) =>
    F.Chain(F.PairwiseFusion(F.add, F.Conv([1, 1], channels, channels), F.Conv([1, 1], channels, channels)), ys => ys[1]),
}
const OF_ROWS = {
  dense: ([n]) => F.Dense(n, source.int(1, 6), source.chance(0.6) ? F.identity : activation()),
  batchNorm: ([n]) => F.BatchNorm(n, activation()),
  layerNorm: ([n]) => F.LayerNorm(n),
  dropout: () => F.Dropout(0.25),
  bilinear: ([n]) => F.Bilinear(n, n, source.int(1, 4)),
  weightNorm: ([n]) => F.WeightNorm(F.Dense(n, 3)),
  maxout: ([n]) => F.Maxout(F.Dense(n, 2), F.Dense(n, 2)),
}
const BATCH = 4

/** A chain of random layers, and the shape of one sample; what chance says is the same for the same seed. */
function modelOf(seed) {
  source = new Source(seed)
  F.manualSeed(seed)
  const shape = [source.pick([1, 2, 3, 4]), source.int(3, 9), source.int(3, 9)]
  const links = []
  let out = [BATCH, ...shape]
  const grow = (table, count) => {
    for (let i = 0; i < count; i++) {
      const name = source.pick(Object.keys(table))
      const link = table[name](out.slice(1))
      if (!link) continue
      const next = F.outputSize(link, out)
      if (sizeOf(next) > 4000) continue
      links.push(link)
      out = next
    }
  }
  grow(OF_IMAGES, source.int(1, 6))
  links.push(source.chance(0.5) ? F.Flatten() : F.Chain(F.GlobalMeanPool(), F.flatten))
  out = F.outputSize(links.at(-1), out)
  grow(OF_ROWS, source.int(0, 3))
  links.push(F.Dense(out.at(-1), 2))
  const isNamed = source.chance(0.2)
  return { model: F.Chain(...(isNamed ? [Object.fromEntries(links.map((link, i) => [`l${i}`, link]))] : links)), shape }
}

const datas = list => list.map(x => x.data())
const stateOf = model => [...F.state(model)].map(([, x]) => x.data())
const sameBits = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
const same = (a, b) => a.length === b.length && a.every((x, i) => sameBits(x, b[i]))
function near(a, b, by) {
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
  return a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= by * largest)
}
function must(isSo, what) {
  if (!isSo) throw new Error(what)
}
const images = (shape, seed, n = BATCH) => {
  const own = new Source(seed)
  return F.tensor(
    Float32Array.from({ length: n * sizeOf(shape) }, () => 2 * own.next() - 1),
    [n, ...shape],
  )
}

/** A training: the model, its rule and its step, with or without jit. */
function training(seed, isJit) {
  const { model, shape } = modelOf(seed)
  const plain = (x, y) => F.mse(model(x), y)
  const loss = isJit ? F.jit(plain) : plain
  const opt = F.Adam(0.01)
  const ps = F.params(model)
  const target = F.tensor(
    Float32Array.from({ length: 2 * BATCH }, (_, i) => i % 3),
    [BATCH, 2],
  )
  return { model, shape, opt, ps, step: k => F.trainStep(loss, ps, [images(shape, seed + k), target], opt) }
}

/** Steps of a training with chance that is its own. */
function trained(seed, isJit, others) {
  const own = training(seed, isJit)
  for (let k = 0; k < 3; k++) {
    F.manualSeed(100 + k)
    own.step(k)
    if (others) {
      F.manualSeed(200 + k)
      others.step(k)
    }
  }
  return own
}

function check(seed) {
  const { model, shape, ps } = trained(seed, false)
  const x = images(shape, seed + 9)
  const right = model(x).data()
  const kept = stateOf(model)
  if (!kept.every(each => each.every(Number.isFinite)) || !right.every(Number.isFinite)) return `${model}`
  must(sameBits(F.testMode(model)(x).data(), right), 'test mode predicts something else')
  F.autoMode(model)
  must(String(F.outputSize(model, x.shape)) === String(model(x).shape), 'outputSize is another')
  F.summary(model, x.shape)
  // Each sample alone.
  const isOfBatch = /BatchNorm.*trackStats: false/.test(String(model))
  const alone = [...Array(BATCH).keys()].map(i => model(x.slice([[i, i + 1]])).data())

  must(
    isOfBatch ||
      near(
        alone.flatMap(y => [...y]),
        [...right],
        1e-4,
      ),
    'samples depend on each other',
  )
  // State, saved and loaded into another one.
  const other = modelOf(seed).model
  F.loadState(other, F.loadSafetensors(F.saveSafetensors(F.state(model))).tensors)
  must(sameBits(other(x).data(), right), 'a loaded state predicts something else')
  must(String(other) === String(model), 'a second model prints in another way')
  const copy = F.clone(model)
  must(sameBits(copy(x).data(), right) && String(copy) === String(model), 'a clone predicts something else')
  must(same(stateOf(copy), kept), 'a clone has another state')
  const [flat, rebuild] = F.destructure(model)
  must(sameBits(rebuild(flat)(x).data(), right), 'a rebuilt one predicts something else')
  // Folded, and without weight norms.
  const folded = F.fold(model)
  must(near(folded(x).data(), right, 1e-4), `folded: ${folded(x).data()} instead of ${right}`)
  must(near(F.removeWeightNorm(model)(x).data(), right, 1e-4), 'without weight norms it predicts something else')
  must(same(stateOf(model), kept) && sameBits(model(x).data(), right), 'the model was changed by a look at it')
  // A frozen clone's training does nothing to this one.
  must(same(stateOf(trained(seed, true).model), kept), 'a step under jit has other bits')
  const a = training(seed + 1, source.chance(0.5))
  must(same(stateOf(trained(seed, source.chance(0.5), a).model), kept), 'trainings that take turns disturb each other')
  const twin = training(seed + 1, false)
  for (let k = 0; k < 3; k++) {
    F.manualSeed(200 + k)
    twin.step(k)
  }
  must(same(stateOf(a.model), stateOf(twin.model)), 'the second of two trainings that take turns differs')
  // A checkpoint in the middle of it.
  F.manualSeed(1)
  const direct = F.gradient(() => model(x).square().sum(), ps)
  const before = stateOf(model)
  F.loadState(model, F.state(other))
  F.manualSeed(1)
  const again = F.gradient(() => F.checkpoint(model, x).square().sum(), ps)
  const of = found => datas([...ps].map(p => found.get(p) ?? F.zeros(p.shape)))
  must(same(of(again), of(direct)), 'gradients under checkpoint differ')
  must(same(stateOf(model), before), 'a checkpoint writes other statistics')
  // A step that diverged.
  const at = stateOf(model)
  let isRefused = false
  try {
    F.trainStep((u, v) => F.mse(model(u), v).mul(Number.NaN), ps, [x, F.zeros([BATCH, 2])], F.Adam(0.1))
  } catch {
    isRefused = true
  }
  if (isRefused) must(same(stateOf(model), at), 'a diverged step wrote something')
}

const { tensors: atFirst } = F.memory()
for (const seed of seeds()) {
  let text = ''
  try {
    F.scope(() => {
      try {
        check(seed)
      } catch (error) {
        text = String(modelOf(seed).model)
        throw error
      }
    })
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 4).join(' '), text)
  }
  await new Promise(done => setImmediate(done))
}
// What a rule remembers of a parameter lives as long as the rule.
for (let i = 0; i < 8 && F.memory().tensors > atFirst; i++) {
  globalThis.gc?.()
  await new Promise(done => setTimeout(done, 10))
}
const left = F.memory().tensors - atFirst
if (globalThis.gc && left > 0) failed(0, `${left} tensors are left`, '')
finish()
