import { inWorker } from 'fluxtape/worker'
import { learn } from './learn.js'

/** Learns in the page and, beside it, in a worker, and then in one of fluxtape/worker; `show` is told what came of each. */
export function start(show) {
  learn()
    .then(
      result => show('page', result),
      error => show('page', { error: String(error) }),
    )
    .then(learnThere)
    .then(
      result => show('remote', result),
      error => show('remote', { error: String(error) }),
    )
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => show('worker', data)
  worker.onerror = ({ message }) => show('worker', { error: `the worker failed: ${message}` })
}

async function learnThere() {
  const worker = new Worker(new URL('./served.js', import.meta.url), { type: 'module' })
  const remote = await inWorker(worker, { threads: 2 })
  const result = await remote.learn()
  await remote.terminate()
  return result
}
