import { uniform } from '../harness/random.mjs'

/**
 * One training step of a chain of Dense layers with relu between them: forward, logitCrossEntropy, backward, Adam at 1e-3; or, as people train,
 * with gradients clipped by the norm of all, and AdamW.
 *
 * Two sets of random classes alternate, step by step, over the same samples: no model can learn them both, so gradients
 * keep their size however long a contender runs, and none of them multiplies denormal numbers.
 * @param {string} name
 * @param {number} batch
 * @param {number[]} widths features of the input, then of each layer's output
 * @param {{ norm: number, lambda: number }} [chain] the norm at which gradients are clipped, and the decay of weights
 */
function mlp(name, batch, widths, chain) {
  const layers = widths.slice(1).map((outputs, i) => [widths[i], outputs])
  return {
    name,
    family: chain ? 'mlp-chain' : 'mlp',
    spec: { batch, widths, rate: 1e-3, ...chain },
    flops: flops(batch, layers),
    data: () => {
      const random = uniform(8)
      const classes = widths[layers.length]
      const entries = {
        x: { shape: [batch, widths[0]], data: random.floats(batch * widths[0], 0, 1) },
        'classes.0': { shape: [batch], data: random.integers(batch, classes) },
        'classes.1': { shape: [batch], data: random.integers(batch, classes) },
      }
      layers.forEach(([inputs, outputs], i) => {
        const bound = Math.sqrt(6 / (inputs + outputs))
        entries[`${i}.weight`] = { shape: [outputs, inputs], data: random.floats(outputs * inputs, -bound, bound) }
        entries[`${i}.bias`] = { shape: [outputs], data: new Float32Array(outputs) }
      })
      return entries
    },
  }
}

/**
 * The arithmetic of a step: two operations for each multiply-add of the products, which are the forward one, the weight's
 * gradient, and the input's gradient but for the first layer, whose input wants none. Everything that is linear in
 * the data (bias, relu, loss, Adam) is left out, so a limit share counts it as time that is lost.
 */
function flops(batch, layers) {
  const products = layers.map(([inputs, outputs], i) => (i === 0 ? 2 : 3) * inputs * outputs)
  return 2 * batch * products.reduce((sum, n) => sum + n, 0)
}

export const workloads = [
  mlp('mlp-xs', 16, [64, 32, 10]),
  mlp('mlp-s', 64, [784, 64, 64, 10]),
  mlp('mlp-l', 128, [784, 512, 512, 10]),
  mlp('mlp-l-chain', 128, [784, 512, 512, 10], { norm: 1, lambda: 0.01 }),
]
