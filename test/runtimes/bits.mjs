// Trains the models of models.mjs in deterministic mode: the hash of all parameters at the end, and what tells where two runs part.
import { models, stepsOf } from './models.mjs'
import { fnv, sha256 } from './sha256.mjs'

const SEED = 20

/**
 * Trains a model at a number of threads.
 * @returns {Promise<{ hash?: string, steps: number[] }>} the SHA-256 of all parameters after the last step, and a short hash of loss and
 *   parameters after each
 */
export async function trainForBits(lib, digits, entry, threads, count = stepsOf(entry)) {
  const run = await start(lib, digits, entry, threads)
  const steps = []
  for (const batch of endless(run.loader)) {
    const loss = lib.trainStep((x, y) => run.loss(run.input(x), y), run.ps, batch, run.opt)
    steps.push([...run.ps].reduce((hash, p) => fnv(words(p.view()), hash), fnv(words(Float64Array.of(loss)))))
    if (steps.length === count) break
  }
  if (count < stepsOf(entry)) return { steps }
  const values = Float32Array.from([...run.ps].flatMap(p => Array.from(p.data())))
  return { hash: await sha256(new Uint8Array(values.buffer)), steps }
}

/**
 * Trains the model of that name up to a step, and takes that one apart.
 * @returns {Promise<[what: string, hash: number][]>} in the order in which it is computed
 */
export async function traceStep(lib, digits, { model: name, step, threads }) {
  const entry = models.find(each => each.name === name)
  const run = await start(lib, digits, entry, threads)
  const trace = []
  const note = (what, tensor) => trace.push([`step ${step}: ${what}`, fnv(words(tensor.view()))])
  const noteState = when => {
    for (const p of run.ps) note(`parameter ${run.ps.path(p)} ${when}`, p)
    for (const [path, slot] of lib.optimizerState(run.opt, run.ps)) if (typeof slot !== 'number') note(`slot ${path} ${when}`, slot)
  }
  let at = 0
  for (const batch of endless(run.loader)) {
    if (++at < step) {
      lib.trainStep((x, y) => run.loss(run.input(x), y), run.ps, batch, run.opt)
      continue
    }
    noteState('before')
    batch.forEach((each, i) => note(`batch[${i}]`, each))
    lib.scope(() => {
      const x = run.input(batch[0])
      note('input', x)
      let y = x
      const layers = run.model.length > 0 && run.model[0] ? Array.from({ length: run.model.length }, (_, i) => run.model[i]) : [run.model]
      for (const layer of layers) note(`output of ${String(layer).split('\n')[0]}`, (y = layer(y)))
      const { value, gradient } = lib.withGradient(() => run.loss(x, batch[1]), run.ps)
      note('loss', value)
      for (const p of run.ps) note(`gradient of ${run.ps.path(p)}`, gradient.get(p))
      lib.update(run.opt, run.ps, gradient)
    })
    noteState('after')
    return trace
  }
}

async function start(lib, digits, entry, threads) {
  await lib.configure({ deterministic: true })
  await lib.threads(threads)
  lib.manualSeed(SEED)
  const model = entry.build(lib)
  return {
    model,
    ps: lib.params(model),
    opt: entry.rule(lib),
    loader: new lib.DataLoader(entry.data(lib, digits), { batchSize: entry.batch, shuffle: true }),
    input: x => entry.input?.(lib, x) ?? x,
    loss: (x, y) => entry.loss(lib, model(x), y),
  }
}

function* endless(loader) {
  for (;;) yield* loader
}

/** The bits of a typed array of elements of 4 or 8 bytes. */
function words({ buffer, byteOffset, byteLength }) {
  return new Int32Array(buffer, byteOffset, byteLength >>> 2)
}
