// What a model knows of its layers.
import {
  add,
  BatchNorm,
  Bilinear,
  batchNorm,
  Cache,
  type Cache as CacheOf,
  Chain,
  type ChainLayer,
  Conv,
  type ConvLayer,
  ConvTranspose,
  cachePart,
  characters,
  clone,
  concat,
  Dense,
  type DenseLayer,
  DepthwiseConv,
  Dropout,
  Embedding,
  EmbeddingBag,
  Flatten,
  fold,
  fromPyTorch,
  GRU,
  GRUCell,
  GroupNorm,
  generate,
  groupNorm,
  InstanceNorm,
  initialStates,
  type Layer,
  LayerNorm,
  type Link,
  LSTM,
  LSTMCell,
  layer,
  loadState,
  Maxout,
  MaxPool,
  MeanPool,
  MultiHeadAttention,
  type MultiHeadAttentionLayer,
  ones,
  PairwiseFusion,
  Parallel,
  Recurrence,
  RMSNorm,
  RNN,
  RotaryPositions,
  relu,
  removeWeightNorm,
  rotary,
  Scale,
  SinusoidalPositions,
  SkipConnection,
  softmax,
  type Tensor,
  Upsample,
  WeightNorm,
  withCache,
  zeros,
} from 'fluxtape'

const model = Chain(Dense(2, 3, relu), Dense(3, 2), softmax)
export const weight: Tensor = model[0].weight
export const bias: Tensor | undefined = model.layers[1].bias
export const output: Tensor = model[2](ones([1, 2]))
export const [first, second]: readonly [DenseLayer, DenseLayer, unknown] = model.layers
export const copied: Tensor = clone(model)[1].weight
export const third = model[0].kernel // error 2339 at kernel

const nested = Chain(Chain(Dense(2, 3), relu), Dense(3, 1))
export const inside: Tensor = nested[0][0].weight

const named = Chain({ hidden: Dense(2, 3, relu), out: Dense(3, 1) })
export const out: Tensor = named.out.weight
export const same: Tensor = named.layers.hidden.weight
export const absent = named.missing // error 2339 at missing
export const copiedName: Tensor = clone(named).hidden.weight

export const equals = Chain(Dense(2, 2), Dense(2, 2))
for (const each of equals) each.weight.toArray()
for (let i = 0; i < 2; i++) equals[i]?.weight.toArray()
export const nothing: Tensor = Chain()(ones([2]))

const many: DenseLayer[] = [Dense(2, 2), Dense(2, 2)]
export const spread = Chain(...many)
export const ofMany: Tensor | undefined = spread[0]?.weight
export const mixed = Chain(Dense(2, 3), ...many, relu)
export const ahead: Tensor = mixed[0].weight
const links: Link[] = [relu, Dense(2, 2)]
export const general: Tensor = Chain(...links)(ones([1, 2]))
export const own = Chain(
  x => x.mul(2),
  (x: Tensor) => x.flatten(),
)
export function runs(any: ChainLayer): unknown {
  return [...any, any[0]]
}
export const ran = [runs(model), runs(nested), runs(spread), runs(Chain())]

export const noFunction = Chain(Dense(2, 3), 'relu') // error 2345 at 'relu'
export const noActivation = Dense(2, 1, 'relu') // error 2345 at 'relu'
export const noSize = Dense(2, '1') // error 2345 at '1'
export const noOption = Dense(2, 1, relu, { bais: false }) // error 2353 at bais
export const noBias = Dense(zeros([2, 3]), 3) // error 2345 at 3)
export const tooFew = Dense(2) // error 2554 at Dense(
export const fromTensors = [Dense(zeros([2, 3])), Dense(zeros([2, 3]), zeros([2]), relu), Dense(zeros([2, 3]), false)]
export const withOptions = Dense(2, 1, undefined, { bias: undefined, init: zeros })

