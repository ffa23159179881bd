// Prints assembly/gemm/dots.generated.ts: the micro-kernels of A Bᵀ with A and B stored by rows, one function a shape.
//
// A tile of r rows by c columns is r * c inner products, each in a vector of four sums over every fourth k: both operands are loaded as they
// lie. What tiles.mjs says of the compilers holds here, too: one step a trip, nothing but arithmetic between the loop and the stores, and
// accumulators and loaded vectors fit in 15 registers. GFLOP/s with K = 784, fused in Node 26 and 22, mul + add in Node 26 and 20:
//
//                      2x4 (4x2 alike)   3x3           2x5           3x4           2x4, two steps
//   fused              65, 62            65, 66        66, 29        34, 34        64, 35
//   mul + add          62, 63            64, 47        64, 28        32, 33        38, 38
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { masks } from './tiles.mjs'

/** Rows of the tallest tile by its columns: eight accumulators, the latency of two multiply-adds at a time, or nine where they fit. */
const tallest = [4, 4, { relaxed: 3, baseline: 2 }, 2]

const range = n => Array.from({ length: n }, (_, i) => i)
const nameOf = ({ rows, columns }) => `dot${rows}x${columns}`

/** For each number of columns the tiles of one row, of two and of the most, and their names in the variant's table. */
const families = tallest.map((most, i) => {
  const columns = i + 1
  const rows = [...new Set([1, 2, most.relaxed ?? most])]
  const name = height => nameOf({ rows: height, columns })
  const last = name(most.relaxed ?? most)
  return { tiles: rows.map(height => ({ rows: height, columns })), names: [name(1), name(2), last] }
})

const parameters = ['  count: i32, a: usize, rowA: usize, b: usize, columnB: usize, c: usize, rowC: usize, K: i32,']
const names = 'count, a, rowA, b, columnB, c, rowC, K'

/** Stores `columns` lanes of a vector, from lane `lane` on, at c. */
const stores = {
  1: (s, lane) => [`v128.store32_lane(c, ${s}, ${lane})`],
  2: (s, lane) => [`v128.store64_lane(c, ${s}, ${lane / 2})`],
  3: s => [`v128.store64_lane(c, ${s}, 0)`, `v128.store32_lane(c, ${s}, 2, 8)`],
  4: s => [`v128.store(c, ${s})`],
}

/** The lanes of each of up to four accumulators added up, (0 + 2) + (1 + 3), in a lane of `s`. */
function total(s, [v0, v1 = v0, v2 = v0, v3 = v1]) {
  const halves = (v, w) => `f32x4.add(v128.shuffle<f32>(${v}, ${w}, 0, 4, 1, 5), v128.shuffle<f32>(${v}, ${w}, 2, 6, 3, 7))`
  return [
    `    const low${s} = ${halves(v0, v1)}`,
    `    const high${s} = ${halves(v2, v3)}`,
    `    const ${s} = f32x4.add(v128.shuffle<f64>(low${s}, high${s}, 0, 2), v128.shuffle<f64>(low${s}, high${s}, 1, 3))`,
  ]
}

function tileSource({ rows, columns }) {
  const R = range(rows)
  const C = range(columns)
  const each = line => C.flatMap(j => R.map(i => line(i, j)))
  // As many rows as have their sums in one vector.
  const together = Math.floor(4 / columns)
  const groups = range(Math.ceil(rows / together)).map(g => R.slice(g * together, (g + 1) * together))
  const accumulators = group => group.flatMap(i => C.map(j => `c${i}${j}`))
  const sums = groups.flatMap((group, g) => total(`s${g}`, accumulators(group)))
  const written = groups.flatMap((group, g) => group.flatMap((_, i) => [...stores[columns](`s${g}`, i * columns), 'c += rowC']))
  return [
    `function ${nameOf({ rows, columns })}(`,
    ...parameters,
    '): void {',
    // The last K % 4 factors come first, from the vectors that end with the rows, so that nothing beyond is read.
    '  const rest = K & 3',
    '  const last = ((<usize>K) << 2) - 16',
    '  const mask = i32x4.ge_s(i32x4(0, 1, 2, 3), i32x4.splat(4 - rest))',
    ...masks,
    '  do {',
    ...R.map(i => `    let a${i} = ${i === 0 ? 'a' : `a${i - 1} + rowA`}`),
    `    a = a${rows - 1} + rowA`,
    ...C.map(j => `    let b${j} = ${j === 0 ? 'b' : `b${j - 1} + columnB`}`),
    ...each((i, j) => `    let c${i}${j} = f32x4.splat(0)`),
    '    if (rest !== 0) {',
    ...R.map(i => `      const x${i} = v128.and(v128.load(a${i} + last), mask)`),
    ...C.map(j => `      const y${j} = v128.and(v128.load(b${j} + last), mask)`),
    ...each((i, j) => `      c${i}${j} = f32x4.mul(x${i}, y${j})`),
    '    }',
    '    let k = K >> 2',
    '    do {',
    ...R.flatMap(i => [`      const x${i} = v128.load(a${i})`, `      a${i} += 16`]),
    ...C.flatMap(j => [
      `      const y${j} = v128.load(b${j})`,
      `      b${j} += 16`,
      ...R.map(i => `      c${i}${j} = Arithmetic.multiplyAdd(x${i}, y${j}, c${i}${j})`),
    ]),
    '    } while (--k !== 0)',
    ...sums,
    ...written.map(line => `    ${line}`),
    '  } while (--count > 0)',
    '}',
    '',
  ].join('\n')
}

const tableSource = [
  'type Dots = (',
  ...parameters,
  ') => void',
  '',
  'const table: StaticArray<Dots> = [',
  ...families.map(({ names }) => `  ${names.join(', ')},`),
  ']',
  '',
  '/** Rows of the tallest tile of `columns` columns. */',
  'export function heightOf(columns: i32): i32 {',
  `  return columns < 3 ? ${tallest[0]} : columns === 4 || fused === 0 ? ${tallest[3]} : ${tallest[2].relaxed}`,
  '}',
  '',
  '/** Runs `count` tiles of `rows` (1, 2 or the most) by `columns` (1 to 4), one below the other, through a table as in tiles.mjs. */',
  'export function dots(',
  '  rows: i32, columns: i32,',
  ...parameters,
  '): void {',
  '  const index = 3 * columns + min(rows, 3) - 4',
  `  call_indirect<void>(load<u32>(changetype<usize>(unchecked(table[index]))), ${names})`,
  '}',
  '',
].join('\n')

/** The text of the generated file. */
export function dotsSource() {
  return [
    '// Written by tools/dots.mjs, which says why it looks as it does. The contract stands in gemm.ts.',
    "import { fused } from '../variant'",
    "import { Arithmetic } from './lanes'",
    '',
    ...families.flatMap(({ tiles }) => tiles.map(tileSource)),
    tableSource,
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../assembly/gemm/dots.generated.ts', import.meta.url), dotsSource())
}
