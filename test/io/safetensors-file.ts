/** A safetensors file as any writer makes it: the length of the header (the true one, unless given), the header, the data. */
export function file(header: string | Uint8Array, data: ArrayLike<number> = [], length?: bigint): Uint8Array<ArrayBuffer> {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header
  const bytes = new Uint8Array(8 + text.length + data.length)
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true)
  bytes.set(text, 8)
  bytes.set(data, 8 + text.length)
  return bytes
}

/** A file of one tensor 'a'. */
export function one(dtype: string, shape: string, data: ArrayLike<number>): Uint8Array<ArrayBuffer> {
  return file(`{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":[0,${data.length}]}}`, data)
}

export function bytesOf(array: { readonly buffer: ArrayBuffer }): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer)
}
