/** One row a kernel: the arguments with which it is tried, over sizes around the four lanes of a vector and the blocks of a sum. */

import type { LaneKernel } from '../../src/optimizers/definition.ts'
import { type Kernels, writeByIndex, writeCtcTask, writeSumsByIndex } from '../../src/wasm/kernels.generated.ts'
import { NONE } from '../../src/wasm/kinds.ts'
import { f32, i32, SCRATCH } from '../../src/wasm/memory.ts'
import { wasm } from '../../src/wasm/module.ts'
import * as lanes from '../../src/wasm/rules.generated.ts'
import { attentionRows } from './kernel-attention.ts'
import { embeddingRows } from './kernel-embedding.ts'
import { gemmRows } from './kernel-gemm.ts'
import { normRows } from './kernel-norms.ts'
import { poolingRows } from './kernel-pooling.ts'
import { recurrentRows } from './kernel-recurrent.ts'
import { tilesRows } from './kernel-tiles.ts'
import type { Arena, Block, Trial } from './kernel-trials.ts'

export type KernelName = keyof Kernels
export type KernelRow = readonly [kernel: KernelName, trials: (arena: Arena) => Iterable<Trial>]

const { RECORD } = lanes
/** Where the record of a kernel that takes one lies. */
const WORDS = SCRATCH.descriptor
const sizes = [0, 1, 3, 4, 5, 7, 8, 16, 17, 33, 67]
/** The kernel of a name, whose parameters the row knows. */
const kernel = (name: KernelName) => wasm[name] as (...args: readonly number[]) => void

type Kind = 'floats' | 'ints' | 'bytes'
/** A block of n elements, of 4 bytes or 1. */
const make = (arena: Arena, kind: Kind, n: number): Block =>
  kind === 'floats' ? arena.floats(n, { odd: true }) : kind === 'ints' ? arena.ints(n) : arena.bytes(n, 3)

/** (x, out, ...numbers): one element out of one. */
const map = (name: KernelName, from: Kind, to: Kind, ...numbers: readonly number[]): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      const [x, out] = [make(arena, from, n), make(arena, to, n)]
      const run = (begin: number, end: number) => kernel(name)(x.pointer, out.pointer, ...numbers, begin, end)
      yield { name: `n ${n}`, units: n, writes: [out], run }
    }
  },
]

/** The shape of a result and the steps of both operands in it; null: both have its shape. */
const layouts = (n: number): readonly (readonly [shape: readonly number[], x: readonly number[] | null, y: readonly number[]])[] => [
  [[n], null, [1]],
  [[n], [1], [0]],
  [[n], [0], [1]],
  [
    [3, n],
    [n, 1],
    [0, 1],
  ],
  [
    [3, n],
    [1, 0],
    [n, 1],
  ],
  [
    [n, 5],
    [5, 1],
    [1, 0],
  ],
  [
    [n, 5],
    [0, 1],
    [1, 0],
  ],
  [
    [2, n, 3],
    [3 * n, 3, 1],
    [3, 0, 1],
  ],
]

/** (x, out, status): one element out of one, which may not fit. */
const mapFitting = (name: KernelName, from: Kind, to: Kind): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      const [x, out, status] = [make(arena, from, n), make(arena, to, n), arena.words([0])]
      if (to === 'bytes') for (let i = 0; i < n; i++) (from === 'ints' ? i32 : f32)[(x.pointer >>> 2) + i] = 3 * i
      const run = (begin: number, end: number) => kernel(name)(x.pointer, out.pointer, status, begin, end)
      yield { name: `n ${n}`, units: n, writes: [out], run }
    }
  },
]

