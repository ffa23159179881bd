import { readFileSync } from 'node:fs'
import * as edge from 'fluxtape/edge'
import { describe, expect, it } from 'vitest'

const onDist = process.env.FLUXTAPE_DIST !== undefined
const { FluxtapeError, gradient, init, randn, tensor, threads, variant } = edge
const folder = onDist ? 'dist' : 'build'
const compiled = (name: string) => new WebAssembly.Module(readFileSync(`${folder}/${name}.wasm`))
const module = compiled('baseline')
const worker = new URL('../dist/worker.js', import.meta.url)
const failing = (options: unknown) => init(options as edge.EdgeOptions)

describe('fluxtape/edge', () => {
  // In the sources the other entry has brought the kernels already.
  it.runIf(onDist)('computes nothing before init, and says so', async () => {
    await expect(edge.configure({ deterministic: true })).rejects.toThrow(
      /^fluxtape\/edge: there are no kernels yet: the baseline ones were asked for\. /,
    )
    await expect(edge.configure()).rejects.toThrow(/^fluxtape\/edge: there are no kernels yet: /)
    expect((await threads(2)).count).toBe(1)
    expect(() => tensor([1, 2]).add(1)).toThrow(FluxtapeError)
    expect(() => tensor([1, 2]).add(1)).toThrow(
      /^fluxtape\/edge: there are no kernels yet: \w+ was called\. Call init\(\{ module \}\) first/,
    )
  })

  it('takes a module, and computes on one thread without a worker', async () => {
    expect(await init({ module })).toBe('baseline')
    expect(tensor([1, 2]).add(1).toArray()).toEqual([2, 3])
    expect(await threads(2)).toEqual({
      count: 1,
      reason: "no worker was given: init({ worker }) takes the address of fluxtape's worker.js",
    })
  })

  it('says where a worker cannot be loaded, and works without', async () => {
    await init({ module, worker: new URL('nowhere.js', import.meta.url) })
    const { count, reason } = await threads(2)
    expect(count).toBe(1)
    expect(reason).toMatch(/^a worker failed: .*nowhere/)
    expect(tensor([1, 2]).add(1).toArray()).toEqual([2, 3])
  })

  it.runIf(onDist)('starts workers from an address, and has the same bits on them', async () => {
    const x = randn([300, 300])
    const alone = x.matmul(x).toArray()
    for (const address of [worker, worker.href, worker.pathname]) {
      await init({ module, worker: address })
      expect(await threads(2)).toEqual({ count: 2, reason: 'set by threads(n)' })
      expect(x.matmul(x).toArray()).toEqual(alone)
      await threads(1)
    }
  })

  it('says which module lacks when the other variant is asked for', async () => {
    await init({ module })
    expect(await edge.configure({ deterministic: true })).toBe('baseline')
    if (!WebAssembly.validate(readFileSync(`${folder}/relaxed.wasm`))) return
    expect(await init({ module: compiled('relaxed') })).toBe('relaxed')
    expect(variant()).toBe('relaxed')
    await expect(edge.configure({ deterministic: true })).rejects.toThrow(
      /^fluxtape\/edge: there are no baseline kernels: init was given fluxtape\/relaxed\.wasm\. Call init\(\{ module \}\) with fluxtape\/baseline\.wasm\.$/,
    )
    expect(variant()).toBe('relaxed')
    expect(tensor([1, 2]).add(1).toArray()).toEqual([2, 3])
  })

  it('refuses what is no module of its own', async () => {
    await init({ module })
    for (const wrong of [undefined, 'baseline.wasm', readFileSync(`${folder}/baseline.wasm`)]) {
      await expect(failing({ module: wrong })).rejects.toThrow(/^init: module must be a compiled WebAssembly\.Module, not /)
    }
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
    await expect(init({ module: empty })).rejects.toThrow(/^init: this module does not belong to this version of fluxtape\. /)
    await expect(failing({ module, workers: 'worker.js' })).rejects.toThrow(
      /^init: there is no option 'workers'\. Is worker meant\? There are module and worker\.$/,
    )
    let refused: Promise<unknown> | undefined
    gradient(x => {
      refused = init({ module })
      refused.catch(() => {})
      return x.mul(x)
    }, 3)
    await expect(refused).rejects.toThrow(/^init: a gradient is being taken\./)
    expect(tensor([1, 2]).add(1).toArray()).toEqual([2, 3])
  })
})
