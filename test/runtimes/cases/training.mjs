// Training: digits, the forms of a loop, and how runs end.
import { close, numbers, ok, same, throws } from '../check.mjs'

/** y = 2 x0 - x1 + 1, which a Dense layer learns exactly. */
function plane(lib) {
  const x = numbers(128, 9)
  const y = Float32Array.from({ length: 64 }, (_, i) => 2 * x[2 * i] - x[2 * i + 1] + 1)
  return [lib.tensor(x, [64, 2]), lib.tensor(y, [64, 1])]
}

export const training = [
  [
    'digits',
    async (lib, { digits }) => {
      lib.manualSeed(1)
      const { Adam, accuracy, Chain, DataLoader, Dense, logitCrossEntropy, params, relu, train } = lib
      const { train: trainSet, test: testSet } = digits()
      const model = Chain(Dense(64, 64, relu), Dense(64, 64, relu), Dense(64, 10))
      const loss = (x, y) => logitCrossEntropy(model(x), y)
      const loader = new DataLoader(trainSet, { batchSize: 32, shuffle: true })
      const { steps, epochs } = await train(loss, params(model), loader, Adam(2e-3), { epochs: 12 })
      same([steps.length, epochs.length], [12 * loader.length, 12], 'steps and epochs')
      ok(epochs[11].loss < epochs[0].loss / 5, `the loss went from ${epochs[0].loss} to ${epochs[11].loss}`)
      const right = accuracy(model, testSet)
      ok(right > 0.95, `${(100 * right).toFixed(1)} % of the test digits are right, expected more than 95 %`)
    },
  ],
  [
    'Momentum, AdamW and Descent learn a plane',
    async lib => {
      const [x, y] = plane(lib)
      for (const opt of [lib.Descent(0.3), lib.Momentum(0.05), lib.AdamW(0.05)]) {
        const model = lib.Dense(2, 1)
        for (let step = 0; step < 300; step++) lib.trainStep((a, b) => lib.mse(model(a), b), lib.params(model), [x, y], opt)
        close([...model.weight.data(), ...model.bias.data()], [2, -1, 1], 2e-3, 'weight and bias')
      }
    },
  ],
  [
    'steps that are replayed: the bits of the loss itself, and it is called twice',
    async lib => {
      let calls = 0
      const run = wrap => {
        lib.manualSeed(3)
        const model = lib.Chain(lib.Dense(64, 48, lib.relu), lib.Dense(48, 10))
        const batches = [1, 2, 3].map(() => [lib.randn([96, 64]), lib.randint(0, 10, [96])])
        const loss = wrap((x, y) => {
          calls++
          return lib.logitCrossEntropy(model(x.mul(lib.bernoulli(0.8, [96, 64]))), y)
        })
        const opt = lib.Adam(1e-2)
        const losses = Array.from({ length: 20 }, (_, i) => lib.trainStep(loss, lib.params(model), batches[i % 3], opt))
        return [...losses, ...model[0].weight.data(), ...model[1].bias.data()]
      }
      const wanted = run(loss => loss)
      calls = 0
      same(run(lib.jit), wanted, 'losses and parameters')
      same(calls, 2, 'calls of the loss')
    },
  ],
  [
    'the explicit form, step by step',
    async lib => {
      const data = plane(lib)
      const model = lib.Dense(2, 1)
      const losses = []
      const run = lib.train((m, x, y) => lib.mse(m(x), y), model, [data], lib.setup(lib.Descent(0.3), model), { epochs: 50 })
      for await (const { step, epoch, loss } of run) {
        same(step, epoch, 'one batch an epoch')
        if (losses.push(loss) === 40) break
      }
      same(losses.length, 40, 'steps until break')
      ok(losses[39] < losses[0] / 100, `the loss went from ${losses[0]} to ${losses[39]}`)
    },
  ],
  [
    'stop, skip and an AbortSignal end a run or a step',
    async lib => {
      const data = plane(lib)
      const model = lib.Dense(2, 1)
      const loss = (x, y) => lib.mse(model(x), y)
      const run = options => lib.train(loss, lib.params(model), [data], lib.Descent(0.1), { epochs: 20, ...options })
      same((await run({ callbacks: ({ step }) => (step === 4 ? lib.stop : undefined) })).steps.length, 5, 'steps until stop')
      const before = Array.from(model.weight.data())
      await run({ callbacks: { onGradient: () => lib.skip } })
      same(Array.from(model.weight.data()), before, 'the weight after skipped steps')
      const controller = new AbortController()
      const abort = ({ step }) => step === 3 && controller.abort(new Error('enough'))
      await throws(() => run({ callbacks: abort, signal: controller.signal }), 'Error', /^enough$/, 'an aborted run')
    },
  ],
  [
    'a loss that diverges says at which step',
    async lib => {
      const data = plane(lib)
      const model = lib.Dense(2, 1)
      const run = () => lib.train((x, y) => lib.mse(model(x), y), lib.params(model), [data], lib.Descent(1e20), { epochs: 9 })
      const error = await throws(run, 'DivergedError', /step/, 'a huge learning rate')
      ok(error.step > 0 && !Number.isFinite(error.loss), `step ${error.step}, loss ${error.loss}`)
    },
  ],
  [
    'the event loop breathes during training',
    async lib => {
      const data = plane(lib)
      const model = lib.Chain(lib.Dense(2, 64, lib.tanh), lib.Dense(64, 1))
      let ticks = 0
      const timer = setInterval(() => ticks++, 5)
      const start = performance.now()
      // How soon it fires is up to a loaded machine; if nothing breathed, it never would.
      const enough = () => (ticks >= 2 || performance.now() - start > 10_000 ? lib.stop : undefined)
      await lib.train((x, y) => lib.mse(model(x), y), lib.params(model), [data], lib.Adam(), { epochs: 1e6, callbacks: enough })
      clearInterval(timer)
      ok(ticks >= 2, `a timer of 5 ms fired ${ticks} times in 10 s`)
    },
  ],
]
