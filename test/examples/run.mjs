// Runs the examples as their first lines say, and uses the server: `node test/examples/run.mjs` after `npm run build`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** What a program prints; rejects if it fails. */
async function output(...args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', part => (text += part))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}\n${text}`)
  return text
}

function expect(text, pattern) {
  if (!pattern.test(text)) throw new Error(`${pattern} was expected in:\n${text}`)
}

/** A run is asked for, predictions are made meanwhile, and the run ends when who asked has gone. */
async function useServer() {
  const child = spawn(process.execPath, ['examples/server.mjs', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 })
  try {
    const lines = createInterface({ input: child.stdout })
    const [address] = await once(lines, 'line')
    const leaving = new AbortController()
    const training = await fetch(`${address}/train`, { signal: leaving.signal })
    const epochs = training.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
    expect((await epochs.next()).value, /"epoch":0,"loss":/)
    const pixels = JSON.stringify(Array.from({ length: 64 }, (_, i) => (i % 8) / 8))
    for (let i = 0; i < 20; i++) {
      const chances = await (await fetch(`${address}/predict`, { method: 'POST', body: pixels })).json()
      if (chances.length !== 10 || Math.abs(chances.reduce((sum, each) => sum + each, 0) - 1) > 1e-5) throw new Error(String(chances))
    }
    expect(await (await fetch(`${address}/predict`, { method: 'POST', body: '[1, 2]' })).text(), /Dense\(64, 64, relu\)/)
    leaving.abort()
    const seen = []
    for await (const line of lines) {
      seen.push(line)
      if (/train: .*abort/.test(line)) return
    }
    throw new Error(`the run did not end with who asked for it:\n${seen.join('\n')}`)
  } finally {
    child.kill()
  }
}

/** A worker trains; the server answers with its weights, and goes on when who asked for the run has gone. */
async function useWorkerServer() {
  const child = spawn(process.execPath, ['examples/worker-server.mjs', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  })
  try {
    const lines = createInterface({ input: child.stdout })
    const [address] = await once(lines, 'line')
    const leaving = new AbortController()
    const training = await fetch(`${address}/train`, { signal: leaving.signal })
    const told = training.body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
    expect((await told.next()).value, /"epoch":0,"loss":/)
    const pixels = JSON.stringify(Array.from({ length: 64 }, (_, i) => (i % 8) / 8))
    const predict = async body => (await fetch(`${address}/predict`, { method: 'POST', body })).json()
    const begin = performance.now()
    for (let i = 0; i < 20; i++) {
      const chances = await predict(pixels)
      if (chances.length !== 10 || Math.abs(chances.reduce((sum, each) => sum + each, 0) - 1) > 1e-5) throw new Error(String(chances))
    }
    if (performance.now() - begin > 5000) throw new Error('the server waits for the worker')
    const ended = once(lines, 'line')
    leaving.abort()
    expect((await ended)[0], /^\/train: .*abort/)
    expect(JSON.stringify(await predict(pixels)), /^\[0/)
  } finally {
    child.kill()
  }
}

expect(await output('examples/linear-regression.mjs'), /written out/)
await output('examples/own-layer.mjs')
expect(await output('examples/forecast.mjs'), /learned +0\.0\d/)
expect(await output('examples/penguins.mjs'), /right of \d+ other penguins: (9\d|100)\.\d %/)
expect(await output('examples/penguins.mjs', '--read', 'penguins.safetensors'), /Chinstrap .* 9\d\.\d %|100\.0 %/)
expect(await output('examples/image-folder.mjs', '--epochs', '3'), /(7|8|9)\d\.\d % of 287 other images/)
const streamed = await output('examples/stream-csv.mjs', '--rows', '40000', '--epochs', '2')
expect(streamed, /last batches 0\.0[0-3]\d+/)
// The file is small; what the stream takes is not to grow with it, which the night tries with a million.
if (!(Number(/peak (\d+) MB/.exec(streamed)?.[1]) < 250)) throw new Error(streamed)
await useServer()
await useWorkerServer()
console.log('the examples run')
