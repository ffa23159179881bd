// The library without its kernels, for runtimes and pages that compile nothing themselves or start no worker from text: `init` takes both.
import { refuseRecording } from './configure.ts'
import { checkOptions, FluxtapeError, kindOf, refuseSurplus, typeError } from './errors.ts'
import { ABI } from './wasm/kernels.generated.ts'
import { instantiate, provide, type Variant, variant } from './wasm/module.ts'
import { withoutThreads } from './wasm/pool.ts'
import { useScript } from './wasm/threads.ts'

export * from './index.ts'

/** What `init` takes from outside: the kernels and the workers' script. */
export interface EdgeOptions {
  /** The package's `fluxtape/baseline.wasm` or `fluxtape/relaxed.wasm`, compiled. */
  readonly module: WebAssembly.Module
  /** Where the package's `fluxtape/worker.js` lies, of the page's own origin; left out: one thread. */
  readonly worker?: string | URL | undefined
}

/**
 * Takes the kernels, and the workers' script, into use; to be called before anything is computed. Returns the variant of the kernels:
 * `relaxed` is the fastest, `baseline` the one that runs everywhere and gives the same bits everywhere, which `configure({ deterministic: true })`
 * needs. Throws TypeError for what is no compiled module and while a gradient is being taken, FluxtapeError for a module of something else or
 * of another version.
 *
 * @example
 * // In a Cloudflare Worker: import module from 'fluxtape/baseline.wasm', then await init({ module }).
 * // In a page: await init({ module: await WebAssembly.compileStreaming(fetch(address)), worker: './worker.js' }).
 * await init({ module: 'baseline.wasm' }) // throws TypeError
 */
export async function init(options: EdgeOptions): Promise<Variant> {
  checkOptions('init', options, ['module', 'worker'])
  if (arguments.length > 1) refuseSurplus('init', 1, arguments)
  refuseRecording('init')
  const { module, worker } = options
  if (Object.prototype.toString.call(module) !== '[object WebAssembly.Module]') {
    throw typeError(
      'init',
      `module must be a compiled WebAssembly.Module, not ${kindOf(module)}`,
      '',
      'WebAssembly.compile(bytes) makes one.',
    )
  }
  const given = variantOf(module)
  await withoutThreads(() => {
    useScript(worker === undefined ? undefined : { url: worker })
    provide(wanted => {
      if (wanted === given) return module
      throw new FluxtapeError({
        operation: 'fluxtape/edge',
        problem: `there are no ${wanted} kernels`,
        came: `init was given fluxtape/${given}.wasm`,
        wayOut: `Call init({ module }) with fluxtape/${wanted}.wasm.`,
      })
    })
  })
  return variant()
}

/** Throws FluxtapeError unless the module was built together with this file. */
function variantOf(module: WebAssembly.Module): Variant {
  try {
    const kernels = instantiate(module)
    if (kernels.abi() === ABI) return kernels.isRelaxed() ? 'relaxed' : 'baseline'
  } catch {
    // It imports something else, or exports nothing of the kind.
  }
  throw new FluxtapeError({
    operation: 'init',
    problem: 'this module does not belong to this version of fluxtape',
    wayOut: 'Compile the baseline.wasm or relaxed.wasm that lies beside this edge.js.',
  })
}
