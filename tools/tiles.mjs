// Prints assembly/gemm/tiles.generated.ts: the micro-kernels of the matrix product, one function a shape.
//
// binaryen does not unroll and locals cannot be indexed, so each accumulator is written out. Two things decide the speed:
// - One step of k a trip. Unrolled, binaryen (-O3) or V8 before 13 lifts the loads of several steps over the arithmetic and
//   the accumulators spill (3x12 fused: 87 % of the peak at one step, 51 % at two, 58 % at four).
// - Nothing after the loop but the stores. A branch, a call or even loads there make V8 before 13 store every accumulator to
//   the stack at each step (6x8 fused in Node 22: 94 % of the peak without, 18 to 45 % with). So the bias is not added here;
//   tiles at a ragged right edge are functions of their own, and store lane by lane, lanes beyond the edge first, onto
//   lane 0; and tiles are called through a table, because binaryen inlines a function with one caller.
// - Few instructions a step, which is what a step costs where another program shares the core, or the processor is narrow. Loops end with
//   their test (V8 jumps twice where one begins with it), compare with 0, and count down; and of an address that is passed in, V8 13 and
//   newer learn by a mask that its upper half is zero, or copy it at each step. 33 instructions became 29 (6x8 in Node 24 and 26).
// - Tiles of 16 columns join two panels, for engines that make one of two neighbouring vectors (V8's --experimental-wasm-revectorize). Such a pair must
//   come from one block of code: accumulators are loaded on one path, from C or from zeros. In other engines they spill (20 GFLOP/s).
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Widths of a panel in columns: 8, and 4 for a last panel of at most 4. */
export const widths = [8, 4]

/**
 * Rows of a tile. The tallest is 6 where the product is fused (twelve accumulators, two vectors of B, one value of A) and 5
 * where it takes a register more; 5 rows fused spill in V8 before 13 (38 % of the peak), so they are not used.
 */
const heights = [1, 2, 3, 4, { relaxed: 6, baseline: 5 }]

/** Rows of a tile of 16 columns: more do not pay where a product takes a register more. */
const wideHeights = [1, 2, 3, 4, 6]

const prefix = ragged => (ragged ? 'ragged' : 'tile')

/** Every tile: rows, vectors of four columns, and whether the last vector is cut. */
export const tiles = [false, true].flatMap(ragged =>
  widths.flatMap(width =>
    heights
      .flatMap(height => (typeof height === 'number' ? [height] : [height.relaxed, height.baseline]))
      .map(rows => ({ rows, vectors: width / 4, ragged, name: `${prefix(ragged)}${rows}x${width}` })),
  ),
)

const range = n => Array.from({ length: n }, (_, i) => i)

const parameters = [
  '  count: i32, a: usize, rowA: usize, stepA: usize, b: usize, stepB: usize, c: usize, rowC: usize,',
  '  steps: i32, first: bool, lanes: i32,',
]
const names = 'count, a, rowA, stepA, b, stepB, c, rowC, steps, first, lanes'

/** Addresses are multiples of 4. */
export const masks = ['  a &= ~3', '  b &= ~3']

function tileSource({ rows, vectors, ragged, name }) {
  const R = range(rows)
  const V = range(vectors)
  const each = line => R.flatMap(r => V.map(v => line(r, v)))
  const cut = v => ragged && v === vectors - 1
  const load = (p, v) => (cut(v) ? `Lanes.load(${p} + ${16 * v}, at1, at2, at3)` : `v128.load(${p}, ${16 * v})`)
  const store = (p, x, v) => (cut(v) ? `Lanes.store(${p} + ${16 * v}, ${x}, at1, at2, at3)` : `v128.store(${p}, ${x}, ${16 * v})`)
  const pointers = R.map(r => `      const p${r} = ${r === 0 ? 'c' : `p${r - 1} + rowC`}`)
  return [
    `export function ${name}(`,
    ...parameters,
    '): void {',
    ...(ragged ? range(3).map(i => `  const at${i + 1}: usize = lanes > ${i + 1} ? ${4 * (i + 1)} : 0`) : []),
    ...masks,
    '  do {',
    ...each((r, v) => `    let c${r}${v} = f32x4.splat(0)`),
    '    if (!first) {',
    ...pointers,
    ...each((r, v) => `      c${r}${v} = ${load(`p${r}`, v)}`),
    '    }',
    ...R.map(r => `    let a${r} = ${r === 0 ? 'a' : `a${r - 1} + rowA`}`),
    `    a = a${rows - 1} + rowA`,
    '    let bk = b',
    '    let k = steps',
    '    if (k > 0) do {',
    ...V.map(v => `      const b${v} = v128.load(bk, ${16 * v})`),
    '      bk += stepB',
    ...R.flatMap(r => [
      `      const x${r} = v128.load32_splat(a${r})`,
      `      a${r} += stepA`,
      ...V.map(v => `      c${r}${v} = Arithmetic.multiplyAdd(x${r}, b${v}, c${r}${v})`),
    ]),
    '    } while (--k !== 0)',
    ...R.flatMap(r => [...V.map(v => `    ${store('c', `c${r}${v}`, v)}`), '    c += rowC']),
    '  } while (--count > 0)',
    '}',
    '',
  ].join('\n')
}

