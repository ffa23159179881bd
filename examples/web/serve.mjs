// Serves this folder, the built library and the plotting library on this machine: `npm run web`, after `npm run build`.
// The two isolation headers let the page share memory with its workers; `--no-isolation` leaves them out, to see it train on one thread.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const HOME = '/examples/web/'
const FOLDERS = [join('examples', 'web'), 'dist', join('node_modules', 'uplot', 'dist')].map(folder => folder + sep)
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' }

/** Listens on localhost; port 0 takes any that is free. Resolves to the page's address and a function that ends it. */
export async function serve({ port = 0, isolated = true } = {}) {
  const headers = {
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(isolated && {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cross-Origin-Resource-Policy': 'same-origin',
    }),
  }
  const server = createServer(async (request, response) => {
    const answer = (status, more, body) => response.writeHead(status, { ...headers, ...more }).end(body)
    const path = pathOf(request.url)
    if (path === '/') return answer(302, { Location: HOME })
    try {
      const file = normalize((path.endsWith('/') ? `${path}index.html` : path).slice(1))
      if (!FOLDERS.some(folder => file.startsWith(folder))) throw new Error('outside')
      const body = await readFile(join(ROOT, file))
      answer(200, { 'Content-Type': `${TYPES[extname(file)] ?? 'application/octet-stream'}; charset=utf-8` }, body)
    } catch {
      answer(404, { 'Content-Type': 'text/plain' }, `There is no ${path} here.\n`)
    }
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, 'localhost', resolve))
  return {
    address: `http://localhost:${server.address().port}${HOME}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function pathOf(url) {
  try {
    return decodeURIComponent(new URL(url, 'http://localhost').pathname)
  } catch {
    return '/malformed'
  }
}

/** What has to be there first, as a sentence; undefined if all is. */
export function missing() {
  if (!existsSync(join(ROOT, 'dist', 'fluxtape.js'))) return 'The library is not built: npm run build.'
  if (!existsSync(join(ROOT, 'node_modules', 'uplot'))) return 'The plotting library is not installed: npm install.'
  return undefined
}

async function main() {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '8080' }, 'no-isolation': { type: 'boolean' } } })
  const problem = missing()
  if (problem) throw new Error(problem)
  const options = { port: Number(values.port), isolated: !values['no-isolation'] }
  const { address } = await serve(options).catch(error => {
    if (error.code !== 'EADDRINUSE') throw error
    return serve({ ...options, port: 0 })
  })
  console.log(`${address}\n${address}script-tag.html\nCtrl+C ends it.`)
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  main().catch(error => {
    console.error(error.message)
    process.exitCode = 1
  })
}
