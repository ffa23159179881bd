/** Attention as its kernels take it: sides around those of tiles, few queries, masks, biases and dropout in turn. */
import { writeAttention } from '../../src/wasm/kernels.generated.ts'
import { behind, NONE, type Real } from '../../src/wasm/kinds.ts'
import { i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import type { Arena, Trial } from './kernel-trials.ts'

const WORDS = SCRATCH.descriptor
const FAR = 2 ** 30

/** Queries, keys, features of a head of q and of v, the offset, pieces of a unit, parts of the queries. */
const sizes = [
  [1, 70, 8, 4, FAR, 1, 1],
  [3, 9, 4, 8, 6, 2, 1],
  [5, 5, 4, 4, 0, 1, 1],
  [7, 66, 12, 20, FAR, 3, 1],
  [66, 131, 8, 12, 65, 2, 2],
  [130, 65, 4, 4, -65, 1, 3],
  [64, 64, 32, 32, 0, 1, 1],
] as const

function* trialsOf(arena: Arena, ofGradient: boolean): Iterable<Trial> {
  const [batch, heads] = [2, 2]
  for (const [i, [tq, tk, d, e, offset, each, parts]] of sizes.entries()) {
    for (const [isMasked, isBiased, isDropped, odd] of [[], [true, false, true], [false, true], [true, true, false, true]]) {
      const splits = ofGradient ? parts : 1
      const inputs = [tq * d, tk * d, tk * e, tq * e].map(n => arena.floats(batch * heads * n, { odd: odd ?? false }).pointer)
      const [q, k, v, g] = inputs
      const y = arena.floats(batch * heads * tq * e)
      const stats = arena.floats(2 * batch * heads * tq, { low: 0.1, high: 1 })
      const [ofQ, ofK, ofV] = [tq * d, splits * tk * d, splits * tk * e].map(n => arena.floats(batch * heads * n))
      const [mask, bias] = [arena.bytes(batch * tk, 2).pointer, arena.floats(heads * tq * tk).pointer]
      const pieces = batch * heads * (ofGradient ? splits : Math.ceil(tq / 64))
      const units = Math.ceil(pieces / each)
      const area = 1536 + 256 * (d + e) + 3 * 16384
      const scratch = arena.floats((area * units) / 4).pointer
      const drawn = isDropped ? arena.words([5, 6, 7]) : NONE
      const record = {
        ...{ q, k, v, y: y.pointer, stats: !ofGradient && i % 2 ? NONE : stats.pointer, g },
        ...{ mask: isMasked ? mask : NONE, bias: isBiased ? bias : NONE },
        ...{ ofQ: ofQ.pointer, ofK: ofK.pointer, ofV: ofV.pointer, scratch, area, batch, heads, tq, tk, d, e, offset },
        ...{ maskB: tk, maskH: 0, maskQ: 0, maskK: 1, biasB: 0, biasH: tq * tk, biasQ: tk, biasK: 1 },
        ...{ drawn, p: 0.3 as Real, kept: (1 / 0.7) as Real, scale: 0.5 as Real, each, splits },
      }
      const run = (begin: number, end: number) => {
        writeAttention(i32, WORDS >>> 2, record)
        wasm[ofGradient ? 'attentionGradient' : 'attention'](WORDS, begin, end)
      }
      const writes = ofGradient ? [ofQ, ofK, ofV] : i % 2 ? [y] : [y, stats]
      yield { name: `${tq} x ${tk} of ${d}, ${[isMasked, isBiased, isDropped, odd]}`, units, writes, run }
    }
  }
}

function* streams(arena: Arena): Iterable<Trial> {
  const out = arena.ints(3)
  yield {
    name: 'a stream',
    units: 1,
    writes: [out],
    run: (begin, end) => wasm.attentionStream(behind(out.pointer, 0), 1, 2, 3, begin, end),
  }
}

export const attentionRows = [
  ['attention', (arena: Arena) => trialsOf(arena, false)],
  ['attentionGradient', (arena: Arena) => trialsOf(arena, true)],
  ['attentionStream', streams],
] as const
