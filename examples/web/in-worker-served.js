// The module of the worker that in-worker.js starts. An import map holds for a page, not for its workers: here stand the addresses of the files.
import { digits } from '../../dist/datasets.js'
import { Adam, accuracy, Chain, DataLoader, Dense, logitCrossEntropy, params, relu, state, threads, train } from '../../dist/fluxtape.js'
import { serve } from '../../dist/in-worker.js'

const { train: trainSet, test: testSet } = digits()
const data = new DataLoader(trainSet, { batchSize: 64, shuffle: true })

serve({
  /** Trains a new network; gives its weights. */
  async fit({ epochs, hidden }, { onEpoch, signal }) {
    const model = Chain(Dense(64, hidden, relu), Dense(hidden, 10))
    const loss = (x, y) => logitCrossEntropy(model(x), y)
    const tell = ({ epoch, loss }) => onEpoch({ epoch, loss, right: accuracy(model, testSet), threads: threads().count })
    await train(loss, params(model), data, Adam(1e-3), { epochs, signal, callbacks: { onEpoch: tell } })
    return state(model)
  },
})
