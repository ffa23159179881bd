import {
  clone,
  Descent,
  gradient,
  hvp,
  jit,
  keep,
  memory,
  mse,
  onGradient,
  params,
  pullback,
  scope,
  type Tensor,
  tensor,
  trainStep,
} from 'fluxtape'
import { expect, it } from 'vitest'

const x = tensor([1, 2])
const list = (all: unknown): unknown => (Array.isArray(all) ? all.map(list) : (all as Tensor).toArray())

it.each<[string, () => unknown, unknown]>([
  ['leaves the value as it is', () => onGradient(x, () => undefined), [1, 2]],
  ['lets the gradient pass on', () => gradient(z => onGradient(z.square(), () => undefined).sum(), x), [[2, 4]]],
  ['changes the gradient', () => gradient(z => onGradient(z.square(), g => g.mul(10)).sum(), x), [[20, 40]]],
  [
    'takes a comparison for numbers',
    () =>
      gradient(
        z =>
          onGradient(z, g => g.greater(0))
            .mul(5)
            .sum(),
        x,
      ),
    [[1, 1]],
  ],
  ['gives back what it got', () => gradient(z => onGradient(z.square(), g => g).sum(), x), [[2, 4]]],
  [
    'gets the whole gradient, once',
    () => {
      const seen: unknown[] = []
      const g = gradient(z => {
        const y = onGradient(z.mul(2), h => void seen.push(h.toArray()))
        return y.sum().add(y.square().sum())
      }, x)
      return [tensor(seen as never), ...g]
    },
    [[[5, 9]], [10, 18]],
  ],
  [
    'counts in the argument alone that it stands for',
    () =>
      gradient(
        z =>
          onGradient(z, g => g.mul(0))
            .sum()
            .add(z.sum()),
        x,
      ),
    [[1, 1]],
  ],
  ['is differentiated', () => gradient(z => gradient(u => onGradient(u.pow(3), g => g.mul(z)).sum(), z)[0].sum(), x), [[9, 36]]],
  [
    'is a factor of what is differentiated',
    () => gradient(z => gradient(u => onGradient(u.pow(3), g => g.mul(2)).sum(), z)[0].sum(), x),
    [[12, 24]],
  ],
  ['goes along in hvp', () => hvp(z => onGradient(z.pow(3), g => g.mul(2)).sum(), x, tensor([1, 1])), [12, 24]],
  [
    'may keep what it gets',
    () => {
      const kept: Tensor[] = []
      const g = gradient(
        z =>
          onGradient(z.square(), h => void kept.push(keep(h), clone(h)))
            .mul(tensor([1, 2]))
            .sum(),
        x,
      )
      const [first] = kept
      const seen = [first.toArray(), g[0].toArray()]
      first.dispose()
      return tensor(seen as never)
    },
    [
      [1, 2],
      [2, 8],
    ],
  ],
  [
    'is called at each walk of a pullback',
    () => {
      let calls = 0
      const [, back] = pullback(z => onGradient(z, g => g.mul(++calls)), x)
      return [...back(), ...back()]
    },
    [
      [1, 1],
      [2, 2],
    ],
  ],
])('%s', (_, call, expected) => {
  const before = memory()
  scope(() => expect(list(call())).toEqual(expected))
  expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
})

it('is replayed', () => {
  const run = (wrap: typeof jit) => {
    const w = tensor([1, 2])
    const loss = wrap((z: Tensor) =>
      mse(
        onGradient(w.mul(z), g => g.clamp(-0.5, 0.5)),
        z,
      ),
    )
    return Array.from({ length: 5 }, (_, i) => [trainStep(loss, params(w), tensor([1, i]), Descent(0.5)), w.toArray()])
  }
  expect(run(jit)).toEqual(run((f => f) as typeof jit))
})