/** (x, y, out, layout): one element out of two, broadcast; a status behind them where the result may not fit. */
const zip = (name: KernelName, from: Kind, to: Kind, hasStatus = false): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      for (const [shape, xSteps, ySteps] of layouts(n)) {
        const units = shape.reduce((size, each) => size * each, 1)
        const span = (steps: readonly number[]) => steps.reduce((last, step, i) => last + step * Math.max(0, shape[i] - 1), 1)
        const [x, y] = [make(arena, from, span(xSteps ?? [1])), make(arena, from, span(ySteps))]
        const layout = xSteps ? arena.words([shape.length, ...shape, ...xSteps, ...ySteps]) : 0
        const out = make(arena, to, units)
        const status = hasStatus ? [arena.words([0])] : []
        const run = (begin: number, end: number) => kernel(name)(x.pointer, y.pointer, out.pointer, layout, ...status, begin, end)
        yield { name: `[${shape}], steps [${xSteps ?? 'none'}] and [${ySteps}]`, units, writes: [out], run }
      }
    }
  },
]

/** (x, out, n, inner): an axis of [outer, n, inner] goes; a status behind them where the result may not fit. */
const reduction = (name: KernelName, kind: Kind, lengths: readonly number[], result = kind, hasStatus = false): KernelRow => [
  name,
  function* (arena) {
    for (const n of lengths) {
      for (const inner of [1, 3, 4, 7, 17]) {
        const outer = n > 100 ? 2 : 5
        const x = kind === 'floats' ? arena.floats(outer * n * inner) : arena.ints(outer * n * inner)
        const out = make(arena, result, outer * inner)
        const status = hasStatus ? [arena.words([0])] : []
        const run = (begin: number, end: number) => kernel(name)(x.pointer, out.pointer, n, inner, ...status, begin, end)
        yield { name: `[${outer}, ${n}, ${inner}]`, units: outer * inner, writes: [out], run }
      }
    }
  },
]
const lengths = [...sizes, 64, 65, 130, 511, 513, 1100]

/** (x, parts, n, kind): 64 parts of the tree of a reduction. */
function* partsOf(arena: Arena): Iterable<Trial> {
  for (const kind of [0, 1, 2, 3, 4, 5]) {
    const n = 2 ** 17 + 513 * kind
    const [x, parts] = [arena.floats(n, { low: -1, high: 1 }), arena.floats(256)]
    const run = (begin: number, end: number) => wasm.reduceParts(x.pointer, parts.pointer, n, kind, begin, end)
    yield { name: `kind ${kind}`, units: 64, writes: [parts], run }
  }
}

function* joinedParts(arena: Arena): Iterable<Trial> {
  for (const kind of [0, 1, 2, 3, 4, 5]) {
    const [parts, out] = [arena.floats(256, { odd: true }), arena.floats(1)]
    const run = (begin: number, end: number) => wasm.reduceJoin(parts.pointer, out.pointer, kind, begin, end)
    yield { name: `kind ${kind}`, units: 1, writes: [out], run }
  }
}

/** (x, g, out, n, inner): units are elements of g. */
function* normGradients(arena: Arena): Iterable<Trial> {
  for (const [n, inner] of [
    [1, 1],
    [5, 1],
    [17, 3],
    [8, 4],
  ]) {
    const [x, g, out] = [arena.floats(3 * n * inner), arena.floats(3 * inner), arena.floats(3 * n * inner)]
    const run = (begin: number, end: number) => wasm.normGradient(x.pointer, g.pointer, out.pointer, n, inner, begin, end)
    yield { name: `[3, ${n}, ${inner}]`, units: 3 * inner, writes: [out], run }
  }
}

/** Two groups of four rows, and three; with and without rows that are infinite or NaN. */
const rowsTried = 11
const rowTrials = sizes.slice(1).flatMap(n => [[n, false] as const, [n, true] as const])

/** (x, out, n): rows of n. */
const rowwise = (name: KernelName): KernelRow => [
  name,
  function* (arena) {
    for (const [n, odd] of rowTrials) {
      const [x, out] = [arena.floats(rowsTried * n, { odd }), arena.floats(rowsTried * n)]
      const run = (begin: number, end: number) => kernel(name)(x.pointer, out.pointer, n, begin, end)
      yield { name: `rows of ${n}${odd ? ', odd' : ''}`, units: rowsTried, writes: [out], run }
    }
  },
]

