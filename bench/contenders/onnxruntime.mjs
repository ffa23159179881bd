import { readFile } from 'node:fs/promises'
import { checksum, serve } from '../harness/serve.mjs'

/** onnxruntime-web, which cannot train: the products only. */
serve(async threads => {
  const imported = await import('onnxruntime-web')
  const ort = imported.default ?? imported
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  const manifest = new URL('../node_modules/onnxruntime-web/package.json', import.meta.url)
  const { version } = JSON.parse(await readFile(manifest, 'utf8'))
  return { versions: { 'onnxruntime-web': version }, families: { gemm: (spec, data) => gemm(ort, spec, data) } }
})

async function gemm(ort, spec, data) {
  const session = await ort.InferenceSession.create(gemmModel(spec), { executionProviders: ['wasm'] })
  const feeds = {
    a: new ort.Tensor('float32', data.a.data, data.a.shape),
    b: new ort.Tensor('float32', data.b.data, data.b.shape),
  }
  let last
  return {
    step: async () => {
      last = await session.run(feeds)
    },
    value: () => checksum(last.c.data),
    dispose: () => session.release(),
  }
}

/** An ONNX file of one Gemm node, written as protocol buffers (onnx.proto has the field numbers). */
function gemmModel({ m, n, k, transposeA, transposeB }) {
  const flag = (name, on) => [text(1, name), number(3, Number(on)), number(20, 2)]
  const shaped = (name, shape) => {
    const dimensions = shape.map(size => message(1, [number(1, size)]))
    return [text(1, name), message(2, [message(1, [number(1, 1), message(2, dimensions)])])]
  }
  const node = [text(1, 'a'), text(1, 'b'), text(2, 'c'), text(4, 'Gemm')]
  node.push(message(5, flag('transA', transposeA)), message(5, flag('transB', transposeB)))
  const graph = [message(1, node), text(2, 'gemm')]
  graph.push(message(11, shaped('a', transposeA ? [k, m] : [m, k])))
  graph.push(message(11, shaped('b', transposeB ? [n, k] : [k, n])))
  graph.push(message(12, shaped('c', [m, n])))
  return Buffer.concat([number(1, 8), message(7, graph), message(8, [number(2, 13)])])
}

function varint(value) {
  const bytes = []
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest])
    bytes.push((rest & 0x7f) | 0x80)
  }
}
const number = (field, value) => Buffer.concat([varint(field << 3), varint(value)])
const block = (field, bytes) => Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes])
const text = (field, string) => block(field, Buffer.from(string))
const message = (field, parts) => block(field, Buffer.concat(parts))
