// Recurrent layers: a cell through all steps of a sequence, each row of the batch by itself, so the threads share the rows.
//
// What comes in is the product of all inputs with their weights, Wi x + b, [batch, time, gates size]. A step multiplies the states of a block of rows
// with the packed Wh (the tiles of gemm/), then takes the gates from both and the next states, row by row. Backward walks the steps from the
// last to the first: the cotangents of the gates go to the result, for the products of all steps that come later, and to a copy that
// lies close for the product of this step.
//
// Rows are only computed by themselves: any cut gives the same bits. Slopes of gates are those of their values, y (1 - y) and 1 - y^2.
// Of an LSTM of 128 units, 32 rows and 32 steps, in the time of one of the large products beside it (Node 26, fused, a busy machine): the product of
// the time loop takes 1, the gates 0.35 forward and as much backward, some of it for memory: the sequence's gates do not stay in the cache.
// @cost 1: nanoseconds on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Gemm, gemm } from './gemm/gemm'
import { Exp } from './math/exp'
import { Hyperbolic } from './math/hyperbolic'

const ONES: usize = memory.data<f32>([1, 1, 1, 1], 16)
const RNN: i32 = 0
const RELU: i32 = 1
const LSTM: i32 = 2
const GRU: i32 = 3
const GRUV3: i32 = 4
/** Rows that go through all steps together: what they multiply and get stays in the cache beside the weights. */
const BLOCK: i32 = 48

@unmanaged
export class Recurrence {
  kind: i32
  batch: i32
  time: i32
  size: i32
  /** Rows of a unit. */
  rows: i32
  /** From the last step to the first. */
  reverse: i32
  /** Steps of each row, or null: all. */
  lengths: usize
  /** [batch, time, gates size]: Wi x + b, in whose place the gates come. */
  gates: usize
  /** [batch, time, size]: the result; backward its cotangent. */
  y: usize
  /** [batch, size]: the first states, and the last. Backward the cotangents of those, instead of the last states; and of the last, or null. */
  h0: usize
  c0: usize
  h: usize
  c: usize
  gh: usize
  gc: usize
  /** Backward alone, [batch, time, gates size + 16]: the cotangents of Wi x + b. */
  values: usize
  /** [batch, time, size], or null: c after each step of an LSTM, Wh h + b' of a GRU's third gate. */
  kept: usize
  /** Backward alone, [batch, time, size]: the result, and h before each step. */
  hs: usize
  before: usize
  /** Backward alone: of a GRU [batch, time, 3 size], the cotangents of Wh h; of a GRUv3 [batch, time, size], r h. */
  inner: usize
  /** Wh as `gemm` takes it, and GRUv3's U'; a GRU's bias of the third gate, or null. */
  weight: usize
  rowB: i32
  columnB: i32
  second: usize
  rowB2: i32
  columnB2: i32
  bias: usize
  /** What products are written to, [batch, gates size]; backward [2, batch, size]. */
  sums: usize
  /** What products are made of: r h of a GRUv3, [batch, size]; backward cotangents, [batch, gates size + 16]. */
  factors: usize
  /** 16 words a row. */
  records: usize
}

/** Four neighbouring elements, or one in lane 0, beside zeros. */
class Four {
  @inline static load(p: usize, four: bool): v128 {
    return four ? v128.load(p) : v128.load32_zero(p)
  }
  @inline static store(p: usize, four: bool, v: v128): void {
    if (four) v128.store(p, v)
    else v128.store32_lane(p, v, 0)
  }
  /** One by one they are computed in one place, for its size. */
  @inline static sigmoid(x: v128, four: bool): v128 {
    return four ? Exp.gate(x) : gate(x)
  }
  @inline static tanh(x: v128, four: bool): v128 {
    return four ? Hyperbolic.tanh(x) : tanh(x)
  }
  /** g y (1 - y) */
  @inline static throughSigmoid(g: v128, y: v128): v128 {
    return f32x4.mul(g, f32x4.mul(y, f32x4.sub(v128.load(ONES), y)))
  }
  /** g (1 - y^2) */
  @inline static throughTanh(g: v128, y: v128): v128 {
    const one = v128.load(ONES)
    return f32x4.mul(g, f32x4.mul(f32x4.sub(one, y), f32x4.add(one, y)))
  }
  /** (1 - z) n + z h */
  @inline static mixed(z: v128, n: v128, h: v128): v128 {
    return f32x4.add(f32x4.mul(f32x4.sub(v128.load(ONES), z), n), f32x4.mul(z, h))
  }
}

