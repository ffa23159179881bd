import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bench = fileURLToPath(new URL('..', import.meta.url))
const modules = join(bench, 'node_modules')

export const isInstalled = existsSync(modules)

/**
 * Who could take part beside ours: the file that speaks for it, its further arguments, the thread counts it can run with, the package that
 * it comes in, and whether it is left out of a quick run. One line a contender.
 */
const peers = [
  { contender: 'without-jit', file: 'fluxtape.mjs', extra: ['eager'], threads: [1, 2], isThorough: true },
  { contender: 'wide', file: 'fluxtape.mjs', extra: ['wide'], threads: [1, 2], isThorough: true },
  { contender: 'tfjs-wasm', file: 'tfjs.mjs', extra: ['wasm'], threads: [1], from: '@tensorflow/tfjs-backend-wasm' },
  { contender: 'tfjs-cpu', file: 'tfjs.mjs', extra: ['cpu'], threads: [1], from: '@tensorflow/tfjs', isThorough: true },
  { contender: 'jax-js', file: 'jax.mjs', threads: [1], from: '@jax-js/jax' },
  { contender: 'onnxruntime', file: 'onnxruntime.mjs', threads: [1, 2], from: 'onnxruntime-web' },
  { contender: 'pytorch', file: 'pytorch.py', threads: [1, 2] },
]
export const contenderNames = ['fluxtape', ...peers.map(p => p.contender)]

/**
 * The Nodes to run in: the one that runs the bench, and those that `bench/package.json` brings. Oldest first.
 * @returns {{ runtime: string, command: string, version: string }[]}
 */
export function findNodes() {
  const found = isInstalled ? readdirSync(modules).filter(name => /^node\d*$/.test(name)) : []
  const commands = [process.execPath, ...found.map(name => join(modules, name, 'bin', 'node'))]
  const nodes = new Map()
  for (const command of commands) {
    const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' })
    if (status !== 0) continue
    const version = stdout.trim().slice(1)
    const runtime = `node${version.split('.')[0]}`
    if (!nodes.has(runtime)) nodes.set(runtime, { runtime, command, version })
  }
  return [...nodes.values()].sort((a, b) => Number(a.version.split('.')[0]) - Number(b.version.split('.')[0]))
}

/**
 * Everybody who takes part: ours in every runtime, the JavaScript peers in the newest one.
 * @param {{ threads: number[], contenders: string[], nodes: ReturnType<typeof findNodes>, isQuick: boolean }} choice contenders:
 *   names, ours also as `fluxtape@node26`; none means everybody, in a quick run who is installed. Ours takes part even if only others are named.
 * @returns {import('./child.mjs').Entrant[]}
 */
export function entrants({ threads, contenders, nodes, isQuick }) {
  const newest = nodes[nodes.length - 1]
  const path = file => join(bench, 'contenders', file)
  const named = contenders.filter(name => name.startsWith('fluxtape@')).map(name => name.slice(9))
  const hosts = named.length > 0 ? nodes.filter(n => named.includes(n.runtime)) : nodes
  const ours = threads.flatMap(count =>
    hosts.map(({ runtime, command }) => {
      return { contender: 'fluxtape', threads: count, runtime, command, args: [path('fluxtape.mjs'), `${count}`], env: {}, isOurs: true }
    }),
  )
  const all = isQuick ? peers.filter(p => !p.isThorough && (!p.from || existsSync(join(modules, p.from)))) : peers
  const wanted = contenders.length === 0 ? all : peers.filter(p => contenders.includes(p.contender))
  const theirs = wanted.flatMap(peer =>
    peer.threads
      .filter(count => threads.includes(count))
      .map(count => {
        const args = [path(peer.file), `${count}`, ...(peer.extra ?? [])]
        const host = peer.file.endsWith('.py') ? python(count) : { runtime: newest.runtime, command: newest.command, env: {} }
        return { contender: peer.contender, threads: count, args, isOurs: false, ...host }
      }),
  )
  return [...ours, ...theirs]
}

/**
 * Debian's, which has python3-torch: another python3 may come first in the path.
 *
 * With two threads, those of PyTorch (OpenMP) and of OpenBLAS spin against each other: an mlp-l step takes 4.9 to 8.6 ms, and 200
 * as soon as anything else runs on the machine. Waiting passively gives 4.3 to 4.6 ms, or 8 beside other work.
 */
function python(threads) {
  const env = { OPENBLAS_NUM_THREADS: `${threads}` }
  if (threads > 1) env.OMP_WAIT_POLICY = process.env.OMP_WAIT_POLICY ?? 'PASSIVE'
  return { runtime: 'python3', command: '/usr/bin/python3', env }
}
