// Rows of a table by index, alone or added up in bags. Indices are int32; the first bad one is left in the status word as 1 + its place among the
// indices, a bad offset behind them as 1 + count + its bag. The rows of a bag are added in their order, and a row's gradients in that of the
// indices, whatever the cut.
// @cost 0.5: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { report } from './status'

/** `table` is [size, inner], `bags` [many, inner]; bag b begins at offsets[b], or at b * per without offsets (0), and ends where the next one does. */
@unmanaged
export class Bags {
  table: usize
  indices: usize
  offsets: usize
  bags: usize
  size: i32
  count: i32
  many: i32
  per: i32
  inner: i32
  /** An index that is left out; -1 for none. */
  padding: i32
  /** 1: means, 0: sums. */
  isMean: i32
  status: usize
}

class Bag {
  @inline static start(by: Bags, bag: i32): i32 {
    if (bag === by.many) return by.count
    return by.offsets !== 0 ? load<i32>(by.offsets + ((<usize>bag) << 2)) : bag * by.per
  }

  /** Whether a bag that so begins and ends can be; reports it if not. */
  @inline static isRight(by: Bags, bag: i32, start: i32, end: i32): bool {
    const isWrong = <u32>start > <u32>by.count || (bag === 0 && start !== 0)
    if (!isWrong && <u32>start <= <u32>end && <u32>end <= <u32>by.count) return true
    report(by.status, by.count + bag + (isWrong ? 0 : 1))
    return false
  }

  /** By how much a bag's sum is divided. */
  @inline static divisor(by: Bags, start: i32, end: i32): f32 {
    if (!by.isMean) return 1
    let n = end - start
    if (by.padding >= 0) for (let at = start; at < end; at++) if (load<i32>(by.indices + ((<usize>at) << 2)) === by.padding) n--
    return <f32>n
  }
}

/** bags[b, :] = the sum or the mean of table[indices[j], :] over its places j, 0 for an empty bag; `begin` and `end` count bags. @cost 0.1 */
export function sumBags(by: Bags, begin: i32, end: i32): void {
  const indices = by.indices
  const size = by.size
  const padding = by.padding
  const bytes = (<usize>by.inner) << 2
  for (let bag = begin; bag < end; bag++) {
    const first = Bag.start(by, bag)
    const last = Bag.start(by, bag + 1)
    if (!Bag.isRight(by, bag, first, last)) return
    const out = by.bags + <usize>bag * bytes
    let isEmpty = true
    for (let place = first; place < last; place++) {
      const index = load<i32>(indices + ((<usize>place) << 2))
      if (<u32>index >= <u32>size) return report(by.status, place)
      if (index === padding) continue
      let p = by.table + <usize>index * bytes
      if (isEmpty) {
        memory.copy(out, p, bytes)
        isEmpty = false
        continue
      }
      let q = out
      let left = by.inner
      for (; left >= 4; left -= 4, p += 16, q += 16) v128.store(q, f32x4.add(v128.load(q), v128.load(p)))
      for (; left > 0; left--, p += 4, q += 4) store<f32>(q, load<f32>(q) + load<f32>(p))
    }
    if (isEmpty) memory.fill(out, 0, bytes)
    const n = Bag.divisor(by, first, last)
    if (n > 1) for (let q = out; q < out + bytes; q += 4) store<f32>(q, load<f32>(q) / n)
  }
}

/** table[indices[j], :] += bags[b, :] of its bag, divided for means, in the order of j; `begin` and `end` count blocks of 16 columns. @inplace */
export function addBags(by: Bags, begin: i32, end: i32): void {
  const indices = by.indices
  const size = by.size
  const padding = by.padding
  const bytes = (<usize>by.inner) << 2
  const from = (<usize>begin) << 6
  const width = min(by.inner, end << 4) - (begin << 4)
  for (let bag = 0; bag < by.many; bag++) {
    const first = Bag.start(by, bag)
    const last = Bag.start(by, bag + 1)
    if (!Bag.isRight(by, bag, first, last)) return
    const n = Bag.divisor(by, first, last)
    const divisors = f32x4.splat(n)
    for (let place = first; place < last; place++) {
      const index = load<i32>(indices + ((<usize>place) << 2))
      if (<u32>index >= <u32>size) return report(by.status, place)
      if (index === padding) continue
      let p = by.bags + <usize>bag * bytes + from
      let q = by.table + <usize>index * bytes + from
      let left = width
      if (n > 1) {
        for (; left >= 4; left -= 4, p += 16, q += 16) v128.store(q, f32x4.add(v128.load(q), f32x4.div(v128.load(p), divisors)))
      } else {
        for (; left >= 4; left -= 4, p += 16, q += 16) v128.store(q, f32x4.add(v128.load(q), v128.load(p)))
      }
      for (; left > 0; left--, p += 4, q += 4) store<f32>(q, load<f32>(q) + load<f32>(p) / n)
    }
  }
}

/** bags[b, i], int32, = the index of the row whose entry i is the largest of the bag, the first of equals; NaN wins; -1 for an empty bag; `begin` and `end` count bags. @cost 1 */
export function maxBags(by: Bags, begin: i32, end: i32): void {
  const size = by.size
  const inner = by.inner
  for (let bag = begin; bag < end; bag++) {
    const first = Bag.start(by, bag)
    const last = Bag.start(by, bag + 1)
    if (!Bag.isRight(by, bag, first, last)) return
    for (let i = 0; i < inner; i++) {
      let chosen = -1
      let most: f32 = 0
      for (let place = first; place < last; place++) {
        const index = load<i32>(by.indices + ((<usize>place) << 2))
        if (<u32>index >= <u32>size) return report(by.status, place)
        if (index === by.padding) continue
        const value = load<f32>(by.table + ((<usize>index * <usize>inner + <usize>i) << 2))
        if (chosen >= 0 && !(value > most || (value !== value && most === most))) continue
        chosen = index
        most = value
      }
      store<i32>(by.bags + ((<usize>bag * <usize>inner + <usize>i) << 2), chosen)
    }
  }
}

/** Of rows of `classes` bools the place of the only true one; reports a row that has none or several. `begin` and `end` count rows. */
export function fromOneHot(x: usize, out: usize, classes: i32, status: usize, begin: i32, end: i32): void {
  for (let row = begin; row < end; row++) {
    const from = x + <usize>row * <usize>classes
    let found = -1
    for (let i = 0; i < classes; i++) {
      if (load<u8>(from + <usize>i) === 0) continue
      if (found >= 0) return report(status, row)
      found = i
    }
    if (found < 0) return report(status, row)
    store<i32>(out + ((<usize>row) << 2), found)
  }
}
