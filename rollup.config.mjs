import { readFileSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import dts from 'rollup-plugin-dts'
import esbuild from 'rollup-plugin-esbuild'
import { minify as terser } from 'terser'
import { ENTRIES, SOURCES } from './tools/entries.mjs'
import { pack } from './tools/pack-plugin.mjs'
import { bundled, source } from './tools/source-plugin.mjs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))

const kernels = ['build/relaxed.wasm', 'build/baseline.wasm']

/**
 * Blanks and comments are left out and variables and inner functions get short names, while names of what is exported and of classes, which traces of
 * the stack show, lines of statements and what bundlers need to shake the rest out stay. A page may read a script in another charset: it is ASCII.
 */
const format = { preserve_annotations: true, semicolons: false, comments: false, ascii_only: true }
const compress = {
  ...{ keep_classnames: true, toplevel: true, passes: 2 },
  ...{ arrows: false, inline: 1, lhs_constants: false, reduce_funcs: false, side_effects: false, sequences: false },
}
const withoutBlanks = {
  name: 'without-blanks',
  async renderChunk(code) {
    const mangle = { keep_classnames: true, module: true }
    const result = await terser(exportedInPlace(withoutMarks(code)), { ecma: 2022, compress, mangle, format })
    // What stood between return and new comes out before both, where it says nothing.
    return { code: result.code.replaceAll(/\/\* @__PURE__ \*\/(?=return\b)/g, ''), map: null }
  },
}

/** Within functions nobody shakes out: what esbuild says of a `new Map` there says nothing. */
function withoutMarks(code) {
  return code.replace(/^ .*$/gm, line => line.replace(/\/\* @__PURE__ \*\/ (?=new (?:Weak)?(?:Map|Set)\b)/g, ''))
}

/**
 * Where a name is declared it is exported, instead of in the list at the end: so every name is written once, and variables within functions that have the
 * name of an export can be shortened.
 */
function exportedInPlace(code) {
  const list = /\nexport \{([^}]*)\};?\s*$/.exec(code)
  if (!list) return code
  const names = new Set(list[1].split(',').map(name => name.trim()))
  const placed = code.slice(0, list.index).replace(/^(?:async )?(?:function\*?|class|const|let) ([\w$]+)/gm, (declared, name) => {
    return names.delete(name) ? `export ${declared}` : declared
  })
  return `${placed}\nexport { ${[...names].join(', ')} };\n`
}

const plugins = minify => [
  source(),
  pack(...kernels),
  esbuild({ target: 'es2022', define: { __GUARD__: 'false', __VERSION__: JSON.stringify(version) }, minify }),
  withoutBlanks,
]

/** What the files of the datasets and of workers have of their own, none of it twice; the rest they take from the library's public API. */
const OWN = [
  'src/datasets',
  'src/remote',
  'src/mpi',
  'src/tensor/realm.ts',
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

const dist = file => `dist/${file}`
/** What stands in the library is taken from there. */
const around = ({ library }) => (library ? [fromLibrary(`./${library}`)] : [])

const modules = ENTRIES.map(entry => ({
  input: entry.source,
  plugins: [...around(entry), ...plugins(false), ...(entry.subpath === '.' ? [plainFiles] : [])],
  output: { file: dist(entry.file), format: 'es', freeze: false },
}))
const scripts = ENTRIES.filter(({ global }) => global).map(entry => ({
  input: entry.source,
  // The second time names are given by how often they come now: 0.8 KB less.
  plugins: [...around(entry), ...plugins(true), withoutBlanks],
  output: {
    ...entry.global,
    file: dist(entry.global.file),
    freeze: false,
    ...(entry.library && { globals: { [`./${entry.library}`]: 'fluxtape' } }),
  },
}))
const types = SOURCES.map(entry => ({
  input: entry.source,
  plugins: [...around(entry), ...(entry.library || entry.subpath === '.' ? [] : [typesOfLibrary]), dts()],
  output: { file: dist(entry.types), format: 'es', banner },
}))

export default [...modules, ...scripts, ...types]
