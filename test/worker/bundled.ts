// A worker thread knows nothing of Vitest: what it runs is bundled with the library, from the sources or from dist/.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { afterAll } from 'vitest'
import { ENTRIES, specifier } from '../../tools/entries.mjs'
import { source } from '../../tools/source-plugin.mjs'

const onDist = process.env.FLUXTAPE_DIST !== undefined
const FOLDER = resolve(`test/worker/.built-${process.pid}`)
const load = source().load as (id: string) => string

const library: Plugin = {
  name: 'library',
  setup(build) {
    for (const entry of ENTRIES) {
      build.onResolve({ filter: new RegExp(`^${specifier(entry)}$`) }, () => ({
        path: resolve(onDist ? `dist/${entry.file}` : entry.source),
      }))
    }
    build.onResolve({ filter: /\?source$/ }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path), namespace: 'source' }))
    build.onLoad({ filter: /.*/, namespace: 'source' }, ({ path }) => ({ contents: load(path) }))
    build.onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
      contents: `export default () => new WebAssembly.Module(Uint8Array.from(atob('${readFileSync(path, 'base64')}'), c => c.charCodeAt(0)))`,
    }))
  },
}

/** The address of a module of this folder, or of one with this text, bundled. */
export async function bundled(name: string, text?: string): Promise<URL> {
  mkdirSync(FOLDER, { recursive: true })
  const outfile = resolve(FOLDER, name)
  await build({
    ...(text === undefined ? { entryPoints: [resolve('test/worker', name)] } : { stdin: { contents: text, resolveDir: FOLDER } }),
    outfile,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    define: { __GUARD__: String(!onDist), __VERSION__: '"0.0.0"' },
    plugins: [library],
    external: ['node:*'],
    // The package says that its modules do nothing when they are imported, which the bundle is made for, not the sources.
    ignoreAnnotations: true,
    logLevel: 'error',
  })
  return pathToFileURL(outfile)
}

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))
