// A sequence of a recurrent layer as one operation gives what its composed form does.
import { add, gradient, mul, relu, scope, sum, type Tensor, tanh, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { composedRecurrent } from '../../src/ops/recurrent/composed.ts'
import { fusedRecurrent } from '../../src/ops/recurrent/fused.ts'
import type { RecurrentForm, RecurrentKind } from '../../src/ops/recurrent/types.ts'
import { randomness } from './kernel-trials.ts'

interface Case {
  readonly kind: RecurrentKind
  readonly activation?: typeof tanh
  readonly sizes?: readonly [batch: number, time: number, inputs: number, size: number]
  readonly lengths?: readonly number[]
  readonly reverse?: boolean
  readonly bias?: boolean
  readonly hiddenBias?: boolean
  /** Which results take part in the loss; all. */
  readonly uses?: readonly number[]
}

const gates = { rnn: 1, lstm: 4, gru: 3, gruv3: 3 }
const random = randomness(4)

/** Numbers of each shape, and directions for the results. */
function inputsOf({ kind, sizes: [batch, time, inputs, size] = [3, 4, 3, 5], bias = true, hiddenBias = false }: Case) {
  // Many units with large weights would make much of every rounding.
  const bound = size > 32 ? 1 / 16 : 1
  const numbers = (...shape: readonly number[]) =>
    tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => bound * (2 * random() - 1)),
      shape,
    )
  const wide = gates[kind] * size
  const states = Array.from({ length: kind === 'lstm' ? 2 : 1 }, () => numbers(batch, size))
  const tensors = {
    x: numbers(batch, time, inputs),
    Wi: numbers(wide, inputs),
    Wh: numbers(kind === 'gruv3' ? 2 * size : wide, size),
    ...(bias && { bias: numbers(wide) }),
    ...(hiddenBias && { hiddenBias: numbers(size) }),
    ...(kind === 'gruv3' && { Wn: numbers(size, size) }),
    ...Object.fromEntries(states.map((state, i) => [`state${i}`, state])),
  }
  const directions = [numbers(batch, time, size), ...states.map(() => numbers(batch, size))]
  return { tensors, directions }
}

type Tensors = Readonly<Record<string, Tensor>>

function results(form: RecurrentForm, { kind, activation = tanh, lengths, reverse = false }: Case, given: Tensors): Tensor[] {
  const { x, Wi, Wh, bias = null, hiddenBias, Wn, ...states } = given
  const at = lengths ? tensor(Int32Array.from(lengths)) : null
  return form(kind, x, Object.values(states), { Wi, Wh, bias, hiddenBias, Wn }, { lengths: at, reverse, activation })
}

/** The results, and the gradients of all inputs. */
function all(form: RecurrentForm, given: Case, tensors: Tensors, directions: readonly Tensor[]): Tensor[] {
  const names = Object.keys(tensors)
  const loss = (...xs: Tensor[]) => {
    const made = results(form, given, Object.fromEntries(names.map((name, i) => [name, xs[i]])))
    const used = (given.uses ?? made.map((_, i) => i)).map(i => sum(mul(made[i], directions[i])))
    return used.reduce((a, b) => add(a, b))
  }
  return [...results(form, given, tensors), ...(gradient(loss, ...Object.values(tensors)) as Tensor[])]
}

/** How many ulps of its largest number, or of 1, a result is apart from what it should be. */
function ulps(x: Tensor, wanted: Tensor): number {
  const [a, b] = [x.data(), wanted.data()]
  const largest = Array.from(b).reduce((most, each) => Math.max(most, Math.abs(each)), 1)
  return (
    Array.from(b, (each, i) => (Object.is(a[i], each) ? 0 : Math.abs(a[i] - each))).reduce((p, q) => Math.max(p, q), 0) /
    (largest * 2 ** -23)
  )
}

const kinds: readonly Case[] = [
  { kind: 'rnn' },
  { kind: 'rnn', activation: relu },
  { kind: 'lstm' },
  { kind: 'gru' },
  { kind: 'gru', hiddenBias: true },
  { kind: 'gruv3' },
]

const variations: readonly Omit<Case, 'kind'>[] = [
  {},
  { sizes: [1, 1, 1, 1] },
  { sizes: [2, 3, 4, 8], bias: false },
  { sizes: [7, 5, 6, 17], reverse: true },
  { lengths: [4, 0, 2] },
  { lengths: [1, 4, 0], reverse: true, sizes: [3, 4, 2, 9] },
  { sizes: [61, 2, 3, 4] },
  // The cotangents are transposed for all gradients of weights.
  { sizes: [64, 4, 2, 86] },
  { sizes: [2, 0, 3, 4] },
  { sizes: [0, 2, 3, 4] },
  { sizes: [2, 3, 0, 4] },
  { uses: [1] },
  { uses: [0] },
]

describe('a sequence in one operation', () => {
  it.each(kinds)('is what steps in operations are: $kind, hidden bias $hiddenBias', kind => {
    scope(() => {
      for (const variation of variations) {
        const given = { ...kind, ...variation }
        const { tensors, directions } = inputsOf(given)
        const fused = all(fusedRecurrent, given, tensors, directions)
        const composed = all(composedRecurrent, given, tensors, directions)
        const apart = fused.map((x, i) => ulps(x, composed[i]))
        expect(Math.max(...apart), `${JSON.stringify(variation)}: ${apart.map(each => each.toFixed(1)).join(' ')}`).toBeLessThan(8)
      }
    })
  })
})
