import { FormatError, loadSafetensors, memory, saveSafetensors, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { bytesOf, file, one } from './safetensors-file.ts'

/** What loading throws, of which nothing may be left in memory. */
function failure(bytes: Uint8Array): Error {
  const before = memory()
  try {
    loadSafetensors(bytes)
  } catch (error) {
    expect(memory().tensors).toBe(before.tensors)
    expect(memory().bytes).toBe(before.bytes)
    return error as Error
  }
  throw new Error('nothing was thrown')
}

const DAMAGED = 'The file is damaged, or its writer made a mistake.'
const CUT = 'The file is damaged or was cut off: read or fetch it again.'
const KNOWN = 'Known are F32, I32, U8, BOOL, F64, F16, BF16, I64, U64, U32, I16, U16, I8.'
const LONG = 'bytes, at most 100000000 are allowed. The file is damaged, or no safetensors file.'
const WIDE = 'Write the file with smaller numbers, or as float64.'
const HUGE = 'has more elements than a tensor can have, 2^30 - 1'

/** The message for what is wrong at a character of the header. */
function at(place: number, rest: string, problem: string): string {
  return `${problem}: at character ${place} of the header, ${rest === '' ? 'its end' : `where it reads ${rest}`}. ${DAMAGED}`
}

const entry = (shape: string, offsets: string, type = 'U8') => `{"dtype":"${type}","shape":${shape},"data_offsets":${offsets}}`
const single = (shape: string, offsets: string, data: number[] = [], type = 'U8') => file(`{"a":${entry(shape, offsets, type)}}`, data)
const two = (first: string, second: string, data: number[]) => file(`{"a":${entry('[2]', first)},"b":${entry('[2]', second)}}`, data)
const invalid = new TextEncoder().encode('{"a":{}}')
invalid[2] = 0xff
const large = [7, ...bytesOf(BigInt64Array.of(2n ** 31n))]
const escape = 'a text does not end, or has a character or an escape that JSON does not allow'
const noSize = "a number in the shape of 'a' is no whole number from 0 to 2^53 - 1"
const noOffset = "a number in the data_offsets of 'a' is no whole number from 0 to 2^53 - 1"
const fit = "the shape and the data of 'a' do not fit"
const outside = "the data of 'a' lie outside of the file"
const overlap = "the data of 'b' overlap those before"
const hole = "there is a hole before the data of 'b'"
const ends = 'the file does not end where its tensors end'

const table: [name: string, bytes: Uint8Array, message: string][] = [
  ['nothing', new Uint8Array(0), `the file is too short: 0 bytes, where the length of the header alone takes 8. ${CUT}`],
  ['seven bytes', new Uint8Array(7), `the file is too short: 7 bytes, where the length of the header alone takes 8. ${CUT}`],
  ['a header beyond the file', file('{}', [], 3n), `the header is longer than the file: 3 bytes, 2 are left. ${CUT}`],
  ['a header of more than 100 MB', file('{}', [], 100_000_001n), `the header is too long: 100000001 ${LONG}`],
  ['a header of -1', file('{}', [], 2n ** 64n - 1n), `the header is too long: 18446744073709551615 ${LONG}`],
  ['a header of 2^32', file('{}', [], 2n ** 32n), `the header is too long: 4294967296 ${LONG}`],
  ['invalid UTF-8', file(invalid), `the header is not UTF-8: 8 bytes. ${DAMAGED}`],

  ['no header', file(''), at(0, '', 'the header does not begin with {')],
  ['a byte order mark', file('\ufeff{}'), at(0, '\ufeff{}', 'the header does not begin with {')],
  ['leading space', file(' {}'), at(0, ' {}', 'the header does not begin with {')],
  ['an array', file('[]'), at(0, '[]', 'the header does not begin with {')],
  ['more after the header', file('{} {}'), at(3, '{}', 'there is more after the last brace')],
  ['zeros after the header', file('{}\0'), at(2, '\\u0000', 'there is more after the last brace')],
  ['a header that stops', file('{"a"'), at(4, '', ': was expected')],
  ['a comma too many', file(`{"a":${entry('[0]', '[0,0]')},}`), at(53, '}', '" was expected')],
  ['no value', file('{"a":{"x":}}'), at(10, '}}', 'a value was expected')],
  ['a number in octal', file('{"a":{"x":01}}'), at(11, '1}}', '} was expected')],
  ['a line break in a text', file('{"a\n":1}'), at(1, '"a\\n":1}', escape)],
  ['an unknown escape', file('{"\\x":1}'), at(1, '"\\x":1}', escape)],
  ['a text that does not end', file('{"a\\"'), at(1, '"a\\"', escape)],
  ['half a surrogate pair', file('{"\\ud800":1}'), at(1, '"\\ud800":1}', 'a text has half a surrogate pair')],

  [
    'a name twice',
    file(`{"a":${entry('[1]', '[0,1]')},"\\u0061":${entry('[1]', '[1,2]')}}`, [1, 2]),
    at(53, '"\\u0061":{"dtype":"U8","...', "'a' comes twice in one object"),
  ],
  [
    'a field twice',
    file('{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}'),
    at(19, '"dtype":"I8","shape":[0]...', "'dtype' comes twice in one object"),
  ],
  [
    'a key twice in what nobody reads',
    file('{"a":{"x":[{"k":1,"k":2}],"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    at(18, '"k":2}],"dtype":"U8","sh...', "'k' comes twice in one object"),
  ],
  [
    'metadata twice',
    file('{"__metadata__":{},"__metadata__":{}}'),
    at(19, '"__metadata__":{}}', "'__metadata__' comes twice in one object"),
  ],
  ['a key of metadata twice', file('{"__metadata__":{"k":"1","k":"2"}}'), at(25, '"k":"2"}}', "'k' comes twice in one object")],
  ['metadata that are a list', file('{"__metadata__":[]}'), at(16, '[]}', 'the metadata are no object')],
  ['metadata of numbers', file('{"__metadata__":{"k":1}}'), at(21, '1}}', "the metadata 'k' are no text")],
  ['metadata in metadata', file('{"__metadata__":{"k":{}}}'), at(21, '{}}}', "the metadata 'k' are no text")],

  ['an entry that is null', file('{"a":null}'), at(5, 'null}', "the entry of 'a' is no object")],
  ['no dtype', file('{"a":{"shape":[0],"data_offsets":[0,0]}}'), at(39, '}', "the dtype of 'a' is missing")],
  ['no shape', file('{"a":{"dtype":"U8","data_offsets":[0,0]}}'), at(40, '}', "the shape of 'a' is missing")],
  ['no offsets', file('{"a":{"dtype":"U8","shape":[0]}}'), at(31, '}', "the data_offsets of 'a' is missing")],
  ['a dtype that is a number', file('{"a":{"dtype":1}}'), at(14, '1}}', "the dtype of 'a' is no text")],
  ['an unknown dtype', single('[1]', '[0,1]', [0], 'F8_E5M2'), `the dtype of 'a' is not known: 'F8_E5M2'. ${KNOWN}`],
  ['a dtype of the prototype', single('[1]', '[0,1]', [0], 'toString'), `the dtype of 'a' is not known: 'toString'. ${KNOWN}`],
  [
    'a long name',
    file(`{"${'n'.repeat(99)}":${entry('[1]', '[0,1]', 'Q\\n')}}`, [0]),
    `the dtype of '${'n'.repeat(60)}...' is not known: 'Q\\n'. ${KNOWN}`,
  ],

  ['a shape that is a number', file('{"a":{"shape":3}}'), at(14, '3}}', "the shape of 'a' is no list")],
  ['a negative size', single('[-1]', '[0,0]'), at(28, '-1],"data_offsets":[0,0]...', noSize)],
  ['a fraction as size', file('{"a":{"shape":[1.0]}}'), at(15, '1.0]}}', noSize)],
  ['an exponent in a size', file('{"a":{"shape":[1e3]}}'), at(15, '1e3]}}', noSize)],
  ['a size beyond 2^53', file('{"a":{"shape":[9007199254740992]}}'), at(15, '9007199254740992]}}', noSize)],
  ['a size that is a text', file('{"a":{"shape":["1"]}}'), at(15, '"1"]}}', noSize)],
  [
    'a product that overflows',
    single('[4294967296,4294967296]', '[0,0]'),
    `the shape of 'a' ${HUGE}: [4294967296, 4294967296]. ${DAMAGED}`,
  ],
  ['an axis beyond memory', single('[0,4294967296]', '[0,0]'), `the shape of 'a' ${HUGE}: [0, 4294967296]. ${DAMAGED}`],
  ['a shape larger than its data', single('[3]', '[0,2]', [1, 2]), `${fit}: U8 [3] takes 3 bytes, data_offsets has 2. ${DAMAGED}`],
  ['a shape smaller than its data', single('[1]', '[0,2]', [1, 2]), `${fit}: U8 [1] takes 1 bytes, data_offsets has 2. ${DAMAGED}`],
  ['a scalar of two', single('[]', '[0,2]', [1, 2]), `${fit}: U8 [] takes 1 bytes, data_offsets has 2. ${DAMAGED}`],

  ['NaN as offset', file('{"a":{"data_offsets":[NaN,1]}}'), at(22, 'NaN,1]}}', noOffset)],
  ['a negative offset', file('{"a":{"data_offsets":[0,-1]}}'), at(24, '-1]}}', noOffset)],
  ['three offsets', file('{"a":{"data_offsets":[0,1,2]}}'), at(26, '2]}}', "the data_offsets of 'a' has more than 2 numbers")],
  [
    'one offset',
    file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}'),
    at(50, '}', "the data_offsets of 'a' has 1 numbers instead of 2"),
  ],
  ['data beyond the file', single('[3]', '[0,3]', [1, 2]), `${outside}: bytes 0 to 3 of 2. ${CUT}`],
  ['data that end before they begin', single('[1]', '[2,1]', [1, 2]), `${outside}: bytes 2 to 1 of 2. ${CUT}`],
  ['ranges that overlap', two('[0,2]', '[1,3]', [1, 2, 3]), `${overlap}: they begin at byte 1, those before end at 2. ${DAMAGED}`],
  ['one range for two', two('[0,2]', '[0,2]', [1, 2]), `${overlap}: they begin at byte 0, those before end at 2. ${DAMAGED}`],
  ['a hole', two('[0,2]', '[3,5]', [1, 2, 3, 4, 5]), `${hole}: they begin at byte 3, those before end at 2. ${DAMAGED}`],
  ['a hole at the start', two('[3,5]', '[1,3]', [1, 2, 3, 4, 5]), `${hole}: they begin at byte 1, those before end at 0. ${DAMAGED}`],
  ['bytes at the end', two('[0,2]', '[2,4]', [1, 2, 3, 4, 5]), `${ends}: 4 bytes of data are used, there are 5. ${DAMAGED}`],
  ['data without tensors', file('{}', [1]), `${ends}: 0 bytes of data are used, there are 1. ${DAMAGED}`],

  ['a bool of 2', one('BOOL', '[3]', [0, 1, 2]), `a bool is neither 0 nor 1 in 'a': 2, element 2. ${DAMAGED}`],
  [
    'a large I64 after another tensor',
    file(`{"x":${entry('[1]', '[0,1]')},"a":${entry('[1]', '[1,9]', 'I64')}}`, large),
    `a whole number does not fit into int32 in 'a': 2147483648, element 0. ${WIDE}`,
  ],
  [
    'a large U32',
    one('U32', '[1]', bytesOf(Uint32Array.of(2 ** 31))),
    `a whole number does not fit into int32 in 'a': 2147483648, element 0. ${WIDE}`,
  ],
]

