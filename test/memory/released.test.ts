import * as fluxtape from 'fluxtape'
import {
  Adam,
  accuracy,
  clone,
  customGradient,
  DataLoader,
  Dense,
  Descent,
  gradient,
  loadState,
  mse,
  ones,
  params,
  pullback,
  ReleasedError,
  scope,
  state,
  Tensor,
  trainStep,
  update,
  withGradient,
} from 'fluxtape'
import { describe, expect, test } from 'vitest'
import { thrown } from '../errors/thrown.ts'

const gone = ones([2, 3])
gone.dispose()
const goneRow = ones([3])
goneRow.dispose()
const there = ones([2, 3])
const square = ones([3, 3])
const indices = fluxtape.tensor(new Int32Array([0, 1]))
const dead = Dense(3, 2)
dead.weight.dispose()

const text = (operation: string, shape = '[2, 3]') =>
  `ReleasedError: ${operation}: the tensor has been released: float32 ${shape}. What is made inside scope, gradient, train or a layer is freed at its end: return it, or keep(tensor). A running value of a layer is written with later.`

/** How each method is called on a released tensor. */
const methods: Record<string, readonly unknown[]> = {
  add: [1],
  all: [],
  any: [],
  argMax: [0],
  argMin: [0],
  assign: [there],
  broadcastTo: [[2, 2, 3]],
  cast: ['int32'],
  chunk: [2],
  clamp: [0, 1],
  gather: [indices],
  item: [],
  matmul: [square],
  pad: [
    [
      [0, 1],
      [0, 0],
    ],
  ],
  permute: [[1, 0]],
  reshape: [[6]],
  scatterAdd: [indices, there],
  slice: ['0'],
  split: [2],
  takeAlong: [fluxtape.zeros([2, 3], { dtype: 'int32' }), 1],
  where: [there, there],
  greater: [there],
  greaterEqual: [there],
  logicalAnd: [there],
  logicalOr: [there],
  view: [],
}
/** Names that touch no elements. */
const harmless = new Set([
  'constructor',
  'dispose',
  'toString',
  'escape',
  'register',
  'endScratch',
  'check',
  'alias',
  'startWrite',
  'moveTo',
  'settleWaiting',
  'settle',
  'unlink',
  'identity',
])

/** All methods, those of the operations by name. */
const names = Object.getOwnPropertyNames(Tensor.prototype).filter(name => {
  const { value } = Object.getOwnPropertyDescriptor(Tensor.prototype, name) ?? {}
  return typeof value === 'function' && !harmless.has(name)
})

