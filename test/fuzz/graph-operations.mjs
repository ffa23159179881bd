// The operations of random graphs: how each is drawn, with inputs and options that are valid, and how it is called. graphs.py knows the same names.
// A node is { op, in: places of its inputs, o: options that JSON keeps }.
import { F } from './library.mjs'
import { sizeOf } from './source.mjs'

const UNARY = [
  ...[
    'neg',
    'square',
    'exp',
    'expm1',
    'abs',
    'sign',
    'sin',
    'cos',
    'tanh',
    'erf',
    'floor',
    'ceil',
    'round',
    'sigmoid',
    'softplus',
    'relu',
    'gelu',
  ],
  ...['stopGradient', 'identity'],
]
/** Of what is at least 0.5. */
const POSITIVE = ['reciprocal', 'log', 'log1p', 'sqrt', 'rsqrt', 'tan']
const BINARY = ['add', 'sub', 'mul', 'maximum', 'minimum', 'div']
const COMPARISONS = ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual']
const REDUCTIONS = ['sum', 'mean', 'max', 'min', 'prod', 'variance', 'std', 'logSumExp', 'norm', 'sum', 'mean']

const indexTensor = ({ indices, shape }) => F.tensor(Int32Array.from(indices), shape)
const fits = (a, b) => {
  for (let k = 1; k <= Math.min(a.length, b.length); k++) {
    const [p, q] = [a.at(-k), b.at(-k)]
    if (p !== q && p !== 1 && q !== 1) return false
  }
  return true
}
/** An infinite p, which JSON does not know, is written as a text. */
const revived = ({ p, ...options }) => ({ ...options, ...(p !== undefined && { p: p === 'inf' ? Infinity : p }) })

