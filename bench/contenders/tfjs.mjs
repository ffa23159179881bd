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
    families: {
      mlp: (spec, data) => mlp(tf, spec, data),
      images: (spec, data) => images(tf, spec, data),
      prediction: (spec, data) => prediction(tf, spec, data),
      gemm: (spec, data) => gemm(tf, spec, data),
    },
  }
})

function mlp(tf, { batch, widths, rate }, data) {
  const x = tf.tensor2d(data.x.data, data.x.shape)
  const layers = widths.slice(1).map((_, i) => {
    const weight = tf.tensor2d(data[`${i}.weight`].data, data[`${i}.weight`].shape)
    // Its own layout of a Dense kernel is [in, out].
    return [tf.variable(weight.transpose()), tf.variable(tf.tensor1d(data[`${i}.bias`].data))]
  })
  const model = input =>
    layers.reduce((h, [weight, bias], i) => {
      const out = tf.add(tf.matMul(h, weight), bias)
      return i < layers.length - 1 ? tf.relu(out) : out
    }, input)
  return training(tf, model, layers.flat(), x, { batch, classes: widths[widths.length - 1], rate }, data)
}

function training(tf, model, variables, x, { batch, classes, rate }, data) {
  const targets = [0, 1].map(i => tf.tensor2d(oneHot(data[`classes.${i}`].data, classes), [batch, classes]))
  const optimizer = tf.train.adam(rate, 0.9, 0.999, 1e-8)
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

/** A network that sees, in its own layouts: images [batch, height, width, channels], kernels with their channels last. Norms keep no running statistics. */
function network(tf, layers, data) {
  const variables = []
  const variable = tensor => {
    variables.push(tf.variable(tensor))
    return variables[variables.length - 1]
  }
  const biasOf = name => (`${name}.bias` in data ? variable(tf.tensor1d(data[`${name}.bias`].data)) : undefined)
  const weightOf = name => tf.tensor(data[`${name}.weight`].data, data[`${name}.weight`].shape)
  const biased = (y, bias) => (bias ? tf.add(y, bias) : y)
  let from
  const make = {
    conv: ({ name, stride, pad, groups, inputs }) => {
      const isDepthwise = groups === inputs && groups > 1
      const weight = variable(weightOf(name).transpose(isDepthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]))
      const bias = biasOf(name)
      const convolve = isDepthwise ? tf.depthwiseConv2d : tf.conv2d
      return x => biased(convolve(x, weight, stride, pad), bias)
    },
    dense: ({ name, inputs, outputs }) => {
      const [channels, height, width] = from ?? [inputs, 1, 1]
      from = undefined
      const turned = weightOf(name).reshape([outputs, channels, height, width]).transpose([2, 3, 1, 0])
      const weight = variable(turned.reshape([inputs, outputs]))
      const bias = biasOf(name)
      return x => biased(tf.matMul(x, weight), bias)
    },
    norm: ({ channels }) => {
      const [scale, shift] = [variable(tf.ones([channels])), variable(tf.zeros([channels]))]
      return x => {
        const { mean, variance } = tf.moments(x, [0, 1, 2])
        return tf.batchNorm(x, mean, variance, shift, scale, 1e-5)
      }
    },
    maxPool: ({ window }) => {
      return x => tf.maxPool(x, window, window, 'valid')
    },
    mean: () => x => tf.mean(x, [1, 2], true),
    flatten: layer => {
      from = layer.from
      return x => tf.reshape(x, [x.shape[0], -1])
    },
    sum: ({ paths }) => {
      const [path, around] = paths.map(chain)
      return x => tf.add(path(x), around(x))
    },
  }
  const activations = { relu: tf.relu, relu6: tf.relu6 }
  const chain = list => {
    const steps = list.map(layer => {
      const forward = make[layer.kind](layer)
      const activation = activations[layer.activation]
      return activation ? x => activation(forward(x)) : forward
    })
    return x => steps.reduce((y, step) => step(y), x)
  }
  return { model: chain(layers), variables }
}

const imagesOf = (tf, { data, shape }) => {
  return shape.length < 4 ? tf.tensor(data, shape) : tf.tidy(() => tf.tensor4d(data, shape).transpose([0, 2, 3, 1]))
}

function images(tf, { layers, rate }, data) {
  if (!tf.getKernel('Conv2DBackpropFilter', backend)) throw new Error('no gradient of a convolution')
  const { model, variables } = network(tf, layers, data)
  return training(tf, model, variables, imagesOf(tf, data.x), { batch: data.x.shape[0], classes: 10, rate }, data)
}

function prediction(tf, { layers }, data) {
  const { model } = network(tf, layers, data)
  const x = imagesOf(tf, data.x)
  let last
  return {
    step: () => {
      last = tf.tidy(() => model(x).dataSync())
    },
    value: () => checksum(last),
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
