// Rules and schedules over random steps: chains, choices by parameter, absent gradients, frozen parameters, adjusted numbers, against the formulas in double
// precision; and update, trainStep and jit, a state that was saved and loaded, and a clone that adopts it, to each other bit for bit.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Mirror, RULES, SCHEDULES } from './rules-mirror.mjs'
import { Source, sizeOf } from './source.mjs'

let source
const FULL = Object.keys(RULES).filter(
  name => !['WeightDecay', 'SignDecay', 'ClipGrad', 'ClipNorm', 'ClipGlobalNorm', 'AccumGrad'].includes(name),
)
const BEFORE = ['WeightDecay', 'SignDecay', 'ClipGrad', 'ClipNorm', 'ClipGlobalNorm', 'AccumGrad']

const decimal = (low, high) => Number((low + source.next() * (high - low)).toPrecision(3))

/** [ours, the mirror's, its text] of a schedule that stays above 0. */
function schedule(depth = 0) {
  const small = () => decimal(0.001, 0.1)
  const inner = () => (depth < 2 ? schedule(depth + 1) : [0.01, 0.01, '0.01'])
  const simple = {
    Step: () => [small(), decimal(0.3, 1.1), source.chance(0.5) ? source.int(1, 5) : source.list(source.int(1, 3), () => source.int(1, 4))],
    Exp: () => [small(), decimal(0.7, 1.1)],
    Poly: () => [small(), decimal(0.5, 3), source.int(1, 30)],
    Inv: () => [small(), decimal(0, 1), decimal(0.5, 2)],
    Triangle: () => [small(), small(), source.int(1, 9)],
    Sin: () => [small(), small(), source.int(1, 9)],
    CosAnneal: () => [small(), small(), source.int(1, 9), ...(source.chance(0.5) ? [{ restart: source.chance(0.5) }] : [])],
    OneCycle: () => [source.int(1, 25), small(), ...(source.chance(0.5) ? [{ percentStart: decimal(0, 1), endval: small() }] : [])],
  }
  const composed = {
    Warmup: () => [inner(), source.int(1, 6)],
    Sequence: () => [...source.list(source.int(1, 2), () => [inner(), source.int(1, 6)]), [inner()]],
    Loop: () => [inner(), source.int(1, 6)],
    Interpolator: () => [inner(), source.pick([0.5, 1, 2, 3])],
    Shifted: () => [inner(), source.int(0, 5)],
  }
  const name = source.pick(Object.keys(source.chance(0.6) || depth === 2 ? simple : composed))
  const args = (simple[name] ?? composed[name])()
  const isTriple = each => Array.isArray(each) && each.length === 3 && typeof each[2] === 'string'
  const part = (each, k) => (isTriple(each) ? each[k] : Array.isArray(each) ? each.map(one => part(one, k)) : each)
  const written = each => (isTriple(each) ? each[2] : Array.isArray(each) ? `[${each.map(written)}]` : JSON.stringify(each))
  return [F[name](...args.map(each => part(each, 0))), SCHEDULES[name](...args.map(each => part(each, 1))), `${name}(${args.map(written)})`]
}

const NUMBERS = {
  eta: () => decimal(0.001, 0.1),
  rho: () => decimal(0, 0.99),
  beta: () => [decimal(0, 0.99), decimal(0.5, 0.999)],
  epsilon: () => source.pick([1e-8, 1e-6, 1e-3]),
  lambda: () => decimal(0, 0.2),
  restEta: () => decimal(0.001, 0.1),
  couple: () => source.chance(0.5),
  centred: () => source.chance(0.5),
  delta: () => decimal(0.1, 2),
  omega: () => decimal(0.1, 4),
  p: () => source.pick([1, 2, 3, Infinity]),
  n: () => source.int(1, 4),
  ell: () => [decimal(0.2, 0.9), decimal(1.1, 1.5)],
  gamma: () => [1e-4, decimal(0.05, 0.3)],
}
const CHOICES = [true, false, p => p.rank > 1, (_, path) => !path.startsWith('b')]

