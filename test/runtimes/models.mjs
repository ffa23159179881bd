// The models whose training must give the same bits everywhere. A new one is one entry:
//   name     as docs/bits.md lists it
//   build    makes the model; random numbers come from a fixed seed
//   data     observations for a DataLoader, from those of the digits, [x, y]
//   batch    observations in a step
//   input    of the model, from a batch of x; may be left out
//   loss     of a batch
//   rule     the optimizer
//   steps    how many are taken; STEPS if left out; dear ones take fewer
// A Chain is traced layer by layer when bits differ, any other model as a whole.

const STEPS = 1000
/** Of a run that repeats another one by day: its bits are compared with those of the other after each step. */
export const FIRST_STEPS = 100

/** Of a whole run of a model. */
export const stepsOf = ({ steps = STEPS }) => steps

export const models = [
  {
    name: 'MLP 64-32-10',
    build: ({ Chain, Dense, relu }) => Chain(Dense(64, 32, relu), Dense(32, 10)),
    data: (_, digits) => digits,
    // Noise draws on the random numbers, and batches of 256 are large enough to be shared among threads.
    batch: 256,
    input: ({ randn }, x) => x.add(randn(x.shape, { std: 0.1 })),
    loss: ({ logitCrossEntropy }, output, y) => logitCrossEntropy(output, y),
    rule: ({ Adam }) => Adam(1e-3),
  },
  {
    name: 'CNN of 8 x 8 digits',
    build: ({ BatchNorm, Chain, Conv, Dense, Dropout, flatten, MaxPool, relu }) =>
      Chain(
        Conv([3, 3], 1, 6, { pad: 1, bias: false }),
        BatchNorm(6, relu),
        MaxPool([2, 2]),
        Conv([3, 3], 6, 8, relu, { pad: 'same', stride: 2 }),
        flatten,
        Dropout(0.2),
        Dense(32, 10),
      ),
    data: (_, digits) => digits,
    batch: 96,
    input: (_, x) => x.reshape([x.shape[0], 1, 8, 8]),
    loss: ({ logitCrossEntropy }, output, y) => logitCrossEntropy(output, y),
    rule: ({ AdamW }) => AdamW(1e-3),
  },
  {
    // Reads an image as a sequence of its rows, in two layers and both directions.
    name: 'LSTM of rows of digits',
    build: ({ Chain, Dense, LSTM }) => Chain(LSTM(8, 12, { layers: 2, bidirectional: true }), x => x.mean(1), Dense(24, 10)),
    data: (_, digits) => digits,
    batch: 64,
    input: (_, x) => x.reshape([x.shape[0], 8, 8]),
    loss: ({ logitCrossEntropy }, output, y) => logitCrossEntropy(output, y),
    rule: ({ ClipGlobalNorm, OptimizerChain, RMSProp }) => OptimizerChain(ClipGlobalNorm(1), RMSProp(1e-3)),
    steps: 100,
  },
  {
    name: 'GPT of pixels of digits',
    build: ({ Chain, Dense, Embedding, gelu, LayerNorm, MultiHeadAttention, SinusoidalPositions, SkipConnection, add }) =>
      Chain(
        Embedding(17, 16),
        SinusoidalPositions(),
        SkipConnection(Chain(LayerNorm(16), MultiHeadAttention(16, { heads: 2, causal: true })), add),
        SkipConnection(Chain(LayerNorm(16), Dense(16, 32, gelu), Dense(32, 16)), add),
        LayerNorm(16),
        Dense(16, 17),
      ),
    // Tokens are the 17 levels of gray, and each pixel follows from those before it.
    data: (_, [x]) => {
      const tokens = x.mul(16).round().cast('int32')
      return [tokens.slice(':, :32'), tokens.slice(':, 1:33')]
    },
    batch: 32,
    loss: ({ logitCrossEntropy }, output, y) => logitCrossEntropy(output, y),
    rule: ({ AdamW }) => AdamW(1e-3),
    steps: 100,
  },
]
