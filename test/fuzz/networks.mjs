// Networks of random layers with random options: value, running statistics, gradients by input and parameters and second derivatives, in training and in test
// mode, held to PyTorch in double precision (networks.py); and the forms of one network (threads, jit, views, checkpoints, a clone, folded, one more gradient
// around it, each image alone) to each other.
import { weighed } from './graph.mjs'
import { F } from './library.mjs'
import { bits, datas, holdPrograms, recorder } from './programs.mjs'
import { base64 } from './python.mjs'
import { Source, sizeOf } from './source.mjs'

const BATCH = [1, 2, 2, 3, 5]
const ACTIVATIONS = [
  'identity',
  'identity',
  'relu',
  'tanh',
  'swish',
  'gelu',
  'geluTanh',
  'leakyrelu',
  'sigmoid',
  'softplus',
  'mish',
  'relu6',
]
/** No tensor of a network has more elements. */
const MOST = 1500
const LINEAR = ['linear', 'bilinear', 'trilinear']

let source
const normal = () => (source.next() + source.next() + source.next() - 1.5) * 2
const fill = (shape, draw = normal) => F.tensor(Float32Array.from(source.list(sizeOf(shape), draw)), shape)
const each = (axes, draw) => source.list(axes, draw)
const one = list => (source.chance(0.4) && list.every(n => n === list[0]) ? list[0] : list)
const activation = () => source.pick(ACTIVATIONS)
const plain = value => (Array.isArray(value) ? value : [value])

/** Zeros on each side of an axis, in one of the forms in which they can be written. */
function pads(axes, most) {
  if (source.chance(0.3)) return 'same'
  const list = each(source.pick([axes, 2 * axes]), () => source.int(0, most))
  return one(list)
}

