// Builds a small app with each bundler, from the packed library and without configuration, opens it in Chromium, and looks whether the library
// trains in the page, in a Web Worker and in a worker of fluxtape/worker. `npm run test:bundlers [-- name ...]` after `npm run build` and `npm ci --prefix test/bundlers`.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import puppeteer from 'puppeteer-core'
import { apps } from './apps.mjs'

const PLACES = ['page', 'worker', 'remote']
const PATIENCE = 60_000
const here = dirname(fileURLToPath(import.meta.url))
const scratch = join(here, '.apps')
const wanted = process.argv.slice(2)
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(path => path && existsSync(path))
if (!executablePath) throw new Error('Chromium is not installed; CHROMIUM may say where it is.')

rmSync(scratch, { recursive: true, force: true })
install()
const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox'], headless: true })
const counts = { passed: 0, failed: 0 }
for (const [name, build] of Object.entries(apps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  const start = performance.now()
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  let app
  try {
    app = await build(prepare(name))
    const results = await opened(app.address)
    for (const where of PLACES) report(`${name}, in the ${where} (${seconds()})`, JSON.parse(results[where]), app.isIsolated ? 2 : 1)
  } catch (error) {
    for (const where of PLACES) report(`${name}, in the ${where} (${seconds()})`, { error: error.stack.slice(0, 2000) })
  } finally {
    await app?.close()
  }
}
await browser.close()
rmSync(scratch, { recursive: true, force: true })
console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exit(counts.failed > 0 ? 1 : 0)

/** The packed library, where all the apps find it. */
function install() {
  const library = join(scratch, 'node_modules/fluxtape')
  mkdirSync(library, { recursive: true })
  // Some bundlers look upwards for it, and would find that of the library's sources.
  writeFileSync(join(scratch, 'tsconfig.json'), '{}')
  const options = { cwd: join(here, '../..'), encoding: 'utf8' }
  const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', scratch], options))
  execFileSync('tar', ['-xzf', join(scratch, filename), '-C', library, '--strip-components=1'])
}

/** A folder of its own with the sources of the app. */
function prepare(name) {
  const folder = join(scratch, name.toLowerCase().replace(/\W+/g, '-'))
  cpSync(join(here, 'app'), folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module", "dependencies": { "fluxtape": "*" } }')
  return folder
}

/** What the app at the address says of its page and of its worker; whatever the browser complains about is an error. */
async function opened(address) {
  const page = await browser.newPage()
  const complaints = []
  page.on('pageerror', error => complaints.push(error.message))
  page.on('requestfailed', request => complaints.push(`failed: ${request.url()}`))
  page.on('console', message => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  try {
    await page.goto(address)
    await page.waitForFunction(places => places.every(where => document.body.dataset[where]), { timeout: PATIENCE }, PLACES)
    const results = await page.evaluate(() => ({ ...document.body.dataset }))
    if (complaints.length > 0) throw new Error(complaints.join('\n'))
    return results
  } catch (error) {
    error.stack = [error.message, ...complaints].join('\n')
    throw error
  } finally {
    await page.close()
  }
}

function report(name, result, threads) {
  const isRight = result.accuracy > 0.9 && result.threads === threads
  counts[isRight ? 'passed' : 'failed']++
  console.log(`${isRight ? 'ok    ' : 'FAILED'}  ${name}: ${result.error ?? JSON.stringify(result)}`)
}
