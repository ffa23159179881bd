// From a CSV file to a trained network, a saved file and a prediction: which species a penguin is, by what was measured of it. Numbers are
// standardized, categories become columns, missing values are told apart, and training stops where the validation gets no better.
// It reads the file with papaparse (`npm install papaparse`). Run it with `node examples/penguins.mjs`;
// `node examples/penguins.mjs --read penguins.safetensors` predicts in a new process.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  Adam,
  accuracy,
  Chain,
  clone,
  DataLoader,
  Dense,
  loadSafetensors,
  loadState,
  logitCrossEntropy,
  manualSeed,
  params,
  relu,
  saveSafetensors,
  softmax,
  splitObs,
  state,
  stop,
  tensor,
  train,
} from 'fluxtape'
import Papa from 'papaparse'

const NUMBERS = ['bill_length_mm', 'bill_depth_mm', 'flipper_length_mm', 'body_mass_g']
const CATEGORIES = { island: ['Biscoe', 'Dream', 'Torgersen'], sex: ['female', 'male'] }
const SPECIES = ['Adelie', 'Chinstrap', 'Gentoo']

/** A number of the network's input for each column: standardized, 0 where it is missing; 1 for the category that it is; 1 where something is missing. */
function featuresOf(row, { mean, std }) {
  const numbers = NUMBERS.map((name, i) => (row[name] === null ? 0 : (row[name] - mean[i]) / std[i]))
  const categories = Object.entries(CATEGORIES).flatMap(([name, values]) => values.map(value => Number(row[name] === value)))
  const isIncomplete = [...NUMBERS, ...Object.keys(CATEGORIES)].some(name => row[name] === null)
  return [...numbers, ...categories, Number(isIncomplete)]
}

/** Mean and standard deviation of each column of numbers, of the rows that have one. */
function statisticsOf(rows) {
  const columns = NUMBERS.map(name => rows.map(row => row[name]).filter(value => value !== null))
  const mean = columns.map(values => values.reduce((sum, value) => sum + value, 0) / values.length)
  const std = columns.map((values, i) => Math.sqrt(values.reduce((sum, value) => sum + (value - mean[i]) ** 2, 0) / values.length))
  return { mean, std }
}

const build = () => Chain(Dense(NUMBERS.length + 6, 16, relu), Dense(16, SPECIES.length))

const { read } = parseArgs({ options: { read: { type: 'string' } } }).values
if (read !== undefined) {
  const { tensors, metadata } = loadSafetensors(readFileSync(read))
  const model = build()
  loadState(model, tensors)
  const penguin = { bill_length_mm: 46.5, bill_depth_mm: 17.9, flipper_length_mm: 192, body_mass_g: 3500, island: 'Dream', sex: 'female' }
  const [chances] = softmax(model(tensor([featuresOf(penguin, JSON.parse(metadata.get('statistics')))]))).toArray()
  SPECIES.forEach((name, i) => console.log(`${name.padEnd(10)} ${(100 * chances[i]).toFixed(1).padStart(5)} %`))
  process.exit()
}

manualSeed(1)
const text = readFileSync(new URL('penguins.csv', import.meta.url), 'utf8')
const { data: rows } = Papa.parse(text, { header: true, skipEmptyLines: true, dynamicTyping: true })
const classOf = row => SPECIES.indexOf(row.species)
const [trainRows, validationRows, testRows] = splitObs(rows, { at: [0.6, 0.2], stratified: rows.map(classOf), seed: 1 })

// The statistics are those of the rows to learn from: the others must not be known before.
const statistics = statisticsOf(trainRows)
const setOf = part => [tensor(part.map(row => featuresOf(row, statistics))), tensor(part.map(classOf), undefined, { dtype: 'int32' })]
const [trainSet, validationSet, testSet] = [trainRows, validationRows, testRows].map(setOf)

const model = build()
const loss = (x, y) => logitCrossEntropy(model(x), y)
/** Epochs without a validation that is better by as much as this, after which training stops. */
const [PATIENCE, LEAST] = [10, 1e-3]
let best = { epoch: -1, validation: Number.POSITIVE_INFINITY, state: state(model) }
const { epochs } = await train(loss, params(model), new DataLoader(trainSet, { batchSize: 16, shuffle: true }), Adam(3e-3), {
  epochs: 200,
  validation: [validationSet],
  callbacks: {
    onEpoch({ epoch, loss, validation }) {
      if (epoch % 10 === 0) console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, validation ${validation.toFixed(4)}`)
      // A NaN is less than nothing and would look like no progress.
      if (Number.isNaN(validation)) throw new Error(`the validation of epoch ${epoch} is NaN`)
      if (validation < best.validation - LEAST) best = { epoch, validation, state: clone(state(model)) }
      return epoch - best.epoch >= PATIENCE ? stop : undefined
    },
  },
})
loadState(model, best.state)
console.log(`stopped after epoch ${epochs.length - 1}; the best was epoch ${best.epoch}`)
console.log(`right of ${testRows.length} other penguins: ${(100 * accuracy(model, testSet)).toFixed(1)} %`)

writeFileSync('penguins.safetensors', saveSafetensors(model, { metadata: { statistics: JSON.stringify(statistics) } }))
console.log('the model is in penguins.safetensors')
