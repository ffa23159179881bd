import { MemoryError, type Optimizer, optimizerState, type Params, type Tensor } from 'fluxtape'
import { failAllocation } from '../../src/wasm/guard.ts'

/** Runs `f` with its nth allocation (from 0) and all later ones failing: what it gave, or that it threw a MemoryError. Any other error goes on. */
export function failingAt<T>(n: number, f: () => T): { failed: true } | { failed: false; value: T } {
  failAllocation(n)
  try {
    return { failed: false, value: f() }
  } catch (error) {
    if (error instanceof MemoryError) return { failed: true }
    throw error
  } finally {
    failAllocation(Number.POSITIVE_INFINITY)
  }
}

/** Lets every allocation of `f` fail in turn; `check` runs after each failure. Returns how many there were, and what `f` gave in the end. */
export function failingEverywhere<T>(f: () => T, check: (n: number) => void): { failures: number; value: T } {
  for (let n = 0; n < 10_000; n++) {
    const result = failingAt(n, f)
    if (!result.failed) return { failures: n, value: result.value }
    check(n)
  }
  throw new Error('it never comes through')
}

/** The bits of a tensor's elements. */
export function bitsOf(x: Tensor): number[] {
  const data = x.data()
  return [...new Uint32Array(data.buffer, data.byteOffset, data.byteLength / 4)]
}

/** All that a training step changes: the bits of parameters and of the optimizer's state. */
export function trainingState(ps: Params, optimizer: Optimizer): Record<string, number | number[]> {
  const state: Record<string, number | number[]> = {}
  for (const [path, parameter] of ps.entries()) state[path] = bitsOf(parameter)
  for (const [path, value] of optimizerState(optimizer, ps)) state[`optimizer ${path}`] = typeof value === 'number' ? value : bitsOf(value)
  return state
}
