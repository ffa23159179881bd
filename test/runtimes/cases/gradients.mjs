// Gradients against central differences, and gradients of gradients.
import { close, numbers, same, throws } from '../check.mjs'

/** Scalar functions of x [4, 6], whose entries lie in [-1, 1]. */
const functions = {
  'exp, sin, mul': _lib => x => x.exp().mul(x.sin()).sum(),
  'log, sqrt, div': _lib => x => x.add(2).log().div(x.add(3).sqrt()).sum(),
  'tanh, erf, gelu': lib => x => x.tanh().add(x.erf()).add(lib.gelu(x)).sum(),
  'sigmoid, softplus': lib => x => lib.sigmoid(x).mul(lib.softplus(x)).sum(),
  'pow, broadcasting': lib => x =>
    x
      .add(2)
      .pow(lib.tensor([1, 2, 3, 0.5, -1, 0]))
      .sum(),
  matmul: _lib => x => x.matmul(x.transpose()).matmul(x).square().sum(),
  'matmul, batched': _lib => x =>
    x
      .reshape([2, 2, 6])
      .matmul(x.reshape([2, 6, 2]))
      .tanh()
      .sum(),
  softmax: lib => x => x.mul(5).softmax().mul(lib.arange(6)).sum(),
  logitCrossEntropy: lib => x => lib.logitCrossEntropy(x.mul(3), lib.tensor(Int32Array.of(0, 5, 2, 2))),
  'mean, variance, std': _lib => x => x.mean(0).square().sum().add(x.variance(1).sum()).add(x.std()),
  'max, min, norm': _lib => x => x.max(1).sum().sub(x.min(0).sum()).add(x.norm()),
  'prod, logSumExp': _lib => x => x.prod(1).sum().add(x.logSumExp(0).sum()),
  'slice, permute, concat': lib => x =>
    lib
      .concat([x.slice('1:, ::2'), x.permute([1, 0]).slice(':3, 1:')], 1)
      .square()
      .sum(),
  'gather, takeAlong': lib => x => lib.gather(x, lib.tensor(Int32Array.of(1, 1, 3))).square().sum().add(lib.takeAlong(x, lib.tensor(Int32Array.of(0, 2, 5, 5), [4, 1]), 1).sum()), // biome-ignore format: one line
  'where, clamp, relu': lib => x => lib.where(x.greater(0), x.square(), x.mul(3)).add(x.clamp(-0.5, 0.5)).add(lib.relu(x)).sum(),
}

export const gradients = [
  ...Object.entries(functions).map(([name, make]) => [
    name,
    lib => {
      const f = make(lib)
      const values = numbers(24, 8)
      const at = (i, h) => lib.scope(() => f(lib.tensor(values.map((value, j) => value + (i === j ? h : 0)), [4, 6])).item()) // biome-ignore format: one line
      const h = 2 ** -7
      const wanted = Array.from(values, (_, i) => (8 * (at(i, h / 2) - at(i, -h / 2)) - (at(i, h) - at(i, -h))) / (6 * h))
      const [g] = lib.gradient(f, lib.tensor(values, [4, 6]))
      close(g.data(), wanted, 4e-3, 'the gradient')
    },
  ]),
  [
    'gradients nest',
    lib => {
      const inner = x => lib.gradient(y => x.add(y), 1)[0]
      same(lib.gradient(x => x.mul(inner(x)), 3)[0].item(), 1, 'd/dx [x d/dy (x + y)]')
      const derivative = f => x => lib.gradient(f, x)[0]
      same(derivative(derivative(derivative(x => x.square().square())))(lib.tensor(2)).item(), 48, "the third of x^4's")
    },
  ],
  [
    'a gradient is found by identity',
    lib => {
      const [W, b] = [lib.tensor([[1, 2]]), lib.tensor([3])]
      const unused = lib.ones([2])
      const gs = lib.gradient(() => lib.matmul(W, lib.tensor([[5], [7]])).add(b).sum(), lib.params(W, b, unused)) // biome-ignore format: one line
      same([gs.get(W).toArray(), gs.get(b).toArray(), gs.get(unused)], [[[5, 7]], [1], undefined], 'W, b and one that took no part')
    },
  ],
  [
    'a function of its own',
    lib => {
      const twice = lib.customGradient(x => x.mul(2), g => g.mul(10)) // biome-ignore format: one line
      same(lib.gradient(x => twice(x), 1)[0].item(), 10, 'customGradient')
      same(lib.gradient(x => lib.stopGradient(x).mul(x), 3)[0].item(), 3, 'stopGradient')
    },
  ],
  [
    'what is no gradient is refused',
    async lib => {
      await throws(() => lib.gradient(x => x.mul(2), lib.ones([3])), 'ShapeError', /scalar/, 'a vector')
      await throws(() => lib.gradient(async x => x.sum(), lib.ones([3])), 'TypeError', /promise/, 'a promise')
    },
  ],
]
