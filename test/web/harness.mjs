// What the checks share: browsers, pages that keep a list of what went wrong, and the counting of what passed.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import puppeteer from 'puppeteer-core'

export const BROWSERS = {
  chromium: { browser: 'chrome', paths: [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'], args: ['--no-sandbox'] },
  firefox: { browser: 'firefox', paths: [process.env.FIREFOX, '/usr/bin/firefox-esr', '/usr/bin/firefox'], args: [] },
}

/** `isDark`: for a browser that prefers the dark scheme. */
export async function launch(name, { isDark = false } = {}) {
  const { browser, paths, args } = BROWSERS[name]
  const executablePath = paths.find(path => path && existsSync(path))
  if (!executablePath) throw new Error(`${name} is not installed; ${name.toUpperCase()} may say where it is.`)
  const prefs = isDark ? { 'layout.css.prefers-color-scheme.content-override': 0 } : {}
  return puppeteer.launch({ browser, executablePath, args, headless: true, extraPrefsFirefox: prefs })
}

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

export function assert(isSo, text) {
  if (!isSo) throw new Error(text)
}

/** Runs checks by name, one after the other, and counts. */
export class Checks {
  passed = 0
  failed = 0

  async run(name, check) {
    const start = performance.now()
    try {
      const note = await check()
      this.passed++
      console.log(`  ok   ${name}${note ? `: ${note}` : ''} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
    } catch (error) {
      this.failed++
      console.log(`  FAIL ${name}: ${error.message}`)
    }
  }
}

/** A page of the browser: what it says, how it is drawn on, and whatever it complained about. */
export class Visit {
  constructor(page, origin, folder, prefix) {
    Object.assign(this, { page, origin, folder, prefix })
    this.complaints = []
    page.on('console', message => {
      if (['error', 'warn', 'warning'].includes(message.type())) this.complaints.push(message.text())
    })
    page.on('pageerror', error => this.complaints.push(error.message))
    page.on('requestfailed', request => this.complaints.push(`failed: ${request.url()}`))
    page.on('request', request => {
      const url = request.url()
      if (!url.startsWith(origin) && !/^(blob|data):/.test(url)) this.complaints.push(`asked elsewhere: ${url}`)
    })
  }

  static async open(browser, url, { folder, prefix, width = 1280, height = 1024, scale = 1, isDark = false, hasTouch = false }) {
    const page = await browser.newPage()
    const visit = new Visit(page, url.startsWith('file:') ? 'file:' : new URL(url).origin, folder, prefix)
    await page.setViewport({ width, height, deviceScaleFactor: scale, ...(hasTouch && { hasTouch }) })
    // Firefox cannot be told through the protocol; it is launched so.
    if (isDark && (await browser.version()).startsWith('Chrome'))
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
    await page.goto(url)
    return visit
  }

  text(id) {
    return this.page.$eval(`#${id}`, element => element.textContent)
  }

  async number(id) {
    return Number((await this.text(id)).replace(/[^0-9.]/g, ''))
  }

  click(id) {
    return this.page.click(`#${id}`)
  }

  until(id, text, timeout = 120_000) {
    return this.page.waitForFunction((id, text) => document.getElementById(id).textContent.startsWith(text), { timeout }, id, text)
  }

  /** Draws strokes on the canvas with the mouse; points go from 0 to 1. */
  async draw(...strokes) {
    const place = await this.#place('pad')
    for (const [first, ...rest] of strokes) {
      await this.page.mouse.move(...place(first))
      await this.page.mouse.down()
      for (const point of rest) await this.page.mouse.move(...place(point), { steps: 4 })
      await this.page.mouse.up()
    }
    await pause(150)
  }

  /** The same with a finger. */
  async touch(...strokes) {
    const place = await this.#place('pad')
    for (const [first, ...rest] of strokes) {
      await this.page.touchscreen.touchStart(...place(first))
      for (const point of rest) await this.page.touchscreen.touchMove(...place(point))
      await this.page.touchscreen.touchEnd()
    }
    await pause(150)
  }

  async #place(id) {
    const box = await this.page.$eval(`#${id}`, element => {
      element.scrollIntoView({ block: 'center' })
      const { left, top, width, height } = element.getBoundingClientRect()
      return { left, top, width, height }
    })
    return ([x, y]) => [box.left + x * box.width, box.top + y * box.height]
  }

  /**
   * Milliseconds from each of some clicks to its handler, by the clocks here and there: Firefox stamps an event that a driver makes only
   * when its page takes it.
   */
  async clickDelays(id, count) {
    const now = () => performance.timeOrigin + performance.now()
    const [x, y] = await this.page.$eval(`#${id}`, element => {
      const clicked = []
      globalThis.clicked = clicked
      element.addEventListener('click', () => clicked.push(performance.timeOrigin + performance.now()))
      element.scrollIntoView({ block: 'center' })
      const { left, top, width, height } = element.getBoundingClientRect()
      return [left + width / 2, top + height / 2]
    })
    await this.page.mouse.move(x, y)
    const sent = []
    for (let i = 0; i < count; i++) {
      await this.page.mouse.down()
      sent.push(now())
      await this.page.mouse.up()
      await pause(30)
    }
    const clicked = await this.page.evaluate(() => globalThis.clicked)
    assert(clicked.length === count, `${clicked.length} of ${count} clicks arrived`)
    return clicked.map((time, i) => time - sent[i]).sort((a, b) => a - b)
  }

  /** How many frames the page draws in a second. */
  framesInASecond() {
    return this.page.evaluate(
      () =>
        new Promise(resolve => {
          const start = performance.now()
          let count = 0
          const frame = () => {
            count++
            if (performance.now() - start < 1000) requestAnimationFrame(frame)
            else resolve(count)
          }
          requestAnimationFrame(frame)
        }),
    )
  }

  /** The longest that a timer of the page had to wait in some milliseconds. */
  longestWait(milliseconds) {
    return this.page.evaluate(
      milliseconds =>
        new Promise(resolve => {
          const start = performance.now()
          let last = start
          let most = 0
          const tick = () => {
            const now = performance.now()
            most = Math.max(most, now - last)
            last = now
            if (now - start < milliseconds) setTimeout(tick)
            else resolve(most)
          }
          tick()
        }),
      milliseconds,
    )
  }

  shot(name, fullPage = true) {
    return this.page.screenshot({ path: join(this.folder, `${this.prefix}-${name}.png`), fullPage })
  }

  isWiderThanTheScreen() {
    return this.page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
  }

  /** What an accessibility checker finds, as text. */
  async barriers(axe) {
    await this.page.evaluate(axe)
    return this.page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { preload: false })
      return violations.map(each => `${each.id}: ${each.nodes.map(node => node.target.join(' ')).join(', ')}`).join('; ')
    })
  }

  async close() {
    await this.page.close()
    return this.complaints
  }
}
