// Random graphs: values, gradients in all forms and second derivatives, held to PyTorch in double precision; and the forms to each other, bit for bit.
import { failed, finish, seeds } from './findings.mjs'
import { Graph, weighed } from './graph.mjs'
import { F } from './library.mjs'
import { base64, Held, hasPyTorch } from './python.mjs'

const programs = new Map()
const sameBits = (a, b) => a.every((value, i) => Object.is(value, b[i]) || (value === 0 && b[i] === 0))
const near = (a, b) => a.every((value, i) => Object.is(value, b[i]) || Math.abs(value - b[i]) <= 1e-5 * Math.abs(b[i]) + 1e-6)

/** Gradients in all forms, and the derivative of their weighed sum; throws where two forms differ. */
function derivatives(graph) {
  const tensors = graph.leaves.map(({ at }) => graph.values[at])
  const loss = (...leaves) => graph.loss(leaves)
  const first = F.gradient(loss, ...tensors).map((g, i) => {
    if (String(g.shape) !== String(tensors[i].shape))
      throw new Error(`gradient ${i} has shape [${g.shape}] instead of [${tensors[i].shape}]`)
    return g.data()
  })
  const ps = F.params(...tensors)
  const implicit = F.gradient(() => graph.loss(tensors), ps)
  tensors.forEach((tensor, i) => {
    const g = implicit.get(tensor)?.data() ?? new Float32Array(tensor.size)
    if (!sameBits(g, first[i])) throw new Error(`gradient ${i} differs between the forms`)
  })
  const [, back] = F.pullback(loss, ...tensors)
  const [once, twice] = [back(), back()].map(list => list.map(g => g.data()))
  back.dispose()
  once.forEach((g, i) => {
    if (!sameBits(g, twice[i])) throw new Error(`gradient ${i} differs between two calls of back`)
    if (!near(g, first[i])) throw new Error(`gradient ${i} differs between gradient and pullback`)
  })
  const sumOf = gradients => gradients.map((g, i) => weighed(g, i + 0.5)).reduce((sum, term) => sum.add(term))
  const second = F.gradient((...leaves) => sumOf(F.gradient(loss, ...leaves)), ...tensors).map(g => g.data())
  const zero = tensor => F.zeros(tensor.shape)
  const implicitSecond = F.gradient(() => {
    const inner = F.gradient(() => graph.loss(tensors), ps)
    return sumOf(tensors.map(tensor => inner.get(tensor) ?? zero(tensor))).add(tensors[0].sum().mul(0))
  }, ps)
  tensors.forEach((tensor, i) => {
    const g = implicitSecond.get(tensor)?.data() ?? new Float32Array(tensor.size)
    if (second[i].every(Number.isFinite) && !near(g, second[i])) throw new Error(`second derivative ${i} differs between the forms`)
  })
  return { first, second }
}

/** What Python needs, or undefined where the graph failed or is empty. */
function recordOf(seed) {
  const { tensors } = F.memory()
  let graph
  try {
    return F.scope(() => {
      graph = new Graph(seed)
      if (graph.used.length === 0) return undefined
      programs.set(seed, String(graph))
      const { first, second } = derivatives(graph)
      return {
        seed,
        leaves: graph.leaves.map(({ at, shape, data }) => ({ at, shape, data: base64(data) })),
        nodes: graph.nodes.map(node => ({ ...node, shape: graph.values[node.out].shape, value: base64(graph.values[node.out].data()) })),
        used: graph.used,
        first: first.map(base64),
        second: second.map(base64),
      }
    })
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 3).join(' '), String(graph ?? ''))
  } finally {
    if (F.memory().tensors !== tensors) failed(seed, `${F.memory().tensors - tensors} tensors are left`, String(graph ?? ''))
  }
}

hasPyTorch()
const held = new Held('graphs')
for (const seed of seeds()) {
  const record = recordOf(seed)
  if (record) held.add(record, programs.get(seed))
  programs.delete(seed)
}
held.end()
finish(held.note)
