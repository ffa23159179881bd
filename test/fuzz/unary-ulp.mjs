// Every operation of one operand, and its derivatives, on random bit patterns and special values, against PyTorch in double precision: within a few units in the
// last place. `node test/fuzz/unary-ulp.mjs [SEED] [COUNT]`: COUNT runs of 2^18 values each.
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { failed, finish, seeds } from './findings.mjs'
import { F, scratch } from './library.mjs'
import { hasPyTorch, PYTHON } from './python.mjs'
import { Source } from './source.mjs'

const COUNT = 2 ** 18
const NAMES = [
  ...['neg', 'square', 'reciprocal', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'rsqrt', 'abs', 'sign', 'sin', 'cos', 'tan', 'tanh', 'erf'],
  ...['floor', 'ceil', 'round', 'sigmoid', 'softplus', 'relu', 'gelu'],
  ...[
    'celu',
    'elu',
    'geluTanh',
    'hardsigmoid',
    'hardswish',
    'hardtanh',
    'leakyrelu',
    'lisht',
    'logcosh',
    'logsigmoid',
    'mish',
    'relu6',
    'rrelu',
  ],
  ...['selu', 'sigmoidFast', 'softshrink', 'softsign', 'squareplus', 'swish', 'tanhFast', 'tanhshrink', 'trelu'],
  ...['celu:0.5', 'elu:0.5', 'elu:-1', 'leakyrelu:0.2', 'leakyrelu:-1', 'rrelu:0.25:0.25', 'softshrink:0', 'softshrink:3'],
  ...['squareplus:0.01', 'squareplus:100', 'trelu:-0.5', 'trelu:0'],
]
/** A function by its name, and the arguments behind it. */
function named(text) {
  const [name, ...numbers] = text.split(':')
  return x => F[name](x, ...numbers.map(Number))
}
const SPECIAL = [
  ...[
    0,
    -0,
    1,
    -1,
    Infinity,
    -Infinity,
    Number.NaN,
    1e-45,
    -1e-45,
    1.1754942e-38,
    1.17549435e-38,
    -1.17549435e-38,
    3.4028235e38,
    -3.4028235e38,
  ],
  ...[
    88.72283, 88.72284, 88.8, -87.3, -87.4, -103.9, -104, -103.2, 0.5, -0.5, 1.5, 2.5, 8388607.5, 8388608, 16777216, -8388607.5, 2147483648,
  ],
  ...[
    -2147483648,
    4294967296,
    1e10,
    1e30,
    Math.PI,
    Math.PI / 2,
    2 * Math.PI,
    -0.99999994,
    -1.0000001,
    0.99999994,
    20,
    3,
    -3,
    6,
    15,
    17,
    9,
    10,
    -9,
    -17,
    4,
    5.5,
  ],
]

function values(source) {
  const list = new Float32Array(COUNT)
  const words = new Uint32Array(list.buffer)
  for (let i = 0; i < COUNT; i++) {
    if (i % 4 === 0) words[i] = source.next() * 2 ** 32
    else list[i] = (source.next() - 0.5) * [0, 20, 250, 2 * 10 ** -source.int(0, 9)][i % 4]
  }
  list.set(SPECIAL)
  return list
}

hasPyTorch()
for (const seed of seeds()) {
  const file = scratch('ulp')
  F.scope(() => {
    const x = F.tensor(values(new Source(seed)))
    // In training mode the slopes of rrelu are random: that they are is not the business of this program.
    const results = NAMES.flatMap(text => {
      const f = named(text)
      const slope = q => F.gradient(z => (text === 'rrelu' ? F.leakyrelu(z, (1 / 8 + 1 / 3) / 2) : f(z)).sum(), q)[0]
      return [f(x), slope(x), F.gradient(q => slope(q).sum().add(q.sum().mul(0)), x)[0]]
    })
    writeFileSync(file, Buffer.concat([x, ...results].map(each => Buffer.from(each.data().buffer))))
  })
  const { status, stdout, stderr } = spawnSync(PYTHON, [new URL('unary-ulp.py', import.meta.url).pathname, file, String(COUNT), ...NAMES], {
    encoding: 'utf8',
  })
  rmSync(file)
  if (status !== 0) failed(seed, `PyTorch's side ended with ${status}: ${stderr.slice(-500)}`, '')
  for (const line of stdout.split('\n').filter(Boolean)) failed(seed, line, line)
}
finish(F.variant())
