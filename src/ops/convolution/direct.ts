// The passes of a convolution by tiles, as src/wasm/conv-plan.ts has it.
import { sizeOf } from '../../tensor/shape.ts'
import { observer, Storage } from '../../tensor/storage.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type Padding, planSums, planTiles } from '../../wasm/conv-plan.ts'
import * as kernels from '../../wasm/kernels.generated.ts'
import { type Address, behind } from '../../wasm/kinds.ts'
import { i32 } from '../../wasm/memory.ts'
import type { Finish } from '../product.ts'
import type { Geometry } from './geometry.ts'
import type { Operands } from './passes.ts'

/** Runs `f` with the tables where kernels find them: written by JavaScript, so a captured step keeps them. */
function withTables(tables: Int32Array, f: (at: Address) => void): void {
  const storage = new Storage(4 * tables.length)
  try {
    if (storage.isNowhere) return
    observer?.touched(storage)
    i32.set(tables, storage.pointer >>> 2)
    f(storage.pointer)
  } finally {
    storage.drop()
  }
}

/** Floats, rounded up to a line of the cache. */
const lines = (floats: number) => Math.ceil(floats / 16) * 16

/** Copies `planes` planes with zeros around. */
function pad(x: Address, out: Address, planes: number, { from, to, low }: Padding): void {
  const [depth, height, width] = from
  const [outDepth, outHeight, outWidth] = to
  const [lowDepth, lowHeight, lowWidth] = low
  kernels.convPad({ x, out, depth, height, width, outDepth, outHeight, outWidth, lowDepth, lowHeight, lowWidth }, planes, sizeOf(to))
}

/** y from x and the weight, or with `isInput` x from y and the weight. */
export function runTiles(out: Tensor, geometry: Geometry, { x, weight, y }: Operands, { bias, epilogue }: Finish, isInput: boolean): void {
  const { groups } = geometry
  const [batch] = geometry.x
  const plan = planTiles(geometry, isInput)
  const { padding, width, inside, channels, steps, kind, count, rows, units } = plan
  const panels = groups * Math.ceil(channels / width)
  const shape = isInput ? geometry.y : geometry.x
  const plane = padding ? sizeOf(padding.to) : sizeOf(shape, 2)
  const planes = batch * groups * inside
  const copied = padding ? lines(planes * plane) : 0
  withTables(plan.tables, tiles => {
    out.scratch = new Storage(4 * (copied + panels * width * (steps + 1)))
    const padded = out.scratch.pointer
    const packed = behind(padded, 4 * copied)
    let source = isInput ? y : x
    if (padding) {
      pad(source, padded, planes, padding)
      source = padded
    }
    const taps = behind(tiles, 40 * count)
    const kernel = sizeOf(geometry.weight, 2)
    const [group, channel] = [inside * channels * kernel, isInput ? kernel : inside * kernel]
    const from = behind(taps, 4 * steps)
    kernels.convPack({ weight, from, bias, out: packed, group, channel, groups, channels, steps, width }, panels, width * steps)
    kernels.convTiles(
      {
        ...{ x: source, imageX: groups * inside * plane, groupX: inside * plane, weight: packed, taps, tiles, count, rows },
        ...{ y: isInput ? x : y, plane: out.count / (batch * groups * channels), channels, groups, steps, kind, epilogue },
      },
      units,
      4 * (kind === 0 ? 4 : 1) * width * rows * steps,
    )
  })
  out.endScratch()
}

/** The weight from x and y. */
export function runSums(out: Tensor, geometry: Geometry, { x, weight, y }: Operands): void {
  const { groups } = geometry
  const [batch] = geometry.x
  const [, inside] = geometry.weight
  const channels = geometry.weight[0] / groups
  const plan = planSums(geometry)
  const { padding, steps, count, units } = plan
  const plane = padding ? sizeOf(padding.to) : sizeOf(geometry.x, 2)
  const planes = batch * groups * inside
  const copied = padding ? lines(planes * plane) : 0
  const turned = lines(batch * groups * count * Math.ceil(channels / 4) * 4 + 4)
  withTables(plan.tables, tiles => {
    out.scratch = new Storage(4 * (copied + turned + 32 * units))
    const padded = out.scratch.pointer
    const from = behind(padded, 4 * copied)
    if (padding) pad(x, padded, planes, padding)
    const pack = { b: y, rowB: 1, columnB: count, batchB: channels * count, N: channels, K: count, out: from }
    kernels.gemmPackB(pack, batch * groups * Math.ceil(channels / 8), 8 * count)
    kernels.convSums(
      {
        ...{ x: padding ? padded : x, imageX: groups * inside * plane, groupX: inside * plane, y: from, tiles, weight, batch, groups, channels },
        ...{ places: behind(tiles, plan.tables.byteLength - 4 * count), sums: behind(from, 4 * turned), steps, count },
      },
      units,
      32 * count * batch,
    )
  })
  out.endScratch()
}
