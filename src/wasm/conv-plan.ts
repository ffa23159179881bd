import { MemoryError } from '../errors.ts'
import { isWide } from './module.ts'

/** The shapes of a convolution: x [batch, channels, ...], weight [outputs, channels / groups, ...], y [batch, outputs, ...], of 1 to 3 spatial axes. */
export interface ConvShapes {
  readonly x: readonly number[]
  readonly weight: readonly number[]
  readonly y: readonly number[]
  readonly groups: number
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly pad: readonly number[]
}

/** What is copied with zeros around it: sizes of the planes before and after, and where theirs begin, or where each column goes. */
export interface Padding {
  readonly from: readonly number[]
  readonly to: readonly number[]
  readonly low: readonly number[]
  readonly columns: readonly number[] | undefined
}

/** How the output, or the gradient of the input, is computed by tiles. */
export interface TilesPlan {
  /** The number of the tile in assembly/convolution/tiles.ts, and its channels. */
  readonly kind: number
  readonly width: number
  /** Channels of a group of what is summed over, and of what comes out. */
  readonly inside: number
  readonly channels: number
  readonly padding: Padding | undefined
  /** So many images go through the kernels together. */
  readonly images: number
  readonly steps: number
  /** Tiles of a group of an image, and of a unit. */
  readonly count: number
  readonly rows: number
  /** Units of an image. */
  readonly units: number
  /** Multiplications of a unit. */
  readonly work: number
  /** Byte offsets: ten words a tile, then for each step where its input lies, and its weight, then where columns go. */
  readonly tables: Int32Array<ArrayBuffer>
}

/** How the gradient of the weight is computed. */
export interface SumsPlan {
  readonly kind: number
  readonly width: number
  readonly padding: Padding | undefined
  /** So many images go through the kernels together. */
  readonly images: number
  readonly steps: number
  /** Steps of a sum over an image: places, or vectors of them. */
  readonly count: number
  readonly units: number
  readonly work: number
  /** Ten words a tile of four steps, then for each place where its input lies, then where columns go. */
  readonly tables: Int32Array<ArrayBuffer>
}

/** The tiles, by their numbers. */
const WIDE = 0
const TALL = 1
const SCATTERED = 2
const SUMS = 3
const DEEP = 4
const ALONG = 5
const BROAD = 6
/** Words of a tile in its table. */
const TILE = 10
/** Units that are enough for all threads. */
const ENOUGH = 64
/** Channels of the tiles. */
const CHANNELS = [2, 8, 8, 8, 1, 2, 2]

/** Plans that were made: a step asks for the same again and again, and a table takes as long as a small convolution. */
const known = new Map<string, TilesPlan | SumsPlan>()
const MOST_KNOWN = 64
/** Words of the tables of a plan. */
const MOST_WORDS = 2 ** 26
/** What a phase takes, in words. */
const PHASE = 64
/** The same by the object that tells the shapes, which a layer keeps: the text of a key takes longer than the small convolution of one sample. */
const kept = /* @__PURE__ */ new WeakMap<ConvShapes, Record<string, TilesPlan | SumsPlan>>()

function remembered<T extends TilesPlan | SumsPlan>(pass: string, s: ConvShapes, make: () => T): T {
  let plans = kept.get(s)
  if (!plans) {
    plans = {}
    kept.set(s, plans)
  }
  plans[pass] ??= shared(pass, s, make)
  return plans[pass] as T
}

function shared<T extends TilesPlan | SumsPlan>(pass: string, s: ConvShapes, make: () => T): T {
  const key = `${pass}${s.x};${s.weight};${s.y};${s.groups};${s.stride};${s.dilation};${s.pad}`
  const before = known.get(key)
  if (before) return before as T
  if (known.size === MOST_KNOWN) known.clear()
  const plan = make()
  known.set(key, plan)
  return plan
}

