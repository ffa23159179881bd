// Reading and writing by index. Indices are int32; the first bad one is left in the status word as 1 + its place among the indices.
// @cost 0.5: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { report } from './status'

/** `whole` is [outer, size, inner] elements, `parts` what its entries at the indices are read into, or added from; `count` as the kernels have it. */
@unmanaged
export class ByIndex {
  whole: usize
  indices: usize
  parts: usize
  size: i32
  count: i32
  inner: i32
  status: usize
}

@unmanaged
export class SumsByIndex {
  x: usize
  indices: usize
  updates: usize
  wide: usize
  out: usize
  size: i32
  count: i32
  inner: i32
  status: usize
}

/**
 * parts[o, j, :] = whole[o, indices[j], :] of `count` indices, elements of any type, whose `inner` is given in bytes; `begin` and `end` count
 * rows (o, j), of so many each.
 * @cost 0.05
 */
export function gather(by: ByIndex, begin: i32, end: i32): void {
  const x = by.whole
  const indices = by.indices
  const out = by.parts
  const size = by.size
  const count = by.count
  const status = by.status
  const bytes = <usize>by.inner
  for (let row = begin; row < end; row++) {
    const outer = row / count
    const place = row - outer * count
    const index = load<i32>(indices + ((<usize>place) << 2))
    if (<u32>index >= <u32>size) return report(status, place)
    memory.copy(out + <usize>row * bytes, x + (<usize>outer * <usize>size + <usize>index) * bytes, bytes)
  }
}

/**
 * whole[o, indices[j], :] += parts[o, j, :], float32, in the order of j; `begin` and `end` count blocks of 16 columns of the slices o, one where
 * there are none. @inplace
 */
export function scatterAdd(by: ByIndex, begin: i32, end: i32): void {
  const out = by.whole
  const indices = by.indices
  const updates = by.parts
  const size = by.size
  const count = by.count
  const inner = by.inner
  const status = by.status
  const blocks = max(1, (inner + 15) >> 4)
  while (begin < end) {
    const outer = begin / blocks
    const first = begin - outer * blocks
    const last = min(blocks, first + end - begin)
    const from = first << 4
    const width = min(inner, last << 4) - from
    for (let place = 0; place < count; place++) {
      const index = load<i32>(indices + ((<usize>place) << 2))
      if (<u32>index >= <u32>size) return report(status, place)
      let q = out + (((<usize>outer * <usize>size + <usize>index) * <usize>inner + <usize>from) << 2)
      let p = updates + (((<usize>outer * <usize>count + <usize>place) * <usize>inner + <usize>from) << 2)
      let left = width
      for (; left >= 4; left -= 4, p += 16, q += 16) v128.store(q, f32x4.add(v128.load(q), v128.load(p)))
      for (; left > 0; left--, p += 4, q += 4) store<f32>(q, load<f32>(q) + load<f32>(p))
    }
    begin += last - first
  }
}

/**
 * out = x, and out[o, indices[j], :] += updates[o, j, :], int32, in sums of 64 bits, for which `wide` has room. A result that does not fit is
 * reported behind the last index. `begin` and `end` count the slices o.
 */
export function scatterAddI(by: SumsByIndex, begin: i32, end: i32): void {
  const x = by.x
  const indices = by.indices
  const updates = by.updates
  const wide = by.wide
  const out = by.out
  const size = by.size
  const count = by.count
  const inner = by.inner
  const status = by.status
  const slice = <usize>size * <usize>inner
  for (let outer = begin; outer < end; outer++) {
    const from = <usize>outer * slice
    const sums = wide + (from << 3)
    for (let i: usize = 0; i < slice; i++) store<i64>(sums + (i << 3), <i64>load<i32>(x + ((from + i) << 2)))
    let p = updates + ((<usize>outer * <usize>count * <usize>inner) << 2)
    for (let place = 0; place < count; place++) {
      const index = load<i32>(indices + ((<usize>place) << 2))
      if (<u32>index >= <u32>size) return report(status, place)
      let q = sums + ((<usize>index * <usize>inner) << 3)
      for (let left = inner; left > 0; left--, p += 4, q += 8) store<i64>(q, load<i64>(q) + <i64>load<i32>(p))
    }
    for (let i: usize = 0; i < slice; i++) {
      const sum = load<i64>(sums + (i << 3))
      if (sum !== <i64>(<i32>sum)) return report(status, count)
      store<i32>(out + ((from + i) << 2), <i32>sum)
    }
  }
}

/** parts[o, j, i] = whole[o, indices[o, j, i], i], `count` of them along the axis, 4-byte elements; `begin` and `end` count elements of the result. */
export function takeAlong(by: ByIndex, begin: i32, end: i32): void {
  const x = by.whole
  const indices = by.indices
  const out = by.parts
  const size = by.size
  const count = by.count
  const inner = by.inner
  const status = by.status
  if (begin == end) return
  // Counted along: two divisions an element take two and a half times as long.
  const span = count * inner
  let next = (begin / span + 1) * span
  let slice = x + ((<usize>(begin / span) * <usize>(size * inner)) << 2)
  let lane = begin % inner
  for (let at = begin; at < end; at++) {
    const index = load<i32>(indices + ((<usize>at) << 2))
    if (<u32>index >= <u32>size) return report(status, at)
    if (at == next) {
      next += span
      slice += (<usize>(size * inner)) << 2
    }
    store<u32>(out + ((<usize>at) << 2), load<u32>(slice + ((<usize>(index * inner + lane)) << 2)))
    if (++lane == inner) lane = 0
  }
}

/** whole[o, indices[o, j, i], i] += parts[o, j, i], float32; `begin` and `end` count the slices o. @inplace */
export function putAlong(by: ByIndex, begin: i32, end: i32): void {
  const out = by.whole
  const indices = by.indices
  const updates = by.parts
  const size = by.size
  const count = by.count
  const inner = by.inner
  const status = by.status
  for (let at = begin * count * inner; at < end * count * inner; at++) {
    const index = load<i32>(indices + ((<usize>at) << 2))
    if (<u32>index >= <u32>size) return report(status, at)
    const outer = at / (count * inner)
    const to = out + (((<usize>outer * <usize>size + <usize>index) * <usize>inner + <usize>(at % inner)) << 2)
    store<f32>(to, load<f32>(to) + load<f32>(updates + ((<usize>at) << 2)))
  }
}

/** Rows of `classes` bools, true at the index; `begin` and `end` count rows. */
export function oneHot(indices: usize, out: usize, classes: i32, status: usize, begin: i32, end: i32): void {
  memory.fill(out + <usize>begin * <usize>classes, 0, <usize>(end - begin) * <usize>classes)
  for (let row = begin; row < end; row++) {
    const index = load<i32>(indices + ((<usize>row) << 2))
    if (<u32>index >= <u32>classes) return report(status, row)
    store<u8>(out + <usize>row * <usize>classes + <usize>index, 1)
  }
}

/** Whole float32 numbers as int32; reports one that is not whole. */
export function toIndices(x: usize, out: usize, status: usize, begin: i32, end: i32): void {
  for (let i = begin; i < end; i++) {
    const value = load<f32>(x + ((<usize>i) << 2))
    const index = i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(f32x4.splat(value)), 0)
    if (<f32>index != value) return report(status, i)
    store<i32>(out + ((<usize>i) << 2), index)
  }
}
