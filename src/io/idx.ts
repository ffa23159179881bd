import { FormatError } from '../errors.ts'
import { zeros } from '../tensor/create.ts'
import type { DType } from '../tensor/dtype.ts'
import { MOST_ELEMENTS, type Shape, show, sizeOf, TOO_MANY_ELEMENTS } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { bytesOfFile } from './bytes.ts'

/** A type of elements: its size, what it becomes, and how one is read. */
interface StoredType {
  readonly bytes: number
  readonly dtype: DType
  readonly read: (source: DataView, at: number) => number
}

interface Header {
  readonly type: StoredType
  readonly shape: Shape
  /** Where the data begin and end. */
  readonly begin: number
  readonly end: number
}

/** By the third byte of a file. Everything is big endian. */
const types: ReadonlyMap<number, StoredType> = new Map<number, StoredType>([
  [0x08, { bytes: 1, dtype: 'uint8', read: (source, at) => source.getUint8(at) }],
  [0x09, { bytes: 1, dtype: 'int32', read: (source, at) => source.getInt8(at) }],
  [0x0b, { bytes: 2, dtype: 'int32', read: (source, at) => source.getInt16(at) }],
  [0x0c, { bytes: 4, dtype: 'int32', read: (source, at) => source.getInt32(at) }],
  [0x0d, { bytes: 4, dtype: 'float32', read: (source, at) => source.getFloat32(at) }],
  [0x0e, { bytes: 8, dtype: 'float32', read: (source, at) => source.getFloat64(at) }],
])

/** Two zeros, the type, the number of axes (one byte), and a 32-bit size for each. */
const LONGEST_HEADER = 4 + 4 * 255
/** How much of a gzipped file is unpacked at a time, at most 1,032 times as much: some runtimes unpack all that they are given. */
const SLICE = 16384
const CUT = 'The file is damaged or was cut off: read or fetch it again.'

/**
 * The tensor of an IDX file, the format of MNIST and its relatives, given as the bytes of the file; gzipped or not.
 *
 * The shape is that of the file (MNIST's images: [60000, 28, 28]). Unsigned bytes stay uint8; bytes, shorts and ints become int32, floats and
 * doubles float32. The file is taken for hostile: nothing is unpacked beyond the size that its header states. The promise rejects with
 * FormatError for whatever is wrong with the file, TypeError for what is no bytes, MemoryError where the tensor finds no room.
 *
 * @example
 * const file = new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]) // of bytes, one axis of two
 * const x = await readIdx(file)
 * x.toArray() // [7, 9]
 */
export async function readIdx(bytes: Uint8Array | ArrayBufferLike): Promise<Tensor> {
  const file = bytesOfFile('readIdx', bytes)
  const gzipped = file[0] === 0x1f && file[1] === 0x8b
  const content = gzipped ? await unzipped(file) : file
  const { type, shape, begin, end } = readHeader(content)
  if (content.length !== end) {
    const problem = content.length < end ? 'the file ends too early' : 'the file is longer than its header says'
    throw wrong(problem, `${show(shape)} takes ${end} bytes with the header, there are ${content.length}`, CUT)
  }
  const tensor = zeros(shape, { dtype: type.dtype })
  const view = tensor.view()
  if (type.dtype === 'uint8') view.set(content.subarray(begin))
  else {
    const source = new DataView(content.buffer, content.byteOffset + begin)
    for (let i = 0; i < view.length; i++) view[i] = type.read(source, i * type.bytes)
  }
  return tensor
}

function readHeader(file: Uint8Array): Header {
  const rank = file[3] ?? 0
  const begin = 4 + 4 * rank
  if (file.length < begin) throw wrong('the file is too short for its header', `${file.length} bytes, ${begin} are needed`, CUT)
  const type = types.get(file[2])
  if (file[0] !== 0 || file[1] !== 0 || !type) {
    const magic = Array.from(file.subarray(0, 4), byte => byte.toString(16).padStart(2, '0')).join(' ')
    throw wrong(
      'this is no IDX file',
      `it begins with ${magic}`,
      'One begins with 00 00, a type (08, 09, 0b, 0c, 0d or 0e) and the number of axes.',
    )
  }
  const source = new DataView(file.buffer, file.byteOffset, begin)
  const shape = Array.from({ length: rank }, (_, axis) => source.getUint32(4 + 4 * axis))
  // Zeros are left out here: a tensor without elements must not smuggle in an axis that no index reaches.
  if (sizeOf(shape.map(size => size || 1)) > MOST_ELEMENTS) {
    throw wrong(`the shape has ${TOO_MANY_ELEMENTS}`, show(shape), 'The file is damaged.')
  }
  return { type, shape, begin, end: begin + sizeOf(shape) * type.bytes }
}

/** The content of a gzipped file, at most one piece longer than the header in it says. */
async function unzipped(file: Uint8Array): Promise<Uint8Array> {
  let at = 0
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (at < file.length) controller.enqueue(new Uint8Array(file.subarray(at, at + SLICE)))
      else controller.close()
      at += SLICE
    },
  })
  const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  let end: number | undefined
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return joined(pieces, length)
      pieces.push(value)
      length += value.length
      if (end === undefined && length >= LONGEST_HEADER) end = readHeader(joined(pieces, length)).end
      if (end !== undefined && length > end) throw wrong('the file is longer than its header says', `the header says ${end} bytes`, CUT)
    }
  } catch (error) {
    reader.cancel().catch(() => {})
    if (error instanceof FormatError) throw error
    const failure = wrong('the file cannot be unzipped', `${file.length} bytes that begin as gzip does`, CUT)
    failure.cause = error // what it says differs from runtime to runtime
    throw failure
  }
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

function wrong(problem: string, came: string, wayOut: string): FormatError {
  return new FormatError({ operation: 'readIdx', problem, came, wayOut })
}
