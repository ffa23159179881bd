// Handles, views, writes in place, scopes, pullbacks and replays in any order, against a mirror in JavaScript; afterwards nothing is left.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

const ACTIONS = 60
const fround = Math.fround
const collected = async () => {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await new Promise(done => setTimeout(done, 1))
  }
}

/** One program: what it holds, and what of that must be so. A mirror is the elements of one storage and how often they were written. */
class Program {
  constructor(seed) {
    this.source = new Source(seed)
    this.held = []
    this.backs = []
    this.log = []
    this.depth = 0
  }

  hold(tensor, mirror, shape) {
    const entry = { tensor, mirror, shape: [...shape], id: this.held.length, isDead: false, isKept: false }
    this.held.push(entry)
    return entry
  }

  alive(isWanted = () => true) {
    return this.held.filter(entry => !entry.isDead && isWanted(entry))
  }

  any(isWanted) {
    const list = this.alive(isWanted)
    return list.length > 0 ? this.source.pick(list) : undefined
  }

  like(entry) {
    return this.any(({ shape }) => String(shape) === String(entry.shape))
  }

  check({ tensor, mirror, shape, id }) {
    if (tensor.released) throw new Error(`#${id} is released though it is alive`)
    const got = tensor.data()
    if (String(tensor.shape) !== String(shape)) throw new Error(`#${id} has shape [${tensor.shape}]`)
    got.forEach((value, i) => {
      const wanted = mirror.values[i]
      const isRight = Object.is(value, wanted) || Math.abs(value - wanted) <= 1e-4 * Math.max(1, Math.abs(wanted))
      if (!isRight) throw new Error(`#${id} holds ${value} at ${i} instead of ${wanted}`)
    })
  }

