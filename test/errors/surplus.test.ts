// Every public function refuses one argument more than it takes, and an option that it does not have.
import * as fluxtape from 'fluxtape'
import { digits } from 'fluxtape/datasets'
import { init } from 'fluxtape/edge'
import { mpi } from 'fluxtape/mpi'
import { wide } from 'fluxtape/wide'
import { inWorker, serve } from 'fluxtape/worker'
import { describe, expect, it } from 'vitest'
import { rejected } from './thrown.ts'

const f = fluxtape
type Call = (...args: unknown[]) => unknown
const library = Object.entries({ ...fluxtape, digits, init, inWorker, mpi, serve, wide }).filter(
  ([, value]) => typeof value === 'function',
) as [string, Call][]

const x = f.tensor([
  [1, 2],
  [3, 4],
])
const image = f.ones([1, 1, 2, 2])
const classes = f.tensor([0, 1], { dtype: 'int32' })
const images = f.ones([1, 3, 2, 2])
const pixels = { data: new Uint8Array(4), width: 1, height: 1 }
const model = f.Dense(2, 2)
const ps = f.params(model)
const opt = f.Descent(0.1)
const bytes = f.saveSafetensors(model)
const npz = await f.saveNpz(model)
const path = 'build/surplus.safetensors'
await f.save(path, model)
const loss = (input: fluxtape.Tensor) => model(input).mean()
const gradients = () => f.gradient(() => loss(x), ps)

const initializers = ['glorotNormal', 'glorotUniform', 'kaimingNormal', 'kaimingUniform', 'lecunNormal', 'orthogonal']

