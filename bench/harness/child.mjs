import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/**
 * A contender as the bench sees it.
 * @typedef {object} Entrant
 * @property {string} contender its name on the command line and in the records
 * @property {number} threads
 * @property {string} runtime what it runs in
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} env beside the bench's own
 * @property {boolean} isOurs
 */

/** What a contender may take for one answer before it counts as missing. */
const patience = 120_000

/**
 * Starts a contender's process and waits until it is ready, or says why it is missing. One that has died of a workload is started again for the next.
 * @param {Entrant} entrant
 */
export async function startChild(entrant) {
  let current = spawned(entrant)
  const hello = await current.next()
  return {
    entrant,
    hello,
    /** @param {object} request */
    ask: async request => {
      if (current.hasEnded() && request.load) {
        current = spawned(entrant)
        const { missing } = await current.next()
        if (missing) return { missing }
      }
      return current.ask(request)
    },
    close: () => current.close(),
  }
}

/** @param {Entrant} entrant */
function spawned(entrant) {
  const child = spawn(entrant.command, entrant.args, {
    env: { ...process.env, ...entrant.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaint = ''
  child.stderr.on('data', text => {
    complaint = (complaint + text).slice(-2000)
  })
  child.stdin.on('error', () => {})
  const waiting = []
  let ended
  const end = reason => {
    ended ??= { missing: reason }
    for (const resolve of waiting.splice(0)) resolve(ended)
  }
  child.on('error', error => end(error.message))
  child.on('close', code => end(`ended with ${code}: ${lastLine(complaint)}`))
  createInterface({ input: child.stdout }).on('line', line => {
    waiting.shift()?.(JSON.parse(line))
  })

  /** The next answer; a contender that dies or does not answer is `{ missing }`. */
  const next = () =>
    new Promise(resolve => {
      if (ended) return resolve(ended)
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        end(`no answer in ${patience / 1000} s`)
      }, patience)
      waiting.push(answer => {
        clearTimeout(timer)
        resolve(answer)
      })
    })
  return {
    next,
    hasEnded: () => ended !== undefined,
    ask: request => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return next()
    },
    close: () => {
      child.stdin.end()
      setTimeout(() => child.kill('SIGKILL'), 2000).unref()
    },
  }
}

const lastLine = text => text.trim().split('\n').at(-1) || 'no word of why'
