// The built library under test: dist/, or the folder that FLUXTAPE_DIST names. FUZZ_THREADS=2 has every job shared by so many threads, however small it
// is, and FUZZ_BASELINE=1 takes the other kernels.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const { FLUXTAPE_DIST = 'dist', FUZZ_THREADS, FUZZ_BASELINE } = process.env
const folder = FUZZ_THREADS ? finelyGrained(FLUXTAPE_DIST) : FLUXTAPE_DIST
const dist = `${pathToFileURL(resolve(folder)).href}/`
export const F = await import(new URL('fluxtape.js', dist))
export const { readIdx } = await import(new URL('datasets.js', dist))
/** `fluxtape/worker`. */
export const W = await import(new URL('in-worker.js', dist))
if (FUZZ_BASELINE) await F.configure({ deterministic: true })
if (FUZZ_THREADS) await F.threads(Number(FUZZ_THREADS))

/** Where files between the programs and PyTorch lie. */
export function scratch(name) {
  mkdirSync('build/fuzz', { recursive: true })
  return join('build/fuzz', `${name}-${process.pid}`)
}

/** A copy of the library that shares jobs of a nanosecond. */
function finelyGrained(from) {
  const to = scratch('dist')
  cpSync(from, to, { recursive: true })
  process.on('exit', () => rmSync(to, { recursive: true, force: true }))
  const file = join(to, 'fluxtape.js')
  let text = readFileSync(file, 'utf8')
  // HOT_GRAIN, COLD_GRAIN and CHUNK.least of src/wasm/pool.ts.
  for (const grain of [/\b8e3\b/g, /\b15e4\b/g, /(?<=\w\/)4e3(?=\))/g]) {
    if (!grain.test(text)) throw new Error(`${file} has no ${grain} any more`)
    text = text.replace(grain, '1')
  }
  writeFileSync(file, text)
  return to
}
