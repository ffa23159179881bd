// What a worker serves, as the other side has it.
import { type EpochRecord, ones, type State, state, type Tensor } from 'fluxtape'
import { type InWorkerOptions, inWorker, type Remote, type Served, serve } from 'fluxtape/worker'

const functions = {
  async fit(options: { readonly epochs: number }, callbacks: { readonly onEpoch?: (record: EpochRecord) => void }): Promise<State> {
    callbacks.onEpoch?.({} as EpochRecord)
    return state(ones([options.epochs]))
  },
  add: (a: Tensor, b: Tensor): Tensor => a.add(b),
  async *steps(count: number): AsyncGenerator<number> {
    yield count
  },
}
export type Functions = typeof functions
serve(functions)
export const served: Served = functions

const options: InWorkerOptions = { threads: 2, signal: AbortSignal.timeout(1000) }
const remote: Remote<Functions> = await inWorker<Functions>('./workers.js', options)
export const made = inWorker<Functions>(new Worker('./workers.js', { type: 'module' }))
export const weights: State = await remote.fit({ epochs: 3 }, { onEpoch: ({ loss }) => console.log(loss) })
export const sum: Tensor = await remote.add(ones([2]), ones([2]))
for await (const step of remote.steps(3)) step.toFixed()
for await (const step of await remote.steps(3)) step.toFixed()
await remote.terminate()
export async function short(): Promise<Tensor> {
  using other = await inWorker<Functions>('./workers.js')
  return other.add(ones([2]), ones([2]))
}
export const anything: unknown = await (await inWorker('./workers.js')).fit?.(1, 'text')

serve({ fit: 5 }) // error 2322 at fit
inWorker(5) // error 2345 at 5
inWorker('./workers.js', { thread: 1 }) // error 2561 at thread
remote.fit('3', {}) // error 2345 at '3'
remote.fti() // error 2339 at fti
export const now: Tensor = remote.add(ones([2]), ones([2])) // error 2740 at now
