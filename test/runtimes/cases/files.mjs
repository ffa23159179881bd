// Files in memory, and the data that comes with the package.
import { ok, same, throws } from '../check.mjs'

export const files = [
  [
    'safetensors there and back',
    async lib => {
      const model = lib.Chain(lib.Dense(3, 4, lib.relu), lib.Dense(4, 2))
      const bytes = lib.saveSafetensors(model, { metadata: { epochs: '3', name: 'Zoë' } })
      const { tensors, metadata } = lib.loadSafetensors(bytes)
      same([...tensors.keys()].sort(), [...lib.state(model).keys()].sort(), 'names')
      same([...metadata].sort(), [['epochs', '3'], ['name', 'Zoë']], 'metadata') // biome-ignore format: one line
      const copy = lib.Chain(lib.Dense(3, 4, lib.relu), lib.Dense(4, 2))
      lib.loadState(copy, tensors)
      const x = lib.rand([5, 3])
      same(Array.from(copy(x).data()), Array.from(model(x).data()), 'outputs')
      ok(lib.saveSafetensors(copy, { metadata: { epochs: '3', name: 'Zoë' } }).join() === bytes.join(), 'the same bytes again')
    },
  ],
  [
    'a damaged file is a FormatError',
    async lib => {
      const bytes = lib.saveSafetensors({ x: lib.ones([4]) })
      await throws(() => lib.loadSafetensors(bytes.slice(0, -1)), 'FormatError', /^loadSafetensors: /, 'a file cut off')
      await throws(() => lib.loadSafetensors(new Uint8Array(16).fill(255)), 'FormatError', /^loadSafetensors: /, 'no file')
    },
  ],
  [
    'the state of an optimizer',
    lib => {
      const model = lib.Dense(2, 1)
      const opt = lib.Adam()
      const ps = lib.params(model)
      const step = () => lib.trainStep(x => model(x).square().sum(), ps, [lib.ones([1, 2])], opt)
      step()
      const saved = lib.saveSafetensors(lib.optimizerState(opt, ps))
      const weights = lib.clone(lib.state(model))
      step()
      const wanted = Array.from(model.weight.data())
      lib.loadState(model, weights)
      const { tensors } = lib.loadSafetensors(saved)
      const values = new Map([...tensors].map(([name, t]) => [name, t.rank === 0 && t.dtype === 'int32' ? t.item() : t]))
      lib.loadOptimizerState(opt, ps, values)
      step()
      same(Array.from(model.weight.data()), wanted, 'the step after loading')
    },
  ],
  [
    'digits',
    (lib, { digits }) => {
      const { train, test } = digits()
      same([train[0].shape, train[1].shape, test[0].shape, test[1].shape], [[1437, 64], [1437], [360, 64], [360]], 'shapes')
      same(Array.from(lib.oneHot(test[1], 10).sum(0).data()), [36, 37, 35, 37, 36, 36, 36, 36, 35, 36], 'test digits by class')
      same([train[0].min().item(), train[0].max().item()], [0, 1], 'range')
    },
  ],
  [
    'an IDX file, plain and gzipped',
    async (_, { readIdx }) => {
      const bytes = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255)
      const rows = [[1, 2, 3], [4, 5, 255]] // biome-ignore format: one line
      same((await readIdx(bytes)).toArray(), rows, 'plain')
      const zipped = await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'))).arrayBuffer()
      same((await readIdx(zipped)).toArray(), rows, 'gzipped')
      await throws(() => readIdx(new Uint8Array(zipped).slice(0, -9)), 'FormatError', /^readIdx: /, 'a gzipped file cut off')
    },
  ],
  [
    'DataLoader, splitObs, kFolds',
    lib => {
      const data = [lib.arange(10).reshape([10, 1]), lib.arange(10)]
      const seen = []
      for (const [x, y] of new lib.DataLoader(data, { batchSize: 4, shuffle: true, seed: 1 })) {
        same(Array.from(x.data()), Array.from(y.data()), 'rows and targets')
        seen.push(...y.data())
      }
      same(seen.slice().sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 'each once')
      ok(seen.join() !== seen.slice().sort().join(), 'shuffled')
      same(lib.splitObs(data, { at: 0.8 }).map(part => part[1].size), [8, 2], 'splitObs') // biome-ignore format: one line
      same(lib.kFolds(data, 5).length, 5, 'kFolds')
    },
  ],
]
