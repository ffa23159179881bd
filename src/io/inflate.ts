import { FluxtapeError, FormatError } from '../errors.ts'

/** How much is unpacked at a time, at most 1,032 times as much: some runtimes unpack all that they are given. */
const SLICE = 16384
export const CUT = 'The file is damaged or was cut off: read or fetch it again.'

/**
 * Unpacks what anybody packed, a piece at a time. `most` is how long it may be, as its header says, or what tells that from its beginning: asked
 * after each piece until it knows. Nothing is unpacked beyond the piece that passes it. Rejects with FormatError for what is longer and for
 * what is damaged.
 */
export async function inflated(
  operation: string,
  packed: Uint8Array,
  format: CompressionFormat,
  most: number | ((length: number, content: () => Uint8Array) => number | undefined),
): Promise<Uint8Array> {
  let at = 0
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (at < packed.length) controller.enqueue(new Uint8Array(packed.subarray(at, at + SLICE)))
      else controller.close()
      at += SLICE
    },
  })
  const reader = source.pipeThrough(packer(operation, 'DecompressionStream', format)).getReader()
  const pieces: Uint8Array[] = []
  let length = 0
  let end = typeof most === 'number' ? most : undefined
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return joined(pieces, length)
      pieces.push(value)
      length += value.length
      if (end === undefined && typeof most === 'function') end = most(length, () => joined(pieces, length))
      if (end !== undefined && length > end) {
        const problem = 'the file is longer than its header says'
        throw new FormatError({ operation, problem, came: `the header says ${end} bytes`, wayOut: CUT })
      }
    }
  } catch (error) {
    reader.cancel().catch(() => {})
    if (error instanceof FormatError) throw error
    const came = `${packed.length} bytes that begin as ${format} does`
    const failure = new FormatError({ operation, problem: 'the file cannot be unzipped', came, wayOut: CUT })
    failure.cause = error // what it says differs from runtime to runtime
    throw failure
  }
}

/** What packs, or unpacks. Throws FluxtapeError where the runtime has none for this format. */
export function packer(
  operation: string,
  name: 'CompressionStream' | 'DecompressionStream',
  format: CompressionFormat,
): ReadableWritablePair<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  try {
    return new globalThis[name](format) as ReturnType<typeof packer>
  } catch (cause) {
    const wayOut = 'Write it unpacked, or unpack it before.'
    throw Object.assign(new FluxtapeError({ operation, problem: `this runtime has no ${name}`, came: format, wayOut }), { cause })
  }
}

/** The pieces, of so many bytes together, one after the other. */
export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
