// `import text from './file.ts?source'`: the file, bundled and minified, as a string. rollup and vitest share it.
import { buildSync } from 'esbuild'

const SUFFIX = '?source'

export function source() {
  return {
    name: 'source',
    enforce: 'pre',
    async resolveId(id, importer) {
      if (!id.endsWith(SUFFIX)) return null
      const resolved = await this.resolve(id.slice(0, -SUFFIX.length), importer, { skipSelf: true })
      return resolved && resolved.id + SUFFIX
    },
    load(id) {
      if (!id.endsWith(SUFFIX)) return null
      return `export default ${JSON.stringify(bundled(id.slice(0, -SUFFIX.length)))}`
    },
  }
}

/** The text of a file with all that it imports. */
export function bundled(file) {
  const options = { bundle: true, minify: true, format: 'iife', target: 'es2022', write: false, legalComments: 'none' }
  return buildSync({ entryPoints: [file], ...options }).outputFiles[0].text
}