/** Outputs that lie `step` apart from `first` on, whose m-th adds what lies at m `stride` + offset in the source, for each tap. */
interface Phase {
  readonly first: number
  readonly step: number
  readonly count: number
  readonly stride: number
  readonly taps: readonly number[]
  readonly offsets: readonly number[]
}

interface Axis {
  /** Sizes of the source, and of the output. */
  readonly from: number
  readonly to: number
  readonly kernel: number
  readonly phases: readonly Phase[]
  /** Zeros that are missing before it, and its size with those that are behind it, too. */
  readonly low: number
  readonly copied: number
  /** Where entries of the source go in a copy, in bytes; left out where they follow each other. */
  readonly columns?: readonly number[]
}

/** How x, y and the kernel lie to each other along an axis. */
interface Lengths {
  readonly x: number
  readonly y: number
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly pad: number
}

const NOTHING: Lengths = { x: 1, y: 1, kernel: 1, stride: 1, dilation: 1, pad: 0 }

function axis({ x, y, kernel, stride, dilation, pad }: Lengths, isInput: boolean): Axis {
  const [from, to] = isInput ? [y, x] : [x, y]
  const taps = Array.from({ length: kernel }, (_, t) => t)
  const phases: Phase[] = []
  if (isInput) {
    for (let first = 0; first < Math.min(stride, to); first++) {
      const own = taps.filter(t => (first + pad - t * dilation) % stride === 0)
      const offsets = own.map(t => (first + pad - t * dilation) / stride)
      phases.push({ first, step: stride, count: Math.ceil((to - first) / stride), stride: 1, taps: own, offsets })
    }
  } else phases.push({ first: 0, step: 1, count: to, stride, taps, offsets: taps.map(t => t * dilation - pad) })
  const low = Math.max(0, ...phases.flatMap(({ offsets }) => offsets.map(each => -each)))
  const high = Math.max(0, ...phases.flatMap(phase => phase.offsets.map(each => (phase.count - 1) * phase.stride + each + 1 - from)))
  return { from, to, kernel, phases, low, copied: low + from + high }
}

/**
 * The axis so that neighbours in the output read neighbours in the source, whatever the stride: by a copy of every stride-th entry after the other, or for
 * the input of one with zeros between them.
 */
function dense(lengths: Lengths, isInput: boolean): Axis {
  const { stride, y } = lengths
  if (stride === 1) return axis(lengths, isInput)
  if (isInput) {
    const spread = axis({ ...lengths, stride: 1, y: (y - 1) * stride + 1 }, true)
    return { ...spread, from: y, columns: Array.from({ length: y }, (_, i) => 4 * (spread.low + i * stride)) }
  }
  const plain = axis(lengths, false)
  const part = Math.ceil(plain.copied / stride)
  const place = (i: number) => ((i + plain.low) % stride) * part + Math.floor((i + plain.low) / stride)
  const [phase] = plain.phases
  return {
    ...plain,
    phases: [{ ...phase, stride: 1, offsets: phase.offsets.map(place) }],
    low: 0,
    copied: part * stride,
    columns: Array.from({ length: plain.from }, (_, i) => 4 * place(i)),
  }
}

/** The three axes; fewer are preceded by such as do nothing, and where no tap lies beside its output all are one. */
function lengthsOf({ x, weight, y, stride, dilation, pad }: ConvShapes): Lengths[] {
  const all = stride.map((each, i) => ({
    ...{ x: x[i + 2], y: y[i + 2], kernel: weight[i + 2] },
    ...{ stride: each, dilation: dilation[i], pad: pad[i] },
  }))
  if (all.every(each => each.kernel === 1 && each.stride === 1 && each.pad === 0 && each.x === each.y)) {
    const size = all.reduce((product, each) => product * each.x, 1)
    return [NOTHING, NOTHING, { ...NOTHING, x: size, y: size }]
  }
  while (all.length < 3) all.unshift(NOTHING)
  return all
}

