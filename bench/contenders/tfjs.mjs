import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { checksum, oneHot, serve } from '../harness/serve.mjs'

/** TensorFlow.js, backend `wasm` (SIMD, one thread) or `cpu`: the process's second argument. */
const backend = process.argv[3]

serve(async () => {
  const require = createRequire(import.meta.url)
  const tf = require('@tensorflow/tfjs')
  if (backend === 'wasm') {
    const wasm = require('@tensorflow/tfjs-backend-wasm')
    wasm.setThreadsCount(1)
    wasm.setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), '/'))
  }
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs: the backend ${backend} does not start`)
  await tf.ready()
  if (backend === 'wasm' && !(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) throw new Error('tfjs: no SIMD')
  return {
    versions: { tfjs: tf.version.tfjs },
    families: { mlp: (spec, data) => mlp(tf, spec, data), gemm: (spec, data) => gemm(tf, spec, data) },
  }
})

function mlp(tf, { batch, widths, rate }, data) {
  const x = tf.tensor2d(data.x.data, data.x.shape)
  const classes = widths[widths.length - 1]
  const targets = [0, 1].map(i => tf.tensor2d(oneHot(data[`classes.${i}`].data, classes), [batch, classes]))
  const layers = widths.slice(1).map((_, i) => {
    const weight = tf.tensor2d(data[`${i}.weight`].data, data[`${i}.weight`].shape)
    // Its own layout of a Dense kernel is [in, out].
    return [tf.variable(weight.transpose()), tf.variable(tf.tensor1d(data[`${i}.bias`].data))]
  })
  const variables = layers.flat()
  const optimizer = tf.train.adam(rate, 0.9, 0.999, 1e-8)
  const model = input =>
    layers.reduce((h, [weight, bias], i) => {
      const out = tf.add(tf.matMul(h, weight), bias)
      return i < layers.length - 1 ? tf.relu(out) : out
    }, input)
  let count = 0
  let last
  return {
    step: () => {
      const target = targets[count++ % 2]
      last?.dispose()
      last = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(target, model(x)), true, variables)
    },
    value: () => last.dataSync()[0],
    dispose: () => tf.disposeVariables(),
  }
}

function gemm(tf, { transposeA, transposeB }, data) {
  const a = tf.tensor2d(data.a.data, data.a.shape)
  const b = tf.tensor2d(data.b.data, data.b.shape)
  let last
  return {
    step: () => {
      last?.dispose()
      last = tf.matMul(a, b, transposeA, transposeB)
    },
    value: () => checksum(last.dataSync()),
    dispose: () => tf.dispose([a, b, last]),
  }
}
