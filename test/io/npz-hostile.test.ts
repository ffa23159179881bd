import { crc32, deflateRawSync } from 'node:zlib'
import { FormatError, loadNpz, memory, saveNpz, tensor } from 'fluxtape'
import { describe, expect, it } from 'vitest'

type Bytes = Uint8Array<ArrayBuffer>

async function failure(bytes: Uint8Array): Promise<Error> {
  const before = memory()
  try {
    await loadNpz(bytes)
  } catch (error) {
    expect(memory().tensors).toBe(before.tensors)
    expect(memory().bytes).toBe(before.bytes)
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** An npy file with this header, in the version 1.0 unless another is given. */
function npy(header: string, data: ArrayLike<number> = [], version = 1): Bytes {
  const length = header.length
  const size = version === 1 ? [length & 255, length >> 8] : [length & 255, (length >> 8) & 255, (length >> 16) & 255, 0]
  return Uint8Array.from([0x93, ...Buffer.from('NUMPY'), version, 0, ...size, ...Buffer.from(header, 'latin1'), ...Array.from(data)])
}

const array = (kind: string, shape: string, data: ArrayLike<number> = [], more = '') =>
  npy(`{'descr': '${kind}', 'fortran_order': False, 'shape': ${shape}, ${more}}`, data)

const DAMAGED = 'The file is damaged, or its writer made a mistake.'
const CUT = 'The file is damaged or was cut off: read or fetch it again.'
const KNOWN = 'Known are f4, i4, u1, b1, f8, f2, i8, u8, u4, i2, u2, i1, behind < or >, and single texts.'
const NONE = "the header of 'arr_0' is none of an array"
const ARRAYS = 'Arrays of numbers and of truth values are read.'
const none = (text: string) => `${NONE}: '${text.length > 60 ? `${text.slice(0, 60)}...` : text}'. ${ARRAYS}`
const dictionary = (text: string): [string, Uint8Array, string] => [`the header ${text}`, npy(text), none(text)]
const kind = (name: string): [string, Uint8Array, string] => [
  `the dtype ${name}`,
  array(name, '(1,)', [0]),
  `the dtype of 'arr_0' is not known: '${name}'. ${KNOWN}`,
]
const large = [...new Uint8Array(BigInt64Array.of(2n ** 31n).buffer)]

const npyTable: [name: string, bytes: Uint8Array, message: string][] = [
  ['an npy file cut off in its magic', npy('').slice(0, 8), `'arr_0' ends before its header does: 8 bytes. ${CUT}`],
  ['a header beyond the file', npy('{}'.padEnd(99)).slice(0, 50), `'arr_0' ends before its header does: 50 bytes. ${CUT}`],
  ['version 4', npy('{}', [], 4), "the version of npy of 'arr_0' is not known: 4.0. Known are 1.0, 2.0 and 3.0."],
  ['a long header', npy(' '.repeat(10_001)), `the header of 'arr_0' is too long: 10001 bytes, at most 10000 are allowed. ${DAMAGED}`],
  dictionary('{}'),
  dictionary('()'),
  dictionary("{'descr': '<f4'}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': ''}"),
  dictionary("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}"),
  dictionary("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (3)}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (3,,)}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (,)}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (03,)}"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': ()"),
  dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': __import__('os').getpid()}"),
  dictionary("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}"),
  kind('|O'),
  kind('<c8'),
  kind('<f16'),
  kind('|f4'),
  kind('f4'),
  kind('=f4'),
  kind('<U1'),
  kind('toString'),
  [
    'axes that no memory reaches',
    array('<f4', '(0, 4294967296,)'),
    `the shape of 'arr_0' has more elements than a tensor can have, 2^30 - 1: [0, 4294967296]. ${DAMAGED}`,
  ],
  [
    'sizes that overflow',
    array('|u1', '(65536, 65536, 65536, 65536, 65536,)'),
    `the shape of 'arr_0' has more elements than a tensor can have, 2^30 - 1: [65536, 65536, 65536, 65536, 65536]. ${DAMAGED}`,
  ],
  [
    'an element missing',
    array('<f4', '(2,)', [1, 2, 3]),
    `'arr_0' ends too early: [2] takes 75 bytes with the header, there are 70. ${CUT}`,
  ],
  [
    'an element too many',
    array('|u1', '(2,)', [1, 2, 3]),
    `'arr_0' is longer than its header says: [2] takes 69 bytes with the header, there are 70. ${CUT}`,
  ],
  ['a bool of 2', array('|b1', '(3,)', [0, 1, 2]), `a bool is neither 0 nor 1 in 'arr_0': 2, element 2. ${DAMAGED}`],
  [
    'a large number',
    array('<i8', '(1,)', large),
    "a whole number does not fit into int32 in 'arr_0': 2147483648, element 0. Write the file with smaller numbers, or as float64.",
  ],
  ['half a pair in a text', array('<U1', '()', [0, 0xd8, 0, 0]), `'arr_0' has what is no character. ${DAMAGED}`],
  ['no character', array('<U1', '()', [0, 0, 0x11, 0]), `'arr_0' has what is no character. ${DAMAGED}`],
]

/** Of `zip`, with bytes replaced at places behind signatures: the n-th local header (1), entry of the directory (2), or end (3). */
function edited(
  zip: Uint8Array,
  ...edits: readonly (readonly [what: 1 | 2 | 3, n: number, at: number, bytes: readonly number[]])[]
): Uint8Array {
  const bytes = zip.slice()
  const sign = { 1: [3, 4], 2: [1, 2], 3: [5, 6] }
  for (const [what, n, at, values] of edits) {
    const [a, b] = sign[what]
    const found = [...bytes.keys()].filter(i => bytes[i] === 80 && bytes[i + 1] === 75 && bytes[i + 2] === a && bytes[i + 3] === b)
    bytes.set(values, found[n] + at)
  }
  return bytes
}

const zip = await saveNpz({ a: tensor([1, 2]), b: tensor([3]) })
const packed = await saveNpz({ a: tensor([1, 2]), b: tensor([3]) }, { compress: true })
const others = await saveNpz({ a: tensor([1, 2]), b: tensor([3]) })
const FIRST = 30 + 5 + 128 + 8
const zipTable: [name: string, bytes: Uint8Array, message: string | RegExp][] = [
  ['nothing', new Uint8Array(0), `the directory of the zip archive is not there: 0 bytes. ${CUT}`],
  ['a zip archive cut off', zip.slice(0, -1), `the directory of the zip archive is not there: ${zip.length - 1} bytes. ${CUT}`],
  ['more behind it', new Uint8Array([...zip, 0]), `the directory of the zip archive is not there: ${zip.length + 1} bytes. ${CUT}`],
  ['more before it', new Uint8Array([0, ...zip]), /^the directory does not end where the archive says/],
  ['a part of several', edited(zip, [3, 0, 4, [1]]), 'the zip archive is a part of several: it says so at its end. Join them to one file.'],
  [
    'fewer entries than there are',
    edited(zip, [3, 0, 10, [1]]),
    `the directory is damaged: it has 2 entries, the archive says 1. ${DAMAGED}`,
  ],
  ['a directory of another size', edited(zip, [3, 0, 12, [0]]), /^the directory does not end where the archive says/],
  ['a directory that is none', edited(zip, [2, 1, 0, [0]]), /^an entry of the directory is damaged: entry 1, at byte/],
  ['a name beyond the directory', edited(zip, [2, 1, 28, [99]]), /^an entry of the directory is damaged: entry 1, at byte/],
  ['a name that is no UTF-8', edited(zip, [2, 0, 46, [255]]), `the name of an entry is no UTF-8, or has a zero: entry 0. ${DAMAGED}`],
  ['a zero in a name', edited(zip, [2, 0, 46, [0]]), `the name of an entry is no UTF-8, or has a zero: entry 0. ${DAMAGED}`],
  ['a name twice', edited(zip, [2, 1, 46, [97]], [1, 1, 30, [97]]), `'a.npy' comes twice in the archive: entries 0 and 1. ${DAMAGED}`],
  ['another name at its place', edited(zip, [1, 0, 30, [99]]), `the entry of 'a.npy' has another name in its place. ${DAMAGED}`],
  ['another alphabet at its place', edited(zip, [1, 0, 7, [0]]), `the entry of 'a.npy' has another name in its place. ${DAMAGED}`],
  [
    'another suffix',
    edited(zip, [2, 0, 47, [44]], [1, 0, 31, [44]]),
    "the archive has a file that is no array: 'a,npy'. The names of arrays end with .npy.",
  ],
  ['encryption', edited(zip, [2, 0, 8, [1]]), "the entry of 'a.npy' is encrypted. Write the archive without a password."],
  ['a newer version', edited(zip, [2, 0, 6, [84]]), /^the entry of 'a.npy' needs a newer zip: version 8.4/],
  [
    'bzip2',
    edited(zip, [2, 0, 10, [12]]),
    "the entry of 'a.npy' is packed by another method: method 12. Stored (0) and deflated (8) ones are read.",
  ],
  ['an entry elsewhere', edited(zip, [2, 0, 42, [9]]), /^the entry of 'a.npy' is not where the directory says: at byte 9 of/],
  [
    'an entry behind the directory',
    edited(zip, [2, 0, 42, [255, 255, 255, 127]]),
    /^the entry of 'a.npy' is not where the directory says: at byte 2147483647 of/,
  ],
  [
    'a size of 64 bits that is not there',
    edited(zip, [2, 0, 20, [255, 255, 255, 255]]),
    /^the data of 'a.npy' lie outside of the archive: bytes 35 to NaN of/,
  ],
  ['data beyond the directory', edited(zip, [2, 1, 20, [255, 255]]), /^the data of 'b.npy' lie outside of the archive/],
  [
    'entries over each other',
    edited(zip, [2, 0, 20, [137]], [2, 0, 24, [137]]),
    `'b.npy' overlaps 'a.npy': from byte ${FIRST} on. ${DAMAGED}`,
  ],
  ['two sizes of what is stored', edited(zip, [2, 0, 24, [7]]), /^the sizes of 'a.npy' do not fit: 136 bytes packed, 7 unpacked/],
  ['more than deflate can', edited(packed, [2, 0, 24, [0, 0, 0, 127]]), /^the sizes of 'a.npy' do not fit/],
  ['another checksum', edited(others, [2, 0, 16, [1, 2, 3, 4]]), `'a.npy' is damaged: its checksum is another. ${CUT}`],
  ['another element', edited(others, [1, 0, 170, [77]]), `'a.npy' is damaged: its checksum is another. ${CUT}`],
  ['another checksum, deflated', edited(packed, [2, 1, 16, [1, 2, 3, 4]]), `'b.npy' is damaged: its checksum is another. ${CUT}`],
  ['another size, deflated', edited(packed, [2, 1, 24, [1]]), /^'b.npy' is damaged: 132 bytes instead of 1/],
  [
    'damaged deflate',
    edited(packed, [1, 0, 35, [255, 255, 255]]),
    /^the file cannot be unzipped: \d+ bytes that begin as deflate-raw does/,
  ],
]

describe('hostile npz files', () => {
  it.each([...npyTable, ...zipTable])('with %s', async (_, bytes, message) => {
    const error = await failure(bytes)
    expect(error).toBeInstanceOf(FormatError)
    if (typeof message === 'string') expect(error.message).toBe(`loadNpz: ${message}`)
    else expect(error.message.replace('loadNpz: ', '')).toMatch(message)
  })

  it('are refused at every length but the whole', async () => {
    for (const bytes of [zip, packed, array('<f4', '(1,)', [0, 0, 0, 0])]) {
      for (let length = 0; length < bytes.length; length += 3) expect(await failure(bytes.slice(0, length))).toBeInstanceOf(FormatError)
    }
  })

  it('unpack no further than the header of an array says', async () => {
    const content = Buffer.concat([array('|u1', '(2,)', [1, 2]), Buffer.alloc(2 ** 26)])
    const data = deflateRawSync(content)
    const name = Buffer.from('a.npy')
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20)
    common.writeUInt16LE(8, 4)
    ;[crc32(content), data.length, content.length, name.length].forEach((value, i) => common.writeUInt32LE(value, 10 + 4 * i))
    const end = Buffer.from('PK\x05\x06\0\0\0\0\x01\0\x01\0'.padEnd(22, '\0'), 'latin1')
    end.writeUInt32LE(51, 12)
    end.writeUInt32LE(35 + data.length, 16)
    const local = [Buffer.from('PK\x03\x04'), common, name, data]
    const directory = [Buffer.from('PK\x01\x02\x14\0'), common, Buffer.alloc(14), name]
    const bytes = new Uint8Array(Buffer.concat([...local, ...directory, end]))
    expect(bytes.length).toBeLessThan(70_000)
    expect((await failure(bytes)).message).toBe(`loadNpz: the file is longer than its header says: the header says 69 bytes. ${CUT}`)
  })
})