function paddingOf(axes: readonly Axis[], rows: boolean): Padding | undefined {
  const from = axes.map(each => each.from)
  const low = axes.map((each, i) => (i === 1 && !rows ? 0 : each.low))
  const to = axes.map((each, i) => (i === 1 && !rows ? each.from : each.copied))
  const { columns } = axes[2]
  return columns === undefined && to.every((size, i) => size === from[i]) ? undefined : { from, to, low, columns }
}

/**
 * Floats of what is copied for a block of images, so that a kernel finds in the cache what the one before it wrote: a step of resnet takes 7 % less time with 2 ** 15 to
 * 2 ** 17, 5 % less with 2 ** 18.
 */
const BLOCK = 2 ** 16

/** How many images of a batch are a block, each with so many floats copied. */
const blockOf = (batch: number, copied: number) => Math.max(1, Math.min(batch, Math.floor(BLOCK / copied)))

/** Outputs of an axis that have the same taps inside the source: from `first` to `end`, the taps from `low` to `high` of the phase. */
interface Run {
  readonly first: number
  readonly end: number
  readonly low: number
  readonly high: number
}

function runsOf({ count, stride, offsets }: Phase, from: number): Run[] {
  const runs: Run[] = []
  for (let m = 0; m < count; m++) {
    const isIn = (offset: number) => m * stride + offset >= 0 && m * stride + offset < from
    const low = Math.max(offsets.findIndex(isIn), 0)
    const high = offsets.findLastIndex(isIn) + 1
    const before = runs.at(-1)
    if (before && before.low === low && before.high === high) runs[runs.length - 1] = { ...before, end: m + 1 }
    else runs.push({ first: m, end: m + 1, low, high })
  }
  return runs
}

/**
 * Plans y from x and the weight, or with `isInput` x from y and the weight.
 *
 * Steps run over rows of the kernel, then its depth, the channels of a group, and its columns; of rows that lie outside the source no step is done.
 */
export function planTiles(shapes: ConvShapes, isInput: boolean): TilesPlan {
  return remembered(`${isInput ? 'input' : 'forward'}${isWide ? ', wide' : ''}`, shapes, () => tilesPlan(shapes, isInput))
}

/** What a float costs to copy where rows are split by a stride, in multiplications. */
const COPY = 6

/**
 * The tile that takes least time for a row, estimated in multiplications: those of channels that are not there, of vectors that overlap and of zeros in a source that
 * is spread out among them. What a tile costs besides its steps is as long as 5 of them where it is transposed, else 2. Two vectors in one cost one: such tiles
 * are taken where others have the same steps, so that infinities meet the same zeros.
 */
function kindOf(lengths: readonly Lengths[], isInput: boolean, inside: number, channels: number): number {
  const [to, from] = isInput ? [lengths[2].x, lengths[2].y] : [lengths[2].y, lengths[2].x]
  const product = (of: (each: Lengths) => number) => lengths.reduce((all, each) => all * of(each), 1)
  const { stride } = lengths[2]
  const strides = isInput ? product(each => each.stride) : 1
  const steps = (inside * product(each => each.kernel)) / strides
  const copy = stride > 1 ? COPY * inside * from * (isInput ? 1 : lengths[1].stride) : 0
  const dense = isInput ? steps * stride : steps
  const tall = 8 * Math.ceil(channels / 8) * to * (steps + 5)
  const wide = to < 4 ? Number.POSITIVE_INFINITY : 8 * Math.ceil(channels / 2) * Math.ceil(to / 4) * (1.03 * dense + 2) + copy
  const deep = to < 8 ? Number.POSITIVE_INFINITY : 8 * channels * Math.ceil(to / 8) * (1.15 * dense + 2) + copy
  const isDense = Math.min(deep, wide) < tall
  const broad = 8 * Math.ceil(channels / 2) * Math.ceil(to / 8) * (1.1 * dense + 4) + copy
  if (isWide && to >= 8 && (isDense || stride === 1) && broad < Math.min(wide, deep, tall)) return BROAD
  if (isDense) return deep < wide ? DEEP : WIDE
  return strides > 1 || to < 4 ? SCATTERED : TALL
}

