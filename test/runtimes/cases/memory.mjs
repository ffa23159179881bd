// Memory: flat while training, typed errors for what is gone or too large, and sizes far above the first pages.
import { numbers, same, throws } from '../check.mjs'

const MiB = 2 ** 20

export const memory = [
  [
    'flat over 2,000 steps',
    lib => {
      const model = lib.Chain(lib.Dense(16, 32, lib.tanh), lib.Dense(32, 4))
      const ps = lib.params(model)
      const opt = lib.Adam(1e-3)
      const x = lib.tensor(numbers(8 * 16, 12), [8, 16])
      const y = lib.tensor(Int32Array.from({ length: 8 }, (_, i) => i % 4))
      const byHand = () =>
        lib.update(
          opt,
          ps,
          lib.gradient(() => lib.logitCrossEntropy(model(x), y), ps),
        )
      const step = i => (i % 2 ? byHand() : void lib.trainStep((a, b) => lib.logitCrossEntropy(model(a), b), ps, [x, y], opt))
      for (let i = 0; i < 100; i++) step(i)
      const before = lib.memory()
      for (let i = 0; i < 2000; i++) step(i)
      same(lib.memory(), before, 'memory() after 2,000 more steps')
    },
  ],
  [
    'what is released is a ReleasedError',
    async lib => {
      const x = lib.ones([3])
      x.dispose()
      await throws(() => x.add(1), 'ReleasedError', /^add: /, 'add')
      await throws(() => x.data(), 'ReleasedError', /./, 'data')
      let inner
      lib.scope(() => {
        inner = lib.ones([2])
      })
      await throws(() => inner.sum(), 'ReleasedError', /./, 'a tensor of a scope')
      const kept = lib.scope(() => lib.keep(lib.ones([2]).add(1)))
      same(kept.toArray(), [2, 2], 'a kept tensor')
    },
  ],
  [
    'a scope frees what it made',
    lib => {
      const { bytes, tensors } = lib.memory()
      const left = lib.scope(() => lib.rand([100, 100]).exp().matmul(lib.rand([100, 100])).sum()) // biome-ignore format: one line
      same(lib.memory().tensors, tensors + 1, 'tensors alive')
      left.dispose()
      same(lib.memory().bytes, bytes, 'bytes in use')
    },
  ],
  [
    '300 MiB in one tensor',
    lib => {
      const n = 75 * MiB
      const x = lib.full([n], 2)
      x.view()[n - 1] = 3
      same([x.slice([[n - 2]]).toArray(), x.max().item()], [[2, 3], 3], 'the end, and the maximum')
      x.dispose()
    },
  ],
  [
    'past 2.5 GiB',
    (lib, { expect }) => {
      if (!expect.large) return
      const low = lib.zeros([2 ** 29 + 2 ** 27])
      const high = lib.full([MiB], 2)
      const y = high.mul(3)
      same([y.sum().item(), y.slice([[MiB - 1]]).toArray(), low.slice('-1:').toArray()], [6 * MiB, [6], [0]], 'sums and ends')
      for (const each of [low, high, y]) each.dispose()
    },
  ],
  [
    'too large is a MemoryError, and everything goes on',
    async lib => {
      const { bytes } = lib.memory()
      await throws(() => lib.ones([2 ** 30 - 1]), 'MemoryError', /scope/, '4 GiB')
      same([lib.memory().bytes, lib.ones([4]).add(1).sum().item()], [bytes, 8], 'bytes in use, and a sum, afterwards')
    },
  ],
  [
    'a promise does not go through a scope',
    lib => throws(() => lib.scope(async () => lib.ones([1])), 'TypeError', /promise/, 'an async function'),
  ],
]
