// Training in a worker, so that a page or a server never waits.
export { type InWorkerOptions, inWorker, type Remote } from './remote/remote.ts'
export { type Served, serve } from './remote/serve.ts'