export const convolutions: readonly ConvLayer[] = [
  Conv([5, 5], 1, 6, relu, { pad: 2, stride: [1, 2], dilation: 1, groups: 1, bias: false, init: zeros, flipKernel: true }),
  Conv([3], 2, 4, undefined, { pad: 'same', stride: undefined }),
  Conv(zeros([4, 2, 3]), zeros([4]), relu, { pad: [1, 0] }),
  ConvTranspose([2, 2], 4, 2, relu, { stride: 2, outPad: [1, 0] }),
  DepthwiseConv([3, 3], 4, 8),
]
export const noKernel = Conv(5, 1, 6) // error 2345 at 5
export const noChannels = Conv([5, 5]) // error 2554 at Conv(
export const noPad = Conv([5, 5], 1, 6, relu, { pad: 'valid' }) // error 2322 at pad
export const noOutPad = Conv([5, 5], 1, 6, relu, { outPad: 1 }) // error 2353 at outPad
export const biasTwice = Conv(zeros([4, 2, 3]), true, relu, { bias: false }) // error 2353 at bias: false
export const convolved: Tensor = ones([1, 1, 5])
  .conv(zeros([2, 1, 3]), { pad: [1, 2] })
  .depthwiseConv(zeros([2, 1, 2]))

export const scaled: Layer<{ scale: Tensor }, [x: Tensor], Tensor> = layer('Scaled', { scale: ones([2]) }, (self, x: Tensor) =>
  x.mul(self.scale),
)
export const untrained = layer('Scaled', { scale: ones([2]) }, self => self.scale, { trainable: ['sclae'] }) // error 2322 at 'sclae'

