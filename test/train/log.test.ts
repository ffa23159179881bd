// A run is written to a file: JSON lines and tables, whatever becomes of the place.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Descent, type LogOptions, logTo, stop, train } from 'fluxtape'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { batches, problem } from './problem.ts'

const root = mkdtempSync(join(tmpdir(), 'fluxtape-log-'))
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(() => {
  vi.restoreAllMocks()
})
const at = (name: string) => join(root, name)
const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n')
const rowsOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map(each => JSON.parse(each))

async function run(callbacks: unknown, options: object = {}, steps = 3) {
  const { loss, ps } = problem()
  return train(loss, ps, batches(steps), Descent(0.01), { epochs: 2, ...options, callbacks: callbacks as never })
}

describe('logTo', () => {
  it('writes a line an epoch as JSON, with all that the record has, in folders that are made', async () => {
    const path = at('new/folder/run.jsonl')
    const { epochs } = await run(logTo(path), { validation: () => 2, metrics: { accuracy: () => 0.5, 'F1, macro': () => -1e-7 } })
    expect(rowsOf(path)).toEqual(
      epochs.map(({ epoch, loss, seconds }) => ({
        ...{ epoch, steps: 3 * (epoch + 1), loss, validation: 2, accuracy: 0.5, 'F1, macro': -1e-7, seconds },
      })),
    )
    expect(Object.keys(rowsOf(path)[0])).toEqual(['epoch', 'steps', 'loss', 'validation', 'accuracy', 'F1, macro', 'seconds'])
    expect(linesOf(path).at(-1)).toBe('')
  })

  it('writes a table by suffix, with a head', async () => {
    const path = at('run.CSV')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { epochs } = await run(logTo(path), { metrics: { 'a "b", c': () => 0.25, d: () => Number.NaN } })
    expect(linesOf(path)).toEqual([
      'epoch,steps,loss,"a ""b"", c",d,seconds',
      ...epochs.map(({ epoch, loss, seconds }) => `${epoch},${3 * (epoch + 1)},${loss},0.25,NaN,${seconds}`),
      '',
    ])
  })

  it.each([1, 2, 4, 100])('writes a line every %i steps', async every => {
    const path = at(`steps-${every}.jsonl`)
    const { steps } = await run(logTo(path, { every }))
    expect(rowsOf(path)).toEqual(steps.filter(({ step }) => step % every === 0).map(({ epoch, step, loss }) => ({ epoch, step, loss })))
  })

  it('writes numbers that are not finite as texts', async () => {
    const path = at('nan.jsonl')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    await run(logTo(path), { metrics: { a: () => Number.NaN, b: () => Number.NEGATIVE_INFINITY } })
    expect(rowsOf(path)[1]).toMatchObject({ a: 'NaN', b: '-Infinity' })
  })

  it('begins the file anew with each run, and what was there goes', async () => {
    const path = at('again.jsonl')
    writeFileSync(path, 'something else, which is long\n'.repeat(100))
    const log = logTo(path)
    for (let i = 0; i < 2; i++) {
      await run(log)
      expect(rowsOf(path).length).toBe(2)
    }
  })

  it('has all lines of a run that is stopped, aborted or fails', async () => {
    for (const end of [() => stop, (control: AbortController) => control.abort(), () => Promise.reject(new Error('boom'))]) {
      const path = at('ended.jsonl')
      const control = new AbortController()
      const ending = ({ step }: { step: number }) => (step === 4 ? end(control) : undefined)
      await Promise.resolve(run([logTo(path, { every: 1 }), ending], { signal: control.signal })).catch(() => {})
      expect(rowsOf(path).map(({ step }) => step)).toEqual([0, 1, 2, 3, 4])
    }
  })

  it('brings lines to the disk while the run goes on', async () => {
    const path = at('meanwhile.jsonl')
    const now = vi.spyOn(performance, 'now')
    let time = 1000
    now.mockImplementation(() => time)
    const seen: number[] = []
    try {
      await run([
        {
          onStep: () => {
            time += 400
          },
        },
        logTo(path, { every: 1 }),
        { onStep: () => seen.push(existsSync(path) ? linesOf(path).length - 1 : 0) },
      ])
    } finally {
      now.mockRestore()
    }
    expect(seen).toEqual([0, 0, 3, 3, 3, 6])
  })

  it('rejects before the first step where the path cannot be written', async () => {
    writeFileSync(at('file'), '')
    const warn = vi.spyOn(console, 'warn')
    const seen: unknown[] = []
    for (const path of [at('file/run.jsonl'), root]) {
      const trial = run([logTo(path), () => seen.push(1)])
      await expect(trial).rejects.toThrow(`logTo: '${path}' cannot be written.`)
    }
    expect([seen, warn.mock.calls]).toEqual([[], []])
  })

  it('leaves the file of a run that cannot begin, or has nothing to say', async () => {
    const path = at('kept.jsonl')
    await run(logTo(path))
    const before = readFileSync(path, 'utf8')
    await expect(run([logTo(path), { onStart: () => Promise.reject(new Error('boom')) }])).rejects.toThrow('boom')
    expect(readFileSync(path, 'utf8')).toBe(before)
  })

  it('goes on where the place vanishes, says it once, and writes what it can when it is back', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const now = vi.spyOn(performance, 'now')
    let time = 1000
    now.mockImplementation(() => time)
    const folder = at('vanishing')
    const path = join(folder, 'run.csv')
    let isBack = false
    try {
      const { epochs } = await run(
        [
          {
            onStep: ({ step }: { step: number }) => {
              time += 2000
              if (step === 2) {
                rmSync(folder, { recursive: true })
                writeFileSync(folder, '')
              }
              if (step !== 7) return
              isBack = true
              rmSync(folder)
              mkdirSync(folder)
            },
          },
          logTo(path, { every: 1 }),
        ],
        { epochs: 3 },
      )
      expect([epochs.length, isBack]).toEqual([3, true])
    } finally {
      now.mockRestore()
    }
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(/^logTo: '.*run.csv' cannot be written.*The run goes on, and what could not be written is tried again.$/s)],
    ])
    warn.mockRestore()
    const lines = linesOf(path)
    // What had been written is gone with the folder; what had not been is there, under a head.
    expect([lines[0], ...lines.slice(1, -1).map(each => Number(each.split(',')[1]))]).toEqual(['epoch,step,loss', 2, 3, 4, 5, 6, 7, 8])
  })

  it.each([
    [[], 'logTo: the path is a text: undefined came.'],
    [[''], "logTo: the path is a text: '' came."],
    [[new URL('file:///tmp/run.csv')], 'logTo: the path is a text'],
    [['run.csv', { every: 'step' }], "logTo: every is 'epoch' or a number: 'step' came."],
    [['run.csv', { every: 0 }], 'logTo: every is a whole number of steps from 1: 0.'],
    [['run.csv', { every: 2.5 }], 'logTo: every is a whole number of steps from 1: 2.5.'],
    [['run.csv', { format: 'csv' }], "logTo: there is no option 'format'."],
  ] as [[string, LogOptions], string][])('refuses %j', (given, message) => {
    expect(() => logTo(...given)).toThrow(message)
  })
})
