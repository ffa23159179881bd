// Random graphs as losses, some leaves the batch and the others the parameters: six steps with and without jit, and six calls, bit for bit.
import { failed, finish, seeds } from './findings.mjs'
import { Graph } from './graph.mjs'
import { F } from './library.mjs'

function train(graph, seed, isReplayed) {
  const tensors = graph.leaves.map(({ at }) => graph.values[at])
  const inBatch = tensors.length > 1 ? 1 + (seed % (tensors.length - 1)) : 0
  const parameters = tensors.slice(inBatch).map(each => F.keep(F.clone(each)))
  const [ps, optimizer] = [F.params(...parameters), F.Adam(1e-3)]
  const compute = (...batch) => graph.loss([...batch, ...parameters])
  const loss = isReplayed ? F.jit(compute) : compute
  const results = []
  F.manualSeed(seed)
  for (let i = 0; i < 6; i++) {
    const batch = tensors.slice(0, inBatch).map(each => (i === 0 ? F.clone(each) : each.add(F.randn(each.shape, { std: 0.01 }))))
    try {
      results.push(F.trainStep(loss, ps, batch, optimizer))
    } catch (error) {
      results.push(error instanceof F.DivergedError ? 'diverged' : `${error.name}: ${error.message}`)
    }
  }
  for (const p of parameters) results.push(...p.data())
  for (const [, slot] of F.optimizerState(optimizer, ps)) if (slot instanceof F.Tensor) slot.dispose()
  for (const p of parameters) p.dispose()
  return results
}

/** What six calls give, each with some numbers of their own, and how that is read. */
function call(graph, seed, form) {
  const tensors = graph.leaves.map(({ at }) => graph.values[at])
  const own = 1 + (seed % tensors.length)
  const compute = (...given) => graph.loss([...given, ...tensors.slice(own)])
  const replayed = form === 'plain' ? compute : F.jit(compute)
  const results = []
  F.manualSeed(seed)
  for (let i = 0; i < 6; i++) {
    const given = tensors.slice(0, own).map(each => (i === 0 ? F.clone(each) : each.add(F.randn(each.shape, { std: 0.01 }))))
    try {
      if (form !== 'into' || i === 0) results.push(replayed(...given).item())
      else results.push(...replayed.into(new Float32Array(1), ...given.map(each => each.data())))
    } catch (error) {
      results.push(`${error.name}: ${error.message}`)
    }
  }
  return results
}

for (const seed of seeds()) {
  F.scope(() => {
    const graph = new Graph(seed)
    if (graph.used.length === 0) return
    const compare = (what, plain, replayed) => {
      const at = plain.findIndex((value, i) => !Object.is(value, replayed[i]))
      if (at >= 0) failed(seed, `${what} ${at} of ${plain.length}: ${plain[at]} without jit, ${replayed[at]} with it`, String(graph))
    }
    compare('result', train(graph, seed, false), train(graph, seed, true))
    const plain = call(graph, seed, 'plain')
    compare('call', plain, call(graph, seed, 'jit'))
    compare('call into an array', plain, call(graph, seed, 'into'))
  })
}
finish()