function gate(x: v128): v128 {
  return Exp.gate(x)
}
function tanh(x: v128): v128 {
  return Hyperbolic.tanh(x)
}

/** Where a step of a row finds what it reads and writes; each thread has its own. */
class At {
  static gates: usize = 0
  static values: usize = 0
  static sums: usize = 0
  static sums2: usize = 0
  static h0: usize = 0
  static c0: usize = 0
  static h: usize = 0
  static c: usize = 0
  static y: usize = 0
  static kept: usize = 0
  static bias: usize = 0
  static inner: usize = 0
  static factors: usize = 0

  /** The sum of what comes in and the product. */
  @inline static input(i: usize, four: bool): v128 {
    return f32x4.add(Four.load(At.gates + i, four), Four.load(At.sums + i, four))
  }
  /** The next h. */
  @inline static next(i: usize, four: bool, h: v128): void {
    Four.store(At.h + i, four, h)
    Four.store(At.y + i, four, h)
  }
  /** The cotangent of h after the step: the result's, and what later steps left. */
  @inline static cotangent(i: usize, four: bool): v128 {
    return f32x4.add(Four.load(At.y + i, four), f32x4.add(Four.load(At.h + i, four), Four.load(At.sums + i, four)))
  }
  /** A cotangent of the gates, for this step's product, too. */
  @inline static both(i: usize, four: bool, g: v128): void {
    Four.store(At.values + i, four, g)
    Four.store(At.factors + i, four, g)
  }
}

