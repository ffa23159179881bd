// Is the package fit to publish? Builds it again elsewhere and compares, packs it, and looks at the tarball: what is in it, what publint and
// attw say, how large it is and what shakes out, and whether it installs and trains with every package manager.
// `npm run check:package` after `npm run build`; the tools come with `npm ci --prefix test/package` and `npm ci --prefix test/runtimes`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ASSETS, BUILT } from './entries.mjs'
import { builtAlike } from './package/builds.mjs'
import { globalsServe } from './package/globals.mjs'
import { installs } from './package/installs.mjs'
import { linksResolve } from './package/links.mjs'
import { shakesOut, sizes } from './package/sizes.mjs'
import { typesHaveNames, typesServe } from './package/types.mjs'

const CONTENTS = [
  ...['CHANGELOG.md', 'CREDITS.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'],
  ...BUILT.map(file => `dist/${file}`),
  ...execFileSync('git', ['ls-files', 'bin', 'docs', 'examples'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .filter(file => !file.startsWith('examples/web/')),
]
const scratch = mkdtempSync(join(tmpdir(), 'fluxtape-package-'))
const tool = name => resolve('test/package/node_modules/.bin', name)
const run = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const [packed] = JSON.parse(run('npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', scratch))
const tarball = join(scratch, packed.filename)
const manifest = JSON.parse(readFileSync('package.json', 'utf8'))

const checks = [
  ['two builds give the same bytes', () => builtAlike(scratch)],
  ['carries what is needed and no more', contains],
  ['links lead to what the package has', () => linksResolve(packed.files.map(({ path }) => path))],
  ['depends on nothing and runs nothing when installed', isQuiet],
  ['publint', () => void run(tool('publint'), 'run', tarball, '--strict')],
  ['attw', () => void run(tool('attw'), tarball, '--profile', 'esm-only', '--exclude-entrypoints', ...ASSETS)],
  ['types compile what they should, and nothing else', () => typesServe(scratch, tarball)],
  ['types have names', typesHaveNames],
  ['script tags make their globals', globalsServe],
  ...sizes(scratch),
  ['layers, losses, rules, data and files shake out', () => shakesOut()],
  ...installs(scratch, tarball, manifest),
]

let failed = 0
for (const [name, check] of checks) {
  const start = performance.now()
  try {
    const note = await check()
    console.log(`ok      ${name}${note ? `: ${note}` : ''} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failed++
    console.log(`FAILED  ${name}: ${[error.message, error.stdout, error.stderr].filter(Boolean).join('\n')}`)
  }
}
rmSync(scratch, { recursive: true, force: true })
console.log(`${checks.length - failed} passed, ${failed} failed`)
if (failed > 0) process.exit(1)

function contains() {
  const paths = packed.files.map(({ path }) => path).sort()
  const extra = paths.filter(path => !CONTENTS.includes(path))
  const missing = CONTENTS.filter(path => !paths.includes(path))
  if (extra.length + missing.length > 0)
    throw new Error(`not expected: ${extra.join(', ') || 'none'}; missing: ${missing.join(', ') || 'none'}`)
  return `${paths.length} files, ${Math.round(packed.size / 1000)} KB packed`
}

function isQuiet() {
  const dependencies = ['dependencies', 'optionalDependencies', 'bundledDependencies'].filter(key => manifest[key])
  // What an entry of its own may use, where who imports it has installed it.
  for (const name of Object.keys(manifest.peerDependencies ?? {}))
    if (!manifest.peerDependenciesMeta?.[name]?.optional) dependencies.push(`the peer ${name}`)
  const scripts = ['preinstall', 'install', 'postinstall', 'prepare'].filter(key => manifest.scripts[key])
  if (dependencies.length + scripts.length > 0) throw new Error(`package.json has ${[...dependencies, ...scripts].join(', ')}`)
}
