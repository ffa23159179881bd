import { readFile, writeFile } from 'node:fs/promises'

/**
 * The file that carries a workload's data to every contender, JavaScript or Python, in the safetensors format.
 * @typedef {{ shape: number[], data: Float32Array | Int32Array }} Entry
 */

/** @param {string} path @param {Record<string, Entry>} entries */
export async function writeTensors(path, entries) {
  const header = {}
  let offset = 0
  for (const [name, { shape, data }] of Object.entries(entries)) {
    const dtype = data instanceof Int32Array ? 'I32' : 'F32'
    header[name] = { dtype, shape, data_offsets: [offset, (offset += data.byteLength)] }
  }
  const json = JSON.stringify(header)
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const bodies = Object.values(entries).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  await writeFile(path, Buffer.concat([length, text, ...bodies]))
}

/** @param {string} path @returns {Promise<Record<string, Entry>>} */
export async function readTensors(path) {
  const bytes = await readFile(path)
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, start))
  const read = ({ dtype, shape, data_offsets: [from, to] }) => {
    const body = new Uint8Array(bytes.subarray(start + from, start + to)).buffer
    return { shape, data: dtype === 'I32' ? new Int32Array(body) : new Float32Array(body) }
  }
  return Object.fromEntries(Object.entries(header).map(([name, entry]) => [name, read(entry)]))
}
