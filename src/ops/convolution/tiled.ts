// The passes of a convolution by tiles, as src/wasm/conv-plan.ts has it.
import { sizeOf } from '../../tensor/shape.ts'
import { observer, Storage } from '../../tensor/storage.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type Padding, planSums, planTiles, type SumsPlan, type TilesPlan } from '../../wasm/conv-plan.ts'
import * as kernels from '../../wasm/kernels.generated.ts'
import { type Address, behind, NONE } from '../../wasm/kinds.ts'
import { i32 } from '../../wasm/memory.ts'
import type { Finish } from '../product.ts'
import { runDepthwise } from './depthwise.ts'
import type { Geometry } from './geometry.ts'
import type { Operands } from './passes.ts'

/** Floats, rounded up to a line of the cache. */
const lines = (floats: number) => Math.ceil(floats / 16) * 16

/** The copy with zeros around of what a pass reads, if it needs one: planes of an image, its floats, and how far its groups and images lie apart. */
function copyOf(padding: Padding | undefined, images: number, groups: number, inside: number, spatial: number) {
  const plane = padding ? sizeOf(padding.to) : spatial
  const planes = groups * inside
  return { planes, floats: padding ? lines(images * planes * plane) : 0, groupX: inside * plane, imageX: planes * plane }
}

function padRecord(x: Address, out: Address, { from, to, low }: Padding, columns: Address = NONE): kernels.ConvPad {
  const [depth, height, width] = from
  const [outDepth, outHeight, outWidth] = to
  const [lowDepth, lowHeight, lowWidth] = low
  return { x, out, depth, height, width, outDepth, outHeight, outWidth, lowDepth, lowHeight, lowWidth, columns }
}

/** Where a pass finds its tables and its scratch memory. */
interface Areas {
  readonly tables: Address
  readonly scratch: Address
}

/** What `planTiles` planned: floats of scratch memory, and the kernels' arguments for a block of images, which are the first ones of the operands. */
export function tilesCalls(geometry: Geometry, plan: TilesPlan, isInput: boolean) {
  const { groups, weight: shape } = geometry
  const { padding, images, width, inside, channels, steps, kind, count, rows } = plan
  const [from, to] = isInput ? [geometry.y, geometry.x] : [geometry.x, geometry.y]
  const { floats, planes, groupX, imageX } = copyOf(padding, images, groups, inside, sizeOf(from, 2))
  const kernel = sizeOf(shape, 2)
  const panels = groups * Math.ceil(channels / width)
  return {
    planes,
    panels,
    scratch: floats + panels * width * (steps + 1),
    records({ x, weight, y }: Operands, { bias, epilogue }: Finish, { tables: tiles, scratch }: Areas) {
      const source = isInput ? y : x
      const out = behind(scratch, 4 * floats)
      const taps = behind(tiles, 40 * count)
      const tapsOfWeights = behind(taps, 4 * steps)
      const [group, channel] = [inside * channels * kernel, isInput ? kernel : inside * kernel]
      return {
        pad: padding && padRecord(source, scratch, padding, padding.columns && behind(tapsOfWeights, 4 * steps)),
        pack: { weight, from: tapsOfWeights, bias, out, group, channel, groups, channels, steps, width },
        tiles: {
          ...{ x: padding ? scratch : source, imageX, groupX, weight: out, taps, tiles, count, rows },
          ...{ y: isInput ? x : y, plane: sizeOf(to, 2), channels, groups, steps, kind, width, epilogue },
        },
      }
    },
  }
}

