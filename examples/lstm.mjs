// A network with a memory learns to write like a text, character by character: an LSTM (Hochreiter & Schmidhuber 1997) that reads many places of the
// text at once, in pieces of 32 characters. What it remembers at the end of a piece it begins the next one with, but the gradient ends there: truncated
// backpropagation through time. Run it with `node examples/lstm.mjs [--data FILE] [--steps 2000] [--length 200] [--seed 1] [--resume [FOLDER]]`: FILE is any text; without it
// the network reads this library's own documentation.
//
// On tinyshakespeare it comes to 1.564 nats a character on the last tenth, which it never saw.
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  Adam,
  Chain,
  ClipGlobalNorm,
  CosAnneal,
  characters,
  DataLoader,
  Dense,
  Embedding,
  generate,
  keep,
  LSTM,
  logitCrossEntropy,
  manualSeed,
  OptimizerChain,
  params,
  scope,
  splitObs,
  train,
} from 'fluxtape'

const { values, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--resume'),
  options: {
    data: { type: 'string' },
    steps: { type: 'string', default: '2000' },
    length: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
  },
})
const [steps, length] = [Number(values.steps), Number(values.length)]
/** Places that are read at once, characters of a piece, numbers that are remembered. */
const [PLACES, PIECE, WIDTH] = [32, 32, 256]

const docs = new URL('../docs/', import.meta.url)
const pages = readdirSync(docs).filter(name => name.endsWith('.md'))
const text = values.data ? readFileSync(values.data, 'utf8') : pages.map(name => readFileSync(new URL(name, docs), 'utf8')).join('\n')
const alphabet = characters(text)
const [learned, unseen] = splitObs(alphabet.encode(text), { at: 0.9 })
console.log(`${text.length} characters, ${alphabet.size} different ones`)

manualSeed(Number(values.seed))
const model = Chain(Embedding(alphabet.size, 64), LSTM(64, WIDTH, { returnState: true }), ([read]) => read, Dense(WIDTH, alphabet.size))
const [embedding, memory, , head] = model
console.log(`${model}\n`)

/** Batches of a text that is read at some places at once, and of what follows each character: at each place a batch goes on where the one before ended. */
function pieces(tokens, places) {
  const count = Math.floor((tokens.size - 1) / (places * PIECE))
  const rows = from => {
    const all = tokens.slice([[from, from + places * count * PIECE]]).reshape([places, count, PIECE])
    return all.permute([1, 0, 2]).reshape([-1, PIECE])
  }
  return new DataLoader([rows(0), rows(1)], { batchSize: places })
}

/** The loss of characters x [places, PIECE] that y follow, from what is remembered of those before; and what is remembered behind them. */
function loss(x, y, before) {
  const [read, remembered] = memory(embedding(x), before)
  return [logitCrossEntropy(head(read), y), ...remembered]
}

/** The loss on what the network never saw, in nats a character. */
function judge() {
  let [sum, count, state] = [0, 0]
  for (const [x, y] of pieces(unseen, 16)) {
    const [value, ...remembered] = scope(() => loss(x, y, state))
    state = remembered
    sum += value.item()
    count++
  }
  return sum / count
}

/** What it writes behind a beginning: here, too, it is told each character once and remembers. */
async function write(beginning) {
  const written = []
  for await (const token of generate(model, alphabet.encode(beginning), { length, temperature: 0.8, seed: 1 })) written.push(token)
  return alphabet.decode(written)
}

const optimizer = OptimizerChain(ClipGlobalNorm(1), Adam(CosAnneal(3e-3, 0, steps)))
const every = Math.ceil(steps / 8)
const start = performance.now()
/** The losses since it wrote last. */
let losses = []
/** What is remembered at the end of a step, for the next one to begin with: numbers, so that the gradient goes no further back. */
let remembered
/** Remembers, and has it write from time to time. What stands here between two steps is saved with the run. */
const reading = {
  async onStep({ step, loss: value, extras }) {
    const done = step + 1
    for (const each of remembered ?? []) each.dispose()
    remembered = keep(extras)
    losses.push(value)
    if (done % every > 0 && done !== steps) return
    const mean = losses.reduce((sum, each) => sum + each, 0) / losses.length
    console.log(`step ${done}  loss ${mean.toFixed(4)}\n${await write('\n')}\n`)
    losses = []
  },
  state: () => ({ losses, remembered }),
  load(state) {
    ;({ losses, remembered } = state)
  },
}
/** With `--resume` a run is saved into a folder, and the same command goes on from there. */
const path = positionals[0] ?? `runs/lstm/seed-${values.seed}`
const saved = values.resume && { checkpoint: { path, every: 25 }, resume: path }
const options = { steps, callbacks: reading, ...saved }
await train((x, y) => loss(x, y, remembered), params(model), pieces(learned, PLACES), optimizer, options)
const seconds = (performance.now() - start) / 1000
console.log(`${steps} steps in ${seconds.toFixed(1)} s: ${judge().toFixed(3)} nats a character on what it never saw`)
