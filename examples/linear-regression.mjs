// Linear regression in the oldest form of Flux: features in rows, samples in columns, parameters in variables of one's own.
// Run it with `node examples/linear-regression.mjs`.
import { Descent, gradient, manualSeed, mse, params, rand, randn, scope, train, update } from 'fluxtape'

manualSeed(1)
const trueW = rand([2, 5])
const trueB = rand([2, 1])
const x = randn([5, 200])
const y = scope(() =>
  trueW
    .matmul(x)
    .add(trueB)
    .add(randn([2, 200]).mul(0.01)),
)

/** Parameters, and the loss as a function that closes over them. */
function regression() {
  const W = rand([2, 5])
  const b = rand([2, 1])
  const model = x => W.matmul(x).add(b)
  return { W, b, ps: params(W, b), loss: (x, y) => mse(model(x), y) }
}

const report = (name, { W, b, loss }) => {
  const error = scope(() => Math.max(W.sub(trueW).abs().max().item(), b.sub(trueB).abs().max().item()))
  console.log(`${name}: loss ${scope(() => loss(x, y).item()).toExponential(2)}, largest error of W and b ${error.toFixed(4)}`)
}

// Once with train: the data is a list of one batch, gone through 200 times.
const first = regression()
report('before      ', first)
await train(first.loss, first.ps, [[x, y]], Descent(0.1), { epochs: 200 })
report('train       ', first)

// Once by hand: take the gradient, update, repeat.
const second = regression()
const opt = Descent(0.1)
for (let step = 0; step < 200; step++) {
  const gs = gradient(() => second.loss(x, y), second.ps)
  update(opt, second.ps, gs)
}
report('written out ', second)