/** (g, y, out, n): rows of n. */
const rowGradients = (name: 'softmaxGradient' | 'logSoftmaxGradient'): KernelRow => [
  name,
  function* (arena) {
    for (const [n, odd] of rowTrials) {
      const [g, y, out] = [arena.floats(rowsTried * n, { odd }), arena.floats(rowsTried * n), arena.floats(rowsTried * n)]
      const run = (begin: number, end: number) => wasm[name](g.pointer, y.pointer, out.pointer, n, begin, end)
      yield { name: `rows of ${n}${odd ? ', odd' : ''}`, units: rowsTried, writes: [out], run }
    }
  },
]

/** The losses of rows of n, or (from g) their gradient. */
const classLosses = (name: 'crossEntropy' | 'crossEntropyGradient'): KernelRow => [
  name,
  function* (arena) {
    for (const [n, odd] of rowTrials) {
      const rows = rowsTried
      const [x, classes, g] = [arena.floats(rows * n, { odd }), arena.ints(rows, 0, n), arena.floats(rows)]
      const out = arena.floats(name === 'crossEntropy' ? rows : rows * n)
      const status = arena.words([0])
      const mean = n % 2 === 0 ? rows : 0
      const run = (begin: number, end: number) =>
        name === 'crossEntropy'
          ? wasm.crossEntropy(x.pointer, classes.pointer, out.pointer, n, status, begin, end)
          : wasm.crossEntropyGradient(x.pointer, classes.pointer, g.pointer, out.pointer, n, mean, begin, end)
      yield { name: `rows of ${n}${odd ? ', odd' : ''}`, units: rows, writes: [out], run }
    }
  },
]

/** (x, out, layout): [shape, steps of x, where x begins, steps of out, how many elements out has]; units are rows. */
const copying = (name: KernelName, kind: Kind): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes.slice(1)) {
      const ways: readonly (readonly [readonly number[], readonly number[], number, readonly number[], number])[] = [
        [[n], [1], 0, [1], n],
        [[4, n], [n, 1], 0, [n, 1], 4 * n],
        [[5, n], [1, 5], 0, [n, 1], 5 * n],
        [[n, 5], [5, -1], 4, [5, 1], 5 * n],
        [[3, n], [0, 0], 0, [n, 1], 3 * n],
        [[n, 3], [3, 1], 0, [9, 2], 9 * n],
        [[2, n, 3], [3 * n, 3, 1], 0, [3, 6, 1], 6 * n],
      ]
      for (const [shape, xSteps, at, outSteps, size] of ways) {
        const [x, out] = [make(arena, kind, 7 * n), make(arena, kind, size)]
        const layout = arena.words([shape.length, ...shape, ...xSteps, ...outSteps])
        const run = (begin: number, end: number) =>
          kernel(name)(x.pointer + at * (kind === 'bytes' ? 1 : 4), out.pointer, layout, begin, end)
        const units = shape.slice(0, -1).reduce((rows, each) => rows * each, 1)
        yield { name: `[${shape}], steps [${xSteps}] to [${outSteps}]`, units, writes: [out], run }
      }
    }
  },
]

function* transpositions(arena: Arena): Iterable<Trial> {
  for (const rows of sizes.slice(1)) {
    for (const columns of [1, 7, 16]) {
      const [x, out] = [arena.ints(3 * rows * columns), arena.ints(3 * rows * columns)]
      const run = (begin: number, end: number) => wasm.transposeMatrices(x.pointer, out.pointer, rows, columns, begin, end)
      yield { name: `3 of ${rows} x ${columns}`, units: 3 * Math.ceil(rows / 16), writes: [out], run }
    }
  }
}

