import { FormatError, memory } from 'fluxtape'
import { readIdx } from 'fluxtape/datasets'
import { afterEach, describe, expect, it, vi } from 'vitest'

/** A file: two zeros, the type, the number of axes, their sizes, the elements; all big endian. */
function idx(type: number, shape: readonly number[], data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length)
  const view = new DataView(bytes.buffer)
  bytes.set([0, 0, type, shape.length])
  shape.forEach((size, axis) => view.setUint32(4 + 4 * axis, size))
  bytes.set(data, 4 + 4 * shape.length)
  return bytes
}

function bigEndian(width: number, values: readonly number[], put: (view: DataView, at: number, value: number) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(width * values.length))
  values.forEach((value, i) => put(view, i * width, value))
  return new Uint8Array(view.buffer)
}

async function gzip(...parts: Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob(parts).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

async function failure(bytes: Uint8Array): Promise<Error> {
  const before = memory().tensors
  try {
    await readIdx(bytes)
  } catch (error) {
    expect(memory().tensors).toBe(before)
    return error as Error
  }
  throw new Error('nothing was thrown')
}

const images = idx(8, [2, 2, 3], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 254, 255])
const CUT = 'The file is damaged or was cut off: read or fetch it again.'
const MAGIC = 'One begins with 00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the number of axes.'

afterEach(() => {
  vi.unstubAllGlobals()
})

