import { uniform } from '../harness/random.mjs'

/**
 * One product of an m x k and a k x n matrix.
 * @param {string} name
 * @param {number} m
 * @param {number} n
 * @param {number} k
 * @param {'nn' | 'nt' | 'tn'} layout which operand lies transposed in memory: `nt` is Dense's forward product, `tn` its
 *   weight's gradient, `nn` its input's gradient
 */
function gemm(name, m, n, k, layout = 'nn') {
  const transposeA = layout[0] === 't'
  const transposeB = layout[1] === 't'
  return {
    name,
    family: 'gemm',
    spec: { m, n, k, transposeA, transposeB },
    flops: 2 * m * n * k,
    data: () => {
      const random = uniform(9)
      return {
        a: { shape: transposeA ? [k, m] : [m, k], data: random.floats(m * k, -1, 1) },
        b: { shape: transposeB ? [n, k] : [k, n], data: random.floats(k * n, 0, 1) },
      }
    },
  }
}

const shaped = (layout, m, n, k) => gemm(`gemm-${layout}-${m}x${n}x${k}`, m, n, k, layout)

export const workloads = [
  ...[32, 64, 128, 256, 512, 1024].map(n => gemm(`gemm-${n}`, n, n, n)),
  // mlp-s
  shaped('nt', 64, 64, 784),
  shaped('tn', 64, 784, 64),
  shaped('nt', 64, 10, 64),
  shaped('tn', 10, 64, 64),
  shaped('nn', 64, 64, 10),
  // mlp-l
  shaped('nt', 128, 512, 784),
  shaped('tn', 512, 784, 128),
  shaped('nn', 128, 512, 512),
  shaped('nt', 128, 10, 512),
  // lstm: a time step of the recurrence, and its weight's gradient
  shaped('nt', 32, 512, 128),
  shaped('tn', 512, 128, 32),
  // gpt: a block's widest layer, forward and backward
  shaped('nt', 1024, 512, 128),
  shaped('tn', 512, 128, 1024),
  shaped('nn', 1024, 128, 512),
]
