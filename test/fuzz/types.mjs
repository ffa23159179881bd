// Operations on int32, uint8 and bool, on special floats, and those that move elements, against JavaScript. An integer result that does not fit is a RangeError.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source, sizeOf } from './source.mjs'

const SIZES = [1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33]
const TYPES = ['float32', 'int32', 'uint8', 'bool']
/** 'whole' is float32 that holds whole numbers. */
const EXACT = ['whole', 'int32', 'uint8', 'bool']
const RANGE = { int32: [-(2 ** 31), 2 ** 31 - 1], uint8: [0, 255] }
let source

function shape(mostAxes = 4) {
  for (;;) {
    const drawn = source.list(source.int(0, mostAxes), () => (source.chance(0.04) ? 0 : source.pick(SIZES)))
    if (sizeOf(drawn) <= 3000) return drawn
  }
}

function element(type) {
  if (type === 'float32')
    return source.pick([0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 0.5, source.next() * 10 - 5, source.next(), -source.next()])
  if (type === 'whole') return source.int(-4, 4)
  if (type === 'int32') return source.pick([source.int(-9, 9), source.int(-9, 9), 2 ** 31 - 1, -(2 ** 31), source.int(-1e9, 1e9)])
  return type === 'uint8' ? source.int(0, 255) : source.int(0, 1)
}

/** A tensor, and the same in JavaScript. */
function draw(type, shape) {
  const made = source.list(sizeOf(shape), () => element(type))
  const dtype = type === 'whole' ? 'float32' : type
  const values = dtype === 'float32' ? Array.from(Float32Array.from(made)) : made
  return { tensor: F.tensor(Float64Array.from(values), shape, { dtype }), values, shape, dtype }
}

function placeOf(index, shape) {
  const place = new Array(shape.length)
  for (let k = shape.length - 1; k >= 0; k--) {
    place[k] = index % shape[k]
    index = Math.floor(index / shape[k])
  }
  return place
}
const indexOf = (place, shape) => place.reduce((index, at, k) => index * shape[k] + at, 0)
const build = (shape, at) => Array.from({ length: sizeOf(shape) }, (_, i) => at(placeOf(i, shape)))

/** Computes and compares; values that do not fit into an integer type must be refused, all others must come. */
function expect(what, compute, shape, values, dtype) {
  const range = RANGE[dtype]
  const isRefused = range && values.some(value => !(Math.trunc(value) >= range[0] && Math.trunc(value) <= range[1]))
  let result
  try {
    result = compute()
  } catch (error) {
    if (error instanceof RangeError && isRefused) return
    throw new Error(`${what}: ${error.message}`)
  }
  if (isRefused) throw new Error(`${what}: what does not fit into ${dtype} was not refused`)
  if (String(result.shape) !== String(shape)) throw new Error(`${what}: shape [${result.shape}] instead of [${shape}]`)
  if (result.dtype !== dtype) throw new Error(`${what}: ${result.dtype} instead of ${dtype}`)
  const got = result.data()
  const wanted = dtype === 'float32' ? Float32Array.from(values) : values.map(Math.trunc)
  const at = wanted.findIndex((value, i) => !Object.is(got[i], value) && got[i] !== value)
  if (at >= 0) throw new Error(`${what}: ${got[at]} instead of ${wanted[at]} at ${at}`)
}

const wider = (x, y) => (x === 'float32' || y === 'float32' ? 'float32' : 'int32')
const greatest = (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b))
const least = (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.min(a, b))
/** NaN wins, and the first of equals. */
const beats = {
  argMax: (b, a) => !Number.isNaN(a) && (Number.isNaN(b) || b > a),
  argMin: (b, a) => !Number.isNaN(a) && (Number.isNaN(b) || b < a),
}

function reduced(x, axes, keepDims, start, combine) {
  const kept = x.shape.map((size, k) => (axes.includes(k) ? 1 : size))
  const result = new Array(sizeOf(kept)).fill(start)
  x.values.forEach((value, i) => {
    const to = indexOf(
      placeOf(i, x.shape).map((at, k) => (axes.includes(k) ? 0 : at)),
      kept,
    )
    result[to] = combine(result[to], value)
  })
  return [keepDims ? kept : x.shape.filter((_, k) => !axes.includes(k)), result]
}

