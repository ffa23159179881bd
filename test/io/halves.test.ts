import { loadSafetensors, saveSafetensors, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const floats = (bits: readonly number[]) => new Float32Array(Int32Array.from(bits).buffer)

/** The bits that a file has of float32s given by theirs. */
function stored(dtype: 'float16' | 'bfloat16', bits: readonly number[]): number[] {
  const x = tensor(new Float32Array(bits.length))
  new Int32Array(x.view().buffer, x.view().byteOffset, bits.length).set(bits)
  const file = saveSafetensors({ x }, { dtype })
  return [...new Uint16Array(file.slice(file.length - 2 * bits.length).buffer)]
}

describe('halves in files', () => {
  const table: [dtype: 'float16' | 'bfloat16', what: string, bits: number, half: number][] = [
    ['float16', 'one', 0x3f800000, 0x3c00],
    ['float16', 'minus zero', 0x80000000, 0x8000],
    ['float16', 'a tie to the even one below', 0x3f801000, 0x3c00],
    ['float16', 'a tie to the even one above', 0x3f803000, 0x3c02],
    ['float16', 'just above a tie', 0x3f801001, 0x3c01],
    ['float16', 'the largest', 0x477fe000, 0x7bff],
    ['float16', 'just below the tie with infinity', 0x477fefff, 0x7bff],
    ['float16', 'the tie with infinity', 0x477ff000, 0x7c00],
    ['float16', 'the largest float32', 0xff7fffff, 0xfc00],
    ['float16', 'infinity', 0x7f800000, 0x7c00],
    ['float16', 'NaN with a payload below', 0x7f800001, 0x7e00],
    ['float16', 'minus NaN', 0xffc00000, 0xfe00],
    ['float16', 'the smallest normal', 0x38800000, 0x0400],
    ['float16', 'what rounds up to it', 0x387fffff, 0x0400],
    ['float16', 'the smallest subnormal', 0x33800000, 1],
    ['float16', 'half of it', 0x33000000, 0],
    ['float16', 'just above half of it', 0x33000001, 1],
    ['float16', 'three halves of it', 0x33c00000, 2],
    ['float16', 'just below half of it', 0xb2ffffff, 0x8000],
    ['float16', 'a subnormal float32', 1, 0],
    ['bfloat16', 'one', 0x3f800000, 0x3f80],
    ['bfloat16', 'a tie to the even one below', 0x3f808000, 0x3f80],
    ['bfloat16', 'a tie to the even one above', 0x3f818000, 0x3f82],
    ['bfloat16', 'just above a tie', 0x3f808001, 0x3f81],
    ['bfloat16', 'the largest float32', 0xff7fffff, 0xff80],
    ['bfloat16', 'NaN with a payload below', 0x7f800001, 0x7fc0],
    ['bfloat16', 'a subnormal', 0x80008001, 0x8001],
  ]
  it.each(table)('%s: %s', (dtype, _, bits, half) => {
    expect(stored(dtype, [bits])).toEqual([half])
  })

  it.each(['float16', 'bfloat16'] as const)('every %s is itself again', dtype => {
    const all = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i)
    const header = new TextEncoder().encode(
      `{"x":{"dtype":"${dtype === 'float16' ? 'F16' : 'BF16'}","shape":[65536],"data_offsets":[0,131072]}}`,
    )
    const file = new Uint8Array([header.length, 0, 0, 0, 0, 0, 0, 0, ...header, ...new Uint8Array(all.buffer)])
    const again = saveSafetensors(loadSafetensors(file).tensors, { dtype })
    const bits = new Uint16Array(again.slice(again.length - 2 ** 17).buffer)
    const isNaN16 = (half: number) => (dtype === 'float16' ? (half & 0x7fff) > 0x7c00 : (half & 0x7fff) > 0x7f80)
    expect(all.findIndex((half, i) => (isNaN16(half) ? !isNaN16(bits[i]) : bits[i] !== half))).toBe(-1)
  })

  it('are those next to the value, of two the even one', () => {
    const bits = Array.from({ length: 3000 }, (_, i) => (Math.imul(i + 1, 0x9e3779b1) & 0x0fffffff) + 0x31000000)
    const values = floats(bits)
    const file = loadSafetensors(saveSafetensors({ x: tensor(values) }, { dtype: 'float16' }))
      .tensors.get('x')!
      .data()
    values.forEach((value, i) => {
      const step = Math.max(2 ** -24, 2 ** (Math.floor(Math.log2(value)) - 10))
      const [low, rest] = [Math.floor(value / step), (value / step) % 1]
      const near = rest === 0.5 ? low + (low % 2) : Math.round(value / step)
      expect(file[i]).toBe(near * step >= 65520 ? Infinity : near * step)
    })
  })

  it('stand behind what is longer, and leave other types', () => {
    const file = saveSafetensors({ a: tensor([1]), n: 7, u: tensor(Uint8Array.of(1)) }, { dtype: 'bfloat16' })
    expect(new TextDecoder().decode(file.slice(8)).replace(/ *[^ }]*$/, '')).toBe(
      '{"n":{"dtype":"I32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},"u":{"dtype":"U8","shape":[1],"data_offsets":[6,7]}}',
    )
    expect(() => saveSafetensors({ a: tensor([1]) }, { dtype: 'float64' as 'float16' })).toThrow(
      "saveSafetensors: dtype is float32, float16, bfloat16: 'float64' came. Other types stay as they are.",
    )
  })
})
