// The kernels: plain functions over a range of their units of work, the last two parameters. Any range can run on any thread.

export * from './compare'
export { gemm, gemmPackA, gemmPackB } from './gemm/gemm'
export * from './indexing'
export * from './losses'
export * from './movement'
export * from './optimizer'
export * from './pointwise'
export * from './pointwise-int'
export * from './random'
export * from './reduce'
export * from './slopes'
export * from './softmax'
