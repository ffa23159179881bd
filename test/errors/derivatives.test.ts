import {
  checkpoint,
  Dense,
  diagonalHessian,
  gradient,
  hessian,
  hvp,
  jacobian,
  jvp,
  onGradient,
  params,
  pullback,
  scope,
  type Tensor,
  tensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { w, x } from './subject.ts'
import { expectToTrain, type Row, refuses } from './table.ts'
import { thrown } from './thrown.ts'

const int = tensor(new Int32Array([1, 2, 3]))
const same = (z: Tensor) => z
const total = (z: Tensor) => z.square().sum()
const asynchronous = (async () => w) as never
const aParameter = 'A parameter is one, too: pass model.weight, and let the function close over the model.'
const all = { jacobian, hessian, diagonalHessian } as unknown as Record<string, (f: unknown, ...xs: unknown[]) => unknown>
const along = { jvp, hvp } as unknown as Record<string, (f: unknown, x: unknown, v: unknown) => unknown>
const each = (rows: (name: string, call: (f: unknown, x: unknown) => unknown) => Row[]): Row[] => [
  ...Object.entries(all).flatMap(([name, call]) => rows(name, (f, z) => call(f, z))),
  ...Object.entries(along).flatMap(([name, call]) => rows(name, (f, z) => call(f, z, w))),
]

describe('jacobian and its kin refuse', () => {
  refuses(
    each((name, call) => [
      [`what is no function: ${name}`, () => call(w, w), `TypeError: ${name}: the first argument is a function: a tensor came.`],
      [
        `a promise: ${name}`,
        () => call(asynchronous, w),
        `TypeError: ${name}: the function returned a promise. Await the data before, and pass a function that is not async.`,
      ],
      [
        `a Params: ${name}`,
        () => call(total, params(w)),
        `TypeError: ${name}: argument 1 of the function is a tensor or a number: object came. ${aParameter}`,
      ],
      [
        `a model: ${name}`,
        () => call(total, Dense(2, 1)),
        `TypeError: ${name}: argument 1 of the function is a tensor or a number: function came. ${aParameter}`,
      ],
      [
        `integers: ${name}`,
        () => call(total, int),
        `DTypeError: ${name}: int32 has no derivative: argument 1 of the function. Let the function close over it, or cast it to float32.`,
      ],
    ]),
  )
  refuses([
    ...Object.entries(all).map(
      ([name, call]): Row => [
        `no arguments: ${name}`,
        () => call(total),
        `TypeError: ${name}: there is nothing to differentiate by. Write ${name}(f, x).`,
      ],
    ),
    ...Object.entries(along).flatMap(([name, call]): Row[] => [
      [
        `an empty list: ${name}`,
        () => call(total, [], []),
        `TypeError: ${name}: there is nothing to differentiate by. Write ${name}(f, x).`,
      ],
      [
        `a tangent of another shape: ${name}`,
        () => call(total, w, zeros([2])),
        `ShapeError: ${name}: a tangent has the shape of its argument: [2] for [3].`,
      ],
      [
        `no tangent: ${name}`,
        () => call(total, w, undefined),
        `TypeError: ${name}: a tensor is needed: undefined. Make one with tensor(...).`,
      ],
      [
        `a tangent of another kind: ${name}`,
        () => call(total, [w], ['1']),
        `TypeError: ${name}: a tensor is needed: string. Make one with tensor(...).`,
      ],
      [
        `too few tangents: ${name}`,
        () => call((a: Tensor, b: Tensor) => a.mul(b).sum(), [w, w], [w]),
        `TypeError: ${name}: there is a tangent for each argument: 1 for 2.`,
      ],
      [`one tangent for a list: ${name}`, () => call(total, [w], w), `TypeError: ${name}: there is a tangent for each argument: 1 for 1.`],
    ]),
    ...(['hessian', 'diagonalHessian'] as const).map(
      (name): Row => [
        `what is no scalar: ${name}`,
        () => all[name](same, w),
        `ShapeError: ${name}: only a float32 scalar has a gradient: float32 [3]. Reduce it with mean() or sum(), or use pullback for a cotangent of your own.`,
      ],
    ),
    [
      'what is no scalar: hvp',
      () => hvp(same, w, w),
      'ShapeError: hvp: only a float32 scalar has a gradient: float32 [3]. Reduce it with mean() or sum(), or use pullback for a cotangent of your own.',
    ],
    [
      'what is no tensor: jacobian',
      () => jacobian((() => 1) as never, w),
      'TypeError: jacobian: a tensor is needed: number. Make one with tensor(...).',
    ],
    [
      'an integer result: jacobian',
      () => jacobian(z => z.cast('int32'), w),
      "DTypeError: jacobian: only a float32 result has a gradient: int32 [3]. Make it of float32 tensors: x.cast('float32'). Counts and comparisons have no derivative.",
    ],
  ])
})

it.each<[string, () => unknown]>([
  ['jacobian', () => jacobian(z => z.exp(), zeros([50_000]))],
  ['hessian', () => hessian(total, zeros([50_000]))],
])('%s without end is refused before a row of it is computed', (name, call) => {
  const text = new RegExp(`^MemoryError: ${name}: .* needed for float32 \\[50000, 50000\\]\\.`)
  const start = performance.now()
  scope(() => expect(thrown(call)).toMatch(text))
  expect(performance.now() - start).toBeLessThan(5000)
  expectToTrain()
})

describe('checkpoint refuses', () => {
  let calls = 0
  refuses([
    ['what is no function', () => checkpoint(w as never), 'TypeError: checkpoint: the first argument is a function: a tensor came.'],
    [
      'a promise',
      () => checkpoint(asynchronous, w),
      'TypeError: checkpoint: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'a promise, in a gradient',
      () => gradient(z => checkpoint(asynchronous, z) as Tensor, w),
      'TypeError: checkpoint: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'a number',
      () => gradient(() => checkpoint((() => 1) as never), w),
      'TypeError: checkpoint: the function gives a tensor, or a list of tensors: number came.',
    ],
    [
      'a list with something else in it',
      () => checkpoint((() => [x, 1]) as never),
      'TypeError: checkpoint: a tensor is needed: number. Make one with tensor(...).',
    ],
    [
      'a function that gives something else the second time',
      () => gradient(z => checkpoint(u => (calls++ % 2 === 0 ? u.mul(2) : u.slice('1:')), z).sum(), w),
      'ShapeError: checkpoint: the function gives another result when it is called again: [3], then [2]. It must do the same twice.',
    ],
    [
      'what was written meanwhile',
      () => {
        const z = zeros([2])
        const [, back] = pullback(u => checkpoint(v => v.mul(z), u), zeros([2]))
        z.assign(tensor([1, 1]))
        return back()
      },
      'ReleasedError: checkpoint: a value that the pullback needs was written in place since the forward pass. Call back() before update, assign or loadState, or run the forward pass again.',
    ],
    [
      'a function that ends what was there before',
      () =>
        gradient(
          u => {
            const z = u.exp()
            return checkpoint(() => {
              const y = z.mul(u)
              z.dispose()
              return y
            }).sum()
          },
          zeros([2]),
        ),
      'ReleasedError: mul: the tensor has been released: float32 [2]. What is made inside scope, gradient, train or a layer is freed at its end: return it, or keep(tensor). A running value of a layer is written with later.',
    ],
  ])
})

describe('onGradient refuses', () => {
  const answering = (answer: unknown) => () => gradient(z => onGradient(z, (() => answer) as never).sum(), w)
  refuses([
    [
      'what is no tensor',
      () => onGradient(1 as never, same),
      'TypeError: onGradient: a tensor is needed: number. Make one with tensor(...).',
    ],
    ['what is no function', () => onGradient(w, w as never), 'TypeError: onGradient: the second argument is a function: a tensor came.'],
    ['integers', () => onGradient(int, same), "DTypeError: onGradient: int32 has no derivative. Cast it before: x.cast('float32')."],
    ['a number for a gradient', answering(1), 'TypeError: onGradient: a tensor is needed: number. Make one with tensor(...).'],
    [
      'a gradient of another shape',
      () => gradient(z => onGradient(z, g => g.sum()).sum(), w),
      'ShapeError: onGradient: the gradient must keep its shape: [] for [3].',
    ],
    [
      'a promise for a gradient',
      () => gradient(z => onGradient(z, (async () => w) as never).sum(), w),
      'TypeError: onGradient: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
  ])
})