/** A rule: { name, hyper, ours, text }. */
function draw(name, isAlone) {
  const hyper = {}
  const ours = {}
  const texts = []
  for (const [key, value] of Object.entries(RULES[name].hyper)) {
    if (name !== 'AccumGrad' && source.chance(0.4)) continue
    if (key === 'epsilon' && (name === 'AdaBelief' || name === 'Muon')) continue
    const mayBeSchedule = key === 'eta' && isAlone && name !== 'Rprop' && source.chance(0.35)
    if (mayBeSchedule) {
      const [real, mirror, text] = schedule()
      Object.assign(ours, { [key]: real })
      Object.assign(hyper, { [key]: mirror })
      texts.push(`${key}: ${text}`)
      continue
    }
    const drawn = key === 'decay' || key === 'orthogonal' ? source.pick(CHOICES) : (NUMBERS[key]?.() ?? value)
    hyper[key] = drawn
    ours[key] = drawn
    texts.push(`${key}: ${typeof drawn === 'function' ? drawn : JSON.stringify(drawn)}`)
  }
  // A difference of squares has few digits left: where it does not count beside epsilon they need not agree.
  if (hyper.centred) {
    hyper.epsilon = ours.epsilon = 0.3
    texts.push('epsilon: 0.3')
  }
  return { name, hyper, ours, text: `${name}({ ${texts.join(', ')} })` }
}

function drawRules() {
  const main = draw(source.pick(FULL), true)
  const before = source.chance(0.5) ? source.list(source.int(1, 2), () => draw(source.pick(BEFORE), false)) : []
  const behind = source.chance(0.25) ? [draw(source.pick([...BEFORE, 'Descent']), false)] : []
  return [...before, main, ...behind]
}
const made = rules => {
  const list = rules.map(({ name, ours }) => F[name](ours))
  return list.length === 1 ? list[0] : F.OptimizerChain(...list)
}

const STEPS = 12
const SCALES = [1, 1, 1, 1, 0.1, 10, 1e-4]

function program(seed) {
  source = new Source(seed)
  const shapes = { a: source.pick([[3, 4], [5, 2], [2, 3, 2], [1, 7]]), b: source.pick([[], [1], [5], [9]]), c: source.pick([[2, 2], [17], [4]]) } // biome-ignore format: short
  const rules = drawRules()
  const value = () => Math.fround((source.next() + source.next() - 1) * 2)
  const starts = Object.values(shapes).map(shape => source.list(sizeOf(shape), value))
  const gradients = source.list(STEPS, () => {
    const scale = source.pick(SCALES)
    return starts.map(x => x.map(() => Math.fround(value() * scale)))
  })
  // At which steps which parameter has no gradient, or is frozen.
  const absent = source.list(STEPS, () => starts.map(() => (source.chance(0.1) ? source.pick(['absent', 'frozen']) : '')))
  if (source.chance(0.5)) for (const each of absent) each.fill('')
  for (const each of absent) if (each.every(Boolean)) each[0] = ''
  return { shapes, rules, starts, gradients, absent }
}

const PATHS = ['a', 'b', 'c']
function tensorsOf({ shapes, starts }) {
  return Object.fromEntries(PATHS.map((path, i) => [path, F.tensor(Float32Array.from(starts[i]), shapes[path])]))
}

