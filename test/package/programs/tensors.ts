// Tensors as numbers, and options that may be undefined.
import { abs, add, matmul, mean, mse, ones, rand, type TrainOptions, tensor, throttle, zeros } from 'fluxtape'

const x = tensor([
  [1, 2],
  [3, 4],
])
export const rows: number[][] = x.toArray()
export const read: readonly (readonly number[])[] = x.toArray()
export const cube: number[][][] = x.toArray()
export const flags: boolean[] = x.greater(1).toArray()
export const scalar: number = x.sum().toArray()
export const inferred = x.toArray().valueOf()
function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
export const sum = total(x.flatten(0).toArray())
export const explicit = x.toArray<number[][]>()[0]?.[1]
export const text: string[] = x.toArray() // error 2322 at text

interface Settings {
  readonly epochs?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly seed?: number | undefined
}
export function options({ epochs, signal }: Settings): TrainOptions {
  return { epochs, signal, callbacks: undefined, progress: undefined, validation: undefined, onDiverged: undefined, trace: undefined }
}
export const keepDims: boolean | undefined = undefined
export const results = [
  x.mean(0, { keepDims }),
  mean(x, undefined, { keepDims }),
  x.norm(0, { p: undefined, keepDims }),
  x.sum(0, { keepDims }),
  matmul(x, x, { transposeLeft: undefined }),
  zeros([2], { dtype: undefined }),
  rand([2], { low: undefined, high: 2 }),
  mse(x, x, { agg: undefined }),
]
export const slow = throttle(abs, 1, { leading: undefined })

export const wrongOption = x.mean(0, { keepdims: true }) // error 2561 at keepdims
export const wrongType = zeros([2], 'int32') // error 2559 at 'int32'
export const surplus = x.mean(0, {}, true) // error 2554 at true
export const operators = x * 2 // error 2362 at x *
export const noTensor = add(x, 'a') // error 2345 at 'a'
x.shape[0] = 9 // error 2542 at x.shape[0]
x.size = 3 // error 2540 at size
ones([2]).requires_grad = true // error 2339 at requires_grad
