import * as f from 'fluxtape'
import { expect, it } from 'vitest'

const x = f.zeros([4, 3])
const classes = f.zeros([4], { dtype: 'int32' })
/** Calls with an option that does not exist, as JavaScript can make them. */
const calls: readonly [call: (odd: never) => unknown, odd: object, message: string][] = [
  [odd => f.Dense(2, 2, f.relu, odd), { biass: false }, "Dense: there is no option 'biass'. Is bias meant? There are bias and init."],
  [odd => f.Dense(2, 2, f.relu, odd), { bias: 3 }, 'Dense: the bias is true, false or a tensor: 3 came.'],
  [
    odd => f.layer('Own', { w: x }, () => x, odd),
    { train: ['w'] },
    "layer: there is no option 'train'. Is trainable meant? There are trainable and label.",
  ],
  [odd => f.mse(x, x, odd), { ag: f.sum }, "mse: there is no option 'ag'. Is agg meant? There is agg."],
  [odd => f.mae(x, x, odd), { reduction: f.sum }, "mae: there is no option 'reduction'. Is agg meant? There is agg."],
  [
    odd => f.logitCrossEntropy(x, classes, odd),
    { ignoreindex: 0 },
    "logitCrossEntropy: there is no option 'ignoreindex'. Is ignoreIndex meant? There are agg, axis, weight and ignoreIndex.",
  ],
  [
    odd => f.crossEntropy(x, classes, odd),
    { epsilon: 1 },
    "crossEntropy: there is no option 'epsilon'. Is eps meant? There are agg, axis, weight, ignoreIndex and eps.",
  ],
  [
    odd => f.logitBinaryCrossEntropy(x, x, odd),
    { weight: 2 },
    "logitBinaryCrossEntropy: there is no option 'weight'. There are agg and posWeight.",
  ],
  [odd => f.huber(x, x, odd), { beta: 1 }, "huber: there is no option 'beta'. There are agg and delta."],
  // What is a switch is true or false.
  ...Object.entries({ sum: f.sum, mean: f.mean, max: f.max, prod: f.prod, norm: f.norm, argMin: f.argMin, any: f.any, std: f.std }).map(
    ([name, reduce]) =>
      [odd => reduce(x, 0, odd), { keepDims: 'axis' }, `${name}: keepDims is true or false: 'axis' came.`] as (typeof calls)[number],
  ),
  [odd => f.sort(x, 0, odd), { descending: Object.create(null) }, 'sort: descending is true or false: object came.'],
  [odd => f.argSort(x, 0, odd), { descending: 1 }, 'argSort: descending is true or false: 1 came.'],
  [odd => f.matmul(x, x, odd), { transposeLeft: 2 }, 'matmul: transposeLeft is true or false: 2 came.'],
  [odd => f.CosAnneal(1, 0, 5, odd), { restart: 'no' }, "CosAnneal: restart is true or false: 'no' came."],
  [odd => f.throttle(() => 1, 1, odd), { leading: 0 }, 'throttle: leading is true or false: 0 came.'],
  [odd => f.splitObs(x, odd), { at: 0.5, shuffle: 'yes' }, "splitObs: shuffle is true or false: 'yes' came."],
  [odd => f.kFolds(x, 2, odd), { shuffle: [1] }, 'kFolds: shuffle is true or false: an array came.'],
  [odd => f.norm(x, 0, odd), { p: '2' }, "norm: p is a number: '2' came."],
  [odd => f.variance(x, 0, odd), { correction: 1n }, 'variance: correction is a number: 1n came.'],
  [odd => f.std(x, 0, odd), { correction: Object.create(null) }, 'std: correction is a number: object came.'],
  // What is no object with names is no options.
  [
    odd => f.mae(x, x, odd),
    /x/,
    'mae: options are an object: a RegExp came. Several things that belong together stand in a list: [x, y]. There is agg.',
  ],
  [odd => f.Descent(odd), new Date(0), 'Descent: eta must be a number or a schedule: a Date.'],
  [odd => f.Adam(0.1, odd), new Map(), 'Adam: beta must be a list of 2 numbers: a Map.'],
  [odd => f.orthogonal([2, 2], odd), { gain: null }, 'orthogonal: gain is a number: null came.'],
  [
    odd => f.mse(x, x, odd),
    { agg: async () => 1 },
    'mse: agg gives a tensor: a promise came. Write { agg: sum }, with the sum, mean or identity of fluxtape.',
  ],
  [odd => f.huber(x, x, odd), { delta: '1' }, "huber: delta is a number: '1' came."],
  [odd => f.dice(x, x, odd), { dim: 0 }, "dice: there is no option 'dim'. Is axis meant? There are agg, axis and smooth."],
  [odd => f.tversky(x, x, odd), { alpha: 0 }, "tversky: there is no option 'alpha'. There are agg, axis, beta and smooth."],
  [odd => f.binaryFocal(x, x, odd), { alpha: 0 }, "binaryFocal: there is no option 'alpha'. There are agg, gamma and eps."],
  [
    odd => f.ctc(x, classes, odd),
    { zeroInfinity: true },
    "ctc: there is no option 'zeroInfinity'. There are agg, blank, lengths and targetLengths.",
  ],
  [odd => f.ctc(x, classes, odd), { blank: true }, 'ctc: blank is a number: true came.'],
  [odd => f.labelSmoothing(x, 0.1, odd), { dim: 1 }, "labelSmoothing: there is no option 'dim'. Is axis meant? There is axis."],
  [odd => f.kFolds(x, 2, odd), { stratify: classes }, "kFolds: there is no option 'stratify'. Is stratified meant? There are shuffle, seed and stratified."], // biome-ignore format: one line
  [odd => f.splitObs(x, odd), { att: 0.5 }, "splitObs: there is no option 'att'. Is at meant? There are at, shuffle, seed and stratified."],
  [odd => f.kFolds(x, 2, odd), { folds: 2 }, "kFolds: there is no option 'folds'. There are shuffle, seed and stratified."],
  [odd => f.shuffleObs(x, odd), { key: 2 }, "shuffleObs: there is no option 'key'. There is seed."],
  [
    odd => f.throttle(() => 1, 1, odd),
    { trail: true },
    "throttle: there is no option 'trail'. Is trailing meant? There are leading and trailing.",
  ],
  [odd => f.update(f.Descent(), x, f.ones([4, 3]), odd), { hold: true }, "update: there is no option 'hold'. There is keep."],
  [
    odd => f.train(() => f.mean(x), f.params(x), [1], f.Descent(), { callbacks: odd }),
    { onstep: () => 1 },
    "train: callbacks: there is no option 'onstep'. Is onStep meant? There are onStart, onGradient, onStep, onEpoch, onEnd, state and load.",
  ],
  [
    () => f.train(() => f.mean(x), f.params(x), [1], f.Descent(), { callbacks: 3 as never }),
    {},
    'train: a callback is a function, or an object with onStart, onGradient, onStep, onEpoch, onEnd, state, load: number came.',
  ],
  [() => new f.DataLoader(null as never), {}, 'DataLoader: data is a tensor, a typed array, a list, or a record of these: null came.'],
]

