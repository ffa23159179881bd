// The first program that a user writes.
import { Adam, Dense, gradient, mse, params, type Tensor, tensor, train } from 'fluxtape'
import { type Digits, digits } from 'fluxtape/datasets'
import { init } from 'fluxtape/edge'

const {
  train: [x, y],
}: Digits = digits()
const model = Dense(64, 1)
const loss = (a: Tensor, b: Tensor): Tensor => mse(model(a).squeeze(-1), b)
const shape: readonly number[] = x.shape
const [slope] = gradient((a: Tensor) => a.mul(a).sum(), tensor(shape))
await train(loss, params(model), [[x, y.cast('float32')]], Adam(1e-3), { epochs: 1 })
export const result: number = slope.sum().item()
export const start = init
