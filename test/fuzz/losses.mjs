// Losses with random shapes, targets and options: value, gradients by all that has one and second derivatives, held to PyTorch in double precision; and
// the forms of one program (jit, views, checkpoints, one more gradient around it, frozen parameters, the same tensor twice) to each other, bit for bit.
import { failed, finish, seeds } from './findings.mjs'
import { weighed } from './graph.mjs'
import { F } from './library.mjs'
import { base64, Held, hasPyTorch } from './python.mjs'
import { Source, sizeOf } from './source.mjs'

let source
const float = (data, shape) => F.tensor(Float32Array.from(data), shape)
const fill = (shape, draw) => float(source.list(sizeOf(shape), draw), shape)
const between = (low, high) => () => low + source.next() * (high - low)
const normal = () => (source.next() + source.next() + source.next() - 1.5) * 2
const whole = (shape, low, high, dtype) =>
  F.tensor(
    source.list(sizeOf(shape), () => source.int(low, high)),
    shape,
    { dtype },
  )
const SIZES = [1, 1, 2, 3, 4, 5, 7, 17, 33]
const drawShape = most => source.list(source.int(0, most), () => (source.chance(0.03) ? 0 : source.pick(SIZES)))
const small = most => {
  for (;;) {
    const shape = drawShape(most)
    if (sizeOf(shape) <= 3000) return shape
  }
}
/** An option that is there half of the time. */
const maybe = (name, value) => (source.chance(0.5) ? { [name]: value } : {})
const EPS = () => maybe('eps', source.pick([0, 1e-6, 0.25, 2 ** -23]))

/** A target of the prediction's shape, a number, or a tensor of one number. */
function like(shape, draw, dtypes = ['float32']) {
  const kind = source.next()
  if (kind < 0.08) return Math.fround(draw())
  if (kind < 0.14) return float([draw()], [])
  const dtype = source.pick(dtypes)
  return dtype === 'float32' ? fill(shape, draw) : F.tensor(source.list(sizeOf(shape), () => Math.round(draw())), shape, { dtype }) // biome-ignore format: short
}

const INTEGERS = ['float32', 'float32', 'int32', 'uint8', 'bool']
const numbers = (draw, target, options = () => ({}), dtypes = ['float32', 'float32', 'int32']) => ({
  draw() {
    const shape = small(4)
    return [fill(shape, draw), like(shape, target, dtypes), options(shape)]
  },
})
const posWeight = shape => {
  const kind = source.next()
  if (kind < 0.4) return {}
  if (kind < 0.6) return { posWeight: source.pick([0, 0.5, 2.5]) }
  if (kind < 0.65) return { posWeight: whole([], 0, 1, source.pick(['int32', 'uint8', 'bool'])) }
  return { posWeight: fill(shape.slice(source.int(0, shape.length)).map(size => (source.chance(0.4) ? 1 : size)), between(0, 3)) } // biome-ignore format: short
}
/** Shares, some of them all or nothing. */
const share = () => source.pick([0, 1, source.next(), source.next()])
const inner = between(0.02, 0.98)

/** Shares of classes, soft or all of one. */
function distribution(shape, axis, isHot) {
  const scores = fill(shape, between(-2, 2))
  return isHot ? scores.equal(scores.max(axis, { keepDims: true })).cast('float32') : F.softmax(scores, axis)
}

