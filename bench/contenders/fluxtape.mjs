import { existsSync } from 'node:fs'
import { serve } from '../harness/serve.mjs'
import { families } from './steps.mjs'

const build = new URL('../../dist/fluxtape.js', import.meta.url)

/** What `jit` has no part in. */
const withoutJit = ['gemm', 'generation']

/** With `eager` the steps alone, their losses without jit. */
const isEager = process.argv[3] === 'eager'
/** With V8's wide vectors. */
const isWide = process.argv[3] === 'wide'

/** Ours, from the build in `dist/`. */
serve(async threads => {
  if (!existsSync(build)) throw new Error('dist/fluxtape.js is not built: npm run build')
  if (isWide) {
    const { on, reason } = (await import(new URL('wide.js', build))).wide()
    if (!on) throw new Error(reason)
  }
  const flux = await import(build)
  if (flux.threads) await flux.threads(threads)
  else if (threads > 1) throw new Error('this build has no threads')
  return {
    versions: { node: process.versions.node, v8: process.versions.v8 },
    families: Object.fromEntries(
      Object.entries(families)
        .filter(([name]) => !isEager || !withoutJit.includes(name))
        .map(([name, family]) => [name, (spec, data) => family(isEager ? { ...flux, jit: undefined } : flux, spec, data)]),
    ),
  }
})
