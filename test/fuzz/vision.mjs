// Convolutions, poolings, norms and upsampling of random geometry: value, gradients by all that has one and second derivatives, held to PyTorch in double
// precision; and the forms of one program (threads, jit, views, checkpoints, one more gradient around it, each image alone) to each other, bit for bit.
import { weighed } from './graph.mjs'
import { F } from './library.mjs'
import { bits as compareBits, datas, holdPrograms } from './programs.mjs'
import { base64 } from './python.mjs'
import { Source, sizeOf } from './source.mjs'

let source
const normal = () => (source.next() + source.next() + source.next() - 1.5) * 2
const ODD = [Number.NaN, Infinity, -Infinity]
const fill = (shape, draw = normal) => F.tensor(Float32Array.from(source.list(sizeOf(shape), draw)), shape)
/** With a few entries that are no numbers. */
function strange(shape) {
  const values = Float32Array.from(source.list(sizeOf(shape), normal))
  for (let i = 0; i < 2 && values.length > 0; i++) values[source.int(0, values.length - 1)] = source.pick(ODD)
  return F.tensor(values, shape)
}

const each = (axes, draw) => source.list(axes, draw)
const one = list => (source.chance(0.3) && list.every(n => n === list[0]) ? list[0] : list)
const batch = () => source.pick([0, 1, 1, 1, 2, 2, 3, 5, 17])
const channelCount = () => source.pick([1, 1, 2, 3, 3, 4, 5, 7, 8, 9, 13, 16, 17, 33, 40])
/** Sizes of spatial axes: any up to 70 where there are few others. */
const sizes = (axes, most) =>
  each(axes, () => Math.min(most, source.pick([1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 16, 17, 28, 31, 32, 33, 63, 70])))
const axesOf = () => source.pick([1, 2, 2, 2, 2, 3])

/** Zeros for which the kernel fits, in one of the forms in which they can be written. */
function pads(x, spans, most) {
  const axes = x.length
  const kind = source.next()
  if (kind < 0.15) return 'same'
  const draw = i => source.int(0, Math.min(most(i), source.pick([0, 0, 1, 2, 4])))
  const list = kind < 0.5 ? each(axes, i => draw(i)) : each(2 * axes, i => draw(i >> 1))
  const sides = i => (list.length > axes ? [list[2 * i], list[2 * i + 1]] : [list[i], list[i]])
  for (let i = 0; i < axes; i++) if (x[i] + sides(i)[0] + sides(i)[1] < spans[i]) return 'same'
  return one(list)
}