/** Of each function all the arguments that it takes, the options last. */
const rows: Readonly<Record<string, () => readonly unknown[]>> = {
  ...Object.fromEntries(
    [
      ...[
        'abs',
        'ceil',
        'cos',
        'erf',
        'exp',
        'expm1',
        'floor',
        'gelu',
        'identity',
        'isFinite',
        'isNaN',
        'log',
        'log1p',
        'logicalNot',
        'neg',
      ],
      ...['reciprocal', 'relu', 'round', 'rsqrt', 'sigmoid', 'sign', 'sin', 'softplus', 'sqrt', 'square', 'stopGradient', 'tan', 'tanh'],
      ...['geluTanh', 'hardsigmoid', 'hardswish', 'hardtanh', 'lisht', 'logcosh', 'logsigmoid', 'mish', 'relu6', 'selu', 'softsign'],
      ...['sigmoidFast', 'swish', 'tanhFast', 'tanhshrink', 'zerosLike', 'onesLike', 'transpose'],
    ].map(name => [name, () => [x]]),
  ),
  ...Object.fromEntries(
    [
      ...['add', 'div', 'equal', 'greater', 'greaterEqual', 'less', 'lessEqual', 'logicalAnd', 'logicalOr', 'maximum', 'minimum', 'mul'],
      ...['notEqual', 'pow', 'sub', 'assign'],
    ].map(name => [name, () => [x, x]]),
  ),
  ...Object.fromEntries(
    ['sum', 'mean', 'max', 'min', 'prod', 'variance', 'std', 'norm', 'logSumExp', 'argMax', 'argMin', 'any', 'all'].map(name => [
      name,
      () => [x, 0, { keepDims: true }],
    ]),
  ),
  ...Object.fromEntries(
    [
      ...['mae', 'mse', 'msle', 'huber', 'poisson', 'siameseContrastive', 'dice', 'tversky', 'logitBinaryCrossEntropy'],
      ...['binaryCrossEntropy', 'binaryFocal'],
    ].map(name => [name, () => [f.zerosLike(x), f.zerosLike(x), { agg: f.sum }]]),
  ),
  ...Object.fromEntries(
    ['crossEntropy', 'logitCrossEntropy', 'klDivergence', 'focal'].map(name => [name, () => [f.softmax(x), classes, { axis: -1 }]]),
  ),
  ...Object.fromEntries(initializers.map(name => [name, () => [[2, 2], { gain: 1 }]])),
  ctc: () => [f.zeros([3, 4]), f.tensor([1]), { blank: 0 }],
  filterObs: () => [() => true, x],
  groupObs: () => [() => 1, x],
  labelSmoothing: () => [f.eye(2), 0.1, { axis: -1 }],
  ...Object.fromEntries(['hinge', 'squaredHinge'].map(name => [name, () => [x, f.onesLike(x), { agg: f.sum }]])),
  accuracy: () => [model, [x, classes], {}],
  ...Object.fromEntries(['precision', 'recall', 'f1'].map(name => [name, () => [model, [x, classes], { average: 'none' }]])),
  confusionMatrix: () => [model, [x, classes], {}],
  rocAuc: () => [model, [x, classes], {}],
  r2: () => [model, [x, x], { average: 'none' }],
  topKAccuracy: () => [model, [x, classes], { k: 1 }],
  activations: () => [f.Chain(model), x],
  destructure: () => [model],
  outputSize: () => [model, [1, 2], { dtype: 'float32' }],
  summary: () => [model, [1, 2], { dtype: 'float32' }],
  adjust: () => [f.Adam(), 0.1],
  apply: () => [opt, x, x],
  arange: () => [0, 2, 1, { dtype: 'int32' }],
  autoMode: () => [model],
  batch: () => [[x, x]],
  bernoulli: () => [0.5, [2]],
  broadcastTo: () => [x, [2, 2]],
  cast: () => [x, 'float32'],
  chunk: () => [x, 2, 0],
  clamp: () => [x, 0, 1],
  clone: () => [model],
  CosAnneal: () => [1, 0, 5, { restart: true }],
  Exp: () => [1, 0.5],
  Interpolator: () => [f.identity, 2],
  Inv: () => [1, 1, 1],
  Loop: () => [1, 2],
  OneCycle: () => [5, 1, { startval: 0.1 }],
  Poly: () => [1, 1, 5],
  Shifted: () => [1, 2],
  Sin: () => [0, 1, 5],
  Step: () => [1, 0.5, 5],
  Triangle: () => [0, 1, 5],
  Warmup: () => [1, 5],
  concat: () => [[x, x], 0],
  conv: () => [f.zeros([1, 2, 3]), f.zeros([2, 2, 3]), { stride: 1 }],
  Conv: () => [[3], 2, 2, f.relu, { bias: false }],
  convTranspose: () => [f.zeros([1, 2, 3]), f.zeros([2, 2, 3]), { stride: 1 }],
  ConvTranspose: () => [[3], 2, 2, f.relu, { bias: false }],
  CrossCor: () => [[3], 2, 2, f.relu, { bias: false }],
  depthwiseConv: () => [f.zeros([1, 2, 3]), f.zeros([2, 1, 3]), { stride: 1 }],
  DepthwiseConv: () => [[3], 2, 2, f.relu, { bias: false }],
  configure: () => [{ deterministic: f.variant() === 'baseline' }],
  customGradient: () => [f.identity, f.identity],
  DataLoader: () => [x, { batchSize: 1 }],
  topK: () => [x, 1, 0],
  argSort: () => [x, 0, { descending: true }],
  cumsum: () => [x, 0],
  sort: () => [x, 0, { descending: true }],
  celu: () => [x, 1],
  elu: () => [x, 1],
  glu: () => [x, 1],
  rrelu: () => [x, 0.1, 0.2],
  identityInit: () => [[2, 2], { gain: 1 }],
  softshrink: () => [x, 0.5],
  sparseInit: () => [[2, 2], { sparsity: 0.5 }],
  truncatedNormal: () => [[2, 2], { std: 1 }],
  squareplus: () => [x, 4],
  trelu: () => [x, 1],
  leakyrelu: () => [x, 0.01],
  Dense: () => [2, 2, f.relu, { bias: false }],
  MultiHeadAttention: () => [2, { heads: 1 }],
  Cache: () => [],
  generate: () => [model, [1], { length: 1 }],
  cachePart: () => [model],
  withCache: () => [f.Cache(), () => x],
  ...Object.fromEntries(['LSTM', 'GRU', 'GRUv3', 'LSTMCell', 'GRUCell', 'GRUv3Cell'].map(name => [name, () => [2, 2, { bias: false }]])),
  ...Object.fromEntries(['RNN', 'RNNCell'].map(name => [name, () => [2, 2, f.relu, { bias: false }]])),
  Recurrence: () => [f.GRUCell(2, 2), { returnState: true }],
  initialStates: () => [f.GRUCell(2, 2)],
  Bilinear: () => [2, 2, 2, f.relu, { bias: false }],
  brightness: () => [images, 0.5],
  crop: () => [images, 2, { pad: 1 }],
  fromImageData: () => [pixels, { channels: 3 }],
  mixup: () => [x, x, 1],
  randomFlip: () => [images, 0.5, -1],
  rotate: () => [images, 10],
  shift: () => [images, 1],
  toImageData: () => [f.ones([3, 2, 2])],
  Maxout: () => [() => model, 2],
  bytes: () => [],
  characters: () => ['ab'],
  Embedding: () => [3, 2, { paddingIdx: 0 }],
  EmbeddingBag: () => [3, 2, 'sum', { paddingIdx: 0 }],
  RotaryPositions: () => [{ heads: 2 }],
  rotary: () => [x, { heads: 1 }],
  SinusoidalPositions: () => [{ base: 100 }],
  Scale: () => [2, f.relu, { bias: false }],
  SkipConnection: () => [model, f.add],
  BatchNorm: () => [2, f.relu, { affine: false }],
  InstanceNorm: () => [2, f.relu, { affine: true }],
  GroupNorm: () => [2, 1, f.relu, { affine: false }],
  LayerNorm: () => [2, f.relu, { affine: false }],
  RMSNorm: () => [2, { affine: false }],
  WeightNorm: () => [f.Dense(2, 2), 'weight'],
  removeWeightNorm: () => [f.WeightNorm(f.Dense(2, 2))],
  fold: () => [model],
  batchNorm: () => [x, { eps: 1 }],
  layerNorm: () => [x, { eps: 1 }],
  rmsNorm: () => [x, { eps: 1 }],
  groupNorm: () => [x, 2, { eps: 1 }],
  instanceNorm: () => [f.zeros([1, 2, 2]), { eps: 1 }],
  diag: () => [x, 0],
  digits: () => [],
  dot: () => [x, x],
  expandDims: () => [x, 0],
  eye: () => [2, 2],
  flatten: () => [x, 0],
  flip: () => [x, [0]],
  full: () => [[2], 1, { dtype: 'int32' }],
  gather: () => [x, [0], 0],
  hvp: () => [(z: fluxtape.Tensor) => z.square().sum(), x, x],
  isTraining: () => [model],
  jit: () => [loss, { shapes: [[1]] }],
  jvp: () => [f.exp, x, x],
  keep: () => [f.zeros([1])],
  kFolds: () => [x, 2, { seed: 1 }],
  later: () => [f.zeros([2]), f.identity],
  layer: () => ['Own', { x }, loss, { trainable: [] }],
  linear: () => [x, x, f.zeros([2])],
  linspace: () => [0, 1, 2],
  load: () => [path],
  loadNpz: () => [npz],
  loadOptimizerState: () => [opt, ps, f.optimizerState(opt, ps)],
  loadSafetensors: () => [bytes],
  fromPyTorch: () => ['weight_ih_l0', x, f.state(model)],
  loadState: () => [model, f.state(model), {}],
  logSoftmax: () => [x, 0],
  manualSeed: () => [1],
  mapObs: () => [f.identity, x],
  matmul: () => [x, x, { transposeLeft: true }],
  memory: () => [],
  normalize: () => [x, 0, { eps: 1 }],
  onGradient: () => [x, f.identity],
  oneCold: () => [x, { axis: 0 }],
  oneHot: () => [classes, 2],
  ones: () => [[2], { dtype: 'int32' }],
  optimizerState: () => [opt, ps],
  outer: () => [x, x],
  pad: () => [x, [[1, 1], [0, 0]], { value: 1 }], // biome-ignore format: one line
  padSequences: () => [[x, x], { value: 1 }],
  permute: () => [x, [1, 0]],
  rand: () => [[2], { low: 0 }],
  randint: () => [0, 2, [2]],
  randn: () => [[2], { mean: 0 }],
  repeat: () => [x, 2, 0],
  reshape: () => [x, [4]],
  roll: () => [x, 1, 0],
  rule: () => ['Own', { hyper: { eta: 1 }, factor: () => 1 }],
  save: () => [path, model, { metadata: {} }],
  saveNpz: () => [model, { compress: true }],
  saveSafetensors: () => [model, { metadata: {} }],
  scatterAdd: () => [x, [0, 1], x, 0],
  scope: () => [() => 1],
  setup: () => [opt, model],
  shuffleObs: () => [x, { seed: 1 }],
  slice: () => [x, '1'],
  slidingWindow: () => [x, { size: 2, stride: 1 }],
  softmax: () => [x, 0],
  split: () => [x, 2, 0],
  splitObs: () => [x, { at: 0.5 }],
  squeeze: () => [f.zeros([1, 2]), [0]],
  stack: () => [[x, x], 0],
  state: () => [model],
  takeAlong: () => [x, f.tensor([[0, 1]], { dtype: 'int32' }), 0],
  testMode: () => [model],
  tensor: () => [[1], [1], { dtype: 'int32' }],
  threads: () => [1],
  tile: () => [x, [2]],
  throttle: () => [() => 1, 1, { leading: true }],
  earlyStopping: () => [{ patience: 2 }],
  ema: () => [{ decay: 0.9 }],
  logTo: () => ['build/surplus.jsonl', { every: 1 }],
  patience: () => [() => true, 1, { every: 'epoch' }],
  plateau: () => [{ factor: 0.5 }],
  train: () => [loss, ps, [x], opt, { epochs: 1 }],
  trainMode: () => [model],
  trainStep: () => [loss, ps, x, opt],
  tril: () => [x, 0],
  triu: () => [x, 0],
  unbatch: () => [x],
  update: () => [opt, ps, gradients(), { keep: true }],
  init: () => [{ module: 1 }],
  inWorker: () => ['http://localhost/none.js', { threads: 1 }],
  mpi: () => [],
  wide: () => [],
  serve: () => [{ f: f.identity }],
  variant: () => [],
  ...Object.fromEntries(['AdaptiveMaxPool', 'AdaptiveMeanPool', 'AlphaDropout', 'PixelShuffle'].map(name => [name, () => [1]])),
  ...Object.fromEntries(['GlobalMaxPool', 'GlobalMeanPool', 'Flatten'].map(name => [name, () => []])),
  ...Object.fromEntries(['globalMaxPool', 'globalMeanPool'].map(name => [name, () => [image]])),
  ...Object.fromEntries(['adaptiveMaxPool', 'adaptiveMeanPool', 'pixelShuffle', 'alphaDropout'].map(name => [name, () => [image, 1]])),
  Dropout: () => [0.5, { axis: 0 }],
  dropout: () => [x, 0.5, { axis: 0 }],
  MaxPool: () => [2, { stride: 1 }],
  maxPool: () => [image, 1, { stride: 1 }],
  MeanPool: () => [2, { countPadding: true }],
  meanPool: () => [image, 1, { countPadding: true }],
  Upsample: () => ['nearest', { scale: 2 }],
  upsample: () => [image, 'nearest', { scale: 2 }],
  where: () => [x.greater(1), x, x],
  zeros: () => [[2], { dtype: 'int32' }],
}