const classes = (logits, options = () => ({})) => ({
  draw() {
    const shape = small(3).map(size => Math.min(size, 17))
    const count = source.pick([2, 3, 5, 33])
    const at = source.int(0, shape.length)
    shape.splice(at, 0, count)
    const axis = source.chance(0.5) ? at : at - shape.length
    const x = logits ? fill(shape, normal) : F.softmax(fill(shape, between(-2, 2)), axis)
    const all = { ...(at === shape.length - 1 && source.chance(0.5) ? {} : { axis }), ...options() }
    if (source.chance(0.3))
      all.weight = source.chance(0.8) ? fill([count], between(0, 3)) : whole([count], 0, 1, source.pick(['int32', 'uint8', 'bool']))
    if (source.chance(0.5)) {
      const y = distribution(shape, axis, source.chance(0.5))
      const isWhole = y.data().every(Number.isInteger)
      return [x, isWhole ? y.cast(source.pick(['float32', 'bool', 'uint8', 'int32'])) : y, all]
    }
    const rest = shape.toSpliced(at, 1)
    let y = whole(rest, 0, count - 1, source.pick(['int32', 'int32', 'uint8', 'float32']))
    if (source.chance(0.3)) {
      all.ignoreIndex = source.pick([0, 1, count - 1, ...(y.dtype === 'uint8' ? [] : [-1, -100])])
      if (source.chance(0.7))
        y = F.where(fill(rest, source.next.bind(source)).less(0.4), F.full([], all.ignoreIndex, { dtype: y.dtype }), y)
    }
    return [x, y, all]
  },
})

const overlap = options => ({
  draw() {
    const shape = small(4)
    const some = shape.map((_, k) => k).filter(() => source.chance(0.5))
    const axis = some.map(k => (source.chance(0.5) ? k : k - shape.length))
    return [fill(shape, source.next.bind(source)), like(shape, share, INTEGERS), { ...(some.length > 0 ? { axis } : {}), ...options() }]
  },
})

const LOSSES = {
  mae: numbers(normal, normal),
  mse: numbers(normal, normal),
  msle: numbers(between(0.01, 4), between(0.01, 4), EPS),
  huber: numbers(normal, normal, () => maybe('delta', source.pick([0.25, 0.5, 1, 5]))),
  poisson: numbers(between(0.05, 4), () => source.pick([0, 1, 3, source.next()])),
  hinge: numbers(normal, () => source.pick([-1, 1])),
  squaredHinge: numbers(normal, () => source.pick([-1, 1])),
  siameseContrastive: numbers(between(0, 2), share, () => maybe('margin', source.pick([0, 0.5, 1, 3])), INTEGERS),
  logitBinaryCrossEntropy: numbers(normal, share, posWeight, INTEGERS),
  binaryCrossEntropy: numbers(inner, share, shape => ({ ...EPS(), ...posWeight(shape) }), INTEGERS),
  binaryFocal: numbers(inner, share, () => ({ ...EPS(), ...maybe('gamma', source.pick([0, 0.5, 1, 2, 3])) }), INTEGERS),
  dice: overlap(() => maybe('smooth', source.pick([0.5, 1, 2]))),
  tversky: overlap(() => ({ ...maybe('smooth', source.pick([0.5, 1, 2])), ...maybe('beta', source.pick([0, 0.3, 1])) })),
  crossEntropy: classes(false, EPS),
  klDivergence: classes(false, EPS),
  focal: classes(false, () => ({ ...EPS(), ...maybe('gamma', source.pick([0, 0.5, 1, 2, 3])) })),
  logitCrossEntropy: classes(true),
  ctc: {
    draw() {
      const [batch, time, count, labels] = [source.int(1, 4), source.int(1, 12), source.int(2, 6), source.int(0, 6)]
      const isOne = source.chance(0.2)
      const blank = source.pick([0, count - 1, source.int(0, count - 1)])
      const label = () => (source.int(1, count - 1) + blank) % count
      const y = F.tensor(source.list((isOne ? 1 : batch) * labels, label), isOne ? [labels] : [batch, labels], {
        dtype: source.pick(['int32', 'float32', 'uint8']),
      })
      const n = isOne ? 1 : batch
      const options = {
        ...(blank === count - 1 && source.chance(0.5) ? {} : { blank }),
        ...maybe(
          'lengths',
          source.list(n, () => source.int(0, time)),
        ),
        ...maybe(
          'targetLengths',
          source.list(n, () => source.int(0, labels)),
        ),
      }
      return [fill(isOne ? [time, count] : [batch, time, count], normal), y, options]
    },
  },
  labelSmoothing: {
    draw() {
      const shape = [...small(2), source.pick([2, 3, 5])]
      const axes = [0, -1, source.int(-shape.length, shape.length - 1)]
      const axis = source.pick([undefined, null, ...axes.filter(each => shape.at(each) > 1)])
      const y = axis === null ? fill(shape, share) : distribution(shape, axis ?? -1, true)
      return [y, source.pick([0, 0.1, 0.5, 1]), axis === undefined ? {} : { axis }]
    },
  },
}
const NAMES = Object.keys(LOSSES)

