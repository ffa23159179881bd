// The passes of a convolution by tiles (tiles.ts). src/wasm/conv-plan.ts writes the tables that say where everything lies.
import { ALONG, run, tileBytes } from './tiles'

/**
 * y[batch, groups, channels, places] from x, which may be a padded copy. Byte offsets lie in `taps` (one a step, relative to a place) and `tiles`; the weight is packed
 * by `convPack`. Distances are in floats.
 */
@unmanaged
export class ConvTiles {
  x: usize
  imageX: i32
  groupX: i32
  weight: usize
  taps: usize
  tiles: usize
  /** Tiles of an image, and of a unit. */
  count: i32
  rows: i32
  y: usize
  plane: i32
  channels: i32
  groups: i32
  steps: i32
  /** The tile, and how many channels it has. */
  kind: i32
  width: i32
  epilogue: i32
}

/**
 * A unit is `rows` tiles of one panel of `width` channels in one group of one image: units are batch * groups * panels * ceil(count / rows).
 * Every output adds its products in the order of the steps, then come the bias and relu.
 *
 * @cost 0.035 a multiplication
 */
export function convTiles(task: ConvTiles, begin: i32, end: i32): void {
  const count = task.count
  const rows = task.rows
  const groups = task.groups
  const channels = task.channels
  const steps = task.steps
  const kind = task.kind
  const width = task.width
  const blocks = (count + rows - 1) / rows
  const panels = (channels + width - 1) / width
  const plane = (<usize>task.plane) << 2
  const floor: f32 = task.epilogue ? 0 : -Infinity
  const bias = task.weight
  const weight = bias + ((<usize>groups * <usize>panels * <usize>width) << 2)
  const step = (<usize>width) << 2
  for (; begin < end; begin++) {
    const rest = begin / blocks
    const block = begin - rest * blocks
    const group = rest / panels
    const panel = rest - group * panels
    const image = group / groups
    const within = group - image * groups
    const channel = panel * width
    const packed = <usize>(within * panels + panel)
    run(
      kind,
      min(rows, count - block * rows),
      task.tiles + <usize>(block * rows) * tileBytes,
      task.x + ((<usize>image * <usize>task.imageX + <usize>within * <usize>task.groupX) << 2),
      task.taps,
      weight + packed * <usize>steps * step,
      step,
      bias + packed * step,
      task.y + <usize>(group * channels + channel) * plane,
      plane,
      <usize>(min(width, channels - channel) - 1) * plane,
      floor,
    )
  }
}

/** weight[groups, channels, steps] as the sum over images and places of x by y. */
@unmanaged
export class ConvSums {
  x: usize
  imageX: i32
  groupX: i32
  /** Of kind 3 y transposed by `gemmPackB`, [batch * groups, panels, places, 8 or a last 4], of kind 5 [batch * groups, channels, vectors of places]. */
  y: usize
  /** Floats of a channel of y, and of a group. */
  channelY: i32
  groupY: i32
  places: usize
  tiles: usize
  /** Room for 32 floats a unit, and null or those of the images before. */
  sums: usize
  before: usize
  /** Null: more images follow. */
  weight: usize
  batch: i32
  groups: i32
  channels: i32
  steps: i32
  kind: i32
  width: i32
}

/**
 * A unit is 4 steps by `width` channels: units are groups * ceil(channels / width) * ceil(steps / 4). Sums of an image run in the order of places (of kind 5 in four
 * lanes), then images follow each other.
 *
 * @cost 0.035 a multiplication
 */
export function convSums(task: ConvSums, begin: i32, end: i32): void {
  if (begin >= end) return
  const groups = task.groups
  const channels = task.channels
  const steps = task.steps
  const width = task.width
  const isAlong = task.kind === ALONG
  const panels = (channels + width - 1) / width
  const quads = (steps + 3) >> 2
  const channelY = (<usize>task.channelY) << 2
  const first = (<usize>begin) << 7
  if (task.before) memory.copy(task.sums + first, task.before + first, (<usize>(end - begin)) << 7)
  else memory.fill(task.sums + first, 0, (<usize>(end - begin)) << 7)
  for (let image = 0; image < task.batch; image++) {
    let unit = begin
    while (unit < end) {
      const rest = unit / quads
      const quad = unit - rest * quads
      const group = rest / panels
      const channel = (rest - group * panels) * width
      const some = min(quads - quad, end - unit)
      run(
        task.kind,
        some,
        task.tiles + <usize>quad * tileBytes,
        task.x + ((<usize>image * <usize>task.imageX + <usize>group * <usize>task.groupX) << 2),
        task.places,
        task.y + ((<usize>(image * groups + group) * <usize>task.groupY) << 2) + <usize>channel * channelY,
        channels - channel <= 4 ? 16 : 32,
        0,
        task.sums + ((<usize>(rest * quads)) << 7),
        0,
        isAlong && channel + 1 < channels ? channelY : 0,
        0,
      )
      unit += some
    }
  }
  if (!task.weight) return
  for (let unit = begin; unit < end; unit++) {
    const rest = unit / quads
    const step = (unit - rest * quads) << 2
    const group = rest / panels
    const channel = (rest - group * panels) * width
    const from = task.sums + ((<usize>unit) << 7)
    let to = task.weight + ((<usize>(group * channels + channel) * <usize>steps + <usize>step) << 2)
    for (let o = 0; o < min(width, channels - channel); o++) {
      for (let s = 0; s < min(4, steps - step); s++) {
        const at = from + ((<usize>(s * width + o)) << (isAlong ? 4 : 2))
        const sum: f32 = isAlong ? load<f32>(at) + load<f32>(at, 8) + (load<f32>(at, 4) + load<f32>(at, 12)) : load<f32>(at)
        store<f32>(to + ((<usize>s) << 2), sum)
      }
      to += (<usize>steps) << 2
    }
  }
}