function convolution(kind) {
  for (;;) {
    const axes = axesOf()
    const isDepthwise = kind === 'depthwiseConv'
    const isTransposed = kind === 'convTranspose'
    const isLarge = source.chance(0.06)
    const groups = isDepthwise ? channelCount() : source.pick([1, 1, 1, 1, 2, 3, 4])
    const inputs = isDepthwise ? groups : groups * Math.ceil(channelCount() / groups)
    const outputs = isDepthwise ? groups * source.pick([1, 1, 2, 3]) : groups * Math.ceil(channelCount() / groups)
    const n = isLarge ? source.pick([1, 2, 8]) : batch()
    const isPointwise = source.chance(0.12)
    const kernel = each(axes, () => (isPointwise ? 1 : source.int(1, axes === 3 ? 4 : 7)))
    const stride = each(axes, () => source.pick([1, 1, 1, 2, 2, 3, 4]))
    const dilation = each(axes, () => source.pick([1, 1, 1, 2, 3]))
    const x = sizes(axes, axes === 3 ? 17 : 70)
    const spans = kernel.map((k, i) => dilation[i] * (k - 1) + 1)
    const outPad = stride.map(s => source.int(0, s - 1))
    const pad = isTransposed
      ? source.chance(0.2)
        ? 'same'
        : pads(
            x.map(() => 1000),
            spans,
            () => 3,
          )
      : pads(x, spans, () => 4)
    const options = { stride: one(stride), dilation: one(dilation), pad, ...(!isDepthwise && { groups }) }
    if (isTransposed) {
      options.outPad = one(outPad)
      const sides =
        pad === 'same'
          ? stride.map(() => [0, 0])
          : stride.map((_, i) =>
              [pad].flat().length === 1
                ? [[pad].flat()[0], [pad].flat()[0]]
                : pad.length > axes
                  ? [pad[2 * i], pad[2 * i + 1]]
                  : [pad[i], pad[i]],
            )
      const left = x.map((size, i) => (size - 1) * stride[i] + spans[i] + outPad[i] - sides[i][0] - sides[i][1])
      if (left.some(size => size < 1)) continue
    } else if (kind === 'conv' && source.chance(0.2)) options.flipKernel = true
    const weight = isTransposed ? [inputs, outputs / groups, ...kernel] : [outputs, inputs / groups, ...kernel]
    const places = isTransposed ? sizeOf(x) : sizeOf(x.map((size, i) => Math.ceil((size + 6) / stride[i])))
    const work = Math.max(1, n) * places * sizeOf(weight) * (isTransposed ? 1 : 1)
    if (work > (isLarge ? 6e7 : 3e6) || Math.max(1, n) * Math.max(inputs, outputs) * sizeOf(x) > 2e6) continue
    const isOdd = source.chance(0.12)
    const tensors = [isOdd && source.chance(0.7) ? strange([n, inputs, ...x]) : fill([n, inputs, ...x])]
    tensors.push(isOdd && source.chance(0.5) ? strange(weight) : fill(weight))
    const bias = source.chance(0.4) ? fill([outputs]) : undefined
    if (bias) tensors.push(bias)
    return { tensors, options, isOdd, isByImage: true, run: ([a, w, b], o) => F[kind](a, w, { bias: b, ...o }) }
  }
}

/** Images of which no two elements are the same, or of few values, or all below 0. */
function image() {
  for (;;) {
    const axes = axesOf()
    const shape = [batch(), source.pick([1, 1, 2, 3, 5, 8, 17]), ...sizes(axes, axes === 3 ? 17 : 70)]
    if (sizeOf(shape) > 60_000) continue
    const kind = source.next()
    if (kind < 0.2) return fill(shape, () => source.int(-2, 2))
    if (kind < 0.35) return fill(shape, () => -1 - source.next())
    if (kind < 0.45) return strange(shape)
    return fill(shape)
  }
}

function pooling(name) {
  const x = image()
  const axes = x.rank - 2
  const own = x.shape.slice(2)
  const window = own.map(size => source.int(1, Math.min(7, size + 2)))
  const options = {}
  if (source.chance(0.6)) options.stride = one(each(axes, () => source.int(1, 4)))
  if (source.chance(0.7)) options.pad = pads(own, window, i => window[i] - 1)
  if (!('pad' in options) && window.some((size, i) => size > own[i])) options.pad = 'same'
  if (name === 'meanPool' && source.chance(0.5)) options.countPadding = source.chance(0.5)
  const given = one(window)
  return { tensors: [x], options: { window: given, ...options }, isByImage: true, run: ([a], { window: w, ...o }) => F[name](a, w, o) }
}

function adaptive(name) {
  const x = image()
  const out = one(x.shape.slice(2).map(size => source.int(1, size + 2)))
  return { tensors: [x], options: { out }, isByImage: true, run: ([a], o) => F[name](a, o.out) }
}

function upsampling() {
  const x = image()
  const axes = x.rank - 2
  const mode = source.chance(0.5) ? 'nearest' : ['linear', 'bilinear', 'trilinear'][axes - 1]
  const options = source.chance(0.5)
    ? { size: one(each(axes, () => source.int(1, 20))) }
    : { scale: one(each(axes, () => source.int(1, 3))) }
  if (mode !== 'nearest' && source.chance(0.7)) options.alignCorners = source.chance(0.5)
  return { tensors: [x], options: { mode, ...options }, isByImage: true, run: ([a], { mode: m, ...o }) => F.upsample(a, m, o) }
}

