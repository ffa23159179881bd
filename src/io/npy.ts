// An array as NumPy's npy format has it: a magic, a header that is a dictionary of Python, the elements (NumPy's NEP 1).
import { FormatError, typeError } from '../errors.ts'
import { MOST_ELEMENTS, type Shape, show, sizeOf, TOO_MANY_ELEMENTS } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { CUT } from './inflate.ts'
import { DAMAGED, type Item, lengthOf, readTensor } from './items.ts'
import { hasHalfPair, quote } from './json.ts'
import { type StoredType, storedTypes, writeElements } from './stored.ts'

/** What the header says. */
interface NpyHeader {
  /** undefined: a text. */
  readonly type: StoredType | undefined
  readonly isLittle: boolean
  /** Bytes of a character of a text. */
  readonly unit: number
  readonly isFortran: boolean
  readonly shape: Shape
  /** Where the elements begin and end. */
  readonly begin: number
  readonly end: number
}

/** As NumPy, which refuses longer ones. */
const LONGEST_HEADER = 10_000
/** The magic, the version, and the length of the header. */
const SHORTEST = 10
const MOST_AXES = 64

/** An entry of the dictionary: a key, then a text, a truth value or a tuple of whole numbers. */
const FIELD = /[ \t\r\n]*(['"])(\w+)\1[ \t\r\n]*:[ \t\r\n]*(?:(['"])([^'"\\]*)\3|(True|False)|\(([ \t\r\n\dL,]*)\))[ \t\r\n]*([,}])/y
const TUPLE = /^(?:(?:[ \t\r\n]*(?:0|[1-9]\d*)L?[ \t\r\n]*,)+(?:[ \t\r\n]*(?:0|[1-9]\d*)L?)?)?[ \t\r\n]*$/

/** Does it begin as an npy file does? */
export function isNpy(file: Uint8Array): boolean {
  return String.fromCharCode(...file.subarray(0, 6)) === '\x93NUMPY'
}

/** Reads the header; undefined where the beginning of a file is too short for it. Throws FormatError for whatever is wrong with it. */
export function npyHeader(operation: string, name: string, file: Uint8Array): NpyHeader | undefined {
  const wrong = (problem: string, came: string, wayOut = DAMAGED) => new FormatError({ operation, problem, came, wayOut })
  const its = `of ${quote(name)}`
  if (file.length < SHORTEST + 2) return undefined
  if (!isNpy(file)) throw wrong(`${quote(name)} is no npy file`, 'it does not begin with \\x93NUMPY', 'Arrays of NumPy are read.')
  const version = file[6]
  if (version < 1 || version > 3 || file[7] !== 0) {
    throw wrong(`the version of npy ${its} is not known`, `${version}.${file[7]}`, 'Known are 1.0, 2.0 and 3.0.')
  }
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const start = version === 1 ? SHORTEST : SHORTEST + 2
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true)
  if (length > LONGEST_HEADER) throw wrong(`the header ${its} is too long`, `${length} bytes, at most ${LONGEST_HEADER} are allowed`)
  const begin = start + length
  if (file.length < begin) return undefined
  const text = String.fromCharCode(...file.subarray(start, begin))
  const fields = dictionary(text)
  const [kind, fortran, tuple] = ['descr', 'fortran_order', 'shape'].map(key => fields?.get(key))
  if (fields?.size !== 3 || typeof kind !== 'string' || typeof fortran !== 'boolean' || !Array.isArray(tuple)) {
    throw wrong(`the header ${its} is none of an array`, quote(text.trim()), 'Arrays of numbers and of truth values are read.')
  }
  const [, order, letter, size] = /^([<>|])([a-zA-Z])(\d+)$/.exec(kind) ?? []
  const type = storedTypes.find(each => each.npy === letter + size && (order !== '|' || each.bytes === 1))
  const unit = letter === 'U' && order !== '|' ? 4 : letter === 'S' ? 1 : 0
  if (!type && !(unit && tuple.length === 0)) {
    const known = storedTypes.flatMap(({ npy }) => npy ?? []).join(', ')
    throw wrong(`the dtype ${its} is not known`, quote(kind), `Known are ${known}, behind < or >, and single texts.`)
  }
  // Zeros are left out here: a tensor without elements must not smuggle in an axis that no index reaches.
  if (tuple.length > MOST_AXES || sizeOf(tuple.map(each => each || 1)) > MOST_ELEMENTS) {
    const problem = tuple.length > MOST_AXES ? `more than ${MOST_AXES} axes` : TOO_MANY_ELEMENTS
    throw wrong(`the shape ${its} has ${problem}`, show(tuple.slice(0, MOST_AXES)))
  }
  const end = begin + (type ? sizeOf(tuple) * type.bytes : unit * Number(size))
  return { type, isLittle: order !== '>', unit, isFortran: fortran, shape: tuple, begin, end }
}

