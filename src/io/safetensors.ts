import { checkOptions, FormatError, kindOf, refuseSurplus, typeError } from '../errors.ts'
import { MOST_ELEMENTS, type Shape, show, TOO_MANY_ELEMENTS } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { bytesOfFile } from './bytes.ts'
import { CUT } from './inflate.ts'
import { DAMAGED, itemsOf, lengthOf, type Metadata, readTensor, type StoredDType, textsOf } from './items.ts'
import { JsonReader, quote } from './json.ts'
import { type StoredType, storedTypes, writeElements } from './stored.ts'

/** What a safetensors file holds. */
export interface SafetensorsFile {
  /** The tensors by name, in the order of the header: what `loadState` takes. */
  readonly tensors: Map<string, Tensor>
  /** Texts by name; empty where the file has none. */
  readonly metadata: Map<string, string>
}

/** What `saveSafetensors` writes besides the tensors. */
export interface SafetensorsOptions {
  /** Texts that are stored with the tensors, by name. */
  readonly metadata?: Metadata | undefined
  /** What float32 is stored as: 'float32' (the default), or half as long 'float16' or 'bfloat16'. Other types stay. */
  readonly dtype?: StoredDType | undefined
}

interface Entry {
  readonly name: string
  readonly type: string
  readonly shape: Shape
  readonly begin: number
  readonly end: number
}

const METADATA = '__metadata__'
/** The reference implementation refuses longer headers. */
const LONGEST_HEADER = 100_000_000

const types: ReadonlyMap<string, StoredType> = /* @__PURE__ */ new Map(
  /* @__PURE__ */ storedTypes.map(type => [type.safetensors ?? '', type]),
)

/**
 * The bytes of a safetensors file of a model (its `state`, parameters and buffers by path), of a Params, or of a Map or plain object of tensors by
 * name, such as `state` and `optimizerState` give; there whole numbers are stored as int32 scalars. The same tensors give the same bytes, in any order.
 *
 * float32 is stored as F32, int32 as I32, uint8 as U8 and bool as BOOL, bit for bit. With `dtype: 'float16'` or `'bfloat16'` float32 is rounded to F16 or
 * BF16: to the nearest, of two as near to the even one; what is too large becomes infinite. Throws TypeError where there is no tensor, for metadata that
 * are no texts, an unknown dtype and for names that a file cannot have, RangeError for a number that does not fit into int32, ReleasedError for a
 * released tensor.
 *
 * @example
 * const model = Dense(3, 2)
 * const bytes = saveSafetensors(model, { metadata: { epochs: '20' } })
 * loadState(model, loadSafetensors(bytes).tensors)
 */
export function saveSafetensors(source: unknown, options: SafetensorsOptions = {}): Uint8Array<ArrayBuffer> {
  if (typeof options !== 'object' || options === null) {
    throw typeError(
      'saveSafetensors',
      'the options are an object',
      `${kindOf(options)} came`,
      "The file comes as bytes: writeFileSync('model.safetensors', saveSafetensors(model)).",
    )
  }
  checkOptions('saveSafetensors', options, ['metadata', 'dtype'])
  if (arguments.length > 2) refuseSurplus('saveSafetensors', 2, arguments)
  return safetensorsOf('saveSafetensors', source, options)
}

