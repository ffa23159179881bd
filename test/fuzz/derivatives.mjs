// jacobian, hessian, diagonalHessian, jvp and hvp of random small graphs, held to torch.autograd.functional; checkpoint, onGradient and a frozen leaf to the
// plain gradient; and memory afterwards.
import { failed, finish, seeds } from './findings.mjs'
import { Graph, weighed } from './graph.mjs'
import { F } from './library.mjs'
import { base64, Held, hasPyTorch } from './python.mjs'
import { sizeOf } from './source.mjs'

/** Elements of all leaves, and of the result, that a Hessian has room for. */
const MOST = 40

const list = x => (Array.isArray(x) ? x : [x])
const datas = xs => xs.map(each => each.data())
const same = (a, b) => a.length === b.length && a.every((value, i) => Object.is(value, b[i]) || (value === 0 && b[i] === 0))

const near = (a, b) => a.every((value, i) => Object.is(value, b[i]) || Math.abs(value - b[i]) <= 1e-5 * Math.abs(b[i]) + 1e-6)

function expectSame(what, got, right) {
  right.forEach((each, i) => {
    if (!same(got[i], each)) throw new Error(`${what} ${i}: ${got[i].slice(0, 5)} instead of ${each.slice(0, 5)}`)
  })
}

function forms(graph, xs) {
  const loss = (...leaves) => graph.loss(leaves)
  const plain = datas(F.gradient(loss, ...xs))
  const { source } = graph
  expectSame('checkpoint', datas(F.gradient((...leaves) => F.checkpoint(loss, ...leaves), ...xs)), plain)
  expectSame('checkpoint in checkpoint', datas(F.gradient((...leaves) => F.checkpoint((...ys) => F.checkpoint(loss, ...ys).mul(1), ...leaves), ...xs)), plain) // biome-ignore format: short
  // A hook that hands on what it is given, and one that sees what the leaf gets.
  const seen = []
  const watched = (x, i) =>
    F.onGradient(x, g => {
      seen[i] = g.data()
    })
  const hooked = (...leaves) => loss(...leaves.map(watched))
  expectSame('onGradient', datas(F.gradient(hooked, ...xs)), plain)
  seen.forEach((g, i) => expectSame(`what the hook ${i} saw`, [g], [plain[i]]))
  const doubled = (...leaves) => loss(...leaves.map((x, i) => (i === 0 ? F.onGradient(x, g => g.mul(2)) : x)))
  expectSame('a hook that doubles', datas(F.gradient(doubled, ...xs)), [plain[0].map(each => 2 * each), ...plain.slice(1)])
  // The same in jit, around a checkpoint.
  const replayed = F.jit((...leaves) => F.gradient((...ys) => F.checkpoint(loss, ...ys), ...leaves))
  for (let i = 0; i < 3; i++) expectSame(`jit, call ${i}`, datas(list(replayed(...xs))), plain)
  replayed.dispose()
  if (xs.length < 2) return
  // Each leaf is used, so that each has a gradient.
  const used = () => loss(...xs).add(xs.reduce((sum, x) => sum.add(x.sum().mul(0)), F.zeros([])))
  const [frozen, ps] = [source.pick(xs), F.params(...xs)]
  const all = F.gradient(used, ps)
  F.freeze(frozen)
  const rest = F.gradient(used, ps)
  F.thaw(frozen)
  xs.forEach((x, i) => {
    const g = rest.get(x)
    if ((g === undefined) !== (x === frozen)) throw new Error(`leaf ${i} has ${g ? 'a' : 'no'} gradient`)
    // A product of elements rounds otherwise where it is not differentiated.
    const [got, right] = [g?.data() ?? [], all.get(x).data()]
    if (!near(got, right)) throw new Error(`beside a frozen one ${i}: ${got.slice(0, 5)} instead of ${right.slice(0, 5)}`)
  })
}

function recordOf(seed) {
  const { tensors } = F.memory()
  let text = ''
  try {
    return F.scope(() => {
      const graph = new Graph(seed, { sizes: [1, 1, 2, 2, 3, 3, 4], most: 12 })
      const total = graph.leaves.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
      if (graph.used.length === 0 || total > MOST) return undefined
      text = String(graph)
      const xs = graph.leaves.map(({ at }) => graph.values[at])
      if (graph.values.every(x => x.data().every(Number.isFinite))) forms(graph, xs)
      const of = graph.source.pick(graph.used)
      // torch.autograd.functional has no Jacobian of nothing.
      if (graph.count(of) > MOST || graph.count(of) === 0 || xs.some(x => x.size === 0)) return undefined
      const f = (...leaves) => graph.run(leaves)[of]
      const tangents = xs.map(x => F.tensor(Float32Array.from(graph.source.list(x.size, () => graph.source.int(-4, 4) / 2)), x.shape))
      const scalar = (...leaves) => weighed(f(...leaves), 1)
      const several = each => (xs.length === 1 ? each[0] : each)
      const [y, dy] = F.jvp(f, several(xs), several(tangents))
      // The form that can be derived twice may round otherwise.
      if (!near(y.data(), graph.values[of].data())) throw new Error('the value of jvp is another one')
      const found = {
        jacobian: list(F.jacobian(f, ...xs)),
        jvp: [dy],
        hessian: list(F.hessian(scalar, ...xs)).flat(),
        diagonal: list(F.diagonalHessian(scalar, ...xs)),
        hvp: list(F.hvp(scalar, several(xs), several(tangents))),
      }
      const value = graph.values[of]
      found.jacobian.forEach((j, i) => {
        if (String(j.shape) !== String([...value.shape, ...xs[i].shape])) throw new Error(`jacobian ${i} has shape [${j.shape}]`)
      })
      const texts = Object.fromEntries(Object.entries(found).map(([name, each]) => [name, each.map(x => base64(x.data()))]))
      const leaves = graph.leaves.map(({ at, shape, data }, i) => ({ at, shape, data: base64(data), tangent: base64(tangents[i].data()) }))
      return { seed, leaves, nodes: graph.nodes, of, ...texts }
    })
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 3).join(' '), text)
  } finally {
    if (F.memory().tensors !== tensors) failed(seed, `${F.memory().tensors - tensors} tensors are left`, text)
  }
}

hasPyTorch()
const held = new Held('derivatives')
for (const seed of seeds()) {
  const record = recordOf(seed)
  if (record) held.add(record, JSON.stringify(record.nodes))
}
held.end()
finish(held.note)
