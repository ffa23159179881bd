// Trains the examples of images for seconds, with both variants of the kernels, and compares the losses of their epochs with those recorded here:
// `node test/examples/trained.mjs` after `npm run build` and `npm install`; `--write` records them anew.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'fluxtape-examples-'))
const picture = join(folder, 'vae.png')
/** Each with its arguments, and what it prints at its end. */
const examples = {
  lenet: { args: ['--epochs', '2', '--first', '400', '--shift'], ends: /median \d+\.\d %/ },
  resnet: { args: ['--epochs', '2', '--first', '96', '--tests', '60'], ends: /median \d+\.\d %/ },
  vae: { args: ['--epochs', '2', '--first', '400', '--file', picture], ends: /cost \d+\.\d\d nats/ },
}
const variants = {
  // Node 20 has the relaxed instructions behind a flag. Machines differ in how often they round there: so much may a loss be off.
  relaxed: { flags: process.versions.node.startsWith('20.') ? ['--experimental-wasm-relaxed-simd'] : [], off: 0.01 },
  baseline: { flags: ['--import', pathToFileURL('test/examples/deterministic.mjs').href], off: 0 },
}
const file = new URL('losses.json', import.meta.url)
const recorded = JSON.parse(readFileSync(file, 'utf8'))
const isWriting = process.argv.includes('--write')

for (const [name, { args, ends }] of Object.entries(examples)) {
  for (const [variant, { flags, off }] of Object.entries(variants)) {
    const text = execFileSync(process.execPath, [...flags, `examples/${name}.mjs`, ...args], { encoding: 'utf8' })
    const losses = [...text.matchAll(/^epoch \d+ +loss ([\d.]+)/gm)].map(([, loss]) => Number(loss))
    if (losses.length !== 2 || !ends.test(text)) throw new Error(`${name}: this is not what it says at its end:\n${text}`)
    if (isWriting) recorded[name] = { ...recorded[name], [variant]: losses }
    const wanted = recorded[name]?.[variant] ?? []
    if (!losses.every((loss, i) => Math.abs(loss - wanted[i]) <= off * wanted[i]))
      throw new Error(`${name} with ${variant} kernels: losses ${losses}, recorded are ${wanted}. If that is meant: --write`)
  }
}
const signature = readFileSync(picture).subarray(0, 8).toString('latin1')
if (signature !== '\x89PNG\r\n\x1a\n') throw new Error('the picture is no PNG')
if (isWriting) writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`)
console.log('the examples of images learn as recorded')