/** out: the bias, [groups, panels, width], and the weights, [groups, panels, steps, width], with zeros for channels that are not there. */
@unmanaged
export class ConvPack {
  weight: usize
  /** Where the weights of a step lie, in bytes, relative to those of the channel. */
  from: usize
  bias: usize
  out: usize
  /** Distances of groups and of channels, in floats. */
  group: i32
  channel: i32
  groups: i32
  channels: i32
  steps: i32
  width: i32
}

/**
 * A unit is a panel of `width` channels: units are groups * ceil(channels / width).
 *
 * @cost 0.7 a float
 */
export function convPack(task: ConvPack, begin: i32, end: i32): void {
  const width = <usize>task.width
  const channels = task.channels
  const steps = <usize>task.steps
  const panels = (channels + task.width - 1) / task.width
  const step = width << 2
  for (let unit = begin; unit < end; unit++) {
    const group = unit / panels
    const first = (unit - group * panels) * task.width
    for (let i: usize = 0; i < width; i++) {
      const channel = first + <i32>i
      let out = task.out + <usize>unit * step + (i << 2)
      const hasOne = channel < channels
      store<f32>(out, hasOne && task.bias ? load<f32>(task.bias + ((<usize>(group * channels + channel)) << 2)) : 0)
      out += (<usize>(task.groups * panels - unit) + <usize>unit * steps) * step
      const weight = task.weight + ((<usize>group * <usize>task.group + <usize>channel * <usize>task.channel) << 2)
      let from = task.from
      const until = from + (steps << 2)
      if (hasOne) {
        for (; from < until; from += 4, out += step) store<f32>(out, load<f32>(weight + load<usize>(from)))
      } else {
        for (; from < until; from += 4, out += step) store<f32>(out, 0)
      }
    }
  }
}

/** Planes [depth, height, width] with zeros around: out [outDepth, outHeight, outWidth], of which theirs begin at the three others. */
@unmanaged
export class ConvPad {
  x: usize
  out: usize
  depth: i32
  height: i32
  width: i32
  outDepth: i32
  outHeight: i32
  outWidth: i32
  lowDepth: i32
  lowHeight: i32
  lowWidth: i32
  /** Null, or where each float of a row goes instead, in bytes. */
  columns: usize
}

/**
 * Units are planes.
 *
 * @cost 0.2 a float
 */
export function convPad(task: ConvPad, begin: i32, end: i32): void {
  const width = (<usize>task.width) << 2
  const row = (<usize>task.outWidth) << 2
  const low = (<usize>task.lowWidth) << 2
  const columns = task.columns
  // Every other column goes beside the last one: a stride of 2.
  const even = columns ? load<usize>(columns) : 0
  const odd = columns && width > 4 ? load<usize>(columns, 4) : 0
  const isHalved = columns && width > 8 && load<usize>(columns, 8) === even + 4
  let from = task.x + <usize>begin * <usize>(task.depth * task.height) * width
  let to = task.out + <usize>begin * <usize>(task.outDepth * task.outHeight) * row
  if (columns) memory.fill(to, 0, <usize>(end - begin) * <usize>(task.outDepth * task.outHeight) * row)
  // Zeros between two rows: in vectors, of which the last may reach into the second row, which is written behind them.
  const inVectors = width >= 16
  let gap: usize = 0
  for (; begin < end; begin++) {
    for (let d = -task.lowDepth; d < task.outDepth - task.lowDepth; d++) {
      for (let h = -task.lowHeight; h < task.outHeight - task.lowHeight; h++) {
        if (<u32>d >= <u32>task.depth || <u32>h >= <u32>task.height) {
          gap += row
          continue
        }
        let i: usize = 0
        if (columns) {
          to += gap
          gap = row
          if (isHalved) {
            for (; i + 32 <= width; i += 32) {
              const first = v128.load(from + i)
              const second = v128.load(from + i, 16)
              v128.store(to + even + (i >> 1), v128.shuffle<f32>(first, second, 0, 2, 4, 6))
              v128.store(to + odd + (i >> 1), v128.shuffle<f32>(first, second, 1, 3, 5, 7))
            }
          }
          for (; i < width; i += 4) store<f32>(to + load<usize>(columns + i), load<f32>(from + i))
        } else {
          gap += low
          if (inVectors) {
            for (; i < gap; i += 16) v128.store(to + i, f32x4.splat(0))
          } else {
            for (; i < gap; i += 4) store<f32>(to + i, 0)
          }
          to += gap
          for (i = 0; i + 16 <= width; i += 16) v128.store(to + i, v128.load(from + i))
          for (; i < width; i += 4) store<f32>(to + i, load<f32>(from + i))
          to += width
          gap = row - low - width
        }
        from += width
      }
    }
  }
  if (!columns) memory.fill(to, 0, gap)
}