function shuffling() {
  const r = source.int(1, 3)
  const axes = axesOf()
  const shape = [batch(), source.int(1, 3) * r ** axes, ...sizes(axes, 7)]
  return { tensors: [fill(shape)], options: { r }, isByImage: true, run: ([a], o) => F.pixelShuffle(a, o.r) }
}

function norm(name) {
  for (;;) {
    const isOfRows = name === 'layerNorm' || name === 'rmsNorm'
    const groups = name === 'groupNorm' ? source.pick([1, 2, 3, 4]) : 1
    const channels = groups * source.pick([1, 2, 3, 5, 8, 17])
    const axes = source.int(name === 'instanceNorm' ? 1 : 0, 3)
    const shape = isOfRows
      ? [...each(source.int(0, 3), () => source.pick([0, 1, 2, 3, 5, 17, 33])), source.pick([1, 2, 3, 4, 5, 8, 31, 33, 64, 70, 200])]
      : [batch(), channels, ...sizes(axes, 33)]
    if (sizeOf(shape) > 40_000) continue
    const isFlat = source.chance(0.05)
    const isOffset = source.chance(0.1)
    const x = isFlat ? F.full(shape, 2) : isOffset ? fill(shape, () => 100 + normal()) : fill(shape)
    const options = { eps: source.pick([1e-5, 1e-3, 0.25]) }
    const sizesOf = name === 'layerNorm' ? shape.slice(-source.int(1, shape.length)) : isOfRows ? shape.slice(-1) : [channels]
    if (name === 'layerNorm') options.sizes = sizesOf.length === 1 && source.chance(0.5) ? sizesOf[0] : sizesOf
    if (name === 'groupNorm') options.groups = groups
    const tensors = [x]
    const names = []
    const add = (what, draw) => names.push(what) && tensors.push(fill(sizesOf, draw))
    if (source.chance(0.6)) add('scale')
    if (name !== 'rmsNorm' && source.chance(0.6)) add('bias')
    const isGiven = name === 'batchNorm' && source.chance(0.4)
    if (isGiven) {
      add('mean')
      add('variance', () => 0.1 + source.next())
    }
    options.names = names
    const run = ([a, ...rest], { names: what, groups: g, ...o }) => {
      const all = { ...o, ...Object.fromEntries(what.map((each, i) => [each, rest[i]])) }
      return name === 'groupNorm' ? F.groupNorm(a, g, all) : F[name](a, all)
    }
    return { tensors, options, isByImage: !isOfRows && (name !== 'batchNorm' || isGiven), run }
  }
}

const FAMILIES = {
  conv: () => convolution('conv'),
  convTranspose: () => convolution('convTranspose'),
  depthwiseConv: () => convolution('depthwiseConv'),
  maxPool: () => pooling('maxPool'),
  meanPool: () => pooling('meanPool'),
  adaptiveMaxPool: () => adaptive('adaptiveMaxPool'),
  adaptiveMeanPool: () => adaptive('adaptiveMeanPool'),
  globalMaxPool: () => ({ tensors: [image()], options: {}, isByImage: true, run: ([x]) => F.globalMaxPool(x) }),
  globalMeanPool: () => ({ tensors: [image()], options: {}, isByImage: true, run: ([x]) => F.globalMeanPool(x) }),
  upsample: upsampling,
  pixelShuffle: shuffling,
  ...Object.fromEntries(['layerNorm', 'rmsNorm', 'groupNorm', 'instanceNorm', 'batchNorm'].map(name => [name, () => norm(name)])),
}
const CONVOLUTIONS = ['conv', 'conv', 'convTranspose', 'depthwiseConv']
const only = process.env.FUZZ_FAMILY?.split(',')
const NAMES = only ?? [...Object.keys(FAMILIES), ...CONVOLUTIONS, ...CONVOLUTIONS]

const sameBits = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]) || (value === 0 && b[i] === 0))
/** `floor`: what cancels is divided by the root of eps. */
const near = floor => (a, b) => {
  const largest = b.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0)
  return (
    a.length === b.length &&
    a.every(
      (value, i) => Object.is(value, b[i]) || !Number.isFinite(b[i]) || Math.abs(value - b[i]) <= 2e-5 * (Math.abs(b[i]) + largest) + floor,
    )
  )
}

