import { checkBoolean, checkOptions, FormatError, refuseSurplus, typeError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { bytesOfFile } from './bytes.ts'
import { itemsOf, type Metadata, textsOf } from './items.ts'
import { quote } from './json.ts'
import { isNpy, npyHeader, readNpy, writeNpy, writeText } from './npy.ts'
import { contentOf, readZip, writeZip } from './zip.ts'

/** What an npz file holds. */
export interface NpzFile {
  /** The tensors by name, in the order of the file: what `loadState` takes. */
  readonly tensors: Map<string, Tensor>
  /** Single texts by name; empty where the file has none. */
  readonly metadata: Map<string, string>
}

/** How `saveNpz` writes. */
export interface NpzOptions {
  /** true: deflated, as `numpy.savez_compressed` does. By default the arrays are stored as they are. */
  readonly compress?: boolean | undefined
  /** Texts that are stored with the tensors, by name: arrays of one text each. */
  readonly metadata?: Metadata | undefined
  /** What float32 is stored as: 'float32' (the default) or 'float16'. Other types stay. */
  readonly dtype?: 'float32' | 'float16' | undefined
}

/** What NumPy calls an array that nobody gave a name. */
const UNNAMED = 'arr_0'
const NPY = '.npy'

/**
 * The bytes of an npz file, which `numpy.load` reads, of a model (its `state`, parameters and buffers by path), of a Params, or of a Map or plain object
 * of tensors by name, such as `state` and `optimizerState` give; there whole numbers are stored as int32 scalars. The values are those at the call.
 *
 * The array of a tensor has its name, dtype and shape. The same tensors in the same order give the same bytes, but that runtimes compress differently.
 * The promise rejects with TypeError where there is no tensor, for metadata that are no texts, for names that such a file cannot have (with a zero
 * character, or both a tensor's and a text's) and beyond 4 GB, RangeError for a number that does not fit into int32, ReleasedError for a
 * released tensor, FluxtapeError for `compress` where the runtime has no CompressionStream.
 *
 * @example
 * const bytes = await saveNpz({ W: ones([2, 3]) }, { compress: true })
 * const { tensors } = await loadNpz(bytes)
 * tensors.get('W').shape // [2, 3]
 */
export async function saveNpz(source: unknown, options: NpzOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  checkOptions('saveNpz', options, ['compress', 'metadata', 'dtype'])
  if (arguments.length > 2) refuseSurplus('saveNpz', 2, arguments)
  return npzOf('saveNpz', source, options)
}

/** `saveNpz`, in the name of another operation. */
export async function npzOf(operation: string, source: unknown, options: NpzOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { compress = false, metadata, dtype } = options
  checkBoolean(operation, 'compress', compress)
  const files = [
    ...itemsOf(operation, source, dtype).map(item => ({ name: item.name, content: writeNpy(operation, item) })),
    ...textsOf(operation, metadata).map(([name, text]) => {
      if (!text.endsWith('\0')) return { name, content: writeText(text) }
      throw typeError(operation, 'NumPy cannot have a zero character at the end of a text', `that of ${quote(name)}`, 'JSON.stringify it.')
    }),
  ]
  const names = new Set<string>()
  for (const { name } of files) {
    if (name.includes('\0') || name.length > 20_000) throw typeError(operation, 'a name has a zero character, or is too long', quote(name))
    if (names.has(name)) throw typeError(operation, `a tensor and a text have the name ${quote(name)}`, '', 'Call one of them otherwise.')
    names.add(name)
  }
  return writeZip(
    operation,
    files.map(({ name, content }) => ({ name: name + NPY, content })),
    compress,
  )
}

/**
 * The tensors of an npz file, or of a single npy file (then under the name `arr_0`), given as its bytes; and single texts as metadata.
 *
 * float16, float32 and float64 become float32, bool and uint8 stay, integers of other widths become int32; both byte orders, C and Fortran order, and
 * all versions of npy are read, stored or deflated, with zip64 or not. The file is taken for hostile: its directory is the truth, sizes are checked
 * before memory is taken, and nothing is unpacked beyond what an array's header says. The promise rejects with FormatError for whatever is wrong with
 * it, for integers that do not fit into int32 and for arrays of anything else (Python's objects, complex numbers, many texts), TypeError for what is no bytes,
 * MemoryError where the tensors find no room, FluxtapeError for a deflated one where there is no DecompressionStream; nothing is kept then.
 *
 * @example
 * const { tensors } = await loadNpz(await saveNpz(Dense(3, 2)))
 * loadState(Dense(3, 2), tensors)
 */
export async function loadNpz(bytes: Uint8Array | ArrayBufferLike): Promise<NpzFile> {
  if (arguments.length > 1) refuseSurplus('loadNpz', 1, arguments)
  const file = bytesOfFile('loadNpz', bytes)
  const tensors = new Map<string, Tensor>()
  const metadata = new Map<string, string>()
  const put = (name: string, value: Tensor | string) => (typeof value === 'string' ? metadata.set(name, value) : tensors.set(name, value))
  try {
    if (isNpy(file)) put(UNNAMED, readNpy('loadNpz', UNNAMED, file))
    else
      for (const entry of readZip('loadNpz', file)) {
        if (!entry.name.endsWith(NPY)) {
          throw new FormatError({
            operation: 'loadNpz',
            problem: 'the archive has a file that is no array',
            came: quote(entry.name),
            wayOut: 'The names of arrays end with .npy.',
          })
        }
        const name = entry.name.slice(0, -NPY.length)
        const content = await contentOf('loadNpz', entry, (_, beginning) => npyHeader('loadNpz', name, beginning())?.end)
        put(name, readNpy('loadNpz', name, content))
      }
  } catch (error) {
    for (const tensor of tensors.values()) tensor.dispose()
    throw error
  }
  return { tensors, metadata }
}