/** `saveSafetensors`, in the name of another operation. */
export function safetensorsOf(operation: string, source: unknown, options: SafetensorsOptions): Uint8Array<ArrayBuffer> {
  const items = itemsOf(operation, source, options.dtype)
  if (items.some(({ name }) => name === METADATA)) {
    throw typeError(operation, `'${METADATA}' is no name for a tensor`, '', 'Pass texts as { metadata }.')
  }
  // Larger elements first, as the reference implementation aligns them.
  const rank = (type: StoredType) => storedTypes.indexOf(type) - 100 * type.bytes
  items.sort((a, b) => rank(a.type) - rank(b.type) || (a.name < b.name ? -1 : 1))
  const texts = textsOf(operation, options.metadata).map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`)
  const fields = options.metadata === undefined ? [] : [`"${METADATA}":{${texts.join(',')}}`]
  let length = 0
  for (const item of items) {
    const end = length + lengthOf(item)
    const { name, type, shape } = item
    fields.push(`${JSON.stringify(name)}:{"dtype":"${type.safetensors}","shape":[${shape.join(',')}],"data_offsets":[${length},${end}]}`)
    length = end
  }
  const text = new TextEncoder().encode(`{${fields.join(',')}}`)
  const header = Math.ceil(text.length / 8) * 8
  const file = new Uint8Array(8 + header + length)
  new DataView(file.buffer).setBigUint64(0, BigInt(header), true)
  file.fill(32, 8, 8 + header)
  file.set(text, 8)
  let at = 8 + header
  for (const item of items) {
    const end = at + lengthOf(item)
    writeElements(item.type, item.view, file.subarray(at, end))
    at = end
  }
  return file
}

/**
 * The tensors and metadata of a safetensors file, given as its bytes.
 *
 * F32, I32, U8 and BOOL are read bit for bit; F64, F16 and BF16 become float32; I64, U64, U32, I16, U16 and I8 become int32. The file is taken for
 * hostile: its header is checked whole before memory is taken. Throws FormatError for whatever is wrong with it and for integers that do not fit
 * into int32, TypeError for what is no bytes, MemoryError where the tensors find no room; nothing is kept then.
 *
 * @example
 * const { tensors, metadata } = loadSafetensors(saveSafetensors({ W: zeros([2, 3]) }))
 * tensors.get('W').shape // [2, 3]
 */
export function loadSafetensors(bytes: Uint8Array | ArrayBufferLike): SafetensorsFile {
  if (arguments.length > 1) refuseSurplus('loadSafetensors', 1, arguments)
  const file = bytesOfFile('loadSafetensors', bytes)
  const start = 8 + headerLength(file)
  const data = file.subarray(start)
  const { entries, metadata } = readHeader(file.subarray(8, start))
  checkRanges(entries, data.length)
  const tensors = new Map<string, Tensor>()
  try {
    for (const entry of entries)
      tensors.set(
        entry.name,
        readTensor('loadSafetensors', { ...entry, type: types.get(entry.type) as StoredType }, data.subarray(entry.begin, entry.end)),
      )
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose()
    throw error
  }
  return { tensors, metadata }
}

function headerLength(file: Uint8Array): number {
  if (file.length < 8) throw wrong('the file is too short', `${file.length} bytes, where the length of the header alone takes 8`, CUT)
  const length = new DataView(file.buffer, file.byteOffset).getBigUint64(0, true)
  if (length > LONGEST_HEADER) {
    throw wrong(
      'the header is too long',
      `${length} bytes, at most ${LONGEST_HEADER} are allowed`,
      'The file is damaged, or no safetensors file.',
    )
  }
  if (length > file.length - 8) throw wrong('the header is longer than the file', `${length} bytes, ${file.length - 8} are left`, CUT)
  return Number(length)
}

function readHeader(bytes: Uint8Array): { entries: Entry[]; metadata: Map<string, string> } {
  const json = new JsonReader(decoded(bytes), 'loadSafetensors', 'the header')
  if (bytes[0] !== 0x7b) throw json.wrong('the header does not begin with {', 0)
  const entries: Entry[] = []
  const metadata = new Map<string, string>()
  json.object(name => {
    if (name !== METADATA) {
      entries.push(readEntry(json, name))
      return
    }
    if (json.next() !== 'object') throw json.wrong('the metadata are no object')
    json.object(key => {
      if (json.next() !== 'text') throw json.wrong(`the metadata ${quote(key)} are no text`)
      metadata.set(key, json.string())
    })
  })
  json.end()
  return { entries, metadata }
}

function decoded(bytes: Uint8Array): string {
  try {
    // A copy, because browsers refuse to decode shared memory; a byte order mark stays, and is refused as a first character.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes))
  } catch {
    throw wrong('the header is not UTF-8', `${bytes.length} bytes`, DAMAGED)
  }
}

function readEntry(json: JsonReader, name: string): Entry {
  const its = (what: string) => `the ${what} of ${quote(name)}`
  const numbers = (what: string, most: number): number[] => {
    if (json.next() !== 'array') throw json.wrong(`${its(what)} is no list`)
    const list: number[] = []
    json.array(() => {
      if (list.length === most) throw json.wrong(`${its(what)} has more than ${most} numbers`)
      list.push(json.integer(`a number in ${its(what)}`))
    })
    return list
  }
  let type: string | undefined
  let shape: Shape | undefined
  let range: number[] | undefined
  if (json.next() !== 'object') throw json.wrong(`the entry of ${quote(name)} is no object`)
  json.object(key => {
    if (key === 'dtype') {
      if (json.next() !== 'text') throw json.wrong(`${its('dtype')} is no text`)
      type = json.string()
    } else if (key === 'shape') shape = numbers('shape', 64)
    else if (key === 'data_offsets') range = numbers('data_offsets', 2)
    else json.skip()
  })
  if (type === undefined || shape === undefined || range === undefined) {
    const missing = type === undefined ? 'dtype' : shape === undefined ? 'shape' : 'data_offsets'
    throw json.wrong(`${its(missing)} is missing`)
  }
  if (range.length !== 2) throw json.wrong(`${its('data_offsets')} has ${range.length} numbers instead of 2`)
  return { name, type, shape, begin: range[0], end: range[1] }
}

/** Do the entries lie one after the other, from the first byte of the data to the last, each as long as its type and shape say? */
function checkRanges(entries: readonly Entry[], length: number): void {
  for (const { name, type, shape, begin, end } of entries) {
    const stored = types.get(type)
    if (!stored) {
      throw wrong(`the dtype of ${quote(name)} is not known`, quote(type), `Known are ${[...types.keys()].join(', ')}.`)
    }
    const size = shape.reduce((product, each) => product * each, 1)
    // Zeros are left out here: a tensor without elements must not smuggle in an axis that no index reaches.
    if (shape.reduce((product, each) => product * (each || 1), 1) > MOST_ELEMENTS) {
      throw wrong(`the shape of ${quote(name)} has ${TOO_MANY_ELEMENTS}`, show(shape), DAMAGED)
    }
    if (begin > end || end > length) {
      throw wrong(`the data of ${quote(name)} lie outside of the file`, `bytes ${begin} to ${end} of ${length}`, CUT)
    }
    if (end - begin !== size * stored.bytes) {
      const came = `${type} ${show(shape)} takes ${size * stored.bytes} bytes, data_offsets has ${end - begin}`
      throw wrong(`the shape and the data of ${quote(name)} do not fit`, came, DAMAGED)
    }
  }
  let reached = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== reached) {
      const problem =
        begin < reached ? `the data of ${quote(name)} overlap those before` : `there is a hole before the data of ${quote(name)}`
      throw wrong(problem, `they begin at byte ${begin}, those before end at ${reached}`, DAMAGED)
    }
    reached = end
  }
  if (reached !== length)
    throw wrong('the file does not end where its tensors end', `${reached} bytes of data are used, there are ${length}`, DAMAGED)
}

function wrong(problem: string, came: string, wayOut: string): FormatError {
  return new FormatError({ operation: 'loadSafetensors', problem, came, wayOut })
}
