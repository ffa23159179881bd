// Attention in tiles of queries by keys with a running maximum and sum (Milakov & Gimelshein 2018, Dao et al. 2022): the scores are never there
// whole. A tile of scores lies transposed, a row a key and a lane a query, so that softmax runs down its columns; products of tiles are those
// of gemm/, which read heads where they lie.
//
// Sums over keys go tile by tile, those over queries likewise: the order depends on the shapes alone. Where keys are causal, tiles that no query sees are
// left out, and within a tile the parts that a block sees not.
//
// Measured beside busy neighbours (Node 26, fused, one thread, forward and backward, causal, 4 heads of 32, useful multiplications alone, share of what
// gemm reaches at 128 x 128 x 128 in the same moment): 16 x 64 positions 43 to 47 %, 4 x 256 64 %, 1 x 1024 70 %; the composed form takes 1.8, 2.4 and 2.9
// times as long. A block of 4,096 positions of 128 trains in 28 MB. At 64 positions without causality the composed form was 14 % faster backward: the
// scores are computed again (7 products instead of 6), and e^x takes a quarter of forward. Not tried: 32 keys a tile backward, two columns at a time.
import { Rows } from './gemm/gemm'
import { gemmPackB, PackB, Panel } from './gemm/pack'
import { Exp } from './math/exp'
import { Vector } from './math/vector'
import { dropout } from './random'
import { wide } from './variant'

/** Queries and keys of a tile, and bytes of its rows. */
const SIDE: i32 = 64
const ROW: usize = 256
const TILE: usize = 16384
/** Rows of a product within a causal tile that go together. */
const BLOCK: i32 = 12

const CONSTANTS: usize = memory.data<f32>([-Infinity, 1.0])
const LEAST: usize = 0
const ONE: usize = 4

@unmanaged
export class Attention {
  q: usize
  k: usize
  v: usize
  y: usize
  /** Largest scores, then reciprocal sums, [2, batch, heads, tq], or null. */
  stats: usize
  mask: usize
  bias: usize
  g: usize
  ofQ: usize
  ofK: usize
  ofV: usize
  scratch: usize
  /** Bytes of scratch memory of a unit. */
  area: i32
  batch: i32
  heads: i32
  tq: i32
  tk: i32
  d: i32
  e: i32
  /** Query i sees the keys up to i + offset. */
  offset: i32
  /** Steps of the mask and of the bias along batch, heads, queries and keys. */
  maskB: i32
  maskH: i32
  maskQ: i32
  maskK: i32
  biasB: i32
  biasH: i32
  biasQ: i32
  biasK: i32
  /** Where `attentionStream` left its words, or null without dropout. */
  drawn: usize
  p: f32
  kept: f32
  scale: f32
  /** Query tiles of a unit forward; heads of a unit backward, and parts of the queries, each with sums of its own. */
  each: i32
  splits: i32
}

// Areas of scratch memory.
const LARGEST: usize = 64
const SUMS: usize = LARGEST + ROW
const FACTORS: usize = SUMS + ROW
const ONES: usize = FACTORS + ROW
const DRAWN: usize = ONES + 320
const PACKED: usize = 1536

class Head {
  static mask: usize = 0
  static bias: usize = 0
}

/** Packs `queries` rows of `n` features, `row` bytes apart, as columns. */
function pack(x: usize, row: usize, queries: i32, n: i32, out: usize, area: usize): void {
  const record = changetype<PackB>(area)
  record.b = x
  record.rowB = 1
  record.columnB = <i32>(row >> 2)
  record.batchB = 0
  record.N = queries
  record.K = n
  record.out = out
  gemmPackB(record, 0, Panel.count(queries))
}

/** out[key, query] = Σ a[key, i] b[query, i]; b as rows where queries are few, else packed. Query i sees the first visible + i + 1 keys. */
function products(
  keys: i32,
  queries: i32,
  few: bool,
  a: usize,
  rowA: usize,
  b: usize,
  rowB: usize,
  n: i32,
  out: usize,
  visible: i32,
): void {
  if (few) return Rows.inner(keys, queries, a, rowA, b, rowB, out, ROW, n)
  for (let i = 0; i < queries; ) {
    const isWide = wide !== 0 && queries - i >= 16 && visible + i + 8 >= keys
    const width = Panel.width(queries - i)
    const rows = min(keys, visible + i + width)
    const panel = b + ((<usize>i * <usize>n) << 2)
    const to = out + ((<usize>i) << 2)
    if (rows > 0) Rows.run(rows, isWide ? 16 : width, a, rowA, 4, panel, (<usize>width) << 2, to, ROW, n, true, isWide ? n << 5 : 4)
    i += isWide ? 16 : 8
  }
}

