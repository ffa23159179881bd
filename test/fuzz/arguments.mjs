// Every public function with a right call of which one thing or two are wrong: another kind, another shape, too much, missing, a promise. Either there is a
// result, or a typed error that begins with an operation's name; no memory is lost, and a training afterwards has its bits. `--accepted` lists what was taken.
import { calls } from './calls.mjs'
import { failed, finish, seeds } from './findings.mjs'
import { F, W } from './library.mjs'
import { Source } from './source.mjs'

console.warn = () => {}
let source
const isAccepted = process.argv.includes('--accepted')
const accepted = new Map()

const ODD = [
  ...[undefined, null, 0, 1, -1, 2, 0.5, -0.5, Number.NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, 1e-300],
  ...['1', 'abc', '', 'axis', true, false, 1n, Symbol('s')],
  ...[[], [0], [1, 0], [-1], [Number.NaN], [1.5], ['a'], [null], [[0, 1]], () => {}, x => x, async () => 1, () => Promise.resolve(1)],
  ...[{}, new Map(), new Set(), new Date(0), /x/, new ArrayBuffer(8), Promise.resolve(1), Object.create(null), new Proxy({}, {})],
  ...[new Float32Array(3), Int32Array.of(0, 1), new Uint8Array(9), new Float64Array(2), new BigInt64Array(2)],
]
const odd = () => source.pick(ODD)
const released = F.ones([2, 3])
released.dispose()

/** A tensor made wrong. */
function wrongTensor(x) {
  const { shape } = x
  return source.pick([
    () => x.toArray(),
    () => x.data(),
    () => Promise.resolve(x),
    () => x.notEqual(0).cast('int32'),
    () => x.cast('bool'),
    () => x.cast('float32').mul(Number.NaN),
    () => x.expandDims(0),
    () => x.flatten(0),
    () => F.zeros([...shape.slice(0, -1), (shape.at(-1) ?? 0) + 1]),
    () => F.zeros(shape.map(() => 0)),
    () => F.full(shape, -7),
    () => F.full(shape, 1e30),
    () => F.zeros([]),
    () => [x],
    () => ({ x }),
    () => released,
    () => x.item,
  ])()
}

/** The value with something in it that is wrong, and in words what. */
function broken(value, depth = 0) {
  if (value instanceof F.Tensor) return !value.released && source.chance(0.6) ? wrongTensor(value) : odd()
  const isPlain = Object.getPrototypeOf(Object(value)) === Object.prototype && typeof value === 'object' && value !== null
  if (isPlain && Object.keys(value).length > 0 && source.chance(0.85)) {
    const key = source.pick(Object.keys(value))
    return { ...value, [key]: broken(value[key], depth + 1) }
  }
  if (Array.isArray(value) && value.length > 0 && depth < 3 && source.chance(0.6)) {
    const at = source.int(0, value.length - 1)
    if (source.chance(0.2)) return value.toSpliced(at, 1)
    if (source.chance(0.2)) return [...value, value[at]]
    return value.with(at, broken(value[at], depth + 1))
  }
  return odd()
}

function written(value) {
  if (value instanceof F.Tensor) return value.released ? 'a released tensor' : `${value.dtype}[${value.shape}]`
  if (Array.isArray(value)) return `[${value.map(written)}]`
  if (typeof value === 'function') return value.toString().slice(0, 30).replaceAll('\n', ' ')
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  if (Object.getPrototypeOf(value) === Object.prototype) return `{ ${Object.entries(value).map(([k, v]) => `${k}: ${written(v)}`)} }`
  return value.constructor?.name ?? 'an object without prototype'
}

/** Who speaks for others: of what a list holds, of what is walked, and layers, rules and loaders of what they are made of. */
const SPEAKERS = /^(tensor|params|[A-Z]\w*)$/

