import { gradient, params, pullback, type Tensor, tensor, withGradient } from 'fluxtape'
import { describe } from 'vitest'
import { w, x } from './subject.ts'
import { refuses } from './table.ts'

const int = tensor(new Int32Array([1, 2, 3]))

describe('gradient and its kin refuse to differentiate by', () => {
  refuses([
    [
      'a Params among other arguments',
      () => gradient((z: Tensor) => z.sum(), x, params(w)),
      'TypeError: gradient: a Params stands alone: 2 arguments came. Write gradient(() => loss, ps).',
    ],
    [
      'nothing to differentiate by',
      () => gradient(() => w.sum()),
      'TypeError: gradient: there is nothing to differentiate by. Write gradient(() => loss, params(model)), or gradient(f, x).',
    ],
    [
      'nothing to differentiate by, by name',
      () => pullback(() => w.sum()),
      'TypeError: pullback: there is nothing to differentiate by. Write pullback(() => loss, params(model)), or pullback(f, x).',
    ],
    [
      'integers as an argument',
      () => gradient((z: Tensor, i: Tensor) => z.sum().add(i.sum()), x, int),
      'DTypeError: gradient: int32 has no derivative: argument 2 of the function. Let the function close over it, or cast it to float32.',
    ],
    [
      'a condition as an argument',
      () => pullback((c: Tensor) => w.mul(c), w.greater(0)),
      'DTypeError: pullback: bool has no derivative: argument 1 of the function. Let the function close over it, or cast it to float32.',
    ],
    [
      'a list of numbers as an argument',
      () => gradient((z: unknown) => tensor(z as never).sum(), [1, 2]),
      'TypeError: gradient: argument 1 of the function holds no float32 tensor: an array. Make a tensor of it with tensor(...), or let the function close over it.',
    ],
    [
      'a typed array as an argument',
      () => withGradient((z: unknown) => tensor(z as never).sum(), new Float32Array(2)),
      'TypeError: withGradient: argument 1 of the function holds no float32 tensor: a Float32Array. Make a tensor of it with tensor(...), or let the function close over it.',
    ],
    ...([undefined, null, 'x', true, {}, () => w, new Map(), { int }] as const).map(
      (arg, i) =>
        [
          `what holds nothing to differentiate by: ${i}`,
          () => withGradient(() => w.sum(), arg),
          `TypeError: withGradient: argument 1 of the function holds no float32 tensor: ${arg === null ? 'null' : arg instanceof Map ? 'a Map' : typeof arg}. Pass tensors or a model, and let the function close over the rest.`,
        ] as const,
    ),
  ])
})
