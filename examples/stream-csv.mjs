// Data bigger than memory: a regression learns from a CSV file of a million rows that is read as a stream, row by row, shuffled in a buffer of 10,000 rows.
// The rows are y = 3a - 2b + c sin(2c) + noise; the file is written first, unless it is there. It reads the file with papaparse (`npm install papaparse`).
// Run it with `node examples/stream-csv.mjs [--rows 1000000] [--file FILE] [--epochs 1]`.
//
// The process takes 150 MB at its peak (140 with `--rows 100000`): less than 250 MB, however many rows there are.
import { createReadStream, createWriteStream, existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { Adam, Chain, DataLoader, Dense, manualSeed, mse, params, relu, train } from 'fluxtape'
import Papa from 'papaparse'

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, epochs: { type: 'string', default: '1' }, file: { type: 'string' } },
})
const count = Number(values.rows)
const file = values.file ?? join(tmpdir(), `fluxtape-stream-${process.pid}.csv`)
const isOurs = !existsSync(file)

/** The lines of a file of random rows. */
function* lines() {
  yield 'a,b,c,y\n'
  const number = () => 2 * Math.random() - 1
  for (let i = 0; i < count; i++) {
    const [a, b, c] = [number(), number(), number()]
    const y = 3 * a - 2 * b + c * Math.sin(2 * c) + 0.1 * number()
    yield `${[a, b, c, y].map(each => each.toFixed(5)).join()}\n`
  }
}
if (isOurs) await pipeline(lines, createWriteStream(file))

/** The rows of the file, from its beginning each time: that is why it is an iterable, and not what a generator gives once. */
const rows = {
  [Symbol.asyncIterator]: () =>
    createReadStream(file)
      .pipe(Papa.parse(Papa.NODE_STREAM_INPUT, { header: true, dynamicTyping: true }))
      .iterator(),
}

manualSeed(1)
const model = Chain(Dense(3, 32, relu), Dense(32, 1))
const loss = (x, y) => mse(model(x), y)
const data = new DataLoader(rows, {
  batchSize: 256,
  shuffle: 10_000,
  map: ({ a, b, c, y }) => [Float32Array.of(a, b, c), [y]],
  prefetch: 2,
})
let peak = 0
const start = performance.now()
try {
  const { epochs, steps } = await train(loss, params(model), data, Adam(3e-3), {
    epochs: Number(values.epochs),
    callbacks: ({ step }) => {
      if (step % 50 === 0) peak = Math.max(peak, process.memoryUsage().rss)
    },
  })
  for (const { epoch, loss } of epochs) console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(5)}`)
  const last = steps.slice(-20).reduce((sum, each) => sum + each.loss, 0) / Math.min(20, steps.length)
  const seconds = (performance.now() - start) / 1000
  console.log(`the last batches ${last.toFixed(5)}, of which 0.00333 is noise`)
  console.log(`${count} rows in ${seconds.toFixed(1)} s, peak ${(peak / 2 ** 20).toFixed(0)} MB`)
} finally {
  if (isOurs) rmSync(file)
}
