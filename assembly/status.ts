// How a kernel reports what cannot be: 1 + its place in the status word, the least one whichever thread comes first. A bad index has its place
// among the indices; of results that do not fit into their type the first place stands for all.

export function report(status: usize, place: i32): void {
  for (;;) {
    const before = atomic.load<i32>(status)
    if (before !== 0 && before <= place + 1) return
    if (atomic.cmpxchg<i32>(status, before, place + 1) === before) return
  }
}

/** What a range of an integer kernel has seen so far; each thread has its own. */
export class Fit {
  /** Lanes whose sign bit is set had a result that does not fit. */
  static misfits: v128 = i32x4.splat(0)

  @inline static not(misfits: v128): void {
    Fit.misfits = v128.or(Fit.misfits, misfits)
  }

  /** At the end of a range: reports if something did not fit. */
  static end(status: usize): void {
    if (i32x4.bitmask(Fit.misfits) === 0) return
    Fit.misfits = i32x4.splat(0)
    report(status, 0)
  }
}