/**
 * Is the sum along vectors of places the faster one? Rows are to be whole vectors: an infinity that lies behind them is not to meet a zero. A tile takes as long as 8
 * steps besides its own for every image, and it takes time to transpose y, or to copy x where a stride splits its rows.
 */
function isAlongFaster(lengths: readonly Lengths[], inside: number, channels: number, quads: number): boolean {
  const rows = lengths[0].y * lengths[1].y
  const { x, y, stride } = lengths[2]
  const copy = stride > 1 ? (COPY / 32) * inside * rows * lengths[1].stride * x : 0
  const along = Math.ceil(channels / 2) * quads * ((rows * y) / 4 + 8) + copy
  return y % 4 === 0 && along < Math.ceil(channels / 8) * (quads * (rows * y + 8) + 0.7 * rows * y)
}

function tilesPlan(shapes: ConvShapes, isInput: boolean): TilesPlan {
  const { weight, groups } = shapes
  const lengths = lengthsOf(shapes)
  const own = weight[0] / groups
  const [inside, channels] = isInput ? [own, weight[1]] : [weight[1], own]
  for (const { x, y, stride } of lengths) checkWords(Math.max(x, y, isInput ? PHASE * Math.min(stride, x) : 0))
  const kind = kindOf(lengths, isInput, inside, channels)
  const isDense = kind === WIDE || kind === DEEP || kind === BROAD
  const axes = lengths.map((each, i) => (i === 2 && isDense ? dense(each, isInput) : axis(each, isInput)))
  const [depth, height, width] = axes
  const padding = paddingOf(axes, false)
  const [inDepth, inHeight, inWidth] = padding?.to ?? axes.map(each => each.from)
  const kernel = depth.kernel * height.kernel * width.kernel
  /** Places of the output in one of a tile. */
  const side = kind === DEEP || kind === BROAD ? 8 : kind === WIDE ? 4 : 1
  checkWords((TILE * depth.to * height.to * width.to) / (4 * side) + 2 * inside * kernel + width.from)
  const tiles: number[] = []
  const inputs: number[] = []
  const weights: number[] = []
  for (const d of depth.phases) {
    for (const h of height.phases) {
      for (const w of width.phases) {
        const first = inputs.length
        for (const [i, tapH] of h.taps.entries()) {
          for (const [j, tapD] of d.taps.entries()) {
            for (let c = 0; c < inside; c++) {
              for (const [k, tapW] of w.taps.entries()) {
                const plane = c * inDepth + d.offsets[j] + depth.low
                inputs.push(4 * ((plane * inHeight + h.offsets[i]) * inWidth + w.offsets[k] + width.low))
                const tap = (tapD * height.kernel + tapH) * width.kernel + tapW
                weights.push(4 * ((isInput ? c * channels : c) * kernel + tap))
              }
            }
          }
        }
        const row = d.taps.length * inside * w.taps.length
        for (let m = 0; m < d.count; m++) {
          for (const { first: top, end, low, high } of runsOf(h, height.from)) {
            const places: number[] = []
            for (let p = top; p < end; p++) {
              for (let q = 0; q < w.count; q += side) {
                const at = Math.min(q, w.count - side)
                places.push(4 * ((m * d.stride * inHeight + p * h.stride) * inWidth + at * w.stride))
                const out = (d.first + m * d.step) * height.to + h.first + p * h.step
                places.push(4 * (out * width.to + w.first + at * w.step))
              }
            }
            const count = places.length / 2
            for (let t = 0; t < count; t += 4) {
              const four = [0, 1, 2, 3].map(i => 2 * Math.min(Math.max(Math.min(t, count - 4), 0) + i, count - 1))
              tiles.push(first + low * row, (high - low) * row, ...four.map(i => places[i]), ...four.map(i => places[i + 1]))
            }
          }
        }
      }
    }
  }
  const count = tiles.length / TILE
  const images = blockOf(shapes.x[0], padding ? groups * inside * inDepth * inHeight * inWidth : 0)
  const panels = groups * Math.ceil(channels / CHANNELS[kind])
  const rows = Math.ceil(count / Math.min(count, Math.ceil(ENOUGH / (images * panels))))
  return {
    kind,
    width: CHANNELS[kind],
    inside,
    channels,
    padding,
    images,
    steps: inputs.length,
    count,
    rows,
    units: panels * Math.ceil(count / rows),
    work: 32 * rows * inputs.length,
    tables: new Int32Array([...tiles, ...inputs, ...weights, ...(padding?.columns ?? [])]),
  }
}

