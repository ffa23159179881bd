import { uniform } from '../harness/random.mjs'

/**
 * Networks that see. One training step of each: forward, logitCrossEntropy, backward, Adam at 1e-3; or a prediction of one sample. As in mlp.mjs two
 * sets of classes alternate, so that gradients keep their size.
 *
 * A model is a list of layers, which every contender builds of its own: what each layer is, by `kind`, and the names of its tensors in the data. Images
 * are [batch, channels, height, width], weights [outputs, inputs / groups, ...kernel].
 * @typedef {{ kind: 'conv', name: string, inputs: number, outputs: number, kernel: number, stride: number, pad: number, groups: number, bias: boolean, activation?: string }} Conv
 * @typedef {{ kind: 'dense', name: string, inputs: number, outputs: number, activation?: string }} Dense
 * @typedef {{ kind: 'norm', channels: number, activation?: string }} Norm over the batch, with a trained scale of ones and a bias of zeros
 * @typedef {{ kind: 'maxPool', window: number }} MaxPool
 * @typedef {{ kind: 'mean' }} Mean of each channel, which stays [batch, channels, 1, 1]
 * @typedef {{ kind: 'flatten', from: number[] }} Flatten from channels, height and width
 * @typedef {{ kind: 'sum', paths: Layer[][], activation?: string }} Sum of what the paths give; an empty one gives its input
 * @typedef {Conv | Dense | Norm | MaxPool | Mean | Flatten | Sum} Layer
 */

const conv = (name, kernel, inputs, outputs, { stride = 1, pad = 0, groups = 1, bias = true, activation } = {}) => {
  return { kind: 'conv', name, inputs, outputs, kernel, stride, pad, groups, bias, activation }
}
const dense = (name, inputs, outputs, activation) => ({ kind: 'dense', name, inputs, outputs, activation })
const norm = (channels, activation) => ({ kind: 'norm', channels, activation })
const maxPool = { kind: 'maxPool', window: 2 }
const flatten = (...from) => ({ kind: 'flatten', from })

const lenet = [
  conv('conv1', 5, 1, 6, { pad: 2, activation: 'relu' }),
  maxPool,
  conv('conv2', 5, 6, 16, { activation: 'relu' }),
  maxPool,
  flatten(16, 5, 5),
  dense('dense1', 400, 120, 'relu'),
  dense('dense2', 120, 84, 'relu'),
  dense('dense3', 84, 10),
]

/** A convolution that a norm follows, which has the bias. */
const normed = (name, kernel, inputs, outputs, activation, options) => [
  conv(name, kernel, inputs, outputs, { ...options, bias: false }),
  norm(outputs, activation),
]
const ending = channels => [{ kind: 'mean' }, flatten(channels, 1, 1), dense('head', channels, 10)]

/** Two convolutions beside their input, which a 1 x 1 convolution brings to their shape where it has another. */
function residual(name, inputs, outputs, stride) {
  const path = [
    ...normed(`${name}.first`, 3, inputs, outputs, 'relu', { stride, pad: 1 }),
    ...normed(`${name}.second`, 3, outputs, outputs, undefined, { pad: 1 }),
  ]
  const around = inputs === outputs && stride === 1 ? [] : normed(`${name}.around`, 1, inputs, outputs, undefined, { stride })
  return { kind: 'sum', paths: [path, around], activation: 'relu' }
}

const resnet = [
  ...normed('first', 3, 3, 16, 'relu', { pad: 1 }),
  residual('block1', 16, 16, 1),
  residual('block2', 16, 32, 2),
  residual('block3', 32, 64, 2),
  ...ending(64),
]

const separable = (name, inputs, outputs, stride) => [
  ...normed(`${name}.depthwise`, 3, inputs, inputs, 'relu6', { stride, pad: 1, groups: inputs }),
  ...normed(`${name}.pointwise`, 1, inputs, outputs, 'relu6'),
]

const mobile = [
  ...normed('first', 3, 3, 16, 'relu6', { stride: 2, pad: 1 }),
  ...separable('pair1', 16, 32, 1),
  ...separable('pair2', 32, 64, 2),
  ...separable('pair3', 64, 64, 1),
  ...separable('pair4', 64, 128, 2),
  ...ending(128),
]

/**
 * The multiply-adds of each layer with weights for one sample, in order, and the size of what comes out.
 * @param {Layer[]} layers
 * @param {number} size of the square image that comes in
 * @returns {{ counts: number[], size: number }}
 */
function arithmetic(layers, size) {
  const counts = []
  let now = size
  for (const layer of layers) {
    if (layer.kind === 'conv') {
      const { inputs, outputs, kernel, stride, pad, groups } = layer
      now = Math.floor((now + 2 * pad - kernel) / stride) + 1
      counts.push(now ** 2 * outputs * (inputs / groups) * kernel ** 2)
    } else if (layer.kind === 'dense') counts.push(layer.inputs * layer.outputs)
    else if (layer.kind === 'maxPool') now /= layer.window
    else if (layer.kind === 'sum') {
      const paths = layer.paths.map(path => arithmetic(path, now))
      counts.push(...paths.flatMap(path => path.counts))
      now = paths[0].size
    }
  }
  return { counts, size: now }
}

const weighted = layers => layers.flatMap(layer => (layer.kind === 'sum' ? layer.paths.flatMap(weighted) : 'name' in layer ? [layer] : []))

function data(layers, shape, isTrained) {
  const random = uniform(11)
  const batch = shape[0]
  const entries = {
    x: {
      shape,
      data: random.floats(
        shape.reduce((product, each) => product * each),
        0,
        1,
      ),
    },
  }
  if (isTrained) for (const i of [0, 1]) entries[`classes.${i}`] = { shape: [batch], data: random.integers(batch, 10) }
  for (const { name, inputs, outputs, kernel, groups = 1, bias = true } of weighted(layers)) {
    const window = kernel === undefined ? [] : [kernel, kernel]
    const area = (kernel ?? 1) ** 2
    const bound = Math.sqrt(6 / ((inputs / groups + outputs / groups) * area))
    const count = (outputs * inputs * area) / groups
    entries[`${name}.weight`] = { shape: [outputs, inputs / groups, ...window], data: random.floats(count, -bound, bound) }
    if (bias) entries[`${name}.bias`] = { shape: [outputs], data: new Float32Array(outputs) }
  }
  return entries
}

/**
 * Training: three products of each layer, but for the first, whose input wants no gradient. Everything else (norms, pools, activations, Adam) is left
 * out, so that a limit share counts it as time that is lost.
 */
function training(name, layers, shape) {
  const [first, ...others] = arithmetic(layers, shape[2]).counts
  return {
    name,
    family: 'images',
    spec: { layers, rate: 1e-3 },
    flops: 2 * shape[0] * (2 * first + 3 * others.reduce((sum, each) => sum + each, 0)),
    data: () => data(layers, shape, true),
  }
}

function prediction(name, layers, shape) {
  return {
    name,
    family: 'prediction',
    spec: { layers },
    flops: 2 * shape[0] * arithmetic(layers, shape[2]).counts.reduce((sum, each) => sum + each),
    data: () => data(layers, shape, false),
  }
}

export const workloads = [
  training('lenet', lenet, [64, 1, 28, 28]),
  training('resnet', resnet, [32, 3, 32, 32]),
  training('mobile', mobile, [32, 3, 32, 32]),
  prediction('predict-xs', [dense('dense1', 64, 32, 'relu'), dense('dense2', 32, 10)], [1, 64]),
  prediction('predict-lenet', lenet, [1, 1, 28, 28]),
]