/** Any number of arguments is right, or the library itself makes it. */
const variadic = [
  'Chain',
  'checkpoint',
  'diagonalHessian',
  'hessian',
  'jacobian',
  'OptimizerChain',
  'Sequence',
  'einsum',
  'freeze',
  'gradient',
  'PairwiseFusion',
  'Parallel',
  'params',
  'pullback',
  'thaw',
  'withGradient',
]
/** They throw later, as promises do. */
/** What is right only in a worker, or where one is, or where nothing was initialized. */
const elsewhere = ['init', 'inWorker', 'serve']
const later = ['configure', 'init', 'inWorker', 'load', 'loadNpz', 'mpi', 'save', 'saveNpz', 'threads']
const internal = library.filter(([, value]) => value.prototype instanceof Error).map(([name]) => name)
const rules = [
  ...[
    'Adam',
    'AdamW',
    'AccumGrad',
    'AdaBelief',
    'AdaDelta',
    'AdaGrad',
    'AdaMax',
    'AMSGrad',
    'ClipGlobalNorm',
    'ClipGrad',
    'ClipNorm',
    'Descent',
    'Lion',
  ],
  ...['Momentum', 'Muon', 'NAdam', 'Nesterov', 'OAdam', 'RAdam', 'RMSProp', 'Rprop', 'SignDecay', 'WeightDecay'],
]

