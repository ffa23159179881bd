import { readFile } from 'node:fs/promises'
import { checksum, oneHot, serve } from '../harness/serve.mjs'

/** jax-js on its wasm backend, the whole step in one `jit`. Node has no global Worker, so it runs on one thread. */
serve(async () => {
  const jax = await import('@jax-js/jax')
  await jax.init('wasm')
  jax.defaultDevice('wasm')
  const manifest = new URL('../node_modules/@jax-js/jax/package.json', import.meta.url)
  const { version } = JSON.parse(await readFile(manifest, 'utf8'))
  return {
    versions: { 'jax-js': version },
    families: { mlp: (spec, data) => mlp(jax, spec, data), gemm: (spec, data) => gemm(jax, spec, data) },
  }
})

/** Its arrays are owned: a function consumes its arguments, and `.ref` keeps one for another use. */
function mlp({ numpy: np, jit, nn, valueAndGrad, tree }, { batch, widths, rate }, data) {
  const array = ({ data, shape }) => np.array(data).reshape(shape)
  const classes = widths[widths.length - 1]
  const x = array(data.x)
  const targets = [0, 1].map(i => array({ data: oneHot(data[`classes.${i}`].data, classes), shape: [batch, classes] }))
  const depth = widths.length - 1
  let params = []
  for (let i = 0; i < depth; i++) params.push(array(data[`${i}.weight`]), array(data[`${i}.bias`]))
  let first = params.map(p => np.zeros(p.shape))
  let second = params.map(p => np.zeros(p.shape))

  const loss = (ps, input, target) => {
    let h = input
    for (let i = 0; i < depth; i++) {
      h = np.matmul(h, ps[2 * i].transpose()).add(ps[2 * i + 1])
      if (i < depth - 1) h = nn.relu(h)
    }
    return nn
      .logSoftmax(h, -1)
      .mul(target)
      .sum()
      .mul(-1 / batch)
  }
  const step = jit((ps, m, v, correction1, correction2, input, target) => {
    const [value, gs] = valueAndGrad(loss)(tree.ref(ps), input, target)
    const m1 = m.map((mi, i) => mi.mul(0.9).add(gs[i].ref.mul(0.1)))
    const v1 = v.map((vi, i) => vi.mul(0.999).add(np.square(gs[i]).mul(0.001)))
    const p1 = ps.map((p, i) => {
      const scale = np.sqrt(v1[i].ref.mul(correction2.ref)).add(1e-8)
      return p.sub(m1[i].ref.mul(correction1.ref).mul(rate).div(scale))
    })
    correction1.dispose()
    correction2.dispose()
    return [value, p1, m1, v1]
  })

  let count = 0
  let last
  return {
    step: () => {
      const target = targets[count++ % 2]
      const corrections = [1 / (1 - 0.9 ** count), 1 / (1 - 0.999 ** count)].map(c => np.array(c))
      const [value, ...next] = step(params, first, second, ...corrections, x.ref, target.ref)
      ;[params, first, second] = next
      // Reading the loss is what makes a lazy array run.
      last = value.dataSync()[0]
    },
    value: () => last,
  }
}

function gemm({ numpy: np, jit }, { transposeA, transposeB }, data) {
  const a = np.array(data.a.data).reshape(data.a.shape)
  const b = np.array(data.b.data).reshape(data.b.shape)
  const turn = (x, transposed) => (transposed ? x.transpose() : x)
  const product = jit((p, q) => np.matmul(turn(p, transposeA), turn(q, transposeB)))
  let last
  return {
    step: async () => {
      last?.dispose()
      last = product(a.ref, b.ref)
      await last.blockUntilReady()
    },
    value: () => checksum(last.ref.dataSync()),
  }
}