const tests = {
  reduce() {
    const x = draw(source.pick(['float32', ...EXACT]), shape())
    const some = x.shape.map((_, k) => k).filter(() => source.chance(0.5))
    const axis = source.chance(0.2) ? undefined : some.map(k => (source.chance(0.5) ? k : k - x.shape.length))
    const axes = axis === undefined ? x.shape.map((_, k) => k) : some
    const options = { keepDims: source.chance(0.5) }
    const isInteger = x.dtype !== 'float32'
    const holds = (name, dtype, start, combine, from = x) =>
      expect(name, () => x.tensor[name](axis, options), ...reduced(from, axes, options.keepDims, start, combine), dtype)
    if (x.values.every(Number.isInteger)) holds('sum', isInteger ? 'int32' : 'float32', 0, (a, b) => a + b)
    // BigInt: a product on the way may be larger than what a double holds exactly.
    if (isInteger) {
      const [to, products] = reduced({ ...x, values: x.values.map(BigInt) }, axes, options.keepDims, 1n, (a, b) => a * b)
      expect('prod', () => x.tensor.prod(axis, options), to, products.map(Number), 'int32')
    }
    holds('any', 'bool', 0, (a, b) => Number(a || b !== 0))
    holds('all', 'bool', 1, (a, b) => Number(a && b !== 0))
    if (axes.some(k => x.shape[k] === 0)) return
    holds('max', isInteger ? 'int32' : 'float32', -Infinity, greatest)
    holds('min', isInteger ? 'int32' : 'float32', Infinity, least)
  },
  argument() {
    const x = draw(source.pick(['float32', ...EXACT]), shape())
    if (x.shape.length === 0) return
    const axis = source.int(0, x.shape.length - 1)
    if (x.shape[axis] === 0) return
    for (const [name, isBetter] of Object.entries(beats)) {
      const kept = x.shape.map((size, k) => (k === axis ? 1 : size))
      const found = build(kept, place => {
        const along = Array.from({ length: x.shape[axis] }, (_, i) => x.values[indexOf(place.with(axis, i), x.shape)])
        return along.reduce((best, value, i) => (isBetter(value, along[best]) ? i : best), 0)
      })
      expect(name, () => x.tensor[name](axis, { keepDims: true }), kept, found, 'int32')
    }
  },
  permute() {
    const x = draw(source.pick(TYPES), shape(5))
    const axes = source.shuffled(x.shape.map((_, k) => k))
    const to = axes.map(k => x.shape[k])
    const moved = (order, to) =>
      build(
        to,
        place =>
          x.values[
            indexOf(
              order.map((_, k) => place[order.indexOf(k)]),
              x.shape,
            )
          ],
      )
    expect(`permute ${axes}`, () => x.tensor.permute(axes), to, moved(axes, to), x.dtype)
    if (x.shape.length < 2) return
    const swapped = x.shape.map((_, k) => k)
    swapped.push(...swapped.splice(-2).reverse())
    const transposed = swapped.map(k => x.shape[k])
    expect('transpose', () => x.tensor.transpose(), transposed, moved(swapped, transposed), x.dtype)
  },
  slice() {
    const x = draw(source.pick(TYPES), shape())
    const [where, taken] = [[], []]
    for (const size of x.shape) {
      const entry = sliceOf(size)
      where.push(entry)
      taken.push(entry === null ? [...Array(size).keys()] : typeof entry === 'number' ? [(entry + size) % size] : ranged(entry, size))
    }
    const full = taken.map(list => list.length)
    const to = full.filter((_, k) => typeof where[k] !== 'number')
    const values = build(
      full,
      place =>
        x.values[
          indexOf(
            place.map((at, k) => taken[k][at]),
            x.shape,
          )
        ],
    )
    expect(`slice ${JSON.stringify(where)}`, () => x.tensor.slice(where), to, values, x.dtype)
    const text = where
      .map(entry => (entry === null ? ':' : typeof entry === 'number' ? entry : entry.map(each => each ?? '').join(':')))
      .join(', ')
    if (where.length > 0) expect(`slice '${text}'`, () => x.tensor.slice(text), to, values, x.dtype)
  },
  concat() {
    const base = shape()
    if (base.length === 0) return
    const axis = source.int(0, base.length - 1)
    const types = source.chance(0.6) ? [source.pick(TYPES)] : EXACT
    const parts = source.list(source.int(1, 4), () => draw(source.pick(types), base.with(axis, source.int(0, 4))))
    const isSame = parts.every(({ dtype }) => dtype === parts[0].dtype)
    const dtype = isSame ? parts[0].dtype : parts.map(part => part.dtype).reduce(wider)
    const to = base.with(
      axis,
      parts.reduce((sum, part) => sum + part.shape[axis], 0),
    )
    const values = build(to, place => {
      let [i, at] = [0, place[axis]]
      while (at >= parts[i].shape[axis]) at -= parts[i++].shape[axis]
      return parts[i].values[indexOf(place.with(axis, at), parts[i].shape)]
    })
    expect(
      'concat',
      () =>
        F.concat(
          parts.map(part => part.tensor),
          axis,
        ),
      to,
      values,
      dtype,
    )
    const layers = source.list(source.int(1, 3), () => draw(types[0], base))
    const at = source.int(0, base.length)
    const stacked = build(base.toSpliced(at, 0, layers.length), place => layers[place[at]].values[indexOf(place.toSpliced(at, 1), base)])
    expect(
      'stack',
      () =>
        F.stack(
          layers.map(layer => layer.tensor),
          at,
        ),
      base.toSpliced(at, 0, layers.length),
      stacked,
      layers[0].dtype,
    )
  },
  gather() {
    const x = draw(source.pick(TYPES), shape(3))
    if (x.shape.length === 0) return
    const axis = source.int(0, x.shape.length - 1)
    const size = x.shape[axis]
    const from = shape(2)
    const to = x.shape.toSpliced(axis, 1, ...from)
    if (size === 0 || sizeOf(to) > 50_000) return
    const drawn = source.list(sizeOf(from), () => source.int(0, size - 1))
    const indices = F.tensor(drawn, from, { dtype: source.pick(['int32', 'float32', size < 256 ? 'uint8' : 'int32']) })
    const read = place => place.toSpliced(axis, from.length, drawn[indexOf(place.slice(axis, axis + from.length), from)])
    expect(
      'gather',
      () => x.tensor.gather(indices, axis),
      to,
      build(to, place => x.values[indexOf(read(place), x.shape)]),
      x.dtype,
    )
    const like = x.shape.with(axis, source.int(0, 5))
    const entries = source.list(sizeOf(like), () => source.int(0, size - 1))
    const taken = build(like, place => x.values[indexOf(place.with(axis, entries[indexOf(place, like)]), x.shape)])
    expect('takeAlong', () => x.tensor.takeAlong(F.tensor(entries, like, { dtype: 'int32' }), axis), like, taken, x.dtype)
    if (x.dtype !== 'int32' && x.dtype !== 'uint8') return
    const updates = draw(x.dtype, to)
    const sums = [...x.values]
    updates.values.forEach((value, i) => (sums[indexOf(read(placeOf(i, to)), x.shape)] += value))
    expect('scatterAdd', () => x.tensor.scatterAdd(indices, updates.tensor, axis), x.shape, sums, 'int32')
  },
  broadcast() {
    const base = shape(3)
    const part = () => base.slice(source.chance(0.3) ? source.int(0, base.length) : 0).map(size => (source.chance(0.3) ? 1 : size))
    const [c, x, y] = [0, 1, 2].map(() => draw(source.pick(EXACT), part()))
    const common = (...all) => {
      const rank = Math.max(...all.map(each => each.shape.length))
      return Array.from({ length: rank }, (_, k) =>
        all.map(each => each.shape[k - rank + each.shape.length] ?? 1).reduce((a, b) => (a === 1 ? b : a)),
      )
    }
    const at = (each, place) =>
      each.values[
        indexOf(
          place.slice(place.length - each.shape.length).map((i, k) => (each.shape[k] === 1 ? 0 : i)),
          each.shape,
        )
      ]
    const dtype = wider(x.dtype, y.dtype)
    const all = common(c, x, y)
    expect(
      'where',
      () => F.where(c.tensor, x.tensor, y.tensor),
      all,
      build(all, place => (at(c, place) !== 0 ? at(x, place) : at(y, place))),
      dtype,
    )
    expect(
      'broadcastTo',
      () => x.tensor.broadcastTo(all),
      all,
      build(all, place => at(x, place)),
      x.dtype,
    )
    const both = common(x, y)
    const round = dtype === 'float32' ? Math.fround : value => value
    const pairs = {
      ...{ add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, maximum: Math.max, minimum: Math.min },
      ...{ less: (a, b) => Number(a < b), equal: (a, b) => Number(a === b), greaterEqual: (a, b) => Number(a >= b) },
      logicalAnd: (a, b) => Number(a !== 0 && b !== 0),
      logicalOr: (a, b) => Number(a !== 0 || b !== 0),
    }
    const arithmetic = ['add', 'sub', 'mul', 'maximum', 'minimum']
    for (const [name, f] of Object.entries(pairs)) {
      const values = build(both, place => f(round(at(x, place)), round(at(y, place))))
      expect(
        `${name} of ${x.dtype} and ${y.dtype}`,
        () => F[name](x.tensor, y.tensor),
        both,
        values,
        arithmetic.includes(name) ? dtype : 'bool',
      )
    }
  },
  cast() {
    const x = draw(source.pick(TYPES), shape(2))
    for (const to of TYPES) {
      const values = to === 'bool' ? x.values.map(value => Number(value !== 0)) : x.values
      expect(`cast ${x.dtype} to ${to}`, () => x.tensor.cast(to), x.shape, values, to)
    }
    if (x.values.length > 0) expect('toArray', () => F.tensor(x.tensor.toArray(), { dtype: x.dtype }), x.shape, x.values, x.dtype)
    const y = draw(source.pick(EXACT), x.shape)
    const values = x.dtype === 'bool' ? y.values.map(value => Number(value !== 0)) : y.values
    expect(`assign ${y.dtype} to ${x.dtype}`, () => x.tensor.assign(y.tensor) ?? x.tensor, x.shape, values, x.dtype)
  },
  oneHot() {
    const [from, classes] = [shape(2), source.int(1, 20)]
    const drawn = source.list(sizeOf(from), () => source.int(0, classes - 1))
    const values = drawn.flatMap(value => Array.from({ length: classes }, (_, k) => Number(k === value)))
    expect('oneHot', () => F.oneHot(F.tensor(drawn, from, { dtype: 'int32' }), classes), [...from, classes], values, 'bool')
  },
}

