// The largest along the middle axis of [outer, n, inner]: a unit of work is one row, of n elements that lie `inner` apart.
// @cost 1.5: nanoseconds an element of x.
import { FloatKey, IntKey } from './keys'

/**
 * A heap of the places of a row's elements, the last of them on top: the one that is smaller than all, or stands behind all that equal it. Keys
 * lie in `keys`, places in `places`, both `step` bytes apart.
 */
class Heap {
  /** Is the entry (key, place) behind that at `at`? */
  @inline static isBehind(key: i32, place: i32, keys: usize, places: usize, at: usize): bool {
    const other = load<i32>(keys + at)
    return key < other || (key === other && place > load<i32>(places + at))
  }

  /** Puts an entry where `hole` is, or below it, into a heap of `count`. */
  static sink(keys: usize, places: usize, step: usize, count: i32, hole: i32, key: i32, place: i32): void {
    while (true) {
      let child = 2 * hole + 1
      if (child >= count) break
      let at = <usize>child * step
      if (child + 1 < count && Heap.isBehind(load<i32>(keys + at + step), load<i32>(places + at + step), keys, places, at)) {
        child++
        at += step
      }
      if (Heap.isBehind(key, place, keys, places, at)) break
      const to = <usize>hole * step
      store<i32>(keys + to, load<i32>(keys + at))
      store<i32>(places + to, load<i32>(places + at))
      hole = child
    }
    const to = <usize>hole * step
    store<i32>(keys + to, key)
    store<i32>(places + to, place)
  }
}

function largest<K>(x: usize, values: usize, places: usize, n: i32, inner: i32, k: i32, begin: i32, end: i32): void {
  const step = (<usize>inner) << 2
  for (let row = begin; row < end; row++) {
    const outer = row / inner
    const column = <usize>(row - outer * inner)
    const from = x + ((<usize>outer * <usize>n * <usize>inner + column) << 2)
    const at = (<usize>outer * <usize>k * <usize>inner + column) << 2
    const keys = values + at
    const found = places + at
    // The first k make a heap, from the bottom up; those behind take the place of its top.
    for (let i = k - 1; i >= 0; i--) {
      store<i32>(keys + <usize>i * step, changetype<K>(0).f(from + <usize>i * step))
      store<i32>(found + <usize>i * step, i)
    }
    for (let i = (k >> 1) - 1; i >= 0; i--) {
      const to = <usize>i * step
      Heap.sink(keys, found, step, k, i, load<i32>(keys + to), load<i32>(found + to))
    }
    for (let i = k; i < n; i++) {
      const key = changetype<K>(0).f(from + <usize>i * step)
      // One that equals the top stands behind it.
      if (key > load<i32>(keys)) Heap.sink(keys, found, step, k, 0, key, i)
    }
    // The top goes to the end, where the heap no longer is.
    for (let count = k - 1; count > 0; count--) {
      const to = <usize>count * step
      const key = load<i32>(keys + to)
      const place = load<i32>(found + to)
      store<i32>(keys + to, load<i32>(keys))
      store<i32>(found + to, load<i32>(found))
      Heap.sink(keys, found, step, count, 0, key, place)
    }
    for (let i = 0; i < k; i++) {
      const to = <usize>i * step
      store<i32>(keys + to, load<i32>(from + <usize>load<i32>(found + to) * step))
    }
  }
}

/** The k (1 to n) largest of each row of float32, in order, and their places; of equals the first first. */
export function topK(x: usize, values: usize, places: usize, n: i32, inner: i32, k: i32, begin: i32, end: i32): void {
  largest<FloatKey>(x, values, places, n, inner, k, begin, end)
}
/** `topK` of int32. */
export function topKI(x: usize, values: usize, places: usize, n: i32, inner: i32, k: i32, begin: i32, end: i32): void {
  largest<IntKey>(x, values, places, n, inner, k, begin, end)
}
