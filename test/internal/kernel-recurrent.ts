/** Sequences as the kernels of recurrent layers take them: every cell, with and without lengths, reversed, recorded, its weights packed or not. */
import { writeRecurrence } from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import type { Arena, Block, Trial } from './kernel-trials.ts'

const WORDS = SCRATCH.descriptor
const GATES = [1, 1, 4, 3, 3]
const [LSTM, GRU, GRUV3] = [2, 3, 4]
const shapes = [
  [1, 2, 1],
  [5, 3, 4],
  [7, 2, 9],
  [50, 1, 6],
] as const

function* trialsOf(arena: Arena, ofGradient: boolean): Iterable<Trial> {
  for (const [kind, gates] of GATES.entries()) {
    for (const [i, [batch, time, size]] of shapes.entries()) {
      const [isPacked, hasLengths, isRecorded, isOdd] = [i % 2 === 0, i > 1, ofGradient || i !== 1, i === 2]
      const wide = gates * size
      const rows = i === 3 ? 4 : 1
      const steps = batch * time
      const [state, sequence] = [() => arena.floats(batch * size), (n: number = size) => arena.floats(steps * n)]
      const at = (block: Block | undefined) => block?.pointer ?? NONE
      // A packed matrix has whole panels of four columns.
      const weight = (outputs: number) => arena.floats(isPacked || ofGradient ? size * (outputs + 4) + 4 * outputs : size * outputs)
      const [Wh, Wn] = [weight(kind === GRUV3 ? 2 * size : wide), weight(size)]
      const lies =
        isPacked || ofGradient ? { rowB: 0, columnB: 0, rowB2: 0, columnB2: 0 } : { rowB: 1, columnB: size, rowB2: 1, columnB2: size }
      const lengths = hasLengths ? arena.ints(batch, 0, time + 1) : undefined
      const isLstm = kind === LSTM
      const [h, c] = [state(), isLstm ? state() : undefined]
      const y = ofGradient ? undefined : sequence()
      const values = ofGradient ? sequence(wide + 16) : undefined
      // Forward writes the gates in the place of what they are made of.
      const given = ofGradient ? arena.floats(steps * wide, { odd: isOdd }) : sequence(wide)
      const keeps = isRecorded && (isLstm || kind === GRU)
      const kept = keeps ? sequence() : undefined
      const before = ofGradient ? sequence() : undefined
      const inner = ofGradient && kind >= GRU ? sequence(kind === GRU ? wide : size) : undefined
      const record = {
        ...{ kind, batch, time, size, rows, reverse: i % 2, lengths: at(lengths), ...lies },
        gates: given.pointer,
        y: (y ?? sequence()).pointer,
        ...{ h0: state().pointer, c0: isLstm ? state().pointer : NONE, h: h.pointer, c: at(c) },
        ...{ gh: ofGradient && i > 0 ? state().pointer : NONE, gc: ofGradient && i > 1 && isLstm ? state().pointer : NONE },
        ...{ values: at(values), kept: at(kept), hs: ofGradient ? sequence().pointer : NONE, before: at(before), inner: at(inner) },
        ...{ weight: Wh.pointer, second: Wn.pointer, bias: kind === GRU && i > 1 ? arena.floats(size).pointer : NONE },
        ...{ sums: arena.floats(batch * (wide + 2 * size)).pointer, factors: arena.floats(batch * (wide + 16)).pointer },
        records: arena.floats(16 * batch).pointer,
      }
      const run = (begin: number, end: number) => {
        writeRecurrence(i32, WORDS >>> 2, record)
        wasm[ofGradient ? 'recurGradient' : 'recur'](WORDS, begin, end)
      }
      const outs = ofGradient ? [h, c, values, before, inner] : [y, h, c, kind >= LSTM ? given : undefined, kept]
      // Behind the end of a sequence forward leaves what is kept alone.
      const writes = outs.filter(block => block !== undefined)
      yield { name: `cell ${kind}, ${batch} x ${time} x ${size}`, units: Math.ceil(batch / rows), writes, run }
    }
  }
}

export const recurrentRows = [
  ['recur', (arena: Arena) => trialsOf(arena, false)],
  ['recurGradient', (arena: Arena) => trialsOf(arena, true)],
] as const
