// Files of the runtime. Node, Deno and Bun hand out theirs by name, without an import that bundlers would see; a page has a private file system
// (OPFS), where a path is the same names, from its root.
import { FluxtapeError, typeError } from '../errors.ts'

/** What is done with a path. */
interface Disk {
  read(path: string): Promise<Uint8Array | undefined>
  write(path: string, parts: readonly Uint8Array[]): Promise<void>
  append(path: string, text: string): Promise<void>
  truncate(path: string, length: number): Promise<void>
  list(path: string): Promise<string[]>
  remove(path: string): Promise<void>
}

/**
 * The bytes of a file; undefined where there is none. Rejects with FluxtapeError for what cannot be read; its `cause` is what the system said.
 */
export function readFile(operation: string, path: string): Promise<Uint8Array | undefined> {
  return told(operation, 'read', path, disk => disk.read(path))
}

/**
 * Writes a file of some parts, whose memory is not shared, and the folders above it: whole, or not at all. It is written beside, brought to the disk,
 * and takes the name then; what had the name stays until then. Rejects with FluxtapeError where that fails; nothing half-written is left.
 */
export function writeFile(operation: string, path: string, parts: readonly Uint8Array[]): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  return told(operation, 'written', path, disk => disk.write(path, parts), `${bytes} bytes`)
}

/** Adds text to a file, which is made if it is not there, and the folders above it. */
export function appendFile(operation: string, path: string, text: string): Promise<void> {
  return told(operation, 'written', path, disk => disk.append(path, text), `${text.length} characters more`)
}

/** Cuts a file off after so many bytes. */
export function truncateFile(operation: string, path: string, length: number): Promise<void> {
  return told(operation, 'written', path, disk => disk.truncate(path, length))
}

/** The names of what is in a folder; none where there is no folder. */
export function listFolder(operation: string, path: string): Promise<string[]> {
  return told(operation, 'read', path, disk => disk.list(path))
}

/** Removes a file, if it is there. */
export function removeFile(operation: string, path: string): Promise<void> {
  return told(operation, 'removed', path, disk => disk.remove(path))
}

interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown }
  readonly navigator?: { readonly storage?: Partial<StorageManager> }
}

const ELSEWHERE =
  'Node, Deno and Bun have one, and a page by https or from localhost whose site may keep data; saveSafetensors(model) gives the bytes.'

/** Does the work on the disk that there is, and says which path failed and what to do. */
async function told<T>(operation: string, done: string, path: string, work: (disk: Disk) => Promise<T>, size = ''): Promise<T> {
  if (typeof path !== 'string' || path === '')
    throw typeError(operation, 'a path is a text', path === '' ? "'' came" : `${typeof path} came`)
  const { process, navigator } = globalThis as Runtime
  const [fs, names] = ['node:fs', 'node:path'].map(name => process?.getBuiltinModule?.(name))
  const isPage = !(fs && names)
  const storage = navigator?.storage
  if (isPage && !storage?.getDirectory)
    throw new FluxtapeError({ operation, problem: 'there is no file system here', came: path, wayOut: ELSEWHERE })
  try {
    return await work(isPage ? await page(storage as StorageManager) : system(fs as FileSystem, names as PathNames))
  } catch (error) {
    const { code, name } = error as { code?: unknown; name?: string }
    const kind = typeof code === 'string' ? code : (name ?? '')
    let [problem, wayOut] = [`cannot be ${done}`, `The system said: ${(error as Error).message}.`]
    if (/ENOSPC|EDQUOT|QuotaExceeded/.test(kind)) {
      const { usage, quota } = (await storage?.estimate?.().catch(() => undefined)) ?? {}
      const room = isPage && quota !== undefined ? `: ${usage} of ${quota} bytes are used` : ''
      problem = `cannot be ${done}, there is no room for ${size}${room}`
      wayOut = 'Free some; nothing was written, and what was there before is whole.'
    } else if (/EACCES|EPERM|EROFS|ACCESS_DENIED|NotAllowed|NotCapable|PermissionDenied/.test(kind)) {
      problem = `may not be ${done}`
      wayOut = "Choose a place that the program may write to, or allow it: chmod, Deno's --allow-read and --allow-write."
    } else if (/ENOTDIR|EISDIR|EEXIST|TypeMismatch/.test(kind))
      wayOut = 'A folder stands where a file belongs, or a file where a folder does.'
    else if (kind === 'SecurityError') wayOut = ELSEWHERE
    const failure = new FluxtapeError({ operation, problem: `'${path}' ${problem}`, wayOut })
    failure.cause = error
    throw failure
  }
}

type FileSystem = Pick<typeof import('node:fs'), 'promises'>
type PathNames = Pick<typeof import('node:path'), 'basename' | 'dirname' | 'join'>

function isMissing({ code, name }: { readonly code?: unknown; readonly name?: string }): boolean {
  return code === 'ENOENT' || name === 'NotFoundError'
}

/** Gives a value instead of failing where there is nothing. */
function unlessMissing<T, U>(pending: Promise<T>, instead: U): Promise<T | U> {
  return pending.catch(error => {
    if (isMissing(error)) return instead
    throw error
  })
}