// One cell each, four elements of a row whose gates lie w bytes apart.
@unmanaged
class Rnn {
  @inline f(i: usize, w: usize, four: bool): void {
    At.next(i, four, Four.tanh(At.input(i, four), four))
  }
}
@unmanaged
class Relu {
  @inline f(i: usize, w: usize, four: bool): void {
    const x = At.input(i, four)
    At.next(i, four, v128.andnot(x, f32x4.lt(x, i32x4.splat(0))))
  }
}
@unmanaged
class RnnBack {
  @inline f(i: usize, w: usize, four: bool): void {
    At.both(i, four, Four.throughTanh(At.cotangent(i, four), Four.load(At.kept + i, four)))
    Four.store(At.h + i, four, i32x4.splat(0))
  }
}
@unmanaged
class ReluBack {
  @inline f(i: usize, w: usize, four: bool): void {
    const zero = i32x4.splat(0)
    At.both(i, four, v128.and(At.cotangent(i, four), f32x4.gt(Four.load(At.kept + i, four), zero)))
    Four.store(At.h + i, four, zero)
  }
}
@unmanaged
class Lstm {
  @inline f(i: usize, w: usize, four: bool): void {
    const p = At.gates + i
    const input = Four.sigmoid(At.input(i, four), four)
    const forget = Four.sigmoid(At.input(i + w, four), four)
    const cell = Four.tanh(At.input(i + 2 * w, four), four)
    const output = Four.sigmoid(At.input(i + 3 * w, four), four)
    const c = f32x4.add(f32x4.mul(forget, Four.load(At.c + i, four)), f32x4.mul(input, cell))
    Four.store(p, four, input)
    Four.store(p + w, four, forget)
    Four.store(p + 2 * w, four, cell)
    Four.store(p + 3 * w, four, output)
    Four.store(At.c + i, four, c)
    Four.store(At.kept + i, four, c)
  }
}
/** By itself, since it waits for c: in one loop with the gates they take a fifth longer. */
@unmanaged
class LstmOut {
  @inline f(i: usize, w: usize, four: bool): void {
    At.next(i, four, f32x4.mul(Four.load(At.gates + i + 3 * w, four), Four.tanh(Four.load(At.c + i, four), four)))
  }
}
@unmanaged
class LstmBack {
  @inline f(i: usize, w: usize, four: bool): void {
    const p = At.gates + i
    const dh = At.cotangent(i, four)
    const t = Four.tanh(Four.load(At.kept + i, four), four)
    const output = Four.load(p + 3 * w, four)
    At.both(i + 3 * w, four, Four.throughSigmoid(f32x4.mul(dh, t), output))
    const dc = f32x4.add(Four.load(At.c + i, four), Four.throughTanh(f32x4.mul(dh, output), t))
    const input = Four.load(p, four)
    const forget = Four.load(p + w, four)
    const cell = Four.load(p + 2 * w, four)
    At.both(i, four, Four.throughSigmoid(f32x4.mul(dc, cell), input))
    At.both(i + w, four, Four.throughSigmoid(f32x4.mul(dc, Four.load(At.c0 + i, four)), forget))
    At.both(i + 2 * w, four, Four.throughTanh(f32x4.mul(dc, input), cell))
    Four.store(At.c + i, four, f32x4.mul(dc, forget))
    Four.store(At.h + i, four, i32x4.splat(0))
  }
}
@unmanaged
class Gru {
  @inline f(i: usize, w: usize, four: bool): void {
    const p = At.gates + i
    const r = Four.sigmoid(At.input(i, four), four)
    const z = Four.sigmoid(At.input(i + w, four), four)
    let q = Four.load(At.sums + i + 2 * w, four)
    if (At.bias) q = f32x4.add(q, Four.load(At.bias + i, four))
    const n = Four.tanh(f32x4.add(Four.load(At.gates + i + 2 * w, four), f32x4.mul(r, q)), four)
    Four.store(p, four, r)
    Four.store(p + w, four, z)
    Four.store(p + 2 * w, four, n)
    if (At.kept) Four.store(At.kept + i, four, q)
    At.next(i, four, Four.mixed(z, n, Four.load(At.h + i, four)))
  }
}
@unmanaged
class GruBack {
  @inline f(i: usize, w: usize, four: bool): void {
    const p = At.gates + i
    const q = At.inner + i
    const dh = At.cotangent(i, four)
    const r = Four.load(p, four)
    const z = Four.load(p + w, four)
    const n = Four.load(p + 2 * w, four)
    const dn = Four.throughTanh(f32x4.mul(dh, f32x4.sub(v128.load(ONES), z)), n)
    const dz = Four.throughSigmoid(f32x4.mul(dh, f32x4.sub(Four.load(At.h0 + i, four), n)), z)
    const dr = Four.throughSigmoid(f32x4.mul(dn, Four.load(At.kept + i, four)), r)
    const dq = f32x4.mul(dn, r)
    At.both(i, four, dr)
    At.both(i + w, four, dz)
    At.both(i + 2 * w, four, dn)
    Four.store(At.factors + i + 2 * w, four, dq)
    Four.store(q, four, dr)
    Four.store(q + w, four, dz)
    Four.store(q + 2 * w, four, dq)
    Four.store(At.h + i, four, f32x4.mul(dh, z))
  }
}
/** The gates, and r h. */
@unmanaged
class Gates {
  @inline f(i: usize, w: usize, four: bool): void {
    const r = Four.sigmoid(At.input(i, four), four)
    const z = Four.sigmoid(At.input(i + w, four), four)
    Four.store(At.gates + i, four, r)
    Four.store(At.gates + i + w, four, z)
    Four.store(At.factors + i, four, f32x4.mul(r, Four.load(At.h + i, four)))
  }
}
@unmanaged
class Gruv3 {
  @inline f(i: usize, w: usize, four: bool): void {
    const n = Four.tanh(f32x4.add(Four.load(At.gates + i + 2 * w, four), Four.load(At.sums2 + i, four)), four)
    Four.store(At.gates + i + 2 * w, four, n)
    At.next(i, four, Four.mixed(Four.load(At.gates + i + w, four), n, Four.load(At.h + i, four)))
  }
}
@unmanaged
class Gruv3Back {
  @inline f(i: usize, w: usize, four: bool): void {
    const p = At.gates + i
    const dh = At.cotangent(i, four)
    const z = Four.load(p + w, four)
    const n = Four.load(p + 2 * w, four)
    At.both(i + 2 * w, four, Four.throughTanh(f32x4.mul(dh, f32x4.sub(v128.load(ONES), z)), n))
    At.both(i + w, four, Four.throughSigmoid(f32x4.mul(dh, f32x4.sub(Four.load(At.h0 + i, four), n)), z))
    Four.store(At.h + i, four, f32x4.mul(dh, z))
  }
}
@unmanaged
class GatesBack {
  @inline f(i: usize, w: usize, four: bool): void {
    const r = Four.load(At.gates + i, four)
    const h = Four.load(At.h0 + i, four)
    const g = Four.load(At.sums2 + i, four)
    At.both(i, four, Four.throughSigmoid(f32x4.mul(g, h), r))
    Four.store(At.inner + i, four, f32x4.mul(r, h))
    Four.store(At.h + i, four, f32x4.add(Four.load(At.h + i, four), f32x4.mul(g, r)))
  }
}

