// Runs the suite in workerd, the runtime of Cloudflare Workers: it compiles no wasm and has no threads, but takes modules.
import { spawn } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

/** How long it may take to answer, in milliseconds. */
const PATIENCE = 120_000

/**
 * @param {import('./runtimes.mjs').Runtime} runtime
 * @param {string} root the folder with dist/ and suite/
 * @param {object} place
 * @param {object} options of the suite
 * @returns {Promise<import('./suite.mjs').Result>}
 */
export async function runInWorkerd(runtime, root, place, options) {
  const port = await freePort()
  const config = join(root, 'workerd.capnp')
  writeFileSync(config, configuration(port, place.where === 'guide' ? guideModules() : suiteModules(root)))
  const child = spawn(runtime.command, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', data => {
    errors += data
  })
  const end = new Promise((_, reject) =>
    child.on('error', reject).on('exit', code => reject(new Error(`workerd ended with ${code}: ${errors}`))),
  )
  try {
    const answer = await Promise.race([end, ask(`http://127.0.0.1:${port}`, options)])
    return place.where === 'guide' ? judged(answer) : answer
  } finally {
    end.catch(() => {})
    child.kill('SIGKILL')
  }
}

async function ask(address, options) {
  const deadline = performance.now() + PATIENCE
  for (;;) {
    try {
      const signal = AbortSignal.timeout(PATIENCE)
      const response = await fetch(address, { method: 'POST', body: JSON.stringify(options), signal })
      const text = await response.text()
      if (!response.ok) throw new Error(text)
      return JSON.parse(text)
    } catch (error) {
      const isStarting = error.cause?.code === 'ECONNREFUSED' && performance.now() < deadline
      if (!isStarting) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

/** The suite and the library, each module by its file's name: there is no file system. The first one is the Worker. */
function suiteModules(root) {
  const files = ['dist', 'suite'].flatMap(folder => readdirSync(join(root, folder), { recursive: true }).map(name => `${folder}/${name}`))
  const wanted = files.filter(name => /^dist\/(edge.*\.js|baseline\.wasm)$|^suite\/(\w+|cases\/\w+)\.mjs$/.test(name))
  return ['suite/entries/workerd.mjs', ...wanted].map(name => [name, name])
}

/** The Worker of docs/edge.md, and what it imports. */
function guideModules() {
  return [
    ['worker.mjs', 'pages/guide/cloudflare.mjs'],
    ['fluxtape/edge', 'dist/edge.js'],
    ['fluxtape/baseline.wasm', 'dist/baseline.wasm'],
  ]
}

function judged({ loss }) {
  const failures = loss < 1e-3 ? [] : [`the loss of the guide's Worker is ${loss}`]
  return { passed: 1 - failures.length, failed: failures.length, failures, variant: 'baseline', threads: 1, hashes: {} }
}

function configuration(port, modules) {
  const listed = modules.map(([name, file]) => `(name = "${name}", ${file.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${file}")`)
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
const main :Workerd.Worker = (modules = [${listed.join(', ')}], compatibilityDate = "2026-11-01");
`
}

async function freePort() {
  const server = createServer()
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise(resolve => server.close(resolve))
  return port
}
