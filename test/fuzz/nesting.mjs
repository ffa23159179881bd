// Nested gradients with closures, in all forms, against dual numbers with tags in double precision.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

let source

/** ['var', i] | ['const', c] | [operation, ...] | ['D', form, body with one more variable, argument] | ['let', value, body with one more variable]. */
function expression(variables, depth, nest) {
  if (depth <= 0) return source.chance(0.8) ? ['var', source.int(0, variables - 1)] : ['const', source.pick([0.5, -1, 2, 1.5])]
  const inner = () => expression(variables, depth - 1, nest)
  const kind = source.next()
  if (kind < 0.22 && nest > 0) {
    const form = source.pick(['explicit', 'implicit', 'pullback', 'with', 'two'])
    return ['D', form, expression(variables + 1, depth - 1, nest - 1), expression(variables, depth - 2, nest - 1)]
  }
  if (kind < 0.3) return ['let', inner(), expression(variables + 1, depth - 1, nest)]
  if (kind < 0.35) return ['stop', inner()]
  if (kind < 0.6) return ['mul', inner(), inner()]
  if (kind < 0.8) return ['add', inner(), inner()]
  if (kind < 0.84) return ['custom', inner()]
  return [source.pick(['sin', 'tanh', 'cos', 'sigmoid', 'square', 'relu', 'gelu', 'softplus', 'scope']), inner()]
}

/** A number of the level `tag` with its derivative there. */
class Dual {
  constructor(tag, value, slope) {
    this.tag = tag
    this.value = value
    this.slope = slope
  }
}
let tags = 0
const tagOf = x => (x instanceof Dual ? x.tag : 0)
const valueAt = (x, tag) => (tagOf(x) === tag ? x.value : x)
const slopeAt = (x, tag) => (tagOf(x) === tag ? x.slope : 0)
const plain = x => (x instanceof Dual ? plain(x.value) : x)

function add(a, b) {
  const tag = Math.max(tagOf(a), tagOf(b))
  return tag === 0 ? a + b : new Dual(tag, add(valueAt(a, tag), valueAt(b, tag)), add(slopeAt(a, tag), slopeAt(b, tag)))
}

function mul(a, b) {
  const tag = Math.max(tagOf(a), tagOf(b))
  if (tag === 0) return a * b
  const [x, y] = [valueAt(a, tag), valueAt(b, tag)]
  return new Dual(tag, mul(x, y), add(mul(x, slopeAt(b, tag)), mul(slopeAt(a, tag), y)))
}

function unary(f, slope) {
  return function lifted(x) {
    return tagOf(x) === 0 ? f(x) : new Dual(x.tag, lifted(x.value), mul(slope(x.value), x.slope))
  }
}

/** The series, and beyond 2, where its terms cancel, the continued fraction. */
function erf(x) {
  if (Math.abs(x) > 2) {
    let fraction = 0
    for (let k = 60; k > 0; k--) fraction = k / 2 / (Math.abs(x) + fraction)
    return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction))
  }
  let [term, sum] = [x, x]
  for (let k = 1; k < 60; k++) {
    term *= (-x * x) / k
    sum += term / (2 * k + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

const sin = unary(Math.sin, x => cos(x))
const cos = unary(Math.cos, x => mul(-1, sin(x)))
const exp = unary(Math.exp, x => exp(x))
const tanh = unary(Math.tanh, x => add(1, mul(-1, mul(tanh(x), tanh(x)))))
const sigmoid = unary(
  x => 1 / (1 + Math.exp(-x)),
  x => mul(sigmoid(x), add(1, mul(-1, sigmoid(x)))),
)
const softplus = unary(
  x => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  x => sigmoid(x),
)
const isPositive = unary(
  x => Number(x > 0),
  () => 0,
)
const relu = unary(
  x => Math.max(x, 0),
  x => isPositive(x),
)
const normalBelow = unary(
  x => 0.5 * (1 + erf(x / Math.SQRT2)),
  x => mul(1 / Math.sqrt(2 * Math.PI), exp(mul(-0.5, mul(x, x)))),
)
const functions = { sin, cos, tanh, sigmoid, softplus, relu, square: x => mul(x, x), gelu: x => mul(x, normalBelow(x)), scope: x => x }

function byDuals(e, variables) {
  const [kind, ...rest] = e
  const part = i => byDuals(rest[i], variables)
  if (kind === 'var') return variables[rest[0]]
  if (kind === 'const') return rest[0]
  if (kind === 'add') return add(part(0), part(1))
  if (kind === 'mul') return mul(part(0), part(1))
  if (kind === 'stop') return plain(part(0))
  if (kind === 'custom') return sin(part(0))
  if (kind === 'let') return byDuals(rest[1], [...variables, part(0)])
  if (kind !== 'D') return functions[kind](part(0))
  const argument = part(2)
  const tag = ++tags
  return slopeAt(byDuals(rest[1], [...variables, new Dual(tag, argument, 1)]), tag)
}

const custom = F.customGradient(
  x => x.sin(),
  (g, [x]) => g.mul(x.cos()),
)

function byTape(e, variables) {
  const [kind, ...rest] = e
  const part = i => byTape(rest[i], variables)
  if (kind === 'var') return variables[rest[0]]
  if (kind === 'const') return F.tensor(rest[0])
  if (kind === 'add') return part(0).add(part(1))
  if (kind === 'mul') return part(0).mul(part(1))
  if (kind === 'stop') return part(0).stopGradient()
  if (kind === 'custom') return custom(part(0))
  if (kind === 'let') return byTape(rest[1], [...variables, part(0)])
  if (kind === 'scope') return F.scope(() => part(0))
  return kind === 'D' ? derivative(rest[0], v => byTape(rest[1], [...variables, v]), part(2)) : part(0)[kind]()
}

function derivative(form, f, argument) {
  // A handle of its own: a gradient goes by identity, and the argument may be closed over elsewhere.
  const x = argument.mul(1)
  if (form === 'explicit') return F.gradient(f, x)[0]
  if (form === 'with') return F.withGradient(v => [f(v), v.mul(2)], x).gradient[0]
  if (form === 'two') return F.gradient((v, w) => f(v).add(w.mul(0)), x, F.tensor(3))[0]
  if (form === 'implicit') return F.gradient(() => f(x), F.params(x)).get(x) ?? F.tensor(0)
  return F.pullback(f, x)[1]()[0]
}

for (const seed of seeds()) {
  source = new Source(seed)
  const program = ['D', source.pick(['explicit', 'implicit', 'pullback']), expression(2, source.int(4, 6), 3), ['var', 0]]
  const x = source.pick([0.3, -0.7, 1.1])
  tags = 0
  const expected = plain(byDuals(program, [x]))
  if (!(Math.abs(expected) <= 1e6)) continue
  // How much the last bit of x matters: to the sine of a large number, very much.
  const moved = Math.abs(plain(byDuals(program, [x * (1 + 2 ** -23)])) - expected)
  const { tensors } = F.memory()
  try {
    const got = F.scope(() => byTape(program, [F.tensor(x)]).item())
    if (!(Math.abs(got - expected) <= 2e-4 * Math.max(1, Math.abs(expected)) + 20 * moved))
      failed(seed, `${got} came, ${expected} is right, at ${x}`, program)
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 3).join(' '), program)
  }
  if (F.memory().tensors !== tensors) failed(seed, `${F.memory().tensors - tensors} tensors are left`, program)
}
finish()
