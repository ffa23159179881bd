// Runs the suite in Node, Deno or Bun, each time in a process of its own.
import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** How long there may be nothing new, in milliseconds, and how long a process may live after its result. */
const SILENCE = 60_000
const END = 5_000

/**
 * @param {import('./runtimes.mjs').Runtime} runtime
 * @param {string} root the folder with dist/ and suite/
 * @param {object} place
 * @param {object} options of the suite
 * @returns {Promise<import('./suite.mjs').Result>}
 */
export function runInProcess(runtime, root, place, options) {
  const entries = join(root, 'suite/entries')
  const args = place.bare
    ? ['run', '--quiet', '--no-prompt', join(entries, 'permissionless.mjs')]
    : [...runtime.args, ...(place.args ?? []), join(entries, 'process.mjs'), JSON.stringify({ where: place.where, options })]
  return new Promise((resolve, reject) => {
    const child = spawn(runtime.command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let text = ''
    let errors = ''
    let result
    let running = 'the start'
    let timer
    const expectNews = (limit, message) => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        child.kill('SIGKILL')
        reject(new Error(message()))
      }, limit)
    }
    const read = line => {
      if (!line.startsWith('matrix ')) return
      const message = JSON.parse(line.slice(7))
      if (message.error) errors += message.error
      running = message.running ?? running
      result = message.result ?? result
      if (result) expectNews(END, () => `the process did not end within ${END / 1000} s after the suite`)
      else expectNews(SILENCE, () => `nothing new for ${SILENCE / 1000} s in ${running}`)
    }
    expectNews(SILENCE, () => `nothing new for ${SILENCE / 1000} s in ${running}`)
    child.stdout.setEncoding('utf8').on('data', data => {
      const lines = (text + data).split('\n')
      text = lines.pop()
      for (const line of lines) read(line)
    })
    child.stderr.setEncoding('utf8').on('data', data => {
      errors += data
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (result && code === 0) resolve(result)
      else reject(new Error(`the process ended with ${code ?? signal} in ${running}: ${errors.trim().slice(0, 2000)}`))
    })
  })
}