describe('readIdx', () => {
  it('reads images as MNIST has them', async () => {
    const x = await readIdx(images)
    expect(x.dtype).toBe('uint8')
    expect(x.toArray()).toEqual([
      [
        [0, 1, 2],
        [3, 4, 5],
      ],
      [
        [6, 7, 8],
        [9, 254, 255],
      ],
    ])
  })

  const double = (view: DataView, at: number, value: number) => view.setFloat64(at, value)
  const types: [string, number, string, Uint8Array, number[]][] = [
    ['unsigned bytes', 0x08, 'uint8', Uint8Array.of(0, 255), [0, 255]],
    ['bytes', 0x09, 'int32', Uint8Array.of(128, 127), [-128, 127]],
    ['shorts', 0x0b, 'int32', bigEndian(2, [-32768, 258], (view, at, value) => view.setInt16(at, value)), [-32768, 258]],
    ['ints', 0x0c, 'int32', bigEndian(4, [-(2 ** 31), 16909060], (view, at, value) => view.setInt32(at, value)), [-(2 ** 31), 16909060]],
    ['floats', 0x0d, 'float32', bigEndian(4, [1.5, Number.NaN], (view, at, value) => view.setFloat32(at, value)), [1.5, Number.NaN]],
    ['doubles', 0x0e, 'float32', bigEndian(8, [0.1, -1e300], double), [Math.fround(0.1), -Infinity]],
  ]
  it.each(types)('reads %s', async (_, type, dtype, data, values) => {
    const x = await readIdx(idx(type, [values.length], data))
    expect([x.dtype, x.shape]).toEqual([dtype, [values.length]])
    expect([...x.data()]).toEqual(values)
  })

  it('reads any number of axes, and sizes of 0', async () => {
    expect((await readIdx(idx(0x0c, [], [0, 0, 0, 7]))).item()).toBe(7)
    expect((await readIdx(idx(8, [1, 1, 2, 1, 1, 1, 1, 1, 1], [4, 5]))).shape).toEqual([1, 1, 2, 1, 1, 1, 1, 1, 1])
    expect((await readIdx(idx(8, [3, 0], []))).shape).toEqual([3, 0])
    expect((await readIdx(idx(0x0e, [0], []))).size).toBe(0)
  })

  it('reads gzipped files, small and large', async () => {
    expect((await readIdx(await gzip(images))).data()).toEqual(images.slice(16))
    const noise = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i * 31) >>> 7)
    const large = await readIdx(await gzip(idx(8, [3, 100_000], noise)))
    expect(large.shape).toEqual([3, 100_000])
    expect(large.data()).toEqual(noise)
  })

  it('takes a part of a buffer, a whole one, and shared memory', async () => {
    const zipped = await gzip(images)
    for (const bytes of [images, zipped]) {
      const room = new Uint8Array(bytes.length + 3)
      room.set(bytes, 1)
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
      shared.set(bytes)
      for (const each of [room.subarray(1, 1 + bytes.length), bytes.buffer, shared]) {
        expect((await readIdx(each)).data()).toEqual(images.slice(16))
      }
    }
  })

  const hostile: [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(0), `the file is too short for its header: 0 bytes, 4 are needed. ${CUT}`],
    ['sizes cut off', images.slice(0, 15), `the file is too short for its header: 15 bytes, 16 are needed. ${CUT}`],
    ['another format', Uint8Array.of(0x89, 0x50, 0x4e, 0), `this is no IDX file: it begins with 89 50 4e 00. ${MAGIC}`],
    ['an unknown type', idx(0x0a, [1], [0]), `this is no IDX file: it begins with 00 00 0a 01. ${MAGIC}`],
    ['an element missing', images.slice(0, -1), `the file ends too early: [2, 2, 3] takes 28 bytes with the header, there are 27. ${CUT}`],
    [
      'an element too many',
      idx(0x0b, [1], [0, 1, 2]),
      `the file is longer than its header says: [1] takes 10 bytes with the header, there are 11. ${CUT}`,
    ],
    [
      'sizes whose product overflows',
      idx(8, [0xffffffff, 0xffffffff, 2], []),
      'the shape has more elements than a tensor can have, 2^30 - 1: [4294967295, 4294967295, 2]. The file is damaged.',
    ],
    [
      'an axis that no memory reaches',
      idx(8, [0, 0xffffffff], []),
      'the shape has more elements than a tensor can have, 2^30 - 1: [0, 4294967295]. The file is damaged.',
    ],
    [
      'a size that the file does not have',
      idx(0x0e, [2 ** 29], [1]),
      `the file ends too early: [536870912] takes 4294967304 bytes with the header, there are 9. ${CUT}`,
    ],
  ]
  it.each(hostile)('refuses %s', async (_, bytes, message) => {
    for (const file of [bytes, await gzip(new Uint8Array(bytes))]) {
      const error = await failure(file)
      expect(error).toBeInstanceOf(FormatError)
      expect(error.message).toBe(`readIdx: ${message}`)
    }
  })

  it('refuses every length but the whole, gzipped or not', async () => {
    for (const bytes of [images, await gzip(images)]) {
      for (let length = 0; length < bytes.length; length++) {
        expect(await failure(bytes.slice(0, length)), `${length} bytes`).toBeInstanceOf(FormatError)
      }
    }
  })

  it('says that a gzipped file is damaged', async () => {
    const zipped = await gzip(images)
    zipped[14] ^= 0xff
    const error = await failure(zipped)
    expect(error).toBeInstanceOf(FormatError)
    expect(error.message).toBe(`readIdx: the file cannot be unzipped: ${zipped.length} bytes that begin as gzip does. ${CUT}`)
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('stops unpacking where the header says that the data end', async () => {
    const bomb = await gzip(images, new Uint8Array(64 * 2 ** 20))
    let unpacked = 0
    const Original = DecompressionStream
    class Counting {
      readonly writable: WritableStream
      readonly readable: ReadableStream<Uint8Array>
      constructor(format: CompressionFormat) {
        const original = new Original(format)
        this.writable = original.writable
        this.readable = original.readable.pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>({
            transform(piece, controller) {
              unpacked += piece.length
              controller.enqueue(piece)
            },
          }),
        )
      }
    }
    vi.stubGlobal('DecompressionStream', Counting)
    const error = await failure(bomb)
    expect(error.message).toBe(`readIdx: the file is longer than its header says: the header says 28 bytes. ${CUT}`)
    expect(unpacked).toBeGreaterThan(0)
    expect(unpacked).toBeLessThan(20 * 2 ** 20)
  })

  it('refuses what is no bytes', async () => {
    await expect(readIdx('train-images' as unknown as Uint8Array)).rejects.toThrow(
      new TypeError('readIdx: the bytes of a file are a Uint8Array or an ArrayBuffer: string came. Read or fetch the file first.'),
    )
  })
})
