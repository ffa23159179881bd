// A network in an AudioWorklet, where there is no event loop, no clock and no text encoder: what it plays has the bits that the page computes.
import { readFileSync } from 'node:fs'
import { assert, Visit } from './harness.mjs'

/** The processor of the guide. */
const [, processor] = /^```js worklet\n(.*?)^```/ms.exec(readFileSync(new URL('../../docs/edge.md', import.meta.url), 'utf8'))

/** Runs in the page: plays a sine through the network, and computes the same there. */
async function play(source) {
  const library = new URL('/dist/edge.js', location.href).href
  const bytes = await (await fetch('/dist/baseline.wasm')).arrayBuffer()
  const module = await WebAssembly.compile(bytes)
  const { Chain, Dense, init, manualSeed, randn, scope, tanh, tensor } = await import(library)
  await init({ module })
  manualSeed(5)
  const layers = [randn([16, 128], { std: 0.1 }), randn([128, 16], { std: 0.1 })]
  const weights = layers.map(each => ({ data: each.data(), shape: each.shape }))
  const count = 64 * 128
  const context = new OfflineAudioContext(1, count, 44100)
  await context.audioWorklet.addModule(
    URL.createObjectURL(new Blob([source.replace('./fluxtape/edge.js', library)], { type: 'text/javascript' })),
  )
  const node = new AudioWorkletNode(context, 'net', { processorOptions: { module, weights } })
  const isReady = new Promise((resolve, reject) => {
    node.port.onmessage = resolve
    setTimeout(() => reject(new Error('it is not ready after 10 s')), 10_000)
  })
  const sound = context.createBuffer(1, count, 44100)
  const samples = Float32Array.from({ length: count }, (_, i) => Math.sin(i / 7))
  sound.copyToChannel(samples, 0)
  const sine = new AudioBufferSourceNode(context, { buffer: sound })
  sine.connect(node).connect(context.destination)
  sine.start()
  await isReady
  const played = (await context.startRendering()).getChannelData(0)
  const model = Chain(Dense(layers[0], false, tanh), Dense(layers[1], false))
  let odd = 0
  for (let at = 0; at < count; at += 128) {
    const wanted = scope(() => model(tensor(samples.subarray(at, at + 128), [1, 128])).data())
    for (let i = 0; i < 128; i++) if (wanted[i] !== played[at + i]) odd++
  }
  return { odd, loudest: Math.max(...played) }
}

export async function worklet(checks, browser, url, { folder, prefix }) {
  await checks.run('a network plays in an AudioWorklet', async () => {
    const visit = await Visit.open(browser, url, { folder, prefix })
    const { odd, loudest } = await visit.page.evaluate(play, processor)
    // A page without an icon is asked for one.
    const complaints = (await visit.close()).filter(each => !each.includes('404'))
    assert(odd === 0 && loudest > 0.01, `${odd} samples differ; the loudest is ${loudest}`)
    assert(complaints.length === 0, complaints.join('; '))
  })
}
