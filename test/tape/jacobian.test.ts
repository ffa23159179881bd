// jacobian and its kin, against derivatives that are known, and against each other.
import {
  Chain,
  concat,
  Dense,
  Descent,
  diagonalHessian,
  gradient,
  hessian,
  hvp,
  jacobian,
  jit,
  jvp,
  later,
  layer,
  memory,
  ones,
  params,
  randn,
  scope,
  type Tensor,
  tanh,
  tensor,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'

const x = tensor([1, 2])
const w = tensor([
  [1, 2],
  [3, 4],
  [5, 6],
])
const v = tensor([1, 10])
const cubes = (u: Tensor) => u.pow(3).sum()
const mixed = (a: Tensor, b: Tensor) => a.square().sum().mul(b.sum()).add(b.pow(3).sum())
const list = (all: unknown): unknown => (Array.isArray(all) ? all.map(list) : (all as Tensor).toArray())

it.each<[string, () => unknown, unknown]>([
  [
    'jacobian of single elements',
    () => jacobian(u => u.square(), x),
    [
      [2, 0],
      [0, 4],
    ],
  ],
  [
    'jacobian of a product by its matrix',
    () => jacobian(u => u.matmul(x).sum(), w),
    [
      [1, 2],
      [1, 2],
      [1, 2],
    ],
  ],
  [
    'jacobian of a matrix by a vector',
    () => jacobian(u => w.mul(u), x),
    [1, 3, 5].map(a => [
      [a, 0],
      [0, a + 1],
    ]),
  ],
  ['jacobian of a scalar', () => jacobian(cubes, x), [3, 12]],
  ['jacobian by a number', () => jacobian(u => x.mul(u), 3), [1, 2]],
  ['jacobian of a number by a number', () => jacobian(u => u.pow(3), 2), 12],
  ['jacobian of much by little', () => jacobian(u => u.square().mul(ones([9])), 3), Array(9).fill(6)],
  ['jacobian of much by two arguments', () => jacobian((a, b) => a.mul(b).mul(ones([9])), 3, 4), [Array(9).fill(4), Array(9).fill(3)]],
  [
    'jacobian by two arguments',
    () => jacobian((a, b) => a.mul(b.sum()), x, v),
    [
      [
        [11, 0],
        [0, 11],
      ],
      [
        [1, 1],
        [2, 2],
      ],
    ],
  ],
  [
    'jacobian by what took no part',
    () => jacobian((_, b) => b, x, v),
    [
      [
        [0, 0],
        [0, 0],
      ],
      [
        [1, 0],
        [0, 1],
      ],
    ],
  ],
  ['jacobian of nothing', () => jacobian(u => u.slice('0:0'), x), []],
  ['jacobian by nothing', () => jacobian(u => u.sum(), zeros([0])), []],
  [
    'jacobian of what the function closes over',
    () => jacobian(() => x.square(), x),
    [
      [2, 0],
      [0, 4],
    ],
  ],
  [
    'hessian',
    () => hessian(cubes, x),
    [
      [6, 0],
      [0, 12],
    ],
  ],
  ['hessian of a matrix', () => hessian(u => u.matmul(x).square().sum(), tensor([[3, 4]])), [[[[2, 4]], [[4, 8]]]]],
  ['hessian of a number', () => hessian(u => u.pow(3), 2), 12],
  [
    'hessian by two arguments',
    () => hessian(mixed, x, tensor([1, 3])),
    [
      [
        [
          [8, 0],
          [0, 8],
        ],
        [
          [2, 2],
          [4, 4],
        ],
      ],
      [
        [
          [2, 4],
          [2, 4],
        ],
        [
          [6, 0],
          [0, 18],
        ],
      ],
    ],
  ],
  [
    'hessian of what is linear',
    () => hessian(u => u.sum(), x),
    [
      [0, 0],
      [0, 0],
    ],
  ],
  ['diagonalHessian', () => diagonalHessian(cubes, x), [6, 12]],
  ['diagonalHessian of a matrix', () => diagonalHessian(u => u.matmul(x).square().sum(), tensor([[3, 4]])), [[2, 8]]],
  [
    'diagonalHessian by two arguments',
    () => diagonalHessian(mixed, x, tensor([1, 3])),
    [
      [8, 8],
      [6, 18],
    ],
  ],
  ['diagonalHessian of a number', () => diagonalHessian(u => u.pow(3), 2), 12],
  [
    'jvp',
    () => jvp(u => u.square(), x, v),
    [
      [1, 4],
      [2, 40],
    ],
  ],
  [
    'jvp along the argument itself',
    () => jvp(u => u.square(), x, x),
    [
      [1, 4],
      [2, 8],
    ],
  ],
  [
    'jvp of two arguments',
    () => jvp((a, b) => a.mul(b), [x, v], [v, tensor([0, 1])]),
    [
      [1, 20],
      [1, 102],
    ],
  ],
  ['jvp of numbers', () => jvp(u => u.pow(3), 2, 10), [8, 120]],
  [
    'jvp along integers',
    () => jvp(u => u.square(), x, tensor([1, 10], { dtype: 'int32' })),
    [
      [1, 4],
      [2, 40],
    ],
  ],
  [
    'jvp of what the argument takes no part in',
    () => jvp(() => v, x, v),
    [
      [1, 10],
      [0, 0],
    ],
  ],
  [
    'jvp of a list of one',
    () => jvp(u => u.square(), [x], [v]),
    [
      [1, 4],
      [2, 40],
    ],
  ],
  ['hvp', () => hvp(cubes, x, v), [6, 120]],
  ['hvp along the argument itself', () => hvp(cubes, x, x), [6, 24]],
  [
    'hvp of two arguments',
    () => hvp(mixed, [x, tensor([1, 3])], [v, ones([2])]),
    [
      [8 + 4, 80 + 8],
      [42 + 6, 42 + 18],
    ],
  ],
  ['hvp of a number', () => hvp(u => u.pow(3), 2, 10), 120],
  ['a gradient of a jacobian', () => gradient(u => jacobian(t => t.pow(3), u).sum(), x)[0], [6, 12]],
  ['a gradient of a jacobian by columns', () => gradient(u => jacobian(t => t.pow(3).mul(ones([9])), u).sum(), 2)[0], 108],
  ['a gradient of a hessian', () => gradient(u => hessian(cubes, u).sum(), x)[0], [6, 6]],
  ['a gradient of diagonalHessian', () => gradient(u => diagonalHessian(cubes, u).mul(v).sum(), x)[0], [6, 60]],
  [
    'a gradient of a jvp, by point and by tangent',
    () => gradient((u, t) => jvp(s => s.square(), u, t)[1].sum(), x, v),
    [
      [2, 20],
      [2, 4],
    ],
  ],
  ['a gradient of a value of jvp', () => gradient(u => jvp(s => s.square(), u, v)[0].sum(), x)[0], [2, 4]],
  [
    'a gradient of an hvp, by point and by tangent',
    () => gradient((u, t) => hvp(cubes, u, t).sum(), x, v),
    [
      [6, 60],
      [6, 12],
    ],
  ],
  [
    'a jacobian of a jacobian',
    () => jacobian(u => jacobian(t => t.square(), u), x),
    [
      [
        [2, 0],
        [0, 0],
      ],
      [
        [0, 0],
        [0, 2],
      ],
    ],
  ],
])('%s', (_, call, expected) => {
  const before = memory()
  scope(() => expect(list(call())).toEqual(expected))
  expect(memory()).toMatchObject({ bytes: before.bytes, tensors: before.tensors })
})

describe('a model', () => {
  const model = Chain(Dense(3, 4, tanh), Dense(4, 2))
  const input = randn([5, 3])
  const loss = () => model(input).square().mean()

  it('has a jacobian by a parameter, whose rows are gradients', () => {
    const J = jacobian(() => model(input), model[0].weight)
    expect(J.shape).toEqual([5, 2, 4, 3])
    const rows = [0, 1, 2].map(i => gradient(() => model(input).slice([i, 1]), model[0].weight)[0].toArray())
    expect([0, 1, 2].map(i => J.slice([i, 1]).toArray())).toEqual(rows)
  })

  it('has a hessian that is symmetric, a diagonal, and products with vectors', () => {
    const weights = [model[0].weight, model[1].weight] as const
    const blocks = hessian(loss, ...weights)
    const flat = (each: readonly Tensor[]) => concat(each.map(one => one.flatten(0)))
    const H = concat(
      blocks.map((row, i) =>
        concat(
          row.map((each, j) => each.reshape([weights[i].size, weights[j].size])),
          1,
        ),
      ),
    )
    const near = (a: Tensor, b: Tensor) => expect(a.sub(b).abs().max().item()).toBeLessThan(1e-5)
    near(H, H.transpose())
    near(flat(diagonalHessian(loss, ...weights)), H.diag())
    const along = weights.map(each => randn(each.shape)) as [Tensor, Tensor]
    near(flat(hvp(loss, weights, along)), H.matmul(flat(along)))
    const [, dy] = jvp(loss, weights, along)
    near(dy, flat(gradient(loss, ...weights)).dot(flat(along)))
  })

  it('has a penalty of second order in a loss, by jit as without', () => {
    const run = (wrap: typeof jit) => {
      const W = tensor([0.5, -1])
      const penalized = wrap((z: Tensor) =>
        hvp(u => u.mul(z).pow(3).sum(), W, z)
          .square()
          .sum()
          .add(jacobian(u => u.square(), W).sum()),
      )
      return Array.from({ length: 5 }, (_, i) => [trainStep(penalized, params(W), tensor([1, i]), Descent(0.01)), W.toArray()])
    }
    expect(run(jit)).toEqual(run((f => f) as typeof jit))
  })

  it('writes no running values', () => {
    const counted = layer('Counted', { calls: zeros([]) }, (self, z: Tensor) => {
      later(self.calls, old => old.add(1))
      return z.square()
    })
    const at = ones([2])
    const f = (z: Tensor) => counted(z).sum()
    jacobian(z => counted(z), at)
    hessian(f, at)
    diagonalHessian(f, at)
    jvp(f, at, at)
    hvp(f, at, at)
    gradient(z => jacobian(u => counted(u), z).sum(), at)
    expect(counted.calls.item()).toBe(0)
    gradient(f, at)
    expect(counted.calls.item()).toBe(1)
  })
})