/** Layers of images [batch, channels, ...sizes]: each gives the layer and what Python must know of it; undefined where there is none for the shape. */
const OF_IMAGES = {
  conv([, channels, ...sizes]) {
    const axes = sizes.length
    const groups = source.pick([1, 1, channels, 2].filter(n => channels % n === 0))
    const kernel = each(axes, () => source.int(1, 3))
    const o = {
      ...{ stride: one(each(axes, () => source.pick([1, 1, 2, 3]))), dilation: one(each(axes, () => source.pick([1, 1, 2]))) },
      ...{ pad: pads(axes, 2), groups, bias: source.chance(0.7), flipKernel: source.chance(0.3) },
    }
    const act = activation()
    return [F[source.pick(['Conv', 'CrossCor'])](kernel, channels, groups * source.int(1, 4), F[act], o), { op: 'conv', act, o }]
  },
  depthwise([, channels, ...sizes]) {
    const axes = sizes.length
    const o = {
      ...{ stride: one(each(axes, () => source.pick([1, 1, 2]))), dilation: one(each(axes, () => source.pick([1, 1, 2]))) },
      ...{ pad: pads(axes, 2), bias: source.chance(0.7) },
    }
    const act = activation()
    const kernel = source.chance(0.4) ? each(axes, () => 3) : each(axes, () => source.int(1, 3))
    return [F.DepthwiseConv(kernel, channels, channels * source.int(1, 2), F[act], o), { op: 'depthwiseConv', act, o }]
  },
  transposed([, channels, ...sizes]) {
    const axes = sizes.length
    const groups = source.pick([1, 1, channels, 2].filter(n => channels % n === 0))
    const stride = each(axes, () => source.pick([1, 2, 2, 3]))
    const o = {
      ...{ stride: one(stride), dilation: one(each(axes, () => source.pick([1, 1, 2]))), pad: pads(axes, 1), groups },
      ...{ outPad: one(stride.map(n => source.int(0, n - 1))), bias: source.chance(0.7) },
    }
    const act = activation()
    const kernel = each(axes, () => source.int(1, 3))
    return [F.ConvTranspose(kernel, channels, groups * source.int(1, 3), F[act], o), { op: 'convTranspose', act, o }]
  },
  weightNorm([, channels, ...sizes]) {
    const made = OF_IMAGES[source.pick(['conv', 'transposed', 'depthwise'])]([1, channels, ...sizes])
    return [F.WeightNorm(made[0]), { ...made[1], isNormed: true }]
  },
  batchNorm([n, channels, ...sizes]) {
    if (n * sizeOf(sizes) < 2) return
    const o = {
      affine: source.chance(0.7),
      momentum: source.pick([0.1, 0.5, 1]),
      trackStats: source.chance(0.8),
      eps: source.pick([0.01, 0.25]),
    }
    const act = activation()
    return [F.BatchNorm(channels, F[act], o), { op: 'batchNorm', act, o }]
  },
  instanceNorm([, channels, ...sizes]) {
    if (sizeOf(sizes) < 2) return
    const o = { affine: source.chance(0.5), trackStats: source.chance(0.5), momentum: 0.2, eps: source.pick([0.01, 0.25]) }
    const act = activation()
    return [F.InstanceNorm(channels, F[act], o), { op: 'instanceNorm', act, o }]
  },
  groupNorm([, channels, ...sizes]) {
    const groups = source.pick([1, channels, 2].filter(n => channels % n === 0))
    if ((sizeOf(sizes) * channels) / groups < 2) return
    const o = { affine: source.chance(0.7), eps: source.pick([0.01, 0.25]) }
    const act = activation()
    return [F.GroupNorm(channels, groups, F[act], o), { op: 'groupNorm', act, o: { ...o, groups } }]
  },
  layerNorm(shape) {
    const sizes = shape.slice(-source.int(1, shape.length - 1))
    if (sizeOf(sizes) < 2) return
    const o = { affine: source.chance(0.7), eps: source.pick([0.01, 0.25]) }
    const act = activation()
    return [F.LayerNorm(...sizes, F[act], o), { op: 'layerNorm', act, o: { ...o, sizes } }]
  },
  rmsNorm(shape) {
    const o = { affine: source.chance(0.7), eps: source.pick([0.01, 0.25]) }
    return [F.RMSNorm(shape.at(-1), o), { op: 'rmsNorm', o }]
  },
  pool([, , ...sizes]) {
    const name = source.pick(['maxPool', 'meanPool'])
    const window = sizes.map(size => source.int(1, Math.min(3, size)))
    const o = { ...(source.chance(0.6) && { stride: one(each(sizes.length, () => source.int(1, 3))) }) }
    if (source.chance(0.5)) o.pad = source.chance(0.4) ? 'same' : one(window.flatMap(n => [source.int(0, n - 1), source.int(0, n - 1)]))
    if (name === 'meanPool') o.countPadding = source.chance(0.5)
    const given = one(window)
    return [F[name === 'maxPool' ? 'MaxPool' : 'MeanPool'](given, o), { op: name, o: { window: given, ...o } }]
  },
  adaptive([, , ...sizes]) {
    const name = source.pick(['Max', 'Mean'])
    const out = one(sizes.map(size => source.int(1, size + 1)))
    return [F[`Adaptive${name}Pool`](out), { op: `adaptive${name}Pool`, o: { out } }]
  },
  upsample([, , ...sizes]) {
    const isNearest = source.chance(0.4)
    const mode = isNearest ? 'nearest' : LINEAR[sizes.length - 1]
    const o = source.chance(0.5)
      ? { scale: one(each(sizes.length, () => source.int(1, 2))) }
      : { size: one(each(sizes.length, () => source.int(1, 6))) }
    if (isNearest && o.size) return
    if (!isNearest) o.alignCorners = source.chance(0.5)
    return [F.Upsample(mode, o), { op: 'upsample', o: { mode, ...o } }]
  },
  shuffle([, channels, ...sizes]) {
    if (channels % 2 ** sizes.length !== 0) return
    return [F.PixelShuffle(2), { op: 'pixelShuffle', o: { r: 2 } }]
  },
  scale([, ...shape]) {
    const sizes = shape.slice(-source.int(1, shape.length))
    const [act, bias] = [activation(), source.chance(0.7)]
    return [F.Scale(...sizes, F[act], { bias }), { op: 'scale', act, o: { bias } }]
  },
  dropout() {
    return [source.chance(0.5) ? F.Dropout(0.5, { axis: [0, 1] }) : F.AlphaDropout(0.3), { op: 'dropout' }]
  },
  skip(shape) {
    const [inner, node] = chained(shape, OF_IMAGES, source.int(1, 2), 1)
    const out = String(F.outputSize(inner, shape))
    const how =
      out === String(shape)
        ? source.pick(['add', 'mul', 'concat'])
        : out.split(',').toSpliced(1, 1).join() === shape.toSpliced(1, 1).join()
          ? 'concat'
          : undefined
    return how && [F.SkipConnection(inner, CONNECTIONS[how]), { op: 'skip', how, parts: [node] }]
  },
  parallel(shape) {
    const [a, b] = [alike(shape), alike(shape)]
    const how = source.pick(['add', 'mul', 'concat', 'maximum'])
    return [F.Parallel(CONNECTIONS[how], a[0], b[0]), { op: 'parallel', how, parts: [a[1], b[1]] }]
  },
  pairwise(shape) {
    const [a, b] = [alike(shape, shape[1]), alike(shape, shape[1])]
    const how = source.pick(['add', 'mul'])
    const both = F.Chain(F.PairwiseFusion(CONNECTIONS[how], a[0], b[0]), ys => F.concat(ys, 1))
    return [both, { op: 'pairwise', how, parts: [a[1], b[1]] }]
  },
  maxout(shape) {
    const [a, b] = [alike(shape), alike(shape)]
    return [F.Maxout(a[0], b[0]), { op: 'parallel', how: 'maximum', parts: [a[1], b[1]] }]
  },
}

