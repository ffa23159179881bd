// Zip archives, as far as npz files need them: entries stored or deflated, zip64, read by the directory at the end (PKWARE's APPNOTE 6.3).
import { FormatError, typeError } from '../errors.ts'
import { CUT, inflated, joined, packer } from './inflate.ts'
import { DAMAGED } from './items.ts'
import { quote } from './json.ts'

/** A file in an archive, as the directory has it. */
export interface ZipEntry {
  readonly name: string
  readonly isDeflated: boolean
  readonly crc: number
  /** How long it is unpacked. */
  readonly length: number
  /** Its bytes as they lie in the archive. */
  readonly packed: Uint8Array
}

const LOCAL = 0x04034b50
const DIRECTORY = 0x02014b50
const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
/** Encrypted, patched, strongly encrypted, a masked directory. */
const UNREADABLE = 0x2061
/** 6.3, as Python's reader has it. */
const NEWEST = 63
/** Names are UTF-8. */
const UTF8 = 0x800
/** 1 January 1980, so that the same tensors give the same bytes. */
const DATE = 0x21
/** A byte of deflate gives no more: 258 for two bits. */
const MOST_INFLATION = 1032
const MAX32 = 2 ** 32 - 1
const MAX16 = 2 ** 16 - 1

/** The entries of an archive, in the order of its directory, none twice and none over another. Throws FormatError for whatever is wrong. */
export function readZip(operation: string, file: Uint8Array): ZipEntry[] {
  const wrong = (problem: string, came: string, wayOut = DAMAGED) => new FormatError({ operation, problem, came, wayOut })
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const u16 = (at: number) => view.getUint16(at, true)
  const u32 = (at: number) => view.getUint32(at, true)
  const u64 = (at: number) => Number(view.getBigUint64(at, true))
  const isAt = (at: number, signature: number, room: number) => at >= 0 && at + room <= file.length && u32(at) === signature

  let end = file.length - 22
  while (end >= 0 && end >= file.length - 22 - MAX16 && !(u32(end) === END && u16(end + 20) === file.length - 22 - end)) end--
  if (!isAt(end, END, 22)) throw wrong('the directory of the zip archive is not there', `${file.length} bytes`, CUT)
  let [disks, count, size, start] = [u32(end + 4), u16(end + 10), u32(end + 12), u32(end + 16)]
  let after = end
  if (isAt(end - 20, LOCATOR64, 20)) {
    after = u64(end - 12)
    if (!isAt(after, END64, 56)) throw wrong('the zip64 record is not where the archive says', `at byte ${after} of ${file.length}`)
    ;[disks, count, size, start] = [u32(after + 16) + u32(after + 20), u64(after + 32), u64(after + 40), u64(after + 48)]
  }
  if (disks !== 0) throw wrong('the zip archive is a part of several', 'it says so at its end', 'Join them to one file.')
  if (start + size !== after)
    throw wrong('the directory does not end where the archive says', `bytes ${start} to ${start + size} of ${after}`)

  const names = new Set<string>()
  const places: { name: string; begin: number; end: number }[] = []
  const entries: ZipEntry[] = []
  for (let at = start; at < after; ) {
    const lengths = isAt(at, DIRECTORY, 46) ? u16(at + 28) + u16(at + 30) + u16(at + 32) : MAX32
    const next = at + 46 + lengths
    if (next > after) throw wrong('an entry of the directory is damaged', `entry ${entries.length}, at byte ${at}`)
    const label = file.subarray(at + 46, at + 46 + u16(at + 28))
    const name = nameOf(label)
    if (name === undefined) throw wrong('the name of an entry is no UTF-8, or has a zero', `entry ${entries.length}`)
    const its = `of ${quote(name)}`
    if (names.has(name))
      throw wrong(`${quote(name)} comes twice in the archive`, `entries ${[...names].indexOf(name)} and ${entries.length}`)
    names.add(name)
    const method = u16(at + 10)
    if (u16(at + 8) & UNREADABLE) throw wrong(`the entry ${its} is encrypted`, '', 'Write the archive without a password.')
    const version = u16(at + 6)
    if (version > NEWEST) throw wrong(`the entry ${its} needs a newer zip`, `version ${version / 10}`)
    if (method !== 0 && method !== 8) {
      throw wrong(`the entry ${its} is packed by another method`, `method ${method}`, 'Stored (0) and deflated (8) ones are read.')
    }
    // What does not fit into 32 bits stands in an extra field, one after the other.
    const large = extraOf(file.subarray(at + 46 + label.length, at + 46 + label.length + u16(at + 30)))
    const [length, taken, local] = [at + 24, at + 20, at + 42].map(place => (u32(place) === MAX32 ? large() : u32(place)))
    if (!isAt(local, LOCAL, 30) || local >= start)
      throw wrong(`the entry ${its} is not where the directory says`, `at byte ${local} of ${start}`)
    const begin = local + 30 + u16(local + 26) + u16(local + 28)
    if (!(begin + taken <= start))
      throw wrong(`the data ${its} lie outside of the archive`, `bytes ${begin} to ${begin + taken} of ${start}`, CUT)
    const other = file.subarray(local + 30, local + 30 + u16(local + 26))
    // By this flag it is read in another alphabet.
    const isOther = ((u16(local + 6) ^ u16(at + 8)) & UTF8) !== 0
    if (isOther || other.length !== label.length || other.some((byte, i) => byte !== label[i]))
      throw wrong(`the entry ${its} has another name in its place`, '')
    if (method === 0 ? length !== taken : !(length <= taken * MOST_INFLATION)) {
      throw wrong(`the sizes ${its} do not fit`, `${taken} bytes packed, ${length} unpacked`)
    }
    places.push({ name, begin: local, end: begin + taken })
    entries.push({ name, isDeflated: method === 8, crc: u32(at + 16), length, packed: file.subarray(begin, begin + taken) })
    at = next
  }
  if (entries.length !== count) throw wrong('the directory is damaged', `it has ${entries.length} entries, the archive says ${count}`)
  places.sort((a, b) => a.begin - b.begin)
  const over = places.findIndex((place, i) => i > 0 && place.begin < places[i - 1].end)
  if (over > 0) throw wrong(`${quote(places[over].name)} overlaps ${quote(places[over - 1].name)}`, `from byte ${places[over].begin} on`)
  return entries
}