/** The dictionary of a header; undefined for what is none, has a key twice, or values of other kinds. */
function dictionary(text: string): Map<string, string | boolean | number[]> | undefined {
  const fields = new Map<string, string | boolean | number[]>()
  if (text[0] !== '{') return undefined
  FIELD.lastIndex = 1
  for (let found = FIELD.exec(text); found; found = FIELD.exec(text)) {
    const [, , key, , kind, truth, tuple, after] = found
    if (fields.has(key) || (tuple !== undefined && !TUPLE.test(tuple))) return undefined
    const numbers = () => (tuple.match(/\d+/g) ?? []).map(Number)
    fields.set(key, kind ?? (truth === undefined ? numbers() : truth === 'True'))
    const rest = text.slice(FIELD.lastIndex)
    if (/^[ \t\r\n]*$/.test(rest)) return after === '}' ? fields : undefined
    if (after === '}') return undefined
    if (/^[ \t\r\n]*\}[ \t\r\n]*$/.test(rest)) return fields
  }
  return undefined
}

/** What an npy file has: a tensor, or a text. Throws FormatError for what is wrong with it. */
export function readNpy(operation: string, name: string, file: Uint8Array): Tensor | string {
  const wrong = (problem: string, came: string) => new FormatError({ operation, problem, came, wayOut: CUT })
  const header = npyHeader(operation, name, file)
  if (!header) throw wrong(`${quote(name)} ends before its header does`, `${file.length} bytes`)
  const { type, isLittle, shape, begin, end } = header
  if (file.length !== end) {
    const problem = `${quote(name)} ${file.length < end ? 'ends too early' : 'is longer than its header says'}`
    throw wrong(problem, `${show(shape)} takes ${end} bytes with the header, there are ${file.length}`)
  }
  const bytes = file.subarray(begin)
  if (!type) return textOf(operation, name, bytes, header)
  return readTensor(
    operation,
    { name, type, shape },
    bytes,
    isLittle,
    header.isFortran && shape.length > 1 ? fortranOrder(shape) : undefined,
  )
}

/** Gives, for one element after the other, where it lies when the first axis runs fastest. */
function fortranOrder(shape: Shape): () => number {
  const steps = shape.map((_, axis) => sizeOf(shape, 0, axis))
  const index = shape.map(() => 0)
  let place = 0
  return () => {
    const found = place
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += steps[axis]
      if (++index[axis] < shape[axis]) break
      place -= steps[axis] * shape[axis]
      index[axis] = 0
    }
    return found
  }
}

/** A text of characters of one size, without the zeros at its end, which NumPy does not know from none. */
function textOf(operation: string, name: string, bytes: Uint8Array, { unit, isLittle }: NpyHeader): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let text = ''
  for (let at = 0; at < bytes.length; at += unit) {
    const code = unit === 1 ? bytes[at] : view.getUint32(at, isLittle)
    text += code > 0x10ffff ? '\ud800' : String.fromCodePoint(code)
  }
  text = text.replace(/\0+$/, '')
  if (!hasHalfPair(text)) return text
  throw new FormatError({ operation, problem: `${quote(name)} has what is no character`, wayOut: DAMAGED })
}

/** The npy file of a tensor. Throws TypeError for a type that the format does not have. */
export function writeNpy(operation: string, item: Item): Uint8Array<ArrayBuffer> {
  const { type, shape, view } = item
  if (!type.npy) throw typeError(operation, `NumPy has no ${type.safetensors}`, '', 'Write float16 or float32, or a safetensors file.')
  const file = begun(`${type.bytes === 1 ? '|' : '<'}${type.npy}`, shape, lengthOf(item))
  writeElements(type, view, file.subarray(file.length - lengthOf(item)))
  return file
}

/** The npy file of a text. */
export function writeText(text: string): Uint8Array<ArrayBuffer> {
  const codes = Uint32Array.from(text, character => character.codePointAt(0) ?? 0)
  const length = Math.max(1, codes.length)
  const file = begun(`<U${length}`, [], 4 * length)
  file.set(new Uint8Array(codes.buffer), file.length - 4 * length)
  return file
}

/** A file with its header, and room for so many bytes of elements, which begin at a multiple of 64. */
function begun(kind: string, shape: Shape, bytes: number): Uint8Array<ArrayBuffer> {
  const text = `{'descr': '${kind}', 'fortran_order': False, 'shape': (${shape.map(size => `${size},`).join(' ')}), }`
  const length = Math.ceil((SHORTEST + text.length + 1) / 64) * 64
  const file = new Uint8Array(length + bytes)
  const head = `\x93NUMPY\x01\0${String.fromCharCode((length - SHORTEST) & 255, (length - SHORTEST) >> 8)}${text}`
  for (let i = 0; i < length; i++) file[i] = i < head.length ? head.charCodeAt(i) : i === length - 1 ? 10 : 32
  return file
}
