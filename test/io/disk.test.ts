// A page's private file system, which is played here: runs are saved in it, logs written, and its quota may be full.
import { Adam, DataLoader, Dense, FluxtapeError, load, logTo, manualSeed, mse, ones, params, rand, save, state, type Tensor, type TrainOptions, tensor, train } from 'fluxtape' // biome-ignore format: one line
import { afterEach, beforeEach, expect, it, vi } from 'vitest'

const fault = (name: string) => new DOMException(`a ${name}`, name)

/** Files and folders in memory, as far as `navigator.storage` shows them; what is written counts when it is closed, and not beyond the quota. */
class Folder {
  readonly entries = new Map<string, Folder | FileEntry>()
  readonly storage: { quota: number; isSync: boolean }
  constructor(storage: Folder['storage']) {
    this.storage = storage
  }

  private async find<T extends Folder | FileEntry>(name: string, Kind: new (storage: Folder['storage']) => T, create?: boolean) {
    if (name === '' || name === '.' || name === '..' || /[\\/]/.test(name)) throw new TypeError(`${name} is no name`)
    const found = this.entries.get(name) ?? (create ? new Kind(this.storage) : undefined)
    if (!found) throw fault('NotFoundError')
    if (!(found instanceof Kind)) throw fault('TypeMismatchError')
    this.entries.set(name, found)
    return found
  }
  getDirectoryHandle = (name: string, { create = false } = {}) => this.find(name, Folder, create)
  getFileHandle = (name: string, { create = false } = {}) => this.find(name, FileEntry, create)
  async removeEntry(name: string) {
    if (!this.entries.delete(name)) throw fault('NotFoundError')
  }
  async *keys() {
    yield* this.entries.keys()
  }
}

let used = 0
class FileEntry {
  bytes = new Uint8Array(0)
  readonly createWritable: unknown
  private readonly storage: Folder['storage']
  constructor(storage: Folder['storage']) {
    this.storage = storage
    if (!storage.isSync) this.createWritable = (options: { keepExistingData: boolean }) => this.writable(options)
  }

  getFile = async () => new File([this.bytes], 'file')

  private put(bytes: Uint8Array<ArrayBuffer>) {
    used += bytes.length - this.bytes.length
    this.bytes = bytes
  }
  private static placed(old: Uint8Array, part: Uint8Array, at: number) {
    const next = new Uint8Array(Math.max(old.length, at + part.length))
    next.set(old)
    next.set(part, at)
    return next
  }

  private async writable({ keepExistingData }: { keepExistingData: boolean }) {
    let copy = keepExistingData ? this.bytes : new Uint8Array(0)
    return {
      truncate: async (length: number) => void (copy = copy.slice(0, length)),
      write: async ({ data, position }: { data: Uint8Array; position: number }) => {
        if (used + copy.length + data.length > this.storage.quota) throw fault('QuotaExceededError')
        copy = FileEntry.placed(copy, data, position)
      },
      abort: async () => {},
      close: async () => this.put(copy),
    }
  }

  async createSyncAccessHandle() {
    if (!this.storage.isSync) throw fault('InvalidStateError')
    return {
      write: (part: Uint8Array, { at }: { at: number }) => {
        const room = Math.min(part.length, Math.max(0, this.storage.quota - used))
        this.put(FileEntry.placed(this.bytes, part.subarray(0, room), at))
        return room
      },
      truncate: (length: number) => this.put(this.bytes.slice(0, length)),
      getSize: () => this.bytes.length,
      flush: () => {},
      close: () => {},
    }
  }
}

let root: Folder
/** Has a page's file system of so many bytes; `isSync`: as workers of older WebKits have it. */
function page({ quota = 1e9, isSync = false } = {}) {
  used = 0
  root = new Folder({ quota, isSync })
  const estimate = async () => ({ usage: used, quota: root.storage.quota })
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => root, estimate } })
}
function entryAt(path: string): Folder | FileEntry | undefined {
  let found: Folder | FileEntry | undefined = root
  for (const name of path.split('/').filter(Boolean)) found = found instanceof Folder ? found.entries.get(name) : undefined
  return found
}
const namesIn = (path: string) => [...(entryAt(path) as Folder).entries.keys()].sort()
const textOf = (path: string) => new TextDecoder().decode((entryAt(path) as FileEntry).bytes)