const OF_ROWS = {
  dense([, n]) {
    const [act, bias] = [activation(), source.chance(0.7)]
    return [F.Dense(n, source.int(1, 9), F[act], { bias }), { op: 'dense', act, o: { bias } }]
  },
  weightNorm(shape) {
    const made = OF_ROWS.dense(shape)
    return [F.WeightNorm(made[0]), { ...made[1], isNormed: true }]
  },
  bilinear([, n]) {
    const [act, bias] = [activation(), source.chance(0.7)]
    return [F.Bilinear(n, n, source.int(1, 4), F[act], { bias }), { op: 'bilinear', act, o: { bias } }]
  },
  batchNorm: shape => OF_IMAGES.batchNorm(shape),
  layerNorm: shape => OF_IMAGES.layerNorm(shape),
  rmsNorm: shape => OF_IMAGES.rmsNorm(shape),
  scale: shape => OF_IMAGES.scale(shape),
}

const CONNECTIONS = { add: F.add, mul: F.mul, maximum: F.maximum, concat: (a, b) => F.concat([a, b], 1) }

/** A convolution to so many channels that keeps the sizes. */
function alike([, channels, ...sizes], outputs = 2) {
  const act = activation()
  const o = { stride: 1, dilation: 1, pad: 'same', groups: 1, bias: true, flipKernel: false }
  const kernel = sizes.map(() => source.int(1, 3))
  return [F.Conv(kernel, channels, outputs, F[act], o), { op: 'conv', act, o }]
}

/** A chain of layers for a shape. */
function chained(shape, table, count, depth = 0) {
  const made = []
  let out = shape
  for (let i = 0; made.length < count && i < 4 * count; i++) {
    const name = source.pick(Object.keys(table).filter(key => depth === 0 || key !== 'skip'))
    let drawn
    try {
      drawn = table[name](out)
      if (!drawn) continue
      const next = F.outputSize(drawn[0], out)
      if (sizeOf(next) > MOST || sizeOf(next) === 0) continue
      out = next
    } catch (error) {
      // A kernel that is larger than the image, or nothing is left of it.
      if (error.name !== 'ShapeError') throw error
      continue
    }
    made.push(drawn)
  }
  return [F.Chain(...made.map(([layer]) => layer)), { op: 'chain', parts: made.map(([, node]) => node) }, out]
}

const near = floor => (a, b, largest) => a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= floor * largest)

/** Norms with running statistics, in the order of the walk, with what Python knows of them. */
function normsIn(node, layer) {
  if (node.parts) {
    const layers = node.op === 'pairwise' ? [...layer[0].layers] : node.op === 'skip' ? [layer.layer] : [...layer.layers]
    return node.parts.flatMap((part, i) => normsIn(part, layers[i]))
  }
  return layer.mean ? [[node, layer]] : []
}

class Program {
  constructor(seed) {
    source = new Source(seed)
    this.source = source
    F.manualSeed(seed)
    const axes = source.pick([1, 2, 2, 2, 2, 3])
    const shape = [source.pick(BATCH), source.int(1, 4), ...each(axes, () => source.int(1, axes === 3 ? 4 : 8))]
    const [images, first, out] = chained(shape, OF_IMAGES, source.int(1, 4))
    let [model, node] = [images, first]
    if (source.chance(0.4)) {
      const flat = source.chance(0.5)
      const rows = flat ? [out[0], sizeOf(out.slice(1))] : out.slice(0, 2)
      const [head, last] = chained(rows, OF_ROWS, source.int(1, 3))
      model = F.Chain(images, flat ? F.Flatten() : F.Chain(F.GlobalMeanPool(), F.flatten), head)
      node = { op: 'chain', parts: [first, { op: flat ? 'flatten' : 'globalMean' }, last] }
      this.norms = [...normsIn(first, images), ...normsIn(last, head)]
    } else this.norms = normsIn(first, images)
    this.model = model
    const isTraining = source.chance(0.5)
    F[isTraining ? 'trainMode' : 'testMode'](model)
    for (const layer of dropoutsIn(model)) F.testMode(layer)
    this.ps = [...safeParams(model)]
    for (const p of this.ps) {
      // Scales of norms are 1 at first, biases 0.
      const isScale = p.data().every(value => value === 1)
      const spread = p.rank < 2 ? 0.4 : 1.4 / Math.sqrt(sizeOf(p.shape) / p.shape[0])
      F.assign(
        p,
        fill(p.shape, () => (isScale ? 1 : 0) + spread * normal()),
      )
    }
    for (const [own, layer] of this.norms) {
      F.assign(layer.mean, fill(layer.mean.shape))
      F.assign(
        layer.variance,
        fill(layer.variance.shape, () => 0.2 + source.next()),
      )
      own.mean = base64(layer.mean.data())
      own.variance = base64(layer.variance.data())
    }
    this.stats = this.norms.map(([, { mean, variance }]) => [mean.data(), variance.data()])
    this.inputs = [fill(shape)]
    this.options = { node, isTraining }
  }

