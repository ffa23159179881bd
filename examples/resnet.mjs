// A residual network (He et al. 2015) tells small color images apart: what a block computes is added to what came in, so that deep networks learn, too.
// Run it with `node examples/resnet.mjs [--data DIR] [--epochs 10] [--seeds 1,2,3] [--first N] [--tests 500] [--resume [FOLDER]]`. DIR holds CIFAR-10's binary
// files (data_batch_1.bin to data_batch_5.bin and test_batch.bin of www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz); without it the images are drawn
// below: six light shapes on dark ground, anywhere, turned and noisy. `--first 500` learns from the first 500 images only, `--tests` says how many shapes
// are drawn to test on.
//
// Of 500 shapes that it never saw it names 98.0 % after it has learned from 2,000.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  AdamW,
  accuracy,
  add,
  BatchNorm,
  Chain,
  Conv,
  CosAnneal,
  concat,
  crop,
  DataLoader,
  Dense,
  Flatten,
  GlobalMeanPool,
  identity,
  logitCrossEntropy,
  manualSeed,
  Parallel,
  params,
  rand,
  randn,
  randomFlip,
  relu,
  SkipConnection,
  scope,
  tensor,
  train,
} from 'fluxtape'

const { values, positionals } = parseArgs({
  allowPositionals: process.argv.includes('--resume'),
  options: {
    data: { type: 'string' },
    epochs: { type: 'string', default: '10' },
    seeds: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
    first: { type: 'string', default: 'Infinity' },
    tests: { type: 'string', default: '500' },
  },
})
const epochs = Number(values.epochs)
/** With `--resume` a run is saved into a folder, and the same command goes on from there: each seed has its own. */
function saved(seed) {
  const path = `${positionals[0] ?? 'runs/resnet'}/seed-${seed}`
  return values.resume && { checkpoint: { path }, resume: path }
}
const SIDE = 32
const BYTES = 3 * SIDE * SIDE

/** A file of CIFAR-10: for each image a byte that is its class, then its red, green and blue bytes, row by row. */
function readCifar(name) {
  const file = readFileSync(join(values.data, name))
  const n = file.length / (1 + BYTES)
  const x = new Uint8Array(n * BYTES)
  const y = new Int32Array(n)
  for (let i = 0; i < n; i++) {
    y[i] = file[i * (1 + BYTES)]
    x.set(file.subarray(i * (1 + BYTES) + 1, (i + 1) * (1 + BYTES)), i * BYTES)
  }
  return [tensor(x, [n, 3, SIDE, SIDE]), tensor(y)]
}

/** Whether a point is inside of a shape, whose size is 1: x to the right, y down from its middle. */
const SHAPES = {
  disk: (x, y) => x * x + y * y < 0.8,
  ring: (x, y) => x * x + y * y < 1 && x * x + y * y > 0.35,
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.8,
  triangle: (x, y) => y < 0.6 && y > 1.75 * Math.abs(x) - 1,
  cross: (x, y) => Math.min(Math.abs(x), Math.abs(y)) < 0.3 && Math.max(Math.abs(x), Math.abs(y)) < 1,
  stripes: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.85 && Math.abs(y) > 0.3,
}

/** `n` drawn images, bytes [n, 3, 32, 32], and which shape each is, [n]. */
function draw(n) {
  const shapes = Object.values(SHAPES)
  const x = new Float32Array(n * BYTES)
  const y = new Int32Array(n)
  // For each image: where, how large, how much turned, and the colors of ground and shape.
  const chances = rand([n, 10]).toArray()
  for (const [i, [left, top, large, turn, ...colors]] of chances.entries()) {
    y[i] = i % shapes.length
    const radius = 5 + 7 * large
    const [middleX, middleY] = [left, top].map(place => radius + place * (SIDE - 2 * radius))
    const [cos, sin] = [Math.cos(2 * Math.PI * turn) / radius, Math.sin(2 * Math.PI * turn) / radius]
    for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
      const across = (pixel % SIDE) + 0.5 - middleX
      const down = Math.floor(pixel / SIDE) + 0.5 - middleY
      const isInside = shapes[y[i]](cos * across + sin * down, cos * down - sin * across)
      for (let c = 0; c < 3; c++) x[i * BYTES + c * SIDE * SIDE + pixel] = isInside ? 0.5 + 0.5 * colors[3 + c] : 0.6 * colors[c]
    }
  }
  const images = scope(() => tensor(x, [n, 3, SIDE, SIDE]).add(randn([n, 3, SIDE, SIDE], { std: 0.15 })).clamp(0, 1).mul(255).cast('uint8')) // biome-ignore format: one line
  return [images, tensor(y)]
}

