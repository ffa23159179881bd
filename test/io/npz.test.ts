import { readFileSync } from 'node:fs'
import {
  Adam,
  Chain,
  Dense,
  gradient,
  loadNpz,
  loadState,
  optimizerState,
  params,
  saveNpz,
  state,
  type Tensor,
  tensor,
  update,
  type WrittenTensor,
  zeros,
} from 'fluxtape'
import { describe, expect, it, vi } from 'vitest'

interface Case {
  readonly name: string
  readonly file: string
  readonly values: Readonly<Record<string, WrittenTensor>>
  readonly texts?: Readonly<Record<string, string>>
}

/** Made by npz.py. */
const cases = JSON.parse(readFileSync(new URL('npz.json', import.meta.url), 'utf8')) as readonly Case[]

const written = (x: Tensor) => JSON.parse(JSON.stringify(x)) as WrittenTensor
/** NumPy's digits are those of double precision. */
const rounded = ({ data, ...rest }: WrittenTensor) => ({
  ...rest,
  data: data.map(each => (typeof each === 'number' ? Math.fround(each) : each)),
})

describe('files of NumPy', () => {
  it.each(cases)('$name', async ({ file, values, texts = {} }) => {
    const { tensors, metadata } = await loadNpz(Buffer.from(file, 'base64'))
    expect([...tensors.keys()]).toEqual(Object.keys(values))
    for (const [name, value] of Object.entries(values)) expect(rounded(written(tensors.get(name)!))).toEqual(rounded(value))
    expect(Object.fromEntries(metadata)).toEqual(texts)
  })
})

describe('round trips', () => {
  const tensors = {
    scalar: tensor(2.5),
    special: tensor([Number.NaN, Infinity, -Infinity, -0, 1e-45]),
    'layers.0.weight': tensor([
      [1, -2, 3],
      [4, 5, -0],
    ]),
    whole: tensor(Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [2, 1]),
    bytes: tensor(Uint8Array.of(0, 127, 255)),
    truth: tensor([true, false, true]),
    empty: zeros([3, 0, 2]),
    '': tensor([7]),
    'ключ "quoted" \\ \n 😀/../x.npy': tensor([8]),
    toString: tensor([9]),
  }
  it.each([false, true])('keep types, shapes, names and values, compress: %s', async compress => {
    const bytes = await saveNpz(tensors, { compress, metadata: { epochs: '20', empty2: '', name: 'Zoë 😀' } })
    const loaded = await loadNpz(bytes)
    expect([...loaded.tensors.keys()]).toEqual(Object.keys(tensors))
    for (const [name, each] of Object.entries(tensors)) expect(written(loaded.tensors.get(name)!)).toEqual(written(each))
    expect(Object.fromEntries(loaded.metadata)).toEqual({ epochs: '20', empty2: '', name: 'Zoë 😀' })
    expect(await saveNpz(loaded.tensors, { compress, metadata: loaded.metadata })).toEqual(bytes)
  })

  it('keep a tensor named __proto__', async () => {
    const { tensors, metadata } = await loadNpz(await saveNpz(new Map([['__proto__', tensor([1, 2])]])))
    expect(tensors.get('__proto__')!.toArray()).toEqual([1, 2])
    expect(metadata.size).toBe(0)
    expect((await loadNpz(await saveNpz(new Map()))).tensors.size).toBe(0)
  })

  it('give a model the same weights, and are of the moment of the call', async () => {
    const [model, other] = [Chain(Dense(3, 4), Dense(4, 2)), Chain(Dense(3, 4), Dense(4, 2))]
    const before = state(model).get('layers.0.weight')!.toArray()
    const pending = saveNpz(model, { compress: true })
    model[0].weight.assign(zeros([4, 3]))
    loadState(other, (await loadNpz(await pending)).tensors)
    expect(other[0].weight.toArray()).toEqual(before)
  })

  it('keep what an optimizer remembers, numbers as int32 scalars', async () => {
    const w = tensor([1, 2])
    const [opt, ps] = [Adam(0.1), params({ w })]
    update(
      opt,
      ps,
      gradient(() => w.mul(w).sum(), ps),
    )
    const remembered = optimizerState(opt, ps)
    const { tensors } = await loadNpz(await saveNpz(remembered))
    for (const [name, value] of remembered) {
      const loaded = tensors.get(name)!
      if (typeof value === 'number') expect([loaded.dtype, loaded.shape, loaded.item()]).toEqual(['int32', [], value])
      else expect(loaded.data()).toEqual(value.data())
    }
  })

  it('with float16 round float32 alone', async () => {
    const { tensors } = await loadNpz(await saveNpz({ x: tensor([0.1, 70000]), n: 70000 }, { dtype: 'float16' }))
    expect(tensors.get('x')!.toArray()).toEqual([0.0999755859375, Infinity])
    expect(tensors.get('n')!.item()).toBe(70000)
  })

  it('are stored at multiples of 64 behind the header, with the size of NumPy', async () => {
    const bytes = await saveNpz({ a: zeros([2, 3]) })
    expect(bytes.length).toBe(30 + 5 + 128 + 24 + 46 + 5 + 22)
    expect(new TextDecoder('latin1').decode(bytes.slice(35 + 10, 35 + 128))).toBe(
      `${"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,), }".padEnd(117)}\n`,
    )
  })
})

