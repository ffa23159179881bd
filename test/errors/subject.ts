// What the tables of training and updates have in common: a small model, a batch for it, and a loss.
import { Dense, mse, ones, params, type Tensor, tensor, zeros } from 'fluxtape'

export const w = ones([3])
export const model = Dense(tensor([[1, -1]]), tensor([0]))
export const ps = params(model)
export const x = ones([4, 2])
export const y = zeros([4, 1])
export const loss = (input: Tensor, target: Tensor) => mse(model(input), target)