/** Sums of int32 by index. */
function* intSums(arena: Arena): Iterable<Trial> {
  for (const inner of sizes.slice(1)) {
    const [outer, size, count] = [4, 3, 5]
    const [x, updates, out] = [outer * size * inner, outer * count * inner, outer * size * inner].map(n => arena.ints(n))
    const [indices, wide, status] = [arena.ints(count, 0, size), arena.ints(2 * outer * size * inner), arena.words([0])]
    const [at, from, to] = [indices.pointer, x.pointer, out.pointer]
    const record = { x: from, indices: at, updates: updates.pointer, wide: wide.pointer, out: to, size, count, inner, status }
    const run = (begin: number, end: number) => {
      writeSumsByIndex(i32, WORDS >>> 2, record)
      wasm.scatterAddI(WORDS, begin, end)
    }
    yield { name: `inner ${inner}`, units: outer, writes: [out, wide], run }
  }
}

/** Kernels that read or write by index, over `outer` slices of `size`, `count` indices and `inner` elements. */
const indexed = (name: KernelName, kind: Kind, how: 'gather' | 'scatter' | 'take' | 'put'): KernelRow => [
  name,
  function* (arena) {
    for (const inner of sizes.slice(1)) {
      const [outer, size, count] = [4, 3, 5]
      const status = arena.words([0])
      const each = how === 'take' || how === 'put'
      const indices = arena.ints(each ? outer * count * inner : count, 0, size)
      const [many, few] = [make(arena, kind, outer * count * inner), make(arena, kind, outer * size * inner)]
      const reads = how === 'gather' || how === 'take'
      const record = { whole: few.pointer, indices: indices.pointer, parts: many.pointer, size, count, status }
      const run = (begin: number, end: number) => {
        writeByIndex(i32, WORDS >>> 2, { ...record, inner: how === 'gather' ? 4 * inner : inner })
        kernel(name)(WORDS, begin, end)
      }
      const units =
        how === 'gather'
          ? outer * count
          : how === 'take'
            ? outer * count * inner
            : how === 'scatter'
              ? outer * Math.ceil(inner / 16)
              : outer
      yield { name: `inner ${inner}`, units, writes: [reads ? many : few], run }
    }
  },
]

/** Losses of sequences, or their derivatives; the last class is blank. */
function* sequences(arena: Arena): Iterable<Trial> {
  const [batch, time, classes] = [5, 6, 4]
  for (const hasSlopes of [false, true]) {
    for (const longest of [0, 1, 3, 7]) {
      const states = 2 * longest + 1
      const x = arena.floats(batch * time * classes, { low: -4, high: 0 })
      const [targets, lengths, counts] = [
        arena.ints(batch * longest, 0, classes - 1),
        arena.ints(batch, 0, time + 1),
        arena.ints(batch, 0, longest + 1),
      ]
      const [losses, slopes] = [arena.floats(batch), arena.floats(batch * time * classes)]
      const [rows, status] = [arena.ints(2 * batch * states * (hasSlopes ? time + 2 : 1)), arena.words([0])]
      const given = {
        x: x.pointer,
        targets: targets.pointer,
        lengths: lengths.pointer,
        targetLengths: counts.pointer,
        rows: rows.pointer,
        status,
      }
      const record = {
        ...given,
        losses: losses.pointer,
        slopes: hasSlopes ? slopes.pointer : NONE,
        time,
        classes,
        longest,
        blank: classes - 1,
      }
      const run = (begin: number, end: number) => {
        writeCtcTask(i32, WORDS >>> 2, record)
        wasm.ctc(WORDS, begin, end)
      }
      yield { name: `${longest} labels${hasSlopes ? ', slopes' : ''}`, units: batch, writes: [hasSlopes ? slopes : losses], run }
    }
  }
}

function* hotRows(arena: Arena): Iterable<Trial> {
  for (const n of sizes) {
    for (const classes of [1, 4, 10]) {
      const [indices, out, status] = [arena.ints(n, 0, classes), arena.bytes(n * classes), arena.words([0])]
      const run = (begin: number, end: number) => wasm.oneHot(indices.pointer, out.pointer, classes, status, begin, end)
      yield { name: `${n} of ${classes}`, units: n, writes: [out], run }
    }
  }
}