/** c[query, ...] += Σ tile[key, query] b[key, ...]. */
function overKeys(
  keys: i32,
  queries: i32,
  tile: usize,
  b: usize,
  rowB: usize,
  n: i32,
  c: usize,
  rowC: usize,
  first: bool,
  visible: i32,
): void {
  const block = visible >= keys ? SIDE : BLOCK
  for (let i = 0; i < queries; i += block) {
    const steps = max(0, min(keys, visible + i + block))
    if (!first && steps === 0) continue
    Rows.across(min(block, queries - i), n, tile + ((<usize>i) << 2), 4, ROW, b, rowB, c + <usize>i * rowC, rowC, steps, first)
  }
}

/** c[key, ...] += Σ tile[key, query] b[query, ...]. */
function overQueries(keys: i32, queries: i32, tile: usize, b: usize, rowB: usize, n: i32, c: usize, rowC: usize, visible: i32): void {
  const block = visible >= keys ? SIDE : BLOCK
  for (let i = 0; i < keys; i += block) {
    const from = max(0, i - visible)
    if (from >= queries) return
    const row = tile + <usize>i * ROW + ((<usize>from) << 2)
    Rows.across(min(block, keys - i), n, row, ROW, 4, b + <usize>from * rowB, rowB, c + <usize>i * rowC, rowC, queries - from, false)
  }
}

/** The rows of a column of four queries, of which the first is `i`, that one of them sees. What a block reads beyond is cleared. */
function see(tile: usize, keys: i32, i: i32, visible: i32): i32 {
  const rows = max(0, min(keys, visible + i + 4))
  const end = min(keys, visible + i + 4 + BLOCK)
  for (let j = rows; j < end; j++) v128.store(tile + <usize>j * ROW, i32x4.splat(0))
  return rows
}

/** scores, prepared: times the scale, with the bias, -Infinity where the mask forbids. */
function prepare(record: Attention, tile: usize, keys: i32, queries: i32, query: i32, key: i32, visible: i32): void {
  const mask = Head.mask ? Head.mask + <usize>query * <usize>record.maskQ + <usize>key * <usize>record.maskK : 0
  const bias = Head.bias ? Head.bias + ((<usize>query * <usize>record.biasQ + <usize>key * <usize>record.biasK) << 2) : 0
  const maskK = <usize>record.maskK
  const biasK = (<usize>record.biasK) << 2
  const scale = f32x4.splat(record.scale)
  const least = v128.load32_splat(CONSTANTS, LEAST)
  for (let i = 0; i < queries; i += 4) {
    const last = queries - 1 - i
    const maskQ = <usize>record.maskQ
    const biasQ = (<usize>record.biasQ) << 2
    const to1 = <usize>min(1, last)
    const to2 = <usize>min(2, last)
    const to3 = <usize>min(3, last)
    let m = mask + <usize>i * maskQ
    let b = bias + <usize>i * biasQ
    let at = tile + ((<usize>i) << 2)
    for (let j = min(keys, visible + i + 4); j > 0; j--, at += ROW, m += maskK, b += biasK) {
      let s = v128.load(at)
      if (bias) {
        const low = v128.load32_lane(b + to1 * biasQ, v128.load32_zero(b), 1)
        s = Vector.fma(s, scale, v128.load32_lane(b + to3 * biasQ, v128.load32_lane(b + to2 * biasQ, low, 2), 3))
      } else s = f32x4.mul(s, scale)
      if (mask) {
        let allowed = i32x4.splat(<i32>load<u8>(m))
        if (maskQ) {
          allowed = i32x4.replace_lane(allowed, 1, load<u8>(m + to1 * maskQ))
          allowed = i32x4.replace_lane(allowed, 2, load<u8>(m + to2 * maskQ))
          allowed = i32x4.replace_lane(allowed, 3, load<u8>(m + to3 * maskQ))
        }
        s = v128.bitselect(least, s, i32x4.eq(allowed, i32x4.splat(0)))
      }
      v128.store(at, s)
    }
  }
}

