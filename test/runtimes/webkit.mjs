// Drives WebKitGTK's MiniBrowser by WebDriver over HTTP, on a display of its own.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'

/** Where MiniBrowser lies differs by architecture and version; undefined if it is not there. */
export function findMiniBrowser() {
  for (const folder of existsSync('/usr/lib') ? readdirSync('/usr/lib') : []) {
    for (const version of ['webkit2gtk-4.1', 'webkit2gtk-4.0', 'webkitgtk-6.0']) {
      const path = `/usr/lib/${folder}/${version}/MiniBrowser`
      if (existsSync(path)) return path
    }
  }
  return undefined
}

/** How often the driver is asked whether the browser still lives, and how long it may take over one thing, in milliseconds. */
const HEARTBEAT = 1_000
const PATIENCE = 10_000

/**
 * Starts the display, and a driver with its browser anew for each page.
 * @param {string} binary
 * @param {Record<string, string>} env
 * @returns {Promise<import('./browsers.mjs').Browser>}
 */
export async function launchWebKit(binary, env) {
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  let session
  const close = async () => {
    await session?.end()
    screen.kill()
  }
  try {
    const display = await new Promise((resolve, reject) => {
      screen.stdio[3].once('data', data => resolve(`:${String(data).trim()}`))
      screen.once('error', reject).once('exit', code => reject(new Error(`Xvfb ended with ${code}`)))
    })
    session = await begin(binary, { ...process.env, DISPLAY: display, ...env })
    let isFresh = true
    return {
      version: session.version,
      async open(url, onEnd) {
        if (!isFresh) {
          await session.end()
          session = await begin(binary, { ...process.env, DISPLAY: display, ...env })
        }
        isFresh = false
        await session.open(url, onEnd)
      },
      answers: () => session.answers(),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** A driver and the browser that it starts, which end together. */
async function begin(binary, env) {
  const port = await freePort()
  const driver = spawn('WebKitWebDriver', ['-p', String(port)], { env, stdio: 'ignore', detached: true })
  driver.on('error', () => {})
  const kill = () => {
    try {
      process.kill(-driver.pid, 'SIGKILL')
    } catch {
      // They are gone already.
    }
  }
  try {
    const call = caller(`http://127.0.0.1:${port}`)
    await eventually(() => call('GET', '/status'))
    const options = { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } }
    const { sessionId, capabilities } = await call('POST', '/session', { capabilities: { alwaysMatch: options } })
    const path = `/session/${sessionId}`
    let heartbeat
    let isWanted = true
    return {
      version: capabilities.browserVersion,
      async open(url, onEnd) {
        // The driver ends a session when the process of its page has crashed, and says so whatever it is asked.
        const look = error => {
          if (!/crash/.test(error.message)) return false
          if (isWanted) onEnd(error)
          return true
        }
        await call('POST', `${path}/url`, { url }).catch(error => {
          if (isWanted && !look(error)) throw error
        })
        if (isWanted) heartbeat = setInterval(() => call('GET', `${path}/window`).catch(look), HEARTBEAT)
      },
      answers: () =>
        call('POST', `${path}/execute/sync`, { script: 'return 1', args: [] }, PATIENCE).then(
          () => true,
          () => false,
        ),
      async end() {
        isWanted = false
        clearInterval(heartbeat)
        await call('DELETE', path, undefined, PATIENCE).catch(() => {})
        kill()
      },
    }
  } catch (error) {
    kill()
    throw error
  }
}

function caller(base) {
  return async (method, path, body, limit) => {
    const response = await fetch(base + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
      signal: limit && AbortSignal.timeout(limit),
    })
    const { value } = await response.json()
    if (!response.ok) throw new Error(`WebDriver: ${JSON.stringify(value)}`)
    return value
  }
}

async function eventually(attempt) {
  for (let i = 0; ; i++) {
    try {
      return await attempt()
    } catch (error) {
      if (i > 100) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

function freePort() {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
