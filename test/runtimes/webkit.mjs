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

/**
 * Starts it.
 * @param {string} binary
 * @param {Record<string, string>} env
 * @returns {Promise<{ version: string, open: (url: string) => Promise<unknown>, close: () => Promise<void> }>}
 */
export async function launchWebKit(binary, env) {
  const started = []
  const start = (command, args, options) => {
    const child = spawn(command, args, options)
    child.on('error', () => {})
    started.push(child)
    return child
  }
  const stop = () => {
    for (const child of started.reverse()) child.kill()
  }
  try {
    const screen = start('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    })
    const display = await new Promise((resolve, reject) => {
      screen.stdio[3].once('data', data => resolve(`:${String(data).trim()}`))
      screen.once('error', reject).once('exit', code => reject(new Error(`Xvfb ended with ${code}`)))
    })
    const port = await freePort()
    start('WebKitWebDriver', ['-p', String(port)], { env: { ...process.env, DISPLAY: display, ...env }, stdio: 'ignore' })
    const call = caller(`http://127.0.0.1:${port}`)
    await eventually(() => call('GET', '/status'))
    const options = { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } }
    const { sessionId, capabilities } = await call('POST', '/session', { capabilities: { alwaysMatch: options } })
    return {
      version: capabilities.browserVersion,
      open: url => call('POST', `/session/${sessionId}/url`, { url }),
      async close() {
        await call('DELETE', `/session/${sessionId}`).catch(() => {})
        stop()
      },
    }
  } catch (error) {
    stop()
    throw error
  }
}

function caller(base) {
  return async (method, path, body) => {
    const response = await fetch(base + path, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
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
