import { throttle } from 'fluxtape'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('throttle', () => {
  it('runs the first call at once, and then at most one in the time', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 5)
    f(1)
    f(2)
    vi.advanceTimersByTime(4999)
    f(3)
    expect(calls).toEqual([1])
    vi.advanceTimersByTime(1)
    f(4)
    f(5)
    expect(calls).toEqual([1, 4])
    vi.advanceTimersByTime(60_000)
    expect(calls).toEqual([1, 4])
  })

  it('gives the latest result to the calls between', () => {
    const f = throttle((n: number) => n * 10, 1)
    expect([f(1), f(2)]).toEqual([10, 10])
    vi.advanceTimersByTime(1000)
    expect([f(3), f(4)]).toEqual([30, 30])
  })

  it('with `trailing` runs the last suppressed call when the time is up', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 2, { trailing: true })
    f(1)
    f(2)
    vi.advanceTimersByTime(500)
    f(3)
    vi.advanceTimersByTime(1499)
    expect(calls).toEqual([1])
    vi.advanceTimersByTime(1)
    expect(calls).toEqual([1, 3])
    f(4)
    expect(calls).toEqual([1, 3])
    vi.advanceTimersByTime(2000)
    expect(calls).toEqual([1, 3, 4])
  })

  it('with `trailing` and nothing suppressed runs nothing more', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 1, { trailing: true })
    f(1)
    vi.advanceTimersByTime(10_000)
    f(2)
    vi.advanceTimersByTime(10_000)
    expect(calls).toEqual([1, 2])
  })

  it('without `leading` does not run the first call at once', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 1, { leading: false, trailing: true })
    expect(f(1)).toBeUndefined()
    f(2)
    expect(calls).toEqual([])
    vi.advanceTimersByTime(1000)
    expect(calls).toEqual([2])
  })

  it('without `leading` waits again after a pause', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 1, { leading: false, trailing: true })
    f(1)
    vi.advanceTimersByTime(5000)
    expect(calls).toEqual([1])
    f(2)
    expect(calls).toEqual([1])
    vi.advanceTimersByTime(1000)
    expect(calls).toEqual([1, 2])
  })

  it('without either runs the first call of each time when it is up', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 1, { leading: false })
    f(1)
    f(2)
    vi.advanceTimersByTime(1000)
    expect(calls).toEqual([1])
    vi.advanceTimersByTime(5000)
    expect(calls).toEqual([1])
  })

  it('does not run twice where timers come late', () => {
    const calls: number[] = []
    const f = throttle((n: number) => calls.push(n), 1, { trailing: true })
    f(1)
    f(2)
    const now = performance.now()
    vi.spyOn(performance, 'now').mockReturnValue(now + 1500)
    f(3)
    expect(calls).toEqual([1, 3])
    vi.restoreAllMocks()
    vi.advanceTimersByTime(10_000)
    expect(calls).toEqual([1, 3])
  })

  it('passes all arguments on, and errors out', () => {
    const seen: unknown[][] = []
    throttle((...args: unknown[]) => seen.push(args), 1)(1, 'two', [3])
    expect(seen).toEqual([[1, 'two', [3]]])
    const failing = throttle(() => {
      throw new Error('mine')
    }, 1)
    expect(failing).toThrow('mine')
    expect(failing()).toBeUndefined()
  })
})
