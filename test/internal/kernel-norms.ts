/** Norms as their kernels take them: groups of every kind, around the four lanes of a vector and the blocks of a sum. */
import { channelGroups, type Groups, neighbourGroups, rowGroups } from '../../src/ops/groups.ts'
import { sizeOf } from '../../src/tensor/shape.ts'
import { writeNormalization } from '../../src/wasm/kernels.generated.ts'
import { NONE, type Real } from '../../src/wasm/kinds.ts'
import { i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import type { Arena, Trial } from './kernel-trials.ts'

const WORDS = SCRATCH.descriptor
const lengths = [1, 3, 4, 5, 8, 17]

const layouts: readonly (readonly [name: string, groups: Groups])[] = [
  ...[...lengths, 513, 1030].map(n => [`rows of ${n}`, rowGroups(n > 100 ? 3 : 67, n, 1)] as const),
  ['root mean squares', rowGroups(5, 7, 0)],
  ...lengths.map(n => [`${n} columns`, channelGroups([6, n], true)] as const),
  ...[3, 4, 7, 515].map(n => [`channels of ${n}`, channelGroups([3, 5, n], true)] as const),
  ['instances', channelGroups([2, 5, 7], false)],
  ...[1, 2, 6].map(groups => [`${groups} groups`, neighbourGroups([3, 6, 5], groups)] as const),
]

/** With and without scale and bias, given statistics, relu and relu6, and odd numbers, in turn. */
function* trialsOf(arena: Arena, ofGradient: boolean): Iterable<Trial> {
  for (const [i, [name, layout]] of layouts.entries()) {
    const { view, axes: _, params, ...words } = layout
    const { groups, segments, n, each, kind } = words
    const size = sizeOf(view)
    const count = sizeOf(params)
    const isGiven = !ofGradient && kind !== 1 && i % 2 === 0
    const [x, g, out, stats] = [arena.floats(size, { odd: i % 3 === 2 }), arena.floats(size), arena.floats(size), arena.floats(4 * groups)]
    const [scale, bias, mean, variance] = [0, 1, 2, 3].map(() => arena.floats(count, { low: 0.5, high: 2 }))
    const units = ofGradient && kind === 1 ? Math.ceil(groups / 32) : groups
    const sums = kind === 1 ? units * n : each ? groups * segments : groups
    const [ofScale, ofBias] = ofGradient ? [arena.floats(sums), arena.floats(sums)] : []
    const record = {
      ...words,
      x: x.pointer,
      g: ofGradient ? g.pointer : NONE,
      out: out.pointer,
      stats: isGiven ? NONE : stats.pointer,
      scale: i % 3 === 0 ? NONE : scale.pointer,
      bias: i % 3 === 1 ? NONE : bias.pointer,
      mean: isGiven ? mean.pointer : NONE,
      variance: isGiven ? variance.pointer : NONE,
      ofScale: ofScale?.pointer ?? NONE,
      ofBias: ofBias?.pointer ?? NONE,
      epilogue: [0, 1, 0, 2][i % 4],
      eps: 1e-5 as Real,
    }
    const run = (begin: number, end: number) => {
      writeNormalization(i32, WORDS >>> 2, record)
      wasm[ofGradient ? 'normalizeGradient' : 'normalize'](WORDS, begin, end)
    }
    const writes = ofScale && ofBias ? [out, ofScale, ofBias] : isGiven ? [out] : [out, stats]
    yield { name: `${name}, ${i}`, units, writes, run }
  }
}

export const normRows = [
  ['normalize', (arena: Arena) => trialsOf(arena, false)],
  ['normalizeGradient', (arena: Arena) => trialsOf(arena, true)],
] as const