/** Of each method the arguments behind the tensor, the Params, the Grads. */
const methods: Readonly<Record<string, readonly [object: () => object, rows: Readonly<Record<string, readonly unknown[]>>]>> = {
  Tensor: [() => f.zeros([1]), { data: [], view: [], toArray: [], item: [], dispose: [] }],
  Params: [() => f.params(x), { add: [x, 'x'], delete: [x], has: [x], path: [x], paths: [], entries: [] }],
  Grads: [gradients, { get: [model.weight], has: [model.weight] }],
}
/** Functions of Tensor that are called by JavaScript or by the library alone. */
const hidden = [
  'register',
  'endScratch',
  'constructor',
  'toString',
  'toJSON',
  'escape',
  'check',
  'alias',
  'startWrite',
  'moveTo',
  'settleWaiting',
  'settle',
  'unlink',
  'unusedPath',
  'tensors',
  'parameters',
]

/** What a call throws, or rejects with. */
const message = (call: () => unknown) => rejected(async () => call())
/** Called by a model. */
const inChain = (call: () => unknown) => () => f.Chain(call)(x)
const calledWith = (value: Call, args: readonly unknown[]) =>
  value === (f.DataLoader as unknown) ? Reflect.construct(value, args) : value(...args)
const isOptions = (value: unknown) => value !== undefined && Object.getPrototypeOf(Object(value)) === Object.prototype

