// Kills a training at random moments, in the midst of saving too, and starts it again until it ends: the result is that of one that nobody killed.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('training.mjs', import.meta.url))
const at = process.argv.indexOf('--runs')
const runs = at < 0 ? 5 : Number(process.argv[at + 1])

/** Runs the training in a folder, and kills it after so many milliseconds from its first sign of life. */
function run(folder, after) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, err] = ['', '']
    child.stdout.on('data', text => {
      out += text
    })
    child.stderr.on('data', text => {
      err += text
    })
    const timer = after === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), after)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code !== 0 && signal !== 'SIGKILL') return reject(new Error(`exit ${code}: ${err}`))
      if (/damaged/.test(err)) return reject(new Error(`a file was half written: ${err}`))
      resolve(/hash (\w+)/.exec(out)?.[1])
    })
  })
}

const root = mkdtempSync(join(tmpdir(), 'fluxtape-killed-'))
try {
  const start = performance.now()
  const whole = await run(join(root, 'whole'))
  const time = performance.now() - start
  let kills = 0
  for (let i = 0; i < runs; i++) {
    const folder = join(root, `${i}`)
    let hash
    for (let tries = 0; hash === undefined; tries++) {
      // After some kills it may end, so that this does.
      hash = await run(folder, tries < 4 ? time * (0.2 + 0.8 * Math.random()) : undefined)
      if (hash === undefined) kills++
    }
    if (hash !== whole) throw new Error(`run ${i} ended otherwise after ${kills} kills: ${hash}, undisturbed ${whole}`)
  }
  console.log(`${runs} runs, killed ${kills} times, ended as one that was not.`)
} finally {
  rmSync(root, { recursive: true, force: true })
}