  act() {
    if (this.alive().length > 40) this.end(this.any())
    const entry = this.any()
    const name = entry ? this.source.pick(names) : 'make'
    this.log.push(`${'  '.repeat(this.depth)}${name}${entry ? ` #${entry.id}` : ''}`)
    actions[name](this, entry)
  }

  end(entry) {
    entry.tensor.dispose()
    entry.isDead = true
  }

  run() {
    for (let i = 0; i < ACTIONS; i++) {
      this.act()
      if (i % 10 === 9) for (const each of this.alive()) this.check(each)
    }
    for (const each of this.alive()) this.check(each)
  }

  close() {
    for (const { tensor } of this.held) tensor.dispose()
    for (const { back } of this.backs) back.dispose()
  }
}

const mirror = values => ({ values, writes: 0 })
const write = (to, values) => {
  to.values.set(values)
  to.writes++
}
const onesLike = ({ mirror, shape }) => F.tensor(new Float32Array(mirror.values.length).fill(1), shape)

function transposed({ mirror: { values }, shape: [rows, columns] }) {
  return mirror(values.map((_, k) => values[(k % rows) * columns + Math.floor(k / rows)]))
}

function inScope(program, isThrown) {
  const { held, source } = program
  const from = held.length
  let returned = []
  program.depth++
  try {
    F.scope(() => {
      for (let i = source.int(1, 6); i > 0; i--) program.act()
      if (isThrown) throw new Interruption()
      returned = held.slice(from).filter(({ isDead }) => !isDead && source.chance(0.4))
      const tensors = returned.map(({ tensor }) => tensor)
      return source.pick([tensors, { list: tensors, first: new Map([['k', tensors[0]]]) }, new Set(tensors)])
    })
  } catch (error) {
    if (!(error instanceof Interruption)) throw error
  }
  program.depth--
  for (const entry of held.slice(from)) {
    if (entry.isDead) continue
    const survives = returned.includes(entry) || entry.isKept
    if (entry.tensor.released === survives)
      throw new Error(`#${entry.id} ${survives ? 'died though it was returned or kept' : 'survived its scope'}`)
    entry.isDead = !survives
  }
  for (const back of program.backs) if (back.depth > program.depth) back.isDead = true
}
class Interruption extends Error {}

const actions = {
  make(program) {
    const shape = [program.source.int(1, 5), program.source.int(1, 5)]
    const values = Float32Array.from({ length: shape[0] * shape[1] }, () => program.source.int(-8, 8) / 4)
    program.hold(F.tensor(values, shape), mirror(values.slice()), shape)
  },
  neg: (program, { tensor, mirror: { values }, shape }) => program.hold(tensor.neg(), mirror(values.map(x => -x)), shape),
  half: (program, { tensor, mirror: { values }, shape }) => program.hold(tensor.mul(0.5), mirror(values.map(x => x / 2)), shape),
  add(program, entry) {
    const other = program.like(entry)
    program.hold(entry.tensor.add(other.tensor), mirror(entry.mirror.values.map((x, i) => x + other.mirror.values[i])), entry.shape)
  },
  reshape: (program, { tensor, mirror, shape }) => program.hold(tensor.reshape(shape.toReversed()), mirror, shape.toReversed()),
  stopGradient: (program, { tensor, mirror, shape }) => program.hold(tensor.stopGradient(), mirror, shape),
  transpose: (program, entry) => program.hold(entry.tensor.transpose(), transposed(entry), entry.shape.toReversed()),
  readTransposed: (program, entry) => program.check(program.hold(entry.tensor.transpose(), transposed(entry), entry.shape.toReversed())),
  product(program, { tensor, mirror: { values }, shape: [rows, columns] }) {
    const result = new Float32Array(rows * rows)
    for (let k = 0; k < result.length; k++) {
      const [i, j] = [Math.floor(k / rows), k % rows]
      for (let c = 0; c < columns; c++) result[k] += values[i * columns + c] * values[j * columns + c]
    }
    program.hold(
      F.scope(() => tensor.matmul(tensor.transpose())),
      mirror(result),
      [rows, rows],
    )
  },
  assign(program, entry) {
    const other = program.like(entry)
    entry.tensor.assign(other.tensor)
    if (other.mirror !== entry.mirror) write(entry.mirror, other.mirror.values)
  },
  update(_, entry) {
    const gradient = onesLike(entry)
    F.update(F.Descent(0.25), entry.tensor, gradient, { keep: true })
    gradient.dispose()
    write(
      entry.mirror,
      entry.mirror.values.map(x => fround(x - 0.25)),
    )
  },
  updateByNothing(program, entry) {
    F.update(F.Adam(0), entry.tensor, onesLike(entry), { keep: program.source.chance(0.5) })
    entry.mirror.writes++
  },
  dispose(program, entry) {
    program.end(entry)
    if (program.source.chance(0.3)) entry.tensor.dispose()
  },
  keep(_, entry) {
    F.keep(entry.tensor)
    entry.isKept = true
  },
  scope: program => inScope(program, false),
  scopeThatThrows: program => inScope(program, true),
  gradient(program, entry) {
    const other = program.like(entry)
    const [g] = F.gradient(x => x.mul(other.tensor).sum().add(x.transpose().mul(0).sum()), entry.tensor)
    const values = other.tensor === entry.tensor ? entry.mirror.values.map(x => 2 * x) : other.mirror.values.slice()
    program.hold(g, mirror(values), entry.shape)
  },
  gradientByParams(program, { tensor, mirror: { values }, shape }) {
    const gradients = F.gradient(() => tensor.square().sum(), F.params(tensor))
    program.hold(gradients.get(tensor), mirror(values.map(x => 2 * x)), shape)
  },
  gradientThatThrows(_, { tensor }) {
    const loss = x => {
      x.tanh().transpose()
      throw new Interruption()
    }
    try {
      F.gradient(loss, tensor)
    } catch (error) {
      if (!(error instanceof Interruption)) throw error
    }
  },
  pullback(program, entry) {
    const other = program.like(entry)
    const [y, back] = F.pullback(x => x.mul(other.tensor), entry.tensor)
    program.hold(y, mirror(entry.mirror.values.map((x, i) => fround(x * other.mirror.values[i]))), entry.shape)
    const values = other.tensor === entry.tensor ? entry.mirror.values.map(x => 2 * x) : other.mirror.values.slice()
    const saved = [entry.mirror, other.mirror].map(each => ({ mirror: each, writes: each.writes }))
    program.backs.push({ back, values, saved, shape: entry.shape, depth: program.depth, isDead: false })
  },
  back(program) {
    if (program.backs.length === 0) return
    const { back, values, saved, shape, isDead } = program.source.pick(program.backs)
    const isStale = isDead || saved.some(({ mirror, writes }) => mirror.writes !== writes)
    try {
      program.hold(back()[0], mirror(values.slice()), shape)
    } catch (error) {
      if (isStale && error instanceof F.ReleasedError) return
      throw error
    }
    if (isStale) throw new Error('back gave a gradient after what it saved had been written or freed')
  },
  endBack(program) {
    if (program.backs.length === 0) return
    const each = program.source.pick(program.backs)
    each.back.dispose()
    each.isDead = true
  },
  cast(program, { tensor, mirror: { values }, shape }) {
    const isFitting = values.every(x => Math.abs(x) < 2 ** 31)
    if (!isFitting) return
    const whole = tensor.cast('int32')
    program.hold(whole.cast('float32'), mirror(values.map(x => Math.trunc(x) + 0)), shape)
    whole.dispose()
  },
  slice(program, { tensor, mirror: { values }, shape: [rows, columns] }) {
    const i = program.source.int(0, rows - 1)
    program.hold(tensor.slice([[i, i + 1]]), mirror(values.slice(i * columns, (i + 1) * columns)), [1, columns])
  },
  loader(program, { tensor }) {
    for (const _ of new F.DataLoader([tensor], { batchSize: 2 })) if (program.source.chance(0.3)) break
  },
  layer(program, { tensor, mirror: { values }, shape }) {
    const layer = F.layer('Square', { w: tensor }, (self, x) => x.tanh().mul(0).add(x.mul(self.w)))
    program.hold(layer(tensor), mirror(values.map(x => fround(x * x))), shape)
  },
  clone: (program, { tensor, mirror: { values }, shape }) => program.hold(F.clone(tensor), mirror(values.slice()), shape),
  jit(program, { tensor, mirror: to, shape }) {
    const loss = F.jit(x => x.mul(tensor).sum())
    for (let i = program.source.int(1, 5); i > 0; i--) {
      const x = F.ones(shape)
      const value = F.trainStep(loss, F.params(tensor), [x], F.Descent(0.5))
      x.dispose()
      const sum = to.values.reduce((total, each) => total + each, 0)
      if (!(Math.abs(value - sum) <= 1e-3 * Math.max(1, Math.abs(sum)))) throw new Error(`jit: the loss is ${value} instead of ${sum}`)
      write(
        to,
        to.values.map(x => fround(x - 0.5)),
      )
    }
  },
  loadState(program, entry) {
    const other = program.like(entry)
    F.loadState({ w: entry.tensor }, { w: other.tensor })
    if (other.mirror !== entry.mirror) write(entry.mirror, other.mirror.values)
  },
  check: (program, entry) => program.check(entry),
}
const names = Object.keys(actions)

const base = F.memory()
for (const seed of seeds()) {
  const program = new Program(seed)
  try {
    program.run()
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 2).join(' '), program.log.join('\n'))
  }
  program.close()
  // Gradients that were used live until the next ones.
  F.gradient(x => x, 1)[0].dispose()
  if (seed % 20 !== 0) continue
  await collected()
  if (F.memory().tensors > base.tensors + 5) failed(seed, `${F.memory().tensors - base.tensors} tensors are left`, program.log.join('\n'))
}
finish()