it.each(calls)('refuses %s with %o', (call, odd, message) => {
  expect(() => call(odd as never)).toThrow(new TypeError(message))
})

it('refuses an asynchronous onGradient, which would be too late to skip', async () => {
  const run = f.train(() => f.mean(x), f.params(x), [[]], f.Descent(), { callbacks: { onGradient: async () => f.skip } })
  await expect(run).rejects.toThrow(
    new TypeError('train: onGradient: the function returned a promise. Await the data before, and pass a function that is not async.'),
  )
})

// What other libraries call options of layers of sequences, and what is to be written instead.
const attention = f.MultiHeadAttention(4, { heads: 2 })
const lookUp = (odd: object) => attention(f.ones([1, 2, 4]), odd)
const lstm = (odd: object) => f.LSTM(3, 4, odd)
const write = (odd: object) => f.generate(y => y, [1], odd)
const elsewhere: readonly [make: (odd: object) => unknown, name: string, hint: string][] = [
  [odd => f.MultiHeadAttention(4, odd), 'num_heads', 'Is heads meant?'],
  [odd => f.MultiHeadAttention(4, odd), 'numHeads', 'Is heads meant?'],
  [odd => f.MultiHeadAttention(4, odd), 'dropout_p', 'Is dropout meant?'],
  [odd => f.MultiHeadAttention(4, odd), 'is_causal', 'Is causal meant?'],
  [odd => f.MultiHeadAttention(4, odd), 'batch_first', 'Sequences are [batch, time, features].'],
  [odd => f.MultiHeadAttention(4, odd), 'attn_mask', 'A mask goes to the call, { mask }: bool, true where a query may attend.'],
  [lookUp, 'attn_mask', 'A mask goes to the call, { mask }: bool, true where a query may attend.'],
  [lookUp, 'key_padding_mask', 'A mask goes to the call, { mask }: bool, true where a query may attend.'],
  [lookUp, 'need_weights', 'Is returnWeights meant?'],
  [lookUp, 'isCausal', 'Is causal meant?'],
  [lstm, 'num_layers', 'Is layers meant?'],
  [lstm, 'batch_first', 'Sequences are [batch, time, features].'],
  [lstm, 'hidden_size', 'Sizes come first: LSTM(inputs, units).'],
  [lstm, 'return_state', 'Is returnState meant?'],
  [odd => f.RNN(3, 4, odd), 'nonlinearity', 'An activation is an argument: RNN(3, 5, relu).'],
  [write, 'max_new_tokens', 'Is length meant?'],
  [write, 'max_length', 'Is length meant?'],
  [write, 'top_p', 'Is topP meant?'],
  [odd => f.Embedding(3, 4, odd), 'padding_idx', 'Is paddingIdx meant?'],
]
it.each(elsewhere)('%o of %s says what to write: %s', (make, name, hint) => {
  expect(() => make({ [name]: 1 })).toThrow(`: there is no option '${name}'. ${hint} There `)
})

