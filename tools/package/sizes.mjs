import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'
import { rollup } from 'rollup'
import { ENTRIES, HELLO } from '../entries.mjs'

const KB = 1000
const library = resolve('dist/fluxtape.js')
const hello = `import { Dense, tensor } from ${JSON.stringify(library)}
console.log(Dense(2, 1)(tensor([[1, 2]])).toArray())
`
/** What a program that has one Dense does not carry: what these files export, but for what Dense is made of. */
const SHAKEN = /^\.\/(autodiff|data|io|nn|optimizers|train)\//
const NEEDED = ['Dense', 'layer', 'glorotUniform', 'keep', 'scope']

/** One check a budget: gzipped bytes, both variants of the kernels included and the datasets not. */
export function sizes(scratch) {
  return [
    ...ENTRIES.filter(({ limit }) => limit).flatMap(({ file, global, limit }) =>
      [file, global?.file].filter(Boolean).map(each => [`size of ${each}`, () => within(readFileSync(`dist/${each}`), limit)]),
    ),
    ['size of a hello-world of one Dense, bundled by esbuild', () => within(bundled(true), HELLO)],
    ['size of a hello-world of one Dense, bundled by rollup', async () => within(minified(await rolledUp(scratch)), HELLO)],
  ]
}

/** Looks for the declarations in the unminified bundle. */
export function shakesOut() {
  const text = bundled(false).toString()
  const declared = new Set(Array.from(text.matchAll(/^(?:async )?(?:function|class|var|let|const) ([\w$]+)/gm), ([, name]) => name))
  const [, list] = readFileSync(library, 'utf8').match(/export ?\{([^}]*)\};?\s*$/)
  const local = new Map(Array.from(list.matchAll(/([^\s,]+)(?: as (\w+))?(?:,|\s*$)/g), ([, name, exported = name]) => [exported, name]))
  const left = exportsOf(SHAKEN).filter(name => declared.has(local.get(name)) && !NEEDED.includes(name))
  if (left.length > 0) throw new Error(`${left.join(', ')} stay: mark top-level calls /* @__PURE__ */`)
}

function within(content, limit) {
  const size = gzipSync(content, { level: 9 }).length
  const note = `${(size / KB).toFixed(1)} KB gzipped of ${limit / KB} KB`
  if (size > limit) throw new Error(note)
  return note
}

function bundled(minify) {
  const stdin = { contents: hello, resolveDir: process.cwd() }
  return Buffer.from(buildSync({ stdin, bundle: true, minify, format: 'esm', write: false }).outputFiles[0].contents)
}

async function rolledUp(scratch) {
  const input = join(scratch, 'hello.mjs')
  writeFileSync(input, hello)
  const bundle = await rollup({
    input,
    onwarn(warning) {
      throw new Error(warning.message)
    },
  })
  const { output } = await bundle.generate({ format: 'es' })
  return output[0].code
}

function minified(contents) {
  return Buffer.from(buildSync({ stdin: { contents }, minify: true, format: 'esm', write: false }).outputFiles[0].contents)
}

/** The values that src/index.ts exports from the files that match. */
function exportsOf(files) {
  const statements = readFileSync('src/index.ts', 'utf8').matchAll(/^export \{([^}]*)\} from '([^']*)'/gm)
  return Array.from(statements, ([, names, file]) => (files.test(file) ? names.split(',').map(name => name.trim()) : []))
    .flat()
    .filter(name => /^\w+$/.test(name))
}
