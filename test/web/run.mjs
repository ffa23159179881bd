// Opens the web example in real browsers and uses it: `npm run test:web`, after `npm run build` and `npm ci` in this folder.
// `-- --only chromium` takes one browser; a browser that is not there is a failure. `-- --shots DIR` says where the screenshots go.
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { missing, serve } from '../../examples/web/serve.mjs'
import { digits } from './digits.mjs'
import { BROWSERS, Checks, launch } from './harness.mjs'
import { inWorker } from './in-worker.mjs'
import { scriptTag } from './script-tag.mjs'
import { worklet } from './worklet.mjs'

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, shots: { type: 'string' } } })
const names = values.only ?? Object.keys(BROWSERS)
const unknown = names.find(name => !(name in BROWSERS))
const problem = unknown ? `--only knows ${Object.keys(BROWSERS).join(' and ')}: ${unknown}.` : missing()
if (problem) {
  console.error(problem)
  process.exit(1)
}

const folder = values.shots ?? mkdtempSync(join(tmpdir(), 'fluxtape-web-'))
mkdirSync(folder, { recursive: true })
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const isolated = await serve()
const plain = await serve({ isolated: false })
const checks = new Checks()
const start = performance.now()

for (const name of names) {
  console.log(name)
  await checks.run('the browser opens and closes', async () => {
    const browser = await launch(name)
    const darkBrowser = name === 'firefox' ? await launch(name, { isDark: true }) : browser
    try {
      console.log(`  ${await browser.version()}`)
      const common = { folder, axe }
      await digits(checks, browser, darkBrowser, { ...common, prefix: name, address: isolated.address, plainAddress: plain.address })
      await inWorker(checks, browser, `${isolated.address}in-worker.html`, { ...common, prefix: `${name}-in-worker` })
      await scriptTag(checks, browser, `${isolated.address}script-tag.html`, { ...common, prefix: `${name}-script-tag`, isIsolated: true })
      await worklet(checks, browser, `${isolated.address}style.css`, { ...common, prefix: `${name}-worklet` })
      const file = new URL('../../examples/web/script-tag.html', import.meta.url).href
      await scriptTag(checks, browser, file, { ...common, prefix: `${name}-file`, isIsolated: false })
    } finally {
      await browser.close()
      if (darkBrowser !== browser) await darkBrowser.close()
    }
  })
}

isolated.close()
plain.close()
console.log(`screenshots: ${folder}`)
console.log(`${checks.passed} passed, ${checks.failed} failed in ${Math.round((performance.now() - start) / 1000)} s`)
process.exitCode = checks.failed > 0 ? 1 : 0
