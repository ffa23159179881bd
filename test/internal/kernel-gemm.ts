/** Products of matrices as the kernels of assembly/gemm take them, and the same in three plain loops. */
import { type Gemm, type Kernels, writeGemm, writePackA, writePackB } from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { f32, i32, SCRATCH } from '../../src/wasm/memory.ts'
import { variant, wasm } from '../../src/wasm/module.ts'
import { type Arena, type Block, randomness, type Trial } from './kernel-trials.ts'

/** Inner dimensions around nothing, vectors, both blocks of k (512 and 1024) and two of the smaller. */
const inner = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 255, 256, 257, 511, 512, 513, 783, 784, 785, 1023, 1024, 1025]
/** [M, N, batch] around the tiles (6 or 5 rows, 8 or 4 columns). */
const outer: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [4, 4, 3],
  [5, 7, 1],
  [6, 8, 2],
  [7, 12, 1],
  [13, 17, 2],
  [19, 20, 1],
]
const isNight = process.env.FLUXTAPE_NIGHTLY !== undefined

/** [M, N, batch] around the tiles of inner products: 1 to 4 rows and columns, and the rows from which three columns are taken. */
const small: readonly (readonly [number, number, number])[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap(M => [1, 2, 3, 4, 5, 6, 7, 8, 9].map(N => [M, N, 1 + ((M + N) % 2)] as const)),
  ...[23, 24, 25, 26].flatMap(M => [3, 10, 16].map(N => [M, N, 1] as const)),
]

export interface Product {
  readonly name: string
  readonly M: number
  readonly N: number
  readonly K: number
  readonly batch: number
  /** Are A and B stored transposed? */
  readonly left: boolean
  readonly right: boolean
  readonly a: Float32Array
  readonly b: Float32Array
  readonly bias: Float32Array | undefined
  /** Does relu follow? */
  readonly relu: boolean
}

/**
 * Every inner dimension with every outer one, in turn with each transposition, and small products of rows with rows; with and without a bias
 * and relu. Of the small ones every other size by day: the next inner dimension has the others.
 */
export function* products(): Iterable<Product> {
  const random = randomness(3)
  const numbers = (n: number) => Float32Array.from({ length: n }, () => 2 * random() - 1)
  const product = (K: number, i: number, [M, N, batch]: readonly [number, number, number], left: boolean, right: boolean): Product => {
    const name = `${batch} of ${M} x ${N} x ${K}${left ? ', A transposed' : ''}${right ? ', B transposed' : ''}`
    const bias = i % 2 === 0 ? numbers(N) : undefined
    const relu = (i + K) % 3 === 0
    return { name, M, N, K, batch, left, right, a: numbers(batch * M * K), b: numbers(batch * K * N), bias, relu }
  }
  for (const K of inner) {
    for (const [i, sizes] of outer.entries()) {
      const some = K < 20 ? transpositions : [transpositions[(i + K) % 4], transpositions[(i + K + 1) % 4]]
      for (const [left, right] of some) yield product(K, i, sizes, left, right)
    }
    if (K < 20) for (const [i, sizes] of small.entries()) if (isNight || (i + K) % 2 === 0) yield product(K, i, sizes, false, true)
  }
}
const transpositions = [
  [false, false],
  [false, true],
  [true, false],
  [true, true],
] as const

/**
 * The product in three loops, k innermost, as the contract has it: from 0, in the order of k, or in the order of inner products, then the
 * bias and relu. `sizes` is the sum of the products' sizes, by which rounding is judged where they are fused.
 */
export function reference(
  { M, N, K, batch, left, right, a, b, bias, relu }: Product,
  isInner: boolean,
): { c: Float32Array; sizes: Float32Array } {
  const c = new Float32Array(batch * M * N)
  const sizes = new Float32Array(batch * M * N)
  const fused = variant() === 'relaxed'
  const sums = new Float32Array(4)
  for (let at = 0; at < c.length; at++) {
    const [n, i, j] = [Math.floor(at / (M * N)), Math.floor(at / N) % M, at % N]
    sums.fill(0)
    const add = (k: number, lane: number) => {
      const product = a[n * M * K + (left ? k * M + i : i * K + k)] * b[n * K * N + (right ? j * K + k : k * N + j)]
      sums[lane] += fused ? product : Math.fround(product)
      sizes[at] += Math.abs(product)
    }
    const whole = isInner ? K - (K % 4) : 0
    // The last K % 4 lie in the last lanes; in the order of k there is one sum only.
    if (isInner) for (let k = whole; k < K; k++) add(k, 4 - K + k)
    for (let k = 0; k < (isInner ? whole : K); k++) add(k, isInner ? k % 4 : 0)
    const sum = isInner ? Math.fround(Math.fround(sums[0] + sums[2]) + Math.fround(sums[1] + sums[3])) : sums[0]
    const biased = sum + (bias?.[j] ?? 0)
    c[at] = relu ? Math.max(biased, 0) : biased
    sizes[at] += Math.abs(bias?.[j] ?? 0)
  }
  return { c, sizes }
}

const place = (arena: Arena, values: Float32Array): Block => {
  const block = arena.floats(values.length)
  f32.set(values, block.pointer >>> 2)
  return block
}

