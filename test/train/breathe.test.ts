import { afterEach, describe, expect, it, vi } from 'vitest'
import { breather } from '../../src/train/breathe.ts'

const hold = (milliseconds: number) => {
  const until = performance.now() + milliseconds
  while (performance.now() < until);
}

/** A page: `frames` are the callbacks that wait for its next frame. */
function page(visibilityState: string) {
  const frames: (() => void)[] = []
  const canceled: number[] = []
  const document = { visibilityState }
  vi.stubGlobal('document', document)
  vi.stubGlobal('requestAnimationFrame', (f: () => void) => frames.push(f))
  vi.stubGlobal('cancelAnimationFrame', (id: number) => canceled.push(id))
  return { frames, canceled, document }
}

afterEach(() => void vi.unstubAllGlobals())

describe('breather', () => {
  it('waits for the frame of a page that is seen, and for its drawing', async () => {
    const { frames } = page('visible')
    const rest = breather(undefined)
    expect(rest()).toBe(undefined)
    hold(20)
    const log: string[] = []
    const pause = rest()?.then(() => log.push('goes on'))
    expect(frames).toHaveLength(1)
    frames[0]?.()
    setImmediate(() => log.push('drawn'))
    // The frame's callbacks end with their microtasks; nothing may go on in these.
    await Promise.resolve().then(() => {})
    expect(log).toEqual([])
    await pause
    expect(log).toContain('goes on')
    expect(rest()).toBe(undefined)
  })

  it('does not wait long for a frame that never comes', async () => {
    const { frames, canceled } = page('visible')
    const rest = breather(undefined)
    hold(20)
    const start = performance.now()
    await rest()
    expect(performance.now() - start).toBeGreaterThan(3)
    expect([frames.length, canceled]).toEqual([1, [1]])
  })

  it('asks a hidden page for no frame, and holds the event loop longer', async () => {
    const { frames } = page('hidden')
    const rest = breather(undefined)
    hold(20)
    expect(rest()).toBe(undefined)
    hold(90)
    await rest()
    expect(frames).toEqual([])
  })

  it('asks for frames again as soon as the page is seen', async () => {
    const { frames, document } = page('hidden')
    const rest = breather(undefined)
    document.visibilityState = 'visible'
    hold(20)
    const pause = rest()
    expect(frames).toHaveLength(1)
    frames[0]?.()
    await pause
  })

  it('throws the reason of a signal', () => {
    const reason = new Error('enough')
    expect(breather(AbortSignal.abort(reason))).toThrow(reason)
  })
})
