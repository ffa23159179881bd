// A random graph: leaves, operations on them and on each other, and a loss that weighs the elements of some results.
import { operations } from './graph-operations.mjs'
import { F } from './library.mjs'
import { Source, sizeOf } from './source.mjs'

const SMALL = { sizes: [1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 13, 17], most: 1500 }
const LARGE = { sizes: [1, 2, 3, 5, 17, 31, 64, 67, 128, 257], most: 60_000 }
const MOST_LEAVES = 5
const tried = Object.entries(operations).flatMap(([name, { weight = 1 }]) => Array(weight).fill(name))

/** Weights of a sum that lets every element count, in sixty-fourths, so that they are the same in Python. */
export function weights(count, phase) {
  return Float32Array.from({ length: count }, (_, i) => Math.round(Math.cos(i * 0.7 + phase) * 64) / 64)
}
export const weighed = (x, phase) => x.mul(F.tensor(weights(x.size, phase), x.shape)).sum()

/** Draws what a seed says; to be called within a scope. */
export class Graph {
  constructor(seed, limits) {
    this.source = new Source(seed)
    const { sizes, most } = limits ?? (this.source.chance(0.1) ? LARGE : SMALL)
    this.sizes = sizes
    this.most = most
    /** The tensor of each place, and which places are leaves: { at, shape, data }. */
    this.values = []
    this.leaves = []
    this.nodes = []
    const base = this.drawShape()
    for (let i = this.source.int(1, 3); i > 0; i--) this.leaf(this.source.chance(0.5) ? this.part(base) : this.drawShape())
    if (this.leaves.length === 0) this.leaf(base)
    const wanted = this.source.int(2, 10)
    for (let i = 0; i < 200 && this.nodes.length < wanted; i++) operations[this.source.pick(tried)].draw(this, this.any())
    const consumed = new Set(this.nodes.flatMap(node => node.in))
    /** What the loss reads: every end, and some of what lies before. */
    this.used = this.nodes.filter(({ out }) => !consumed.has(out) || this.source.chance(0.2)).map(({ out }) => out)
  }

  size() {
    return this.source.pick(this.sizes)
  }

  drawShape(mostAxes = 4) {
    for (;;) {
      const shape = this.source.list(this.source.int(0, mostAxes), () => (this.source.chance(0.03) ? 0 : this.size()))
      if (sizeOf(shape) <= this.most) return shape
    }
  }

  /** A shape that broadcasts to another. */
  part(shape) {
    return shape.slice(this.source.chance(0.3) ? this.source.int(0, shape.length) : 0).map(size => (this.source.chance(0.3) ? 1 : size))
  }

  shape(i) {
    return [...this.values[i].shape]
  }

  rank(i) {
    return this.values[i].rank
  }

  count(i) {
    return this.values[i].size
  }

  signed(axis, shape) {
    return this.source.chance(0.5) ? axis : axis - shape.length
  }

  axis(i) {
    return this.signed(this.source.int(0, this.rank(i) - 1), this.shape(i))
  }

  /** The place of a value, rather of a late one. */
  any() {
    const last = this.values.length - 1
    return this.source.chance(0.6) ? last - Math.min(last, this.source.int(0, 2)) : this.source.int(0, last)
  }

  /** The place of a new leaf; undefined where there are enough, or it would be too large. */
  leaf(shape, kind = this.source.pick(['grid', 'normal', 'normal', 'share'])) {
    if (this.leaves.length >= MOST_LEAVES || sizeOf(shape) > this.most) return undefined
    const { source } = this
    const value = {
      grid: () => source.int(-8, 8) / 4,
      normal: () => (source.next() + source.next() + source.next() - 1.5) * 1.6,
      share: () => source.next(),
    }[kind]
    const data = Float32Array.from(source.list(sizeOf(shape), value))
    this.leaves.push({ at: this.values.length, shape, data })
    return this.values.push(F.tensor(data, shape)) - 1
  }

  /** The place of the result; undefined where it would be too large. */
  push(op, inputs, o = {}) {
    if (inputs.includes(undefined)) return undefined
    const value = operations[op].run(
      inputs.map(i => this.values[i]),
      o,
    )
    if (value.size > 4 * this.most) return undefined
    this.nodes.push({ op, in: inputs, o, out: this.values.length })
    return this.values.push(value) - 1
  }

  /** The values of all places, of tensors in the leaves'. */
  run(tensors) {
    const values = []
    this.leaves.forEach(({ at }, i) => (values[at] = tensors[i]))
    for (const { op, in: inputs, o, out } of this.nodes) {
      values[out] = operations[op].run(
        inputs.map(i => values[i]),
        o,
      )
    }
    return values
  }

  /** The loss, of tensors in the leaves' places. */
  loss(tensors) {
    const values = this.run(tensors)
    const used = this.nodes.filter(({ out }) => this.used.includes(out))
    return used.map(({ out }) => weighed(values[out], out)).reduce((sum, term) => sum.add(term))
  }

  /** The program as a text. */
  toString() {
    const leaves = this.leaves.map(({ at, shape }) => `%${at} = leaf [${shape}]`)
    const nodes = this.nodes.map(
      ({ op, in: inputs, o, out }) => `%${out} = ${op}(${inputs.map(i => `%${i}`).join(', ')}) ${JSON.stringify(o)}`,
    )
    return [...leaves, ...nodes, `loss of ${this.used.map(i => `%${i}`).join(', ')}`].join('\n')
  }
}
