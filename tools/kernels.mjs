// Compiles assembly/ into both wasm variants and makes, with abi.mjs, the typed wrappers that everything in src/ calls.
// Made files (build/*.wasm, src/wasm/kernels.generated.ts) are not committed; nothing is done while they are fresh.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import asc from 'assemblyscript/asc'
import { kernelsOf, runSource, traitsSource, wrapperSource } from './abi.mjs'
import { dotsSource } from './dots.mjs'
import { ruleNamesSource, rulesOf, rulesSource } from './rules.mjs'
import { tilesSource } from './tiles.mjs'

const wrappers = 'src/wasm/kernels.generated.ts'
/**
 * Instantiating a variant rewrites its static data in the shared memory, so each has a range of its own; the heap begins above. Both begin at a multiple
 * of 16 KiB from 16 KiB to 512 KiB: then addresses of the same data take three bytes in either variant, of which two are the same, and pack well.
 */
const variants = {
  baseline: { features: 'simd,threads', base: 32 * 1024, limit: 64 * 1024 },
  relaxed: { features: 'simd,threads,relaxed-simd', base: 64 * 1024, limit: 128 * 1024 },
}

writeIfChanged('assembly/gemm/tiles.generated.ts', tilesSource())
writeIfChanged('assembly/gemm/dots.generated.ts', dotsSource())
const rules = rulesOf('assembly/optimizer.ts')
writeIfChanged('assembly/optimizer.generated.ts', rulesSource(rules))
writeIfChanged('src/wasm/rules.generated.ts', ruleNamesSource(rules))
const kernels = kernelsOf('assembly/kernels.ts')
writeIfChanged('src/wasm/traits.generated.ts', traitsSource(kernels))
writeIfChanged('assembly/run.generated.ts', runSource(kernels))
const fingerprint = hash(['tools/kernels.mjs', 'tools/abi.mjs', 'package-lock.json', ...sources('assembly')])
const made = ['build/baseline.wasm', 'build/relaxed.wasm', wrappers]
if (read('build/kernels.hash') !== fingerprint || made.some(file => read(file) === undefined)) {
  mkdirSync('build', { recursive: true })
  for (const [name, variant] of Object.entries(variants)) await compile(name, variant)
  writeIfChanged(wrappers, wrapperSource(kernels, kernelsOf('assembly/index.ts')))
  writeFileSync('build/kernels.hash', fingerprint)
}

async function compile(name, { features, base, limit }) {
  const files = new Map()
  const { error, stderr } = await asc.main(
    [
      ...[
        'assembly/index.ts',
        '--outFile',
        `build/${name}.wasm`,
        '--runtime',
        'stub',
        '--optimizeLevel',
        '3',
        '--shrinkLevel',
        '1',
        '--noAssert',
      ],
      ...['--uncheckedBehavior', 'always', '--importMemory', '--noExportMemory', '--sharedMemory', '--zeroFilledMemory'],
      ...[
        '--initialMemory',
        '2',
        '--maximumMemory',
        '65535',
        '--memoryBase',
        String(base),
        '--enable',
        features,
        '--disableWarning',
        '235',
      ],
    ],
    { writeFile: (file, contents) => void files.set(file, contents) },
  )
  if (error) throw new Error(`asc: ${name}: ${error.message}\n${stderr.toString()}`)
  const binary = files.get(`build/${name}.wasm`)
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65535, shared: true })
  if (WebAssembly.validate(binary)) {
    const end = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } }).exports.staticEnd() >>> 0
    if (end > limit) throw new Error(`the static data of the ${name} variant ends at ${end}, above its limit ${limit}`)
  }
  writeFileSync(`build/${name}.wasm`, binary)
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
