// One computation or more of every kernel (test/internal/pool.test.ts holds that), big enough to be shared.
import * as flux from 'fluxtape'
import {
  AccumGrad,
  AdaBelief,
  AdaDelta,
  AdaGrad,
  AdaMax,
  Adam,
  AdamW,
  AMSGrad,
  add,
  argMax,
  argSort,
  bernoulli,
  broadcastTo,
  ClipGlobalNorm,
  ClipGrad,
  cast,
  clamp,
  concat,
  crossEntropy,
  ctc,
  cumsum,
  Descent,
  elu,
  equal,
  exp,
  gather,
  gelu,
  gradient,
  identity,
  isNaN,
  Lion,
  leakyrelu,
  less,
  linear,
  log,
  logitBinaryCrossEntropy,
  logitCrossEntropy,
  logSoftmax,
  Momentum,
  manualSeed,
  matmul,
  max,
  min,
  mul,
  NAdam,
  Nesterov,
  neg,
  OAdam,
  type Optimizer,
  OptimizerChain,
  oneHot,
  permute,
  pow,
  prod,
  pullback,
  RAdam,
  RMSProp,
  Rprop,
  rand,
  randint,
  randn,
  SignDecay,
  scatterAdd,
  scope,
  slice,
  softmax,
  sort,
  sub,
  sum,
  type Tensor,
  takeAlong,
  tanh,
  topK,
  transpose,
  update,
  WeightDecay,
  where,
} from 'fluxtape'

manualSeed(3)
const [rows, columns] = [603, 501]
const x = randn([rows, columns])
const y = rand([rows, columns], { low: 0.5, high: 2 })
const row = randn([columns])
const column = randn([rows, 1])
const whole = randint(-50, 50, [rows, columns])
const other = randint(-50, 50, [rows, columns])
const few = randint(0, 9, [rows, 1])
const odd = randint(0, 2, [40_001, 50]).mul(2).sub(1)
const bools = less(x, 0)
const left = randn([203, 301])
const right = randn([301, 405])
const leftTransposed = transpose(left).add(0)
const rightTransposed = transpose(right).add(0)
const many = randn([6, 130, 130])
const wide = randn([64, 1024])
const deep = randn([24, 4_000])
const images = randn([8, 12, 33, 62])
const rowIndices = randint(0, rows, [1101])
const columnIndices = randint(0, columns, [rows, 1001])
const classes = randint(0, columns, [rows])
const start = randn([250_003])
const slope = randn([250_003])
/** Six rows a bag. */
const bags = rowIndices.slice(':1098').reshape([183, 6])
const planes = x.slice(':600, :480').reshape([20, 6, 40, 60])
const kernels = randn([7, 6, 3, 3])
const many3x3 = randn([160, 60, 3, 3])

/** Three steps of an optimizer on a large parameter and a small one. */
function steps(optimizer: Optimizer): Tensor {
  const parameter = start.add(0)
  for (let step = 0; step < 3; step++) update(optimizer, parameter, slope.mul(1 + step))
  return parameter
}

function drawn(draw: () => Tensor): Tensor {
  manualSeed(11)
  return draw()
}

function gradientOf(f: (tensor: Tensor) => Tensor, at: Tensor): Tensor {
  const [g] = gradient(f, at)
  if (!g) throw new Error('no gradient')
  return g
}

const library = { ...flux }

/** The cases of functions that differ in their kernel alone. */
const each = <Name extends string>(what: string, names: readonly Name[], compute: (name: Name) => Tensor): Record<string, () => Tensor> =>
  Object.fromEntries(names.map(name => [`${what}: ${name}`, () => compute(name)]))

/** The gradient where the forward pass is run for it alone, and where it is not, so that nothing is computed ahead. */
function byPullback(f: (tensor: Tensor) => Tensor, at: Tensor): Tensor {
  const [, back] = pullback(f, at)
  const [g] = back(y)
  back.dispose()
  if (!g) throw new Error('no gradient')
  return g
}

const activations = [
  'exp',
  'expm1',
  'sigmoid',
  'tanh',
  'erf',
  'gelu',
  'softplus',
  'leakyrelu',
  'mish',
  'swish',
  'softmax',
  'logSoftmax',
] as const

