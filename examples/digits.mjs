// Trains a small network on the 1,797 handwritten digits that come with the library, and shows how it goes.
// The bar and the curve are drawn by two packages: `npm install cli-progress asciichart`. Run it with `node examples/digits.mjs`;
// `node examples/digits.mjs --seeds 1,2,3,4,5` trains with several seeds and prints only how well each reads.
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import asciichart from 'asciichart'
import cliProgress from 'cli-progress'
import {
  Adam,
  accuracy,
  Chain,
  DataLoader,
  Dense,
  logitCrossEntropy,
  manualSeed,
  params,
  relu,
  saveSafetensors,
  scope,
  softmax,
  train,
  variant,
} from 'fluxtape'
import { digits } from 'fluxtape/datasets'

const EPOCHS = 30
const FILE = 'digits.safetensors'

const { train: trainSet, test: testSet } = digits()

/** A network with weights of its own, and its run through the digits. */
function prepare(seed) {
  manualSeed(seed)
  const model = Chain(Dense(64, 64, relu), Dense(64, 64, relu), Dense(64, 10))
  const loss = (x, y) => logitCrossEntropy(model(x), y)
  const loader = new DataLoader(trainSet, { batchSize: 32, shuffle: true })
  return { model, loader, run: callbacks => train(loss, params(model), loader, Adam(2e-3), { epochs: EPOCHS, callbacks }) }
}

const { seeds } = parseArgs({ options: { seeds: { type: 'string' } } }).values
if (seeds !== undefined) {
  const results = []
  for (const seed of seeds.split(',').map(Number)) {
    const { model, run } = prepare(seed)
    await run([])
    results.push(100 * accuracy(model, testSet))
    console.log(`seed ${seed}: ${results.at(-1).toFixed(1)} % of the test digits`)
  }
  results.sort((a, b) => a - b)
  console.log(`median ${results[results.length >> 1].toFixed(1)} %, least ${results[0].toFixed(1)} %`)
  process.exit()
}

const { model, loader, run } = prepare(1)

console.log(`${String(model)}\n`)
console.log(
  `${trainSet[0].shape[0]} digits to learn from, ${testSet[0].shape[0]} to test on; ${variant()} kernels, Node ${process.versions.node}\n`,
)

const bar = new cliProgress.SingleBar({
  format: 'training {bar} {percentage}% | epoch {epoch}/{epochs} | loss {loss}',
  hideCursor: true,
  barsize: 30,
})
bar.start(EPOCHS * loader.length, 0, { epoch: 0, epochs: EPOCHS, loss: '-' })
const losses = []
const rows = []
const { epochs } = await run({
  onStep({ step, epoch, loss }) {
    losses.push(loss)
    bar.update(step + 1, { epoch: epoch + 1, loss: loss.toFixed(4) })
  },
  onEpoch: ({ epoch, loss, seconds }) => rows.push({ epoch, loss, seconds, right: accuracy(model, testSet) }),
})
bar.stop()

console.log('\nepoch   loss     accuracy   seconds')
for (const { epoch, loss, right, seconds } of rows) {
  if (epoch > 2 && (epoch + 1) % 5 !== 0) continue
  console.log(
    `${String(epoch + 1).padStart(5)}   ${loss.toFixed(4)}   ${(100 * right).toFixed(1).padStart(6)} %   ${seconds.toFixed(3).padStart(6)}`,
  )
}
const seconds = epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)
console.log(`\n${losses.length} steps in ${seconds.toFixed(2)} s: ${Math.round((1e6 * seconds) / losses.length)} µs a step`)

console.log('\nloss, averaged over neighbouring steps')
const width = Math.min(72, losses.length)
const curve = Array.from({ length: width }, (_, i) => {
  const part = losses.slice(Math.floor((i * losses.length) / width), Math.floor(((i + 1) * losses.length) / width))
  return part.reduce((sum, each) => sum + each, 0) / part.length
})
console.log(asciichart.plot(curve, { height: 10 }))

console.log('\nsome of the test digits, as the network reads them')
const SHADES = ' .:-=+*#%@'
const shown = [0, 60, 120, 180, 240, 300]
const pictures = testSet[0].toArray()
const classes = testSet[1].toArray()
const chances = scope(() => softmax(model(testSet[0])).toArray())
for (let row = 0; row < 8; row++) {
  console.log(
    shown
      .map(i =>
        pictures[i]
          .slice(8 * row, 8 * row + 8)
          .map(value => SHADES[Math.round(value * 9)].repeat(2))
          .join(''),
      )
      .join('   '),
  )
}
console.log(
  shown
    .map(i => {
      const read = chances[i].indexOf(Math.max(...chances[i]))
      return `${read} (${(100 * chances[i][read]).toFixed(0)} %)${read === classes[i] ? '' : ` is ${classes[i]}`}`.padEnd(19)
    })
    .join(''),
)

writeFileSync(FILE, saveSafetensors(model))
console.log(`\naccuracy on the test digits: ${(100 * accuracy(model, testSet)).toFixed(1)} %; the model is in ${FILE}`)