function* wholes(arena: Arena): Iterable<Trial> {
  for (const n of sizes) {
    const [x, out] = [arena.floats(n), arena.ints(n)]
    for (let i = 0; i < n; i++) f32[(x.pointer >>> 2) + i] = i - 3
    const status = arena.words([0])
    yield { name: `n ${n}`, units: n, writes: [out], run: (begin, end) => wasm.toIndices(x.pointer, out.pointer, status, begin, end) }
  }
}

/** (out, n, key, stream, ...numbers): units are blocks of four. */
const random = (name: KernelName, kind: Kind, ...numbers: readonly number[]): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      const out = make(arena, kind, n)
      const run = (begin: number, end: number) => kernel(name)(out.pointer, n, 1234, 5678, 9, ...numbers, begin, end)
      yield { name: `n ${n}`, units: Math.ceil(n / 4), writes: [out], run }
    }
  },
]

/** (segments, count): three parameters, their steps subtracted, written out, or written over those of a rule before. */
const rule = ({ run: wrapper, slots, numbers }: LaneKernel): KernelRow => [
  wrapper.name as KernelName,
  function* (arena) {
    for (const n of sizes) {
      for (const place of ['x', 'out', 'g']) {
        const counts = [n, 5, n + 1]
        const writes: Block[] = []
        const { words } = RECORD
        const segments = arena.words(new Array<number>(words * counts.length).fill(0))
        const values = arena.words(new Array<number>(1 + numbers.length).fill(0))
        f32.set([0.75, ...numbers.map((_, i) => 0.1 + 0.15 * i)], values >>> 2)
        counts.forEach((count, i) => {
          const [x, g, out] = Array.from({ length: 3 }, () => arena.floats(count))
          const kept = slots.map(() => arena.floats(count, { low: 0 }))
          const at = (segments >>> 2) + words * i
          const before = counts.slice(0, i).reduce((sum, each) => sum + each, 0)
          i32.set(
            [x.pointer, g.pointer, place === 'x' ? 0 : place === 'g' ? g.pointer : out.pointer, ...kept.map(each => each.pointer)],
            at,
          )
          i32.set([count, before, values], at + 3 + RECORD.slots)
          writes.push(x, g, out, ...kept)
        })
        const units = counts.reduce((sum, each) => sum + each, 0)
        const run = (begin: number, end: number) => kernel(wrapper.name as KernelName)(segments, counts.length, begin, end)
        yield { name: `[${counts}] to ${place}`, units, writes, run }
      }
    }
  },
]

/** (segments, count, out): three tensors, cut into blocks. */
function* squares(arena: Arena): Iterable<Trial> {
  for (const n of [...sizes, 4095, 4097, 8192]) {
    const counts = [n, 0, n + 3]
    const segments = arena.words(new Array<number>(4 * counts.length).fill(0))
    let units = 0
    counts.forEach((count, i) => {
      i32.set([arena.floats(count).pointer, count, units], (segments >>> 2) + 4 * i)
      units += Math.ceil(count / 4096)
    })
    const out = arena.bytes(8 * units)
    const run = (begin: number, end: number) => wasm.sumsOfSquares(segments, counts.length, out.pointer, begin, end)
    yield { name: `[${counts}]`, units, writes: [out], run }
  }
}

