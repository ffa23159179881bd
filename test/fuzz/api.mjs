// Every public function and method with anything for arguments: what goes wrong is an error in the function's name, and no memory but the call's own changes.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source, sizeOf } from './source.mjs'

console.warn = () => {}
let source
/** What starts threads, changes the whole process or ends what the program itself holds. */
const LEFT_OUT = [
  'threads',
  'configure',
  'manualSeed',
  'memory',
  'variant',
  'Tensor',
  'Params',
  'Grads',
  'DataLoader',
  'train',
  'freeze',
  'thaw',
  'throttle',
  'keep',
]
const functions = Object.entries(F).filter(([name, f]) => typeof f === 'function' && !LEFT_OUT.includes(name) && !name.endsWith('Error'))
const descriptors = Object.entries(Object.getOwnPropertyDescriptors(F.Tensor.prototype))
const INTERNAL = ['constructor', 'dispose', 'escape', 'check', 'alias', 'moveTo', 'startWrite', 'settleWaiting', 'settle', 'unlink']
const methods = descriptors.filter(([name, { value }]) => typeof value === 'function' && !INTERNAL.includes(name)).map(([name]) => name)

const released = F.ones([2])
released.dispose()
let base = [2, 3]
const shape = () => source.list(source.int(0, 3), () => source.pick([0, 1, 1, 2, 3, 4, 5]))
function tensor() {
  const of = source.chance(0.6) ? base : shape()
  const dtype = source.pick(['float32', 'float32', 'float32', 'int32', 'uint8', 'bool'])
  const least = dtype === 'uint8' || dtype === 'bool' ? 0 : -1
  const value = () => source.pick([0, 1, dtype === 'float32' ? 0.5 : 2, source.int(least, 3)])
  return F.tensor(
    source.list(sizeOf(of), () => (dtype === 'bool' ? Math.min(1, Math.ceil(value())) : value())),
    of,
    { dtype },
  )
}
const optimizer = () => source.pick([F.Adam, F.Momentum, F.Descent, () => F.OptimizerChain(F.ClipNorm(1), F.Adam())])()
const odd = [
  ...[
    undefined,
    null,
    0,
    1,
    -1,
    2,
    0.5,
    Number.NaN,
    Infinity,
    -Infinity,
    2 ** 31,
    2 ** 32,
    -(2 ** 31),
    2 ** 53,
    '1',
    'abc',
    '',
    ':',
    '0:1',
    true,
    false,
    1n,
  ],
  ...[[], [0], [1, 0], [-1], [0, 1, 2], [Number.NaN], [1.5], ['a'], [null], [[0, 1]], Object.freeze([1, 2]), () => {}, x => x, Symbol('s')],
  ...[{}, new Map(), new Set(), new Date(0), /x/, new ArrayBuffer(8), Promise.resolve(1), Object.create(null), new Proxy({}, {})],
  ...[
    new Float32Array(3),
    Int32Array.of(0, 1),
    new Uint8Array(9),
    { axis: 0 },
    { keepDims: true },
    { dtype: 'int32' },
    { dtype: 'bad' },
    { p: 0 },
  ],
  ...[
    { p: Number.NaN },
    { correction: 5 },
    { at: 0.5 },
    { at: [0.3, 0.9] },
    { bias: false },
    { agg: x => x },
    { agg: () => 1 },
    { ignoreIndex: 1 },
  ],
  ...[{ low: 2, high: 1 }, { init: () => 3 }, { weight: [1, 2] }, { rename: null }, { prefix: 3 }],
]

function argument() {
  const kind = source.next()
  if (kind < 0.5) return tensor()
  if (kind < 0.55) return [tensor(), tensor()]
  if (kind < 0.57) return released
  if (kind < 0.6) return optimizer()
  if (kind < 0.62) return F.params(F.ones([2]))
  if (kind < 0.64) return { W: F.ones([2, 2]), b: tensor() }
  if (kind < 0.66) return F.Dense(2, 2)
  return kind < 0.67 ? F.ones([2, 2]).transpose() : source.pick(odd)
}

/** A call: its name, the function and its arguments; some functions get what they can do something with. */
function call() {
  base = shape()
  const args = source.list(source.int(0, 4), argument)
  if (source.chance(0.25)) {
    const name = source.pick(methods)
    return [`Tensor.${name}`, (x, ...rest) => (x instanceof F.Tensor ? x[name](...rest) : undefined), args]
  }
  const [name, f] = source.pick(functions)
  if (['gradient', 'withGradient', 'pullback'].includes(name) && source.chance(0.8)) {
    const [, inner] = source.pick(functions)
    args[0] = (...all) => {
      const y = inner(...all)
      return y instanceof F.Tensor && y.dtype === 'float32' && y.rank > 0 ? y.sum() : y
    }
  }
  const W = F.ones([2])
  if (name === 'trainStep' && source.chance(0.8)) return [name, f, [() => W.mul(2).sum(), F.params(W), [tensor()], optimizer()]]
  return [name, f, args]
}

function written(value) {
  if (value instanceof F.Tensor) return value.released ? 'a released tensor' : `${value.dtype} [${value.shape}]`
  if (Array.isArray(value)) return `[${value.map(written)}]`
  if (typeof value === 'function') return value.name || 'a function'
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'object' && value !== null
    ? `${value.constructor?.name ?? 'an object without prototype'} {${Object.keys(value)}}`
    : String(value)
}

/** Blocks of one value among freed ones: who writes past its own memory changes one. */
let sentinels = []
function renewSentinels() {
  for (const each of sentinels) each.dispose()
  sentinels = []
  for (let i = 0; i < 40; i++) {
    const size = source.pick([1, 3, 16, 17, 33, 64, 100, 300])
    const gap = F.zeros([size])
    sentinels.push(F.keep(F.full([size], 7.25)))
    gap.dispose()
  }
}
const isIntact = () => sentinels.every(each => each.view().every(value => value === 7.25))

function check(error, name) {
  const message = String(error?.message)
  if (error?.name === 'RuntimeError') return `${name}: a trap: ${message}`
  const isOurs = error instanceof F.FluxtapeError || /^[\w. ]+: /.test(message)
  if (!isOurs || /Cannot read|is not a function|not iterable|Cannot convert|Invalid array/.test(message))
    return `${name}: no words of its own: ${message}`
}

for (const seed of seeds()) {
  source = new Source(seed)
  if (sentinels.length === 0 || seed % 500 === 0) renewSentinels()
  let program = ''
  const start = performance.now()
  F.scope(() => {
    const [name, f, args] = call()
    program = `${name}(${args.map(written).join(', ')})`
    try {
      const y = f(...args)
      if (typeof y?.then === 'function') y.then(undefined, () => {})
    } catch (error) {
      const problem = check(error, name)
      if (problem) failed(seed, problem, program)
    }
  })
  if (!isIntact()) {
    failed(seed, 'memory of others was written', program)
    renewSentinels()
  }
  if (performance.now() - start > 5000) failed(seed, `${program.split('(')[0]}: it took ${performance.now() - start} ms`, program)
  if (seed % 500 === 0) await new Promise(done => setImmediate(done))
}
finish()