function row<F>(w: usize): void {
  let i: usize = 0
  for (; i + 16 <= w; i += 16) changetype<F>(0).f(i, w, true)
  for (; i < w; i += 4) changetype<F>(0).f(i, w, false)
}

/** c[rows, N] = a[rows, K] B, the rows of `a` so many elements apart. */
function product(record: usize, a: usize, rowA: i32, b: usize, rowB: i32, columnB: i32, c: usize, rows: i32, N: i32, K: i32): void {
  const p = changetype<Gemm>(record)
  p.a = a
  p.rowA = rowA
  p.columnA = 1
  p.batchA = 0
  p.b = b
  p.rowB = rowB
  p.columnB = columnB
  p.batchB = 0
  p.c = c
  p.bias = 0
  p.epilogue = 0
  p.M = rows
  p.N = N
  p.K = K
  p.rows = rows
  gemm(p, 0, (N + 7) >> 3)
}

/** Rows of the block that have step t. */
function going(r: Recurrence, first: usize, rows: usize, t: i32): bool {
  if (!r.lengths) return true
  for (let b = first; b < first + rows; b++) if (t < load<i32>(r.lengths + (b << 2))) return true
  return false
}

class Row {
  @inline static has(r: Recurrence, b: usize, t: i32): bool {
    return !r.lengths || t < load<i32>(r.lengths + (b << 2))
  }
}

function gatesOf(kind: i32): usize {
  return kind < LSTM ? 1 : kind === LSTM ? 4 : 3
}

/** Step t of row b forward; of a GRUv3 what comes behind its second product if `again`. */
function stepOf(r: Recurrence, b: usize, t: i32, again: bool): void {
  const w = (<usize>r.size) << 2
  const kind = r.kind
  const at = b * <usize>r.time + <usize>t
  const wide = gatesOf(kind) * w
  const products = kind === GRUV3 ? 2 * w : wide
  At.gates = r.gates + at * wide
  At.sums = r.sums + b * products
  At.sums2 = r.sums + (<usize>r.batch * 2 + b) * w
  At.h = r.h + b * w
  At.c = r.c + b * w
  At.y = r.y + at * w
  At.kept = r.kept ? r.kept + at * w : kind === LSTM ? At.c : 0
  At.bias = r.bias
  At.factors = r.factors + b * w
  if (kind === RNN) row<Rnn>(w)
  else if (kind === RELU) row<Relu>(w)
  else if (kind === LSTM) {
    row<Lstm>(w)
    row<LstmOut>(w)
  } else if (kind === GRU) row<Gru>(w)
  else if (again) row<Gruv3>(w)
  else row<Gates>(w)
}

/** The same backward; a GRUv3's second product comes in between, too. */
function stepBack(r: Recurrence, b: usize, t: i32, again: bool): void {
  const w = (<usize>r.size) << 2
  const kind = r.kind
  const at = b * <usize>r.time + <usize>t
  const wide = gatesOf(kind) * w
  const isFirst = t === (r.reverse ? r.time - 1 : 0) || (r.reverse !== 0 && !Row.has(r, b, t + 1))
  const last = r.reverse ? at + 1 : at - 1
  At.gates = r.gates + at * wide
  At.values = r.values + at * (wide + 64)
  At.sums = r.sums + b * w
  At.sums2 = r.sums + (<usize>r.batch + b) * w
  At.h = r.h + b * w
  At.c = r.c + b * w
  At.y = r.y + at * w
  At.kept = (kind < LSTM ? r.hs : r.kept) + at * w
  At.h0 = isFirst ? r.h0 + b * w : r.hs + last * w
  At.c0 = isFirst ? r.c0 + b * w : r.kept + last * w
  At.inner = r.inner + at * (kind === GRU ? wide : w)
  At.factors = r.factors + b * (wide + 64)
  if (kind === RNN) row<RnnBack>(w)
  else if (kind === RELU) row<ReluBack>(w)
  else if (kind === LSTM) row<LstmBack>(w)
  else if (kind === GRU) row<GruBack>(w)
  else if (again) row<GatesBack>(w)
  else row<Gruv3Back>(w)
  if (!again) memory.copy(r.before + at * w, At.h0, w)
}

