// Trains the examples of images and of texts for seconds, with both variants of the kernels, and compares the losses that they print with those recorded here:
// `node test/examples/trained.mjs` after `npm run build` and `npm install`; `--write` records them anew, `--only gpt,lstm` chooses.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const folder = mkdtempSync(join(tmpdir(), 'fluxtape-examples-'))
const picture = join(folder, 'vae.png')
/** Each with its arguments, how many losses it prints, and what at its end. Texts are files that hardly ever change. */
const examples = {
  lenet: { args: ['--epochs', '2', '--first', '400', '--shift'], count: 2, ends: /median \d+\.\d %/ },
  resnet: { args: ['--epochs', '2', '--first', '96', '--tests', '60'], count: 2, ends: /median \d+\.\d %/ },
  vae: { args: ['--epochs', '2', '--first', '400', '--file', picture], count: 2, ends: /cost \d+\.\d\d nats/ },
  gpt: { args: ['--data', 'examples/penguins.csv', '--steps', '8', '--length', '20'], count: 8, ends: /\d+\.\d{3} nats a character/ },
  lstm: { args: ['--data', 'examples/penguins.csv', '--steps', '16', '--length', '20'], count: 8, ends: /\d+\.\d{3} nats a character/ },
  names: { args: ['--data', 'LICENSE', '--epochs', '2', '--count', '3'], count: 2, ends: /\d+\.\d{3} nats a character/ },
}
const variants = {
  // Node 20 has the relaxed instructions behind a flag. Machines differ in how often they round there: so much may a loss be off.
  relaxed: { flags: process.versions.node.startsWith('20.') ? ['--experimental-wasm-relaxed-simd'] : [], off: 0.01 },
  baseline: { flags: ['--import', pathToFileURL('test/examples/deterministic.mjs').href], off: 0 },
}
const file = new URL('losses.json', import.meta.url)
const recorded = JSON.parse(readFileSync(file, 'utf8'))
const { values } = parseArgs({ options: { only: { type: 'string' }, write: { type: 'boolean', default: false } } })
const chosen = values.only?.split(',') ?? Object.keys(examples)

for (const name of chosen) {
  const { args, count, ends } = examples[name]
  for (const [variant, { flags, off }] of Object.entries(variants)) {
    const text = execFileSync(process.execPath, [...flags, `examples/${name}.mjs`, ...args], { encoding: 'utf8' })
    const losses = [...text.matchAll(/^(?:epoch|step) \d+ +loss ([\d.]+)/gm)].map(([, loss]) => Number(loss))
    if (losses.length !== count || !ends.test(text)) throw new Error(`${name}: this is not what it says at its end:\n${text}`)
    if (values.write) recorded[name] = { ...recorded[name], [variant]: losses }
    const wanted = recorded[name]?.[variant] ?? []
    if (!losses.every((loss, i) => Math.abs(loss - wanted[i]) <= off * wanted[i]))
      throw new Error(`${name} with ${variant} kernels: losses ${losses}, recorded are ${wanted}. If that is meant: --write`)
  }
}
if (chosen.includes('vae') && readFileSync(picture).subarray(0, 8).toString('latin1') !== '\x89PNG\r\n\x1a\n')
  throw new Error('the picture is no PNG')
if (values.write) writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`)
console.log('the examples of images and of texts learn as recorded')