/** By what comes out of each element's loss to the result. */
const AGGREGATIONS = {
  mean: F.mean,
  sum: F.sum,
  identity: F.identity,
  own: losses => losses.square().sum().mul(0.5),
  most: losses => F.logSumExp(losses),
}

const isFloat = each => each instanceof F.Tensor && each.dtype === 'float32'

/** A program of a seed: the loss and all tensors of it that have a gradient. */
class Program {
  constructor(seed) {
    source = new Source(seed)
    this.name = source.pick(NAMES)
    const [x, y, options] = LOSSES[this.name].draw()
    this.agg = this.name === 'labelSmoothing' ? 'identity' : source.pick(['', 'mean', 'sum', 'identity', 'identity', 'own', 'most'])
    this.tensors = [x, y, ...Object.values(options)].filter(each => each instanceof F.Tensor)
    this.given = [x, y, options]
    this.leaves = this.tensors.filter(isFloat)
    // A target of whole classes has no gradient.
    const isOfClasses =
      'axis' in LOSSES[this.name] || ['crossEntropy', 'klDivergence', 'focal', 'logitCrossEntropy', 'ctc'].includes(this.name)
    if (isOfClasses && isFloat(y) && y.rank < x.rank) this.leaves = this.leaves.filter(each => each !== y)
  }

  /** The result, with other tensors in the leaves' places. */
  call(leaves = this.leaves) {
    const put = each => (this.leaves.includes(each) ? leaves[this.leaves.indexOf(each)] : each)
    const [x, y, options] = this.given
    const own = Object.fromEntries(Object.entries(options).map(([name, value]) => [name, put(value)]))
    if (this.agg && this.name !== 'labelSmoothing') own.agg = AGGREGATIONS[this.agg]
    return F[this.name](put(x), put(y), own)
  }

  loss = (...leaves) => weighed(this.call(leaves), 1)

  toString() {
    const written = each =>
      each instanceof F.Tensor ? `${each.dtype}[${each.shape}]{${[...each.data()].slice(0, 12)}}` : JSON.stringify(each)
    const [x, y, options] = this.given
    return `${this.name}(${written(x)}, ${written(y)}, { ${Object.entries(options).map(([k, v]) => `${k}: ${written(v)}`)}, agg: ${this.agg} })`
  }
}

const sameBits = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]) || (value === 0 && b[i] === 0))
const near = (a, b) =>
  a.length === b.length &&
  a.every((value, i) => Object.is(value, b[i]) || !Number.isFinite(value) || Math.abs(value - b[i]) <= 2e-5 * Math.abs(b[i]) + 2e-6)
const datas = list => list.map(each => each.data())

/** The same numbers as a view of other memory. */
function viewed(x, kind) {
  if (kind === 0 && x.rank > 1) return x.transpose().reshape(x.transpose().shape).transpose()
  if (kind === 1 && x.rank > 0) return F.concat([x, x], 0).slice([[0, x.shape[0]]])
  return F.expandDims(x, 0).squeeze(0)
}