const WORDS = SCRATCH.descriptor

/** Writes the record of a product, and runs a part of it. */
export function multiply(record: Gemm, begin: number, end: number): void {
  writeGemm(i32, WORDS >>> 2, record)
  wasm.gemm(WORDS, begin, end)
}

const packedLength = ({ N, K, batch }: Product) => batch * K * Math.ceil(N / 4) * 4

function packB(product: Product, b: Block, out: Block, begin: number, end: number): void {
  const { N, K, right } = product
  const [rowB, columnB] = right ? [1, K] : [N, 1]
  writePackB(i32, WORDS >>> 2, { b: b.pointer, rowB, columnB, batchB: K * N, N, K, out: out.pointer })
  wasm.gemmPackB(WORDS, begin, end)
}

function packA({ M, K }: Product, a: Block, out: Block, stride: number, begin: number, end: number): void {
  writePackA(i32, WORDS >>> 2, { a: a.pointer, columnA: M, batchA: M * K, M, K, out: out.pointer, rowOut: stride })
  wasm.gemmPackA(WORDS, begin, end)
}

/** How B may be read: packed, in place row by row, and column by column, as inner products. */
function readings({ left, right, N, K }: Product): ('packed' | 'rows' | 'columns')[] {
  if (right) return !left && K >= 4 ? ['packed', 'columns'] : ['packed']
  return N % 4 === 0 ? ['packed', 'rows'] : ['packed']
}

/** The ways in which the same product may be computed: B packed or in place, A packed or in place, units of different heights. */
export function* ways(arena: Arena, product: Product): Iterable<Trial & { readonly c: Block; readonly isInner: boolean }> {
  const { name, M, N, K, batch, left, right } = product
  const stride = Math.ceil(K / 16) * 16 + 16
  for (const rows of new Set([M, Math.min(M, 5)])) {
    for (const reading of readings(product)) {
      for (const packsA of left ? [true, false] : [false]) {
        const packsB = reading === 'packed'
        const [a, b, c] = [place(arena, product.a), place(arena, product.b), arena.floats(batch * M * N)]
        const bias = product.bias ? place(arena, product.bias).pointer : NONE
        const panels = arena.floats(packsB ? packedLength(product) : 0)
        const copy = arena.floats(packsA ? batch * M * stride : 0)
        if (packsB) packB(product, b, panels, 0, batch * Math.ceil(N / 8))
        if (packsA) packA(product, a, copy, stride, 0, batch * Math.ceil(M / 16))
        const ofA = packsA
          ? { a: copy.pointer, rowA: stride, columnA: 1, batchA: M * stride }
          : { a: a.pointer, rowA: left ? 1 : K, columnA: left ? M : 1, batchA: M * K }
        const ofB = packsB
          ? { b: panels.pointer, rowB: 0, columnB: 0, batchB: packedLength(product) / batch }
          : { b: b.pointer, rowB: right ? 1 : N, columnB: right ? K : 1, batchB: K * N }
        const record = { ...ofA, ...ofB, c: c.pointer, bias, epilogue: Number(product.relu), M, N, K, rows }
        const run = (begin: number, end: number) => multiply(record, begin, end)
        const how = `${packsA ? ', A packed' : ''}, B ${packsB ? 'packed' : `by ${reading}`}, ${rows} rows a unit`
        const units = batch * Math.ceil(M / rows) * Math.ceil(N / 8)
        yield { name: `${name}${how}`, units, writes: [c], run, c, isInner: reading === 'columns' }
      }
    }
  }
}

/** Those of the products that differ in what `sizes` gives. */
function* differing(sizes: (product: Product) => readonly unknown[]): Iterable<Product> {
  const seen = new Set<string>()
  for (const product of products()) {
    const key = sizes(product).join()
    if (seen.has(key)) continue
    seen.add(key)
    yield product
  }
}

function* packingsA(arena: Arena): Iterable<Trial> {
  for (const product of differing(({ M, K, batch, left }) => [M, K, batch, left])) {
    const { name, left, M, K, batch } = product
    if (!left) continue
    const stride = Math.ceil(K / 16) * 16 + 16
    const [a, out] = [place(arena, product.a), arena.floats(batch * M * stride)]
    const run = (begin: number, end: number) => packA(product, a, out, stride, begin, end)
    yield { name, units: batch * Math.ceil(M / 16), writes: [out], run }
  }
}

function* packingsB(arena: Arena): Iterable<Trial> {
  for (const product of differing(({ N, K, batch, right }) => [N, K, batch, right])) {
    const [b, out] = [place(arena, product.b), arena.floats(packedLength(product))]
    const run = (begin: number, end: number) => packB(product, b, out, begin, end)
    yield { name: product.name, units: product.batch * Math.ceil(product.N / 8), writes: [out], run }
  }
}

function* multiplications(arena: Arena): Iterable<Trial> {
  for (const product of products()) yield* ways(arena, product)
}

export const gemmRows: readonly (readonly [keyof Kernels, (arena: Arena) => Iterable<Trial>])[] = [
  ['gemmPackA', packingsA],
  ['gemmPackB', packingsB],
  ['gemm', multiplications],
]
