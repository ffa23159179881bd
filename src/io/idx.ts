import { FormatError } from '../errors.ts'
import { zeros } from '../tensor/create.ts'
import { MOST_ELEMENTS, type Shape, show, sizeOf, TOO_MANY_ELEMENTS } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { bytesOfFile } from './bytes.ts'
import { CUT, inflated } from './inflate.ts'
import { readElements, type StoredType, storedTypes } from './stored.ts'

interface Header {
  readonly type: StoredType
  readonly shape: Shape
  /** Where the data begin and end. */
  readonly begin: number
  readonly end: number
}

/** Two zeros, the type, the number of axes (one byte), and a 32-bit size for each. */
const LONGEST_HEADER = 4 + 4 * 255

/**
 * The tensor of an IDX file, the format of MNIST and its relatives, given as the bytes of the file; gzipped or not.
 *
 * The shape is that of the file (MNIST's images: [60000, 28, 28]). Unsigned bytes stay uint8; bytes, shorts and ints become int32, floats and
 * doubles float32. The file is taken for hostile: nothing is unpacked beyond the size that its header states. The promise rejects with
 * FormatError for whatever is wrong with the file, TypeError for what is no bytes, MemoryError where the tensor finds no room, FluxtapeError for a
 * gzipped one where the runtime has no DecompressionStream.
 *
 * @example
 * const file = new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]) // of bytes, one axis of two
 * const x = await readIdx(file)
 * x.toArray() // [7, 9]
 */
export async function readIdx(bytes: Uint8Array | ArrayBufferLike): Promise<Tensor> {
  const file = bytesOfFile('readIdx', bytes)
  const gzipped = file[0] === 0x1f && file[1] === 0x8b
  const endOf = (length: number, content: () => Uint8Array) => (length < LONGEST_HEADER ? undefined : readHeader(content()).end)
  const content = gzipped ? await inflated('readIdx', file, 'gzip', endOf) : file
  const { type, shape, begin, end } = readHeader(content)
  if (content.length !== end) {
    const problem = content.length < end ? 'the file ends too early' : 'the file is longer than its header says'
    throw wrong(problem, `${show(shape)} takes ${end} bytes with the header, there are ${content.length}`, CUT)
  }
  const tensor = zeros(shape, { dtype: type.dtype })
  readElements(type, content.subarray(begin), false, tensor.view())
  return tensor
}

function readHeader(file: Uint8Array): Header {
  const rank = file[3] ?? 0
  const begin = 4 + 4 * rank
  if (file.length < begin) throw wrong('the file is too short for its header', `${file.length} bytes, ${begin} are needed`, CUT)
  // Everything is big endian.
  const type = storedTypes.find(each => each.idx === file[2])
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

function wrong(problem: string, came: string, wayOut: string): FormatError {
  return new FormatError({ operation: 'readIdx', problem, came, wayOut })
}