/** What `planSums` planned. */
export function sumsCalls(geometry: Geometry, plan: SumsPlan) {
  const { groups, x: shape } = geometry
  const [outputs, inside] = geometry.weight
  const { padding, images, kind, width, steps, count } = plan
  const channels = outputs / groups
  const { floats, planes, groupX, imageX } = copyOf(padding, images, groups, inside, sizeOf(shape, 2))
  const isTurned = width === 8
  const channelY = isTurned ? count : 4 * count
  const groupY = channelY * (isTurned ? Math.ceil(channels / 4) * 4 : channels)
  const floatsY = isTurned ? lines(images * groups * groupY + 4) : 0
  return {
    planes,
    panels: groups * Math.ceil(channels / 8),
    scratch: floats + floatsY + 64 * plan.units,
    /** Of `batch` images from `first` on. What is summed so far changes sides from block to block; the last one writes the weight. */
    records({ x, weight, y: b }: Operands, { tables: tiles, scratch }: Areas, batch: number, first: number) {
      const out = behind(scratch, 4 * floats)
      const places = behind(tiles, 40 * Math.ceil(steps / 4))
      const side = (at: number) => behind(out, 4 * floatsY + 128 * plan.units * ((at / images) % 2))
      return {
        pad: padding && padRecord(x, scratch, padding, padding.columns && behind(places, 4 * count)),
        turn: isTurned ? { b, rowB: 1, columnB: count, batchB: channels * count, N: channels, K: count, out } : undefined,
        sums: {
          ...{ x: padding ? scratch : x, imageX, groupX, y: isTurned ? out : b, channelY, groupY, tiles, places },
          ...{ sums: side(first), before: first > 0 ? side(first + images) : NONE, weight: first + batch < shape[0] ? NONE : weight },
          ...{ batch, groups, channels, steps, kind, width },
        },
      }
    },
  }
}

/** Runs `f` with the tables where kernels find them: written by JavaScript, so a captured step keeps them; and with scratch memory. */
function within(out: Tensor, tables: Int32Array, floats: number, f: (areas: Areas) => void): void {
  const storage = new Storage(4 * tables.length)
  try {
    out.scratch = new Storage(4 * floats)
    observer?.touched(storage)
    i32.set(tables, storage.pointer >>> 2)
    f({ tables: storage.pointer, scratch: out.scratch.pointer })
  } finally {
    storage.drop()
    out.endScratch()
  }
}

/** The blocks of images: the operands of each, how many images it has and which one is the first. Where there are none, one block writes the sums of nothing. */
function* blocks({ x, y }: Geometry, operands: Operands, images: number) {
  for (let first = 0; first === 0 || first < x[0]; first += images) {
    const at = (tensor: Address, shape: readonly number[]) => behind(tensor, 4 * first * sizeOf(shape, 1))
    yield { part: { ...operands, x: at(operands.x, x), y: at(operands.y, y) }, count: Math.min(images, x[0] - first), first }
  }
}

/** y from x and the weight, or with `isInput` x from y and the weight. */
export function runTiles(out: Tensor, geometry: Geometry, operands: Operands, finish: Finish, isInput: boolean): void {
  if (out.storage.isNowhere || runDepthwise(out, geometry, isInput ? 0 : 2, operands, finish)) return
  const plan = planTiles(geometry, isInput)
  const { planes, panels, scratch, records } = tilesCalls(geometry, plan, isInput)
  within(out, plan.tables, scratch, areas => {
    for (const { part, count, first } of blocks(geometry, operands, plan.images)) {
      const { pad, pack, tiles } = records(part, finish, areas)
      if (pad && plan.padding) kernels.convPad(pad, planes * count, sizeOf(plan.padding.to))
      if (first === 0) kernels.convPack(pack, panels, plan.width * plan.steps)
      kernels.convTiles(tiles, plan.units * count, plan.work)
    }
  })
}

/** The weight from x and y. */
export function runSums(out: Tensor, geometry: Geometry, operands: Operands, finish: Finish): void {
  if (out.storage.isNowhere || runDepthwise(out, geometry, 1, operands, finish)) return
  const plan = planSums(geometry)
  const { padding } = plan
  const { planes, panels, scratch, records } = sumsCalls(geometry, plan)
  within(out, plan.tables, scratch, areas => {
    for (const { part, count, first } of blocks(geometry, operands, plan.images)) {
      const { pad, turn, sums } = records(part, areas, count, first)
      if (pad && padding) kernels.convPad(pad, planes * count, sizeOf(padding.to))
      if (turn) kernels.gemmPackB(turn, panels * count, 8 * plan.count)
      kernels.convSums(sums, plan.units, plan.work)
    }
  })
}