/** A convolution whose outputs are normalized; its bias would be lost in that. */
const norm = (size, inputs, outputs, activation, stride = 1) => [
  Conv([size, size], inputs, outputs, identity, { stride, pad: (size - 1) / 2, bias: false }),
  BatchNorm(outputs, activation),
]
/** What is added to a block's input: two convolutions, the first of which may halve the image. */
const residual = (inputs, outputs, stride) => Chain(...norm(3, inputs, outputs, relu, stride), ...norm(3, outputs, outputs))
/** Where a block gives other sizes than it takes, a small convolution brings its input to these. */
const block = (inputs, outputs, stride = 1) =>
  Chain(
    stride === 1
      ? SkipConnection(residual(inputs, outputs, stride), add)
      : Parallel(add, residual(inputs, outputs, stride), Chain(...norm(1, inputs, outputs, identity, stride))),
    relu,
  )
/** Bytes around 0. */
const centered = x => x.cast('float32').div(64).sub(2)

/** From bytes [n, 3, 32, 32] to a score for each class, [n, classes]. */
const resnet = classes =>
  Chain(
    centered,
    ...norm(3, 3, 16, relu),
    block(16, 16),
    block(16, 32, 2),
    block(32, 64, 2),
    GlobalMeanPool(),
    Flatten(),
    Dense(64, classes),
  )

manualSeed(0)
const parts = values.data
  ? { train: [1, 2, 3, 4, 5].map(i => readCifar(`data_batch_${i}.bin`)), test: readCifar('test_batch.bin') }
  : { train: [draw(2000)], test: draw(Number(values.tests)) }
const [x, y] = [0, 1].map(column => concat(parts.train.map(part => part[column])))
const trainSet = [x, y].map(each => each.slice([[0, Math.min(y.size, Number(values.first))]]))
const testLoader = new DataLoader(parts.test, { batchSize: 250 })
console.log(`${trainSet[1].size} images to learn from, ${parts.test[1].size} to test on`)

const results = []
for (const seed of values.seeds.split(',').map(Number)) {
  manualSeed(seed)
  const model = resnet(values.data ? 10 : Object.keys(SHAPES).length)
  if (results.length === 0) console.log(`${model}\n`)
  // Each image is mirrored or not, and moved by up to four pixels, anew in every step.
  const loss = (x, y) => logitCrossEntropy(model(randomFlip(crop(x, SIDE, { pad: 4 }))), y)
  const loader = new DataLoader(trainSet, { batchSize: 32, shuffle: true })
  // The rate falls along a cosine to nothing at the end: large steps first, then ever finer ones.
  const optimizer = AdamW(CosAnneal(4e-3, 0, epochs * loader.length), { lambda: 0.05 })
  const start = performance.now()
  const history = await train(loss, params(model), loader, optimizer, { epochs, progress: true, ...saved(seed) })
  const seconds = (performance.now() - start) / 1000
  results.push(100 * accuracy(model, testLoader))
  console.log(
    `seed ${seed}: ${epochs} epochs in ${seconds.toFixed(1)} s, loss ${history.epochs.at(-1).loss.toFixed(4)}, ${results.at(-1).toFixed(1)} % right`,
  )
}
results.sort((a, b) => a - b)
console.log(`median ${results[results.length >> 1].toFixed(1)} %, least ${results[0].toFixed(1)} %`)