describe('hostile safetensors files', () => {
  it.each(table)('with %s', (_, bytes, message) => {
    const error = failure(bytes)
    expect(error).toBeInstanceOf(FormatError)
    expect(error.message).toBe(`loadSafetensors: ${message}`)
  })

  it('are refused at every length but the whole', () => {
    const bytes = saveSafetensors({ w: tensor([[1, 2]]), n: 3, u: tensor(Uint8Array.of(9)) }, { metadata: { format: 'pt' } })
    for (let length = 0; length < bytes.length; length++) {
      expect(failure(bytes.slice(0, length)), `${length} bytes`).toBeInstanceOf(FormatError)
    }
    expect(loadSafetensors(bytes).tensors.size).toBe(3)
  })

  it('give a FormatError, or tensors, for any single byte that is wrong', () => {
    const bytes = saveSafetensors({ w: tensor([[1, 2]]), b: tensor([true]) }, { metadata: { format: 'pt' } })
    const before = memory().tensors
    for (let place = 0; place < bytes.length; place++) {
      for (const value of [0, 0x22, 0x2c, 0x2d, 0x30, 0x39, 0x5b, 0x5c, 0x7b, 0x7d, 0x80, 0xff]) {
        const wrong = bytes.slice()
        wrong[place] = value
        try {
          for (const each of loadSafetensors(wrong).tensors.values()) each.dispose()
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }
    }
    expect(memory().tensors).toBe(before)
  })

  it('may not nest as deep, or list as much, as they like', () => {
    expect(failure(file(`{"a":{"b":${'['.repeat(1_000_000)}`)).message).toContain('values lie more than 64 deep')
    expect(failure(file(`{"a":{"b":${'{"":'.repeat(1_000_000)}`)).message).toContain('values lie more than 64 deep')
    expect(failure(file(`{"a":{"shape":[${'0,'.repeat(1_000_000)}`)).message).toContain("the shape of 'a' has more than 64 numbers")
  })
})