const warn = vi.fn()
beforeEach(() => {
  page()
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never)
  vi.spyOn(console, 'info').mockImplementation(() => {})
  vi.spyOn(console, 'warn').mockImplementation(warn.mockClear())
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

manualSeed(2)
const x = rand([12, 2])
/** Four epochs of three steps: the model's bits, and how many steps. */
async function run(options: TrainOptions) {
  manualSeed(5)
  const model = Dense(2, 1)
  const data = new DataLoader([x], { batchSize: 4, shuffle: true })
  const { steps } = await train((a: Tensor) => mse(model(a), ones([4, 1])), params(model), data, Adam(0.01), { epochs: 4, ...options })
  return { steps: steps.length, bits: [...state(model)].map(([, each]) => [...each.data()]) }
}

it.each(['a.npz', '/a.npz', './b/../a.npz', '../../a.npz', 'b\\..\\a.npz', 'a/b//ä.safetensors'])(
  'a path from its root: %s',
  async path => {
    await save(path, { x: tensor([1, 2]) })
    await save(path, { x: tensor([3]) })
    expect((await load(path)).tensors.get('x')!.toArray()).toEqual([3])
    expect(entryAt(path.endsWith('.npz') ? 'a.npz' : 'a/b/ä.safetensors')).toBeInstanceOf(FileEntry)
  },
)

it('says what stands in the way', async () => {
  await save('a.npz', { x: tensor([1]) })
  await expect(save('a.npz/b.npz', { x: tensor([1]) })).rejects.toThrow('A folder stands where a file belongs')
  await expect(load('b.npz')).rejects.toThrow("load: there is no file: 'b.npz'")
  await expect(load('c/b.npz')).rejects.toThrow("load: there is no file: 'c/b.npz'")
  vi.stubGlobal('navigator', { storage: { getDirectory: async () => Promise.reject(fault('SecurityError')) } })
  await expect(load('b.npz')).rejects.toThrow('whose site may keep data')
  vi.stubGlobal('navigator', {})
  await expect(load('b.npz')).rejects.toThrow('there is no file system here')
})

it.each([false, true])('runs are saved and taken up, by sync handles %s', async isSync => {
  const whole = await run({})
  page({ isSync })
  const checkpoint = { path: 'runs/a', every: 2, keep: 2 }
  for (const at of [3, 4, 9]) {
    await run({ checkpoint, resume: 'runs/a', steps: at })
    expect(namesIn('runs/a').at(-1)).toBe(`step-${at}.safetensors`)
    expect(namesIn('runs/a').filter(name => name.startsWith('step'))).toHaveLength(2)
  }
  // A tab that was closed leaves a file that is empty: it is the file's name that comes first.
  await (entryAt('runs/a') as Folder).getFileHandle('step-10.safetensors', { create: true })
  expect(await run({ checkpoint, resume: 'runs/a' })).toEqual(whole)
  expect(warn.mock.calls.flat()).toEqual([
    "train: the checkpoint 'runs/a/step-10.safetensors' is damaged, or none: the one before is taken.",
  ])
  expect(namesIn('runs/a')).toEqual(['best.safetensors', 'step-10.safetensors', 'step-12.safetensors'])
  await expect(run({ checkpoint })).rejects.toThrow("'runs/a' has checkpoints of another run")
})

it.each([false, true])(
  'a full quota is told once with the estimate, the run goes on, and what was saved stays, by sync handles %s',
  async isSync => {
    const whole = await run({})
    page({ isSync })
    const options = { checkpoint: { path: 'run', every: 1, keep: 2 }, resume: 'run' }
    const fill = { onStep: ({ step }: { step: number }) => void (step === 4 && (root.storage.quota = used)) }
    expect(await run({ ...options, callbacks: fill })).toEqual(whole)
    expect(warn).toHaveBeenCalledOnce()
    expect(warn.mock.calls[0][0]).toMatch(
      /the run goes on, but it is not saved. train: 'run\/step-\d+.safetensors' cannot be written, there is no room for \d+ bytes: \d+ of \d+ bytes are used. Free some/,
    )
    const names = namesIn('run').filter(name => name.startsWith('step'))
    expect(names.length).toBeGreaterThanOrEqual(2)
    root.storage.quota = 1e9
    expect(await run(options)).toEqual(whole)
    expect(warn).toHaveBeenCalledOnce()
  },
)

it('a quota that is full at the start rejects with FluxtapeError', async () => {
  page({ quota: 100 })
  const error = await run({ checkpoint: { path: 'run' } }).catch(error => error)
  expect(error).toBeInstanceOf(FluxtapeError)
  expect(error.message).toMatch(/no room for \d+ bytes: 0 of 100 bytes are used/)
  expect(error.cause).toBeInstanceOf(DOMException)
  expect(namesIn('run')).toEqual([])
})

it.each([false, true])('logs are written, and go on where a run is taken up, by sync handles %s', async isSync => {
  page({ isSync })
  await run({ callbacks: logTo('whole.csv', { every: 1 }) })
  const options = { checkpoint: { path: 'run', every: 2 }, resume: 'run' }
  for (const at of [3, 8]) await run({ ...options, steps: at, callbacks: [logTo('logs/run.csv', { every: 1 })] })
  await run({ ...options, callbacks: logTo('logs/run.csv', { every: 1 }) })
  expect(textOf('logs/run.csv')).toBe(textOf('whole.csv'))
  expect(textOf('whole.csv').split('\n')).toHaveLength(14)
})

it('a log whose quota is full is told once, and is whole when there is room', async () => {
  vi.spyOn(performance, 'now').mockImplementation(
    (
      now => () =>
        (now += 2000)
    )(0),
  )
  await run({ callbacks: logTo('whole.jsonl', { every: 1 }) })
  const full = ({ step }: { step: number }) => void (root.storage.quota = step >= 4 && step < 9 ? 0 : 1e9)
  await run({ callbacks: [full, logTo('run.jsonl', { every: 1 })] })
  expect(warn).toHaveBeenCalledOnce()
  expect(warn.mock.calls[0][0]).toMatch(/^logTo: 'run.jsonl' cannot be written, there is no room for \d+ characters more: \d+ of 0 bytes/)
  expect(textOf('run.jsonl')).toBe(textOf('whole.jsonl'))
})