it('has a row for every public function', () => {
  expect(
    library
      .map(([name]) => name)
      .filter(name => !(name in rows))
      .sort(),
  ).toEqual([...variadic, ...internal, ...rules, ...Object.keys(methods)].sort())
  expect(Object.keys(rows).filter(name => !library.some(([each]) => each === name))).toEqual([])
})

const inRows = library.filter(([name]) => name in rows)
const ownOptions = inRows.filter(([name]) => !['rule', 'serve'].includes(name) && isOptions(rows[name]().at(-1)))

it.each(inRows)('%s takes what its row has, and nothing more', async (name, value) => {
  await (elsewhere.includes(name) ? undefined : calledWith(value, rows[name]()))
  const refused = () => calledWith(value, [...rows[name](), 7])
  const text = await message(later.includes(name) ? refused : inChain(refused))
  expect(text).toContain(`TypeError: ${name}: there is an argument too many: ${name === 'digits' ? 'it takes none' : '7 came'}.`)
  if (!later.includes(name)) expect(text).toMatch(/\.\nin Chain\[0\]$/)
})

/** Where a promise is as good as any value, or a function or a size is wanted. */
const early = [
  ...[
    ...initializers,
    'cachePart',
    'clone',
    'fromPyTorch',
    'identity',
    'identityInit',
    'isTraining',
    'layer',
    'LayerNorm',
    'Maxout',
    'rule',
  ],
  ...['SkipConnection', 'sparseInit', 'truncatedNormal'],
]
it.each(inRows.filter(([name]) => !early.includes(name)))('%s says that what comes too early is to be awaited', async (name, value) => {
  for (const [i, arg] of rows[name]().entries()) {
    if (Object(arg) !== arg) continue
    const args = rows[name]().map((each, j) => (i === j ? Promise.resolve(each) : each))
    expect(`${i}: ${await message(() => calledWith(value, args))}`).toMatch(/await/i)
  }
})

