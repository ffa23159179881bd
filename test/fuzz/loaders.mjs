// Random data of random forms through a DataLoader: what is waited for and fetched ahead comes in the same order as what is there, a run that is stopped and
// resumed sees the batches of one that was not, an abort or a source that fails ends what is under way, and no tensor is left.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

console.info = () => {}
console.warn = () => {}
const root = mkdtempSync(join(tmpdir(), 'fluxtape-loaders-'))
process.on('exit', () => rmSync(root, { recursive: true, force: true }))

const FORMS = ['columns', 'dataset', 'late dataset', 'promises', 'stream', 'late stream']
const WAITS = ['late dataset', 'promises', 'late stream']

/** What a loader is made from: its data, and its options. */
function configuration(source) {
  const form = source.pick(FORMS)
  const isStream = form.endsWith('stream')
  const n = source.int(1, 14)
  const isPartial = source.chance(0.7)
  const shuffle = source.chance(0.3) ? false : isStream ? source.int(1, 6) : true
  return {
    ...{ form, n, isStream, shuffle },
    ...{ batchSize: source.int(1, isPartial ? 6 : n), partial: isPartial, seed: source.chance(0.4) ? source.int(0, 99) : undefined },
    map: source.pick(['none', 'none', 'chance', 'late chance']),
    prefetch: source.int(0, 4),
    // After how many turns each comes; the same for the same configuration.
    delays: source.list(n, () => source.int(0, 3)),
  }
}

/** `turns` of the event loop later. */
async function after(turns, value) {
  for (let i = 0; i < turns; i++) await (i % 2 ? new Promise(done => setImmediate(done)) : undefined)
  return value
}

const x = F.tensor(
  Float32Array.from({ length: 28 }, (_, i) => i / 7),
  [14, 2],
)
/** The nth observation: two numbers and which it is. */
const observation = i => [x.slice([i]), i]

/** The loader of a configuration; `failing`: the observation that cannot be read, `log` notes what was closed, and the signals of what is under way. */
function loaderOf({ form, n, shuffle, batchSize, partial, seed, map, prefetch, delays }, failing, log = {}) {
  const read = i => {
    if (i === failing) throw new Error('it is broken')
    return observation(i)
  }
  const later = i => after(delays[i], i).then(read)
  const streamed = {
    *[Symbol.iterator]() {
      try {
        for (let i = 0; i < n; i++) yield read(i)
      } finally {
        log.isClosed = true
      }
    },
  }
  const streamedLate = {
    async *[Symbol.asyncIterator]() {
      try {
        for (let i = 0; i < n; i++) yield await later(i)
      } finally {
        log.isClosed = true
      }
    },
  }
  const unheard = promise => {
    promise.catch(() => {})
    return promise
  }
  const data = {
    columns: () => [x.slice([[0, n]]), Array.from({ length: n }, (_, i) => i)],
    dataset: () => ({ length: n, get: read }),
    'late dataset': () => ({
      length: n,
      get(i, { signal }) {
        log.open?.add(signal)
        return later(i).finally(() => log.open?.delete(signal))
      },
    }),
    promises: () => Array.from({ length: n }, (_, i) => unheard(later(i))),
    stream: () => streamed,
    'late stream': () => streamedLate,
  }[form]()
  const chance = ([value, i]) => [value.add(F.rand([2])), i]
  const maps = { none: undefined, chance, 'late chance': each => after(delays[Number(each[1])], chance(each)) }
  const waits = WAITS.includes(form) || map === 'late chance'
  // The batches of a list are lists.
  const collate = form === 'promises' ? F.batch : undefined
  return new F.DataLoader(data, { shuffle, batchSize, partial, seed, map: maps[map], collate, ...(waits && { prefetch }) })
}

const valuesOf = ([values, ids]) => `${ids instanceof F.Tensor ? ids.toArray() : ids}: ${values.data()}`
const idsOf = text => text.split(':')[0].split(',').map(Number)

