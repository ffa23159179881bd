import { readFile } from 'node:fs/promises'
import { checksum, serve } from '../harness/serve.mjs'

/** onnxruntime-web, which cannot train: products and predictions. */
serve(async threads => {
  const imported = await import('onnxruntime-web')
  const ort = imported.default ?? imported
  ort.env.wasm.numThreads = threads
  ort.env.logLevel = 'error'
  const manifest = new URL('../node_modules/onnxruntime-web/package.json', import.meta.url)
  const { version } = JSON.parse(await readFile(manifest, 'utf8'))
  return {
    versions: { 'onnxruntime-web': version },
    families: {
      prediction: (spec, data) => prediction(ort, spec, data),
      gemm: (spec, data) => gemm(ort, spec, data),
    },
  }
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

async function prediction(ort, { layers }, data) {
  const session = await ort.InferenceSession.create(networkModel(layers, data), { executionProviders: ['wasm'] })
  const feeds = { x: new ort.Tensor('float32', data.x.data, data.x.shape) }
  const [name] = session.outputNames
  let last
  return {
    step: async () => {
      last = await session.run(feeds)
    },
    value: () => checksum(last[name].data),
    dispose: () => session.release(),
  }
}

function gemmModel({ m, n, k, transposeA, transposeB }) {
  const node = nodeOf('Gemm', ['a', 'b'], 'c', { transA: Number(transposeA), transB: Number(transposeB) })
  const inputs = { a: transposeA ? [k, m] : [m, k], b: transposeB ? [n, k] : [k, n] }
  return modelOf([node], inputs, {}, { c: [m, n] })
}

/** A chain of layers as workloads/images.mjs has them; its weights are in the file, so that the session may prepare them. */
function networkModel(layers, data) {
  const make = {
    conv: ({ kernel, stride, pad, groups }) => [
      'Conv',
      { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad], group: groups },
    ],
    dense: () => ['Gemm', { transB: 1 }],
    maxPool: ({ window }) => ['MaxPool', { kernel_shape: [window, window], strides: [window, window] }],
    flatten: () => ['Flatten', {}],
  }
  const nodes = []
  const append = (kind, inputs, attributes) => {
    nodes.push(nodeOf(kind, inputs, `y${nodes.length}`, attributes))
    return `y${nodes.length - 1}`
  }
  let last = 'x'
  for (const layer of layers) {
    if (!make[layer.kind]) throw new Error(`no ${layer.kind}`)
    const [kind, attributes] = make[layer.kind](layer)
    const weights = [`${layer.name}.weight`, `${layer.name}.bias`].filter(name => name in data)
    last = append(kind, [last, ...weights], attributes)
    if (layer.activation === 'relu') last = append('Relu', [last], {})
  }
  const { x, ...weights } = data
  return modelOf(nodes, { x: x.shape }, weights, { [last]: [x.shape[0], layers.at(-1).outputs] })
}

/** An ONNX file, written as protocol buffers (onnx.proto has the field numbers). */
function modelOf(nodes, inputs, weights, outputs) {
  const shaped = ([name, shape]) => {
    const dimensions = shape.map(size => message(1, [number(1, size)]))
    return [text(1, name), message(2, [message(1, [number(1, 1), message(2, dimensions)])])]
  }
  const weight = ([name, { data, shape }]) => [
    ...shape.map(size => number(1, size)),
    number(2, 1),
    text(8, name),
    block(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]
  const graph = [
    ...nodes.map(node => message(1, node)),
    text(2, 'graph'),
    ...Object.entries(weights).map(entry => message(5, weight(entry))),
    ...Object.entries(inputs).map(entry => message(11, shaped(entry))),
    ...Object.entries(outputs).map(entry => message(12, shaped(entry))),
  ]
  return Buffer.concat([number(1, 8), message(7, graph), message(8, [number(2, 13)])])
}

/** A node of the graph; attributes are whole numbers, or lists of such. */
function nodeOf(kind, inputs, output, attributes) {
  const attribute = ([name, value]) =>
    Array.isArray(value)
      ? [text(1, name), ...value.map(each => number(8, each)), number(20, 7)]
      : [text(1, name), number(3, value), number(20, 2)]
  const told = Object.entries(attributes).map(entry => message(5, attribute(entry)))
  return [...inputs.map(name => text(1, name)), text(2, output), text(4, kind), ...told]
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
