// What threads mean for the process around them: seen from outside, on the built bundle.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const bundle = process.env.FLUXTAPE_DIST === undefined ? undefined : fileURLToPath(new URL('../../dist/fluxtape.js', import.meta.url))

interface Ended {
  readonly code: number | string
  readonly out: string
  readonly errors: string
  /** Milliseconds from the last output to the end. */
  readonly lingered: number
}

/** Runs a script that has `flux`, the bundle, in a process of its own. */
function run(script: string, before = ''): Promise<Ended> {
  const source = `${before}\nconst flux = await import(${JSON.stringify(`file://${bundle}`)});\n${script}`
  return new Promise(resolve => {
    let last = Date.now()
    const child = execFile(
      process.execPath,
      ['--input-type=module', '--eval', source],
      { timeout: 60_000, killSignal: 'SIGKILL' },
      (error, out, errors) => resolve({ code: error ? (error.code ?? 'killed') : 0, out, errors, lingered: Date.now() - last }),
    )
    child.stdout?.on('data', () => {
      last = Date.now()
    })
  })
}

/** Counts the workers that are made. */
const counting = `
  import workerThreads from 'node:worker_threads'
  let made = 0
  const { Worker } = workerThreads
  workerThreads.Worker = class extends Worker { constructor(...args) { super(...args); made++ } }`

describe.runIf(bundle)('a process', () => {
  test('has no worker after the import alone, and some after threads(3)', async () => {
    const { code, out, errors } = await run(
      `await new Promise(resolve => setTimeout(resolve, 50)); console.log(made); await flux.threads(3); console.log(made)`,
      counting,
    )
    expect({ code, out: out.trim(), errors }).toEqual({ code: 0, out: '0\n2', errors: '' })
  })

  test.each([
    ['with threads that it set', 'await flux.threads(3)'],
    ['with threads that it set and did not wait for', 'void flux.threads(2)'],
    ['with threads that came by themselves', ''],
    [
      'with threads that it set, changed and configured',
      'await flux.threads(2); await flux.threads(3); await flux.configure({ deterministic: true })',
    ],
    ['whose threads were up for a while', 'await flux.threads(2); await new Promise(resolve => setTimeout(resolve, 200))'],
  ])('ends by itself %s', async (_, start) => {
    const { code, out, errors, lingered } = await run(`
      ${start}
      const x = flux.rand([500, 500])
      for (let i = 0; i < 20; i++) flux.scope(() => { flux.matmul(x, x) })
      console.log('done')`)
    expect({ code, out: out.trim(), errors }).toEqual({ code: 0, out: 'done', errors: '' })
    expect(lingered).toBeLessThan(1500)
  })

  test('ends by itself in the middle of its work, by process.exit', async () => {
    const { code, lingered } = await run(`
      await flux.threads(3)
      const x = flux.rand([500, 500])
      for (let i = 0; i < 20; i++) flux.scope(() => { flux.matmul(x, x) })
      console.log('done')
      process.exit(7)`)
    expect(code).toBe(7)
    expect(lingered).toBeLessThan(1500)
  })
})
