// Wide vectors: V8 is asked to make one operation of two neighbouring ones, and the kernels to lay theirs out so. In Node; elsewhere it says why not.
import './ops/methods.ts'
import { scope } from './autodiff/lifetime.ts'
import { configure } from './configure.ts'
import { gelu } from './ops/activations.ts'
import { matmul } from './ops/matmul.ts'
import { exp, tanh } from './ops/pointwise.ts'
import { softmax } from './ops/softmax.ts'
import { tensor } from './tensor/create.ts'
import type { Tensor } from './tensor/tensor.ts'
import { variant } from './wasm/module.ts'
import { refuseMore } from './words.ts'

/** Whether kernels work on two neighbouring vectors at once, and why. */
export interface WideInfo {
  readonly on: boolean
  readonly reason: string
}

interface V8 {
  setFlagsFromString(flag: string): void
}

/** Where Node is, and what it says of itself. */
interface NodeProcess {
  readonly arch?: string
  readonly versions?: { readonly node?: string; readonly v8?: string; readonly bun?: string; readonly deno?: string }
  getBuiltinModule?(name: 'node:v8'): V8
}

const FLAG = '--experimental-wasm-revectorize'
/** Up to 12 it has the flag, and leaves products as they are. */
const OLDEST = 13
/** How long it may take until functions are compiled for speed, in milliseconds, and in how many rounds one after the other they must be faster then. */
const PATIENCE = 500
const ROUNDS = 3

/**
 * Are wide vectors on, and why or why not: `{ on, reason }`.
 *
 * Importing `fluxtape/wide` (`node --import fluxtape/wide train.mjs`, or the first import of a program) sets V8's flag
 * `--experimental-wasm-revectorize`, which engines of V8 call experimental, and has products use it. Then a few products and functions are computed until the engine has compiled them for
 * speed: unless they have the bits of narrow vectors, and are faster, all stays narrow, and the reason says so. It does nothing in other runtimes than
 * Node 24 and newer on an x86-64 processor.
 *
 * @example
 * const { on, reason } = wide()
 * typeof on // 'boolean'
 */
export function wide(): WideInfo {
  if (arguments.length > 0) refuseMore('wide', 0, arguments)
  return info
}

function switchOn(): WideInfo {
  const { process } = globalThis as { process?: NodeProcess }
  const { arch, versions = {} } = process ?? {}
  const v8 = process?.getBuiltinModule?.('node:v8')
  const off = (reason: string): WideInfo => ({ on: false, reason })
  if (!v8 || !versions.node || versions.bun || versions.deno)
    return off(`only Node takes a flag while it runs: another engine of V8 is started with ${FLAG}, and told by configure({ wide: true })`)
  if (Number.parseInt(versions.v8 ?? '', 10) < OLDEST) return off(`Node 24 or newer is needed: V8 is ${versions.v8}`)
  if (arch !== 'x64') return off(`an x86-64 processor is needed: this is ${arch}`)
  // So far they are compiled for a quick start, which knows no wide vectors.
  const problem = scope(() => {
    const given = inputs()
    const expected = samples(given).map(bitsOf)
    v8.setFlagsFromString(FLAG)
    return tried(given, expected)
  })
  if (problem === undefined) return { on: true, reason: `${FLAG} is set; samples had the bits of narrow vectors` }
  tiles(false)
  v8.setFlagsFromString(`--no-${FLAG.slice(2)}`)
  return off(problem)
}

/** Why to stay narrow, after trying; undefined if there is no reason. */
function tried(given: Inputs, expected: readonly Int32Array[]): string | undefined {
  const product = (): Tensor => matmul(given.a, given.b)
  const end = performance.now() + PATIENCE
  for (let faster = 0; faster < ROUNDS; ) {
    tiles(false)
    const narrow = shortest(product)
    tiles(true)
    faster = shortest(product) < 0.9 * narrow ? faster + 1 : 0
    const other = samples(given).findIndex((sample, i) => bitsOf(sample).some((word, at) => word !== expected[i][at]))
    if (other >= 0) return `${NAMES[other]} has other bits with ${FLAG}: start without it, as this engine computes wrongly`
    if (performance.now() > end) return `products are not faster with ${FLAG} here: wide vectors need AVX2`
  }
  return undefined
}

/** The kernels stay what they are otherwise. */
function tiles(wide: boolean): void {
  void configure({ wide, deterministic: variant() === 'baseline' })
}

const NAMES = ['a product', 'exp', 'tanh', 'gelu', 'softmax', 'a sum of integers']

/** Of what samples are computed. */
type Inputs = ReturnType<typeof inputs>

/** What is computed in either way, of `NAMES`: small, so that no thread is started. */
function samples({ a, b, whole }: Inputs): readonly Tensor[] {
  return [matmul(a, b), exp(a), tanh(a), gelu(a), softmax(a), whole.sum()]
}

function inputs() {
  const matrix = (rows: number, columns: number, by: number): Tensor =>
    tensor(
      Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(by * i)),
      [rows, columns],
    )
  return { a: matrix(48, 64, 1.7), b: matrix(64, 64, 2.3), whole: tensor(Int32Array.from({ length: 1000 }, (_, i) => i * i)) }
}

function shortest(f: () => Tensor): number {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 16; i++) {
    const start = performance.now()
    scope(f).dispose()
    least = Math.min(least, performance.now() - start)
  }
  return least
}

const bitsOf = (x: Tensor): Int32Array => new Int32Array(x.data().slice().buffer)

// At the end, where all that it needs is there.
const info = switchOn()
