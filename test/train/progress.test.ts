import { DataLoader, Descent, type Tensor, train } from 'fluxtape'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { batches, problem, x, y } from './problem.ts'

type Info = Parameters<Extract<NonNullable<NonNullable<Parameters<typeof train>[4]>['progress']>, (...args: never[]) => unknown>>[0]

afterEach(() => vi.restoreAllMocks())

describe('a progress function', () => {
  const run = async (data: Iterable<unknown>, epochs: number) => {
    const { loss, ps } = problem()
    const seen: Info[] = []
    const history = await train(loss, ps, data, Descent(0.01), { epochs, progress: info => void seen.push(info) })
    return { seen, history }
  }

  it('is told where the run stands after each step', async () => {
    const { seen, history } = await run(batches(3), 2)
    expect(seen.map(({ epoch, epochs, step, steps }) => [epoch, epochs, step, steps])).toEqual([
      [0, 2, 1, 3],
      [0, 2, 2, 3],
      [0, 2, 3, 3],
      [1, 2, 1, 3],
      [1, 2, 2, 3],
      [1, 2, 3, 3],
    ])
    expect(seen.map(each => each.loss)).toEqual(history.steps.map(each => each.loss))
  })

  it('is told the rate and the time that is left, which ends at 0', async () => {
    const { seen } = await run(batches(4), 2)
    for (const { rate, left } of seen) {
      expect(rate).toBeGreaterThan(0)
      expect(Number.isFinite(left)).toBe(true)
    }
    expect(seen.map(({ rate, left }) => Math.round((left ?? -1) * rate))).toEqual([7, 6, 5, 4, 3, 2, 1, 0])
  })

  it('knows the number of steps of a DataLoader, but not of a generator', async () => {
    expect((await run(new DataLoader([x, y], { batchSize: 3 }), 1)).seen.map(each => each.steps)).toEqual([2, 2])
    function* data() {
      yield* batches(2)
    }
    const { seen } = await run(data(), 1)
    expect(seen.map(({ steps, left }) => [steps, left])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ])
  })
})

describe('progress: true', () => {
  const isTTY = process.stdout.isTTY
  afterEach(() => {
    process.stdout.isTTY = isTTY
  })

  describe('piped', () => {
    beforeEach(() => {
      process.stdout.isTTY = false
    })

    it('prints one line an epoch, and nothing else', async () => {
      const log = vi.spyOn(console, 'log').mockImplementation(() => {})
      const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
      const { loss, ps } = problem()
      const { epochs } = await train(loss, ps, batches(5), Descent(0.01), { epochs: 3, progress: true, validation: () => 0.125 })
      const written = write.mock.calls.length
      write.mockRestore()
      expect(written).toBe(0)
      expect(log.mock.calls).toHaveLength(3)
      log.mock.calls.forEach(([line], i) => {
        expect(line).toBe(`epoch ${i + 1}  loss ${epochs[i].loss.toPrecision(4)}  validation 0.1250  ${epochs[i].seconds.toFixed(2)} s`)
      })
    })

    it('leaves validation out where there is none', async () => {
      const log = vi.spyOn(console, 'log').mockImplementation(() => {})
      const { loss, ps } = problem()
      await train(loss, ps, batches(1), Descent(0.01), { progress: true })
      expect(log.mock.calls).toEqual([[expect.stringMatching(/^epoch 1 {2}loss \d\.\d{3} {2}\d+\.\d\d s$/)]])
    })
  })

  describe('on a terminal', () => {
    /** What the run writes to a terminal. */
    const screen = async (f: () => PromiseLike<unknown>): Promise<string> => {
      process.stdout.isTTY = true
      const parts: string[] = []
      const write = vi.spyOn(process.stdout, 'write').mockImplementation(text => {
        parts.push(String(text))
        return true
      })
      try {
        await f()
      } finally {
        write.mockRestore()
      }
      return parts.join('')
    }

    it('reuses one line, and ends it', async () => {
      const { loss, ps } = problem()
      const log = vi.spyOn(console, 'log').mockImplementation(() => {})
      const text = await screen(() => train(loss, ps, batches(2), Descent(0.01), { epochs: 3, progress: true }))
      expect(text.split('\n')).toHaveLength(2)
      expect(text.endsWith('\n')).toBe(true)
      const drawn = text.slice(0, -1).split('\r\x1b[K')
      expect(drawn[0]).toBe('')
      expect(drawn[1]).toMatch(/^epoch 1\/3 {2}step 1\/2 {2}loss \d\.\d{3} {2}\d+ steps\/s, \d+ s left$/)
      expect(drawn.at(-1)).toMatch(/^epoch 3 {2}loss \d\.\d{3} {2}\d+\.\d\d s$/)
      expect(log).not.toHaveBeenCalled()
    })

    it('draws at most ten times a second', async () => {
      const { loss, ps } = problem()
      const text = await screen(() => train(loss, ps, batches(300), Descent(0.001), { progress: true }))
      const seconds = Number(/ (\d+\.\d\d) s\n$/.exec(text)?.[1])
      expect(text.split('step ').length - 1).toBeLessThanOrEqual(1 + seconds * 10 + 1)
    })

    it('ends its line when the run fails', async () => {
      const { ps } = problem()
      const text = await screen(async () => {
        const loss = (a: Tensor) => {
          if (a) throw new Error('boom')
          return a
        }
        await expect(train(loss, ps, batches(1), Descent(), { progress: true })).rejects.toThrow('boom')
      })
      expect(text).toBe('\n')
    })
  })

  it('is off by default', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    const { loss, ps } = problem()
    await train(loss, ps, batches(1), Descent(0.01))
    expect(log).not.toHaveBeenCalled()
  })
})
