import { readFileSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { wasm } from '@rollup/plugin-wasm'
import dts from 'rollup-plugin-dts'
import esbuild from 'rollup-plugin-esbuild'
import { minify as terser } from 'terser'
import { pack } from './tools/pack-plugin.mjs'
import { bundled, source } from './tools/source-plugin.mjs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

const kernels = ['build/relaxed.wasm', 'build/baseline.wasm']

/**
 * Blanks and comments are left out and variables of functions get short names, while names of functions and classes, which traces of the stack
 * show, lines of statements and what bundlers need to shake the rest out stay.
 */
const format = { preserve_annotations: true, semicolons: false, comments: false }
const names = { keep_fnames: true, keep_classnames: true, module: false, toplevel: false }
const compress = { ...names, arrows: false, inline: 0, reduce_funcs: false, side_effects: false, passes: 1 }
const withoutBlanks = {
  name: 'without-blanks',
  async renderChunk(code) {
    const result = await terser(code, { ecma: 2022, compress, mangle: names, format })
    // What stood between return and new comes out before both, where it says nothing.
    return { code: result.code.replaceAll(/\/\* @__PURE__ \*\/(?=return\b)/g, ''), map: null }
  },
}

const plugins = minify => [
  source(),
  wasm({ sync: kernels, targetEnv: 'auto-inline' }),
  pack(kernels),
  esbuild({ target: 'es2022', define: { __GUARD__: 'false', __VERSION__: JSON.stringify(version) }, minify }),
  ...(minify ? [] : [withoutBlanks]),
]

/** What the file of the datasets has of its own, all of it without state; the rest it takes from the library's public API. */
const OWN = [
  'src/datasets',
  'src/io/idx.ts',
  'src/io/bytes.ts',
  'src/io/inflate.ts',
  'src/io/stored.ts',
  'src/tensor/shape.ts',
  'src/words.ts',
].map(path => resolve(path))
const fromLibrary = library => ({
  name: 'from-library',
  resolveId(id, importer) {
    if (!importer || OWN.some(path => resolve(dirname(importer), id).startsWith(path))) return null
    return { id: library, external: true, moduleSideEffects: false }
  },
})

/** The types of the entries are the same ones, so that code of one may be used with the other. */
const typesOfLibrary = {
  name: 'types-of-library',
  resolveId: (id, importer) => (importer && /\/(index|module)\.ts$/.test(id) ? { id: './fluxtape.js', external: true } : null),
}

/** The kernels and the worker as files, for who may not compile or start what is inlined. */
const plainFiles = {
  name: 'plain-files',
  generateBundle() {
    for (const path of kernels) this.emitFile({ type: 'asset', fileName: path.replace('build/', ''), source: readFileSync(path) })
    this.emitFile({ type: 'asset', fileName: 'worker.js', source: bundled('src/wasm/worker.ts') })
  },
}

// Tensors are Disposable, which the libraries of ES2022 do not know.
const banner = '/// <reference lib="esnext.disposable" />'

// What an earlier build left must not be packed.
rmSync('dist', { recursive: true, force: true })

export default [
  { input: 'src/fluxtape.ts', plugins: [...plugins(false), plainFiles], output: { file: 'dist/fluxtape.js', format: 'es' } },
  { input: 'src/fluxtape.ts', plugins: plugins(true), output: { file: 'dist/fluxtape.global.js', format: 'umd', name: 'fluxtape' } },
  { input: 'src/edge.ts', plugins: plugins(false), output: { file: 'dist/edge.js', format: 'es' } },
  ...['fluxtape', 'edge'].map(name => ({
    input: 'src/datasets.ts',
    plugins: [fromLibrary(`./${name}.js`), ...plugins(false)],
    output: { file: name === 'edge' ? 'dist/edge-datasets.js' : 'dist/datasets.js', format: 'es' },
  })),
  {
    input: 'src/datasets.ts',
    plugins: [fromLibrary('./fluxtape.js'), ...plugins(true)],
    output: { file: 'dist/datasets.global.js', format: 'iife', name: 'fluxtape.datasets', globals: { './fluxtape.js': 'fluxtape' } },
  },
  { input: 'src/fluxtape.ts', plugins: [dts()], output: { file: 'dist/fluxtape.d.ts', format: 'es', banner } },
  { input: 'src/edge.ts', plugins: [typesOfLibrary, dts()], output: { file: 'dist/edge.d.ts', format: 'es', banner } },
  {
    input: 'src/datasets.ts',
    plugins: [fromLibrary('./fluxtape.js'), dts()],
    output: { file: 'dist/datasets.d.ts', format: 'es', banner },
  },
]
