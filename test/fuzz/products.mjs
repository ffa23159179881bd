// Products of all small shapes and of some around every size of a block, transposed or not, batched or not, and Dense, against sums in double precision.
import { failed, finish, firstSeed, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source, sizeOf } from './source.mjs'

const EDGES = [1, 2, 3, 5, 6, 7, 12, 13, 24, 25, 31, 32, 33, 48, 63, 64, 65, 96, 97, 127, 128, 129, 132, 255, 256, 257, 511, 512, 513, 768]
const LONG = [...EDGES, 1023, 1024, 1025, 2048]

/** Every second seed a small product: their shapes are gone through in order; the others are drawn. */
function shapeOf(seed, source) {
  if (seed % 2 === 0) {
    const i = (seed - firstSeed) >> 1
    return {
      rows: 1 + (i % 26),
      columns: 1 + (Math.floor(i / 26) % 20),
      inner: [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33][Math.floor(i / 520) % 12],
      batch: [],
    }
  }
  for (;;) {
    const [rows, columns, inner] = [source.pick(LONG), source.pick(LONG), source.pick(LONG)]
    const work = rows * columns * inner
    if (work <= 3e7)
      return { rows, columns, inner, batch: work < 2e6 && source.chance(0.15) ? source.pick([[2], [3], [2, 2], [1, 3]]) : [] }
  }
}

/** Up to 400 elements of each product are compared, within the rounding of a sum of that length. */
function compare(seed, program, left, right, result, source) {
  const { rows, columns, inner, batch, transposeLeft, transposeRight } = program
  for (let b = 0; b < sizeOf(batch); b++) {
    for (let t = 0; t < Math.min(rows * columns, 400); t++) {
      const at = rows * columns <= 400 ? t : source.int(0, rows * columns - 1)
      const [i, j] = [Math.floor(at / columns), at % columns]
      let [sum, size] = [0, 0]
      for (let k = 0; k < inner; k++) {
        const x = left[b * rows * inner + (transposeLeft ? k * rows + i : i * inner + k)]
        const y = right[b * inner * columns + (transposeRight ? j * inner + k : k * columns + j)]
        sum += x * y
        size += Math.abs(x * y)
      }
      const got = result[b * rows * columns + at]
      if (!(Math.abs(got - sum) <= 3e-6 * size * Math.sqrt(inner) + 1e-7))
        return failed(seed, `${got} came at ${b}, ${i}, ${j}, ${sum} is right`, program)
    }
  }
}

for (const seed of seeds()) {
  const source = new Source(seed)
  F.manualSeed(seed)
  const program = { ...shapeOf(seed, source), transposeLeft: source.chance(0.5), transposeRight: source.chance(0.5) }
  const { rows, columns, inner, batch, transposeLeft, transposeRight } = program
  F.scope(() => {
    const a = F.randn([...batch, ...(transposeLeft ? [inner, rows] : [rows, inner])])
    const b = F.randn([...batch, ...(transposeRight ? [columns, inner] : [inner, columns])])
    compare(seed, program, a.data(), b.data(), F.matmul(a, b, { transposeLeft, transposeRight }).data(), source)
    if (batch.length > 0) return
    const [x, weight, bias] = [
      transposeLeft ? a.transpose() : a,
      transposeRight ? b : b.transpose(),
      source.chance(0.5) && F.randn([columns]),
    ]
    const activation = source.chance(0.5) ? F.relu : undefined
    const composed = F.matmul(x, weight.transpose()).add(bias || 0)
    const off = F.Dense(
      weight,
      bias,
      activation,
    )(x)
      .sub(activation ? composed.relu() : composed)
      .abs()
      .max()
      .item()
    if (!(off <= 1e-4 * Math.sqrt(inner))) failed(seed, `Dense is off by ${off}`, program)
  })
}
finish()
