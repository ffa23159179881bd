// Where in a runtime the suite runs, and what is expected there.
import { availableParallelism } from 'node:os'

const { arch } = process
const cores = availableParallelism()
const alone = { threads: false, cores }
const many = { threads: true, cores }
/** What a place repeats that another one of the same runtime has run whole. */
const short = ['settings', 'disk', 'training', 'threads', 'bits']

const NOT_ISOLATED = 'not cross-origin isolated'
const CANNOT_SHARE = 'cannot share memory|not cross-origin isolated'
const NO_WORKERS = 'worker-src|workers cannot be started'

/**
 * A place in a process: `where` is what entries/process.mjs knows.
 * @typedef {{ name: string, where: string, only?: string[], args?: string[], expect: import('./suite.mjs').Expectation, bare?: true }} Place
 */
export function processPlaces({ name, kind }, isLong) {
  if (kind === 'workerd') {
    const expect = { ...alone, reason: 'no worker was given|one core', disk: false }
    return ['edge', 'guide'].map(where => ({ name: where, where, expect }))
  }
  // What workers and memory do when they fail is tried by day in the oldest Node and the newest.
  const whole = isLong || !/^node2[24]$/.test(name)
  const places = [
    { name: 'process', where: 'process', expect: { ...many, large: whole, faults: whole } },
    { name: 'worker', where: 'worker', only: [...short, 'remote'], expect: many },
    { name: 'global script', where: 'script', expect: many },
    // Where Node makes no code from text, neither may the library.
    {
      name: 'edge',
      where: 'edge',
      only: short,
      expect: many,
      args: name.startsWith('node') ? ['--disallow-code-generation-from-strings'] : [],
    },
  ]
  // Node asks V8 for wide vectors while it runs; the bits are the same.
  if (/^node2[46]$/.test(name) && arch === 'x64')
    places.push({ name: 'wide', where: 'process', only: short, expect: { ...many, wide: true }, args: ['--import', './dist/wide.js'] })
  return name === 'deno' ? [...places, { name: 'no permissions', where: 'bare', bare: true, expect: many }] : places
}

/**
 * A page: `kind` names its headers (server.mjs), `entry` its script, `library` where a script tag gets the library from; in a page without
 * one the entry imports it.
 */
export function pagePlaces({ name, shares, env }) {
  const base = shares ? many : { ...alone, reason: CANNOT_SHARE }
  // WebKitGTK's private file system is off as it comes (`MiniBrowser --features=help`: StorageAPI, FileSystem), and sessions of a driver, which are private, have none.
  const isolated = name.startsWith('webkit') ? { ...base, disk: false } : base
  // The switch that lets WebKitGTK share memory lets every page.
  const plain = { ...isolated, ...(shares && env ? many : { ...alone, reason: NOT_ISOLATED }) }
  const policed = shares ? { ...isolated, ...alone, reason: NO_WORKERS } : isolated
  const page = { kind: 'isolated', entry: 'page.mjs', where: 'page', expect: isolated }
  const script = { ...page, entry: 'script.js', where: 'script' }
  return [
    // WebKit takes seconds to grow a shared memory so far.
    { ...page, name: 'isolated page', expect: { ...isolated, large: !name.startsWith('webkit'), faults: shares } },
    { ...page, name: 'plain page', kind: 'plain', expect: plain },
    { ...page, name: 'worker', where: 'worker', only: [...short, 'remote'] },
    { ...page, name: 'strict policy', kind: 'strict', only: [...short, 'remote'], expect: { ...isolated, refusesWorkers: true } },
    { ...page, name: 'policy without wasm', kind: 'forbidden', where: 'forbidden' },
    { ...page, name: 'policy without blobs', kind: 'workerless', only: [...short, 'remote'], expect: policed },
    { ...page, name: 'edge', kind: 'strictest', where: 'edge', only: short },
    { ...page, name: 'guide', kind: 'strictest', where: 'guide' },
    { ...page, name: 'script tag', library: 'same', only: short },
    { ...script, name: 'script tag CDN', library: 'cdn' },
    { ...script, name: 'script tag bare', library: 'plain', kind: 'plain', expect: plain },
    { ...script, name: 'script tag file', library: 'file', kind: 'file', expect: plain },
  ]
}