it.each([...variadic, ...rules])('%s says where in a model it failed', async name => {
  const call = () => (f as unknown as Record<string, Call>)[name](rules.includes(name) ? { nonsense: 1 } : 1)
  expect(await message(() => f.Chain({ odd: call })(x))).toMatch(new RegExp(`^TypeError: ${name}: .*\\.\\nin Chain\\.odd$`))
})

it.each(inRows.filter(([name]) => rows[name]().length > 0 && name !== 'DataLoader' && name !== 'Step'))(
  '%s in map',
  async (name, value) => {
    const [list, count] = [[rows[name]()[0]], rows[name]().length]
    // The index would be taken for an argument.
    if (count > 1 || elsewhere.includes(name)) expect(await message(() => list.map(value)[0])).toMatch(/^(Type|Range)Error: /)
    else list.map(value)
  },
)

it.each(ownOptions)('%s knows its options', async (name, value) => {
  const before = rows[name]().slice(0, -1)
  expect(await message(() => calledWith(value, [...before, { nonsense: 1 }]))).toContain(
    `TypeError: ${name}: there is no option 'nonsense'.`,
  )
  for (const odd of [true, null, [1], new Map(), x, new Float32Array(1), Promise.resolve()]) {
    expect(await message(() => calledWith(value, [...before, odd]))).toMatch(/^TypeError: /)
  }
})

it.each(inRows.filter(([name]) => name in f.Tensor.prototype))('%s passes all on as a method', async name => {
  const [first, ...rest] = rows[name]() as [never, ...unknown[]]
  const text = await message(inChain(() => (first[name] as Call).call(first, ...rest, 7)))
  expect(text).toContain(`TypeError: ${name}: there is an argument too many: 7 came.`)
  expect(text).toMatch(/\nin Chain\[0\]$/)
})

describe.each(Object.entries(methods))('a method of %s', (owner, [object, rows]) => {
  it('has a row', () => {
    const { prototype } = (f as unknown as Record<string, { prototype: object }>)[owner]
    const own = Object.entries(Object.getOwnPropertyDescriptors(prototype)).filter(([, { value }]) => typeof value === 'function')
    const missing = own
      .map(([name]) => name)
      .filter(name => !(name in rows) && !hidden.includes(name) && !library.some(([each]) => each === name))
    expect(missing).toEqual([])
  })

  it.each(Object.entries(rows))('%s takes nothing more', async (name, args) => {
    const target = object() as Record<string, Call>
    const text = await message(inChain(() => target[name](...args, 7)))
    expect(text).toMatch(/^TypeError: [\w.]+: there is an argument too many: 7 came\..*\nin Chain\[0\]$/s)
  })
})

it.each(initializers)('%s knows its options', name => {
  const initializer = (f as unknown as Record<string, (options: object) => Call>)[name]
  expect(() => initializer({ gian: 1 })).toThrow(new TypeError(`${name}: there is no option 'gian'. There is gain.`))
  expect(() => initializer({ gain: 1 })([2], 7)).toThrow(new TypeError(`${name}: there is an argument too many: 7 came.`))
})

it.each(rules)('%s knows its hyperparameters', async name => {
  const make = (f as unknown as Record<string, Call>)[name]
  const { hyper } = (name === 'AccumGrad' ? make(2) : make()) as { hyper: object }
  expect(await message(() => make(...Object.values(hyper), 7))).toContain(
    `TypeError: ${name}: takes ${Object.keys(hyper).length} hyperparameters`,
  )
  expect(await message(() => make({ nonsense: 1 }))).toContain(`TypeError: ${name}: there is no hyperparameter 'nonsense'.`)
})

