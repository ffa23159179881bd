import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { delimiter, join, resolve } from 'node:path'

const program = `import { Adam, accuracy, Chain, DataLoader, Dense, logitCrossEntropy, params, relu, train } from 'fluxtape'
import { digits } from 'fluxtape/datasets'

const { train: trainSet, test: testSet } = digits()
const model = Chain(Dense(64, 32, relu), Dense(32, 10))
const loss = (x, y) => logitCrossEntropy(model(x), y)
const data = new DataLoader(trainSet, { batchSize: 64, shuffle: true, seed: 1 })
await train(loss, params(model), data, Adam(3e-3), { epochs: 10 })
console.log(accuracy(model, testSet))
`
const local = (folder, name) => resolve(folder, 'node_modules/.bin', name)
const bun = local('test/runtimes', 'bun')
const deno = local('test/runtimes', 'deno')
const managers = [
  { name: 'npm', install: ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'], run: ['node', 'train.mjs'] },
  { name: 'pnpm', install: [local('test/package', 'pnpm'), 'install', '--ignore-scripts'], run: ['node', 'train.mjs'] },
  { name: 'Bun', install: [bun, 'install', '--ignore-scripts'], run: [bun, 'train.mjs'] },
  // Deno runs no scripts unless told to, and grants nothing without being asked.
  { name: 'Deno', install: [deno, 'install'], run: [deno, 'run', '--no-prompt', '--cached-only', 'train.mjs'] },
]

/** One check a package manager: it installs the tarball from a registry of one package, and the program learns the digits. */
export function installs(scratch, tarball, manifest) {
  return managers.map(manager => [`installs and trains with ${manager.name}`, () => trains(manager, scratch, tarball, manifest)])
}

async function trains({ name, install, run }, scratch, tarball, manifest) {
  for (const [command] of [install, run]) {
    if (command.startsWith('/') && !existsSync(command))
      throw new Error(`${command} is not there: npm ci --prefix ${command.split('/node_modules')[0]}`)
  }
  const folder = join(scratch, name)
  mkdirSync(folder)
  const { version } = manifest
  const app = { name: 'app', private: true, type: 'module', dependencies: { fluxtape: version } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(app))
  writeFileSync(join(folder, 'train.mjs'), program)
  const registry = await serve(readFileSync(tarball), manifest)
  try {
    const address = `http://localhost:${registry.address().port}/`
    const env = { ...environment(folder), npm_config_registry: address, NPM_CONFIG_REGISTRY: address }
    await command(install, folder, env)
    const reached = Number(await command(run, folder, env))
    if (!(reached > 0.9)) throw new Error(`accuracy ${reached}`)
    return `accuracy ${reached.toFixed(3)}`
  } finally {
    registry.close()
    registry.closeAllConnections()
  }
}

/** Caches of its own, so that nothing comes from an earlier run; npm's settings of the script that runs this are not handed on. */
function environment(folder) {
  const inherited = Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key))
  const caches = {
    npm_config_cache: 'npm',
    npm_config_store_dir: 'store',
    BUN_INSTALL_CACHE_DIR: 'bun',
    DENO_DIR: 'deno',
    XDG_CACHE_HOME: 'cache',
  }
  const own = Object.entries(caches).map(([key, name]) => [key, join(folder, 'caches', name)])
  const path = process.env.PATH.split(delimiter).filter(entry => !entry.includes('node_modules'))
  return { ...Object.fromEntries([...inherited, ...own]), PATH: path.join(delimiter), NO_COLOR: '1' }
}

/** A registry that has one version of one package. */
function serve(tarball, manifest) {
  const { name, version } = manifest
  const path = `/${name}/-/${name}-${version}.tgz`
  const server = createServer((request, response) => {
    if (request.url === path) return response.end(tarball)
    if (request.url !== `/${name}`) return response.writeHead(404).end('{}')
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`
    const dist = { tarball: `http://localhost:${server.address().port}${path}`, integrity }
    const { devDependencies: _, ...published } = manifest
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: { ...published, dist } } }))
  })
  return new Promise(done => server.listen(0, () => done(server)))
}

/** What a command prints; rejects with all that it said if it fails. */
function command([file, ...args], cwd, env) {
  return new Promise((done, fail) => {
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000 })
    let [out, all] = ['', '']
    child.stdout.on('data', text => {
      out += text
      all += text
    })
    child.stderr.on('data', text => (all += text))
    child.on('error', fail)
    child.on('close', code => (code === 0 ? done(out) : fail(new Error(`${file} ${args.join(' ')}: ${code}\n${all}`))))
  })
}