  run = ([x] = this.inputs) => this.model(x)
  loss = (inputs = this.inputs) => weighed(this.run(inputs), 1)

  /** The result, and in training mode the statistics that one call leaves behind. */
  call() {
    this.norms.forEach(([, { mean, variance }], i) => {
      F.assign(mean, F.tensor(this.stats[i][0]))
      F.assign(variance, F.tensor(this.stats[i][1]))
    })
    const y = this.run()
    return [y, ...this.norms.flatMap(([, { mean, variance }]) => [mean.mul(1), variance.mul(1)])]
  }

  first(inputs = this.inputs, loss = this.loss) {
    return this.gradients(loss, inputs)
  }

  second() {
    const total = inputs =>
      this.gradients(this.loss, inputs)
        .map((g, i) => weighed(g, i + 0.5))
        .reduce((sum, each) => sum.add(each))
    return this.gradients(total, this.inputs)
  }

  /** By the inputs and all parameters; zeros for what takes no part. */
  gradients(f, inputs) {
    const given = this.ps.length > 0 ? [inputs, this.ps] : [inputs]
    const all = [...inputs, ...this.ps]
    return F.gradient(f, ...given)
      .flat()
      .map((g, i) => g ?? F.zerosLike(all[i]))
  }

  toString() {
    return `${this.options.isTraining ? 'training' : 'test'} [${this.inputs[0].shape}]\n${this.model}`
  }
}

const safeParams = model => {
  try {
    return F.params(model)
  } catch (error) {
    if (error.name !== 'TypeError') throw error
    return []
  }
}

/** What draws by chance in training mode, and PyTorch would draw otherwise. */
function dropoutsIn(layer) {
  if (/^(Alpha)?Dropout/.test(String(layer))) return [layer]
  return [...plain(layer.layers ?? []), ...plain(layer.layer ?? [])].flatMap(dropoutsIn)
}

/** Throws where a form of the network gives something else. */
function compareForms(program, values, first, also) {
  const { inputs, options, model, ps } = program
  const [x] = inputs
  const [y] = values
  const turned = x.transpose().mul(1).transpose()
  bits('a view of x', datas([program.run([turned])]), [y])
  bits('a view of x, gradients', datas(program.first([turned])), first)
  bits('checkpoint', datas(program.first(inputs, own => F.checkpoint(program.loss, own))), first)
  const replayed = F.jit((...own) => [program.run(own), ...program.first(own)])
  for (let i = 0; i < 3; i++) bits(`jit, call ${i}`, datas(replayed(x)), [y, ...first])
  replayed.dispose()
  if (ps.length > 0) {
    let inner
    F.gradient(u => {
      inner = datas(program.first(inputs.map(own => own.add(u.mul(0)))))
      return u.mul(1)
    }, 1)
    also('a gradient around it', 'first', inner)
  }
  if (String(F.outputSize(model, x.shape)) !== String(program.run().shape)) throw new Error('outputSize is another')
  bits('activations', datas([F.activations(model, x).at(-1)]), [y])
  const isOfBatch =
    /batchNorm/.test(JSON.stringify(options.node)) && (options.isTraining || /"trackStats":false/.test(JSON.stringify(options.node)))
  if (!options.isTraining) {
    also('a clone', 'values', datas([F.clone(model)(x)]), [0])
    also('folded', 'values', datas([F.fold(model)(x)]), [0])
  }
  if (isOfBatch || x.shape[0] < 2) return
  const at = program.source.int(0, x.shape[0] - 1)
  const part = y.length / x.shape[0]
  bits(`image ${at} alone`, datas([program.run([x.slice([[at, at + 1]])])]), [y.subarray(at * part, (at + 1) * part)], near(3e-5))
}

/** What cancels in a norm is divided by the root of eps. */
const floorOf = ({ parts = [], o = {} }) => parts.map(floorOf).reduce((product, each) => product * each, 1 / Math.sqrt(o.eps ?? 1))

const record = recorder(compareForms)
await holdPrograms(
  'networks',
  seed => new Program(seed),
  (program, ...rest) => ({ ...record(program, ...rest), floor: Math.min(1e-3, 1e-6 * floorOf(program.options.node)) }),
)
