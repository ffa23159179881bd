// The suite in a page. What to do stands in the page's address; what came out is posted to where the page came from.
const { id, where, options } = JSON.parse(decodeURIComponent(location.search.slice(1)))
const say = message => fetch(`/report?${id}`, { method: 'POST', body: JSON.stringify(message) })
const bundle = name => new URL(`../../dist/${name}.js`, import.meta.url).href
addEventListener('error', ({ message }) => say({ error: message }))

// A page may look at the clock and the network again before the suite takes over.
setTimeout(async () => {
  try {
    await say({ running: 'the start' })
    if (where === 'worker') inWorker()
    else if (where === 'guide') await say({ result: await guide(options.expect) })
    else if (where === 'forbidden') await say({ result: await forbidden() })
    else {
      const { run } = await import('../suite.mjs')
      const library = where === 'edge' ? await edge() : (globalThis.fluxtape ?? bundle('fluxtape'))
      await say({ result: await run(library, bundle('datasets'), { ...options, onCase: running => say({ running }) }) })
    }
  } catch (error) {
    await say({ error: String(error?.stack ?? error) })
  }
})

async function edge() {
  const fluxtape = await import(bundle('edge'))
  const module = await WebAssembly.compileStreaming(fetch(new URL('../../dist/baseline.wasm', import.meta.url)))
  await fluxtape.init({ module, worker: bundle('worker') })
  return fluxtape
}

function inWorker() {
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => say(data)
  worker.onerror = ({ message }) => say({ error: `the worker: ${message}` })
  worker.postMessage({ library: bundle('fluxtape'), datasets: bundle('datasets'), options })
}

/** The page of docs/edge.md, which prints one line. */
async function guide(expect) {
  let printed
  console.log = (...values) => {
    printed = values
  }
  await import('../../pages/guide/page.mjs')
  const [variant, threads, reason, sum] = printed
  const isRight = threads === (expect.threads ? 2 : 1) && Math.abs(sum / (512 ** 3 / 4) - 1) < 0.01
  const failures = isRight ? [] : [`the page printed ${printed.join(' ')}`]
  return { passed: isRight ? 1 : 0, failed: failures.length, failures, variant, threads, reason, hashes: {} }
}

/** Where a policy forbids wasm, importing must say what is missing. */
async function forbidden() {
  const result = { passed: 0, failed: 1, failures: [], variant: 'none', threads: 0, hashes: {} }
  try {
    await import(bundle('fluxtape'))
    result.failures.push('import: nothing was thrown')
  } catch (error) {
    const isClear = /WebAssembly/.test(error.message) && /'wasm-unsafe-eval'/.test(error.message)
    if (isClear) return { ...result, passed: 1, failed: 0 }
    result.failures.push(`import: the message does not say what to do: ${error.name}: ${error.message}`)
  }
  return result
}
