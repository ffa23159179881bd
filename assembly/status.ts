// How a kernel reports a bad index: 1 + its place in the status word, the least one whichever thread comes first.

export function report(status: usize, place: i32): void {
  for (;;) {
    const before = atomic.load<i32>(status)
    if (before !== 0 && before <= place + 1) return
    if (atomic.cmpxchg<i32>(status, before, place + 1) === before) return
  }
}
