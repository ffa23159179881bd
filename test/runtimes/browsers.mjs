// Runs the suite in pages of a browser: a fresh browser for each place, since pages report by themselves.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { launchWebKit } from './webkit.mjs'

/** How long there may be nothing new from a page, in milliseconds. */
const SILENCE = 60_000

/** How a browser is started with a profile of its own. */
const commands = {
  // Its sandbox refuses root, which containers run as. Without the port it would end at once.
  chromium: profile => [
    '--headless',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
    '--no-first-run',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ],
  // Not by WebDriver: while that is on, Firefox 153 at times blocks for good in a worker that makes workers, whatever these run.
  firefox: profile => ['--headless', '--no-remote', '--profile', profile],
}

/**
 * @param {import('./runtimes.mjs').Runtime} runtime
 * @returns {Promise<{ version: string, open: (url: string) => Promise<unknown>, close: () => Promise<unknown> }>}
 */
export async function launch(runtime) {
  if (runtime.kind === 'webkit') return launchWebKit(runtime.command, runtime.env)
  let close = async () => {}
  return {
    version: runtime.version,
    async open(url) {
      await close()
      const profile = mkdtempSync(join(tmpdir(), 'fluxtape-profile-'))
      const browser = spawn(runtime.command, [...commands[runtime.name](profile), url], { stdio: 'ignore', detached: true })
      const end = new Promise(resolve => browser.once('exit', resolve).once('error', resolve))
      close = async () => {
        stop(browser, 'SIGTERM')
        const timer = setTimeout(() => stop(browser, 'SIGKILL'), 5000)
        await end
        clearTimeout(timer)
        stop(browser, 'SIGKILL')
        rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
      }
    },
    close: () => close(),
  }
}

/** Signals a browser and all that it started. */
function stop({ pid }, signal) {
  try {
    process.kill(-pid, signal)
  } catch {
    // It is gone already.
  }
}

/** Hears what pages report. */
export class Reports {
  #waiting = new Map()
  #count = 0

  /** A number for a page, and a promise of its result. */
  expect() {
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
        timer = setTimeout(() => settle(reject, new Error(`nothing new for ${SILENCE / 1000} s in ${running}`)), SILENCE)
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
  const { id, result } = reports.expect()
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
