// Names of one's own: a GRU (Cho et al. 2014) reads a list of names and then makes up new ones. Names differ in length: shorter ones are filled up,
// and the loss leaves out what was filled. Run it with `node examples/names.mjs [--data FILE] [--epochs 10] [--count 20] [--seed 1] [--resume [FOLDER]]`: FILE has a name a line; without it
// the network reads the names of what this library exports, and makes up functions that it does not have.
//
// On the 32,000 first names of names.txt (makemore's) it comes to 1.971 nats a character on those that it never saw.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as fluxtape from 'fluxtape'
import {
  Adam,
  Chain,
  CosAnneal,
  characters,
  DataLoader,
  Dense,
  Embedding,
  GRU,
  generate,
  logitCrossEntropy,
  manualSeed,
  padSequences,
  params,
  splitObs,
  train,
} from 'fluxtape'

const { values, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--resume'),
  options: {
    data: { type: 'string' },
    epochs: { type: 'string', default: '10' },
    count: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
  },
})
const epochs = Number(values.epochs)
const names = values.data ? readFileSync(values.data, 'utf8').split(/\s+/).filter(Boolean) : Object.keys(fluxtape)
// A line's end begins a name and ends it.
const alphabet = characters(`\n${names.join('')}`)
/** What stands behind the end of a shorter name: no character, and nothing is to be learned from it. */
const FILLED = alphabet.size
const { data } = padSequences(
  names.map(name => alphabet.encode(`\n${name}\n`)),
  { value: FILLED },
)
manualSeed(Number(values.seed))
const [learned, unseen] = splitObs(data, { at: 0.9, shuffle: true })
console.log(`${names.length} names of ${alphabet.size - 1} characters, the longest of ${data.shape[1] - 2}`)

const model = Chain(Embedding(alphabet.size + 1, 32, { paddingIdx: FILLED }), GRU(32, 128), Dense(128, alphabet.size))
console.log(`${model}\n`)

/** At each character of names [n, characters] the next one is to be told from those before it. */
const loss = batch => logitCrossEntropy(model(batch.slice(':, :-1')), batch.slice(':, 1:'), { ignoreIndex: FILLED })
const loader = new DataLoader([learned], { batchSize: 64, shuffle: true })
const optimizer = Adam(CosAnneal(5e-3, 0, epochs * loader.length))
const validation = new DataLoader([unseen], { batchSize: 256 })
/** With `--resume` a run is saved into a folder, and the same command goes on from there. */
const path = positionals[0] ?? `runs/names/seed-${values.seed}`
const saved = values.resume && { checkpoint: { path }, resume: path }
const history = await train(loss, params(model), loader, optimizer, { epochs, validation, progress: true, ...saved })
const seconds = history.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)

/** A name that the network makes up, character by character. */
async function name(seed) {
  let written = ''
  for await (const token of generate(model, alphabet.encode('\n'), { length: 40, temperature: 0.8, seed })) {
    const character = alphabet.decode([token])
    if (character === '\n') break
    written += character
  }
  return written
}

const known = new Set(names)
const made = []
for (let seed = 1; made.length < Number(values.count); seed++) {
  const each = await name(seed)
  if (!known.has(each)) made.push(each)
}
console.log(`\nnames that are not in the list: ${made.join(', ')}`)
console.log(
  `${epochs} epochs in ${seconds.toFixed(1)} s: ${history.epochs.at(-1).validation.toFixed(3)} nats a character on names that it never saw`,
)