describe('an argument or an option that another library has', () => {
  const any = f as unknown as Record<string, Call>
  const m = x as unknown as Record<string, Call>
  it.each<[text: string, call: () => unknown]>([
    ['mean: options are an object: true came. Write { keepDims: true }. There is keepDims.', () => m.mean(1, true)],
    ["mean: there is no option 'keepdims'. Is keepDims meant? There is keepDims.", () => m.mean(1, { keepdims: true })],
    ["sum: there is no option 'keepdim'. Is keepDims meant? There is keepDims.", () => m.sum(1, { keepdim: true })],
    ["std: there is no option 'ddof'. Is correction meant? There are keepDims and correction.", () => m.std(0, { ddof: 1 })],
    ['matmul: options are an object: true came. There are transposeLeft and transposeRight.', () => f.matmul(x, x, true as never)],
    ['transpose: there is an argument too many: an array came. Write permute(x, axes) to order all axes.', () => m.transpose([1, 0, 2])],
    ...(
      [
        ['reshape: the shape is', '4, -1', () => m.reshape(4, -1)],
        ['broadcastTo: the shape is', '2, 4, 1', () => m.broadcastTo(2, 4, 1)],
        ['permute: the axes are', '1, 0', () => m.permute(1, 0)],
        ['zeros: the shape is', '2, 3', () => any.zeros(2, 3)],
        ['ones: the shape is', '2, 3, 4', () => any.ones(2, 3, 4)],
        ['rand: the shape is', '2, 3', () => any.rand(2, 3)],
        ['randn: the shape is', '2, 3', () => any.randn(2, 3)],
        ['randint: the shape is', '2, 3', () => any.randint(0, 5, 2, 3)],
        ['bernoulli: the shape is', '2, 3', () => any.bernoulli(0.5, 2, 3)],
        ['full: the shape is', '2, 3', () => any.full(2, 3, 1)],
        ['tensor: the shape is', '3, 2', () => any.tensor(new Float32Array(6), 3, 2)],
        ['glorotUniform: the shape is', '2, 3', () => any.glorotUniform(2, 3)],
      ] as const
    ).map(([what, came, call]): [string, () => unknown] => [`${what} a list: ${came} came. Write [${came}].`, call]),
    ["slice: there is an argument too many: 2 came. Write slice('0:2').", () => m.slice(0, 2)],
    ["slice: there is an argument too many: 0 came. Write slice('..., 0').", () => m.slice('...', 0)],
    ['slice: takes a text, or a list with one entry an axis: a tensor. Write x.gather(indices).', () => m.slice(classes)],
    [
      'slice: takes a text, or a list with one entry an axis: a tensor. By a mask choose with filterObs, or where(mask, x, 0).',
      () => m.slice(x.greater(0)),
    ],
    ['slice: an entry is a number, a list [start, stop, step] or null: a tensor came. Write x.gather(indices).', () => m.slice([classes])],
    ['tile: the times are a list: 2, 2 came. Write [2, 2].', () => m.tile(2, 2)],
    ['flip: the axes are a list: 0, 1 came. Write [0, 1].', () => m.flip(0, 1)],
    ['sort: an axis is a number: object. Options come behind the axis.', () => m.sort({ descending: true })],
    ['sum: an axis is a number or a list of numbers: object. Write sum(x, 0).', () => m.sum({ axis: 0 })],
    ['softmax: an axis is a number: object. Write softmax(x, -1).', () => m.softmax({ dim: -1 })],
    ['squeeze: the axes are a list: 0, 1 came. Write [0, 1].', () => m.squeeze(0, 1)],
    ['argMax: an axis is a number: object. Options come behind the axis.', () => m.argMax({ keepDims: true })],
    [
      "oneHot: an index is a number: 'a' came. Count names: labels.map(each => names.indexOf(each)).",
      () => any.oneHot(['a', 'b'], ['a', 'b']),
    ],
    ["gather: an index is a number: 'a' came. Count names: labels.map(each => names.indexOf(each)).", () => m.gather(['a'])],
    ['eye: sizes are numbers: an array came. Write eye(2, 3).', () => any.eye([2, 3])],
    ['pad: widths are one pair [before, after] an axis: 1. Write [[1, 1]].', () => any.pad(f.ones([3]), 1)],
    ['pad: widths are one pair [before, after] an axis: an array. Write [[2, 1], [2, 1]].', () => any.pad(x, [2, 1])],
    ['pad: options are an object: 9 came. Write { value: 9 }. There are mode and value.', () => any.pad(x, [], 9)],
    ['huber: options are an object: 0.5 came. Write { delta: 0.5 }. There are agg and delta.', () => any.huber(x, x, 0.5)],
    ["huber: options are an object: 'sum' came. There are agg and delta.", () => any.huber(x, x, 'sum')],
    ['norm: options are an object: 1 came. Write { p: 1 }. There are keepDims and p.', () => m.norm(1, 1)],
    ['sum: options are an object: 1 came. There is keepDims.', () => m.sum(0, 1)],
    ['zeros: options are an object: 3 came. There is dtype.', () => any.zeros([2], 3)],
    ['randn: options are an object: 0 came. Write { mean: 0 }. There are mean and std.', () => any.randn([2], 0, 0.01)],
    ["zeros: options are an object: 'int32' came. Write { dtype: 'int32' }. There is dtype.", () => any.zeros([2], 'int32')],
    [
      'mse: options are an object: sum came. Write { agg: sum }. There is agg.',
      () => f.mse(x, x, Object.defineProperty(() => x, 'name', { value: 'sum$2' }) as never),
    ],
    ['mse: options are an object: abs came. Write { agg: abs }. There is agg.', () => f.mse(x, x, f.abs as never)],
    [
      "crossEntropy: there is no option 'dim'. Is axis meant? There are agg, axis, weight, ignoreIndex and eps.",
      () => any.crossEntropy(x, classes, { dim: 1 }),
    ],
    [
      'DataLoader: options are an object: 64 came. Write { batchSize: 64 }. There are batchSize, shuffle, partial, seed, collate, map and prefetch.',
      () => new f.DataLoader(x, 64 as never),
    ],
    [
      'splitObs: options are an object: 0.5 came. Write { at: 0.5 }. There are at, shuffle, seed and stratified.',
      () => any.splitObs(x, 0.5),
    ],
    [
      'splitObs: options are an object: undefined came. Write { at: ... }. There are at, shuffle, seed and stratified.',
      () => any.splitObs(x),
    ],
    [
      'train: options are an object: 20 came. Write { epochs: 20 }. There are epochs, steps, callbacks, signal, progress, breathe, validation, metrics, onDiverged, trace, checkpoint and resume.',
      () => f.train(loss, ps, [x], opt, 20 as never),
    ],
    [
      'configure: options are an object: true came. Write { deterministic: true }. There are deterministic and wide.',
      () => f.configure(true as never),
    ],
    ['accuracy: inputs and targets are one argument. Write accuracy(model, [x, y]).', () => any.accuracy(model, x, classes)],
    [
      'Dense: there is an argument too many: object came. Ready tensors leave no options.',
      () => any.Dense(x, true, f.relu, { bias: false }),
    ],
    ['sum: options are an object: an array came. In map, write x => sum(x). There is keepDims.', () => [x].map(any.sum)],
    ['softmax: map passes an index, which would be an argument. Write x => softmax(x).', () => [x].map(any.softmax)],
    ['add: there are 2 arguments too many: 3 and an array came.', () => any.add(x, x, 3, [])],
  ])('%s', async (text, call) => expect(await message(call)).toBe(`TypeError: ${text}`))

  it('throttle says that it needs seconds', () => {
    expect(() => any.throttle(loss, Symbol('s'))).toThrow(
      new RangeError('throttle: seconds is a number from 0: Symbol(s). Write throttle(f, 1).'),
    )
    expect(() => any.throttle(loss)).toThrow(new RangeError('throttle: seconds is a number from 0: undefined. Write throttle(f, 1).'))
  })
})

it('takes a function of one argument in map and forEach', () => {
  expect([x, x.neg()].map(f.relu).map(each => each.toArray())).toEqual([
    x.toArray(),
    [
      [0, 0],
      [0, 0],
    ],
  ])
  ;[x].forEach(f.keep)
  expect(() => ([x] as unknown[]).map((each, i) => (f.relu as Call)(each, i, [1]))).toThrow(TypeError)
})
