// Kills a training at random moments, in the midst of saving too, and starts it again until it ends: the result is that of one that nobody killed.
// `--runs 100` kills so many; `--examples gpt,lstm` kills these examples, or with `all` each that takes `--resume`, once or oftener.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadSafetensors } from '../../dist/fluxtape.js'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '5' }, examples: { type: 'string' } } })
const pathOf = name => fileURLToPath(new URL(name, import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'fluxtape-killed-'))

/** Runs a program in a folder, and kills it after so many milliseconds; what it printed, or undefined if it was killed. */
function run(args, after) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
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
      resolve(code === 0 ? out : undefined)
    })
  })
}

/** `argsOf(folder)` is a program's command, `resultOf(folder, printed)` what is to be the same. */
async function kill(name, runs, argsOf, resultOf) {
  const start = performance.now()
  const undisturbed = join(root, name, 'whole')
  const whole = resultOf(undisturbed, await run(argsOf(undisturbed)))
  const time = performance.now() - start
  let kills = 0
  for (let i = 0; i < runs; i++) {
    const folder = join(root, name, `${i}`)
    let printed
    for (let tries = 0; printed === undefined; tries++) {
      // After some kills it may end, so that this does.
      printed = await run(argsOf(folder), tries < 4 ? time * (0.2 + 0.8 * Math.random()) : undefined)
      if (printed === undefined) kills++
    }
    const result = resultOf(folder, printed)
    if (result !== whole) throw new Error(`${name}, run ${i}, ended otherwise after ${kills} kills: ${result}, undisturbed ${whole}`)
  }
  console.log(`${name}: ${runs} runs, killed ${kills} times, ended as one that was not.`)
}

/** What takes seconds each. */
const examples = {
  lenet: ['--epochs', '8', '--first', '400', '--shift'],
  resnet: ['--epochs', '6', '--first', '96', '--tests', '60'],
  vae: ['--epochs', '8', '--first', '400', '--file', join(root, 'vae.png')],
  gpt: ['--data', 'examples/penguins.csv', '--steps', '110', '--length', '20'],
  lstm: ['--data', 'examples/penguins.csv', '--steps', '160', '--length', '20'],
  names: ['--data', 'LICENSE', '--epochs', '40', '--count', '3'],
}

/** The last line without its times, and a hash of all tensors in the last checkpoint. */
function ended(folder, printed) {
  // Those with several seeds have a folder for each.
  const run = existsSync(join(folder, 'seed-1')) ? join(folder, 'seed-1') : folder
  const step = Math.max(...readdirSync(run).map(name => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1] ?? -1)))
  const hash = createHash('sha256')
  const { tensors } = loadSafetensors(readFileSync(join(run, `step-${step}.safetensors`)))
  for (const [path, each] of tensors) hash.update(path).update(each.data())
  const line = printed.trimEnd().split('\n').at(-1)
  return `step ${step} ${hash.digest('hex')} ${line.replace(/in [\d.]+ s/, '')}`
}

try {
  if (values.examples) {
    for (const name of values.examples === 'all' ? Object.keys(examples) : values.examples.split(',')) {
      await kill(name, 1, folder => [`examples/${name}.mjs`, ...examples[name], '--resume', folder], ended)
    }
  } else {
    const hash = (_, printed) => /hash (\w+)/.exec(printed)[1]
    await kill('training', Number(values.runs), folder => [pathOf('training.mjs'), folder], hash)
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