// A bare value where options stand is written as an option that it is likely to be, or as none.
const bare: readonly [call: (odd: never) => unknown, came: unknown, hint: string][] = [
  [odd => f.LSTM(3, 5, odd), 2, 'Write { layers: 2 }. There are layers,'],
  [odd => f.RNN(3, 5, f.relu, odd), 2, 'Write { layers: 2 }. There are layers,'],
  // Several are switches: which one is meant nobody knows.
  [odd => f.LSTM(3, 5, odd), false, 'There are layers,'],
  [odd => f.LSTM(3, 5, odd), 2, 'Write { layers: 2 }. There are layers,'],
  [odd => f.BatchNorm(3, f.relu, odd), 0.1, 'Write { eps: 0.1 }. There are affine,'],
  [odd => f.Dense(3, 5, f.relu, odd), true, 'Write { bias: true }. There are bias'],
  [odd => f.LSTMCell(3, 5, odd), 2, 'There are bias,'],
  [odd => f.GRUCell(3, 5, odd), 2, 'There are bias,'],
  [odd => f.RNNCell(3, 5, f.relu, odd), 2, 'There are bias,'],
  [odd => f.MultiHeadAttention(8, odd), 2, 'Write { heads: 2 }. There are heads,'],
  [odd => f.SinusoidalPositions(odd), 64, 'Write SinusoidalPositions().'],
  [odd => f.RotaryPositions(odd), 64, 'Write RotaryPositions().'],
]
it.each(bare)('%o with %o says what to write: %s', (call, came, hint) => {
  expect(() => call(came as never)).toThrow(`: options are an object: ${came} came. ${hint}`)
})

it('hints at nothing where there is nothing near', () => {
  expect(() => f.splitObs(x, { format: 1 } as never)).toThrow("splitObs: there is no option 'format'. There are at, ")
  expect(() => f.GRU(3, 4, { forgetBias: 1 } as never)).toThrow("GRU: there is no option 'forgetBias'. There are layers, ")
})
