#!/usr/bin/env node
// Starts a program on several ranks, and again when one of them fails: fluxtape-mpirun [--restarts 3] [what mpirun takes] train.mjs [arguments].
// The program takes its run up from its last checkpoint: train(..., { checkpoint: { path: 'run' }, resume: 'run' }).
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

const usage = 'fluxtape-mpirun [--restarts 3] [what mpirun takes, such as -n 4] train.mjs [arguments]'

function refuse(problem) {
  console.error(`fluxtape-mpirun: ${problem}. ${usage}`)
  process.exit(2)
}

const given = process.argv.slice(2)
const at = given.findIndex(each => /\.[cm]?[jt]s$/.test(each))
if (at < 0) refuse('there is no program')
const before = given.slice(0, at)
const own = before.indexOf('--restarts')
const [, count = '0'] = own < 0 ? [] : before.splice(own, 2)
if (!/^\d+$/.test(count)) refuse(`--restarts is a whole number: ${count}`)
const mpirun = process.env.FLUXTAPE_MPIRUN ?? 'mpirun'
const words = [...before, process.execPath, ...process.execArgv, ...given.slice(at)]

let job
// Who ends this ends the job, which is not started again.
let isEnded = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    isEnded = true
    job?.kill(signal)
  })
}

/** Runs the job once; its exit code. */
function run() {
  return new Promise(resolve => {
    job = spawn(mpirun, words, { stdio: 'inherit' })
    job.on('error', ({ code, message }) =>
      refuse(code === 'ENOENT' ? `there is no ${mpirun} (Debian: apt-get install openmpi-bin)` : `${mpirun} cannot be started: ${message}`),
    )
    job.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

let code = await run()
for (let left = Number(count); code !== 0 && left > 0 && !isEnded; left--) {
  console.error(`fluxtape-mpirun: the job ended with code ${code}. It is started again; ${left - 1} more times after this.`)
  code = await run()
}
process.exit(code)
