import { kindOf, typeError } from '../words.ts'

/**
 * The bytes of a file, not copied: of a Uint8Array (a Node Buffer is one) or another view, or of a whole ArrayBuffer, shared or not. Throws
 * TypeError for anything else.
 */
export function bytesOfFile(operation: string, file: unknown): Uint8Array {
  if (ArrayBuffer.isView(file)) return new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
  const kind = Object.prototype.toString.call(file) // instanceof fails for a buffer of another realm
  if (kind === '[object ArrayBuffer]' || kind === '[object SharedArrayBuffer]') return new Uint8Array(file as ArrayBufferLike)
  throw typeError(
    operation,
    'the bytes of a file are a Uint8Array or an ArrayBuffer',
    `${kindOf(file)} came`,
    'Read or fetch the file first.',
  )
}
