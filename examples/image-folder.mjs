// A folder of images: a small convolutional network learns from PNG files that are read while it computes, each moved by a pixel by chance, anew in each epoch.
// Run it with `node examples/image-folder.mjs [--folder DIR] [--first N] [--epochs 12]`. DIR holds a folder for each class, of gray or colored images of one size,
// as usual; without one the digits that come with the library are written to a new one. It reads and writes with pngjs (`npm install pngjs`).
//
// The digits come to about 97 % of those that it never saw.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  Adam,
  accuracy,
  Chain,
  Conv,
  DataLoader,
  Dense,
  Flatten,
  logitCrossEntropy,
  MaxPool,
  manualSeed,
  params,
  relu,
  shift,
  splitObs,
  tensor,
  train,
} from 'fluxtape'
import { digits } from 'fluxtape/datasets'
import { PNG } from 'pngjs'

const { values } = parseArgs({
  options: { folder: { type: 'string' }, epochs: { type: 'string', default: '12' }, first: { type: 'string' } },
})

/** Writes the digits as images of 8 x 8 pixels, a folder for each. */
function writeDigits(folder) {
  const [images, classes] = digits().train
  for (let digit = 0; digit < 10; digit++) mkdirSync(join(folder, String(digit)))
  images.toArray().forEach((levels, i) => {
    const png = new PNG({ width: 8, height: 8 })
    levels.forEach((level, at) => png.data.set([255 * level, 255 * level, 255 * level, 255], 4 * at))
    writeFileSync(join(folder, String(classes.data()[i]), `${i}.png`), PNG.sync.write(png))
  })
}

const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'fluxtape-images-'))
try {
  if (!values.folder) writeDigits(folder)
  const names = readdirSync(folder).sort()
  const all = names.flatMap((name, y) => readdirSync(join(folder, name)).map(file => ({ path: join(folder, name, file), y })))
  manualSeed(1)
  const [trainFiles, testFiles] = splitObs(all, { at: 0.8, stratified: all.map(({ y }) => y), seed: 1 })

  /** An observation: gray levels from 0 to 1 [1, height, width], and the class. `signal` is aborted where nobody waits for it any more. */
  const read = async ({ path, y }, signal) => {
    const { width, height, data } = PNG.sync.read(await readFile(path, { signal }))
    const pixels = Float32Array.from({ length: width * height }, (_, i) => (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 765)
    return { pixels, shape: [1, height, width], y }
  }
  const images = files => ({ length: files.length, get: (i, { signal }) => read(files[i], signal) })
  /** The map runs as an image comes; what it draws by chance depends on the image's place alone, so that a run can be repeated. */
  const batches = (files, isTraining) =>
    new DataLoader(images(files), {
      batchSize: 32,
      shuffle: isTraining,
      prefetch: 2,
      map({ pixels, shape, y }) {
        const image = tensor(pixels).reshape(shape)
        return [isTraining ? shift(image, 1) : image, y]
      },
    })

  const chosen = trainFiles.filter((_, i) => i % Math.ceil(trainFiles.length / Number(values.first ?? trainFiles.length)) === 0)
  const [, height, width] = (await read(all[0])).shape
  const model = Chain(
    Conv([3, 3], 1, 16, relu, { pad: 1 }),
    MaxPool(2),
    Conv([3, 3], 16, 32, relu, { pad: 1 }),
    MaxPool(2),
    Flatten(),
    Dense(32 * Math.floor(height / 4) * Math.floor(width / 4), names.length),
  )
  const loss = (x, y) => logitCrossEntropy(model(x), y)
  await train(loss, params(model), batches(chosen, true), Adam(3e-3), {
    epochs: Number(values.epochs),
    callbacks: {
      onEpoch: ({ epoch, loss, seconds }) => console.log(`epoch ${epoch + 1}  loss ${loss.toFixed(4)}  ${seconds.toFixed(1)} s`),
    },
  })
  console.log(`${(100 * (await accuracy(model, batches(testFiles, false)))).toFixed(1)} % of ${testFiles.length} other images`)
} finally {
  if (!values.folder) rmSync(folder, { recursive: true })
}