/** Is an error told by another operation than was called? Not where there was no room, and a function that is given speaks for itself. */
function isOfAnother({ name: kind, operation, message }, name, args) {
  const isOfRoom = kind === 'MemoryError' || message.includes('more elements than')
  return operation !== name && !SPEAKERS.test(operation) && !isOfRoom && !args.flat().some(each => typeof each === 'function')
}

/** What is wrong with an error, if anything. */
function fault(error, name, args) {
  const message = String(error?.message)
  if (error?.name === 'RuntimeError') return `${name}: a trap: ${message}`
  // The function that is given failed, not the library's.
  if (/each\.\w+ is not a function|reading 'mul'/.test(message)) return undefined
  if (!/^[\w. ]+: /.test(message)) return `${name}: no words of its own: ${message}`
  if (/Cannot read|is not a function\b(?!,)|not iterable|Cannot convert|Invalid array|undefined \(/.test(message))
    return `${name}: JavaScript's words: ${message}`
  if (error.operation !== undefined && !message.startsWith(`${error.operation}: `))
    return `${name}: the operation is ${error.operation}: ${message}`
  if (isOfAnother({ ...error, name: error.name, operation: message.split(':')[0], message }, name, args))
    return `${name}: in another's name: ${message}`
}

/** Three steps of a training, whose bits nothing before may change. */
function reference() {
  return F.scope(() => {
    F.manualSeed(1)
    const model = F.Chain(F.Dense(2, 3, F.tanh), F.Dense(3, 1))
    const [ps, opt] = [F.params(model), F.Adam(0.1)]
    const loss = F.jit((x, y) => F.mse(model(x), y))
    const losses = []
    for (let i = 0; i < 3; i++) losses.push(F.trainStep(loss, ps, [F.ones([4, 2]), F.zeros([4, 1])], opt))
    return String(losses)
  })
}

/** What a rule remembers of a parameter lives as long as the rule. */
const REMEMBERS = ['apply', 'update', 'trainStep', 'loadOptimizerState']

function trial(seed, table) {
  let program = ''
  const before = F.memory().tensors
  const began = performance.now()
  const name = source.pick(Object.keys(table))
  F.scope(() => {
    let args = [...table[name]]
    const times = source.pick([1, 1, 1, 2])
    for (let i = 0; i < times && args.length > 0; i++) {
      const kind = source.next()
      const at = source.int(0, args.length - 1)
      if (kind < 0.08) args = args.slice(0, at)
      else if (kind < 0.12) args = [...args, odd()]
      else args = args.with(at, broken(args[at]))
    }
    program = `${name}(${args.map(written).join(', ')})`
    const refused = error => {
      const problem = fault(error, name, args)
      if (problem) failed(seed, problem, program)
    }
    try {
      const y = (F[name] ?? W[name])(...args)
      if (typeof y?.then === 'function') y.then(undefined, refused)
      if (isAccepted) accepted.set(name, (accepted.get(name) ?? new Set()).add(program))
    } catch (error) {
      refused(error)
    }
  })
  const left = F.memory().tensors - before
  if (left > 0 && !REMEMBERS.includes(name)) failed(seed, `${name}: ${left} tensors are left`, program)
  if (performance.now() - began > 3000) failed(seed, `${name}: it took ${performance.now() - began} ms`, program)
  return program
}

const right = reference()
const TOGETHER = 50
let waiting = []
function run() {
  // The table is made anew now and then, since calls write into what is in it.
  F.scope(() => {
    const table = calls()
    for (const seed of waiting) {
      source = new Source(seed)
      const program = trial(seed, table)
      if (seed % 200 > 0) continue
      const now = reference()
      if (now !== right) failed(seed, `the training afterwards gives ${now} instead of ${right}`, program)
    }
  })
  waiting = []
}
for (const seed of seeds()) {
  waiting.push(seed)
  if (waiting.length < TOGETHER) continue
  run()
  await new Promise(done => setImmediate(done))
}
run()
for (const [name, texts] of accepted) console.log(`${name}:\n  ${[...texts].sort().join('\n  ')}`)
finish()