function wideSource(rows) {
  const R = range(rows)
  const V = range(4)
  const each = line => R.flatMap(r => V.map(v => line(r, v)))
  return [
    `export function tile${rows}x16(`,
    ...parameters.slice(0, -1),
    '  steps: i32, first: bool, gap: i32,',
    '): void {',
    ...masks,
    '  const rowFrom = first ? 0 : rowC',
    '  do {',
    `    const p0 = first ? Zeros.at() : c`,
    ...R.slice(1).map(r => `    const p${r} = p${r - 1} + rowFrom`),
    ...each((r, v) => `    let c${r}${v} = v128.load(p${r}, ${16 * v})`),
    ...R.map(r => `    let a${r} = ${r === 0 ? 'a' : `a${r - 1} + rowA`}`),
    `    a = a${rows - 1} + rowA`,
    '    let bk = b',
    '    let bw = b + gap',
    '    let k = steps',
    '    if (k > 0) do {',
    ...V.map(v => `      const b${v} = v128.load(${v < 2 ? 'bk' : 'bw'}, ${16 * (v % 2)})`),
    '      bk += stepB',
    '      bw += stepB',
    ...R.flatMap(r => [
      `      const x${r} = v128.load32_splat(a${r})`,
      `      a${r} += stepA`,
      ...V.map(v => `      c${r}${v} = Arithmetic.multiplyAdd(x${r}, b${v}, c${r}${v})`),
    ]),
    '    } while (--k !== 0)',
    ...R.flatMap(r => [...V.map(v => `    v128.store(c, c${r}${v}, ${16 * v})`), '    c += rowC']),
    '  } while (--count > 0)',
    '}',
    '',
  ].join('\n')
}

const tallest = heights[4].relaxed

/** The tiles of both variants in one table, so that the choice is an index. */
const tableSource = [
  'type Tile = (',
  ...parameters,
  ') => void',
  '',
  'const table: StaticArray<Tile> = [',
  ...[false, true].flatMap(ragged =>
    widths.flatMap(width => {
      const name = rows => `${prefix(ragged)}${rows}x${width}`
      return heights.map(height =>
        typeof height === 'number' ? `  ${name(height)},` : `  ${name(height.baseline)},\n  ${name(height.relaxed)},`,
      )
    }),
  ),
  ...range(tallest).map(i => `  tile${wideHeights.findLast(rows => rows <= i + 1)}x16,`),
  ']',
  '',
  '/** Runs `count` tiles of `rows` x `width`, one below the other; `lanes` of their last vector are columns of C, or panels of B `lanes` bytes apart for 16. */',
  'export function tile(',
  '  rows: i32, width: i32,',
  ...parameters,
  '): void {',
  `  const index = (width === 16 ? ${4 * tallest} : (lanes === 4 ? 0 : ${2 * tallest}) + (width === 8 ? 0 : ${tallest})) + rows - 1`,
  `  call_indirect<void>(load<u32>(changetype<usize>(unchecked(table[index]))), ${names})`,
  '}',
  '',
].join('\n')

/** The text of the generated file. */
export function tilesSource() {
  return [
    '// Written by tools/tiles.mjs, which says why it looks as it does. The contract stands in gemm.ts.',
    "import { Arithmetic, Lanes, Zeros } from './lanes'",
    '',
    ...tiles.map(tileSource),
    ...wideHeights.map(wideSource),
    tableSource,
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../assembly/gemm/tiles.generated.ts', import.meta.url), tilesSource())
}
