// The ABI: everything exported to TypeScript, and nothing else.

export * from './compare'
export { gemm, gemmPackA, gemmPackB } from './gemm/gemm'
export * from './indexing'
export * from './movement'
export * from './optimizer'
export * from './pointwise'
export * from './random'
export * from './reduce'
export * from './softmax'

/** Where the static data ends; the build checks it against the variant's range. */
export function staticEnd(): usize {
  return __heap_base
}
