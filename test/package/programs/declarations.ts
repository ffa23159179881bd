// Everything that a user exports can be written into declarations, and named.

import type {
  Callback,
  DenseOptions,
  EpochRecord,
  LossFunction,
  LossOptions,
  Optimizer,
  OptimizerState,
  Rule,
  Schedule,
  StepContext,
  TrainOptions,
} from 'fluxtape'
import {
  Adam,
  AdamW,
  bernoulli,
  Chain,
  ClipNorm,
  customGradient,
  DataLoader,
  Dense,
  glorotUniform,
  gradient,
  jit,
  kFolds,
  layer,
  loadSafetensors,
  memory,
  mse,
  OptimizerChain,
  ones,
  optimizerState,
  params,
  pullback,
  relu,
  rule,
  saveSafetensors,
  setup,
  splitObs,
  state,
  type Tensor,
  threads,
  throttle,
  train,
  variant,
  withGradient,
  zeros,
} from 'fluxtape'
import { digits } from 'fluxtape/datasets'

export const opt = Adam(1e-3)
export const decayed = AdamW(1e-3, { lambda: 0.1 })
export const clipped = OptimizerChain(ClipNorm(1), opt)
export const Sign = rule('Sign', { hyper: { eta: 0.1 }, step: ({ eta }, _slots, _x, g) => g.sign().mul(eta) })
export const sign = Sign(0.1)
export const model = Chain(
  Dense(2, 3, relu),
  layer('Own', { w: ones([3]) }, (self, x: Tensor) => x.mul(self.w)),
)
export const named = Chain({ hidden: Dense(2, 3) })
export const prepared = setup(opt, model)
export const ps = params(model)
export const loss = jit((x: Tensor, y: Tensor) => mse(model(x), y))
export const data = new DataLoader([ones([4, 2]), ones([4, 3])], { batchSize: 2 })
export const run = train(loss, ps, data, opt)
export const history = await run
export const grads = gradient(() => model(ones([1, 2])).sum(), ps)
export const [tree] = gradient(m => m(ones([1, 2])).sum(), model)
export const valued = withGradient((x: Tensor) => x.sum(), ones([2]))
export const pulled = pullback((x: Tensor) => x.exp(), ones([2]))
export const own = customGradient(
  (x: Tensor) => x,
  g => g,
)
export const parts = splitObs([ones([4, 2]), ones([4])], { at: 0.5 })
export const folds = kFolds(ones([4, 2]), 2)
export const slots = optimizerState(opt, ps)
export const file = loadSafetensors(saveSafetensors(state(model)))
export const slowly = throttle((context: StepContext) => context.loss, 1)
export const used = memory()
export const running = threads()
export const kernels = variant()
export const set = digits()
export const initialize = glorotUniform({ gain: 2 })
export const coin = bernoulli(0.5, [2])
export class Batches extends DataLoader<Tensor> {}
export const nested = zeros([2, 2]).toArray()

export function configured(
  dense: DenseOptions,
  options: TrainOptions,
  losses: LossOptions,
  schedule: Schedule,
  optimizer: Optimizer,
  before: OptimizerState,
  epoch: (record: EpochRecord) => void,
  callback: Callback,
  f: LossFunction,
  one: Rule<{ eta: number }>,
): unknown[] {
  return [dense, options, losses, schedule, optimizer, before, epoch, callback, f, one]
}
