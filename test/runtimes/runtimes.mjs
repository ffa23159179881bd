// Which runtimes there are: the Node that runs this, those in node_modules here, and the system's browsers.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findMiniBrowser } from './webkit.mjs'

const modules = fileURLToPath(new URL('./node_modules', import.meta.url))

/** All that must be green. */
export const names = ['node20', 'node22', 'node24', 'node26', 'deno', 'bun', 'workerd', 'chromium', 'firefox', 'webkit']

/**
 * @typedef {object} Runtime
 * @property {string} name
 * @property {'process' | 'workerd' | 'browser' | 'webkit'} kind
 * @property {string} command
 * @property {string} version
 * @property {boolean} shares may its threads share memory?
 * @property {string[]} [args] before the file to run
 * @property {Record<string, string>} [env]
 */

/**
 * @param {string} root the folder that Deno may read
 * @returns {Runtime[]}
 */
export function findRuntimes(root) {
  const found = []
  const add = runtime => found.some(({ name }) => name === runtime.name) || found.push({ shares: true, ...runtime })
  for (const command of [process.execPath, ...[20, 22, 24, 26].map(n => join(modules, `node${n}/bin/node`))]) {
    const version = versionOf(command)
    if (version) add({ name: `node${version.split('.')[0]}`, kind: 'process', command, version, args: [] })
  }
  const args = { deno: ['run', '--quiet', '--no-prompt', `--allow-read=${root}`, `--allow-write=${root}/files`], bun: [] }
  for (const name of ['deno', 'bun']) {
    const command = join(modules, '.bin', name)
    const version = versionOf(command)
    if (version) add({ name, kind: 'process', command, version, args: args[name] })
  }
  const workerd = join(modules, `@cloudflare/workerd-${process.platform}-${process.arch === 'x64' ? '64' : process.arch}/bin/workerd`)
  const version = versionOf(workerd)
  if (version) add({ name: 'workerd', kind: 'workerd', command: workerd, version, shares: false })
  const browsers = { chromium: ['chromium', 'chromium-browser', 'google-chrome'], firefox: ['firefox-esr', 'firefox'] }
  for (const [name, commands] of Object.entries(browsers)) {
    const command = commands.map(each => `/usr/bin/${each}`).find(each => existsSync(each))
    const version = command && versionOf(command)
    if (version) add({ name, kind: 'browser', command, version })
  }
  const miniBrowser = findMiniBrowser()
  if (miniBrowser && ['Xvfb', 'WebKitWebDriver'].every(each => existsSync(`/usr/bin/${each}`))) {
    const webkit = { kind: 'webkit', command: miniBrowser, version: '' }
    add({ name: 'webkit', ...webkit, shares: false, env: {} })
    // WebKitGTK can share memory, but does not as it comes.
    add({ name: 'webkit shared', ...webkit, env: { JSC_useSharedArrayBuffer: '1' } })
  }
  const order = ({ name }) => names.indexOf(name.split(' ')[0])
  return found.sort((a, b) => order(a) - order(b))
}

function versionOf(command) {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
  return status === 0 ? /\d+[.-]\d+[\d.-]*/.exec(stdout)?.[0] : undefined
}
