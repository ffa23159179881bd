import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dense, FluxtapeError, FormatError, load, loadSafetensors, loadState, memory, save, state, tensor, zeros } from 'fluxtape'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'fluxtape-'))
const at = (name: string) => join(folder, name)
afterAll(() => rmSync(folder, { recursive: true }))

describe('save and load', () => {
  it.each(['model.safetensors', 'model.npz', 'made/for/it/model.npz', 'a.npz.safetensors'])('%s there and back', async name => {
    const [model, other] = [Dense(3, 2), Dense(3, 2)]
    await save(at(name), model, { metadata: { epochs: '20' } })
    const { tensors, metadata } = await load(at(name))
    loadState(other, tensors)
    expect(other.weight.data()).toEqual(model.weight.data())
    expect([...metadata]).toEqual([['epochs', '20']])
    await save(at(name), { x: tensor([0.1]) }, { dtype: 'float16' })
    expect([...(await load(at(name))).tensors].map(([key, x]) => [key, x.item()])).toEqual([['x', 0.0999755859375]])
  })

  it('write the values of the moment, and nothing beside', async () => {
    const x = tensor([1, 2])
    const pending = save(at('moment/x.npz'), { x })
    x.assign(zeros([2]))
    await pending
    expect((await load(at('moment/x.npz'))).tensors.get('x')!.toArray()).toEqual([1, 2])
    expect(readdirSync(at('moment'))).toEqual(['x.npz'])
  })

  it('read an npy file', async () => {
    const [{ file }] = JSON.parse(readFileSync(new URL('npz.json', import.meta.url), 'utf8')) as [{ file: string }]
    writeFileSync(at('x.npy'), Buffer.from(file, 'base64'))
    expect([...(await load(at('x.npy'))).tensors.keys()]).toEqual(['arr_0'])
  })

  it('name the file that is damaged, and keep nothing', async () => {
    writeFileSync(at('bad.safetensors'), new Uint8Array(3))
    writeFileSync(at('bad.npz'), new Uint8Array(3))
    const before = memory().tensors
    for (const name of ['bad.safetensors', 'bad.npz']) {
      const error = (await load(at(name)).catch(thrown => thrown)) as Error
      expect(error).toBeInstanceOf(FormatError)
      expect(error.message.split('\n').at(-1)).toBe(`in ${at(name)}`)
    }
    expect(memory().tensors).toBe(before)
  })

  it('leave the file as it was where there is nothing to save', async () => {
    await save(at('kept.safetensors'), { x: tensor([1]) })
    for (const suffix of ['safetensors', 'npz'])
      await expect(save(at(`kept.${suffix}`), {})).rejects.toThrow('save: there is no tensor in it')
    expect(loadSafetensors(readFileSync(at('kept.safetensors'))).tensors.size).toBe(1)
  })

  const bad: [string, () => Promise<unknown>, string][] = [
    [
      'no path',
      () => save(Dense(1, 1) as never, 'x.npz'),
      "TypeError: save: the path of a file comes first: Dense came. Write save('model.safetensors', model).",
    ],
    [
      'another suffix',
      () => save('x.pt', Dense(1, 1)),
      "TypeError: save: the suffix of a file says its format, .safetensors, .npz: 'x.pt'. JSON.stringify(state(model)) is JSON.",
    ],
    [
      'npy',
      () => save('x.npy', Dense(1, 1)),
      "TypeError: save: the suffix of a file says its format, .safetensors, .npz: 'x.npy'. JSON.stringify(state(model)) is JSON.",
    ],
    [
      'bytes',
      () => load(new Uint8Array(1) as never),
      "TypeError: load: the path of a file comes first: a Uint8Array came. Write load('model.safetensors').",
    ],
    [
      'JSON',
      () => load('x.json'),
      "TypeError: load: the suffix of a file says its format, .safetensors, .npz, .npy: 'x.json'. loadSafetensors and loadNpz take bytes.",
    ],
    [
      'nothing there',
      () => load('none/there.npz'),
      "FluxtapeError: load: there is no file: 'none/there.npz'. Mind the folder that the program runs in.",
    ],
    [
      'compress',
      () => save('x.npz', Dense(1, 1), { compress: true } as object),
      "TypeError: save: there is no option 'compress'. There are metadata and dtype.",
    ],
    [
      'bfloat16 for NumPy',
      () => save('x.npz', state(Dense(1, 1)), { dtype: 'bfloat16' }),
      'TypeError: save: NumPy has no BF16. Write float16 or float32, or a safetensors file.',
    ],
  ]
  it.each(bad)('refuse %s', async (_, call, message) => {
    await expect(call().catch(String)).resolves.toBe(message)
  })

  it('say what the system said of a folder in the place of the file', async () => {
    await save(at('folder.npz/x.npz'), { x: tensor([1]) })
    const error = await load(at('folder.npz')).catch(thrown => thrown)
    expect(error).toBeInstanceOf(FluxtapeError)
    await expect(save(at('folder.npz'), { x: tensor([1]) })).rejects.toBeInstanceOf(FluxtapeError)
    expect(readdirSync(folder).filter(name => name.endsWith('.tmp'))).toEqual([])
  })
})
