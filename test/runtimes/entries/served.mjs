// What cases/remote.mjs has done in a worker.
import * as lib from '../../dist/fluxtape.js'
import { serve } from '../../dist/in-worker.js'
import { fit } from './fit.mjs'

serve({
  fit: (options, { signal, ...callbacks }) => fit(lib, { ...options, signal, callbacks }),
  misfit: () => lib.ones([2, 3]).matmul(lib.ones([2, 3])),
  forever: () => new Promise(() => {}),
  async *count(n) {
    for (let i = 0; i < n; i++) yield i
  },
})