/** (segments, count, status): three tensors, of which one holds one number that is not finite. */
function* finiteness(arena: Arena): Iterable<Trial> {
  for (const n of sizes.slice(1)) {
    const counts = [n, 0, n + 18]
    const status = arena.ints(1, 0, 1)
    const segments = arena.words(new Array<number>(4 * counts.length).fill(0))
    const blocks = counts.map(count => arena.floats(count))
    const [first, , last] = blocks.map(({ pointer }) => pointer >>> 2)
    f32.fill(3e38, first, first + n)
    counts.forEach((count, i) => {
      i32.set([blocks[i].pointer, count, i === 2 ? n : i * n], (segments >>> 2) + 4 * i)
    })
    f32[n % 2 ? last + n : first + n - 1] = n % 3 ? Number.NaN : Number.NEGATIVE_INFINITY
    const run = (begin: number, end: number) => wasm.notFinite(segments, counts.length, 16, 0, status.pointer, begin, end)
    yield { name: `[${counts}]`, units: 2 * n + 18, writes: [status], run }
  }
}

/** (x, low, high, status): one that lies outside. */
function* shares(arena: Arena): Iterable<Trial> {
  for (const n of sizes.slice(1)) {
    const [x, status] = [arena.floats(n, { low: 0, high: 1 }), arena.ints(1, 0, 1)]
    f32[(x.pointer >>> 2) + (n >> 1)] = n % 2 ? 1.5 : -0.5
    const run = (begin: number, end: number) => wasm.outside(x.pointer, 0, 1, status.pointer, begin, end)
    yield { name: `n ${n}`, units: n, writes: [status], run }
  }
}

function* selections(arena: Arena): Iterable<Trial> {
  for (const n of sizes) {
    const [condition, x, y, out] = [arena.bytes(n, 2), arena.floats(n), arena.floats(n), arena.floats(n)]
    const run = (begin: number, end: number) => wasm.select(condition.pointer, x.pointer, y.pointer, out.pointer, begin, end)
    yield { name: `n ${n}`, units: n, writes: [out], run }
  }
}

function* fills(arena: Arena): Iterable<Trial> {
  for (const n of sizes) {
    for (const word of [0, 0x40490fdb]) {
      const out = arena.ints(n)
      yield { name: `n ${n}, ${word}`, units: n, writes: [out], run: (begin, end) => wasm.fill(out.pointer, word, begin, end) }
    }
  }
}

/** (x, y, out, ...numbers), of one shape. */
const pairs = (name: KernelName, ...numbers: readonly number[]): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      const [x, y, out] = [arena.floats(n), arena.floats(n, { odd: true }), arena.floats(n)]
      const run = (begin: number, end: number) => kernel(name)(x.pointer, y.pointer, out.pointer, ...numbers, begin, end)
      yield { name: `n ${n}`, units: n, writes: [out], run }
    }
  },
]

/** (x, values, places, n, inner, k): units are rows. */
const largest = (name: KernelName, kind: Kind): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes.slice(1)) {
      for (const inner of [1, 3]) {
        for (const k of [1, Math.ceil(n / 2), n]) {
          const outer = 4
          const [x, values, places] = [
            make(arena, kind, outer * n * inner),
            make(arena, kind, outer * k * inner),
            arena.ints(outer * k * inner),
          ]
          const run = (begin: number, end: number) => kernel(name)(x.pointer, values.pointer, places.pointer, n, inner, k, begin, end)
          yield { name: `${k} of [${outer}, ${n}, ${inner}]`, units: outer * inner, writes: [values, places], run }
        }
      }
    }
  },
]

/** (x, values, places, scratch, n, inner, isDescending): units are rows, of which each has a part of the scratch. */
const ordering = (name: KernelName, kind: Kind): KernelRow => [
  name,
  function* (arena) {
    for (const n of [1, 2, 7, 31, 32, 33, 67, 300]) {
      for (const [inner, isDescending] of [
        [1, 0],
        [3, 1],
      ]) {
        const rows = 4 * inner
        const [x, values, places] = [make(arena, kind, rows * n), make(arena, kind, rows * n), arena.ints(rows * n)]
        const scratch = arena.ints((rows * (n > 32 ? 16 * n + 1024 : 8 * n)) / 4)
        const run = (begin: number, end: number) =>
          kernel(name)(x.pointer, values.pointer, places.pointer, scratch.pointer, n, inner, isDescending, begin, end)
        yield { name: `[4, ${n}, ${inner}]`, units: rows, writes: [values, places, scratch], run }
      }
    }
  },
]