/** A name that nothing has, no longer than systems take: 255 bytes. */
function besideOf(name: string): string {
  return `${name.slice(0, 80)}.${Math.random().toString(36).slice(2, 10)}.tmp`
}

/** How much is written at a time: systems refuse 2 GB. */
const PIECE = 2 ** 26

function system({ promises: fs }: FileSystem, { basename, dirname, join }: PathNames): Disk {
  const makeFolder = (path: string) => fs.mkdir(dirname(path), { recursive: true })
  return {
    read: path => unlessMissing(fs.readFile(path), undefined),
    async write(path, parts) {
      await makeFolder(path)
      // A link stays one.
      const target = await unlessMissing(fs.realpath(path), path)
      const beside = join(dirname(target), besideOf(basename(target)))
      try {
        const file = await fs.open(beside, 'wx')
        try {
          for (const part of parts) {
            for (let at = 0; at < part.length; ) at += (await file.write(part.subarray(at, at + PIECE))).bytesWritten
          }
          await file.sync()
        } finally {
          await file.close()
        }
        await fs.rename(beside, target)
      } catch (error) {
        await fs.rm(beside, { force: true }).catch(() => {})
        throw error
      }
      // So that the name outlives the machine, too, where a folder can be brought to the disk.
      const folder = await fs.open(dirname(target)).catch(() => undefined)
      await folder?.sync().catch(() => {})
      await folder?.close()
    },
    async append(path, text) {
      await makeFolder(path)
      await fs.appendFile(path, text)
    },
    truncate: (path, length) => fs.truncate(path, length),
    list: path => unlessMissing(fs.readdir(path), []),
    remove: path => fs.rm(path, { force: true }),
  }
}

/** What browsers have and their types lack, or have and some lack. */
interface PageFile extends Omit<FileSystemFileHandle, 'createWritable'> {
  readonly createWritable?: FileSystemFileHandle['createWritable']
  readonly createSyncAccessHandle?: () => Promise<{
    write(part: Uint8Array, options: { at: number }): number
    truncate(length: number): void
    getSize(): number
    flush(): void
    close(): void
  }>
}

async function page(storage: StorageManager): Promise<Disk> {
  const root = await storage.getDirectory()
  const folderOf = async (names: readonly string[], create: boolean) => {
    let folder = root
    for (const name of names) folder = await folder.getDirectoryHandle(name, { create })
    return folder
  }
  /** As a program's whose folder is the root, above which there is nothing. */
  const namesOf = (path: string) => {
    const names: string[] = []
    for (const name of path.split(/[\\/]/)) {
      if (name === '..') names.pop()
      else if (name !== '' && name !== '.') names.push(name)
    }
    return names
  }
  const place = async (path: string, create: boolean) => {
    const names = namesOf(path)
    const name = names.pop() ?? ''
    return { folder: await folderOf(names, create), name }
  }
  const fileAt = async (path: string, create: boolean): Promise<PageFile> => {
    const { folder, name } = await place(path, create)
    return folder.getFileHandle(name, { create })
  }
  const remove = async (path: string) => {
    const { folder, name } = await place(path, false)
    await folder.removeEntry(name)
  }
  /** Writes at a place of a file: into a copy that takes its place when it is closed, or where there is no such thing in the file itself. */
  const edit = async (file: PageFile, start: number | 'end', parts: readonly Uint8Array[]) => {
    if (file.createWritable) {
      let at = start === 'end' ? (await file.getFile()).size : start
      const stream = await file.createWritable({ keepExistingData: at > 0 })
      try {
        await stream.truncate(at)
        for (const part of parts) {
          await stream.write({ type: 'write', position: at, data: part as Uint8Array<ArrayBuffer> })
          at += part.length
        }
      } catch (error) {
        await stream.abort().catch(() => {})
        throw error
      }
      return stream.close()
    }
    // Workers of older WebKits.
    const handle = await file.createSyncAccessHandle?.()
    if (!handle) throw new Error('here only workers write files, so save and train in one, as with fluxtape/worker')
    try {
      let at = start === 'end' ? handle.getSize() : start
      handle.truncate(at)
      for (const part of parts) {
        if (handle.write(part, { at }) < part.length) throw new DOMException('The file is too short.', 'QuotaExceededError')
        at += part.length
      }
      handle.flush()
    } finally {
      handle.close()
    }
  }
  return {
    async read(path) {
      const file = await unlessMissing(fileAt(path, false), undefined)
      return file && new Uint8Array(await (await file.getFile()).arrayBuffer())
    },
    async write(path, parts) {
      const { folder, name } = await place(path, true)
      const isNew = !(await unlessMissing(folder.getFileHandle(name), undefined))
      try {
        await edit(await folder.getFileHandle(name, { create: true }), 0, parts)
      } catch (error) {
        if (isNew) await folder.removeEntry(name).catch(() => {})
        throw error
      }
    },
    append: async (path, text) => edit(await fileAt(path, true), 'end', [new TextEncoder().encode(text)]),
    truncate: async (path, length) => edit(await fileAt(path, false), length, []),
    async list(path) {
      const folder = await unlessMissing(folderOf(namesOf(path), false), undefined)
      const names: string[] = []
      if (folder) for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name)
      return names
    },
    remove: path => unlessMissing(remove(path), undefined),
  }
}