const skip = SkipConnection(Dense(2, 2), (y, x) => concat([y, x], 1))
export const skipped: Tensor = skip(ones([1, 2]))
export const inSkip: Tensor = skip.layer.weight
export const residual: Tensor = SkipConnection(Chain(Dense(2, 2), relu), add)(ones([1, 2]))
const parallel = Parallel(add, { left: Dense(2, 2), right: Scale(2) })
export const inParallel: Tensor = parallel.left.weight
export const atIndex: Tensor = Parallel(add, Dense(2, 2), Scale(2))[1].scale
export const ofTwo: Tensor = parallel(ones([1, 2]), ones([1, 2]))
export const ofList: Tensor = parallel([ones([1, 2]), ones([1, 2])])
export const listed: Tensor[] = Parallel((a: Tensor, b: Tensor) => [a, b], relu, relu)(ones([2]))
export const absentLayer = parallel.missing // error 2339 at missing
export const fused: Tensor[] = PairwiseFusion(add, relu, Dense(2, 2))(ones([1, 2]))
export const largest: Tensor = Maxout(() => Dense(2, 2), 3)(ones([1, 2]))
export const madeFirst: Tensor | undefined = Maxout(() => Dense(2, 2), 3)[0]?.weight
export const secondOf: Tensor = Maxout(Dense(2, 2), Scale(2))[1].scale
export const scales = [Scale(2), Scale(2, 3, relu), Scale(2, undefined, { bias: false }), Scale(ones([2]), false, relu)]
export const noScale = Scale(2, 'relu') // error 2345 at 2, 'relu'
export const bilinears = [Bilinear(2, 3, 4), Bilinear(2, 3, 4, relu, { init: zeros }), Bilinear(zeros([4, 2, 3]), false, relu)]
export const ofPair: Tensor = Bilinear(2, 3, 4)([ones([2]), ones([3])])
export const noOut = Bilinear(2, 3) // error 2554 at Bilinear(
export const embeddings = [Embedding(65, 8, { paddingIdx: 0 }), Embedding(ones([65, 8]), { paddingIdx: 0 })]
export const rowsOf: Tensor[] = [Embedding(65, 8)([0, 1]), Embedding(65, 8, { paddingIdx: null })(Int32Array.of(0, 1))]
export const bags: Tensor[] = [
  EmbeddingBag(5, 2, 'max', { paddingIdx: 1 })([[0], [1, 2]]),
  EmbeddingBag(5, 2)([Int32Array.of(0)]),
  EmbeddingBag(5, 2)([0, 1], Int32Array.of(0, 1)),
]
export const noReduction = EmbeddingBag(5, 2, 'min') // error 2345 at 'min'
export const noInit = Embedding(ones([65, 8]), { init: ones }) // error 2353 at init
const places = Chain(Embedding(65, 8), SinusoidalPositions(), RotaryPositions({ heads: 2 }))
export const placed: Tensor = places(ones([2, 3]))
export const tokenized: string = characters('hello').decode(characters('hello').encode('hello'))
export const noConnection = Parallel('add', relu) // error 2769 at 'add'
const pools = Chain(
  MaxPool([2, 2], { stride: 1, pad: 'same' }),
  MeanPool(2, { pad: [1, 0], countPadding: false }),
  Flatten(),
  Dropout(0.5, { axis: 1 }),
)
export const share: number = pools[3].p
const norms = Chain(
  BatchNorm(4, relu, { affine: true, trackStats: true, eps: 1e-3, momentum: 0.5, initBias: zeros, initScale: ones }),
  InstanceNorm(4, undefined, { affine: undefined }),
  GroupNorm(4, 2, relu, { eps: 1e-3 }),
  LayerNorm(5, 6, relu, { affine: false }),
  RMSNorm(6, { initScale: ones }),
  WeightNorm(Conv([3, 3], 4, 4)),
)
export const running: Tensor | undefined = norms[0].mean
export const lengths: Tensor = norms[5].g
export const within: Tensor = norms[5].layer.weight
export const bare: Tensor = removeWeightNorm(norms[5]).weight
export const foldedOf: Tensor = fold(norms)(ones([1, 4, 5, 6]))
export const normed: Tensor = groupNorm(batchNorm(ones([2, 4]), { scale: ones([4]), eps: 0 }), 2, { bias: ones([4]) })
export const noGroups = GroupNorm(4) // error 2554 at GroupNorm(
export const noMomentum = GroupNorm(4, 2, relu, { momentum: 0.1 }) // error 2353 at momentum
export const noBiasOfSquares = RMSNorm(4, { initBias: zeros }) // error 2353 at initBias
export const noPoolPad = MaxPool(2, { pad: 'valid' }) // error 2322 at pad
export const noCount = MaxPool(2, { countPadding: true }) // error 2353 at countPadding
export const noMode = Upsample('bicubic', { scale: 2 }) // error 2345 at 'bicubic'
export const noAxis = Dropout(0.5, { axis: 'channels' }) // error 2322 at axis
const lstm = LSTM(3, 4, { returnState: true, layers: 2, forgetBias: 1 })
const [steps, [h, c]] = lstm(ones([2, 5, 3]), { lengths: [5, 2] })
export const again: Tensor = lstm(steps, [h, c], { lengths: h })[0]
export const above: Tensor | undefined = lstm.layers?.[1]?.Wi
export const recurrent: Tensor = Chain(
  RNN(3, 4, relu, { bias: false }),
  GRU(4, 2, { recurrentBias: true, bidirectional: true }),
)(ones([2, 5, 3]))
export const cellStates: readonly [Tensor, Tensor] = initialStates(LSTMCell(3, 4))
export const oneState: Tensor = Recurrence(GRUCell(3, 4), { returnState: true })(ones([5, 3]), initialStates(GRUCell(3, 4)))[1]
loadState(lstm, {}, { rename: fromPyTorch, strict: false })
export const noUnits = LSTM(3) // error 2554 at LSTM(
export const noForgetting = GRU(3, 4, { forgetBias: 1 }) // error 2353 at forgetBias
const attention: MultiHeadAttentionLayer = MultiHeadAttention([[6, 5, 4], [8, 2], 3], {
  heads: 2,
  bias: true,
  dropout: 0.1,
  causal: true,
  positions: RotaryPositions({ heads: 2 }),
  init: zeros,
})
MultiHeadAttention(8, { positions: (x, { positions }) => rotary(x, { positions, heads: 8 }) })
const sequence = ones([1, 2, 6])
export const attended: Tensor = attention(sequence, ones([1, 3, 5]), ones([1, 3, 4]), { mask: ones([3]).cast('bool'), causal: undefined })
export const [, weights]: [Tensor, Tensor] = attention(sequence, { returnWeights: true })
export const projection: Tensor = Chain(Dense(6, 6), attention)[1].q.weight
const cache: CacheOf = Cache()
export const piece: Tensor = withCache(cache, () => attention(sequence, { cache }))
export const kept: readonly Tensor[] | undefined = cachePart(attention)?.states
export const tokens: AsyncIterable<number> = generate(x => x, new Int32Array(2), {
  length: 2,
  topK: 3,
  signal: new AbortController().signal,
})
export const noWeights: Tensor = attention(sequence, { returnWeights: true }) // error 2322 at noWeights
export const noDims = MultiHeadAttention([6, 8]) // error 2345 at [6, 8]
export const noHeads = MultiHeadAttention(8, { nheads: 2 }) // error 2561 at nheads
export const noModel = generate([1], (x: Tensor) => x) // error 2345 at [1]