function nameOf(bytes: Uint8Array): string | undefined {
  try {
    const name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes))
    return name.includes('\0') ? undefined : name
  } catch {
    return undefined
  }
}

/** Gives the 64-bit numbers of a zip64 field, each once; NaN where there are no more. */
function extraOf(extra: Uint8Array): () => number {
  const view = new DataView(extra.buffer, extra.byteOffset, extra.length)
  let at = 0
  let end = 0
  while (at + 4 <= extra.length) {
    end = at + 4 + view.getUint16(at + 2, true)
    if (view.getUint16(at, true) === 1) break
    at = end
  }
  at += 4
  return () => {
    at += 8
    return at <= Math.min(end, extra.length) ? Number(view.getBigUint64(at - 8, true)) : Number.NaN
  }
}

/**
 * The content of an entry. `endOf` tells from its beginning how long it must be, as for `inflated`: nothing is unpacked beyond. Rejects with
 * FormatError for another length and for another checksum.
 */
export async function contentOf(
  operation: string,
  { name, isDeflated, packed, crc, length }: ZipEntry,
  endOf: (length: number, content: () => Uint8Array) => number | undefined,
): Promise<Uint8Array> {
  const content = isDeflated ? await inflated(operation, packed, 'deflate-raw', endOf) : packed
  if (content.length === length && crc32(content) === crc) return content
  const came = content.length === length ? 'its checksum is another' : `${content.length} bytes instead of ${length}`
  throw new FormatError({ operation, problem: `${quote(name)} is damaged`, came, wayOut: CUT })
}

/** A file that is put into an archive. */
export interface ZipFile {
  readonly name: string
  readonly content: Uint8Array<ArrayBuffer>
}

/** The bytes of an archive. Rejects with TypeError for more than such an archive can have. */
export async function writeZip(operation: string, files: readonly ZipFile[], isDeflated: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let at = 0
  let size = 0
  for (const { name, content } of files) {
    const packed = isDeflated ? await deflated(operation, content) : content
    const label = new TextEncoder().encode(name)
    // Version 2.0 of the format is needed, the names are UTF-8; the time is midnight.
    const common = [
      2,
      20,
      2,
      UTF8,
      2,
      isDeflated ? 8 : 0,
      2,
      0,
      2,
      DATE,
      4,
      crc32(content),
      4,
      packed.length,
      4,
      content.length,
      2,
      label.length,
      2,
      0,
    ]
    const local = record(4, LOCAL, ...common)
    parts.push(local, label, packed)
    directory.push(record(4, DIRECTORY, 2, 20, ...common, 2, 0, 2, 0, 2, 0, 4, 0, 4, at), label)
    at += local.length + label.length + packed.length
    size += 46 + label.length
  }
  if (files.length >= MAX16 || at + size >= MAX32) {
    const came = `${files.length} tensors, ${at + size} bytes`
    throw typeError(operation, 'an npz file has less than 65,535 tensors and 4 GB', came, 'Write several, or a safetensors file.')
  }
  const end = record(4, END, 4, 0, 2, files.length, 2, files.length, 4, size, 4, at, 2, 0)
  return joined([...parts, ...directory, end], at + size + end.length)
}

/** Numbers, each behind its size in bytes, little endian. */
function record(...pairs: readonly number[]): Uint8Array {
  const bytes: number[] = []
  for (let i = 0; i < pairs.length; i += 2) {
    for (let at = 0; at < pairs[i]; at++) bytes.push(pairs[i + 1] >>> (8 * at))
  }
  return Uint8Array.from(bytes)
}

async function deflated(operation: string, content: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([content]).stream().pipeThrough(packer(operation, 'CompressionStream', 'deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

let table: Int32Array | undefined

/** The checksum of zip and gzip: the reversed polynomial 0xEDB88320, as in RFC 1952. */
function crc32(bytes: Uint8Array): number {
  table ??= Int32Array.from({ length: 256 }, (_, rest) => {
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0)
    return rest
  })
  let crc = -1
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}
