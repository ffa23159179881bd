// configure, and what the runtime is given credit for.
import { close, numbers, ok, same, throws } from '../check.mjs'

export const settings = [
  [
    'configure takes the deterministic kernels and the best ones',
    async lib => {
      const best = lib.variant()
      const a = lib.tensor(numbers(90 * 90, 13), [90, 90])
      const product = () => a.matmul(a.transpose()).data()
      const fused = product()
      same([await lib.configure({ deterministic: true }), lib.variant()], ['baseline', 'baseline'], 'deterministic')
      const plain = product()
      close(fused, plain, 1e-5, 'the product')
      same([await lib.configure({ deterministic: false }), lib.variant()], [best, best], 'best')
      same(Array.from(product()), Array.from(fused), 'the product with the best kernels again')
      same(await lib.configure({}), best, 'configure({})')
    },
  ],
  [
    'vectors are wide where they shall be',
    async (lib, { expect, library }) => {
      if (!expect.wide) return
      const { wide } = await import(new URL('wide.js', library).href)
      ok(wide().on, wide().reason)
      const a = lib.tensor(numbers(90 * 90, 13), [90, 90])
      const product = () => Array.from(a.matmul(a.transpose()).data())
      const joined = product()
      await lib.configure({ wide: false })
      same(product(), joined, 'the product without')
      await lib.configure({ wide: true })
      // Version 14 of V8 ended on the sum of what two calls gave, once it was compiled for speed.
      const whole = lib.tensor(Int32Array.from({ length: 1000 }, (_, i) => i - 400))
      for (let i = 0; i < 5000; i++)
        same(
          lib.scope(() => [whole.sum().item(), whole.max().item()]),
          [99_500, 599],
          'of integers',
        )
    },
  ],
  [
    'configure and threads(n) are refused while a gradient is taken',
    async lib => {
      const refused = []
      lib.gradient(
        x => {
          refused.push(throws(() => lib.configure({ deterministic: true }), 'TypeError', /^configure: /, 'configure'))
          refused.push(throws(() => lib.threads(2), 'TypeError', /^threads: /, 'threads(2)'))
          return x.sum()
        },
        lib.ones([2]),
      )
      await Promise.all(refused)
    },
  ],
  [
    'console.log and String show a tensor and a model',
    lib => {
      ok(/1.*2/s.test(String(lib.tensor([1, 2]))), `a tensor: ${lib.tensor([1, 2])}`)
      ok(/Dense\(2, 3, relu\)/.test(String(lib.Chain(lib.Dense(2, 3, lib.relu)))), 'a model')
    },
  ],
]