/** Of a column of four queries from `i` on, the keys that only some of them see: -Infinity for the others. */
function hide(tile: usize, rows: i32, i: i32, visible: i32): void {
  for (let r = 1; r < 4; r++) {
    const row = visible + i + r
    if (row < 0 || row >= rows) continue
    const at = tile + <usize>row * ROW
    v128.store(at, v128.bitselect(v128.load32_splat(CONSTANTS, LEAST), v128.load(at), i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(r))))
  }
}

/** Leaves the words of a stream of random numbers at `out`, for one unit. @cost 0 */
export function attentionStream(out: usize, key0: u32, key1: u32, stream: u32, begin: i32, end: i32): void {
  if (begin >= end) return
  store<u32>(out, key0)
  store<u32>(out, key1, 4)
  store<u32>(out, stream, 8)
}

/** The factors of dropout of a tile, from `index` on, rows of `tk`. */
function draw(record: Attention, keys: i32, queries: i32, index: u64, area: usize, out: usize): void {
  for (let i = 0; i < queries; i++, index += record.tk) {
    const block = <u32>(index >> 2)
    const back = (<usize>block) << 4
    let p = area + DRAWN + ((<usize>index & 3) << 2)
    const blocks = (((<i32>index & 3) + keys + 15) >> 4) << 2
    dropout(
      area + ONES - back,
      area + DRAWN - back,
      i32.MAX_VALUE,
      load<u32>(record.drawn),
      load<u32>(record.drawn, 4),
      load<u32>(record.drawn, 8),
      record.p,
      record.kept,
      block,
      block + blocks,
    )
    let q = out + ((<usize>i) << 2)
    for (let j = 0; j < keys; j++, p += 4, q += ROW) store<f32>(q, load<f32>(p))
  }
}

class Column {
  /** e^(scale (x - base)), 1 where both are +Infinity. */
  @inline static exponential(x: v128, base: v128, scale: v128, infinite: bool): v128 {
    const difference = f32x4.sub(x, base)
    return Exp.orZero(f32x4.mul(infinite ? v128.andnot(difference, f32x4.eq(x, base)) : difference, scale))
  }
  @inline static infinite(base: v128): bool {
    return v128.any_true(f32x4.eq(base, f32x4.splat(Infinity)))
  }
}

/**
 * Scores to e^(score - largest), times the factors of dropout if there are any; moves the running maximum and sum. Says whether some sum must be
 * rescaled, by the factors that it leaves.
 */
function soften(tile: usize, drawn: usize, keys: i32, queries: i32, factor: f32, visible: i32, area: usize): bool {
  const scale = f32x4.splat(factor)
  const least = v128.load32_splat(CONSTANTS, LEAST)
  let isMoved = false
  for (let i = 0; i < queries; i += 4) {
    const column = tile + ((<usize>i) << 2)
    const rows = see(column, keys, i, visible)
    hide(column, rows, i, visible)
    const lanes = area + ((<usize>i) << 2)
    const before = v128.load(lanes, LARGEST)
    let largest = before
    let p = column
    for (let j = rows; j > 0; j--, p += ROW) largest = Vector.atLeast(largest, v128.load(p))
    const base = v128.andnot(largest, f32x4.eq(largest, least))
    const infinite = Column.infinite(base)
    const moved = Column.exponential(before, base, scale, infinite)
    let sum = f32x4.mul(v128.load(lanes, SUMS), moved)
    let other = i32x4.splat(0)
    p = column
    let q = drawn + ((<usize>i) << 2)
    let j = rows
    for (; j > 1; j -= 2, p += 2 * ROW, q += 2 * ROW) {
      let a = Column.exponential(v128.load(p), base, scale, infinite)
      let b = Column.exponential(v128.load(p, ROW), base, scale, infinite)
      sum = f32x4.add(sum, a)
      other = f32x4.add(other, b)
      if (drawn) {
        a = f32x4.mul(a, v128.load(q))
        b = f32x4.mul(b, v128.load(q, ROW))
      }
      v128.store(p, a)
      v128.store(p, b, ROW)
    }
    if (j > 0) {
      const a = Column.exponential(v128.load(p), base, scale, infinite)
      sum = f32x4.add(sum, a)
      v128.store(p, drawn ? f32x4.mul(a, v128.load(q)) : a)
    }
    v128.store(lanes, largest, LARGEST)
    v128.store(lanes, f32x4.add(sum, other), SUMS)
    v128.store(lanes, moved, FACTORS)
    if (v128.any_true(f32x4.ne(moved, v128.load32_splat(CONSTANTS, ONE)))) isMoved = true
  }
  return isMoved
}