function sliceOf(size) {
  const kind = source.int(0, 3)
  if (kind === 0) return null
  if (kind === 1 && size > 0) return source.int(-size, size - 1)
  const bound = () => source.pick([null, source.int(-size - 2, size + 2), 1e9, -1e9])
  return [bound(), bound(), source.pick([null, 1, 2, -1, -2, 3, -5, 100, -100])]
}

/** Python's rule. */
function ranged([start, stop, step], size) {
  const by = step ?? 1
  const bound = (value, otherwise) =>
    value === null ? otherwise : Math.min(Math.max(value < 0 ? value + size : value, by < 0 ? -1 : 0), by < 0 ? size - 1 : size)
  const [first, end] = [bound(start, by < 0 ? size - 1 : 0), bound(stop, by < 0 ? -1 : size)]
  const list = []
  for (let i = first; by < 0 ? i > end : i < end; i += by) list.push(i)
  return list
}

for (const seed of seeds()) {
  source = new Source(seed)
  const name = source.pick(Object.keys(tests))
  const { tensors } = F.memory()
  F.scope(() => {
    try {
      tests[name]()
    } catch (error) {
      failed(seed, error.stack.split('\n')[0], name)
    }
  })
  if (F.memory().tensors !== tensors) failed(seed, 'tensors are left', name)
}
finish()
