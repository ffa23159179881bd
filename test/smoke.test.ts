import * as f from 'fluxtape'
import { expect, it } from 'vitest'

it('differentiates, trains and prints', async () => {
  console.log(f.gradient(x => x.mul(x), 3)[0].item())
  const model = f.Chain(f.Dense(2, 8, f.tanh), f.Dense(8, 1))
  console.log(String(model))
  const x = f.randn([64, 2]), y = x.slice(':, 0:1').mul(x.slice(':, 1:2'))
  console.log(x.slice('0:3'))
  const loss = (x: f.Tensor, y: f.Tensor) => f.mse(model(x), y)
  const ps = f.params(model)
  console.log(ps.paths())
  const before = loss(x, y).item()
  const h = await f.train(loss, ps, new f.DataLoader([x, y] as const, { batchSize: 16, shuffle: true }), f.Adam(1e-2), { epochs: 50 })
  console.log(before, h.epochs.at(-1), f.memory(), f.variant())
  expect(loss(x, y).item()).toBeLessThan(before)
})