/** y times the factors, row by row. */
function rescale(y: usize, row: usize, queries: i32, n: i32, factors: usize): void {
  for (let i = 0; i < queries; i++, y += row, factors += 4) {
    const factor = v128.load32_splat(factors)
    for (let at: usize = 0; at < (<usize>n) << 2; at += 16) v128.store(y + at, f32x4.mul(v128.load(y + at), factor))
  }
}

/** How many keys of those from `key` on query `query` sees before its own. */
function visibleOf(record: Attention, query: i32, key: i32): i32 {
  return min(record.offset + query - key, 2 * SIDE)
}

function setHead(record: Attention, b: i32, h: i32): void {
  Head.mask = record.mask ? record.mask + <usize>b * <usize>record.maskB + <usize>h * <usize>record.maskH : 0
  Head.bias = record.bias ? record.bias + ((<usize>b * <usize>record.biasB + <usize>h * <usize>record.biasH) << 2) : 0
}

/**
 * y = softmax(scale q kᵀ + bias) v in each head, and the stats. d and e are multiples of 4. A unit is `each` tiles of queries, of all batches and heads one
 * after the other; a range works in the scratch area of its first unit. @cost 0.035 a multiplication
 */
export function attention(record: Attention, begin: i32, end: i32): void {
  if (begin >= end) return
  const heads = record.heads
  const tq = record.tq
  const tk = record.tk
  const d = record.d
  const e = record.e
  const rowQ = (<usize>heads * <usize>d) << 2
  const rowV = (<usize>heads * <usize>e) << 2
  const area = record.scratch + <usize>begin * <usize>record.area
  const few = tq <= 4
  const isPrepared = record.mask !== 0 || record.bias !== 0
  const scores = area + PACKED + (few ? 0 : (<usize>SIDE * <usize>d) << 2)
  const drawn = record.drawn ? scores + TILE : 0
  if (drawn) for (let at: usize = 0; at < 320; at += 16) v128.store(area + at, f32x4.splat(1), ONES)
  if (few) memory.fill(scores, 0, TILE)
  const tiles = (tq + SIDE - 1) / SIDE
  const last = min(end * record.each, record.batch * heads * tiles)
  for (let unit = begin * record.each; unit < last; unit++) {
    const head = unit / tiles
    const query = (unit - head * tiles) * SIDE
    const b = head / heads
    const h = head - b * heads
    setHead(record, b, h)
    const queries = min(SIDE, tq - query)
    const ofHead = (<usize>h * <usize>d) << 2
    const q = record.q + <usize>(b * tq + query) * rowQ + ofHead
    const y = record.y + <usize>(b * tq + query) * rowV + ((<usize>h * <usize>e) << 2)
    if (!few) pack(q, rowQ, queries, d, area + PACKED, area)
    for (let at: usize = 0; at < ROW; at += 16) {
      v128.store(area + at, v128.load32_splat(CONSTANTS, LEAST), LARGEST)
      v128.store(area + at, i32x4.splat(0), SUMS)
    }
    for (let key = 0; key < tk; key += SIDE) {
      const visible = visibleOf(record, query, key)
      if (key > 0 && visible + queries <= 0) break
      const keys = min(SIDE, tk - key)
      const k = record.k + <usize>(b * tk + key) * rowQ + ofHead
      const v = record.v + <usize>(b * tk + key) * rowV + ((<usize>h * <usize>e) << 2)
      products(keys, queries, few, k, rowQ, few ? q : area + PACKED, rowQ, d, scores, visible)
      if (isPrepared) prepare(record, scores, keys, queries, query, key, visible)
      if (drawn) draw(record, keys, queries, (<u64>head * tq + query) * tk + key, area, drawn)
      const isMoved = soften(scores, drawn, keys, queries, isPrepared ? 1 : record.scale, visible, area)
      if (isMoved && key > 0) rescale(y, rowV, queries, e, area + FACTORS)
      overKeys(keys, queries, scores, v, rowV, e, y, rowV, key === 0, visible)
    }
    const one = v128.load32_splat(CONSTANTS, ONE)
    for (let at: usize = 0; at < ROW; at += 16) {
      const sum = v128.load(area + at, SUMS)
      const largest = v128.load(area + at, LARGEST)
      v128.store(area + at, v128.andnot(f32x4.div(one, sum), f32x4.eq(sum, i32x4.splat(0))), SUMS)
      v128.store(area + at, v128.andnot(largest, f32x4.eq(largest, v128.load32_splat(CONSTANTS, LEAST))), LARGEST)
    }
    rescale(y, rowV, queries, e, area + SUMS)
    if (!record.stats) continue
    const stats = record.stats + ((<usize>head * <usize>tq + <usize>query) << 2)
    memory.copy(stats, area + LARGEST, (<usize>queries) << 2)
    memory.copy(stats + ((<usize>(record.batch * heads) * <usize>tq) << 2), area + SUMS, (<usize>queries) << 2)
  }
}

