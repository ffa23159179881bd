// One small app a bundler, with nothing configured but where it begins and ends. Each builder gets a folder with the sources of the app and
// gives the address at which it is served, how to end that, and whether the page may share memory.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build as esbuild } from 'esbuild'
import { rollup } from 'rollup'
import { createServer, build as vite } from 'vite'
import webpack from 'webpack'
import { headers, serve } from './server.mjs'

const here = dirname(fileURLToPath(import.meta.url))
/** Bundlers that know no workers build all files, side by side, as the page finds them. */
const entries = ['main.js', 'worker.js', 'served.js']
const withPage = async folder => {
  cpSync(join(folder, 'index.html'), join(folder, 'dist/index.html'))
  return serve(join(folder, 'dist'))
}

export const apps = {
  async Vite(folder) {
    await vite({ root: folder, logLevel: 'error' })
    return serve(join(folder, 'dist'))
  },

  async 'Vite, developing'(folder) {
    const server = await createServer({ root: folder, logLevel: 'error', server: { port: 0, host: '127.0.0.1', headers } })
    await server.listen()
    return { address: `http://127.0.0.1:${server.httpServer.address().port}/`, close: () => server.close(), isIsolated: true }
  },

  async webpack(folder) {
    const compiler = webpack({ mode: 'production', context: folder, entry: './main.js', output: { path: join(folder, 'dist') } })
    await new Promise((done, fail) =>
      compiler.run((error, stats) => (error || stats.hasErrors() ? fail(error ?? new Error(stats.toString('errors-only'))) : done())),
    )
    return withPage(folder)
  },

  async esbuild(folder) {
    const entryPoints = entries.map(name => join(folder, name))
    await esbuild({ entryPoints, bundle: true, minify: true, format: 'esm', outdir: join(folder, 'dist'), logLevel: 'error' })
    return withPage(folder)
  },

  async Rollup(folder) {
    const bundle = await rollup({ input: entries.map(name => join(folder, name)), plugins: [nodeResolve()] })
    await bundle.write({ dir: join(folder, 'dist'), format: 'es' })
    return withPage(folder)
  },

  async 'Next.js'(folder) {
    mkdirSync(join(folder, 'app'))
    for (const name of ['layout.js', 'page.js']) cpSync(join(folder, 'next', name), join(folder, 'app', name))
    for (const name of ['learn.js', 'start.js', 'worker.js', 'served.js']) cpSync(join(folder, name), join(folder, 'app', name))
    await command('next', ['build'], folder).ended
    const { child, ready } = command('next', ['start', '--port', '0', '--hostname', '127.0.0.1'], folder)
    const address = await ready()
    return { address, close: () => child.kill(), isIsolated: false }
  },
}

/** Runs one of the tools: `ended` when it is done, `ready()` with the address that it prints. */
function command(name, args, cwd) {
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production', CI: '1' }
  const child = spawn(process.execPath, [join(here, `node_modules/${name}/dist/bin/${name}`), ...args], { cwd, env })
  let said = ''
  const hears = told => text => {
    said += text
    const [address] = said.match(/http:\/\/127\.0\.0\.1:\d+/) ?? []
    if (address) told(address)
  }
  const ready = new Promise(told => {
    child.stdout.on('data', hears(told))
    child.stderr.on('data', hears(told))
  })
  const ended = new Promise((done, fail) => {
    child.on('error', fail)
    child.on('close', code => (code === 0 ? done() : fail(new Error(`${name} ${args.join(' ')}: ${code}\n${said}`))))
  })
  return { child, ended, ready: () => Promise.race([ready, ended.then(() => ready)]) }
}
