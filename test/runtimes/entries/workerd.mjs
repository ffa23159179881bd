// The suite as a Worker of workerd. The kernels come as a module that was compiled when the Worker was deployed.
import module from '../../dist/baseline.wasm'
import * as fluxtape from '../../dist/edge.js'
import * as datasets from '../../dist/edge-datasets.js'
import { run } from '../suite.mjs'

await fluxtape.init({ module })

export default {
  async fetch(request) {
    try {
      return Response.json(await run(fluxtape, datasets, await request.json()))
    } catch (error) {
      return new Response(String(error?.stack ?? error), { status: 500 })
    }
  },
}