/** Scores to weights, times the factors of dropout, and the cotangents of weights at `others` to those of scores times `outer`. */
function sharpen(
  tile: usize,
  others: usize,
  drawn: usize,
  keys: i32,
  queries: i32,
  factor: f32,
  outer: f32,
  visible: i32,
  area: usize,
): void {
  const scale = f32x4.splat(factor)
  const ofScale = f32x4.splat(outer)
  for (let i = 0; i < queries; i += 4) {
    const at = (<usize>i) << 2
    const rows = see(tile + at, keys, i, visible)
    see(others + at, keys, i, visible)
    hide(tile + at, rows, i, visible)
    const base = v128.load(area + at, LARGEST)
    const share = v128.load(area + at, SUMS)
    const mean = v128.load(area + at, FACTORS)
    const infinite = Column.infinite(base)
    let p = tile + at
    let q = others + at
    let r = drawn + at
    for (let j = rows; j > 0; j--, p += ROW, q += ROW, r += ROW) {
      const weight = f32x4.mul(Column.exponential(v128.load(p), base, scale, infinite), share)
      let other = v128.load(q)
      if (drawn) {
        const kept = v128.load(r)
        other = f32x4.mul(other, kept)
        v128.store(p, f32x4.mul(weight, kept))
      } else v128.store(p, weight)
      v128.store(q, f32x4.mul(f32x4.mul(weight, f32x4.sub(other, mean)), ofScale))
    }
  }
}

/**
 * out[i] = Σ g[i, ...] y[i, ...], in the order in which products are summed: so what is subtracted from the cotangent of a weight of 1 is that cotangent.
 * g as rows where queries are few, else packed.
 */
function inner(few: bool, g: usize, y: usize, row: usize, queries: i32, n: i32, out: usize): void {
  if (few) {
    for (; queries > 0; queries--, g += row, y += row, out += 4) Rows.inner(1, 1, g, row, y, row, out, row, n)
    return
  }
  for (let i = 0; i < queries; i += 4, out += 16) {
    const panel = i & ~7
    const step = (<usize>Panel.width(queries - panel)) << 2
    let p = g + ((<usize>panel * <usize>n + (i & 4)) << 2)
    const last = queries - 1
    let y0 = y + <usize>i * row
    let y1 = y + <usize>min(i + 1, last) * row
    let y2 = y + <usize>min(i + 2, last) * row
    let y3 = y + <usize>min(i + 3, last) * row
    let sum = i32x4.splat(0)
    for (let j = n; j > 0; j--, p += step, y0 += 4, y1 += 4, y2 += 4, y3 += 4) {
      const low = v128.load32_lane(y1, v128.load32_zero(y0), 1)
      sum = Vector.fma(v128.load32_lane(y3, v128.load32_lane(y2, low, 2), 3), v128.load(p), sum)
    }
    v128.store(out, sum)
  }
}

