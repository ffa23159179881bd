// The kernels and the workers' script as they lie in the bundle: importing is enough.
import compileBaseline from '../../build/baseline.wasm'
import compileRelaxed from '../../build/relaxed.wasm'
import { FluxtapeError } from '../errors.ts'
import { provide, type Variant } from './module.ts'
import { useScript } from './threads.ts'
import text from './worker.ts?source'

const compiled: Partial<Record<Variant, WebAssembly.Module>> = {}

useScript({ text })
provide(variant => (compiled[variant] ??= compile(variant)))

function compile(variant: Variant): WebAssembly.Module {
  try {
    if (variant === 'baseline') return compileBaseline()
    if (knowsRelaxed()) return compileRelaxed()
  } catch (error) {
    throw forbidden(error)
  }
  throw new WebAssembly.CompileError('relaxed SIMD is not known here')
}

/** Does the runtime know fused multiply-add? Asked by a module of one, so that kernels in vain need not be unpacked to find out. */
function knowsRelaxed(): boolean {
  const splat = [0x41, 0, 0xfd, 0x0f]
  const start = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 0x0a, 0x13, 1, 0x11, 0]
  return WebAssembly.validate(Uint8Array.from([...start, ...splat, ...splat, ...splat, 0xfd, 0x85, 2, 0x0b]))
}

/** What an engine says of a policy that forbids wasm does not say what to do. */
function forbidden(cause: unknown): FluxtapeError {
  const error = new FluxtapeError({
    operation: 'fluxtape',
    problem: 'WebAssembly cannot be compiled here',
    came: cause instanceof Error ? cause.message.replace(/\.$/, '') : String(cause),
    wayOut:
      "Under a Content-Security-Policy, script-src needs 'wasm-unsafe-eval'; a runtime that compiles nothing takes fluxtape/edge with a module; an old one lacks SIMD or threads.",
  })
  error.cause = cause
  return error
}
