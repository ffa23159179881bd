/** Rows of the kernel table: rows of a table in bags, and positions. */
import { writeBags } from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import type { KernelRow } from './kernel-table.ts'
import type { Arena, Trial } from './kernel-trials.ts'

const sizes = [0, 1, 3, 4, 5, 15, 16, 17, 33, 67]

/** Bags of two, or by offsets with an empty one, of a table of five rows. */
const bags = (name: 'sumBags' | 'addBags' | 'maxBags'): KernelRow => [
  name,
  function* (arena) {
    for (const inner of sizes.slice(1)) {
      for (const [isMean, padding, hasOffsets] of [
        [0, -1, false],
        [1, -1, true],
        [1, 2, false],
        [0, 3, true],
      ] as const) {
        // biome-ignore format: one line
        const [size, count, many] = [5, 8, 4]
        const [table, rows] = [arena.floats(size * inner, { odd: true }), arena.floats(many * inner, { odd: true })]
        const indices = arena.ints(count, 0, size).pointer
        const offsets = hasOffsets ? arena.words([0, 0, 3, 7]) : NONE
        const status = arena.words([0])
        const record = {
          table: table.pointer,
          indices,
          offsets,
          bags: rows.pointer,
          size,
          count,
          many,
          per: 2,
          inner,
          padding,
          isMean,
          status,
        }
        const run = (begin: number, end: number) => {
          writeBags(i32, SCRATCH.descriptor >>> 2, record)
          wasm[name](SCRATCH.descriptor, begin, end)
        }
        const units = name === 'addBags' ? Math.ceil(inner / 16) : many
        yield {
          name: `inner ${inner}, ${hasOffsets ? 'offsets' : 'of two'}, padding ${padding}`,
          units,
          writes: [name === 'addBags' ? table : rows],
          run,
        }
      }
    }
  },
]

function* oneHots(arena: Arena): Iterable<Trial> {
  for (const rows of sizes) {
    const [x, out, status] = [arena.bytes(rows * 3, 1), arena.ints(rows), arena.words([0])]
    wasm.oneHot(arena.ints(rows, 0, 3).pointer, x.pointer, 3, status, 0, rows)
    yield {
      name: `${rows} rows`,
      units: rows,
      writes: [out],
      run: (begin, end) => wasm.fromOneHot(x.pointer, out.pointer, 3, status, begin, end),
    }
  }
}

function* tables(arena: Arena): Iterable<Trial> {
  for (const half of [1, 2, 3, 4, 5, 7, 8, 9]) {
    for (const positions of [NONE, arena.ints(7, -1e6, 1e9).pointer]) {
      const out = arena.floats(7 * 2 * half)
      const run = (begin: number, end: number) => wasm.angles(positions, 3, out.pointer, half, 0.75, 1e-9, begin, end)
      yield { name: `half ${half}`, units: 7, writes: [out], run }
    }
  }
}

function* turns(arena: Arena): Iterable<Trial> {
  for (const half of [1, 3, 4, 5, 8, 13]) {
    for (const isNext of [0, 1]) {
      const [x, out] = [arena.floats(12 * 2 * half, { odd: true }), arena.floats(12 * 2 * half)]
      const angles = arena.floats(3 * 2 * half).pointer
      const run = (begin: number, end: number) => wasm.rotate(x.pointer, angles, out.pointer, half, 2, 3, isNext, -1, begin, end)
      yield { name: `half ${half}, ${isNext ? 'neighbours' : 'halves'}`, units: 12, writes: [out], run }
    }
  }
}

export const embeddingRows: readonly KernelRow[] = [
  ...(['sumBags', 'addBags', 'maxBags'] as const).map(bags),
  ['fromOneHot', oneHots],
  ['angles', tables],
  ['rotate', turns],
]
