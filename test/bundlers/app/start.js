import { learn } from './learn.js'

/** Learns in the page and, beside it, in a worker; `show` is told what came of each. */
export function start(show) {
  learn().then(
    result => show('page', result),
    error => show('page', { error: String(error) }),
  )
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => show('worker', data)
  worker.onerror = ({ message }) => show('worker', { error: `the worker failed: ${message}` })
}
