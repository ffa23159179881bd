import compileBaseline from '../../build/baseline.wasm'
import compileRelaxed from '../../build/relaxed.wasm'
import { FluxtapeError } from '../errors.ts'
import type { Kernels } from './kernels.generated.ts'
import { memory } from './memory.ts'

/**
 * The build of the kernels that is in use: `relaxed` multiplies and adds in one rounding where the machine can, `baseline` in two and
 * so gives the same bits everywhere.
 */
export type Variant = 'relaxed' | 'baseline'

let current: Variant = 'relaxed'
const compiled: Partial<Record<Variant, WebAssembly.Module>> = {}

/** The kernels of the variant in use; call them through kernels.generated.ts. */
export let wasm: Kernels = best()

/** Which variant of the kernels is in use.
 * @example ['relaxed', 'baseline'].includes(variant()) // true */
export function variant(): Variant {
  return current
}

/** The compiled module of the variant in use, for the workers. */
export function compiledModule(): WebAssembly.Module {
  return compile(current)
}

/** Changes the variant. Throws where the runtime does not know the instructions. */
export function useVariant(wanted: Variant): void {
  wasm = instantiate(wanted)
  current = wanted
}

/** The best variant that this runtime accepts. */
export function useBest(): void {
  wasm = best()
}

/** Does the runtime know fused multiply-add? Asked by a module of one, so that kernels in vain need not be unpacked to find out. */
function knowsRelaxed(): boolean {
  const splat = [0x41, 0, 0xfd, 0x0f]
  const start = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 0x0a, 0x13, 1, 0x11, 0]
  return WebAssembly.validate(Uint8Array.from([...start, ...splat, ...splat, ...splat, 0xfd, 0x85, 2, 0x0b]))
}

function best(): Kernels {
  try {
    if (knowsRelaxed()) {
      const kernels = instantiate('relaxed')
      current = 'relaxed'
      return kernels
    }
  } catch {
    // It knows some of the instructions, not all: WebKit does.
  }
  try {
    const kernels = instantiate('baseline')
    current = 'baseline'
    return kernels
  } catch (error) {
    throw forbidden(error)
  }
}

/** What an engine says of a policy that forbids wasm does not say what to do. */
function forbidden(cause: unknown): FluxtapeError {
  const error = new FluxtapeError({
    operation: 'fluxtape',
    problem: 'WebAssembly cannot be compiled here',
    came: cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause),
    wayOut:
      "Under a Content-Security-Policy, script-src needs 'wasm-unsafe-eval'; without one, the runtime is too old: it needs SIMD and threads.",
  })
  error.cause = cause
  return error
}

function compile(wanted: Variant): WebAssembly.Module {
  return (compiled[wanted] ??= wanted === 'relaxed' ? compileRelaxed() : compileBaseline())
}

function instantiate(wanted: Variant): Kernels {
  return new WebAssembly.Instance(compile(wanted), { env: { memory } }).exports as unknown as Kernels
}