/** `rows` rows of n floats, `row` bytes apart. */
function clear(p: usize, row: usize, rows: i32, n: i32): void {
  for (; rows > 0; rows--, p += row) memory.fill(p, 0, (<usize>n) << 2)
}

/**
 * The cotangents of q, k and v from that of y; all are written. Of k and v there are `splits`, one behind the other, each from every so manieth tile
 * of queries. A unit is `each` of the splits of all batches and heads. @cost 0.035 a multiplication
 */
export function attentionGradient(record: Attention, begin: i32, end: i32): void {
  if (begin >= end) return
  const heads = record.heads
  const tq = record.tq
  const tk = record.tk
  const d = record.d
  const e = record.e
  const rowQ = (<usize>heads * <usize>d) << 2
  const rowV = (<usize>heads * <usize>e) << 2
  const area = record.scratch + <usize>begin * <usize>record.area
  const few = tq <= 4
  const isPrepared = record.mask !== 0 || record.bias !== 0
  const packedG = area + PACKED + (few ? 0 : (<usize>SIDE * <usize>d) << 2)
  const scores = packedG + (few ? 0 : (<usize>SIDE * <usize>e) << 2)
  const others = scores + TILE
  const drawn = record.drawn ? others + TILE : 0
  if (drawn) for (let at: usize = 0; at < 320; at += 16) v128.store(area + at, f32x4.splat(1), ONES)
  memory.fill(area + LARGEST, 0, 3 * ROW)
  if (few) memory.fill(scores, 0, 2 * TILE)
  const splits = record.splits
  const all = record.batch * heads
  const last = min(end * record.each, all * splits)
  for (let unit = begin * record.each; unit < last; unit++) {
    const head = unit / splits
    const split = unit - head * splits
    const b = head / heads
    const h = head - b * heads
    setHead(record, b, h)
    const ofHead = (<usize>h * <usize>d) << 2
    const ofHeadV = (<usize>h * <usize>e) << 2
    const part = <usize>(split * record.batch + b) * <usize>tk
    const toK = record.ofK + part * rowQ + ofHead
    const toV = record.ofV + part * rowV + ofHeadV
    clear(toK, rowQ, tk, d)
    clear(toV, rowV, tk, e)
    for (let query = split * SIDE; query < tq; query += splits * SIDE) {
      const queries = min(SIDE, tq - query)
      const row = <usize>(b * tq + query)
      const q = record.q + row * rowQ + ofHead
      const g = record.g + row * rowV + ofHeadV
      const toQ = record.ofQ + row * rowQ + ofHead
      if (!few) {
        pack(q, rowQ, queries, d, area + PACKED, area)
        pack(g, rowV, queries, e, packedG, area)
      }
      const stats = record.stats + ((<usize>head * <usize>tq + <usize>query) << 2)
      memory.copy(area + LARGEST, stats, (<usize>queries) << 2)
      memory.copy(area + SUMS, stats + ((<usize>all * <usize>tq) << 2), (<usize>queries) << 2)
      inner(few, few ? g : packedG, record.y + row * rowV + ofHeadV, rowV, queries, e, area + FACTORS)
      for (let key = 0; key < tk; key += SIDE) {
        const visible = visibleOf(record, query, key)
        if (key > 0 && visible + queries <= 0) break
        const keys = min(SIDE, tk - key)
        const k = record.k + <usize>(b * tk + key) * rowQ + ofHead
        const v = record.v + <usize>(b * tk + key) * rowV + ofHeadV
        products(keys, queries, few, k, rowQ, few ? q : area + PACKED, rowQ, d, scores, visible)
        products(keys, queries, few, v, rowV, few ? g : packedG, rowV, e, others, visible)
        if (isPrepared) prepare(record, scores, keys, queries, query, key, visible)
        if (drawn) draw(record, keys, queries, (<u64>head * tq + query) * tk + key, area, drawn)
        sharpen(scores, others, drawn, keys, queries, isPrepared ? 1 : record.scale, record.scale, visible, area)
        overQueries(keys, queries, scores, g, rowV, e, toV + <usize>key * rowV, rowV, visible)
        overQueries(keys, queries, others, q, rowQ, d, toK + <usize>key * rowQ, rowQ, visible)
        overKeys(keys, queries, others, k, rowQ, d, toQ, rowQ, key === 0, visible)
      }
    }
  }
}
