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
      const options = { bundle: true, minify: true, format: 'iife', target: 'es2022', write: false, legalComments: 'none' }
      const [{ text }] = buildSync({ entryPoints: [id.slice(0, -SUFFIX.length)], ...options }).outputFiles
      return `export default ${JSON.stringify(text)}`
    },
  }
}