/** The same numbers as a view of other memory. */
function viewed(x, kind) {
  if (kind === 0) return x.transpose().reshape(x.transpose().shape).transpose()
  return F.concat([x, x], 0).slice([[x.shape[0], null]])
}

class Program {
  constructor(seed) {
    source = new Source(seed)
    this.name = source.pick(NAMES)
    const drawn = FAMILIES[this.name]()
    Object.assign(this, drawn)
    this.leaves = this.tensors
  }

  call(leaves = this.leaves) {
    return this.run(leaves, this.options)
  }

  loss = (...leaves) => weighed(this.call(leaves), 1)

  toString() {
    return `${this.name}(${this.tensors.map(x => `[${x.shape}]`)}, ${JSON.stringify(this.options)}${this.isOdd ? ', odd' : ''})`
  }
}

const bits = (what, got, right, same = sameBits) => compareBits(what, got, right, same)

/** Throws where a form of the program gives something else. */
function compareForms(program, value, first) {
  const { leaves, isByImage, options } = program
  const floor = 8e-6 / Math.sqrt(options.eps ?? 1)
  for (const kind of [0, 1]) {
    const views = leaves.map(x => (kind === 0 && x.rank < 2 ? x : viewed(x, kind)))
    bits(`views of kind ${kind}: value`, datas([program.call(views)]), [value])
    bits(`views of kind ${kind}`, datas(F.gradient(program.loss, ...views)), first)
  }
  bits('checkpoint', datas(F.gradient((...xs) => F.checkpoint(program.loss, ...xs), ...leaves)), first)
  const replayed = F.jit((...xs) => [program.call(xs), ...F.gradient(program.loss, ...xs)])
  for (let i = 0; i < 3; i++) {
    const [y, ...gradients] = replayed(...leaves)
    bits(`jit, call ${i}: value`, datas([y]), [value])
    bits(`jit, call ${i}`, datas(gradients), first)
  }
  replayed.dispose()
  let inner
  F.gradient(u => {
    inner = datas(F.gradient(program.loss, ...leaves.map(x => x.add(u.mul(0)))))
    return u.mul(1)
  }, 1)
  bits('a gradient around it', inner, first, near(floor))
  leaves.forEach((_, i) => {
    if (leaves.length < 2) return
    const rest = F.gradient((...xs) => program.loss(...leaves.map((x, k) => (k === i ? x : xs[k - (k > i)]))), ...leaves.toSpliced(i, 1))
    bits(`without ${i}`, datas(rest), first.toSpliced(i, 1), near(floor))
  })
  const n = leaves[0].shape[0]
  if (!isByImage || n < 2) return
  const at = source.int(0, n - 1)
  const alone = program.call([leaves[0].slice([[at, at + 1]]), ...leaves.slice(1)]).data()
  bits(`image ${at} alone`, [alone], [value.subarray(at * alone.length, (at + 1) * alone.length)])
}

function computed(program) {
  const { leaves } = program
  const result = program.call()
  const first = F.gradient(program.loss, ...leaves)
  const second = F.gradient(
    (...xs) =>
      F.gradient(program.loss, ...xs)
        .map((g, i) => weighed(g, i + 0.5))
        .reduce((sum, x) => sum.add(x)),
    ...leaves,
  )
  return { shape: [...result.shape], value: result.data(), first: datas(first), second: datas(second) }
}

function recordOf(program, seed, isFirst) {
  const { shape, value, first, second } = computed(program)
  if (isFirst) compareForms(program, value, first)
  const options = { ...program.options }
  return {
    ...{ seed, name: program.name, options, isOdd: program.isOdd ?? false, shape },
    leaves: program.leaves.map(x => ({ shape: [...x.shape], data: base64(x.data()) })),
    ...{ value: base64(value), first: first.map(base64), second: second.map(base64) },
  }
}

await holdPrograms('vision', seed => new Program(seed), recordOf)
