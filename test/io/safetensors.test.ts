import {
  Adam,
  arange,
  Chain,
  Dense,
  gradient,
  loadSafetensors,
  loadState,
  optimizerState,
  params,
  relu,
  saveSafetensors,
  scope,
  state,
  type Tensor,
  tensor,
  update,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { bytesOf, file, one } from './safetensors-file.ts'

function header(bytes: Uint8Array): string {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  return new TextDecoder().decode(bytes.slice(8, 8 + length))
}

describe('round trips', () => {
  const roundTrip = (tensors: Record<string, Tensor>) => loadSafetensors(saveSafetensors(tensors)).tensors

  it('keep every bit, NaN payloads too', () => {
    const bits = Int32Array.of(0x7fc00000, 0x7fa12345, -1, 0x7f800000, -0x80000000, 1, 0x3f800000)
    const nan = tensor(new Float32Array(bits.length))
    new Int32Array(nan.view().buffer, nan.view().byteOffset, bits.length).set(bits)
    const loaded = roundTrip({ nan }).get('nan')!
    expect(loaded.dtype).toBe('float32')
    expect(new Int32Array(loaded.data().buffer)).toEqual(bits)
  })

  it('keep types, shapes and names', () => {
    const tensors = {
      scalar: tensor(2.5),
      'layers.0.weight': tensor([
        [1, -2, 3],
        [4, 5, -0],
      ]),
      whole: tensor(Int32Array.of(-(2 ** 31), 2 ** 31 - 1), [2, 1]),
      bytes: tensor(Uint8Array.of(0, 127, 255)),
      truth: tensor([true, false, true]),
      empty: zeros([3, 0, 2]),
      none: zeros([0], { dtype: 'uint8' }),
      '': tensor([7]),
      'ключ "quoted" \\ \n 😀': tensor([8]),
      toString: tensor([9]),
    }
    const loaded = roundTrip(tensors)
    expect(loaded.size).toBe(Object.keys(tensors).length)
    for (const [name, each] of Object.entries(tensors)) {
      const other = loaded.get(name)!
      expect([other.dtype, other.shape]).toEqual([each.dtype, each.shape])
      expect(other.data()).toEqual(each.data())
    }
  })

  it('keep a tensor named __proto__', () => {
    const tensors = new Map([['__proto__', tensor([1, 2])]])
    const loaded = loadSafetensors(saveSafetensors(tensors, { metadata: new Map([['__proto__', 'x']]) }))
    expect([...loaded.tensors.keys()]).toEqual(['__proto__'])
    expect(loaded.tensors.get('__proto__')!.toArray()).toEqual([1, 2])
    expect([...loaded.metadata]).toEqual([['__proto__', 'x']])
  })

  it('give a model the same outputs', () => {
    const make = () => Chain(Dense(3, 4, relu), Dense(4, 2))
    const [model, other] = [make(), make()]
    const x = arange(6).reshape([2, 3])
    const loaded = loadSafetensors(saveSafetensors(model))
    expect([...loaded.tensors.keys()].sort()).toEqual([...state(model).keys()].sort())
    loadState(other, loaded.tensors)
    expect(other(x).data()).toEqual(model(x).data())
    expect(saveSafetensors(other)).toEqual(saveSafetensors(state(model)))
    expect(saveSafetensors(params(other))).toEqual(saveSafetensors(other))
  })

  it('keep what an optimizer remembers, numbers as int32 scalars', () => {
    const w = tensor([1, 2])
    const opt = Adam(0.1)
    const ps = params({ w })
    update(
      opt,
      ps,
      gradient(() => w.mul(w).sum(), ps),
    )
    const remembered = optimizerState(opt, ps)
    const { tensors } = loadSafetensors(saveSafetensors(remembered))
    expect([...tensors.keys()].sort()).toEqual([...remembered.keys()].sort())
    for (const [name, value] of remembered) {
      const loaded = tensors.get(name)!
      if (typeof value === 'number') expect([loaded.dtype, loaded.shape, loaded.item()]).toEqual(['int32', [], value])
      else expect(loaded.data()).toEqual(value.data())
    }
  })

  it('keep metadata', () => {
    const { metadata } = loadSafetensors(saveSafetensors({ a: tensor(1) }, { metadata: { format: 'pt', '': 'ключ\n"' } }))
    expect([...metadata]).toEqual([
      ['format', 'pt'],
      ['', 'ключ\n"'],
    ])
  })

  it('leave a scope with what is returned', () => {
    const bytes = saveSafetensors({ a: tensor([1, 2]) })
    const { tensors } = scope(() => loadSafetensors(bytes))
    expect(tensors.get('a')!.toArray()).toEqual([1, 2])
  })
})

describe('saved files', () => {
  it('are those of the reference implementation: larger types first, then by name, padded to 8', () => {
    const bytes = saveSafetensors({ b: tensor([true]), z: tensor([1.5]), n: 7, a: tensor(Uint8Array.of(1, 2)), y: tensor([2]) })
    const text = header(bytes)
    expect(text.trimEnd()).toBe(
      '{"y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"z":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},' +
        '"n":{"dtype":"I32","shape":[],"data_offsets":[8,12]},"a":{"dtype":"U8","shape":[2],"data_offsets":[12,14]},' +
        '"b":{"dtype":"BOOL","shape":[1],"data_offsets":[14,15]}}',
    )
    expect(text.length % 8).toBe(0)
    expect(bytes.slice(8 + text.length)).toEqual(Uint8Array.of(0, 0, 0, 64, 0, 0, 192, 63, 7, 0, 0, 0, 1, 2, 1))
  })

  it('do not depend on the order of the names', () => {
    const [a, b] = [tensor([1]), tensor([2])]
    expect(saveSafetensors({ a, b })).toEqual(saveSafetensors({ b, a }))
  })

  it('may be empty', () => {
    expect(loadSafetensors(saveSafetensors(new Map())).tensors.size).toBe(0)
  })

  const bad: [string, () => unknown, string][] = [
    [
      'a function',
      () => saveSafetensors((x: Tensor) => x),
      'TypeError: saveSafetensors: there is no tensor in it. Pass a model, or what state(model) or optimizerState(opt, ps) gives.',
    ],
    [
      'nothing',
      () => saveSafetensors(null),
      'TypeError: saveSafetensors: there is no tensor in it. Pass a model, or what state(model) or optimizerState(opt, ps) gives.',
    ],
    [
      'a fraction',
      () => saveSafetensors({ a: 1.5 }),
      "RangeError: saveSafetensors: 'a' is no whole number of 32 bits: 1.5. Numbers are saved as int32; make it a tensor.",
    ],
    [
      'a large number',
      () => saveSafetensors({ a: 2 ** 31 }),
      "RangeError: saveSafetensors: 'a' is no whole number of 32 bits: 2147483648. Numbers are saved as int32; make it a tensor.",
    ],
    [
      'a reserved name',
      () => saveSafetensors({ __metadata__: tensor(1) }),
      "TypeError: saveSafetensors: '__metadata__' is no name for a tensor. Pass texts as { metadata }.",
    ],
    [
      'half a pair',
      () => saveSafetensors({ 'a\ud800': tensor(1) }),
      "TypeError: saveSafetensors: a name has half a surrogate pair: 'a\\ud800'.",
    ],
    [
      'a number as metadata',
      () => saveSafetensors({ a: tensor(1) }, { metadata: { epochs: 20 as unknown as string } }),
      "TypeError: saveSafetensors: metadata are texts by name: number came for 'epochs'. Write it as text, or JSON.stringify it.",
    ],
    [
      'an unknown option',
      () => saveSafetensors({ a: tensor(1) }, { meta: {} } as object),
      "TypeError: saveSafetensors: there is no option 'meta'. Is metadata meant? There are metadata and dtype.",
    ],
    [
      'a released tensor',
      () => {
        const a = tensor([1])
        a.dispose()
        saveSafetensors({ a })
      },
      'ReleasedError: saveSafetensors: the tensor has been released: float32 [1]. What is made inside scope, gradient, train or a layer is freed at its end: return it, or keep(tensor). A running value of a layer is written with later.',
    ],
  ]
  it.each(bad)('are not made of %s', (_, call, message) => {
    let text = ''
    try {
      call()
    } catch (error) {
      text = String(error)
    }
    expect(text).toBe(message)
  })
})

describe('files of others', () => {
  it('are read as PyTorch writes them', () => {
    // safetensors.torch.save_file({'weight': [[1, 2], [3, -4]], 'bias': [0.5, 0], 'steps': 3}, metadata={'format': 'pt'})
    const head =
      '{"__metadata__":{"format":"pt"},"steps":{"dtype":"I64","shape":[],"data_offsets":[0,8]},' +
      '"bias":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},"weight":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]}}    '
    const data = [...bytesOf(BigInt64Array.of(3n)), ...bytesOf(Float32Array.of(0.5, 0, 1, 2, 3, -4))]
    const { tensors, metadata } = loadSafetensors(file(head, data))
    expect(metadata.get('format')).toBe('pt')
    expect([...tensors.keys()]).toEqual(['steps', 'bias', 'weight'])
    expect(tensors.get('weight')!.toArray()).toEqual([
      [1, 2],
      [3, -4],
    ])
    expect(tensors.get('bias')!.toArray()).toEqual([0.5, 0])
    expect([tensors.get('steps')!.dtype, tensors.get('steps')!.item()]).toEqual(['int32', 3])
  })

  it('have white space, escapes, any order of entries and fields nobody knows', () => {
    const head =
      ' { "\\u0061" : {"data_offsets":[1 , 2],\n"more":{"x":[1.5e3,-0,true,null,"\\n"]},"shape":[ ],"dtype":"U8"},"b":{"shape":[1],"dtype":"U8","data_offsets":[0,1]}}\t '
    const { tensors } = loadSafetensors(file(head.trimStart(), [5, 6]))
    expect([...tensors].map(([name, each]) => [name, each.toArray()])).toEqual([
      ['a', 6],
      ['b', [5]],
    ])
  })

  const conversions: [string, string, Uint8Array, number[]][] = [
    ['F64', 'float32', bytesOf(Float64Array.of(0.1, -1e300, NaN, -0)), [Math.fround(0.1), -Infinity, NaN, -0]],
    [
      'F16',
      'float32',
      bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x7bff, 1, 0x83ff, 0x0400)),
      [1, -2, 65504, 2 ** -24, -1023 * 2 ** -24, 2 ** -14],
    ],
    [
      'F16',
      'float32',
      bytesOf(Uint16Array.of(0x7c00, 0xfc00, 0x7e00, 0x8000, 0x0200, 0x3555)),
      [Infinity, -Infinity, NaN, -0, 2 ** -15, 0.333251953125],
    ],
    ['BF16', 'float32', bytesOf(Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x7fc0, 0x8000, 1)), [1, -2, Infinity, NaN, -0, 2 ** -133]],
    ['I64', 'int32', bytesOf(BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n, -1n)), [-(2 ** 31), 2 ** 31 - 1, -1]],
    ['U32', 'int32', bytesOf(Uint32Array.of(0, 2 ** 31 - 1)), [0, 2 ** 31 - 1]],
    ['I16', 'int32', bytesOf(Int16Array.of(-32768, 32767)), [-32768, 32767]],
    ['U16', 'int32', bytesOf(Uint16Array.of(0, 65535)), [0, 65535]],
    ['I8', 'int32', bytesOf(Int8Array.of(-128, 127)), [-128, 127]],
    ['U8', 'uint8', Uint8Array.of(0, 255), [0, 255]],
    ['BOOL', 'bool', Uint8Array.of(0, 1), [0, 1]],
    ['I32', 'int32', bytesOf(Int32Array.of(-1, 5)), [-1, 5]],
  ]
  it.each(conversions)('have %s, which becomes %s', (type, dtype, data, values) => {
    const loaded = loadSafetensors(one(type, `[${values.length}]`, data)).tensors.get('a')!
    expect(loaded.dtype).toBe(dtype)
    expect([...loaded.data()]).toEqual(values)
  })

  it('come as a part of a buffer, a whole one, or shared memory', () => {
    const bytes = one('U8', '[2]', [1, 2])
    const large = new Uint8Array(bytes.length + 5)
    large.set(bytes, 3)
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
    shared.set(bytes)
    for (const each of [large.subarray(3, 3 + bytes.length), bytes.buffer, shared, shared.buffer]) {
      expect(loadSafetensors(each).tensors.get('a')!.toArray()).toEqual([1, 2])
    }
    expect(() => loadSafetensors('model.safetensors' as unknown as Uint8Array)).toThrow(
      new TypeError('loadSafetensors: the bytes of a file are a Uint8Array or an ArrayBuffer: string came. Read or fetch the file first.'),
    )
  })
})
