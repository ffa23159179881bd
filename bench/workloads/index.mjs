import { workloads as gemm } from './gemm.mjs'
import { workloads as images } from './images.mjs'
import { workloads as mlp } from './mlp.mjs'
import { workloads as sequences } from './sequences.mjs'

/**
 * What is measured. A family is one file that lists its workloads, and every contender has one function for it.
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} family names the contender's function
 * @property {object} spec what that function is told, as JSON
 * @property {number} flops the arithmetic of one step
 * @property {() => Record<string, import('../harness/safetensors.mjs').Entry>} data inputs and initial weights
 */

/** @type {Workload[]} */
export const workloads = [...mlp, ...images, ...sequences, ...gemm]

/** What a quick run takes a look at. */
const glimpse = ['mlp-xs', 'mlp-s', 'mlp-l', 'lenet', 'predict-xs', 'predict-lenet', 'lstm', 'gpt', 'generate', 'gemm-64', 'gemm-512']

/**
 * The workloads that a user named: each name is a whole one, or the beginning of several (`gemm`, `gemm-nt`).
 * @param {string[]} names none: all of them, or in a quick run some
 * @param {boolean} isQuick
 */
export function selectWorkloads(names, isQuick) {
  if (names.length === 0) return isQuick ? workloads.filter(w => glimpse.includes(w.name)) : workloads
  for (const name of names) {
    if (matching(name).length === 0) {
      throw new RangeError(`bench: no such workload: ${name}. There are ${workloads.map(w => w.name).join(', ')}.`)
    }
  }
  return workloads.filter(w => names.some(name => matching(name).includes(w)))
}

const matching = name => {
  const exact = workloads.filter(w => w.name === name)
  return exact.length > 0 ? exact : workloads.filter(w => w.name.startsWith(`${name}-`))
}
