// A small GPT (Radford et al. 2018; norms before attention, as in GPT-2) learns to write like a text, character by character, and shows what it
// writes while it learns. Run it with `node examples/gpt.mjs [--data FILE] [--steps 4000] [--length 200] [--seed 1] [--resume [FOLDER]]`: FILE is any text; without it the network
// reads this library's own documentation. Several processes share the work with `mpirun -n 4 node examples/gpt.mjs --mpi`: one, two and four end with the same bits, whose hash
// is printed.
//
// On tinyshakespeare (1.1 million characters) it comes to 1.576 nats a character on the last tenth, which it never saw.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  AdamW,
  Chain,
  ClipGlobalNorm,
  characters,
  configure,
  DataLoader,
  Dense,
  Embedding,
  gelu,
  generate,
  LayerNorm,
  layer,
  logitCrossEntropy,
  MultiHeadAttention,
  manualSeed,
  OneCycle,
  OptimizerChain,
  params,
  SinusoidalPositions,
  saveSafetensors,
  scope,
  slidingWindow,
  splitObs,
  train,
} from 'fluxtape'
import { mpi } from 'fluxtape/mpi'

const { values, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--resume'),
  options: {
    data: { type: 'string' },
    steps: { type: 'string', default: '4000' },
    length: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
    mpi: { type: 'boolean', default: false },
  },
})
const [steps, length] = [Number(values.steps), Number(values.length)]
/** With `--mpi` all processes of the job, of which the first speaks; else a world of one. */
const world = await mpi()
if (world.rank > 0) console.log = () => {}
if (values.mpi) await configure({ deterministic: true })
/** Characters that it sees at once, numbers that stand for each, heads of attention, blocks. */
const [CONTEXT, WIDTH, HEADS, BLOCKS] = [64, 128, 4, 4]

const docs = new URL('../docs/', import.meta.url)
const pages = readdirSync(docs).filter(name => name.endsWith('.md'))
const text = values.data ? readFileSync(values.data, 'utf8') : pages.map(name => readFileSync(new URL(name, docs), 'utf8')).join('\n')
const alphabet = characters(text)
const [learned, unseen] = splitObs(alphabet.encode(text), { at: 0.9 })
console.log(`${text.length} characters, ${alphabet.size} different ones`)

manualSeed(Number(values.seed))

/** What a GPT repeats: each character looks at those before it, then thinks for itself; both add to what is there. */
const TransformerBlock = (width, heads) =>
  layer(
    'TransformerBlock',
    {
      before: LayerNorm(width),
      attention: MultiHeadAttention(width, { heads, bias: true, causal: true }),
      between: LayerNorm(width),
      up: Dense(width, 4 * width, gelu),
      down: Dense(4 * width, width),
    },
    (self, x) => {
      const looked = x.add(self.attention(self.before(x)))
      return looked.add(self.down(self.up(self.between(looked))))
    },
  )
const model = Chain(
  Embedding(alphabet.size, WIDTH),
  SinusoidalPositions(),
  ...Array.from({ length: BLOCKS }, () => TransformerBlock(WIDTH, HEADS)),
  LayerNorm(WIDTH),
  Dense(WIDTH, alphabet.size),
)
if (values.mpi) await world.synchronize(model)
console.log(`${model}\n`)

/** Of windows [n, CONTEXT + 1]: at each character the next one is to be told from those before it. */
const loss = windows => logitCrossEntropy(model(windows.slice(':, :-1')), windows.slice(':, 1:'))
const size = CONTEXT + 1
const loader = world.shard(new DataLoader(slidingWindow(learned, { size }), { batchSize: 16, shuffle: true }))
// The rate rises and falls again, and a gradient that is too long is cut: a network of attention takes fright easily at the beginning.
const rules = OptimizerChain(ClipGlobalNorm(1), AdamW(OneCycle(steps, 3e-3), { lambda: 0.01 }))
// A batch is cut into four parts however many processes there are: so the bits are the same.
const optimizer = world.distribute(rules, values.mpi ? { shards: 4 } : {})

/** The loss on what the network never saw, in nats a character. */
function judge() {
  let [sum, count] = [0, 0]
  for (const windows of new DataLoader(slidingWindow(unseen, { size, stride: CONTEXT }), { batchSize: 64 })) {
    sum += windows.shape[0] * scope(() => loss(windows).item())
    count += windows.shape[0]
  }
  return sum / count
}

/** What it writes behind a beginning. It has learned positions up to CONTEXT, so it looks back no further. */
async function write(beginning) {
  const options = { length, temperature: 0.8, context: CONTEXT, seed: 1 }
  const written = []
  for await (const token of generate(model, alphabet.encode(beginning), options)) written.push(token)
  return alphabet.decode(written)
}

const every = Math.ceil(steps / 8)
const start = performance.now()
/** The losses since it wrote last. */
let losses = []
/** Has it write from time to time. What is remembered between two steps is saved with the run. */
const writing = {
  async onStep({ step, loss: value }) {
    const done = step + 1
    losses.push(value)
    if (done % every > 0 && done !== steps) return
    const mean = losses.reduce((sum, each) => sum + each, 0) / losses.length
    console.log(`step ${done}  loss ${mean.toFixed(4)}\n${await write('\n')}\n`)
    losses = []
  },
  state: () => losses,
  load(state) {
    losses = state
  },
}
/** With `--resume` a run is saved into a folder, and the same command goes on from there. */
const path = positionals[0] ?? `runs/gpt/seed-${values.seed}`
const saved = values.resume && { checkpoint: { path, every: 25 }, resume: path }
await train(loss, params(model), loader, optimizer, { steps, callbacks: writing, ...saved })
const seconds = (performance.now() - start) / 1000
console.log(`${steps} steps in ${seconds.toFixed(1)} s: ${judge().toFixed(3)} nats a character on what it never saw`)
if (values.mpi) console.log(`SHA-256 of the parameters: ${createHash('sha256').update(saveSafetensors(model)).digest('hex')}`)
