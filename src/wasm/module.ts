import { FluxtapeError, refuseSurplus } from '../errors.ts'
import type { Kernels } from './kernels.generated.ts'
import { memory } from './memory.ts'

/**
 * The build of the kernels that is in use: `relaxed` multiplies and adds in one rounding where the machine can, `baseline` in two and
 * so gives the same bits everywhere.
 */
export type Variant = 'relaxed' | 'baseline'

/** Gives the compiled kernels of a variant; throws where there are none. */
export type ModuleSource = (variant: Variant) => WebAssembly.Module

let source: ModuleSource = variant => {
  throw noKernels(`the ${variant} ones were asked for`)
}
let current: Variant = 'baseline'
/** Do the kernels work on neighbouring vectors at once, for an engine that makes one of them? The bits are the same. */
export let isWide = false

/** The kernels of the variant in use; call them through kernels.generated.ts. An entry provides them; until then each call says so. */
export let wasm: Kernels & { readonly wide: { value: number } } = new Proxy({} as typeof wasm, {
  get(_, name) {
    throw noKernels(`${String(name)} was called`)
  },
})

function noKernels(came: string): FluxtapeError {
  return new FluxtapeError({
    operation: 'fluxtape/edge',
    problem: 'there are no kernels yet',
    came,
    wayOut: 'Call init({ module }) first, with a compiled fluxtape/baseline.wasm or fluxtape/relaxed.wasm.',
  })
}

/** Takes the kernels from `from` and the best of them into use. */
export function provide(from: ModuleSource): void {
  source = from
  useBest()
}

/** Which variant of the kernels is in use.
 * @example ['relaxed', 'baseline'].includes(variant()) // true */
export function variant(): Variant {
  if (arguments.length > 0) refuseSurplus('variant', 0, arguments)
  return current
}

/** The compiled module of the variant in use, for the workers. */
export function compiledModule(): WebAssembly.Module {
  return source(current)
}

/** Changes the variant. Throws where the runtime does not know the instructions. */
export function useVariant(wanted: Variant): void {
  wasm = instantiate(source(wanted))
  current = wanted
  if (isWide) useWide(true)
}

/** Says whether neighbouring vectors become one here. */
export function useWide(wanted: boolean): void {
  isWide = wanted
  wasm.wide.value = Number(wanted)
}

/** The best variant that there is and that this runtime accepts. */
export function useBest(): void {
  try {
    return useVariant('relaxed')
  } catch {
    // The runtime knows none or only some of the instructions, as WebKit does, or only the other variant was given.
  }
  useVariant('baseline')
}

export function instantiate(module: WebAssembly.Module): typeof wasm {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as typeof wasm
}
