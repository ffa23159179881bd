// Deno, without any permission: importing is enough. What is read from a file, as a worker's module, is refused by an error.
import * as fluxtape from '../../dist/fluxtape.js'
import { inWorker } from '../../dist/in-worker.js'
import './smoke.js'

const result = await globalThis.smoke(fluxtape, { threads: true })
const error = await inWorker(new URL('./served.mjs', import.meta.url)).catch(error => error)
if (error instanceof fluxtape.WorkerError && /read access/.test(error.message)) result.passed++
else {
  result.failed++
  result.failures.push(`a worker that may not be read: ${error}`)
}
console.log(`matrix ${JSON.stringify({ result })}`)