/** Plans the weight from x and y. */
export function planSums(shapes: ConvShapes): SumsPlan {
  return remembered('sums', shapes, () => sumsPlan(shapes))
}

/** Throws MemoryError for tables that JavaScript cannot write. */
function checkWords(words: number): void {
  if (words <= MOST_WORDS) return
  const problem = 'a plan of so many places does not fit into memory'
  throw new MemoryError({ operation: 'conv', problem, came: `${Math.ceil(words)} words` }, 4 * words)
}

function sumsPlan(shapes: ConvShapes): SumsPlan {
  const { weight, groups } = shapes
  const lengths = lengthsOf(shapes)
  for (const { x, y } of lengths) checkWords(Math.max(x, y))
  const channels = weight[0] / groups
  const to = lengths[2].y
  const isAlong = isAlongFaster(lengths, weight[1], channels, Math.ceil(weight.slice(1).reduce((all, size) => all * size, 1) / 4))
  const kind = isAlong ? ALONG : SUMS
  const axes = lengths.map((each, i) => (i === 2 && isAlong ? dense(each, false) : axis(each, false)))
  const padding = paddingOf(axes, true)
  const [inDepth, inHeight, inWidth] = padding?.to ?? axes.map(each => each.from)
  const [depth, height, width] = axes.map(({ phases, low }) => ({ ...phases[0], offsets: phases[0].offsets.map(each => each + low) }))
  const at = (d: number, h: number, w: number) => 4 * ((d * inHeight + h) * inWidth + w)
  checkWords(depth.count * height.count * width.count + 4 * weight[1] * depth.taps.length * height.taps.length * width.taps.length)
  const steps: number[] = []
  for (let c = 0; c < weight[1]; c++) {
    for (const d of depth.offsets) {
      for (const h of height.offsets) {
        for (const w of width.offsets) steps.push(at(c * inDepth + d, h, w))
      }
    }
  }
  const places: number[] = []
  for (let d = 0; d < depth.count; d++) {
    for (let h = 0; h < height.count; h++) {
      for (let w = 0; w < to; w += isAlong ? 4 : 1) places.push(at(d * depth.stride, h * height.stride, w * width.stride))
    }
  }
  const quads = Math.ceil(steps.length / 4)
  const copied = padding ? groups * weight[1] * inDepth * inHeight * inWidth : 0
  const images = blockOf(shapes.x[0], copied + (isAlong ? 0 : weight[0] * places.length))
  const tiles: number[] = []
  for (let t = 0; t < quads; t++) {
    tiles.push(0, places.length, ...[0, 1, 2, 3].map(i => steps[Math.min(4 * t + i, steps.length - 1)]), 128 * t, 0, 0, 0)
  }
  return {
    kind,
    width: CHANNELS[kind],
    padding,
    images,
    steps: steps.length,
    count: places.length,
    units: groups * Math.ceil(channels / CHANNELS[kind]) * quads,
    work: 32 * images * places.length,
    tables: new Int32Array([...tiles, ...places, ...(padding?.columns ?? [])]),
  }
}
