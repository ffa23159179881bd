import { checkOptions, FluxtapeError, type FormatError, placed, refuseSurplus, typeError, written } from '../errors.ts'
import { readFile, writeFile } from './disk.ts'
import type { Metadata, StoredDType } from './items.ts'
import { loadNpz, npzOf } from './npz.ts'
import { loadSafetensors, type SafetensorsFile, safetensorsOf } from './safetensors.ts'

/** What is written besides the tensors, and how. */
export interface SaveOptions {
  /** Texts that are stored with the tensors, by name. */
  readonly metadata?: Metadata | undefined
  /** What float32 is stored as: 'float32' (the default), 'float16', or in a safetensors file 'bfloat16'. Other types stay. */
  readonly dtype?: StoredDType | undefined
}

/**
 * Writes a model, or a state, to a file: `.safetensors` as `saveSafetensors` has it, `.npz` as `saveNpz`; in Node, Deno and Bun at a path, in a page in
 * its private file system. The values are those at the call. The file is written beside and renamed: whole, or as it was before.
 *
 * The promise rejects with TypeError for another suffix and what cannot be saved, FluxtapeError where the file cannot be written or there is no
 * file system.
 *
 * @example await save('model.pkl', Dense(3, 2)) // throws TypeError
 */
export async function save(path: string, source: unknown, options: SaveOptions = {}): Promise<void> {
  checkOptions('save', options, ['metadata', 'dtype'])
  if (arguments.length > 3) refuseSurplus('save', 3, arguments)
  const bytes =
    suffixOf('save', path, ['.safetensors', '.npz']) === '.npz'
      ? await npzOf('save', source, options as object)
      : safetensorsOf('save', source, options)
  await writeFile('save', path, [bytes])
}

/**
 * The tensors and metadata of a file: `.safetensors` as `loadSafetensors` gives them, `.npz` and `.npy` as `loadNpz`; `loadState` takes the tensors.
 *
 * The promise rejects with TypeError for another suffix, FluxtapeError where nothing lies at the path or it cannot be read, FormatError for a file that
 * is damaged; its last line names the file.
 *
 * @example await load('model.pkl') // throws TypeError
 */
export async function load(path: string): Promise<SafetensorsFile> {
  if (arguments.length > 1) refuseSurplus('load', 1, arguments, 'Write loadState(model, (await load(path)).tensors).')
  const suffix = suffixOf('load', path, ['.safetensors', '.npz', '.npy'])
  const bytes = await readFile('load', path)
  if (!bytes)
    throw new FluxtapeError({
      operation: 'load',
      problem: 'there is no file',
      came: written(path),
      wayOut: 'Mind the folder that the program runs in.',
    })
  try {
    return suffix === '.safetensors' ? loadSafetensors(bytes) : await loadNpz(bytes)
  } catch (error) {
    throw placed(error, path) as FormatError
  }
}

function suffixOf(operation: string, path: unknown, known: readonly string[]): string | undefined {
  if (typeof path !== 'string')
    throw typeError(
      operation,
      'the path of a file comes first',
      `${written(path)} came`,
      `Write ${operation}('model.safetensors'${operation === 'save' ? ', model' : ''}).`,
    )
  const suffix = known.find(each => path.endsWith(each))
  if (suffix) return suffix
  throw typeError(
    operation,
    `the suffix of a file says its format, ${known.join(', ')}`,
    written(path),
    operation === 'save' ? 'JSON.stringify(state(model)) is JSON.' : 'loadSafetensors and loadNpz take bytes.',
  )
}
