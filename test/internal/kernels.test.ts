// Every kernel, called raw: a range may be cut anywhere and its pieces run in any order, by any thread, with the same bits.
import { variant } from 'fluxtape'
import { afterEach, describe, expect, it } from 'vitest'
import { NONE } from '../../src/wasm/kinds.ts'
import { f32 } from '../../src/wasm/memory.ts'
import { isWide, useWide } from '../../src/wasm/module.ts'
import { multiply, products, reference, ways } from './kernel-gemm.ts'
import { kernelRows } from './kernel-table.ts'
import { tiled } from './kernel-tiles.ts'
import { Arena, checkTrial } from './kernel-trials.ts'

/** How often a range is cut. */
const rounds = process.env.FLUXTAPE_NIGHTLY ? 10 : 2

const before = isWide
afterEach(() => useWide(before))

/** The kernels that have tiles of their own for wide vectors. */
const joining = ['gemm', 'convTiles', 'attention', 'attentionGradient']
const rows = [
  ...kernelRows.map(row => [false, ...row] as const),
  ...kernelRows.filter(([name]) => joining.includes(name)).map(row => [true, ...row] as const),
]

describe('any cut of the range gives the same bits', () => {
  it.each(rows)('wide vectors: %s, %s', (wide, kernel, trials) => {
    useWide(wide)
    const arena = new Arena(kernel.length)
    const wrong: string[] = []
    let wrote = false
    for (const trial of trials(arena)) {
      const found = checkTrial(kernel, trial, arena.random, kernel.startsWith('gemm') ? 1 : rounds)
      wrong.push(...found.wrong)
      wrote ||= found.wrote
      arena.free()
    }
    expect(wrong).toEqual([])
    expect(wrote).toBe(true)
  })
})

describe('the check of a kernel', () => {
  type Range = (begin: number, end: number, n: number) => readonly [number, number]

  /** What the check says of a kernel in TypeScript that writes out[i] = value(i) over `range` of what it was asked for. */
  const check = (range: Range, value: (i: number, begin: number) => number = i => i + 0.5) => {
    const arena = new Arena(1)
    const n = 16
    const out = arena.floats(n)
    const run = (begin: number, end: number) => {
      const [from, to] = range(begin, end, n)
      for (let i = from; i < to; i++) f32[(out.pointer >>> 2) + i] = value(i, begin)
    }
    const { wrong } = checkTrial('count', { name: 'to 16', units: n, writes: [out], run }, arena.random, 5)
    arena.free()
    return wrong.join('\n')
  }

  it('passes what is right', () => {
    expect(check((begin, end) => [begin, end])).toBe('')
  })

  it('finds a range that is ignored', () => {
    expect(check((_, __, n) => [0, n])).toMatch(/writes at 0, where/)
  })

  it('finds a vector too many, even of the right values', () => {
    expect(check((begin, end, n) => [begin, Math.min(n, Math.ceil(end / 4) * 4)])).toMatch(/writes at \d+, where/)
  })

  it('finds an empty range that writes', () => {
    expect(check((begin, end, n) => [begin, begin === end ? Math.min(n, end + 1) : end])).toMatch(/the empty range/)
  })

  it('finds an element too few', () => {
    expect(check((begin, end) => [begin + (begin > 0 ? 1 : 0), end])).toMatch(/give other bits/)
  })

  it('finds bits that depend on where a piece begins', () => {
    expect(
      check(
        (begin, end) => [begin, end],
        (i, begin) => ((i - begin) % 4 === 3 ? i : i + 2 ** -20),
      ),
    ).toMatch(/give other bits/)
  })
})

describe.each([false, true])('gemm, wide vectors: %s', wide => {
  it('multiplies as three plain loops do, however A and B are read and C is cut into units', () => {
    useWide(wide)
    const arena = new Arena(5)
    const wrong: string[] = []
    let count = 0
    for (const product of products()) {
      const orders = [false, true].map(isInner => ({ ...reference(product, isInner), first: undefined as Float32Array | undefined }))
      for (const { name, units, run, c, isInner } of ways(arena, product)) {
        run(0, units)
        const order = orders[Number(isInner)]
        const { c: wanted, sizes } = order
        const got = f32.slice(c.pointer >>> 2, (c.pointer >>> 2) + wanted.length)
        const first = (order.first ??= got)
        // The baseline rounds each product, as the loops do; a fused sum is held to the rounding errors of its terms.
        const close = (i: number) => (variant() === 'baseline' ? got[i] === wanted[i] : Math.abs(got[i] - wanted[i]) <= 3e-7 * sizes[i])
        const far = got.findIndex((value, i) => !close(i) || value !== first[i])
        if (far >= 0) wrong.push(`${name}: ${got[far]} at ${far}, in other ways ${first[far]}, in plain loops ${wanted[far]}`)
        arena.free()
        count++
      }
    }
    expect(wrong.slice(0, 5)).toEqual([])
    expect(count).toBeGreaterThan(500)
  })

  it('reads one matrix again for the whole batch where its stride is 0', () => {
    const arena = new Arena(6)
    const [M, N, K, batch] = [3, 4, 2, 5]
    const [a, b, c] = [arena.floats(M * K), arena.floats(batch * K * N), arena.floats(batch * M * N)]
    const ofA = { a: a.pointer, rowA: K, columnA: 1, batchA: 0 }
    const ofB = { b: b.pointer, rowB: N, columnB: 1, batchB: K * N }
    multiply({ ...ofA, ...ofB, c: c.pointer, bias: NONE, epilogue: 0, M, N, K, rows: M }, 0, batch)
    const [x, y, z] = [a, b, c].map(({ pointer, bytes }) => f32.slice(pointer >>> 2, (pointer + bytes) >>> 2))
    for (let at = 0; at < z.length; at++) {
      const [n, i, j] = [Math.floor(at / (M * N)), Math.floor(at / N) % M, at % N]
      expect(z[at]).toBeCloseTo(x[i * K] * y[n * K * N + j] + x[i * K + 1] * y[n * K * N + N + j], 5)
    }
    arena.free()
  })
})

describe.each([false, true])('the passes of a convolution, wide vectors: %s', wide => {
  it.each(['convForward', 'convInput', 'convWeight'] as const)('%s adds what plain loops in double precision do', side => {
    useWide(wide)
    const arena = new Arena(11)
    const found: string[] = []
    for (const { steps, wrong } of tiled(side, arena)) {
      for (const { run, units } of steps) run(0, units)
      found.push(...[wrong() ?? []].flat())
      arena.free()
    }
    expect(found).toEqual([])
  })
})