export const cases: Readonly<Record<string, () => Tensor>> = {
  ...each(
    'of an element',
    ['neg', 'abs', 'square', 'floor', 'ceil', 'round', 'sign', 'relu', 'expm1', 'sin', 'cos', 'tan', 'tanh', 'erf'],
    name => library[name](x),
  ),
  ...each('of an element', ['sigmoid', 'softplus', 'isFinite'], name => library[name](x)),
  ...each('of a positive element', ['reciprocal', 'sqrt', 'rsqrt', 'log1p'], name => library[name](y)),
  ...each('of a whole number', ['abs', 'square', 'sign'], name => library[name](whole)),
  ...each('of two', ['div', 'maximum', 'minimum', 'equal', 'notEqual', 'lessEqual'], name => library[name](x, y)),
  ...each('of two whole numbers', ['add', 'notEqual', 'less', 'lessEqual'], name => library[name](whole, other)),
  ...each('along an axis', ['min', 'argMin', 'norm'], name => library[name](x, 1)),
  ...each('along an axis of whole numbers', ['max', 'argMin'], name => library[name](whole, 1)),
  ...each('the gradient', activations, name => gradientOf(z => mul(library[name](z), y).sum(), x)),
  ...each('the gradient of the gradient', ['exp', 'sigmoid', 'tanh', 'gelu'], name =>
    gradientOf(
      z =>
        gradientOf(u => library[name](u).mul(y).sum(), z)
          .mul(x)
          .sum(),
      x,
    ),
  ),
  'the cross-entropy of targets that are probabilities': () => crossEntropy(softmax(x), softmax(y)),
  ...each('the pullback', activations, name => byPullback(z => library[name](z), x)),
  'the gradient: clamp': () => gradientOf(z => clamp(z, -0.5, 0.7).mul(y).sum(), x),
  'the gradient: relu': () => gradientOf(z => flux.relu(z).mul(y).sum(), x),
  'the gradient: pow': () => gradientOf(z => pow(z, x).sum(), y),
  'the gradient: norm': () => gradientOf(z => flux.norm(z, 1).sum(), x),
  'the gradient of two slices, added in place': () =>
    gradientOf(z => add(slice(z, '1:600'), slice(z, '2:601')).mul(y.slice(':599')).sum(), x),
  'bytes to bool': () => cast(cast(y.mul(100), 'uint8'), 'bool'),
  'the same in other words': () => sum(x, []),
  'a function of one element': () => exp(x),
  'a costly function': () => gelu(x),
  'a function of whole numbers': () => neg(whole),
  clamp: () => clamp(x, -0.5, 0.7),
  isNaN: () => isNaN(log(x)),
  'equal shapes': () => add(x, y),
  'equal shapes of whole numbers': () => mul(whole, other),
  'a number on the right': () => pow(y, 1.7),
  'a number on the left': () => sub(1, x),
  'a row that is repeated': () => mul(x, row),
  'a column that is repeated': () => add(x, column),
  'a row and a column': () => add(row, column),
  'a comparison': () => less(x, y),
  'a comparison with a row': () => less(x, row),
  'a comparison of whole numbers': () => equal(whole, other),
  where: () => where(bools, x, y),
  'float32 to int32': () => cast(x.mul(100), 'int32'),
  'float32 to bool': () => cast(x, 'bool'),
  'float32 to uint8': () => cast(y.mul(100), 'uint8'),
  'int32 to float32': () => cast(whole, 'float32'),
  'int32 to bool': () => cast(whole, 'bool'),
  'int32 to uint8': () => cast(whole.mul(whole).sub(1).clamp(0, 255), 'uint8'),
  'bool to float32': () => cast(bools, 'float32'),
  'bool to int32': () => cast(bools, 'int32'),
  'the sum along the first axis': () => sum(x, 0),
  'the sum along the last axis': () => sum(x, 1),
  'the sum of long rows': () => sum(x.slice(':600').reshape([30, 20 * columns]), 1),
  'the sum to one value': () => sum(x),
  'the product to one value': () => prod(odd.slice(':20000').cast('float32').mul(1.00001)),
  'the largest of all': () => max(x),
  'the smallest of all whole numbers': () => min(whole),
  'the sum of whole numbers': () => sum(whole, 0),
  'the product': () => prod(odd.cast('float32').mul(1.01), 1),
  'the product of whole numbers': () => prod(odd, 1),
  max: () => max(x, 0),
  'min of whole numbers': () => min(whole, 1),
  'argMax along the first axis': () => argMax(x, 0),
  'argMax of whole numbers': () => argMax(whole, 1),
  'the largest of each row': () => topK(x, 9).values,
  'their places, along the first axis': () => topK(x, 200, 0).indices,
  'the largest of whole numbers': () => topK(whole, 17).indices,
  'each row in order': () => sort(x),
  'columns of whole numbers, descending': () => argSort(whole, 0, { descending: true }),
  'running sums': () => cumsum(x, 1),
  'running sums along the first axis': () => cumsum(x, 0),
  'running sums of whole numbers': () => cumsum(whole, 0),
  leakyrelu: () => leakyrelu(x, 0.3),
  'elu and its gradient': () => gradientOf(z => elu(z, 0.7).mul(z).sum(), x),
  softmax: () => softmax(x),
  'batch norm': () => many.batchNorm(),
  'batch norm, its gradient': () => gradientOf(z => z.batchNorm().square().mul(many).sum(), many),
  'batch norm of a matrix, its gradient by scale': () => gradientOf(scale => x.batchNorm({ scale }).square().sum(), row),
  'batch norm by given statistics': () => x.batchNorm({ mean: row, variance: row.square() }),
  'layer norm': () => x.layerNorm(),
  'layer norm, its gradients': () => gradientOf(z => z.layerNorm({ scale: row }).square().sum(), x),
  'layer norm, its gradient by scale': () => gradientOf(scale => x.layerNorm({ scale }).square().sum(), row),
  'group norm, its gradient by scale': () => gradientOf(scale => many.groupNorm(10, { scale }).square().sum(), flux.ones([130])),
  'softmax along the first axis': () => softmax(x, 0),
  logSoftmax: () => logSoftmax(x),
  'the cross-entropy': () => logitCrossEntropy(x, classes),
  'its gradient': () => gradientOf(z => logitCrossEntropy(z, classes), x),
  'the binary cross-entropy': () => logitBinaryCrossEntropy(x, bools, { agg: identity }),
  'its slope': () => gradientOf(z => logitBinaryCrossEntropy(z, bools, { posWeight: 3 }), x),
  'the loss of sequences': () =>
    ctc(x.slice('0:64, 0:400').reshape([16, 40, 40]), classes.slice('0:256').reshape([16, 16]).maximum(0).minimum(38)),
  'its gradient by logits': () =>
    gradientOf(z => ctc(z.slice('0:64, 0:400').reshape([16, 40, 40]), classes.slice('0:256').reshape([16, 16]).minimum(38)), x),
  'the cross-entropy of probabilities': () => crossEntropy(softmax(x), classes, { agg: identity }),
  'gather of rows': () => gather(x, rowIndices),
  'gather along the last axis': () => gather(x, classes, 1),
  'gather at places in float32': () => gather(flux.tensor([3, 5]), few.abs().sign().cast('float32').broadcastTo([rows, columns])),
  'gather of bytes': () => gather(bools, rowIndices),
  'scatterAdd to rows': () => scatterAdd(x, rowIndices, broadcastTo(row, [1101, columns]), 0),
  'scatterAdd along the last axis': () => scatterAdd(x, classes, broadcastTo(column, [rows, rows]), 1),
  'scatterAdd of whole numbers': () => scatterAdd(whole, classes, broadcastTo(few, [rows, rows]), 1),
  takeAlong: () => takeAlong(x, columnIndices, 1),
  'its gradient, putAlong': () => gradientOf(z => takeAlong(z, columnIndices, 1).mul(column).sum(), x),
  oneHot: () => oneHot(classes, 1501),
  slice: () => slice(x, '3:590, 1:500:2'),
  concat: () => concat([x, y], 1),
  'concat of bytes': () => concat([bools, bools], 1),
  permute: () => permute(concat([many, many, many, many], 0), [1, 0, 2]).add(0),
  transpose: () => transpose(x).add(0),
  matmul: () => matmul(left, right),
  'matmul, left transposed': () => matmul(leftTransposed, right, { transposeLeft: true }),
  'matmul, right transposed': () => matmul(left, rightTransposed, { transposeRight: true }),
  'matmul, both transposed': () => matmul(leftTransposed, rightTransposed, { transposeLeft: true, transposeRight: true }),
  'matmul in batches': () => matmul(many, many),
  'matmul in batches with one matrix on the left': () => matmul(many.slice(':1'), many, { transposeRight: true }),
  'matmul of long rows': () => matmul(deep, deep, { transposeRight: true }),
  'matmul with strides of a power of two': () => matmul(wide, wide.slice(':, :130'), { transposeLeft: true }),
  conv: () => flux.conv(planes, kernels, { pad: 1, bias: row.slice(':7') }),
  'conv of many channels': () => flux.conv(planes.slice(':4, :, :, :60').reshape([4, 60, 24, 10]), many3x3),
  'the gradient of conv by the weight': () => gradientOf(w => flux.conv(planes, w, { stride: 2 }).square().sum(), kernels),
  convTranspose: () => flux.convTranspose(planes, kernels.reshape([6, 7, 3, 3]), { bias: row.slice(':7') }),
  'linear with a bias': () => linear(x, y.slice(':101'), row.slice(':101')),
  rand: () => drawn(() => rand([300_001])),
  randn: () => drawn(() => randn([300_001])),
  bernoulli: () => drawn(() => bernoulli(0.3, [300_001])),
  randint: () => drawn(() => randint(-7, 1000, [300_001])),
  'tanh and its gradient': () => gradientOf(z => tanh(z).sum(), x),
  ...each('2 x 2', ['maxPool', 'meanPool'], name => library[name](images, 2)),
  ...each('the gradient of 2 x 2', ['maxPool', 'meanPool'], name => gradientOf(z => library[name](z, 2).square().sum(), images)),
  ...each('3 x 3, one on', ['maxPool', 'meanPool'], name => library[name](images, 3, { stride: 1, pad: 1 })),
  ...each('the gradient of 3 x 3', ['maxPool', 'meanPool'], name =>
    gradientOf(z => library[name](z, 3, { stride: 2 }).square().sum(), images),
  ),
  'dropout and its gradient': () => drawn(() => gradientOf(z => flux.dropout(z, 0.3).mul(z).sum(), x)),
  'attention and its gradients': () => {
    flux.manualSeed(3)
    const attention = flux.MultiHeadAttention(80, { heads: 2, causal: true, dropout: 0.1 })
    return drawn(() => gradientOf(z => attention(z).square().sum(), x.slice(':, :80').reshape([1, -1, 80])))
  },
  'depthwise 3 x 3': () => flux.depthwiseConv(planes, kernels.slice(':6, :1'), { pad: 1 }),
  'the gradient of depthwise 3 x 3 by the weight': () =>
    gradientOf(w => flux.depthwiseConv(planes.slice(':, :, :, :56'), w, { pad: 1, stride: 2 }).square().sum(), kernels.slice(':6, :1')),
  ...each('embedding bags, their gradients', ['sum', 'max'], reduction =>
    gradientOf(w => flux.EmbeddingBag(w, reduction)(bags).square().sum(), x),
  ),
  'an embedding of one-hot rows': () => flux.Embedding(x)(oneHot(rowIndices, rows)),
  'rotary positions and their angles': () => flux.rotary(x.slice(':, :400')),
  'a recurrent layer and its gradients': () => {
    flux.manualSeed(3)
    const lstm = flux.LSTM(16, 64)
    return gradientOf(z => lstm(z).square().sum(), x.slice(':512, :16').reshape([32, 16, 16]))
  },
  Descent: () => steps(Descent(0.1)),
  Momentum: () => steps(Momentum(0.1)),
  Adam: () => steps(Adam(0.1)),
  AdamW: () => steps(AdamW(0.1)),
  Nesterov: () => steps(Nesterov()),
  RMSProp: () => steps(RMSProp()),
  'RMSProp, centred': () => steps(RMSProp({ centred: true })),
  RAdam: () => steps(RAdam()),
  AdaMax: () => steps(AdaMax()),
  OAdam: () => steps(OAdam()),
  AMSGrad: () => steps(AMSGrad()),
  NAdam: () => steps(NAdam()),
  AdaBelief: () => steps(AdaBelief()),
  AdaGrad: () => steps(AdaGrad()),
  AdaDelta: () => steps(AdaDelta()),
  Rprop: () => steps(Rprop()),
  Lion: () => steps(Lion()),
  'SignDecay, ClipGrad and AccumGrad': () => steps(OptimizerChain(SignDecay(), ClipGrad(0.1), AccumGrad(2))),
  'ClipGlobalNorm and WeightDecay': () => steps(OptimizerChain(ClipGlobalNorm(0.5), WeightDecay(0.1))),
}

/** A product that is worth waking the threads for. They look for work for a while after it, and so take smaller jobs, too. */
export function wake(): void {
  scope(() => void matmul(left, right))
}

/** The bytes of what a computation gives; everything else of it is freed. */
export function bytesOf(compute: () => Tensor): Uint8Array {
  const result = scope(compute)
  const data = result.data()
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
  result.dispose()
  return bytes
}