/** y, the last states, and what backward reads. `begin` and `end` count units of `rows` rows. @cost 1 */
export function recur(r: Recurrence, begin: i32, end: i32): void {
  const size = r.size
  const w = (<usize>size) << 2
  const time = r.time
  const isDouble = r.kind === GRUV3
  const N = isDouble ? 2 * size : <i32>gatesOf(r.kind) * size
  const last = <usize>min(r.batch, end * r.rows)
  for (let first = <usize>(begin * r.rows); first < last; first += BLOCK) {
    const rows = min(last - first, BLOCK)
    const h = r.h + first * w
    const record = r.records + (first << 6)
    const sums2 = r.sums + (<usize>r.batch * 2 + first) * w
    const factors = r.factors + first * w
    memory.copy(h, r.h0 + first * w, rows * w)
    if (r.kind === LSTM) memory.copy(r.c + first * w, r.c0 + first * w, rows * w)
    for (let n = 0; n < time; n++) {
      const t = r.reverse ? time - 1 - n : n
      if (going(r, first, rows, t)) {
        product(record, h, size, r.weight, r.rowB, r.columnB, r.sums + ((first * <usize>N) << 2), <i32>rows, N, size)
        if (isDouble) {
          for (let b = first; b < first + rows; b++) if (Row.has(r, b, t)) stepOf(r, b, t, false)
          product(record, factors, size, r.second, r.rowB2, r.columnB2, sums2, <i32>rows, size, size)
        }
      }
      for (let b = first; b < first + rows; b++) {
        if (Row.has(r, b, t)) stepOf(r, b, t, true)
        else memory.fill(r.y + (b * <usize>time + <usize>t) * w, 0, w)
      }
    }
  }
}

/** The cotangents of the first states and of what the products gave. `begin` and `end` count units of `rows` rows. @cost 1 */
export function recurGradient(r: Recurrence, begin: i32, end: i32): void {
  const size = r.size
  const w = (<usize>size) << 2
  const time = r.time
  const isDouble = r.kind === GRUV3
  const wide = <i32>gatesOf(r.kind) * size
  const K = isDouble ? 2 * size : wide
  const pitch = (<usize>wide + 16) << 2
  const last = <usize>min(r.batch, end * r.rows)
  for (let first = <usize>(begin * r.rows); first < last; first += BLOCK) {
    const rows = min(last - first, BLOCK)
    const bytes = rows * w
    const h = r.h + first * w
    const record = r.records + (first << 6)
    const sums = r.sums + first * w
    const sums2 = sums + <usize>r.batch * w
    const factors = r.factors + first * pitch
    if (r.gh) memory.copy(h, r.gh + first * w, bytes)
    else memory.fill(h, 0, bytes)
    if (r.kind === LSTM) {
      const c = r.c + first * w
      if (r.gc) memory.copy(c, r.gc + first * w, bytes)
      else memory.fill(c, 0, bytes)
    }
    memory.fill(sums, 0, bytes)
    memory.fill(factors, 0, rows * pitch)
    for (let n = time - 1; n >= 0; n--) {
      const t = r.reverse ? time - 1 - n : n
      for (let b = first; b < first + rows; b++) {
        if (Row.has(r, b, t)) {
          stepBack(r, b, t, false)
          continue
        }
        const at = b * <usize>time + <usize>t
        memory.fill(r.values + at * pitch, 0, pitch)
        memory.fill(r.before + at * w, 0, w)
        if (isDouble) memory.fill(r.inner + at * w, 0, w)
        else if (r.kind === GRU) memory.fill(r.inner + 3 * at * w, 0, 3 * w)
      }
      if (!going(r, first, rows, t)) continue
      if (isDouble) {
        product(record, factors + 2 * w, wide + 16, r.second, r.rowB2, r.columnB2, sums2, <i32>rows, size, size)
        for (let b = first; b < first + rows; b++) if (Row.has(r, b, t)) stepBack(r, b, t, true)
      }
      product(record, factors, wide + 16, r.weight, r.rowB, r.columnB, sums, <i32>rows, size, K)
    }
    for (let i: usize = 0; i < bytes; i += 4) store<f32>(h + i, load<f32>(h + i) + load<f32>(sums + i))
  }
}
