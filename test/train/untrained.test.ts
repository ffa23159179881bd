import { Adam, Chain, Dense, freeze, jit, layer, mse, ones, params, relu, setup, type Tensor, tensor, train, zeros } from 'fluxtape'
import { afterEach, describe, expect, it, vi } from 'vitest'

const [x, y] = [ones([3, 2]), zeros([3, 2])]
const data = [
  [x, y],
  [x, y],
  [x, y],
]
const w = () => ones([4, 2])

afterEach(() => void vi.restoreAllMocks())

/** What `train` warns of while it trains a Chain that ends with `f`. */
async function warnings(
  f: (x: Tensor) => Tensor,
  more: readonly Tensor[] = [],
  made: typeof jit = (loss => loss) as typeof jit,
): Promise<string[]> {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const model = Chain(Dense(2, 4), relu, f)
  const loss = made((a: Tensor, b: Tensor) => mse(model(a), b))
  await train(loss, params(model, ...more), data, Adam(), { epochs: 2 })
  return warn.mock.calls.map(([text]) => String(text))
}

const text = (places: string) =>
  `train: functions in a Chain read tensors that no params hold, and that are not trained: ${places}. Add them to the params, or make a layer(...) of the function; freeze(w) says that w is a constant.`

describe('a tensor that a plain function in a Chain closes over', () => {
  it('is named, once', async () => {
    const weight = w()
    expect(await warnings(z => z.matmul(weight))).toEqual([text('Chain[2] [4, 2]')])
  })

  it('is named where the steps are replayed, and in a Chain of names within', async () => {
    const [weight, scale] = [w(), tensor(2)]
    const inner = Chain({ first: z => z.matmul(weight), last: (z: Tensor) => z.mul(scale) })
    expect(await warnings(inner, [], jit)).toEqual([text('Chain.first [4, 2], Chain.last []')])
  })

  it('is named in the explicit form', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const weight = w()
    const model = Chain(Dense(2, 4), z => z.matmul(weight))
    await train((m, a, b) => mse(m(a), b), model, data, setup(Adam(), model))
    expect(warn.mock.calls).toEqual([[text('Chain[1] [4, 2]')]])
  })

  it('is not, where somebody trains it, it is frozen, or it is none of training', async () => {
    const [trained, frozen] = [w(), w()]
    freeze(frozen)
    const own = layer('Own', { weight: w() }, (self, z: Tensor) => z.matmul(self.weight))
    const rows = tensor(new Int32Array([2, 1, 0]))
    expect(await warnings(z => z.matmul(trained), [trained])).toEqual([])
    expect(await warnings(z => z.matmul(frozen))).toEqual([])
    expect(await warnings(own)).toEqual([])
    expect(
      await warnings(z =>
        z
          .matmul(ones([4, 2]))
          .gather(rows)
          .mul(tensor([1, 2])),
      ),
    ).toEqual([])
  })

  it('is not, where it comes from the batch or was made in the step', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    let seen = x
    const model = Chain(
      Dense(2, 2),
      z => {
        seen = z
        return z
      },
      relu,
      z => z.add(seen).add(x.mul(2)).add(x),
    )
    await train((a, b) => mse(model(a), b), params(model), data, Adam())
    expect(warn.mock.calls).toEqual([])
  })
})
