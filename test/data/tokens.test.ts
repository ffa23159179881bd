// Tokens by characters and by bytes: there and back, what is no token, and through JSON.
import { bytes, characters, tensor } from 'fluxtape'
import { describe, expect, it, test } from 'vitest'
import { refuses } from '../errors/table.ts'

const texts = ['', 'hello', 'né\n\u0000', '😀😀a👩‍🚀', '\ufeffmark', 'a\u0301']

test.each(texts)('%j goes there and back', text => {
  const own = characters(text)
  expect(own.decode(own.encode(text))).toBe(text)
  expect(bytes().decode(bytes().encode(text))).toBe(text)
  expect(own.size).toBe(new Set(text).size)
  const again = characters(JSON.parse(JSON.stringify({ tokens: own })).tokens)
  expect(again.encode(text).toArray()).toEqual(own.encode(text).toArray())
})

it('orders characters by code points, whatever the text', () => {
  expect(characters('b😀a\uffee').characters).toEqual(['a', 'b', '\uffee', '😀'])
  expect(characters(['b', 'a']).encode('ab').toArray()).toEqual([1, 0])
  expect(characters('ab').encode('ba').dtype).toBe('int32')
})

it('cannot be changed by who reads its characters, or made them', () => {
  const given = ['a', 'b']
  const own = characters(given)
  given.reverse()
  for (const list of [own.characters, own.toJSON()]) expect(() => (list as string[]).reverse()).toThrow(TypeError)
  expect(own.decode(own.encode('abba'))).toBe('abba')
  expect(own.characters).toEqual(['a', 'b'])
})

it('decodes whatever holds tokens', () => {
  const own = characters('abc')
  for (const tokens of [[2, 0], Int32Array.of(2, 0), tensor([[2], [0]]), tensor(Int32Array.of(2, 0))]) expect(own.decode(tokens)).toBe('ca')
  expect(own.decode(1)).toBe('b')
  expect(bytes().decode([0xc3])).toBe('\ufffd')
  const long = 'ab'.repeat(100_000)
  expect(own.decode(own.encode(long))).toBe(long)
})

describe('tokens refuse', () => {
  refuses([
    ['an unknown character', () => characters('abc').encode('abd'), 'RangeError: encode: "d" (U+0064) at place 2 is none of the 3 characters.'],
    ['one that looks like nothing', () => characters('abc').encode('a\u00a0'), 'RangeError: encode: "\u00a0" (U+00A0) at place 1 is none of the 3 characters.'],
    ['half a character', () => characters('😀').encode('😀\ud83d'), 'RangeError: encode: "\\ud83d" (U+D83D) at place 1 is none of the 1 characters.'],
    ['a number as text', () => characters(3 as never), 'TypeError: characters: takes a text, or a list of characters: number came.'],
    ['a list of words', () => characters(['a', 'bc']), "TypeError: characters: each of a list is one character: 'bc' came."],
    ['a character twice', () => characters(['a', 'b', 'a']), "TypeError: characters: 'a' stands twice in the list."],
    ['what is no text', () => bytes().encode(['a'] as never), 'TypeError: encode: takes a text: an array came.'],
    ['a token beyond', () => characters('abc').decode([0, 3]), 'RangeError: decode: 3 at place 1 is no token: they go from 0 to 2.'],
    ['half a token', () => bytes().decode(tensor([0.5])), 'RangeError: decode: 0.5 at place 0 is no token: they go from 0 to 255.'],
    ['a text as tokens', () => bytes().decode('abc' as never), 'TypeError: decode: tokens are a tensor or a list of numbers: string came.'],
    ['another argument', () => (bytes() as { encode(...args: string[]): unknown }).encode('a', 'b'), "TypeError: encode: there is an argument too many: 'b' came."],
  ]) // biome-ignore format: one row a case
})
