import * as lib from 'fluxtape'
import { inWorker, serve } from 'fluxtape/worker'

const { Adam, Dense, manualSeed, mse, params, state, tensor, train } = lib
let calls = 0

serve({
  echo: value => value,
  add: (a, b) => a.add(b),
  async fit(options, { signal, ...callbacks } = {}) {
    manualSeed(1)
    const model = Dense(2, 1)
    const [x, y] = options.data ?? [tensor([[1, 2], [3, 4]]), tensor([[1], [2]])] // biome-ignore format: one line
    const { data, ...rest } = options
    const history = await train((x, y) => mse(model(x), y), params(model), [[x, y]], Adam(0.1), { ...rest, signal, callbacks })
    return { state: state(model), history }
  },
  async explicit(callbacks) {
    const model = { d: Dense(2, 1) }
    const rule = lib.setup(Adam(0.1), model)
    await train((m, x) => m.d(x).sum(), model, [[tensor([[1, 2]])]], rule, { callbacks })
    return 'done'
  },
  async progress(options) {
    await train(x => x.sum(), params(tensor([1])), [[tensor([1])]], Adam(), options).catch(() => {})
    return 'done'
  },
  /** Calls it without waiting. */
  report: (f, n) => {
    for (let i = 0; i < n; i++) f(i)
    return n
  },
  awaited: async f => await f(),
  fails: kind => {
    if (kind === 'ShapeError') return tensor([1, 2]).reshape([3])
    if (kind === 'DivergedError') throw new lib.DivergedError({ operation: 'train', problem: 'no' }, 7, Number.NaN, 'weight')
    if (kind === 'TypeError') return tensor([1], [2], { dtyp: 'int32' })
    if (kind === 'value') throw { code: 5 }
    throw Object.assign(new Error('own', { cause: new RangeError('why') }), { code: 5 })
  },
  every: () =>
    [
      ...[lib.FluxtapeError, lib.ShapeError, lib.DTypeError, lib.ReleasedError, lib.MemoryError, lib.WorkerError, lib.FormatError],
      lib.DivergedError,
    ].map(Kind => new Kind({ operation: 'x', problem: 'p' })),
  model: () => Dense(2, 1),
  loader: isBare => (isBare ? new lib.DataLoader([tensor([1])]) : { data: new lib.DataLoader([tensor([1])]) }),
  async *steps(n) {
    try {
      for (let i = 0; i < n; i++) yield tensor([i])
    } finally {
      calls++
    }
  },
  left: () => calls,
  threads: () => lib.threads().count,
  die: () => process.exit(3),
  throws: () => void setTimeout(() => { throw new Error('later') }), // biome-ignore format: one line
  forever: () => new Promise(() => {}),
  spin: () => {
    for (;;);
  },
  keeps: f => void (globalThis.kept = f),
  kept: () => globalThis.kept(),
  async nested(url) {
    const inner = await inWorker(new URL(url))
    const found = [await inner.add(tensor([1, 2]), tensor([3, 4])), await inner.threads()]
    await inner.terminate()
    return found
  },
})