/** The batches of some passes, as texts. */
async function passes(configured, count) {
  F.manualSeed(3)
  const loader = loaderOf(configured)
  const all = []
  for (let i = 0; i < count; i++) {
    const list = []
    for await (const batch of loader) list.push(valuesOf(batch))
    all.push(list)
  }
  return { loader, all }
}

/** What must be so of one pass, whatever the order. */
function problemOf({ n, batchSize, partial, shuffle, isStream }, { length }, list) {
  const sizes = list.map(text => idsOf(text).length)
  const count = (partial ? Math.ceil : Math.floor)(n / batchSize)
  if (list.length !== count || (!isStream && length !== count)) return `${list.length} batches, length ${length}, instead of ${count}`
  if (sizes.some((size, i) => size !== Math.min(batchSize, n - i * batchSize))) return `batches of ${sizes}`
  const ids = list.flatMap(idsOf)
  if (new Set(ids).size !== ids.length || ids.some(id => !(id >= 0 && id < n))) return `an observation twice, or one that is none: ${ids}`
  if (shuffle === false && ids.some((id, i) => id !== i)) return `another order: ${ids}`
  if (isStream && shuffle && ids.some((id, i) => id >= i + shuffle)) return `further ahead than the buffer: ${ids}`
}

/** A training over the loader: the batches it saw, and the bits it ended with; it ends as `ending` says, at a step. */
async function trained(configured, { epochs, path, every, validates }, ending, at) {
  F.manualSeed(5)
  const model = F.Dense(2, 1)
  const loader = loaderOf(configured)
  const controller = new AbortController()
  const seen = []
  const loss = (values, ids) => {
    const text = valuesOf([values, ids])
    if (F.isTraining()) {
      if (ending === 'throw' && seen.length === at) throw new Error('no luck')
      seen.push(text)
    }
    return model(values).square().mean()
  }
  const callbacks = {
    onStep({ step }) {
      if (ending === 'abort' && step === at) controller.abort()
    },
  }
  const saved = path && { checkpoint: { path, every, keep: 2 }, resume: path }
  const validation = validates === 'none' ? undefined : validates === 'same' ? loader : loaderOf({ ...configured, seed: 1 })
  const end = ending === 'steps' ? { steps: at + 1 } : ending === 'epoch' ? { epochs: at + 1 } : {}
  const options = { epochs, ...end, callbacks, signal: controller.signal, validation, ...saved }
  let error
  let history
  try {
    history = await F.train(loss, F.params(model), loader, F.Adam(0.1), options)
  } catch (thrown) {
    error = thrown
  }
  const bits =
    history &&
    `${model.weight.data()} ${model.bias.data()} ${history.steps.map(each => each.loss)} ${history.epochs.map(each => each.validation)}`
  return { seen, bits, error }
}

async function resumed(source, configured) {
  const probe = await passes(configured, 1)
  const steps = probe.all[0].length
  const task = { epochs: source.int(1, 3), every: source.pick(['epoch', 1, 3, 1000]), validates: source.pick(['none', 'own', 'same']) }
  const whole = await trained(configured, task)
  if (whole.error) return `it failed: ${whole.error.stack}`
  const path = join(root, `${Math.random()}`)
  let seen = []
  for (let i = source.int(1, 2); i > 0; i--) {
    const ending = source.pick(['steps', 'abort', 'throw', 'epoch'])
    const at = ending === 'epoch' ? source.int(0, task.epochs - 1) : source.int(0, steps * task.epochs - 1)
    // How far ahead it fetches, and after how many turns what it waits for comes, is nothing that a run hangs on.
    const other = { ...configured, prefetch: source.int(0, 4), delays: configured.delays.map(() => source.int(0, 3)) }
    // `throw` counts the batches of this process.
    const before = seen.length
    const part = await trained(other, { ...task, path }, ending, ending === 'throw' ? at - before : at)
    const isMeant = !part.error || { abort: part.error.name === 'AbortError', throw: part.error.message === 'no luck' }[ending]
    if (!isMeant) return `${ending} at ${at}: ${part.error.stack}`
    seen = [...seen, ...part.seen]
  }
  const end = await trained({ ...configured, prefetch: source.int(0, 4) }, { ...task, path })
  rmSync(path, { recursive: true, force: true })
  if (end.error) return `resumed it failed: ${end.error.stack}`
  const all = [...seen, ...end.seen]
  if (all.join('\n') !== whole.seen.join('\n'))
    return `other batches: ${all.map(text => `[${idsOf(text)}]`)} instead of ${whole.seen.map(text => `[${idsOf(text)}]`)}`
  if (end.bits !== whole.bits) return `other bits: ${end.bits} instead of ${whole.bits}`
}

