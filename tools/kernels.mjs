// Compiles assembly/ into the relaxed wasm variant, of which it makes the baseline, and, with abi.mjs, the typed wrappers that everything in src/ calls.
// Made files (build/*.wasm, src/wasm/kernels.generated.ts) are not committed; nothing is done while they are fresh.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'
import binaryen from 'binaryen'
import { kernelsOf, runSource, traitsSource, wrapperSource } from './abi.mjs'
import { dotsSource } from './dots.mjs'
import { lowered, lowerings } from './packing/lower.mjs'
import { ruleNamesSource, rulesOf, rulesSource } from './rules.mjs'
import { tilesSource } from './tiles.mjs'

const wrappers = 'src/wasm/kernels.generated.ts'
/**
 * Static data begin at a multiple of 16 KiB from 16 KiB to 512 KiB: then addresses of the same data take three bytes of which two are the same, and pack
 * well. The heap begins above (src/wasm/memory.ts). Both variants have them in one place: nothing is written there, so that instantiating the other one
 * changes nothing.
 */
const BASE = 64 * 1024
const LIMIT = 128 * 1024

writeIfChanged('assembly/gemm/tiles.generated.ts', tilesSource())
writeIfChanged('assembly/gemm/dots.generated.ts', dotsSource())
const rules = rulesOf('assembly/optimizer.ts')
writeIfChanged('assembly/optimizer.generated.ts', rulesSource(rules))
writeIfChanged('src/wasm/rules.generated.ts', ruleNamesSource(rules))
const kernels = kernelsOf('assembly/kernels.ts')
writeIfChanged('src/wasm/traits.generated.ts', traitsSource(kernels))
writeIfChanged('assembly/run.generated.ts', runSource(kernels))
const fingerprint = hash(['tools/kernels.mjs', 'tools/abi.mjs', 'tools/packing/lower.mjs', 'package-lock.json', ...sources('assembly')])
const made = ['build/baseline.wasm', 'build/relaxed.wasm', wrappers]
if (read('build/kernels.hash') !== fingerprint || made.some(file => read(file) === undefined)) {
  mkdirSync('build', { recursive: true })
  await compile()
  writeIfChanged(wrappers, wrapperSource(kernels, kernelsOf('assembly/index.ts')))
  writeFileSync('build/kernels.hash', fingerprint)
}

/** The relaxed variant as it is compiled, and the baseline made of it. */
async function compile() {
  const files = new Map()
  const { error, stderr } = await asc.main(
    [
      ...[
        'assembly/index.ts',
        '--outFile',
        'kernels.wasm',
        '--runtime',
        'stub',
        '--optimizeLevel',
        '3',
        '--shrinkLevel',
        '1',
        '--noAssert',
      ],
      ...['--uncheckedBehavior', 'always', '--importMemory', '--noExportMemory', '--sharedMemory', '--zeroFilledMemory'],
      ...['--initialMemory', '2', '--maximumMemory', '65535', '--memoryBase', String(BASE)],
      ...['--enable', 'simd,threads,relaxed-simd', '--disableWarning', '235'],
    ],
    { writeFile: (file, contents) => void files.set(file, contents) },
  )
  if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`)
  const relaxed = files.get('kernels.wasm')
  const baseline = lowered(relaxed)
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65535, shared: true })
  const { staticEnd, isRelaxed } = new WebAssembly.Instance(new WebAssembly.Module(baseline), { env: { memory } }).exports
  const end = staticEnd() >>> 0
  if (end > LIMIT) throw new Error(`the static data end at ${end}, above the limit ${LIMIT}`)
  if (isRelaxed()) throw new Error('the baseline takes itself for the relaxed variant')
  if (countOf(relaxed) !== lowerings(relaxed)) throw new Error('what lower.mjs takes for relaxed instructions are others, or not all')
  writeFileSync('build/relaxed.wasm', relaxed)
  writeFileSync('build/baseline.wasm', baseline)
}

/** How many relaxed instructions there are. */
function countOf(bytes) {
  const module = binaryen.readBinary(bytes)
  const count = module.emitText().match(/relaxed_\w+/g).length
  module.dispose()
  return count
}

function sources(folder) {
  return readdirSync(folder, { recursive: true })
    .filter(file => file.endsWith('.ts'))
    .sort()
    .map(file => join(folder, file))
}

function hash(files) {
  const digest = createHash('sha256')
  for (const file of files) digest.update(file).update(read(file) ?? '')
  return digest.digest('hex')
}

function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function writeIfChanged(file, text) {
  if (read(file) !== text) writeFileSync(file, text)
}
