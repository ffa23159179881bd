// The ABI: everything exported to TypeScript, and nothing else.

export * from './kernels'
export { fork, join, serve } from './parallel'
export { abi, run } from './run.generated'
export { fused, wide } from './variant'

import { fused } from './variant'

/** Where the static data ends; the build checks it against the variant's range. */
export function staticEnd(): usize {
  return __heap_base
}

/** Does it multiply and add in one rounding? */
export function isRelaxed(): bool {
  return fused !== 0
}
