// Our side of the workloads: what one step is, of a build of the library that is passed in.
import { checksum } from '../harness/serve.mjs'

export function mlp({ Adam, Chain, Dense, identity, logitCrossEntropy, params, relu, tensor, trainStep }, { widths, rate }, data) {
  const depth = widths.length - 1
  const toTensor = ({ data, shape }) => tensor(data, shape)
  const layers = Array.from({ length: depth }, (_, i) =>
    Dense(toTensor(data[`${i}.weight`]), toTensor(data[`${i}.bias`]), i < depth - 1 ? relu : identity),
  )
  const model = Chain(...layers)
  const loss = (x, classes) => logitCrossEntropy(model(x), classes)
  const ps = params(model)
  const optimizer = Adam(rate)
  const x = toTensor(data.x)
  const batches = [0, 1].map(i => [x, toTensor(data[`classes.${i}`])])
  let count = 0
  let last
  return {
    step: () => {
      last = trainStep(loss, ps, batches[count++ % 2], optimizer)
    },
    value: () => last,
  }
}

export function gemm({ matmul, scope, tensor }, { transposeA, transposeB }, data) {
  const a = tensor(data.a.data, data.a.shape)
  const b = tensor(data.b.data, data.b.shape)
  const product = () => matmul(a, b, { transposeLeft: transposeA, transposeRight: transposeB })
  return {
    step: () => {
      scope(() => {
        product()
      })
    },
    value: () => scope(() => checksum(product().data())),
    dispose: () => {
      a.dispose()
      b.dispose()
    },
  }
}
