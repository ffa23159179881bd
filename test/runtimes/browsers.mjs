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

/** The browser itself ended or hangs, whatever ran in it. */
export class BrowserError extends Error {}

/**
 * @typedef {object} Browser
 * @property {string} version
 * @property {(url: string, onEnd: (error: Error) => void) => Promise<unknown>} open a page, in a browser that was started for it; `onEnd` is
 *   called when that one ends by itself
 * @property {() => Promise<boolean>} [answers] can anything be evaluated in the page? Left out where no driver is that could
 * @property {() => Promise<unknown>} close
 */

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
 * @returns {Promise<Browser>}
 */
export async function launch(runtime) {
  if (runtime.kind === 'webkit') return launchWebKit(runtime.command, runtime.env)
  let close = async () => {}
  return {
    version: runtime.version,
    async open(url, onEnd) {
      await close()
      const profile = mkdtempSync(join(tmpdir(), 'fluxtape-profile-'))
      const browser = spawn(runtime.command, [...commands[runtime.name](profile), url], { stdio: 'ignore', detached: true })
      const end = new Promise(resolve => browser.once('exit', resolve).once('error', resolve))
      let isWanted = true
      browser.once('exit', (code, signal) => isWanted && onEnd(new Error(`it ended with ${code ?? signal}`)))
      close = async () => {
        isWanted = false
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
  #silence

  /** @param {number} [silence] how long there may be nothing new, in milliseconds */
  constructor(silence = SILENCE) {
    this.#silence = silence
  }

  /**
   * A number for a page, and a promise of its result.
   * @param {() => Promise<boolean>} [answers] can anything be evaluated in the page?
   */
  expect(answers = async () => true) {
    const id = String(++this.#count)
    const result = new Promise((resolve, reject) => {
      let running
      let timer
      const settle = (f, value) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        f(value)
      }
      const where = () => running ?? 'the start'
      const giveUp = async () => {
        const message = `nothing new for ${this.#silence / 1000} s in ${where()}`
        // A page that has said something hangs by what it runs.
        const isBrowser = running === undefined && !(await answers())
        settle(reject, isBrowser ? new BrowserError(`${message}, and nothing can be evaluated in the page`) : new Error(message))
      }
      const wait = () => {
        clearTimeout(timer)
        timer = setTimeout(giveUp, this.#silence)
      }
      const hear = message => {
        if (message.error) return settle(reject, new Error(`${where()}: ${message.error}`))
        if (message.result) return settle(resolve, message.result)
        running = message.running ?? running
        wait()
      }
      const end = error => settle(reject, new BrowserError(`the browser ended in ${where()}: ${error.message}`))
      this.#waiting.set(id, { hear, end, fail: error => settle(reject, error) })
      wait()
    })
    return { id, result }
  }

  hear(id, message) {
    this.#waiting.get(id)?.hear(message)
  }

  end(id, error) {
    this.#waiting.get(id)?.end(error)
  }

  fail(id, error) {
    this.#waiting.get(id)?.fail(error)
  }
}

/**
 * @param {Browser} browser
 * @param {{ root: string, home: string, other: string, reports: Reports }} site
 * @param {object} place
 * @param {object} options of the suite
 * @returns {Promise<import('./suite.mjs').Result>}
 */
export async function runInPage(browser, { root, home, other, reports }, place, options) {
  const name = `${place.name.replace(/\W+/g, '-')}.html`
  await writeFile(join(root, 'pages', name), html(place, other))
  const { id, result } = reports.expect(browser.answers)
  const message = encodeURIComponent(JSON.stringify({ id, home, where: place.where, options }))
  const base = place.kind === 'file' ? pathToFileURL(root).href : `${home}/${place.kind}`
  browser.open(`${base}/pages/${name}?${message}`, error => reports.end(id, error)).catch(error => reports.fail(id, error))
  return result
}

/**
 * Calls `run`, and once more if it fails with a BrowserError, of which it tells `onFault`: a browser's own crash says nothing about what ran
 * in it unless it comes again.
 */
export async function onceMore(run, onFault) {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof BrowserError)) throw error
    onFault(error)
    return run()
  }
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
