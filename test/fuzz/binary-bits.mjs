// Operations of two operands on all pairs of special values and on random ones: the bits of a result rounded once (pow: within two units in the last place), and
// integers at the ends of their range.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

const SPECIAL = [
  ...[
    0,
    -0,
    1,
    -1,
    2,
    -2,
    0.5,
    -0.5,
    3,
    -3,
    1.5,
    -1.5,
    Infinity,
    -Infinity,
    Number.NaN,
    1e-45,
    -1e-45,
    1.17549435e-38,
    3.4028235e38,
    -3.4028235e38,
  ],
  ...[
    1e10, -1e10, 16777215, 16777216, -16777215, 33554432, 2147483648, 1e-10, 0.99999994, 1.0000001, 100, -101, 127, 128, 149, 150, -149,
    -150,
  ],
].map(Math.fround)
const WHOLE = [0, 1, -1, 2147483647, -2147483648, 46341, -46341, 65536, 123456789, -7, 7, 3]

const floats = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
  maximum: (x, y) => (Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : Math.max(x, y)),
  minimum: (x, y) => (Number.isNaN(x) || Number.isNaN(y) ? Number.NaN : Math.min(x, y)),
  // IEEE's pow, which JavaScript's is not at 1 and infinity.
  pow: (x, y) => (x === 1 || y === 0 || (Math.abs(x) === 1 && Math.abs(y) === Infinity) ? 1 : x ** y),
  less: (x, y) => Number(x < y),
  lessEqual: (x, y) => Number(x <= y),
  greater: (x, y) => Number(x > y),
  greaterEqual: (x, y) => Number(x >= y),
  equal: (x, y) => Number(x === y),
  notEqual: (x, y) => Number(x !== y),
}
const { div: _, pow: __, ...whole } = floats
const unary = { neg: x => -x, abs: Math.abs, square: x => x * x, sign: Math.sign }

function isRight(name, got, exact) {
  const rounded = Math.fround(exact)
  if (name !== 'pow' || !Number.isFinite(rounded) || rounded === 0)
    return Object.is(got, rounded) || (Number.isNaN(got) && Number.isNaN(rounded))
  const unit = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(exact), 2 ** -126))) - 23)
  return Math.abs(got - exact) <= 2 * unit
}

/** Fits, and is right; or does not fit, and is refused. */
function checkWhole(seed, what, compute, exact) {
  const fits = exact >= -(2 ** 31) && exact < 2 ** 31
  try {
    const got = F.scope(() => compute().item())
    if (!fits || got !== exact) failed(seed, `${what} is ${got} instead of ${fits ? exact : 'a RangeError'}`, what)
  } catch (error) {
    if (fits || !(error instanceof RangeError)) failed(seed, `${what}: ${error.message}`, what)
  }
}

function checkIntegers(seed) {
  const int = value => F.tensor([value], { dtype: 'int32' })
  for (const x of WHOLE) {
    for (const [name, f] of Object.entries(unary)) checkWhole(seed, `${name}(${x})`, () => F[name](int(x)), f(x) + 0)
    for (const y of WHOLE) {
      for (const [name, f] of Object.entries(whole)) {
        checkWhole(seed, `${name}(${x}, ${y})`, () => F[name](int(x), int(y)), f(x, y) + 0)
        checkWhole(seed, `${name}(${x}, number ${y})`, () => F[name](int(x), y), f(x, y) + 0)
        checkWhole(seed, `${name}(number ${x}, ${y})`, () => F[name](x, int(y)), f(x, y) + 0)
      }
    }
  }
}

const word = new Uint32Array(1)
const bits = new Float32Array(word.buffer)
for (const seed of seeds()) {
  const source = new Source(seed)
  const pattern = () => {
    word[0] = source.next() * 2 ** 32
    return bits[0]
  }
  const pairs = SPECIAL.flatMap(x => SPECIAL.map(y => [x, y]))
  for (let i = 0; i < 50_000; i++) {
    pairs.push([i % 2 ? pattern() : Math.fround(10 * source.next()), i % 3 ? Math.fround(40 * source.next() - 20) : pattern()])
  }
  F.scope(() => {
    const [a, b] = [0, 1].map(k => F.tensor(Float32Array.from(pairs, pair => pair[k])))
    for (const [name, exact] of Object.entries(floats)) {
      const result = F[name](a, b).data()
      pairs.forEach(([x, y], i) => {
        if (!isRight(name, result[i], exact(x, y))) failed(seed, `${name} is ${result[i]} instead of ${exact(x, y)}`, `${name}(${x}, ${y})`)
      })
    }
  })
  if (seed % 50 === 1) checkIntegers(seed)
}
finish()
