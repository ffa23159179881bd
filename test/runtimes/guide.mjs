// The programs of docs/edge.md as files, so that the runtimes they are written for run them as they stand.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const text = readFileSync(new URL('../../docs/edge.md', import.meta.url), 'utf8')

/** @param {string} root the folder with dist/ and pages/ */
export function layOutGuide(root) {
  const folder = join(root, 'pages/guide')
  mkdirSync(join(folder, 'fluxtape'), { recursive: true })
  for (const name of ['edge.js', 'baseline.wasm', 'relaxed.wasm', 'worker.js']) {
    cpSync(join(root, 'dist', name), join(folder, 'fluxtape', name))
  }
  for (const kind of ['cloudflare', 'page']) {
    const code = new RegExp(`\`\`\`js ${kind}\\n([\\s\\S]*?)\`\`\``).exec(text)[1]
    writeFileSync(join(folder, `${kind}.mjs`), code)
  }
}