/** Throws where a form of the program gives something else. */
function compareForms(program, value, first) {
  const { leaves } = program
  const bits = (what, got, right = first, same = sameBits) =>
    right.forEach((each, i) => {
      if (!same(got[i], each)) {
        const at = each.findIndex((v, k) => !same([got[i][k]], [v]))
        throw new Error(`${what}: ${i} differs: ${got[i][at]} instead of ${each[at]} at ${at}`)
      }
    })
  for (const kind of [0, 1, 2]) {
    const views = leaves.map(each => viewed(each, kind))
    bits(`views of kind ${kind}: value`, datas([program.call(views)]), [value])
    bits(`views of kind ${kind}`, datas(F.gradient(program.loss, ...views)))
  }
  bits('checkpoint', datas(F.gradient((...xs) => F.checkpoint(program.loss, ...xs), ...leaves)))
  const replayed = F.jit((...xs) => [program.call(xs), ...F.gradient(program.loss, ...xs)])
  for (let i = 0; i < 3; i++) {
    const [y, ...gradients] = replayed(...leaves)
    bits(`jit, call ${i}: value`, datas([y]), [value])
    bits(`jit, call ${i}`, datas(gradients))
  }
  replayed.dispose()
  // One more gradient around it: the forms with second derivatives.
  let inner
  F.gradient(u => {
    inner = datas(F.gradient(program.loss, ...leaves.map(each => each.add(u.mul(0)))))
    return u.mul(1)
  }, 1)
  bits('a gradient around it', inner, first, near)
  // Frozen: the others' gradients stay.
  const ps = F.params(...leaves)
  F.freeze(leaves[0])
  const rest = F.gradient(() => program.loss(...leaves).add(leaves.at(-1).sum().mul(0)), ps)
  if (rest.get(leaves[0]) !== undefined && leaves[0] !== undefined) throw new Error('a frozen one has a gradient')
  leaves.forEach((each, i) => i > 0 && bits('another is frozen', [rest.get(each)?.data() ?? new Float32Array(each.size)], [first[i]], near))
  F.thaw(leaves[0])
  const [x, y] = program.given
  if (isFloat(y) && leaves.includes(y) && String(y.shape) === String(x.shape) && program.leaves.length === 2) {
    // The same tensor twice: both gradients add up.
    const twice = leaf => program.loss(leaf, leaf)
    const apart = F.gradient((a, b) => program.loss(a, b), y, F.clone(y))
    bits('the same tensor twice', datas(F.gradient(twice, y)), [apart[0].add(apart[1]).data()], near)
  }
}

function recordOf(seed) {
  const { tensors, bytes } = F.memory()
  let text = ''
  try {
    return F.scope(() => {
      const program = new Program(seed)
      text = String(program)
      const { leaves } = program
      const result = program.call()
      const value = result.data()
      const first = datas(F.gradient(program.loss, ...leaves))
      const second = datas(
        F.gradient(
          (...xs) =>
            F.gradient(program.loss, ...xs)
              .map((g, i) => weighed(g, i + 0.5))
              .reduce((sum, each) => sum.add(each)),
          ...leaves,
        ),
      )
      if (leaves.length > 0) compareForms(program, value, first)
      const json = each =>
        each instanceof F.Tensor
          ? { leaf: leaves.indexOf(each), shape: [...each.shape], dtype: each.dtype, data: base64(each.cast('float32').data()) }
          : each
      const [x, y, options] = program.given
      const record = {
        ...{ seed, name: program.name, agg: program.agg || 'mean', x: json(x), y: json(y) },
        options: Object.fromEntries(Object.entries(options).map(([name, each]) => [name, json(each)])),
        ...{ shape: [...result.shape], value: base64(value), first: first.map(base64), second: second.map(base64) },
      }
      return [record, text]
    })
  } catch (error) {
    failed(seed, `${text.split('(')[0]}: ${error.stack.split('\n').slice(0, 3).join(' ')}`, text)
  } finally {
    const after = F.memory()
    if (after.tensors !== tensors) failed(seed, `${after.tensors - tensors} tensors are left`, text)
    else if (after.bytes > bytes + 1e7) failed(seed, `${after.bytes - bytes} bytes are left`, text)
  }
}

hasPyTorch()
const held = new Held('losses')
for (const seed of seeds()) {
  const made = recordOf(seed)
  if (made) held.add(...made)
}
held.end()
finish(held.note)