/** By update, with the mirror beside it. */
function held(given) {
  const model = tensorsOf(given)
  const [ps, optimizer] = [F.params(model), made(given.rules)]
  const mirror = new Mirror(given.rules)
  const parameters = PATHS.map((path, i) => ({ path, x: given.starts[i], shape: given.shapes[path], tensor: model[path] }))
  const slack = given.rules.some(({ name }) => name === 'Muon') ? 100 : 1
  let moved = 0
  for (let t = 0; t < STEPS; t++) {
    const { absent } = given
    PATHS.forEach((path, i) => absent[t][i] === 'frozen' && F.freeze(model[path]))
    const isUsed = PATHS.map((_, i) => absent[t][i] !== 'absent')
    const loss = () =>
      PATHS.flatMap((path, i) => (isUsed[i] ? [model[path].mul(F.tensor(Float32Array.from(given.gradients[t][i]), given.shapes[path])).sum()] : [])).reduce((sum, each) => sum.add(each)) // biome-ignore format: short
    const gs = F.gradient(loss, ps)
    F.update(optimizer, ps, gs)
    PATHS.forEach(path => F.thaw(model[path]))
    const before = parameters.map(({ x }) => x)
    mirror.update(
      parameters,
      given.gradients[t].map((g, i) => (absent[t][i] ? undefined : g)),
    )
    moved += Math.max(...parameters.flatMap(({ x }, i) => x.map((value, k) => Math.abs(value - before[i][k]))))
    parameters.forEach(({ path, x }) => {
      const got = model[path].data()
      const off = x.findIndex((value, k) => !(Math.abs(got[k] - value) <= slack * (1e-6 * (1 + t + Math.abs(value)) + 3e-5 * moved)))
      if (off >= 0) throw new Error(`step ${t}: ${path}[${off}] is ${got[off]} instead of ${x[off]}`)
      // Both go on from the same place.
      parameters[PATHS.indexOf(path)].x = [...got]
    })
  }
}

const same = (a, b) => a.every((list, i) => list.every((value, k) => Object.is(value, b[i][k])))

/** By trainStep: bits after all steps; `kind` says how. */
function trained(given, kind) {
  let model = tensorsOf(given)
  let ps = F.params(model)
  let optimizer = made(given.rules)
  const read = { model }
  const compute = (...gs) => PATHS.map((path, i) => read.model[path].mul(gs[i]).sum()).reduce((sum, each) => sum.add(each))
  const loss = kind === 'jit' ? F.jit(compute) : compute
  for (let t = 0; t < STEPS; t++) {
    const batch = PATHS.map((path, i) => F.tensor(Float32Array.from(given.gradients[t][i]), given.shapes[path]))
    if (kind === 'update')
      F.update(
        optimizer,
        ps,
        F.gradient(() => compute(...batch), ps),
      )
    else F.trainStep(loss, ps, batch, optimizer)
    if (kind === 'loaded' && t === 4) {
      const state = F.optimizerState(optimizer, ps)
      const bytes = F.saveSafetensors(state)
      model = F.clone(model)
      read.model = model
      ps = F.params(model)
      optimizer = made(given.rules)
      F.loadOptimizerState(optimizer, ps, F.loadSafetensors(bytes).tensors)
    }
  }
  return PATHS.map(path => [...model[path].data()])
}

const { tensors: before } = F.memory()
for (const seed of seeds()) {
  let text = ''
  try {
    F.scope(() => {
      const [ours, mirror, name] = (source = new Source(seed)) && schedule()
      text = name
      for (let step = 0; step < 40; step++) {
        const [got, right] = [ours(step), mirror(step)]
        if (!(Math.abs(got - right) <= 1e-12 + 1e-9 * Math.abs(right))) throw new Error(`${got} instead of ${right} at step ${step}`)
      }
      const given = program(seed)
      text = `${given.rules.map(each => each.text).join(' -> ')} of ${JSON.stringify(given.shapes)}, ${given.absent.flat().some(Boolean) ? 'some absent' : ''}`
      held(given)
      const plain = trained(given, 'update')
      for (const kind of ['trainStep', 'jit', 'loaded'])
        if (!same(trained(given, kind), plain)) throw new Error(`${kind} gives other bits than update`)
    })
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 3).join(' '), text)
  }
  if (seed % 20 > 0) continue
  // What optimizers remember is given back when they are collected.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await new Promise(done => setImmediate(done))
  }
  if (globalThis.gc && F.memory().tensors > before + 100) failed(seed, `${F.memory().tensors - before} tensors are left`, text)
}
finish()
