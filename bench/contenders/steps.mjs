// Our side of the workloads: what one step is, of a build of the library that is passed in.
import { checksum } from '../harness/serve.mjs'

/** Steps of `loss` over batches in turn, with everything in `model` trained; replayed where there is a `jit`. */
function training({ Adam, jit, params, trainStep }, model, lossOfBatch, batches, rate, optimizer = Adam(rate)) {
  const ps = params(model)
  const loss = jit ? jit(lossOfBatch) : lossOfBatch
  let count = 0
  let last
  return {
    step: () => {
      last = trainStep(loss, ps, batches[count++ % batches.length], optimizer)
    },
    value: () => last,
  }
}

function mlp(flux, { widths, rate }, data, optimizer) {
  const { Chain, Dense, identity, logitCrossEntropy, relu, tensor } = flux
  const depth = widths.length - 1
  const toTensor = ({ data, shape }) => tensor(data, shape)
  const layers = Array.from({ length: depth }, (_, i) =>
    Dense(toTensor(data[`${i}.weight`]), toTensor(data[`${i}.bias`]), i < depth - 1 ? relu : identity),
  )
  const model = Chain(...layers)
  const x = toTensor(data.x)
  const batches = [0, 1].map(i => [x, toTensor(data[`classes.${i}`])])
  return training(flux, model, (x, classes) => logitCrossEntropy(model(x), classes), batches, rate, optimizer)
}

function clipped(flux, spec, data) {
  const { AdamW, ClipGlobalNorm, OptimizerChain } = flux
  return mlp(flux, spec, data, OptimizerChain(ClipGlobalNorm(spec.norm), AdamW(spec.rate, { lambda: spec.lambda })))
}

/** A network that sees, of a list of layers as workloads/images.mjs has it. */
function network(flux, layers, data) {
  const { BatchNorm, Chain, Conv, Dense, Flatten, GlobalMeanPool, MaxPool, Parallel, SkipConnection, add, identity, tensor } = flux
  const find = name => (name in data ? tensor(data[name].data, data[name].shape) : false)
  const activationOf = ({ activation }) => (activation === undefined ? identity : flux[activation])
  const make = {
    conv: layer => {
      const { name, stride, pad, groups } = layer
      return Conv(find(`${name}.weight`), find(`${name}.bias`), activationOf(layer), { stride, pad, groups })
    },
    dense: layer => Dense(find(`${layer.name}.weight`), find(`${layer.name}.bias`), activationOf(layer)),
    norm: layer => BatchNorm(layer.channels, activationOf(layer)),
    maxPool: ({ window }) => MaxPool(window),
    mean: () => GlobalMeanPool(),
    flatten: () => Flatten(),
    sum: layer => {
      const activation = activationOf(layer)
      const connection = (y, x) => activation(add(y, x))
      const [path, around] = layer.paths
      return around.length === 0 ? SkipConnection(chain(path), connection) : Parallel(connection, chain(path), chain(around))
    },
  }
  const chain = list => Chain(...list.map(layer => make[layer.kind](layer)))
  return chain(layers)
}

function images(flux, { layers, rate }, data) {
  const { logitCrossEntropy, tensor } = flux
  const model = network(flux, layers, data)
  const x = tensor(data.x.data, data.x.shape)
  const batches = [0, 1].map(i => [x, tensor(data[`classes.${i}`].data)])
  return training(flux, model, (x, classes) => logitCrossEntropy(model(x), classes), batches, rate)
}

function prediction(flux, { layers }, data) {
  const { scope, tensor } = flux
  const model = network(flux, layers, data)
  const x = tensor(data.x.data, data.x.shape)
  const predict = () => model(x).data()
  let last
  return {
    step: () => {
      last = scope(predict)
    },
    value: () => checksum(last),
  }
}