/** `run` calls it; `draw` adds it to a program, or does nothing where it is not possible there; `weight` says how often it is tried. */
export const operations = {
  unary: {
    weight: 3,
    run: ([x], { name }) => F[name](x),
    draw: (g, i) => g.push('unary', [i], { name: g.source.pick(UNARY) }),
  },
  positive: {
    run: () => undefined,
    draw: (g, i) => g.push('unary', [positive(g, i)], { name: g.source.pick(POSITIVE) }),
  },
  binary: {
    weight: 5,
    run: (inputs, { name, x, y }) => (x !== undefined ? F[name](x, inputs[0]) : F[name](inputs[0], y ?? inputs[1])),
    draw(g, i) {
      const name = g.source.pick(BINARY)
      const number = g.source.pick([0.5, -1.5, 2, 3, 0, 1, -0.25])
      if (g.source.chance(0.2))
        return g.push(
          'binary',
          [i],
          name === 'div' ? { name, y: number || 2 } : g.source.chance(0.5) ? { name, y: number } : { name, x: number },
        )
      let j = g.any()
      if (!fits(g.shape(i), g.shape(j))) j = g.leaf(g.part(g.shape(i)))
      if (j === undefined) return
      if (name === 'div') return g.push('binary', [i, positive(g, j)], { name })
      g.push('binary', g.source.shuffled([i, j]), { name })
    },
  },
  power: {
    run: () => undefined,
    draw(g, i) {
      const kind = g.source.pick(['number', 'whole', 'base', 'tensor'])
      if (kind === 'whole') return g.push('binary', [i], { name: 'pow', y: g.source.pick([0, 1, 2, 3]) })
      if (kind === 'base') return g.push('binary', [i], { name: 'pow', x: g.source.pick([0.5, 2, 1.3, 1]) })
      const base = positive(g, i)
      if (kind === 'number') return g.push('binary', [base], { name: 'pow', y: g.source.pick([0.5, -1, 1.7, -0.3]) })
      g.push('binary', [base, g.leaf(g.part(g.shape(base))) ?? base], { name: 'pow' })
    },
  },
  compare: {
    run: ([x], { name, y }) => F[name](x, y).cast('float32').mul(x),
    draw: (g, i) => g.push('compare', [i], { name: g.source.pick(COMPARISONS), y: g.source.pick([0, 0.5, -1]) }),
  },
  where: {
    run: ([x, y, z], { name, c, a, b }) => F.where(F[name](x, c), a ?? y, b ?? z),
    draw(g, i) {
      const o = { name: g.source.pick(['less', 'greater', 'lessEqual']), c: g.source.pick([0, 0.3, -0.5]) }
      if (g.source.chance(0.5)) o.a = 0.7
      if (g.source.chance(0.5)) o.b = -1.25
      g.push('where', [i, (g.source.chance(0.5) ? g.leaf(g.part(g.shape(i))) : undefined) ?? i, i], o)
    },
  },
  clamp: {
    run: ([x], { low, high }) => F.clamp(x, low, high),
    draw: (g, i) => g.push('clamp', [i], g.source.pick([{ low: -0.5, high: 0.5 }, { low: 0 }, { high: 0.75 }, {}, { low: -1, high: -1 }])),
  },
  reduce: {
    weight: 4,
    run: ([x], { name, axis, keepDims, more }) => F[name](x, axis, { keepDims, ...revived(more) }),
    draw(g, i) {
      const shape = g.shape(i)
      const some = shape.map((_, k) => k).filter(() => g.source.chance(0.5))
      const isAll = g.source.chance(0.2)
      const one = shape.length > 0 && g.source.chance(0.4) ? g.source.int(0, shape.length - 1) : undefined
      const axes = isAll ? shape.map((_, k) => k) : one === undefined ? some : [one]
      const axis = isAll ? undefined : one === undefined ? g.source.shuffled(some.map(k => g.signed(k, shape))) : g.signed(one, shape)
      const count = sizeOf(axes.map(k => shape[k]))
      const drawn = g.source.pick(REDUCTIONS)
      const name = drawn === 'prod' && count > 64 ? 'sum' : drawn
      if (count === 0 && name !== 'sum' && name !== 'prod') return
      if (name === 'std' && count < 3) return
      const more = {
        ...((name === 'variance' || name === 'std') && { correction: count > 1 && g.source.chance(0.5) ? 1 : 0 }),
        ...(name === 'norm' && { p: g.source.pick([1, 2, 3, 2.5, 'inf']) }),
      }
      g.push('reduce', [i], { name, axis, keepDims: g.source.chance(0.5), more })
    },
  },
  softmax: {
    weight: 2,
    run: ([x], { name, axis }) => F[name](x, axis),
    draw: (g, i) => g.rank(i) > 0 && g.push('softmax', [i], { name: g.source.pick(['softmax', 'logSoftmax']), axis: g.axis(i) }),
  },
  matmul: {
    weight: 3,
    run([x, y], { waitLeft, waitRight, transposeLeft = false, transposeRight = false }) {
      return F.matmul(waitLeft ? x.transpose() : x, waitRight ? y.transpose() : y, { transposeLeft, transposeRight })
    },
    draw(g, i) {
      const shape = g.shape(i)
      if (shape.length === 0) return
      const o = {}
      const isLeft = shape.length > 1 && g.source.chance(0.3)
      if (isLeft) o[g.source.pick(['waitLeft', 'transposeLeft'])] = true
      const [inner, outer] = [shape.at(isLeft ? -2 : -1), g.size()]
      let batch = g.source.chance(0.5) ? [] : g.part(shape.slice(0, -2))
      if (g.source.chance(0.2) && batch.length < 2) batch = [g.source.pick([1, 2, 3]), ...batch]
      if (!fits(batch, shape.slice(0, -2))) return
      const isRight = g.source.chance(0.4)
      const j = g.leaf(g.source.chance(0.15) ? [inner] : [...batch, ...(isRight ? [outer, inner] : [inner, outer])])
      if (j === undefined) return
      if (isRight && g.rank(j) > 1) o[g.source.pick(['waitRight', 'transposeRight'])] = true
      g.push('matmul', [i, j], o)
    },
  },
  linear: {
    run: ([x, weight, bias]) => F.linear(x, weight, bias),
    draw(g, i) {
      if (g.rank(i) === 0) return
      const outputs = g.size()
      const weight = g.leaf([outputs, g.shape(i).at(-1)])
      const bias = g.source.chance(0.6) ? g.leaf([outputs]) : undefined
      if (weight !== undefined) g.push('linear', bias === undefined ? [i, weight] : [i, weight, bias])
    },
  },
  conv: {
    weight: 6,
    run: ([x, weight, bias], { name, ...options }) => F[name](x, weight, { bias, ...options }),
    draw(g, i) {
      const [, channels, ...sizes] = g.shape(i)
      if (sizes.length < 1 || sizes.length > 3 || g.count(i) === 0) return
      const isTransposed = g.source.chance(0.3)
      const groups = g.source.pick([1, 1, channels, 2].filter(n => channels % n === 0))
      const some = choices => sizes.map(() => g.source.pick(choices))
      const [kernel, stride, dilation] = [some([1, 2, 3]), some([1, 1, 2, 3]), some([1, 1, 2])]
      const pad = [...sizes, ...sizes].map(() => g.source.pick([0, 0, 1, 2]))
      const outPad = stride.map(n => g.source.int(0, n - 1))
      const spans = kernel.map((k, axis) => dilation[axis] * (k - 1) + 1)
      const whole = (n, axis) => (isTransposed ? (n - 1) * stride[axis] + spans[axis] + outPad[axis] : n)
      const sides = axis => (pad[2 * axis] + pad[2 * axis + 1]) * (isTransposed ? -1 : 1)
      if (sizes.some((n, axis) => whole(n, axis) + sides(axis) < (isTransposed ? 1 : spans[axis]))) return
      const many = g.source.pick([1, 2, 3])
      const weight = g.leaf(isTransposed ? [channels, many, ...kernel] : [groups * many, channels / groups, ...kernel])
      const bias = g.source.chance(0.5) ? g.leaf([groups * many]) : undefined
      if (weight === undefined) return
      const o = { name: isTransposed ? 'convTranspose' : 'conv', groups, stride, dilation, pad, ...(isTransposed && { outPad }) }
      g.push('conv', bias === undefined ? [i, weight] : [i, weight, bias], o)
    },
  },
  pool: {
    weight: 2,
    run: ([x], { name, window, ...options }) => F[name](x, window, options),
    draw(g, i) {
      const sizes = g.shape(i).slice(2)
      if (g.rank(i) < 3 || sizes.length > 3 || g.count(i) === 0) return
      const name = g.source.pick(['maxPool', 'meanPool'])
      const window = sizes.map(size => g.source.pick([1, 2, 2, 3].filter(n => n <= size)))
      const pad = window.flatMap(n => [g.source.int(0, n - 1), g.source.int(0, n - 1)])
      const o = { name, window, stride: window.map(() => g.source.pick([1, 2, 2, 3])), pad }
      g.push('pool', [i], name === 'meanPool' ? { ...o, countPadding: g.source.chance(0.5) } : o)
    },
  },
  norm: {
    weight: 3,
    run([x, ...rest], { name, affine, groups, ...o }) {
      const options = { ...o, ...Object.fromEntries(affine.map((each, i) => [each, rest[i]])) }
      return name === 'groupNorm' ? F.groupNorm(x, groups, options) : F[name](x, options)
    },
    draw(g, i) {
      const shape = g.shape(i)
      if (shape.length === 0 || g.count(i) === 0) return
      const isOfRows = shape.length < 2 || g.source.chance(0.4)
      const name = g.source.pick(
        isOfRows ? ['layerNorm', 'rmsNorm'] : ['groupNorm', 'batchNorm', ...(shape.length > 2 ? ['instanceNorm'] : [])],
      )
      const sizes = name === 'layerNorm' ? shape.slice(-g.source.int(1, shape.length)) : isOfRows ? shape.slice(-1) : [shape[1]]
      const affine = ['scale', ...(name === 'rmsNorm' ? [] : ['bias'])].filter(() => g.source.chance(0.5))
      const leaves = affine.map(() => g.leaf(sizes))
      if (leaves.includes(undefined)) return
      const groups = g.source.pick([1, 2, 3].filter(n => shape[1] % n === 0))
      const o = { name, affine, eps: g.source.pick([0.01, 0.25]) }
      g.push('norm', [i, ...leaves], { ...o, ...(name === 'layerNorm' && { sizes }), ...(name === 'groupNorm' && { groups }) })
    },
  },
  reshape: {
    run: ([x], { shape }) => F.reshape(x, shape),
    draw(g, i) {
      if (g.count(i) === 0) return g.push('reshape', [i], { shape: g.shape(i).toReversed() })
      const shape = []
      let left = g.count(i)
      while (left > 1 && shape.length < 4) {
        shape.push(g.source.pick([1, 2, 3, 5, 7, 13, 17, left].filter(size => left % size === 0)))
        left /= shape.at(-1)
      }
      if (left > 1) shape.push(left)
      g.push('reshape', [i], {
        shape: shape.length > 0 && g.source.chance(0.3) ? shape.with(g.source.int(0, shape.length - 1), -1) : shape,
      })
    },
  },
  flatten: {
    run: ([x], { from }) => F.flatten(x, from),
    draw: (g, i) => g.push('flatten', [i], { from: g.rank(i) > 0 ? g.axis(i) : 0 }),
  },
  squeeze: {
    run: ([x], { axis }) => F.squeeze(x, axis),
    draw(g, i) {
      const ones = g.shape(i).flatMap((size, k) => (size === 1 ? [k] : []))
      g.push('squeeze', [i], ones.length > 0 && g.source.chance(0.5) ? { axis: [g.source.pick(ones)] } : {})
    },
  },
  expandDims: {
    run: ([x], { axis }) => F.expandDims(x, axis),
    draw: (g, i) => g.rank(i) < 6 && g.push('expandDims', [i], { axis: g.source.int(-g.rank(i) - 1, g.rank(i)) }),
  },
  permute: {
    run: ([x], { axes }) => F.permute(x, axes),
    draw: (g, i) => g.push('permute', [i], { axes: g.source.shuffled(g.shape(i).map((_, k) => k)).map(k => g.signed(k, g.shape(i))) }),
  },
  transpose: {
    run: ([x]) => F.transpose(x),
    draw: (g, i) => g.rank(i) > 1 && g.push('transpose', [i]),
  },
  broadcastTo: {
    run: ([x], { shape }) => F.broadcastTo(x, shape),
    draw(g, i) {
      const shape = g.shape(i).map(size => (size === 1 ? g.source.pick([1, 2, 3]) : size))
      if (g.rank(i) < 5) g.push('broadcastTo', [i], { shape: g.source.chance(0.5) ? [g.source.pick([1, 2, 3, 0]), ...shape] : shape })
    },
  },
  slice: {
    weight: 2,
    run: ([x], { where }) => F.slice(x, where),
    draw(g, i) {
      const where = []
      for (const size of g.shape(i)) {
        if (g.source.chance(0.1)) break
        const bound = () => g.source.pick([null, g.source.int(-size - 1, size + 1)])
        const kind = g.source.pick(['all', 'one', 'range', 'range'])
        where.push(
          kind === 'range'
            ? [bound(), bound(), g.source.pick([null, 1, 2, -1, -2, 3])]
            : kind === 'one' && size > 0
              ? g.source.int(-size, size - 1)
              : null,
        )
      }
      g.push('slice', [i], { where })
    },
  },
  arrange: {
    weight: 3,
    run: ([x], { name, args }) => F[name](x, ...args.map(each => each ?? undefined)),
    draw(g, i) {
      const name = g.source.pick(['flip', 'roll', 'tile', 'repeat', 'pad', 'triu', 'tril', 'cumsum'])
      const shape = g.shape(i)
      if (shape.length < 2 && name.startsWith('tri')) return
      if (shape.length === 0 || shape.length > 3) return
      const axis = g.source.chance(0.2) ? null : g.axis(i)
      const k = g.source.int(-3, 3)
      const edges = shape.map(() => [g.source.int(0, 2), g.source.int(0, 2)])
      const mode = g.source.pick(g.count(i) === 0 ? ['constant'] : ['constant', 'reflect', 'edge'])
      const args = {
        roll: [k, axis],
        tile: [shape.map(() => g.source.int(1, 2))],
        repeat: [g.source.int(1, 3), axis],
        pad: [edges, { mode }],
        triu: [k],
        tril: [k],
      }
      g.push('arrange', [i], { name, args: args[name] ?? [axis] })
    },
  },
  diag: {
    run: ([x], { k }) => F.diag(x, k),
    draw(g, i) {
      const shape = g.shape(i)
      if (shape.length === 2 || (shape.length === 1 && shape[0] < 20)) g.push('diag', [i], { k: g.source.int(-2, 2) })
    },
  },
  einsum: {
    weight: 2,
    run: (inputs, { equation }) => F.einsum(equation, ...inputs),
    draw(g, i) {
      const whole = g.shape(i)
      if (whole.length > 4) return
      // The first axes without names; diagonals; a second operand with some of the same axes, and the result as NumPy finds it.
      const dots = g.source.chance(0.3) ? g.source.int(1, whole.length) : 0
      const shape = whole.slice(dots)
      const letters = []
      for (const [at, size] of shape.entries()) {
        const same = shape.slice(0, at).indexOf(size)
        letters.push(same >= 0 && g.source.chance(0.3) ? letters[same] : 'abcd'[at])
      }
      const own = [...new Set(letters)]
      const other = g.source.shuffled([...own.filter(() => g.source.chance(0.6)), ...(g.source.chance(0.6) ? ['e'] : [])])
      const size = g.source.pick([1, 2, 3])
      const sizes = other.map(letter => (letter === 'e' ? size : shape[letters.indexOf(letter)]))
      const around = dots > 0 && g.source.chance(0.5) ? g.part(whole.slice(0, dots)) : undefined
      const j = g.leaf([...(around ?? []), ...sizes])
      const output = g.source.shuffled([...own, ...(j === undefined ? [] : other.filter(letter => !own.includes(letter)))])
      const terms = [`${dots > 0 ? '...' : ''}${letters.join('')}`]
      if (j !== undefined) terms.push(`${around ? '...' : ''}${other.join('')}`)
      const found = `->${dots > 0 ? '...' : ''}${output.filter(() => g.source.chance(0.5)).join('')}`
      const equation = `${terms.join(',')}${g.source.chance(0.8) ? found : ''}`
      g.push('einsum', j === undefined ? [i] : [i, j], { equation })
    },
  },
  concat: {
    run: (inputs, { axis }) => F.concat(inputs, axis),
    draw(g, i) {
      if (g.rank(i) === 0) return
      const at = g.source.int(0, g.rank(i) - 1)
      const others = g.source.list(g.source.int(0, 2), () =>
        g.source.chance(0.5) ? i : (g.leaf(g.shape(i).with(at, g.source.int(0, 3))) ?? i),
      )
      g.push('concat', [i, ...others], { axis: g.signed(at, g.shape(i)) })
    },
  },
  stack: {
    run: (inputs, { axis }) => F.stack(inputs, axis),
    draw(g, i) {
      if (g.rank(i) > 5) return
      const others = g.source.list(g.source.int(0, 2), () => (g.source.chance(0.5) ? i : (g.leaf(g.shape(i)) ?? i)))
      g.push('stack', [i, ...others], { axis: g.source.int(-g.rank(i) - 1, g.rank(i)) })
    },
  },
  split: {
    run: ([x], { parts, axis, take }) => F.split(x, parts, axis)[take],
    draw(g, i) {
      if (g.rank(i) === 0) return
      const at = g.source.int(0, g.rank(i) - 1)
      const size = g.shape(i)[at]
      const first = g.source.int(0, size)
      const parts = size > 0 && g.source.chance(0.3) ? g.source.pick([1, size]) : [first, size - first]
      g.push('split', [i], { parts, axis: g.signed(at, g.shape(i)), take: g.source.int(0, (parts.length ?? parts) - 1) })
    },
  },
  chunk: {
    run: ([x], { count, axis, take }) => F.chunk(x, count, axis)[take],
    draw(g, i) {
      if (g.rank(i) === 0) return
      const [axis, count] = [g.axis(i), g.source.int(1, 4)]
      g.push('chunk', [i], { count, axis, take: g.source.int(0, F.chunk(g.values[i], count, axis).length - 1) })
    },
  },
  gather: {
    run: ([x], o) => F.gather(x, indexTensor(o), o.axis),
    draw: (g, i) =>
      indexed(
        g,
        i,
        shape => shape,
        (at, o) => g.push('gather', [i], { ...o, axis: at }),
      ),
  },
  takeAlong: {
    run: ([x], o) => F.takeAlong(x, indexTensor(o), o.axis),
    draw: (g, i) =>
      indexed(
        g,
        i,
        (_, at) => g.shape(i).with(at, g.source.pick([1, 2, 3, 5])),
        (at, o) => g.push('takeAlong', [i], { ...o, axis: at }),
      ),
  },
  scatterAdd: {
    run: ([x, updates], o) => F.scatterAdd(x, indexTensor(o), updates, o.axis),
    draw: (g, i) =>
      indexed(
        g,
        i,
        shape => shape,
        (axis, o) => {
          const updates = g.leaf(g.shape(i).toSpliced(axis, 1, ...o.shape))
          if (updates !== undefined) g.push('scatterAdd', [i, updates], { ...o, axis })
        },
      ),
  },
  cast: {
    run: ([x], { dtype }) => x.cast(dtype).cast('float32').mul(x),
    draw: (g, i) => g.push('cast', [i], { dtype: g.source.pick(['int32', 'bool']) }),
  },
  elementLoss: {
    run: ([x, y], { name }) => F[name](x, y),
    draw(g, i) {
      const name = g.source.pick(['mse', 'mae', 'logitBinaryCrossEntropy'])
      const target =
        g.count(i) > 0 && g.rank(i) > 0 ? g.leaf(g.shape(i), name === 'logitBinaryCrossEntropy' ? 'share' : undefined) : undefined
      if (target !== undefined) g.push('elementLoss', [i, target], { name })
    },
  },
  classLoss: {
    weight: 2,
    run: ([x], { name, axis, weight, ...o }) => F[name](x, indexTensor(o), { axis, ...(weight && { weight: F.tensor(weight) }) }),
    draw(g, i) {
      const shape = g.shape(i)
      if (shape.length === 0 || g.count(i) === 0) return
      const axis = g.source.int(0, shape.length - 1)
      const classes = shape[axis]
      if (classes < 2) return
      const name = g.source.pick(['logitCrossEntropy', 'crossEntropy'])
      const from = name === 'crossEntropy' ? g.push('softmax', [i], { name: 'softmax', axis }) : i
      const targets = shape.toSpliced(axis, 1)
      const indices = g.source.list(sizeOf(targets), () => g.source.int(0, classes - 1))
      const weight = g.source.chance(0.3) ? g.source.list(classes, () => g.source.int(1, 8) / 4) : undefined
      if (from !== undefined) g.push('classLoss', [from], { name, axis, shape: targets, indices, ...(weight && { weight }) })
    },
  },
}

function positive(g, i) {
  return g.push('binary', [g.push('unary', [i], { name: 'square' })], { name: 'add', y: 0.5 })
}

function indexed(g, i, shapeOf, push) {
  if (g.rank(i) === 0) return
  const axis = g.source.int(0, g.rank(i) - 1)
  const size = g.shape(i)[axis]
  const shape = shapeOf(g.drawShape(2), axis)
  if (size === 0 || (g.count(i) / size) * sizeOf(shape) > g.most) return
  push(axis, { shape, indices: g.source.list(sizeOf(shape), () => g.source.int(0, size - 1)) })
}
