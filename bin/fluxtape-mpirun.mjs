#!/usr/bin/env node
// Starts a program on several ranks, and again when one of them fails: fluxtape-mpirun [--restarts 3] [what mpirun takes] train.mjs [arguments].
// The program takes its run up from its last checkpoint: train(..., { checkpoint: { path: 'run' }, resume: 'run' }).
// With restarts, hosts that do not answer are left out: it is started with as many ranks as the others had.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { constants, hostname, networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'

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

const locals = new Set(['localhost', hostname()])
for (const each of Object.values(networkInterfaces()).flat()) locals.add(each?.address)

/** Does a host answer? Whoever asks is here. */
function answers(host) {
  const name = host.split('@').at(-1)
  return locals.has(name) || spawnSync('ssh', ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=5', host, 'true']).status === 0
}

/** The hosts in a file of them, a line each, or in a list: of each its name, its slots, and what stands there. */
function hostsIn(entries) {
  return entries.map(text => {
    const line = text.replace(/#.*/, '').trim()
    const [, name = '', count] = /^([^\s:]+)(?::(\d+))?/.exec(line) ?? []
    return { text, name, slots: name ? Number(count ?? /\bslots\s*=\s*(\d+)/.exec(line)?.[1] ?? 1) : 0 }
  })
}

/** Where the value of one of these options stands; -1: nowhere. */
const valueOf = names => before.findIndex((_, i) => i > 0 && names.includes(before[i - 1].replace(/^--?/, '')))

/** Leaves out the hosts that do not answer, and their share of the ranks. */
function leaveOut() {
  const file = valueOf(['hostfile', 'machinefile', 'f'])
  const list = valueOf(['host', 'hosts', 'H'])
  const place = file >= 0 ? file : list
  if (place < 0) return
  const all = hostsIn(file >= 0 ? readFileSync(before[file], 'utf8').split('\n') : before[list].split(','))
  const silent = [...new Set(all.map(({ name }) => name))].filter(name => name !== '' && !answers(name))
  if (silent.length === 0) return
  const left = all.filter(({ name }) => !silent.includes(name))
  const slots = hosts => hosts.reduce((sum, each) => sum + each.slots, 0)
  if (slots(left) === 0) refuse(`no host answers: ${silent.join(', ')}`)
  const texts = left.map(({ text }) => text)
  if (file >= 0) {
    before[file] = join(mkdtempSync(join(tmpdir(), 'fluxtape-hosts-')), 'hosts')
    writeFileSync(before[file], texts.join('\n'))
  } else before[list] = texts.join(',')
  const n = valueOf(['n', 'np', 'c'])
  const ranks = n < 0 ? undefined : Math.max(1, Math.floor((Number(before[n]) * slots(left)) / slots(all)))
  if (n >= 0) before[n] = String(ranks)
  console.error(`fluxtape-mpirun: ${silent.join(', ')} does not answer, and is left out${ranks ? `: there are ${ranks} ranks now` : ''}.`)
}

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
  const words = [...before, process.execPath, ...process.execArgv, ...given.slice(at)]
  return new Promise(resolve => {
    job = spawn(mpirun, words, { stdio: 'inherit' })
    job.on('error', ({ code, message }) =>
      refuse(code === 'ENOENT' ? `there is no ${mpirun} (Debian: apt-get install openmpi-bin)` : `${mpirun} cannot be started: ${message}`),
    )
    job.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

// Before the first start, too: the mpirun of MPICH waits for ever for a host that it does not reach.
if (Number(count) > 0) leaveOut()
let code = await run()
for (let left = Number(count); code !== 0 && left > 0 && !isEnded; left--) {
  console.error(`fluxtape-mpirun: the job ended with code ${code}. It is started again; ${left - 1} more times after this.`)
  leaveOut()
  code = await run()
}
process.exit(code)
