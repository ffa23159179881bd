// A small training that is saved and taken up again, wherever the suite runs: the hash of all that it ended with.
import { digest, hex } from './sha256.mjs'

/** The steps after which the run of another runtime was stopped, in the midst of an epoch. */
export const HANDED_STEP = 7

/** Trains in the deterministic mode. Leaves the mode as it is by default. */
export async function trainRun(lib, options = {}) {
  await lib.configure({ deterministic: true })
  try {
    lib.manualSeed(3)
    const x = lib.rand([40, 4])
    const y = x.sum(1, { keepDims: true })
    const model = lib.Chain(lib.Dense(4, 16), lib.BatchNorm(16, lib.relu), lib.Dropout(0.2), lib.Dense(16, 1))
    const [ps, opt] = [lib.params(model), lib.Adam(0.01)]
    const data = new lib.DataLoader([x, y], { batchSize: 8, shuffle: true })
    const { steps } = await lib.train((a, b) => lib.mse(model(a), b), ps, data, opt, { epochs: 4, ...options })
    const parts = [...lib.state(model), ...lib.optimizerState(opt, ps)].map(([path, each]) => {
      const values = typeof each === 'number' ? each : [...new Uint8Array(each.data().buffer)]
      return `${path} ${values}`
    })
    const text = [...parts, ...steps.map(({ step, epoch, loss }) => `${step} ${epoch} ${loss}`)].join('\n')
    return { hash: hex(digest(new TextEncoder().encode(text))), steps: steps.length }
  } finally {
    await lib.configure({ deterministic: false })
  }
}
