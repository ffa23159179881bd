// Two origins that serve one folder. The first part of a path names the headers that everything under it gets: /isolated/dist/fluxtape.js.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' }
const isolation = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
const policy = directives => ({ ...isolation, 'Content-Security-Policy': `default-src 'self'; ${directives}` })

/** The headers by the first part of the path. */
export const headers = {
  plain: {},
  isolated: isolation,
  /** The strictest policy under which everything works. */
  strict: policy("script-src 'self' 'wasm-unsafe-eval'; worker-src blob:"),
  /** No wasm. */
  forbidden: policy("script-src 'self'; worker-src blob:"),
  /** No workers from a blob. */
  workerless: policy("script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'"),
  /** The strictest policy under which fluxtape/edge works: nothing is made from text. */
  strictest: policy("script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'"),
  /** What a content delivery network sends. */
  cdn: { 'Cross-Origin-Resource-Policy': 'cross-origin', 'Access-Control-Allow-Origin': '*' },
}

/**
 * Starts the servers on free ports.
 * @param {string} root the folder
 * @param {(id: string, message: any) => void} onReport called with what pages post to /report?id
 * @returns {Promise<{ home: string, other: string, close: () => void }>} the two origins
 */
export async function serve(root, onReport) {
  const servers = [0, 1].map(() => createServer((request, response) => answer(root, onReport, request, response)))
  await Promise.all(servers.map(server => new Promise(resolve => server.listen(0, '127.0.0.1', resolve))))
  const [home, other] = servers.map(server => `http://127.0.0.1:${server.address().port}`)
  const close = () => {
    for (const server of servers) {
      server.close()
      server.closeAllConnections()
    }
  }
  return { home, other, close }
}

async function answer(root, onReport, request, response) {
  const { pathname, search } = new URL(request.url, 'http://localhost')
  if (pathname === '/report') {
    let body = ''
    for await (const piece of request) body += piece
    onReport(search.slice(1), JSON.parse(body))
    response.writeHead(204).end()
    return
  }
  const [, kind, ...rest] = pathname.split('/')
  try {
    const file = normalize(join(root, ...rest))
    if (!headers[kind] || !file.startsWith(root)) throw new Error(`no ${pathname}`)
    const content = await readFile(file)
    response.writeHead(200, {
      ...headers[kind],
      'Content-Type': types[extname(file)] ?? 'application/octet-stream',
      'Cache-Control': 'no-store',
    })
    response.end(content)
  } catch {
    response.writeHead(404).end()
  }
}