/** (x, out, n, inner, ...more): units are rows. */
const runningSums = (name: KernelName, kind: Kind, more: (arena: Arena) => readonly number[]): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      for (const inner of [1, 3, 4, 9]) {
        const [x, out] = [make(arena, kind, 3 * n * inner), make(arena, kind, 3 * n * inner)]
        const rest = more(arena)
        const run = (begin: number, end: number) => kernel(name)(x.pointer, out.pointer, n, inner, ...rest, begin, end)
        yield { name: `[3, ${n}, ${inner}]`, units: n === 0 ? 0 : 3 * inner, writes: [out], run }
      }
    }
  },
]

const slopes = (name: KernelName): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      const [x, out, slope] = [arena.floats(n, { odd: true }), arena.floats(n), arena.floats(n)]
      const run = (begin: number, end: number) => kernel(name)(x.pointer, out.pointer, slope.pointer, begin, end)
      yield { name: `n ${n}`, units: n, writes: [out, slope], run }
    }
  },
]

/** (x, positive, negative, out): one element out of three. */
const binaryLosses = (name: 'binaryCrossEntropy' | 'binaryCrossEntropySlope'): KernelRow => [
  name,
  function* (arena) {
    for (const n of sizes) {
      const [x, positive, negative] = [arena.floats(n, { odd: true }), arena.floats(n, { odd: true }), arena.floats(n)]
      const out = arena.floats(n)
      const run = (begin: number, end: number) => wasm[name](x.pointer, positive.pointer, negative.pointer, out.pointer, begin, end)
      yield { name: `n ${n}`, units: n, writes: [out], run }
    }
  },
]

function* logProbabilities(arena: Arena): Iterable<Trial> {
  for (const n of sizes) {
    const [x, out, status] = [arena.floats(n, { low: 0, high: 1 }), arena.floats(n), arena.words([0])]
    const run = (begin: number, end: number) => wasm.logProbability(x.pointer, out.pointer, 2 ** -23, 0, 1, status, begin, end)
    yield { name: `n ${n}`, units: n, writes: [out], run }
  }
}

const floatMaps = [
  ...([
    'neg',
    'abs',
    'square',
    'reciprocal',
    'sqrt',
    'rsqrt',
    'floor',
    'ceil',
    'round',
    'sign',
    'relu',
    'exp',
    'expm1',
    'sigmoid',
    'log',
  ] as const),
  ...(['log1p', 'sin', 'cos', 'tan', 'tanh', 'erf', 'gelu', 'mish'] as const),
]

