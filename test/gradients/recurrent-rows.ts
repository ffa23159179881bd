/** Gradient rows of recurrent layers, by plain loops. */
import { concat, type Tensor, tanh, tensor } from 'fluxtape'
import { recurrent } from '../../src/ops/recurrent/recurrent.ts'
import type { RecurrentKind } from '../../src/ops/recurrent/types.ts'
import type { Row } from './check.ts'
import { at, build, type Float64 } from './float64.ts'

const [BATCH, TIME, INPUTS, UNITS] = [2, 3, 2, 2]
const GATES = { rnn: 1, lstm: 4, gru: 3, gruv3: 3 } as const
const LAYERS = { rnn: 'RNN', lstm: 'LSTM', gru: 'GRU', gruv3: 'GRUv3' } as const
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const range = (n: number) => Array.from({ length: n }, (_, i) => i)

/** The next h and c of one row, from what a step brings in and the state before it. */
function step(kind: RecurrentKind, input: readonly number[], h: readonly number[], c: readonly number[], Wh: Float64, Wn: Float64) {
  const product = (W: Float64, row: number, of: readonly number[]) => of.reduce((sum, each, j) => sum + at(W, [row, j]) * each, 0)
  const gate = (g: number, u: number) => input[g * UNITS + u] + product(Wh, g * UNITS + u, h)
  if (kind === 'rnn') return { h: range(UNITS).map(u => Math.tanh(gate(0, u))), c }
  if (kind === 'lstm') {
    const next = range(UNITS).map(u => sigmoid(gate(1, u)) * c[u] + sigmoid(gate(0, u)) * Math.tanh(gate(2, u)))
    return { h: next.map((each, u) => sigmoid(gate(3, u)) * Math.tanh(each)), c: next }
  }
  const reset = range(UNITS).map(u => sigmoid(gate(0, u)))
  const held = reset.map((each, u) => each * h[u])
  const inner = (u: number) => (kind === 'gru' ? reset[u] * product(Wh, 2 * UNITS + u, h) : product(Wn, u, held))
  const next = range(UNITS).map(u => {
    const z = sigmoid(gate(1, u))
    return (1 - z) * Math.tanh(input[2 * UNITS + u] + inner(u)) + z * h[u]
  })
  return { h: next, c }
}

const row = (kind: RecurrentKind, lengths: readonly number[] | null = null, reverse = false): Row => {
  const wide = GATES[kind] * UNITS
  const states = kind === 'lstm' ? 2 : 1
  return {
    op: LAYERS[kind],
    name: `a sequence${lengths ? `, rows of ${lengths}` : ''}${reverse ? ', backwards' : ''}`,
    shapes: [
      [BATCH, TIME, INPUTS],
      [wide, INPUTS],
      [kind === 'gruv3' ? 2 * UNITS : wide, UNITS],
      [wide],
      [UNITS, UNITS],
      ...range(states).map(() => [BATCH, UNITS]),
    ],
    domain: [-1, 1],
    run: (x: Tensor, Wi: Tensor, Wh: Tensor, bias: Tensor, Wn: Tensor, ...before: Tensor[]) => {
      const told = { lengths: lengths && tensor([...lengths], { dtype: 'int32' }), reverse, activation: tanh }
      const results = recurrent(kind, x, before, { Wi, Wh, bias, ...(kind === 'gruv3' && { Wn }) }, told)
      return concat(results.map(each => each.reshape([-1])))
    },
    reference: ([x, Wi, Wh, bias, Wn, ...before]) => {
      const y: number[] = new Array(BATCH * TIME * UNITS).fill(0)
      const ends = range(BATCH).map(b => {
        let [h, c]: (readonly number[])[] = [before[0], before[1] ?? before[0]].map(each => range(UNITS).map(u => at(each, [b, u])))
        const steps = range(lengths ? lengths[b] : TIME)
        for (const t of reverse ? steps.reverse() : steps) {
          const input = range(wide).map(g => at(bias, [g]) + range(INPUTS).reduce((sum, j) => sum + at(Wi, [g, j]) * at(x, [b, t, j]), 0))
          const next = step(kind, input, h, c, Wh, Wn)
          ;[h, c] = [next.h, next.c]
          h.forEach((each, u) => {
            y[(b * TIME + t) * UNITS + u] = each
          })
        }
        return [h, c]
      })
      const all = [...y, ...range(states).flatMap(which => ends.flatMap(end => end[which]))]
      return build([all.length], ([i]) => all[i])
    },
    ulp: 8,
    cancels: true,
  }
}

export const recurrentRows: readonly Row[] = [
  row('lstm'),
  row('lstm', [1, 3], true),
  row('gru'),
  row('gru', [3, 2]),
  row('rnn'),
  row('gruv3', null, true),
]
