// The suite inside a worker: a browser's, Deno's or Bun's, or a thread of Node's.
import { run } from '../suite.mjs'

const { parentPort } = globalThis.WorkerGlobalScope ? {} : await import('node:worker_threads')
const say = message => (parentPort ?? globalThis).postMessage(message)
const serve = async ({ library, datasets, options }) => {
  try {
    say({ result: await run(library, datasets, { ...options, onCase: running => say({ running }) }) })
  } catch (error) {
    say({ error: String(error?.stack ?? error) })
  }
}

if (parentPort) parentPort.once('message', serve)
else globalThis.onmessage = ({ data }) => serve(data)
