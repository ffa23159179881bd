// The portable suite: plain ECMAScript, no test framework, nothing of any runtime. A runtime imports it and calls `run`.
import { traceStep, trainForBits } from './bits.mjs'
import { disk } from './cases/disk.mjs'
import { errors } from './cases/errors.mjs'
import { faults } from './cases/faults.mjs'
import { files } from './cases/files.mjs'
import { gradients } from './cases/gradients.mjs'
import { memory } from './cases/memory.mjs'
import { numerics } from './cases/numerics.mjs'
import { remote } from './cases/remote.mjs'
import { settings } from './cases/settings.mjs'
import { threads } from './cases/threads.mjs'
import { training } from './cases/training.mjs'
import { same } from './check.mjs'
import { FIRST_STEPS, models } from './models.mjs'
import { digest, hex, sha256 } from './sha256.mjs'

/** In the order in which they run: the first one that starts threads comes after those that must do without. */
const groups = { settings, numerics, gradients, errors, files, disk, memory, training, threads, remote, faults, bits: bits() }

/**
 * What a runtime should be able to do.
 * @typedef {object} Expectation
 * @property {boolean} threads may it have more than one?
 * @property {string} [reason] a regular expression for what `threads()` says where it may not
 * @property {boolean} [large] has it room for 3 GiB?
 * @property {boolean} [long] is there time for what takes minutes?
 * @property {boolean} [brief] was all of this run elsewhere in this runtime, so that it is tried once here, not often?
 * @property {boolean} [repeats] was a whole training for bits run elsewhere, so that its first steps are enough here?
 * @property {boolean} [refusesWorkers] does a policy forbid those that lie in a file?
 * @property {boolean} [wide] are vectors wide?
 * @property {boolean} [disk] false: there is no place for files
 * @property {boolean} [faults] are its workers made to fail? That takes seconds, and needs the library by its address.
 *
 * @typedef {object} Result
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} failures
 * @property {string} variant the best kernels here
 * @property {number} threads how many computed at most
 * @property {Record<string, Record<number, { hash?: string, steps: number[] }>>} hashes by model and number of threads
 * @property {[what: string, hash: number][]} [trace]
 */

/**
 * Runs the suite.
 * @param {string | object} library the address of the built bundle, or the library where it is there already
 * @param {string | object} datasets the address of the datasets' bundle, or what it exports
 * @param {object} options
 * @param {Expectation} options.expect
 * @param {string[]} [options.only] the groups to run
 * @param {{ model: string, step: number, threads: number }} [options.trace] take this step apart instead
 * @param {(name: string) => void} [options.onCase] called before each case
 * @returns {Promise<Result>}
 */
export async function run(library, datasets, { expect, only, trace, onCase }) {
  const lib = typeof library === 'string' ? await import(library) : library
  const { digits, readIdx } = typeof datasets === 'string' ? await import(datasets) : datasets
  const result = { passed: 0, failed: 0, failures: [], variant: lib.variant(), threads: 1, hashes: {} }
  const context = { library, digits: adopted(lib, digits), readIdx, result }
  if (trace) return { ...result, trace: await traceStep(lib, context.digits().train, trace) }
  context.expect = { ...expect, reason: new RegExp(expect.reason ?? '$^') }
  for (const [group, cases] of Object.entries(groups)) {
    if ((only && !only.includes(group)) || (group === 'faults' && !expect.faults)) continue
    // The entry of workers has the library from its file.
    if (group === 'remote' && typeof library !== 'string') continue
    for (const [name, test] of cases) {
      onCase?.(`${group}, ${name}`)
      try {
        await test(lib, context)
        result.passed++
      } catch (error) {
        result.failed++
        result.failures.push(`${group}, ${name}: ${error.name === 'Error' ? '' : `${error.name}: `}${error.message}`)
      }
      result.threads = Math.max(result.threads, lib.threads().count)
    }
  }
  return result
}

/** The digits as tensors of `lib`: a script tag's library is another copy than the one that the datasets' bundle brings. */
function adopted(lib, digits) {
  const own = t => (t instanceof lib.Tensor ? t : lib.tensor(t.data(), t.shape))
  return () => {
    const { train, test } = digits()
    return { train: train.map(own), test: test.map(own) }
  }
}

function bits() {
  return [
    [
      'SHA-256 of our own is that of the platform',
      async () => {
        const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i)
        same(hex(digest(bytes)), await sha256(bytes), 'of 1,000 bytes')
        same(hex(digest(new Uint8Array(0))).slice(0, 16), 'e3b0c44298fc1c14', 'of nothing')
      },
    ],
    ...models.map(entry => [
      entry.name,
      async (lib, { digits, expect, result }) => {
        const found = (result.hashes[entry.name] = {})
        // By day two threads are tried with the first steps, between one and four that take them all.
        const steps = n => (expect.repeats || (n === 2 && !expect.long) ? FIRST_STEPS : undefined)
        for (const n of expect.threads ? (expect.brief ? [4] : [1, 2, 4]) : [1])
          found[n] = await trainForBits(lib, digits().train, entry, n, steps(n))
        const [first, ...others] = Object.entries(found)
        await lib.threads(1)
        await lib.configure({ deterministic: false })
        for (const [n, { hash, steps }] of others) {
          if (hash) same(hash, first[1].hash, `the hash at ${n} threads`)
          same(steps, first[1].steps.slice(0, steps.length), `the hashes of steps at ${n} threads`)
        }
      },
    ]),
  ]
}
