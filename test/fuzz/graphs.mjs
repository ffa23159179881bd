// Random graphs: values, gradients in all forms and second derivatives, held to PyTorch in double precision; and the forms to each other, bit for bit.
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { failed, finish, seeds } from './findings.mjs'
import { Graph, weighed } from './graph.mjs'
import { F, scratch } from './library.mjs'
import { hasPyTorch, PYTHON } from './python.mjs'

/** So many graphs a call of PyTorch's. */
const TOGETHER = 200

const base64 = values => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')
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

/** Python prints a line a problem, and the seed that it is at, so that a crash of PyTorch itself costs one graph. */
function compare(records) {
  if (records.length === 0) return
  const file = scratch('graphs')
  let rest = records
  while (rest.length > 0) {
    writeFileSync(file, rest.map(record => JSON.stringify(record)).join('\n'))
    const { status, stdout, stderr } = spawnSync(PYTHON, [new URL('graphs.py', import.meta.url).pathname, file], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    const lines = stdout.split('\n').filter(Boolean)
    for (const line of lines) {
      const [seed, problem] = JSON.parse(line)
      if (problem) failed(seed, problem, programs.get(seed))
    }
    if (status === 0) break
    const [last] = JSON.parse(lines.at(-1) ?? '[0]')
    crashes.push(last)
    if (stderr.includes('Traceback')) failed(last, stderr.split('\n').slice(-4).join(' '), programs.get(last) ?? '')
    rest = rest.slice(rest.findIndex(({ seed }) => seed === last) + 1)
  }
  rmSync(file)
}

hasPyTorch()
const programs = new Map()
const crashes = []
let waiting = []
for (const seed of seeds()) {
  const record = recordOf(seed)
  if (record) waiting.push(record)
  if (waiting.length < TOGETHER) continue
  compare(waiting)
  programs.clear()
  waiting = []
}
compare(waiting)
finish(crashes.length > 0 ? `PyTorch crashed at ${crashes}` : '')
