// Training in a worker of fluxtape/worker, wherever the suite runs; entries/served.mjs is its module.
import { ok, same, throws } from '../check.mjs'

const start = async () => {
  const { inWorker } = await import('../../dist/in-worker.js')
  return inWorker(new URL('../entries/served.mjs', import.meta.url), { threads: 1 })
}

export const remote = [
  [
    'the same training, callbacks, an abort, errors, steps, an end',
    async (lib, { expect }) => {
      if (expect.refusesWorkers) {
        await throws(start, 'WorkerError', /^inWorker: the worker c/, 'a worker that the policy forbids')
        return
      }
      const remote = await start()
      const seen = []
      const { weights, losses } = await remote.fit({ epochs: 3, seed: 5 }, { onEpoch: ({ epoch }) => void seen.push(epoch) })
      const { fit } = await import('../entries/fit.mjs')
      const here = await fit(lib, { epochs: 3, seed: 5 })
      same(seen, [0, 1, 2], 'epochs that were told')
      same(losses, here.losses, 'losses')
      ok(weights instanceof Map && weights.get('weight') instanceof lib.Tensor, 'the weights are no state')
      same(Array.from(weights.get('weight').data()), Array.from(here.weights.get('weight').data()), 'weights')
      const control = new AbortController()
      const aborted = remote.fit(
        { epochs: 1e7, seed: 5, breathe: 5 },
        { onStep: () => control.abort(new RangeError('enough')), signal: control.signal },
      )
      ok((await throws(() => aborted, 'RangeError', /^enough$/, 'an abort')) === control.signal.reason, 'another reason')
      const error = await throws(() => remote.misfit(), 'ShapeError', /^matmul: /, 'an error')
      ok(error instanceof lib.ShapeError && error.shapes.length === 2, 'the error has lost its class or its shapes')
      const steps = []
      for await (const step of remote.count(3)) steps.push(step)
      same(steps, [0, 1, 2], 'steps')
      const pending = remote.forever()
      await remote.terminate()
      await throws(() => pending, 'WorkerError', /terminate/, 'a call of a worker that was ended')
    },
  ],
  [
    'a worker that is not there',
    async (_, { expect }) => {
      if (expect.refusesWorkers) return
      const { inWorker } = await import('../../dist/in-worker.js')
      await throws(() => inWorker(new URL('../entries/none.mjs', import.meta.url)), 'WorkerError', /^inWorker: the worker c/, 'no module')
    },
  ],
]
