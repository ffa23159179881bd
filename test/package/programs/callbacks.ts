// Metrics by name and ready callbacks, as programs write them.
import {
  accuracy,
  Dense,
  Descent,
  type EarlyStopping,
  earlyStopping,
  ema,
  logitCrossEntropy,
  logTo,
  type Metrics,
  ones,
  type PlateauOptions,
  params,
  patience,
  plateau,
  type RunningAverage,
  setup,
  type Tensor,
  tensor,
  train,
} from 'fluxtape'

const model = Dense(2, 2)
const data: [Tensor, Tensor] = [ones([2, 2]), tensor([0, 1])]
const average: RunningAverage = ema({ decay: 0.9 })
const stopping: EarlyStopping = earlyStopping({ metric: 'accuracy', mode: 'max', patience: 2 })
const lower: PlateauOptions = { metric: 'loss', factor: 0.5, minEta: 1e-6 }
const metrics: Metrics = { accuracy: (net: typeof model) => accuracy(net, data), one: () => 1, later: async () => tensor(1) }
const callbacks = [
  stopping,
  plateau(lower),
  average,
  logTo('build/types.jsonl', { every: 10 }),
  patience(({ loss, metrics: all }, { params: ps }) => loss < 1 && all?.one === 1 && ps.has(model.weight), 3),
  patience(({ step, loss }) => step > 1 && loss < 1, 3, { every: 'step' }),
]
const loss = (net: typeof model, x: Tensor, y: Tensor): Tensor => logitCrossEntropy(net(x), y)
const { epochs } = await train(loss, model, [data], setup(Descent(0.1), model), { epochs: 3, metrics, callbacks })
await train((x: Tensor, y: Tensor) => loss(model, x, y), params(model), [data], Descent(0.1), {
  metrics: { accuracy: () => accuracy(model, data) },
})
average.swap()
const isSwapped: boolean = average.isSwapped
average.dispose()
export const result: readonly [number | undefined, number | undefined, boolean] = [
  epochs[0]?.metrics?.accuracy,
  stopping.best?.value,
  isSwapped,
]
// @ts-expect-error
plateau({ restoreBest: true })
// @ts-expect-error
patience(({ step }) => step > 1, 3)
// @ts-expect-error
stopping.best = undefined