/** Training of `model`, a function of the tokens, the weights and the spec. */
function trainTokens(flux, model, weights, { rate, ...spec }, data) {
  const { logitCrossEntropy, tensor } = flux
  const tokens = tensor(data.tokens.data, data.tokens.shape)
  const batches = [0, 1].map(i => [tokens, tensor(data[`classes.${i}`].data)])
  return training(flux, weights, (x, classes) => logitCrossEntropy(model(x, weights, spec), classes), batches, rate)
}

const weightsIn = ({ tensor }, { tokens, 'classes.0': even, 'classes.1': odd, ...weights }) =>
  Object.fromEntries(Object.entries(weights).map(([name, { data, shape }]) => [name, tensor(data, shape)]))

function lstm(flux, spec, data) {
  const { linear, stack, zeros } = flux
  const model = (tokens, { embedding, weightX, biasX, weightH, biasH, headWeight, headBias }, { batch, steps, width }) => {
    const inputs = linear(embedding.gather(tokens), weightX, biasX).split(steps)
    let h = zeros([batch, width])
    let c = zeros([batch, width])
    const states = inputs.map(x => {
      const gates = x.reshape([batch, 4 * width]).add(linear(h, weightH, biasH))
      const [input, forget, candidate, output] = gates.split(4, 1)
      c = forget.sigmoid().mul(c).add(input.sigmoid().mul(candidate.tanh()))
      h = output.sigmoid().mul(c.tanh())
      return h
    })
    return linear(stack(states), headWeight, headBias).reshape([steps * batch, -1])
  }
  return trainTokens(flux, model, weightsIn(flux, data), spec, data)
}

function gpt(flux, spec, data) {
  const { gelu, linear, matmul, tensor } = flux
  const { context } = spec
  const future = Float32Array.from({ length: context ** 2 }, (_, at) => (at % context > Math.floor(at / context) ? -Infinity : 0))
  const mask = tensor(future, [context, context])
  const model = (tokens, w, { batch, blocks, width, heads }) => {
    const dense = (x, part) => linear(x, w[`${part}.weight`], w[`${part}.bias`])
    const norm = (x, part) => {
      const centred = x.sub(x.mean(-1, { keepDims: true }))
      const deviation = centred.square().mean(-1, { keepDims: true }).add(1e-5).sqrt()
      return centred.div(deviation).mul(w[`${part}.scale`]).add(w[`${part}.shift`])
    }
    const byHead = x => x.reshape([batch, context, heads, width / heads]).permute([0, 2, 1, 3])
    const attention = (x, i) => {
      const [q, k, v] = dense(x, `${i}.qkv`).split(3, -1).map(byHead)
      const scores = matmul(q, k, { transposeRight: true }).mul(1 / Math.sqrt(width / heads))
      const mixed = scores.add(mask).softmax().matmul(v)
      return dense(mixed.permute([0, 2, 1, 3]).reshape([batch, context, width]), `${i}.out`)
    }
    let x = w.embedding.gather(tokens).add(w.position)
    for (let i = 0; i < blocks; i++) {
      x = x.add(attention(norm(x, `${i}.before`), i))
      x = x.add(dense(gelu(dense(norm(x, `${i}.between`), `${i}.up`)), `${i}.down`))
    }
    return dense(norm(x, 'norm'), 'head').reshape([batch * context, -1])
  }
  return trainTokens(flux, model, weightsIn(flux, data), spec, data)
}

function gemm({ matmul, scope, tensor }, { transposeA, transposeB }, data) {
  const a = tensor(data.a.data, data.a.shape)
  const b = tensor(data.b.data, data.b.shape)
  const product = () => matmul(a, b, { transposeLeft: transposeA, transposeRight: transposeB })
  return {
    step: () => {
      scope(() => {
        product()
      })
    },
    value: () => scope(() => checksum(product().data())),
    dispose: () => {
      a.dispose()
      b.dispose()
    },
  }
}

/** A function of the library, a workload's spec and its data for each family. */
export const families = { mlp, 'mlp-chain': clipped, images, prediction, lstm, gpt, gemm }
