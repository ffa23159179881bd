// Our side of the workloads: what one step is, of a build of the library that is passed in.
import { checksum } from '../harness/serve.mjs'

/** Steps over batches in turn, with everything in the model trained; replayed where there is a `jit`. */
function training({ jit, trainStep }, { params, loss: lossOfBatch, batches, optimizer }) {
  const loss = jit ? jit(lossOfBatch) : lossOfBatch
  let count = 0
  let last
  return {
    step: () => {
      last = trainStep(loss, params, batches[count++ % batches.length], optimizer)
    },
    value: () => last,
  }
}

/** What is trained: the parameters of a model, its loss, batches and an optimizer. */
function mlp(flux, { widths, rate }, data, optimizer = flux.Adam(rate)) {
  const { Chain, Dense, identity, logitCrossEntropy, relu, tensor } = flux
  const depth = widths.length - 1
  const toTensor = ({ data, shape }) => tensor(data, shape)
  const layers = Array.from({ length: depth }, (_, i) =>
    Dense(toTensor(data[`${i}.weight`]), toTensor(data[`${i}.bias`]), i < depth - 1 ? relu : identity),
  )
  const model = Chain(...layers)
  const x = toTensor(data.x)
  const batches = [0, 1].map(i => [x, toTensor(data[`classes.${i}`])])
  return { params: flux.params(model), loss: (x, classes) => logitCrossEntropy(model(x), classes), batches, optimizer }
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
  const loss = (x, classes) => logitCrossEntropy(model(x), classes)
  return training(flux, { params: flux.params(model), loss, batches, optimizer: flux.Adam(rate) })
}

function prediction(flux, { layers }, data) {
  const { jit, scope, tensor } = flux
  const model = network(flux, layers, data)
  const x = tensor(data.x.data, data.x.shape)
  const predict = jit?.(model, { shapes: [data.x.shape] })
  const output = new Float32Array(layers.at(-1).outputs)
  let last
  return {
    step: () => {
      last = predict ? predict.into(output, data.x.data) : scope(() => model(x).data())
    },
    value: () => checksum(last),
  }
}

/** What finds the weights of the data as tensors, by name. */
const finder =
  ({ tensor }, data) =>
  name =>
    tensor(data[name].data, data[name].shape)

/** Training on tokens: each has a class, the next one. */
function trainTokens(flux, model, forward, { rate }, data) {
  const { logitCrossEntropy } = flux
  const find = finder(flux, data)
  const batches = [0, 1].map(i => [find('tokens'), find(`classes.${i}`)])
  const loss = (x, classes) => logitCrossEntropy(forward(x), classes)
  return training(flux, { params: flux.params(model), loss, batches, optimizer: flux.Adam(rate) })
}

function lstm(flux, spec, data) {
  const { Chain, Dense, Embedding, LSTM } = flux
  const find = finder(flux, data)
  const recurrent = LSTM(spec.width, spec.width)
  for (const [field, name] of Object.entries({ Wi: 'weightX', Wh: 'weightH', bias: 'bias' })) recurrent[field].assign(find(name))
  const model = Chain(Embedding(find('embedding')), recurrent, Dense(find('headWeight'), find('headBias')))
  return trainTokens(flux, model, model, spec, data)
}

/** A GPT: its parts, and the function from tokens at positions to logits. */
function transformer(flux, { blocks, width, heads }, data) {
  const { Dense, Embedding, LayerNorm, MultiHeadAttention, gelu, identity, layer } = flux
  const find = finder(flux, data)
  const dense = (part, activation = identity) => Dense(find(`${part}.weight`), find(`${part}.bias`), activation)
  const norm = part => {
    const made = LayerNorm(width)
    made.scale.assign(find(`${part}.scale`))
    made.bias.assign(find(`${part}.shift`))
    return made
  }
  const attention = i => {
    const made = MultiHeadAttention(width, { heads, bias: true, causal: true })
    for (const kind of ['weight', 'bias']) {
      for (const [at, part] of find(`${i}.qkv.${kind}`).split(3).entries()) made['qkv'[at]][kind].assign(part)
      made.out[kind].assign(find(`${i}.out.${kind}`))
    }
    return made
  }
  const block = i =>
    layer(
      'Block',
      {
        before: norm(`${i}.before`),
        attention: attention(i),
        between: norm(`${i}.between`),
        up: dense(`${i}.up`, gelu),
        down: dense(`${i}.down`),
      },
      (self, x) => {
        const y = x.add(self.attention(self.before(x)))
        return y.add(self.down(self.up(self.between(y))))
      },
    )
  const model = {
    embedding: Embedding(find('embedding')),
    position: find('position'),
    blocks: Array.from({ length: blocks }, (_, i) => block(i)),
    norm: norm('norm'),
    head: dense('head'),
  }
  const forward = (tokens, from = 0) => {
    const position =
      from === 0 && tokens.shape[1] === model.position.shape[0] ? model.position : model.position.slice([[from, from + tokens.shape[1]]])
    let x = model.embedding(tokens).add(position)
    for (const each of model.blocks) x = each(x)
    return model.head(model.norm(x))
  }
  return [model, forward]
}

function gpt(flux, spec, data) {
  return trainTokens(flux, ...transformer(flux, spec, data), spec, data)
}

/** The prompt, then token by token, each with what is kept of those before it. */
function generation(flux, spec, data) {
  const { Cache, scope, withCache } = flux
  const [, forward] = transformer(flux, spec, data)
  const tokens = finder(flux, data)('tokens')
  const pieces = [tokens.slice([null, [0, spec.prompt]])]
  for (let at = spec.prompt; at < spec.prompt + spec.tokens; at++) pieces.push(tokens.slice([null, [at, at + 1]]))
  let last
  return {
    step: () => {
      const cache = Cache()
      let at = 0
      for (const piece of pieces) {
        scope(() => {
          last = withCache(cache, () => forward(piece, at)).data()
        })
        at += piece.shape[1]
      }
      cache.dispose()
    },
    value: () => checksum(last),
  }
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

/** What the families train of which two builds can be compared. */
export const trained = { mlp, 'mlp-chain': clipped }

/** A function of the library, a workload's spec and its data for each family. */
export const families = {
  ...Object.fromEntries(Object.entries(trained).map(([name, make]) => [name, (flux, ...rest) => training(flux, make(flux, ...rest))])),
  ...{ images, prediction, lstm, gpt, generation, gemm },
}
