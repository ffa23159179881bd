// Random networks, recurrent layers, attention, losses and operations on images with V8's wide vectors and without, in two processes: the same bits. `node wide.mjs SEED MOST`.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { failed, finish, seeds } from './findings.mjs'

const node = new URL('../runtimes/node_modules/node26/bin/node', import.meta.url).pathname
const { FLUXTAPE_DIST = 'dist' } = process.env
const families = ['networks', 'recurrent', 'attention', 'losses', 'vision']
/** Programs of a process: in the first ones functions are not yet compiled for speed. */
const TOGETHER = 150

if (!existsSync(node)) {
  console.log('wide: left out, for Node 26 is not here')
  process.exit(0)
}

/** What programs from `seed` on gave: their lines by seed, in a process that ended well. */
function linesOf(family, seed, args) {
  return new Promise((resolve, reject) => {
    const program = new URL(`${family}.mjs`, import.meta.url).pathname
    const env = { ...process.env, FUZZ_BITS: '1', FUZZ_SECONDS: '600' }
    const child = spawn(node, [...args, program, String(seed), String(TOGETHER)], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', data => {
      text += data
    })
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve([...text.split('\n').filter(line => line.startsWith('bits ')), `ended with ${signal ?? code}`]),
    )
  })
}

const wide = ['--import', new URL(`${FLUXTAPE_DIST}/wide.js`, `file://${process.cwd()}/`).href]
let tried = 0
for (const seed of seeds()) {
  const family = families[tried++ % families.length]
  const from = 1 + seed * TOGETHER
  const [narrow, joined] = [await linesOf(family, from, []), await linesOf(family, from, wide)]
  const other = narrow.findIndex((line, i) => line !== joined[i])
  if (other >= 0) failed(seed, `${family}: other bits with wide vectors`, `${narrow[other]}\n${joined[other]}`)
}
finish()