/** Every kernel. */
export const kernelRows: readonly KernelRow[] = [
  ...floatMaps.map(name => map(name, 'floats', 'floats')),
  ...(['expGradient', 'sigmoidGradient', 'tanhGradient', 'erfGradient', 'geluGradient', 'mishGradient'] as const).map(name => pairs(name)),
  map('leakyrelu', 'floats', 'floats', 0.3),
  pairs('leakyreluGradient', 0.3),
  map('elu', 'floats', 'floats', 1.05, 0.3, 0.7),
  pairs('eluGradient', 1.05, 0.3, 0.7, 0),
  map('softplus', 'floats', 'floats', -1),
  pairs('softplusGradient', -1),
  map('swish', 'floats', 'floats', 1.6, 0.07),
  pairs('swishGradient', 1.6, 0.07),
  ...(['geluSlope', 'sigmoidSlope', 'tanhSlope'] as const).map(slopes),
  binaryLosses('binaryCrossEntropy'),
  binaryLosses('binaryCrossEntropySlope'),
  ['logProbability', logProbabilities],
  ['outside', shares],
  map('clamp', 'floats', 'floats', -1, 1.5),
  map('clampMask', 'floats', 'floats', -1, 1.5),
  ...(['isNaN', 'isFinite'] as const).map(name => map(name, 'floats', 'bytes')),
  ...(['negI', 'absI', 'squareI'] as const).map(name => mapFitting(name, 'ints', 'ints')),
  map('signI', 'ints', 'ints'),
  ...(['add', 'sub', 'mul', 'div', 'pow', 'powSlope', 'maximum', 'minimum', 'gate'] as const).map(name => zip(name, 'floats', 'floats')),
  ...(['addI', 'subI', 'mulI'] as const).map(name => zip(name, 'ints', 'ints', true)),
  ...(['maximumI', 'minimumI'] as const).map(name => zip(name, 'ints', 'ints')),
  ...(['equal', 'notEqual', 'less', 'lessEqual'] as const).map(name => zip(name, 'floats', 'bytes')),
  ...(['equalI', 'notEqualI', 'lessI', 'lessEqualI'] as const).map(name => zip(name, 'ints', 'bytes')),
  ['select', selections],
  map('toFloatFromInt', 'ints', 'floats'),
  map('toFloatFromByte', 'bytes', 'floats'),
  mapFitting('toIntFromFloat', 'floats', 'ints'),
  map('toIntFromByte', 'bytes', 'ints'),
  mapFitting('toByteFromFloat', 'floats', 'bytes'),
  mapFitting('toByteFromInt', 'ints', 'bytes'),
  map('toBoolFromFloat', 'floats', 'bytes'),
  map('toBoolFromInt', 'ints', 'bytes'),
  map('toBoolFromByte', 'bytes', 'bytes'),
  copying('copy', 'ints'),
  copying('copyBytes', 'bytes'),
  copying('addTo', 'floats'),
  map('copyWords', 'ints', 'ints'),
  ['fill', fills],
  ['transposeMatrices', transpositions],
  ...(['sum', 'prod', 'max', 'min'] as const).map(name => reduction(name, 'floats', lengths)),
  ...(['sumI', 'prodI'] as const).map(name => reduction(name, 'ints', lengths, 'ints', true)),
  ...(['maxI', 'minI'] as const).map(name => reduction(name, 'ints', lengths)),
  reduction('norm', 'floats', lengths),
  ['reduceParts', partsOf],
  ['reduceJoin', joinedParts],
  ['normGradient', normGradients],
  ...(['argMax', 'argMin'] as const).map(name => reduction(name, 'floats', sizes.slice(1), 'ints')),
  ...(['argMaxI', 'argMinI'] as const).map(name => reduction(name, 'ints', sizes.slice(1))),
  largest('topK', 'floats'),
  largest('topKI', 'ints'),
  ordering('sort', 'floats'),
  ordering('sortI', 'ints'),
  runningSums('cumsum', 'floats', () => [0]),
  runningSums('cumsumI', 'ints', arena => [arena.words([0])]),
  rowwise('softmax'),
  rowwise('logSoftmax'),
  rowGradients('softmaxGradient'),
  rowGradients('logSoftmaxGradient'),
  classLosses('crossEntropy'),
  classLosses('crossEntropyGradient'),
  indexed('gather', 'floats', 'gather'),
  indexed('takeAlong', 'floats', 'take'),
  indexed('scatterAdd', 'floats', 'scatter'),
  ['scatterAddI', intSums],
  indexed('putAlong', 'floats', 'put'),
  ['ctc', sequences],
  ['oneHot', hotRows],
  ['toIndices', wholes],
  random('randomUniform', 'floats', -2, 3),
  random('randomNormal', 'floats', 1, 2),
  random('randomBernoulli', 'floats', 0.3),
  random('randomInteger', 'ints', -5, 100),
  ...Object.values(lanes)
    .filter(each => 'run' in each)
    .map(rule),
  ['notFinite', finiteness],
  ['sumsOfSquares', squares],
  ...gemmRows,
  ...poolingRows,
  ...embeddingRows,
  ...tilesRows,
  ...normRows,
  ...recurrentRows,
  ...attentionRows,
]
