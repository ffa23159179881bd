// Operations against the same formula in float64.
import { close, numbers, ok, same } from '../check.mjs'

/** Each: the formula, where its inputs lie ([-1, 1] by default), and the tolerance. */
const unary = {
  exp: { of: Math.exp, from: -20, to: 10, tolerance: 1e-6 },
  expm1: { of: Math.expm1, from: -3, to: 3 },
  log: { of: Math.log, from: 1e-3, to: 100 },
  log1p: { of: Math.log1p, from: -0.9, to: 10 },
  sqrt: { of: Math.sqrt, from: 0, to: 100 },
  rsqrt: { of: x => 1 / Math.sqrt(x), from: 0.1, to: 100 },
  sin: { of: Math.sin, from: -20, to: 20 },
  cos: { of: Math.cos, from: -20, to: 20 },
  tan: { of: Math.tan, from: -1.2, to: 1.2 },
  tanh: { of: Math.tanh, from: -6, to: 6 },
  erf: { of: erf, from: -3, to: 3 },
  gelu: { of: x => (x / 2) * (1 + erf(x / Math.SQRT2)), from: -4, to: 4 },
  sigmoid: { of: x => 1 / (1 + Math.exp(-x)), from: -30, to: 30 },
  softplus: { of: x => Math.log1p(Math.exp(x)), from: -30, to: 30 },
  relu: { of: x => Math.max(0, x), tolerance: 0 },
  neg: { of: x => -x, tolerance: 0 },
  abs: { of: Math.abs, tolerance: 0 },
  sign: { of: Math.sign, tolerance: 0 },
  square: { of: x => x * x },
  reciprocal: { of: x => 1 / x, from: 0.1, to: 9 },
  floor: { of: Math.floor, from: -9, to: 9, tolerance: 0 },
  ceil: { of: Math.ceil, from: -9, to: 9, tolerance: 0 },
}

const binary = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  pow: (x, y) => x ** y,
  maximum: Math.max,
  minimum: Math.min,
  less: (x, y) => Number(x < y),
  greaterEqual: (x, y) => Number(x >= y),
  equal: (x, y) => Number(x === y),
}

/** Of a list of numbers in float64. */
const reductions = {
  sum: row => row.reduce((a, b) => a + b, 0),
  mean: row => mean(row),
  prod: row => row.reduce((a, b) => a * b, 1),
  max: row => Math.max(...row),
  min: row => Math.min(...row),
  variance: row => mean(row.map(x => (x - mean(row)) ** 2)),
  std: row => Math.sqrt(mean(row.map(x => (x - mean(row)) ** 2))),
  norm: row => Math.sqrt(row.reduce((a, b) => a + b * b, 0)),
  logSumExp: row => Math.log(row.reduce((a, b) => a + Math.exp(b), 0)),
  argMax: row => row.indexOf(Math.max(...row)),
  argMin: row => row.indexOf(Math.min(...row)),
}

const products = [
  [1, 1, 1],
  [3, 5, 7],
  [17, 33, 65],
  [64, 129, 12],
  [130, 70, 9],
]

