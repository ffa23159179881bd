import { Adam, accuracy, Chain, DataLoader, Dense, logitCrossEntropy, params, relu, threads, train, variant } from 'fluxtape'
import { digits } from 'fluxtape/datasets'

/** Learns the digits, on two threads where the page may share memory, and says how well. */
export async function learn() {
  const { count } = await threads(2)
  const { train: trainSet, test: testSet } = digits()
  const model = Chain(Dense(64, 32, relu), Dense(32, 10))
  const loss = (x, y) => logitCrossEntropy(model(x), y)
  const data = new DataLoader(trainSet, { batchSize: 64, shuffle: true, seed: 1 })
  await train(loss, params(model), data, Adam(3e-3), { epochs: 10 })
  return { accuracy: accuracy(model, testSet), threads: count, variant: variant() }
}
