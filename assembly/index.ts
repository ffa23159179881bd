// The ABI: everything exported to TypeScript, and nothing else.
export * from './pointwise'
export * from './compare'
export * from './movement'
export * from './reduce'
export * from './softmax'
export * from './indexing'
export { gemm, gemmPackA, gemmPackB } from './gemm/gemm'
export * from './random'
export * from './optimizer'

/** Where the static data ends; the build checks it against the variant's range. */
export function staticEnd(): usize { return __heap_base }