export const numerics = [
  ...Object.entries(unary).map(([name, { of, from = -1, to = 1, tolerance = 3e-7 }]) => [
    name,
    lib => {
      for (const n of [1, 7, 1000]) {
        const x = numbers(n).map(value => from + ((value + 1) / 2) * (to - from))
        close(lib[name](lib.tensor(x)).data(), Array.from(x, of), 8 * tolerance, `${name} of ${n}`)
      }
    },
  ]),
  ['round', lib => same(lib.round(lib.tensor([0.5, 1.5, -2.5, 2.4])).toArray(), [0, 2, -2, 2], 'half to even')],
  ...Object.entries(binary).map(([name, of]) => [
    name,
    lib => {
      const x = numbers(15, 2).map(value => 1.5 + value)
      const y = numbers(5, 3).map(value => 1.5 + value)
      const wanted = Array.from(x, (value, i) => of(value, y[i % 5]))
      close(lib[name](lib.tensor(x, [3, 5]), lib.tensor(y)).data(), wanted, 2e-6, `${name} broadcast`)
      close(
        lib[name](lib.tensor(y), 2).data(),
        Array.from(y, value => of(value, 2)),
        2e-6,
        `${name} of a number`,
      )
    },
  ]),
  ...Object.entries(reductions).map(([name, of]) => [
    name,
    lib => {
      const [rows, columns] = [9, 131]
      const x = numbers(rows * columns, 4)
      const at = (i, j) => x[i * columns + j]
      const t = lib.tensor(x, [rows, columns])
      const tolerance = name === 'prod' ? 1e-5 : 2e-6
      const down = Array.from({ length: columns }, (_, j) => of(Array.from({ length: rows }, (_, i) => at(i, j))))
      const along = Array.from({ length: rows }, (_, i) => of(Array.from({ length: columns }, (_, j) => at(i, j))))
      close(lib[name](t, 0).data(), down, tolerance, `${name} along axis 0`)
      close(lib[name](t, -1).data(), along, tolerance, `${name} along axis -1`)
      close(lib[name](t).item(), of(Array.from(x)), 1e-5, `${name} of all`)
    },
  ]),
  ...products.map(([m, k, n]) => [
    `matmul ${m}x${k}x${n}`,
    lib => {
      const a = numbers(m * k, 5)
      const b = numbers(k * n, 6)
      const wanted = Array.from({ length: m * n }, (_, at) => {
        let sum = 0
        for (let i = 0; i < k; i++) sum += a[Math.floor(at / n) * k + i] * b[i * n + (at % n)]
        return sum
      })
      const [x, y] = [lib.tensor(a, [m, k]), lib.tensor(b, [k, n])]
      const [xt, yt] = [lib.permute(x, [1, 0]), lib.permute(y, [1, 0])]
      close(x.matmul(y).data(), wanted, 1e-5, 'plain')
      close(xt.transpose().matmul(y).data(), wanted, 1e-5, 'the left one transposed')
      close(x.matmul(yt.transpose()).data(), wanted, 1e-5, 'the right one transposed')
      close(xt.transpose().matmul(yt.transpose()).data(), wanted, 1e-5, 'both transposed')
    },
  ]),
  [
    'softmax and logSoftmax',
    lib => {
      const x = numbers(3 * 21, 7).map(value => 30 * value)
      const rows = [0, 1, 2].map(i => Array.from(x.slice(21 * i, 21 * i + 21)))
      const logs = rows.flatMap(row => row.map(value => value - Math.max(...row) - Math.log(sumOf(row, Math.max(...row)))))
      const t = lib.tensor(x, [3, 21])
      close(t.softmax().data(), logs.map(Math.exp), 2e-6, 'softmax')
      close(t.logSoftmax().data(), logs, 2e-6, 'logSoftmax')
    },
  ],
  [
    'losses',
    lib => {
      const logits = lib.tensor([
        [2, -1, 0.5],
        [0, 3, -2],
      ])
      const rows = logits.toArray()
      const entropy = mean(rows.map((row, i) => Math.log(row.reduce((a, b) => a + Math.exp(b), 0)) - row[[0, 2][i]]))
      const y = lib.tensor(Int32Array.of(0, 2))
      close(lib.logitCrossEntropy(logits, y).item(), entropy, 1e-6, 'classes')
      close(lib.logitCrossEntropy(logits, lib.oneHot(y, 3)).item(), entropy, 1e-6, 'one-hot targets')
      close(lib.mse(logits, 1).item(), mean(rows.flat().map(x => (x - 1) ** 2)), 1e-6, 'mse')
      close(lib.mae(logits, 1).item(), mean(rows.flat().map(x => Math.abs(x - 1))), 1e-6, 'mae')
    },
  ],
  [
    'gather, takeAlong, scatterAdd, oneHot',
    lib => {
      const x = lib.arange(12).reshape([4, 3])
      same(lib.gather(x, lib.tensor(Int32Array.of(3, 0, 3))).toArray(), [[9, 10, 11], [0, 1, 2], [9, 10, 11]], 'gather') // biome-ignore format: a matrix
      same(
        lib
          .takeAlong(x, lib.tensor(Int32Array.of(2, 1, 0, 2), [4, 1]), 1)
          .data()
          .join(),
        '2,4,6,11',
        'takeAlong',
      )
      same(lib.scatterAdd(lib.zeros([3]), lib.tensor(Int32Array.of(1, 1, 2)), lib.ones([3])).toArray(), [0, 2, 1], 'scatterAdd')
      same(
        lib
          .oneHot(lib.tensor(Int32Array.of(1, 0)), 2)
          .data()
          .join(),
        '0,1,1,0',
        'oneHot',
      )
    },
  ],
  [
    'slice, permute, concat, stack, split, where',
    lib => {
      const x = lib.arange(6).reshape([2, 3])
      same(x.slice(':, ::-1').toArray(), [[2, 1, 0], [5, 4, 3]], 'slice') // biome-ignore format: a matrix
      same(x.permute([1, 0]).toArray(), [[0, 3], [1, 4], [2, 5]], 'permute') // biome-ignore format: a matrix
      same(lib.concat([x, x], 1).shape, [2, 6], 'concat')
      same(lib.stack([x, x, x]).shape, [3, 2, 3], 'stack')
      same(lib.split(x, 3, 1).map(part => part.data().join()), ['0,3', '1,4', '2,5'], 'split') // biome-ignore format: one line
      same(lib.where(x.greater(2), x, 0).data().join(), '0,0,0,3,4,5', 'where')
    },
  ],
  [
    'NaN and infinities',
    lib => {
      const x = lib.tensor([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0])
      same(Array.from(lib.isNaN(x).data()), [1, 0, 0, 0], 'isNaN')
      same(Array.from(lib.isFinite(x).data()), [0, 0, 0, 1], 'isFinite')
      ok(Number.isNaN(x.max().item()), 'NaN wins in max')
      same(Array.from(lib.exp(x).data(), String), ['NaN', 'Infinity', '0', '1'], 'exp')
    },
  ],
  [
    'random numbers are the same everywhere',
    async lib => {
      await lib.configure({ deterministic: true })
      lib.manualSeed(7)
      same(lib.randint(0, 1000, [6]).toArray(), [954, 750, 114, 85, 406, 795], 'randint')
      const normal = lib.randn([10_000])
      close([normal.mean().item(), normal.std().item()], [0, 1], 0.03, 'mean and standard deviation of randn')
      await lib.configure({ deterministic: false })
    },
  ],
]

function mean(row) {
  return row.reduce((a, b) => a + b, 0) / row.length
}

function sumOf(row, max) {
  return row.reduce((sum, value) => sum + Math.exp(value - max), 0)
}

/** By its series, which is exact enough up to 4. */
function erf(x) {
  let term = x
  let sum = x
  for (let n = 1; n < 90; n++) {
    term *= (-x * x) / n
    sum += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}
