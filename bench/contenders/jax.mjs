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
    families: {
      mlp: (spec, data) => mlp(jax, spec, data),
      images: (spec, data) => images(jax, spec, data),
      prediction: (spec, data) => prediction(jax, spec, data),
      gemm: (spec, data) => gemm(jax, spec, data),
    },
  }
})

/** Its arrays are owned: a function consumes its arguments, and `.ref` keeps one for another use. */
function mlp(jax, { batch, widths, rate }, data) {
  const { numpy: np, nn } = jax
  const depth = widths.length - 1
  const params = []
  for (let i = 0; i < depth; i++) params.push(arrayOf(jax, data[`${i}.weight`]), arrayOf(jax, data[`${i}.bias`]))
  const model = (ps, input) => {
    let h = input
    for (let i = 0; i < depth; i++) {
      h = np.matmul(h, ps[2 * i].transpose()).add(ps[2 * i + 1])
      if (i < depth - 1) h = nn.relu(h)
    }
    return h
  }
  return training(jax, model, params, { batch, classes: widths[depth], rate }, data)
}

const arrayOf = ({ numpy: np }, { data, shape }) => np.array(data).reshape(shape)

function training(jax, model, initial, { batch, classes, rate }, data) {
  const { numpy: np, jit, nn, valueAndGrad, tree } = jax
  const x = arrayOf(jax, data.x)
  const targets = [0, 1].map(i => arrayOf(jax, { data: oneHot(data[`classes.${i}`].data, classes), shape: [batch, classes] }))
  let params = initial
  let first = params.map(p => np.zeros(p.shape))
  let second = params.map(p => np.zeros(p.shape))

  const loss = (ps, input, target) => {
    return nn
      .logSoftmax(model(ps, input), -1)
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

/** A network that sees: its arrays, and the model as a function of them. Norms keep no running statistics. */
function network(jax, layers, data) {
  const { lax, nn, numpy: np } = jax
  const params = []
  const add = array => params.push(array) - 1
  const named = name => (name in data ? add(arrayOf(jax, data[name])) : undefined)
  const byChannel = array => array.reshape([1, -1, 1, 1])
  const make = {
    conv: ({ name, stride, pad, groups }) => {
      const [weight, bias] = [named(`${name}.weight`), named(`${name}.bias`)]
      const padding = [
        [pad, pad],
        [pad, pad],
      ]
      return (ps, x) => {
        const y = lax.convGeneralDilated(x, ps[weight], [stride, stride], padding, { featureGroupCount: groups })
        return bias === undefined ? y : y.add(byChannel(ps[bias]))
      }
    },
    dense: ({ name }) => {
      const [weight, bias] = [named(`${name}.weight`), named(`${name}.bias`)]
      return (ps, x) => np.matmul(x, ps[weight].transpose()).add(ps[bias])
    },
    norm: ({ channels }) => {
      const [scale, bias] = [add(np.ones([channels])), add(np.zeros([channels]))]
      const mean = x => np.mean(x, [0, 2, 3], { keepdims: true })
      return (ps, x) => {
        const centred = x.ref.sub(mean(x))
        const deviation = np.sqrt(mean(np.square(centred.ref)).add(1e-5))
        return centred.div(deviation).mul(byChannel(ps[scale])).add(byChannel(ps[bias]))
      }
    },
    maxPool: ({ window }) => {
      return (_, x) => {
        const [batch, channels, height, width] = x.shape
        return np.max(x.reshape([batch, channels, height / window, window, width / window, window]), [3, 5])
      }
    },
    mean: () => (_, x) => np.mean(x, [2, 3], { keepdims: true }),
    flatten: () => (_, x) => x.reshape([x.shape[0], -1]),
    sum: ({ paths }) => {
      const [path, around] = paths.map(chain)
      return (ps, x) => path(ps, x.ref).add(around(ps, x))
    },
  }
  const activations = { relu: nn.relu, relu6: nn.relu6 }
  const chain = list => {
    const steps = list.map(layer => {
      const forward = make[layer.kind](layer)
      const activation = activations[layer.activation]
      return activation ? (ps, x) => activation(forward(ps, x)) : forward
    })
    return (ps, x) => steps.reduce((y, step) => step(ps, y), x)
  }
  return { model: chain(layers), params }
}

function images(jax, { layers, rate }, data) {
  const { model, params } = network(jax, layers, data)
  return training(jax, model, params, { batch: data.x.shape[0], classes: 10, rate }, data)
}

function prediction(jax, { layers }, data) {
  const { model, params } = network(jax, layers, data)
  const x = arrayOf(jax, data.x)
  const predict = jax.jit(model)
  let last
  return {
    step: () => {
      last = predict(jax.tree.ref(params), x.ref).dataSync()
    },
    value: () => checksum(last),
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
