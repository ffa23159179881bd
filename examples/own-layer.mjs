// A layer of one's own: a residual block with a learned gate, y = x + σ(g) tanh(Dense(x)), trained to be a rotation.
// Run it with `node examples/own-layer.mjs`.
import { Adam, Chain, Dense, layer, manualSeed, mse, params, randn, scope, tanh, tensor, train, zeros } from 'fluxtape'

const GatedResidual = size =>
  layer('GatedResidual', { inner: Dense(size, size, tanh), gate: zeros([size]) }, (self, x) =>
    x.add(self.gate.sigmoid().mul(self.inner(x))),
  )

manualSeed(1)
const model = Chain(GatedResidual(2), GatedResidual(2), Dense(2, 2))
console.log(String(model))
console.log(params(model).paths().join('\n'))

const angle = Math.PI / 3
const rotation = tensor([
  [Math.cos(angle), -Math.sin(angle)],
  [Math.sin(angle), Math.cos(angle)],
])
const x = randn([256, 2])
const y = x.matmul(rotation)
const loss = (x, y) => mse(model(x), y)

const { epochs } = await train(loss, params(model), [[x, y]], Adam(1e-2), { epochs: 500 })
console.log(`loss ${epochs[0].loss.toFixed(4)} -> ${epochs.at(-1).loss.toExponential(2)}`)
console.log(
  scope(() => model(tensor([[1, 0]])).toString()),
  'should be',
  scope(() =>
    tensor([[1, 0]])
      .matmul(rotation)
      .toString(),
  ),
)
