// Runs the suite in pages of a browser: one browser, a page for each place.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { launchWebKit } from './webkit.mjs'

/** How long there may be nothing new from a page, in milliseconds. */
const SILENCE = 60_000

/**
 * @param {import('./runtimes.mjs').Runtime} runtime
 * @returns {Promise<{ version: string, open: (url: string) => Promise<unknown>, errors?: () => string, close: () => Promise<void> }>}
 */
export async function launch(runtime) {
  if (runtime.kind === 'webkit') return launchWebKit(runtime.command, runtime.env)
  const { launch: start } = await import('puppeteer-core')
  const isChromium = runtime.name === 'chromium'
  const browser = await start({
    browser: isChromium ? 'chrome' : 'firefox',
    executablePath: runtime.command,
    headless: true,
    // Chromium's sandbox refuses root, which containers run as.
    args: isChromium && process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  })
  let page
  let errors = []
  return {
    version: runtime.version,
    async open(url) {
      await page?.close()
      page = await browser.newPage()
      errors = []
      page.on('pageerror', error => errors.push(String(error?.message ?? error)))
      page.on('console', message => message.type() === 'error' && errors.push(message.text()))
      await page.goto(url, { waitUntil: 'domcontentloaded' })
    },
    errors: () => errors.join('\n'),
    close: () => browser.close(),
  }
}

/** Hears what pages report. */
export class Reports {
  #waiting = new Map()
  #count = 0

  /** A number for a page, and a promise of its result; `onSilence` tells what else is known when it says nothing more. */
  expect(onSilence) {
    const id = String(++this.#count)
    const result = new Promise((resolve, reject) => {
      let running = 'the start'
      let timer
      const settle = (f, value) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        f(value)
      }
      const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(() => settle(reject, new Error(`nothing new for ${SILENCE / 1000} s in ${running}. ${onSilence()}`)), SILENCE)
      }
      const hear = message => {
        if (message.error) return settle(reject, new Error(`${running}: ${message.error}`))
        if (message.result) return settle(resolve, message.result)
        running = message.running ?? running
        wait()
      }
      this.#waiting.set(id, { hear, fail: error => settle(reject, error) })
      wait()
    })
    return { id, result }
  }

  hear(id, message) {
    this.#waiting.get(id)?.hear(message)
  }

  fail(id, error) {
    this.#waiting.get(id)?.fail(error)
  }
}

/**
 * @param {Awaited<ReturnType<typeof launch>>} browser
 * @param {{ root: string, home: string, other: string, reports: Reports }} site
 * @param {object} place
 * @param {object} options of the suite
 * @returns {Promise<import('./suite.mjs').Result>}
 */
export async function runInPage(browser, { root, home, other, reports }, place, options) {
  const { id, result } = reports.expect(() => browser.errors?.() ?? '')
  const name = `${place.name.replace(/\W+/g, '-')}.html`
  await writeFile(join(root, 'pages', name), html(place, other))
  const message = encodeURIComponent(JSON.stringify({ id, home, where: place.where, options }))
  const base = place.kind === 'file' ? pathToFileURL(root).href : `${home}/${place.kind}`
  browser.open(`${base}/pages/${name}?${message}`).catch(error => reports.fail(id, error))
  return result
}

function html({ entry, library }, other) {
  const global = 'dist/fluxtape.global.js'
  const source = { same: `../${global}`, file: `../${global}`, cdn: `${other}/cdn/${global}`, plain: `${other}/plain/${global}` }[library]
  const scripts = [
    ...(source ? [`<script src="${source}"></script>`] : []),
    ...(entry === 'script.js' ? ['<script src="../suite/entries/smoke.js"></script>'] : []),
    `<script ${entry.endsWith('.mjs') ? 'type="module" ' : ''}src="../suite/entries/${entry}"></script>`,
  ]
  return `<!doctype html>\n<meta charset="utf-8">\n<title>fluxtape</title>\n<link rel="icon" href="data:,">\n${scripts.join('\n')}\n`
}