describe('npz files are not made of', () => {
  const bad: [string, () => Promise<unknown>, string][] = [
    [
      'nothing',
      () => saveNpz(null),
      'TypeError: saveNpz: there is no tensor in it. Pass a model, or what state(model) or optimizerState(opt, ps) gives.',
    ],
    [
      'a fraction',
      () => saveNpz({ a: 1.5 }),
      "RangeError: saveNpz: 'a' is no whole number of 32 bits: 1.5. Numbers are saved as int32; make it a tensor.",
    ],
    ['half a pair', () => saveNpz({ 'a\ud800': tensor(1) }), "TypeError: saveNpz: a name has half a surrogate pair: 'a\\ud800'."],
    [
      'a zero in a name',
      () => saveNpz({ 'a\0': tensor(1) }),
      "TypeError: saveNpz: a name has a zero character, or is too long: 'a\\u0000'.",
    ],
    [
      'a zero behind a text',
      () => saveNpz({ a: tensor(1) }, { metadata: { b: 'x\0' } }),
      "TypeError: saveNpz: NumPy cannot have a zero character at the end of a text: that of 'b'. JSON.stringify it.",
    ],
    [
      'one name for two',
      () => saveNpz({ a: tensor(1) }, { metadata: { a: 'x' } }),
      "TypeError: saveNpz: a tensor and a text have the name 'a'. Call one of them otherwise.",
    ],
    [
      'numbers as metadata',
      () => saveNpz({ a: tensor(1) }, { metadata: { b: 1 as unknown as string } }),
      "TypeError: saveNpz: metadata are texts by name: number came for 'b'. Write it as text, or JSON.stringify it.",
    ],
    [
      'bfloat16',
      () => saveNpz({ a: tensor(1) }, { dtype: 'bfloat16' as 'float16' }),
      'TypeError: saveNpz: NumPy has no BF16. Write float16 or float32, or a safetensors file.',
    ],
    [
      'float64',
      () => saveNpz({ a: tensor(1) }, { dtype: 'float64' as 'float16' }),
      "TypeError: saveNpz: dtype is float32, float16, bfloat16: 'float64' came. Other types stay as they are.",
    ],
    [
      'a word for compress',
      () => saveNpz({ a: tensor(1) }, { compress: 'yes' as unknown as boolean }),
      "TypeError: saveNpz: compress is true or false: 'yes' came.",
    ],
    [
      'an unknown option',
      () => saveNpz({ a: tensor(1) }, { level: 9 } as object),
      "TypeError: saveNpz: there is no option 'level'. There are compress, metadata and dtype.",
    ],
  ]
  it.each(bad)('%s', async (_, call, message) => {
    await expect(call().catch(String)).resolves.toBe(message)
  })
})

it('is told where the runtime cannot pack, or unpack', async () => {
  const packed = await saveNpz({ a: tensor(1) }, { compress: true })
  try {
    vi.stubGlobal('CompressionStream', undefined)
    vi.stubGlobal('DecompressionStream', undefined)
    const wayOut = 'Write it unpacked, or unpack it before.'
    await expect(saveNpz({ a: tensor(1) }, { compress: true })).rejects.toThrow(
      `saveNpz: this runtime has no CompressionStream: deflate-raw. ${wayOut}`,
    )
    await expect(loadNpz(packed)).rejects.toThrow(`loadNpz: this runtime has no DecompressionStream: deflate-raw. ${wayOut}`)
    expect((await loadNpz(await saveNpz({ a: tensor(1) }))).tensors.get('a')!.item()).toBe(1)
  } finally {
    vi.unstubAllGlobals()
  }
})