describe('a released tensor', () => {
  test('there are methods to try', () => {
    expect(names).toEqual(expect.arrayContaining(['add', 'matmul', 'sum', 'softmax', 'data', 'toArray', 'item', 'where', 'slice']))
    expect(names.length).toBeGreaterThan(80)
  })

  test.each(names)('is a ReleasedError for its method %s', name => {
    const call = () => {
      const method = gone[name as keyof Tensor] as unknown as (...args: unknown[]) => unknown
      return method.apply(gone, [...(methods[name] ?? (method.length > 0 ? [there] : []))])
    }
    expect(thrown(call)).toBe(text(name))
  })

  test.each([
    ['add', () => there.add(gone)],
    ['mul', () => there.mul(gone)],
    ['sub', () => fluxtape.sub(1, gone)],
    ['less', () => there.less(gone)],
    ['sub', () => gone.sub(gone)],
    ['greater', () => there.greater(gone)],
    ['greaterEqual', () => fluxtape.greaterEqual(1, gone)],
    ['logicalAnd', () => there.logicalAnd(gone)],
    ['logicalOr', () => there.logicalOr(gone)],
    ['matmul', () => fluxtape.matmul(there, gone, { transposeRight: true })],
    ['linear', () => fluxtape.linear(gone, square)],
    ['linear', () => fluxtape.linear(there, gone)],
    ['concat', () => fluxtape.concat([there, gone])],
    ['stack', () => fluxtape.stack([there, gone])],
    ['where', () => fluxtape.where(gone, there, there)],
    ['where', () => fluxtape.where(there, gone, there)],
    ['gather', () => square.gather(gone)],
    ['oneHot', () => fluxtape.oneHot(gone, 3)],
    ['assign', () => there.assign(gone)],
    ['assign', () => gone.assign(there)],
    ['mse', () => mse(there, gone)],
    ['mse', () => mse(gone, there)],
    ['logitCrossEntropy', () => fluxtape.logitCrossEntropy(there, gone)],
    ['softmax', () => gone.softmax(0)],
    ['cast', () => gone.cast('float32')],
    ['broadcastTo', () => gone.broadcastTo([2, 3])],
    ['chunk', () => gone.chunk(1)],
    ['norm', () => gone.norm(0, { p: 1 })],
  ])('is a ReleasedError in %s (%#)', (operation, call) => {
    expect(thrown(call)).toBe(text(operation))
  })

  test.each([
    ['gradient', () => gradient(x => x.sum(), gone)],
    ['gradient', () => gradient(() => there.sum(), params(gone))],
    ['gradient', () => gradient(() => gone, params(there))],
    ['withGradient', () => withGradient(x => x.sum(), gone)],
    ['pullback', () => pullback((x: Tensor) => x.exp(), gone)],
    ['clone', () => clone({ gone })],
    ['update', () => update(Descent(0.1), gone, there)],
    ['update', () => update(Descent(0.1), there, gone)],
    ['apply', () => fluxtape.apply(Descent(0.1), there, gone)],
    ['DataLoader', () => new DataLoader([there, gone])],
    ['loadState', () => loadState({ there }, { there: gone })],
    [
      'customGradient',
      () =>
        customGradient(
          (x: Tensor) => x,
          g => g,
        )(gone),
    ],
    ['trainStep', () => trainStep(() => there.sum(), params(gone), [], Adam())],
  ])('is a ReleasedError in %s (%#)', (operation, call) => {
    expect(thrown(call)).toBe(text(operation))
  })

  test('is a ReleasedError as a bias', () => {
    expect(thrown(() => fluxtape.linear(there, square, goneRow))).toBe(text('linear', '[3]'))
  })

  test('is a ReleasedError in a layer whose weight it is, which says where', () => {
    const model = fluxtape.Chain(Dense(3, 3), dead)
    expect(thrown(() => model(there))).toBe(`${text('linear')}\nin Chain[1]: Dense(3, 2)`)
    expect(thrown(() => accuracy(model, [there, indices]))).toBe(`${text('linear')}\nin Chain[1]: Dense(3, 2)`)
    expect(thrown(() => trainStep((x: Tensor) => model(x).sum(), params(model[0]), there, Adam()))).toBe(
      `${text('linear')}\nin Chain[1]: Dense(3, 2)`,
    )
  })

  test('still has its shape, prints as released, and stands in a state', () => {
    expect([gone.shape, gone.dtype, gone.size, gone.rank, gone.released]).toEqual([[2, 3], 'float32', 6, 2, true])
    expect(String(gone)).toBe('Tensor float32 [2, 3] (released)')
    expect(state({ gone }).get('gone')).toBe(gone)
  })

  test('is what a scope leaves of the tensors made in it', () => {
    let inner: Tensor | undefined
    scope(() => {
      inner = there.add(1)
    })
    expect(thrown(() => inner?.sum())).toBe(text('sum'))
    expect(() => inner?.sum()).toThrow(ReleasedError)
  })
})

describe('gradients that update has used', () => {
  const w = ones([2])
  const ps = params({ w })
  const loss = () => w.square().sum()

  test('are readable until the next outermost gradient, then released', () => {
    const grads = gradient(loss, ps)
    update(Descent(0.1), ps, grads)
    const g = grads.get(w) as Tensor
    expect(g.released).toBe(false)
    expect(g.toArray()).toEqual([2, 2])
    const next = gradient(loss, ps)
    expect(thrown(() => g.toArray())).toBe(text('toArray', '[2]'))
    expect(next.get(w)?.released).toBe(false)
  })

  test('that stand in a tree are released alike', () => {
    const [tree] = gradient(m => m.w.square().sum(), { w })
    update(fluxtape.setup(Descent(0.1), { w }) as never, { w } as never, tree as never)
    const g = (tree as { w: Tensor }).w
    expect(g.released).toBe(false)
    gradient(loss, ps)
    expect(g.released).toBe(true)
  })

  test('stay with { keep: true }', () => {
    const grads = gradient(loss, ps)
    update(Descent(0), ps, grads, { keep: true })
    gradient(loss, ps)
    expect(grads.get(w)?.toArray()).toHaveLength(2)
  })

  test('stay if they were not used', () => {
    const grads = gradient(loss, ps)
    gradient(loss, ps)
    expect(grads.get(w)?.released).toBe(false)
  })

  test('are not released by a gradient inside another', () => {
    const grads = gradient(loss, ps)
    gradient(x => {
      const [inner] = gradient(y => y.mul(x), 1)
      expect(grads.get(w)?.released).toBe(false)
      return inner.mul(x)
    }, 2)
    expect(grads.get(w)?.released).toBe(false)
  })
})
