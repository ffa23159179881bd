// A variational autoencoder (Kingma & Welling 2014) learns to draw digits: an encoder makes a few numbers of an image, a decoder an image of a few numbers,
// and since those of all digits together spread as chance does, any that chance gives become a digit that nobody wrote.
// It learns from the digits that come with the library. The picture is written by a package: `npm install pngjs`. Run it with
// `node examples/vae.mjs [--epochs 100] [--seed 1] [--first N] [--file vae.png] [--resume [FOLDER]]`; `--first 400` learns from the first 400 only.
//
// Digits that it never saw cost 23.85 nats (the bound of their log likelihood, for levels of gray as chances of ink).
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  Adam,
  add,
  Chain,
  Conv,
  ConvTranspose,
  CosAnneal,
  DataLoader,
  Dense,
  exp,
  Flatten,
  identity,
  logitBinaryCrossEntropy,
  manualSeed,
  mul,
  pad,
  randn,
  relu,
  scope,
  setup,
  sigmoid,
  split,
  square,
  sub,
  toImageData,
  train,
  upsample,
} from 'fluxtape'
import { digits } from 'fluxtape/datasets'
import { PNG } from 'pngjs'

const { values, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--resume'),
  options: {
    epochs: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: 'Infinity' },
    file: { type: 'string', default: 'vae.png' },
    resume: { type: 'boolean', default: false },
  },
})
const epochs = Number(values.epochs)
/** How many numbers stand for an image. */
const SIZE = 8

manualSeed(Number(values.seed))
const image = x => x.reshape([-1, 1, 8, 8])
const unflatten = x => x.reshape([-1, 32, 2, 2])
const vae = {
  // From images [n, 1, 8, 8] to [n, 2 x SIZE]: the mean and the logarithm of the variance of each number.
  encoder: Chain(
    Conv([3, 3], 1, 16, relu, { pad: 1 }),
    Conv([3, 3], 16, 32, relu, { stride: 2, pad: 1 }),
    Conv([3, 3], 32, 32, relu, { stride: 2, pad: 1 }),
    Flatten(),
    Dense(32 * 2 * 2, 2 * SIZE),
  ),
  // And back from [n, SIZE]: how likely ink is at each pixel, as logits.
  decoder: Chain(
    Dense(SIZE, 32 * 2 * 2, relu),
    unflatten,
    ConvTranspose([4, 4], 32, 32, relu, { stride: 2, pad: 1 }),
    ConvTranspose([4, 4], 32, 16, relu, { stride: 2, pad: 1 }),
    Conv([3, 3], 16, 1, identity, { pad: 1 }),
  ),
}
console.log(`encoder: ${vae.encoder}\n\ndecoder: ${vae.decoder}\n`)

/** What an image costs on average: what the decoder gets wrong, and how far the encoder's numbers are from those of chance (eq. 10 there). */
function loss({ encoder, decoder }, x) {
  const [mean, logVariance] = split(encoder(x), 2, -1)
  const z = add(mean, mul(exp(logVariance.mul(0.5)), randn(mean.shape)))
  const wrong = logitBinaryCrossEntropy(decoder(z), x, { agg: all => all.sum() })
  const far = sub(add(square(mean), exp(logVariance)), logVariance.add(1))
    .sum()
    .mul(0.5)
  return wrong.add(far).div(x.shape[0])
}

const { train: trainSet, test: testSet } = digits()
const x = image(trainSet[0].slice([[0, Math.min(trainSet[1].size, Number(values.first))]]))
const test = image(testSet[0])
const loader = new DataLoader([x], { batchSize: 32, shuffle: true })
const optimizer = Adam(CosAnneal(2e-3, 0, epochs * loader.length))
/** With `--resume` a run is saved into a folder, and the same command goes on from there. */
const path = positionals[0] ?? `runs/vae/seed-${values.seed}`
const saved = values.resume && { checkpoint: { path }, resume: path }
const history = await train(loss, vae, loader, setup(optimizer, vae), { epochs, progress: true, ...saved })
const seconds = history.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0)

/** Numbers by chance, drawn: [n, 1, 8, 8] from 0 to 1. */
const samples = n => scope(() => sigmoid(vae.decoder(randn([n, SIZE]))))

console.log('\ndigits that nobody wrote')
const BLOCKS = [' ', '░', '▒', '▓', '█']
for (let line = 0; line < 2; line++) {
  const drawn = samples(6).toArray()
  for (let row = 0; row < 8; row++) {
    console.log(drawn.map(([digit]) => digit[row].map(level => BLOCKS[Math.round(4 * level)].repeat(2)).join('')).join('  '))
  }
}

// A picture of 10 by 16 digits with room around each, and each level four pixels wide.
const [ROWS, COLUMNS] = [10, 16]
const picture = scope(() => {
  const around = [1, 1]
  const tiles = pad(samples(ROWS * COLUMNS), [[0, 0], [0, 0], around, around]).reshape([ROWS, COLUMNS, 10, 10]) // biome-ignore format: one line
  const grid = tiles.permute([0, 2, 1, 3]).reshape([1, 1, 10 * ROWS, 10 * COLUMNS])
  return toImageData(upsample(grid, 'nearest', { scale: 4 }).squeeze(0))
})
const png = new PNG({ width: picture.width, height: picture.height })
png.data.set(picture.data)
writeFileSync(values.file, PNG.sync.write(png))

const cost = scope(() => loss(vae, test).item())
console.log(
  `\n${epochs} epochs in ${seconds.toFixed(1)} s, loss ${history.epochs.at(-1).loss.toFixed(3)}; digits that it never saw cost ${cost.toFixed(2)} nats; ${ROWS * COLUMNS} drawn ones are in ${values.file}`,
)
