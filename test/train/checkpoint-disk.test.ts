// A disk that fails while a run is saved: the run goes on, and the last good checkpoint stays.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Adam, Dense, mse, ones, params, type Tensor, train } from 'fluxtape'
import { afterAll, afterEach, expect, it, vi } from 'vitest'

const root = fs.mkdtempSync(join(tmpdir(), 'fluxtape-'))
afterAll(() => fs.rmSync(root, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

const model = Dense(2, 1)
const start = (path: string) =>
  train((x: Tensor) => mse(model(x), ones([4, 1])), params(model), [[ones([4, 2])]], Adam(), { epochs: 4, checkpoint: { path } })

it('a full disk in the midst of a run is told once, and what was saved stays', async () => {
  const path = join(root, 'full')
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const { open } = fs.promises
  let writes = 0
  vi.spyOn(fs.promises, 'open').mockImplementation(async (...args) => {
    if (`${args[0]}`.endsWith('.tmp') && ++writes > 3) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    return open(...args)
  })
  expect((await start(path)).epochs).toHaveLength(4)
  expect(warn.mock.calls.flat().join()).toMatch(/the run goes on, but it is not saved.*there is no room for \d+ bytes/)
  expect(fs.readdirSync(path).sort()).toEqual(['best.safetensors', 'step-0.safetensors', 'step-1.safetensors'])
})

it('a disk that is full at the start rejects', async () => {
  vi.spyOn(fs.promises, 'open').mockRejectedValue(Object.assign(new Error('no space'), { code: 'EDQUOT' }))
  await expect(start(join(root, 'none'))).rejects.toThrow('there is no room for')
})

it('a folder that may not be written rejects at the start', async () => {
  vi.spyOn(fs.promises, 'mkdir').mockRejectedValue(Object.assign(new Error('no'), { code: 'EACCES' }))
  await expect(start(join(root, 'closed'))).rejects.toThrow('may not be written')
})
