/** The passes of a convolution by tiles: what src/wasm/conv-plan.ts plans, run as the kernels take it. */
import { depthwiseCall } from '../../src/ops/convolution/depthwise.ts'
import type { Geometry } from '../../src/ops/convolution/geometry.ts'
import { sumsCalls, tilesCalls } from '../../src/ops/convolution/tiled.ts'
import { planSums, planTiles } from '../../src/wasm/conv-plan.ts'
import {
  type Kernels,
  writeConvPack,
  writeConvPad,
  writeConvSums,
  writeConvTiles,
  writeDepthwise,
  writePackB,
} from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { f32, i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import { counts, geometries, type Pass, reference, type Sizes, sizes } from './kernel-convolution.ts'
import type { Arena, Block, Trial } from './kernel-trials.ts'

/** Around the tiles: rows narrower than a vector, places and channels that are left over, rows that see a part of the kernel, phases. */
const awkward: readonly Sizes[] = [
  ...[1, 2, 3, 5, 6, 7, 8, 9, 17].map(n => sizes([2, 2, n], [1, 4, 5], [1, 3, 3], { pad: [0, 1, 1] })),
  ...[1, 2, 3, 4, 5, 6, 7, 9, 13].map(n => sizes([1, 3, 8], [1, 2, n], [1, 2, 1])),
  ...[1, 2, 3, 4, 5, 6, 7, 9, 13].map(n => sizes([2, 9, 2], [1, 3, n + 2], [1, 3, 3], { stride: [1, 2, 2], pad: [0, 1, 1] })),
  sizes([1, 6, 16], [1, 14, 14], [1, 5, 5]),
  sizes([1, 16, 16], [1, 8, 8], [1, 3, 3], { pad: [0, 1, 1] }),
  sizes([3, 4, 4], [1, 6, 6], [1, 1, 1], { stride: [1, 2, 2] }),
  sizes([3, 4, 10], [1, 6, 7], [1, 1, 1]),
  sizes([2, 6, 12], [1, 6, 8], [1, 2, 3], { groups: 2, dilation: [1, 2, 2], pad: [0, 2, 3] }),
  sizes([1, 8, 8], [4, 5, 6], [3, 3, 3], { groups: 2, stride: [2, 1, 1], pad: [1, 1, 1] }),
  sizes([1, 2, 2], [1, 3, 3], [1, 1, 1], { stride: [1, 4, 4] }),
  ...[4, 5, 7, 8, 12].map(n => sizes([2, 3, 3], [1, n - 3, n], [1, 3, 3], { groups: 3, pad: [0, 1, 1] })),
  ...[8, 10, 16, 24].map(n => sizes([2, 3, 3], [1, n - 7, n], [1, 3, 3], { groups: 3, stride: [1, 2, 2], pad: [0, 1, 1] })),
  sizes([3, 2, 2], [1, 6, 8], [1, 3, 3], { groups: 2, stride: [1, 2, 2], pad: [0, 1, 1] }),
]

const shapesOf = ({ batch, channels, outputs, groups, size, kernel, out, stride, dilation, pad }: Sizes): Geometry => {
  // Depthwise convolutions have a kernel for images.
  const own = (axes: readonly number[]) => (groups === channels && groups > 1 && kernel[0] === 1 ? axes.slice(1) : axes)
  const [x, y] = [
    [batch, channels, ...own(size)],
    [batch, outputs, ...own(out)],
  ]
  const lie = { stride: own(stride), dilation: own(dilation), pad: own(pad) }
  return { x, weight: [outputs, channels / groups, ...own(kernel)], y, groups, ...lie }
}

/** What is tried. */
export const tiledShapes: readonly Geometry[] = [...geometries, ...awkward].map(shapesOf)

const WORDS = SCRATCH.descriptor
const valuesOf = ({ pointer, bytes }: Block) => f32.slice(pointer >>> 2, (pointer + bytes) >>> 2)

/** Which of x, the weight and y a pass writes. */
const written = { convInput: 0, convWeight: 1, convForward: 2 } as const

/** A kernel of a pass. */
interface Steps {
  readonly kernel: 'convPad' | 'convPack' | 'gemmPackB' | 'convTiles' | 'convSums' | 'depthwise'
  readonly units: number
  readonly writes: Block
  readonly rewrites?: boolean
  run(begin: number, end: number): void
}

/** The kernels of a pass, one after the other: each is run whole before the next. */
function* steps(
  arena: Arena,
  side: Pass,
  geometry: Geometry,
  given: readonly Block[],
  bias: Block | undefined,
  relu: boolean,
): Iterable<Steps> {
  const [x, weight, y] = given.map(block => block.pointer)
  const [batch] = geometry.x
  const finish = { bias: bias?.pointer ?? NONE, epilogue: Number(relu) }
  const call = depthwiseCall(geometry, written[side], { x, weight, y }, finish)
  if (call) {
    const { record, units, scratch } = call
    const { pointer } = arena.floats(scratch)
    yield step('depthwise', units, given[written[side]], () => writeDepthwise(i32, WORDS >>> 2, record(pointer)))
    return
  }
  const calls = side === 'convWeight' ? sumsCalls(geometry, planSums(geometry)) : undefined
  const tiled = side === 'convWeight' ? undefined : tilesCalls(geometry, planTiles(geometry, side === 'convInput'), side === 'convInput')
  const scratch = arena.floats((calls ?? tiled)?.scratch ?? 0)
  const part = (from: number, to: number): Block => ({ pointer: from as Block['pointer'], bytes: to - from, kind: 'floats' })
  const end = scratch.pointer + scratch.bytes
  if (tiled) {
    const plan = planTiles(geometry, side === 'convInput')
    const tables = arena.words([...plan.tables])
    const { pad, pack, tiles } = tiled.records({ x, weight, y }, finish, { tables, scratch: scratch.pointer })
    if (pad) yield step('convPad', tiled.planes * batch, part(scratch.pointer, pack.out), () => writeConvPad(i32, WORDS >>> 2, pad))
    yield step('convPack', tiled.panels, part(pack.out, end), () => writeConvPack(i32, WORDS >>> 2, pack))
    const out = given[side === 'convInput' ? 0 : 2]
    yield { ...step('convTiles', plan.units * batch, out, () => writeConvTiles(i32, WORDS >>> 2, tiles)), rewrites: true }
  } else if (calls) {
    const plan = planSums(geometry)
    const tables = arena.words([...plan.tables])
    const { pad, turn, sums } = calls.records({ x, weight, y }, { tables, scratch: scratch.pointer }, batch, 0)
    if (pad)
      yield step('convPad', calls.planes * batch, part(scratch.pointer, turn?.out ?? sums.sums), () => writeConvPad(i32, WORDS >>> 2, pad))
    if (turn) yield step('gemmPackB', calls.panels * batch, part(turn.out, sums.sums), () => writePackB(i32, WORDS >>> 2, turn))
    yield step('convSums', plan.units, given[1], () => writeConvSums(i32, WORDS >>> 2, sums))
  }
}

function step(kernel: Steps['kernel'], units: number, writes: Block, write: () => void): Steps {
  return {
    kernel,
    units,
    writes,
    run(begin, end) {
      write()
      wasm[kernel](WORDS, begin, end)
    },
  }
}

interface Tiled {
  readonly name: string
  /** Its kernels, in their order; each is to be run before the next is asked for. */
  readonly steps: Iterable<Steps>
  /** What is wrong with the result. */
  wrong(): string | undefined
}

/** A side over all geometries. */
export function* tiled(side: Pass, arena: Arena): Iterable<Tiled> {
  for (const [i, geometry] of [...geometries, ...awkward].entries()) {
    const blocks = counts(geometry).map(count => arena.floats(count))
    const which = written[side]
    const { batch, channels, outputs } = geometry
    const relu = which !== 1 && i % 3 === 0
    const bias = which === 1 || i % 2 === 0 ? undefined : arena.floats(which === 0 ? channels : outputs)
    const given = blocks.map(valuesOf)
    const name = `[${batch}, ${channels}, ${geometry.size}] to ${outputs} by [${geometry.kernel}], geometry ${i}`
    const wrong = () => {
      const wanted = reference(side, geometry, given, bias && valuesOf(bias), relu)
      const got = valuesOf(blocks[which])
      const at = got.findIndex((value, j) => !(Math.abs(value - wanted.values[j]) <= 3e-7 * (wanted.sizes[j] + 3)))
      return at < 0 ? undefined : `${side}, ${name}: ${got[at]} at ${at} instead of ${wanted.values[at]}`
    }
    yield { name: `${side} of ${name}`, steps: steps(arena, side, shapesOf(geometry), blocks, bias, relu), wrong }
  }
}

const sides: readonly Pass[] = ['convForward', 'convInput', 'convWeight']

/** The trials of one kernel; those before it in a pass are run. */
const trialsOf = (kernel: Steps['kernel']) =>
  function* (arena: Arena): Iterable<Trial> {
    for (const side of sides) {
      for (const { name, steps: all } of tiled(side, arena)) {
        for (const { kernel: each, units, writes, rewrites = false, run } of all) {
          if (each !== kernel) {
            run(0, units)
            continue
          }
          yield { name, units, writes: [writes], rewrites, run }
          break
        }
      }
    }
  }

export const tilesRows: readonly (readonly [keyof Kernels, (arena: Arena) => Iterable<Trial>])[] = [
  ['convPad', trialsOf('convPad')],
  ['convPack', trialsOf('convPack')],
  ['convTiles', trialsOf('convTiles')],
  ['convSums', trialsOf('convSums')],
  ['depthwise', trialsOf('depthwise')],
]