/** A source that fails at one observation: its error says which, after all batches before it. */
async function broken(source, configured) {
  if (configured.form === 'columns') return
  const failing = source.int(0, configured.n - 1)
  const log = {}
  F.manualSeed(3)
  const good = (await passes(configured, 1)).all[0]
  F.manualSeed(3)
  const list = []
  let error
  try {
    for await (const batch of loaderOf(configured, failing, log)) list.push(valuesOf(batch))
  } catch (thrown) {
    error = thrown
  }
  const { isStream, partial, n, batchSize, shuffle } = configured
  // Of a stream that is cut at its last whole batch nobody may have asked for it; of a list neither.
  const isNeeded = good.some(text => idsOf(text).includes(failing)) || isStream
  if (!error)
    return isNeeded && !(isStream && !partial && failing >= n - (n % batchSize))
      ? `nothing was thrown for observation ${failing}`
      : undefined
  if (!new RegExp(`observation ${failing}\\b`).test(error.message)) return `it does not name observation ${failing}: ${error.message}`
  if (list.some((text, i) => text !== good[i])) return `other batches before it: ${list.map(idsOf)}`
  const first = good.findIndex(text => idsOf(text).includes(failing))
  if (!isStream && list.length !== first) return `${list.length} batches before it, it is in batch ${first}`
  if (isStream && !shuffle && list.length !== Math.floor(failing / batchSize)) return `${list.length} batches before observation ${failing}`
}

/** Who leaves in the middle closes the source, and tells what is under way. */
async function left(source, configured) {
  const log = { open: new Set() }
  F.manualSeed(3)
  const at = source.int(0, 3)
  let count = 0
  let open = []
  for await (const _ of loaderOf(configured, undefined, log))
    if (count++ === at) {
      open = [...log.open]
      break
    }
  await after(9)
  if (open.some(signal => !signal.aborted)) return `what is under way was not told after batch ${at}`
  if (configured.isStream && count > at && !log.isClosed) return `the stream was not closed after batch ${at}`
}

const KINDS = { order: 3, resumed: 4, broken: 2, left: 1 }
const kinds = Object.entries(KINDS).flatMap(([name, share]) => Array(share).fill(name))
for (const seed of seeds()) {
  const source = new Source(seed)
  const configured = configuration(source)
  const kind = source.pick(kinds)
  const program = `${kind} ${JSON.stringify(configured)}`
  const before = F.memory().tensors
  let problem
  try {
    if (kind === 'order') {
      const { loader, all } = await passes(configured, 2)
      problem = all.map(list => problemOf(configured, loader, list)).find(Boolean)
      const plain = {
        ...configured,
        prefetch: 0,
        form: configured.isStream ? 'stream' : 'columns',
        map: configured.map.replace('late ', ''),
      }
      const reference = (await passes(plain, 2)).all
      if (!problem && JSON.stringify(all) !== JSON.stringify(reference))
        problem = `other batches than of what is there: ${JSON.stringify([all, reference])}`
    } else problem = await { resumed, broken, left }[kind](source, configured)
  } catch (error) {
    problem = `it failed: ${error.stack}`
  }
  // What was under way ends by itself.
  for (let i = 0; i < 20 && F.memory().tensors > before; i++) {
    globalThis.gc?.()
    await new Promise(done => setTimeout(done, 1))
  }
  if (!problem && globalThis.gc && F.memory().tensors > before) problem = `${F.memory().tensors - before} tensors are left`
  if (problem) failed(seed, problem, program)
}
finish()
