import { typeError } from '../words.ts'

/**
 * The bytes of a file, not copied: of a Uint8Array (a Node Buffer is one) or another view, or of a whole ArrayBuffer, shared or not. Throws
 * TypeError for anything else.
 */
export function bytesOfFile(operation: string, file: unknown): Uint8Array {
  if (ArrayBuffer.isView(file)) return new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
  const kind = Object.prototype.toString.call(file) // instanceof fails for a buffer of another realm
  if (kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]') return new Uint8Array(file as ArrayBufferLike)
  const came = file === null ? 'null' : typeof file === 'object' ? kind.slice(8, -1) : typeof file
  throw typeError(operation, 'the bytes of a file are a Uint8Array or an ArrayBuffer', `${came} came`, 'Read or fetch the file first.')
}
