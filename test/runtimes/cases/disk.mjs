// Files at a path and runs that survive: on a disk, in a page's private file system, and where there is neither.
import { ok, same, throws } from '../check.mjs'
import { HANDED_STEP, trainRun } from '../runs.mjs'

/** workerd has one that lives in memory, below /tmp. */
const NOWHERE = /there is no file system here|may not be written/

/** Where the suite's own files lie. */
const file = name => new URL(`../../files/${name}`, import.meta.url)

/** A folder of its own: below the suite's in a process, in a page one of its private file system. */
function folder() {
  const name = Math.random().toString(36).slice(2)
  return globalThis.process?.getBuiltinModule?.('node:fs') ? decodeURIComponent(file(name).pathname) : name
}

async function bytesOf(name) {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs')
  return fs ? new Uint8Array(fs.readFileSync(file(name))) : new Uint8Array(await (await fetch(file(name))).arrayBuffer())
}

/** Is there no disk, as was expected? */
async function hasNone(lib, { expect }) {
  if (expect.disk !== false) return false
  await throws(() => lib.save('none/x.safetensors', { x: lib.ones([1]) }), 'FluxtapeError', NOWHERE, 'save where no disk is')
  const options = { epochs: 1, checkpoint: { path: 'none' } }
  const model = lib.Dense(1, 1)
  const run = () => lib.train(x => model(x).sum(), lib.params(model), [[lib.ones([1, 1])]], lib.Adam(), options)
  await throws(run, 'FluxtapeError', NOWHERE, 'checkpoints where no disk is')
  return true
}

export const disk = [
  [
    'save and load there and back',
    async (lib, context) => {
      if (await hasNone(lib, context)) return
      const path = folder()
      const model = lib.Chain(lib.Dense(3, 4, lib.relu), lib.Dense(4, 2))
      for (const name of ['model.safetensors', 'deeper/model.npz', 'Zoë und 木.npz']) {
        await throws(() => lib.load(`${path}/${name}`), 'FluxtapeError', /^load: there is no file: /, 'what is not there')
        for (const epochs of ['3', '20']) {
          await lib.save(`${path}/${name}`, model, { metadata: { epochs } })
          const { tensors, metadata } = await lib.load(`${path}/${name}`)
          same([...metadata], [['epochs', epochs]], `metadata of ${name}`)
          const copy = lib.Chain(lib.Dense(3, 4, lib.relu), lib.Dense(4, 2))
          lib.loadState(copy, tensors)
          same(Array.from(copy[0].weight.data()), Array.from(model[0].weight.data()), `weights of ${name}`)
        }
      }
      // One of them, and whole.
      const values = [1, 2, 3].map(i => lib.full([1000], i))
      await Promise.all(values.map(x => lib.save(`${path}/one.safetensors`, { x })))
      const x = (await lib.load(`${path}/one.safetensors`)).tensors.get('x').data()
      ok(x[0] >= 1 && x.every(each => each === x[0]), `three at once gave ${x[0]} and ${x[999]}`)
      const odd = 'a folder where a file belongs'
      await throws(() => lib.save(`${path}/deeper/model.npz/x.npz`, model), 'FluxtapeError', /A folder stands where/, odd)
      await lib.save(`${path}/${'x'.repeat(250)}.npz`, model)
    },
  ],
  [
    'a place that may not be written',
    async (lib, { expect }) => {
      // Deno may write into the suite's files only.
      if (expect.disk === false || !globalThis.Deno) return
      const path = decodeURIComponent(new URL('../../x.safetensors', import.meta.url).pathname)
      const error = await throws(() => lib.save(path, lib.Dense(1, 1)), 'FluxtapeError', /may not be written.*--allow-write/s, 'save')
      ok(error.cause !== undefined, 'the cause is lost')
    },
  ],
  [
    'npz, stored and deflated',
    async lib => {
      const model = lib.Dense(30, 20)
      const [stored, packed] = [await lib.saveNpz(model), await lib.saveNpz(model, { compress: true })]
      ok(packed.length < stored.length, `${packed.length} bytes deflated, ${stored.length} stored`)
      for (const bytes of [stored, packed]) {
        const { tensors } = await lib.loadNpz(bytes)
        same(Array.from(tensors.get('weight').data()), Array.from(model.weight.data()), 'weights')
      }
    },
  ],
  [
    'a run that is taken up ends as one that was not broken off',
    async (lib, context) => {
      if (await hasNone(lib, context)) return
      const path = folder()
      const options = { checkpoint: { path, every: 3, keep: 2 }, resume: path }
      const whole = await trainRun(lib)
      for (const steps of [4, 5, 13]) same((await trainRun(lib, { ...options, steps })).steps, steps, 'steps until the end')
      same(await trainRun(lib, options), whole, 'the run that was broken off three times')
      same(await trainRun(lib, options), whole, 'the run that was over')
    },
  ],
  [
    'a checkpoint of another runtime',
    async (lib, { expect }) => {
      if (expect.disk === false) return
      const { hash, name } = JSON.parse(new TextDecoder().decode(await bytesOf('handed.json')))
      const path = folder()
      // Written as it came: the digest that the run wrote stands among the metadata.
      const { tensors, metadata } = lib.loadSafetensors(await bytesOf(`handed/${name}`))
      await lib.save(`${path}/${name}`, tensors, { metadata })
      let said = ''
      const { info } = console
      console.info = text => {
        said += text
      }
      try {
        const { steps, hash: ended } = await trainRun(lib, { resume: path })
        same([ended, steps, said], [hash, 20, ''], `the run of another runtime, from step ${HANDED_STEP}`)
      } finally {
        console.info = info
      }
    },
  ],
]
