// The models whose training must give the same bits everywhere. A new one is one entry:
//   name     as docs/bits.md lists it
//   build    makes the model; random numbers come from a fixed seed
//   data     observations for a DataLoader, from those of the digits, [x, y]
//   batch    observations in a step
//   input    of the model, from a batch of x; may be left out
//   loss     of a batch
//   rule     the optimizer
// A Chain is traced layer by layer when bits differ, any other model as a whole.

export const STEPS = 1000
/** Of a run that repeats another one by day: its bits are compared with those of the other after each step. */
export const FIRST_STEPS = 100

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
]
