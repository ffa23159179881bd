// Where in a model it failed: every error of the library says so, whatever its class.
import {
  Adam,
  accuracy,
  Chain,
  Dense,
  FluxtapeError,
  gradient,
  jit,
  layer,
  mse,
  ones,
  params,
  relu,
  saveSafetensors,
  type Tensor,
  train,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { expectToTrain, refuses, rejects } from './table.ts'

const x = ones([3, 4])
const same = () => Dense(4, 4)
const out = Dense(4, 2)
const nothing = (a: Tensor) => void a.mul(2)
const later = async (a: Tensor) => a
const Own = (f: (a: Tensor) => unknown) => layer('Own', {}, (_, a: Tensor) => f(a))
const any = (f: unknown) => f as (...args: unknown[]) => unknown
const NONE = 'gave no tensor: undefined. Return one from a function that is not async.'
const LATE = 'gave no tensor: a promise. Return one from a function that is not async.'
const PICK = 'Leave out returnState, or put ([y]) => y between.'
const needed = (came: string, wayOut = 'Make one with tensor(...).') => `TypeError: linear: a tensor is needed: ${came}. ${wayOut}`

describe('a link that gives no tensor is named', () => {
  refuses([
    ['nothing', () => Chain(same(), nothing, out)(x), `TypeError: Chain: a link ${NONE}\nin Chain[1]`],
    ['nothing, first', () => Chain(nothing, out)(x), `TypeError: Chain: a link ${NONE}\nin Chain[0]`],
    ['nothing, last', () => Chain(same(), nothing)(x), `TypeError: Chain: a link ${NONE}\nin Chain[1]`],
    ['nothing, with a name', () => Chain({ a: same(), b: nothing, c: out })(x), `TypeError: Chain: a link ${NONE}\nin Chain.b`],
    [
      'nothing, nested',
      () => Chain(same(), Chain({ a: Chain(nothing) }), out)(x),
      `TypeError: Chain: a link ${NONE}\nin Chain[1]: Chain.a: Chain[0]`,
    ],
    ['nothing, of a layer', () => Chain(same(), Own(nothing), out)(x), `TypeError: Chain: a link ${NONE}\nin Chain[1]`],
    ['null', () => Chain(() => null, out)(x), `TypeError: Chain: a link ${NONE.replace('undefined', 'null')}\nin Chain[0]`],
    ['a promise', () => Chain(same(), later, out)(x), `TypeError: Chain: a link ${LATE}\nin Chain[1]`],
    ['a promise, last', () => Chain(same(), later)(x), `TypeError: Chain: a link ${LATE}\nin Chain[1]`],
    ['a number', () => Chain(same(), () => 3, out)(x), `${needed('number from Chain[1]')}\nin Chain[2]: Dense(4, 2)`],
    ['a list', () => Chain({ a: (y: Tensor) => [y], b: out })(x), `${needed('an array from Chain.a', PICK)}\nin Chain.b: Dense(4, 2)`],
    [
      'a list into a chain',
      () => Chain((y: Tensor) => [y], Chain(out))(x),
      `${needed('an array from Chain[0]', PICK)}\nin Chain[1]: Chain[0]: Dense(4, 2)`,
    ],
    [
      'a list in a chain',
      () =>
        Chain(
          Chain((y: Tensor) => [y], Chain(out)),
          out,
        )(x),
      `${needed('an array from Chain[0]', PICK)}\nin Chain[0]: Chain[1]: Chain[0]: Dense(4, 2)`,
    ],
    [
      'a list into an operation',
      () => Chain((y: Tensor) => y.toArray(), Own(relu))(x),
      'TypeError: relu: a tensor is needed: an array from Chain[0]. Make one with tensor(...).\nin Chain[1]: Own',
    ],
    [
      'an activation that gives nothing',
      () => Chain(Dense(4, 4, any(nothing) as never), out)(x),
      `TypeError: Dense: the activation ${NONE}\nin Chain[0]: Dense(4, 4, nothing)`,
    ],
    [
      'an activation that gives a promise',
      () => Dense(4, 4, later as never)(x),
      `TypeError: Dense: the activation ${LATE}\nin Dense(4, 4, later)`,
    ],
    [
      'an activation that gives a number',
      () => Dense(4, 4, (() => 3) as never)(x),
      `TypeError: Dense: the activation ${NONE.replace('undefined', 'number')}\nin Dense(4, 4, a function)`,
    ],
  ])

  test('lists and numbers may flow', () => {
    expect(
      Chain(
        (y: Tensor) => [y, y],
        ([a, b]: Tensor[]) => a.add(b).sum().item(),
        (n: number) => n + 1,
      )(x),
    ).toBe(25)
  })
})

test('a field that the function of a layer assigned says what writes it', () => {
  const Centered = layer('Centered', { mean: zeros([4]) }, (self, a: Tensor) => {
    ;(self as { mean: Tensor }).mean = a.mean(0)
    return a
  })
  Centered(x)
  const text =
    'the tensor has been released: float32 [4]. What is made inside scope, gradient, train or a layer is freed at its end: return it, or keep(tensor). A running value of a layer is written with later.'
  expect(() => saveSafetensors(Centered)).toThrow(`saveSafetensors: ${text}`)
  expect(() => Chain(() => relu(Centered.mean))(x)).toThrow(`relu: ${text}\nin Chain[0]`)
})

describe('what is no tensor at the first link', () => {
  refuses([
    ['nothing', () => any(Chain(out))(), `${needed('undefined')}\nin Chain[0]: Dense(4, 2)`],
    ['a list', () => any(Chain(Chain(out)))([[1, 2, 3, 4]]), `${needed('an array')}\nin Chain[0]: Chain[0]: Dense(4, 2)`],
    ['a promise', () => any(Chain({ a: out }))(Promise.resolve(x)), `${needed('a promise', 'Await it first.')}\nin Chain.a: Dense(4, 2)`],
    ['of a layer', () => any(Own(relu))('a'), 'TypeError: relu: a tensor is needed: string. Make one with tensor(...).\nin Own'],
  ])
})

const model = Chain(same(), Chain({ cut: Own((a: Tensor) => a.slice([9])) }))
const CUT = 'RangeError: slice: index 9 is out of range on axis 0 of [3, 4].\nin Chain[1]: Chain.cut: Own'
const loss = (input: Tensor) => mse(model(input), zeros([3, 4]))
describe('the path stands once, in order, whoever calls the model', () => {
  refuses([
    ['nobody else', () => model(x), CUT],
    ['gradient', () => gradient(() => loss(x), params(model)), CUT],
    ['a gradient in a link', () => Chain(() => gradient(loss, x)[0])(x), CUT.replace('in ', 'in Chain[0]: ')],
    ['trainStep', () => trainStep(loss, params(model), x, Adam()), CUT],
    ['trainStep with jit', () => trainStep(jit(loss), params(model), x, Adam()), CUT],
    ['accuracy', () => accuracy(model, [x, ones([3])]), CUT],
    [
      'an option that there is not',
      () => Chain(() => x.sum(0, { keepdim: true } as never))(x),
      "TypeError: sum: there is no option 'keepdim'. Is keepDims meant? There is keepDims.\nin Chain[0]",
    ],
  ])
  rejects([['train', () => train(jit(loss), params(model), [x], Adam()), CUT]])
})

describe('a TypeError or RangeError', () => {
  const caught = (f: () => unknown): Error & { operation?: string; path?: string[] } => {
    try {
      f()
    } catch (error) {
      return error as Error
    }
    throw new Error('nothing was thrown')
  }

  test.each([
    ['RangeError', RangeError, () => model(x), 'slice', ['Chain[1]', 'Chain.cut', 'Own']],
    ['TypeError', TypeError, () => Chain(() => ones('a' as never))(x), 'ones', ['Chain[0]']],
    ['TypeError', TypeError, () => ones('a' as never), 'ones', []],
  ])('%s is a native one with its data', (name, kind, f, operation, path) => {
    const error = caught(f)
    expect(error).toBeInstanceOf(kind)
    expect(error).not.toBeInstanceOf(FluxtapeError)
    expect(error).toMatchObject({ name, operation, path })
    expect(error.constructor).toBe(kind)
    // It prints, and is compared, as it always was.
    expect(Object.keys(error)).toEqual([])
    expect(error).toEqual(new kind(error.message))
    expect(error.stack?.startsWith(`${name}: ${error.message}\n    at `)).toBe(true)
    expectToTrain()
  })

  test('of JavaScript stays as it is', () => {
    const error = caught(() =>
      Chain(
        same(),
        Own((a: Tensor) => (a as unknown as { nope(): void }).nope()),
      )(x),
    )
    expect(error.message).toBe('a.nope is not a function')
    expect('path' in error || 'operation' in error).toBe(false)
  })

  test('that another library threw, with a path of its own, stays as it is', () => {
    const foreign = Object.freeze(Object.assign(new Error('theirs'), { path: ['a', 0] }))
    expect(
      caught(() =>
        Chain(() => {
          throw foreign
        })(x),
      ),
    ).toBe(foreign)
  })
})
