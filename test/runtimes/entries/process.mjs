// Runs in Node, Deno and Bun: `process.mjs '{"where": "process", "options": {...}}'`. Says where it is and what came out, a line of JSON each.
// Nothing ends the process: the library's threads must not keep it alive.
const { where, options } = JSON.parse(process.argv[2])
const say = message => console.log(`matrix ${JSON.stringify(message)}`)
const bundle = name => new URL(`../../dist/${name}.js`, import.meta.url).href

if (where === 'worker') await inWorker()
else if (where === 'script') {
  // Bun takes it for a CommonJS module, which then makes no global.
  const module = await import(bundle('fluxtape.global'))
  await import('./smoke.js')
  say({ result: await globalThis.smoke(globalThis.fluxtape ?? module, options.expect) })
} else {
  const { run } = await import('../suite.mjs')
  const library = where === 'edge' ? await edge() : bundle('fluxtape')
  say({ result: await run(library, bundle('datasets'), { ...options, onCase: running => say({ running }) }) })
}

async function edge() {
  const [fluxtape, { readFile }] = await Promise.all([import(bundle('edge')), import('node:fs/promises')])
  const module = await WebAssembly.compile(await readFile(new URL('../../dist/baseline.wasm', import.meta.url)))
  await fluxtape.init({ module, worker: bundle('worker') })
  return fluxtape
}

async function inWorker() {
  const address = new URL('./worker.mjs', import.meta.url)
  const job = { library: bundle('fluxtape'), datasets: bundle('datasets'), options }
  const Threads = globalThis.Worker ? undefined : (await import('node:worker_threads')).Worker
  const worker = Threads ? new Threads(address) : new Worker(address, { type: 'module' })
  await new Promise((resolve, reject) => {
    const listen = message => {
      say(message)
      if (message.result) resolve()
    }
    if (Threads) worker.on('message', listen).on('error', reject)
    else {
      worker.onmessage = ({ data }) => listen(data)
      worker.onerror = event => reject(new Error(event.message))
    }
    worker.postMessage(job)
  })
  await worker.terminate()
}
