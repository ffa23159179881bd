import { kindOf, rangeError, refuseSurplus, speaking, typeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { checkTensor, operation } from '../tape/operation.ts'
import { convert } from '../tensor/convert.ts'
import { full, zerosLike } from '../tensor/create.ts'
import { checkDType, type DType } from '../tensor/dtype.ts'
import { broadcastShapes } from '../tensor/shape.ts'
import { ownedAlias, Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Real } from '../wasm/kinds.ts'
import { binary, commonType, comparison, type UnaryKernel, unary } from './elementwise.ts'
import { withTraits } from './epilogue.ts'
import { broadcastTo } from './movement.ts'

const flat = { constant: (g: Tensor) => zerosLike(g) }

/** -x. int32 for integers; throws RangeError where that does not fit.
 * @example tensor([1, -2]).neg().toArray() // [-1, 2] */
export const neg = unary('neg', kernels.neg, { constant: g => neg(g), int: kernels.negI })
/** x². int32 for integers; throws RangeError where that does not fit.
 * @example tensor([1, -3]).square().toArray() // [1, 9] */
export const square = unary('square', kernels.square, { fromInput: (g, x) => mul(g, mul(x, 2)), int: kernels.squareI })
/** The reciprocal 1 / x.
 * @example tensor([2, 4]).reciprocal().toArray() // [0.5, 0.25] */
export const reciprocal = unary('reciprocal', kernels.reciprocal, { fromOutput: (g, y) => neg(mul(g, mul(y, y))) })
/** The exponential eˣ.
 * @example tensor([0, 1]).exp().toArray() // [1, 2.7183] */
export const exp = unary('exp', kernels.exp, { fromOutput: (g, y) => mul(g, y) })
/** eˣ - 1, exact near 0.
 * @example tensor([0, 1]).expm1().toArray() // [0, 1.7183] */
export const expm1 = unary('expm1', kernels.expm1, {
  gradient: kernels.expGradient,
  second: (h, g, x, first) => first(mul(h, g), x),
})
/** The natural logarithm; -Infinity at 0, NaN below.
 * @example tensor([1, Math.E]).log().toArray() // [0, 1] */
export const log = unary('log', kernels.log, { fromInput: (g, x) => div(g, x) })
/** log(1 + x), exact near 0.
 * @example tensor([0, 1]).log1p().toArray() // [0, 0.6931] */
export const log1p = unary('log1p', kernels.log1p, { fromInput: (g, x) => div(g, add(x, 1)) })
/** √x; NaN below 0.
 * @example tensor([1, 4, 9]).sqrt().toArray() // [1, 2, 3] */
export const sqrt = unary('sqrt', kernels.sqrt, { fromOutput: (g, y) => div(g, mul(y, 2)) })
/** The reciprocal of the root, 1 / √x.
 * @example tensor([1, 4]).rsqrt().toArray() // [1, 0.5] */
export const rsqrt = unary('rsqrt', kernels.rsqrt, { fromOutput: (g, y) => mul(g, mul(mul(y, y), mul(y, -0.5))) })
/** |x|; derivative 0 at 0, as PyTorch. int32 for integers; throws RangeError where that does not fit.
 * @example tensor([-2, 3]).abs().toArray() // [2, 3] */
export const abs = unary('abs', kernels.abs, { fromInput: (g, x) => mul(g, sign(x)), int: kernels.absI })
/** The sign: -1, 0 or 1. int32 for integers.
 * @example tensor([-2, 0, 3]).sign().toArray() // [-1, 0, 1] */
export const sign = unary('sign', kernels.sign, { ...flat, int: (x, out, _, count) => kernels.signI(x, out, count) })
/** The sine of x in radians.
 * @example tensor([0, Math.PI / 2]).sin().toArray() // [0, 1] */
export const sin = unary('sin', kernels.sin, { fromInput: (g, x) => mul(g, cos(x)) })
/** The cosine of x in radians.
 * @example tensor([0, Math.PI]).cos().toArray() // [1, -1] */
export const cos = unary('cos', kernels.cos, { fromInput: (g, x) => neg(mul(g, sin(x))) })
/** The tangent of x in radians.
 * @example tensor([0, 1]).tan().toArray() // [0, 1.5574] */
export const tan = unary('tan', kernels.tan, { fromOutput: (g, y) => mul(g, add(mul(y, y), 1)) })
/** The hyperbolic tangent.
 * @example tensor([0, 1]).tanh().toArray() // [0, 0.7616] */
export const tanh = unary('tanh', kernels.tanh, {
  // From the input, as all by kernels: the output has lost 1 + y near -1, 1 - y near 1, and x² is rounded where e^(-x²) feels it.
  gradient: kernels.tanhGradient,
  second: (h, g, x, first) => mul(first(mul(h, g), x), mul(tanh(x), -2)),
  slope: kernels.tanhSlope,
  fromSlope: (g, slope) => mul(g, slope),
})
/** The error function 2/√π ∫₀ˣ e^(-t²) dt.
 * @example tensor([0, 1]).erf().toArray() // [0, 0.8427] */
export const erf = unary('erf', kernels.erf, {
  gradient: kernels.erfGradient,
  second: (h, g, x, first) => mul(first(mul(h, g), x), mul(x, -2)),
})
/** The largest whole number not above x; derivative 0.
 * @example tensor([1.5, -1.5]).floor().toArray() // [1, -2] */
export const floor = unary('floor', kernels.floor, flat)
/** The smallest whole number not below x; derivative 0.
 * @example tensor([1.5, -1.5]).ceil().toArray() // [2, -1] */
export const ceil = unary('ceil', kernels.ceil, flat)
/** The nearest whole number, half to even; derivative 0.
 * @example tensor([0.5, 1.5, 2.5]).round().toArray() // [0, 2, 2] */
export const round = unary('round', kernels.round, flat)

const runStop = operation({
  name: 'stopGradient',
  types: ([dtype]) => ({ output: dtype }),
  shape: ([shape]) => shape,
  view: (x, shape) => ownedAlias(x, shape),
})
/** The same values in the same shape, but a constant for every gradient (Zygote's `ignore_derivatives`, PyTorch's `detach`). Shares memory.
 * @example gradient(x => x.mul(x.stopGradient()), 3)[0].item() // 3 */
export function stopGradient(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('stopGradient', 1, arguments)
  return runStop([x], undefined)
}
/** x, unchanged: the activation of a layer that has none, and an `agg` that leaves a loss unreduced.
 * @example identity(tensor([1, 2])).toArray() // [1, 2] */
export const identity = /* @__PURE__ */ withTraits(
  function identity(x: Tensor): Tensor {
    if (arguments.length > 1) refuseSurplus('identity', 1, arguments)
    return x
  },
  { epilogue: { number: 0 } },
)

/** What arithmetic takes: a tensor, or a number for all elements. */
export type Operand = Tensor | number

/** x + y. Either may be a number; shapes broadcast, or it throws ShapeError. Throws RangeError for integers whose sum does not fit.
 * @example tensor([[1], [2]]).add(tensor([10, 20])).toArray() // [[11, 21], [12, 22]] */
export const add = binary('add', kernels.add, { left: g => g, right: g => g, saves: 'nothing', int: kernels.addI })
/** x - y. Either may be a number; shapes broadcast, or it throws ShapeError. Throws RangeError for integers whose difference does not fit.
 * @example sub(1, tensor([1, 2])).toArray() // [0, -1] */
export const sub = binary('sub', kernels.sub, { left: g => g, right: g => neg(g), saves: 'nothing', int: kernels.subI })
/** x y, element by element. Either may be a number; shapes broadcast, or it throws ShapeError. Throws RangeError for integers whose product
 * does not fit.
 * @example tensor([1, 2]).mul(tensor([3, 4])).toArray() // [3, 8] */
export const mul = binary('mul', kernels.mul, {
  left: (g, _, y) => mul(g, y),
  right: (g, x) => mul(g, x),
  saves: 'operands',
  int: kernels.mulI,
})
/** x / y, always float32. Either may be a number; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2]).div(2).toArray() // [0.5, 1] */
export const div = binary('div', kernels.div, {
  left: (g, _, y) => div(g, y),
  right: (g, x, y) => neg(mul(g, div(div(x, y), y))),
  saves: 'operands',
})
/**
 * x to the power of y. Either may be a number; shapes broadcast, or it throws ShapeError. By y the derivative is 0 where x is 0 and y is
 * not negative.
 * @example tensor([1, 2, 3]).pow(2).toArray() // [1, 4, 9]
 */
export const pow = binary('pow', kernels.pow, {
  // Where the formula has no value, another operand stands in inside it, not a `where` around it: a derivative of that would be 0 · ∞.
  left: (g, x, y) => mul(g, powSlope(x, y)),
  right: (g, x, y, result) => {
    if (typeof x === 'number' && x !== 0) return mul(g, mul(result, log(full([], x))))
    const flat = typeof x === 'number' ? greaterEqual(y, 0) : logicalAnd(equal(x, 0), greaterEqual(y, 0))
    return mul(g, mul(result, log(where(flat, 1, x))))
  },
  saves: 'operands and result',
})
/** y xʸ⁻¹, 0 where y is 0: of which the power alone may be no float32. */
const powSlope: (x: Operand, y: Operand) => Tensor = binary('powSlope', kernels.powSlope, {
  left: (g, x, y) => {
    if (typeof y === 'number') return y === 0 ? zerosLike(g) : mul(g, mul(powSlope(x, y - 1), y))
    return mul(g, mul(y, powSlope(x, where(equal(y, 0), 1, sub(y, 1)))))
  },
  right: (g, x, y) => {
    const [base, less] = [typeof x === 'number' ? full([], x) : x, typeof y === 'number' ? full([], y - 1) : sub(y, 1)]
    const isZero = equal(base, 0)
    const power = pow(base, where(logicalAnd(equal(less, -1), isZero), 1, less))
    const flat = logicalAnd(isZero, greaterEqual(less, 0))
    return mul(g, add(power, mul(y, mul(power, log(where(flat, 1, base))))))
  },
  saves: 'operands',
})
/**
 * The larger of x and y; NaN wins. Where they are equal, each gets half of the gradient, as in PyTorch. Shapes broadcast, or it throws
 * ShapeError.
 * @example tensor([1, 5]).maximum(3).toArray() // [3, 5]
 */
export const maximum = binary('maximum', kernels.maximum, {
  left: (g, x, y) => mul(g, preference(x, y)),
  right: (g, x, y) => mul(g, preference(y, x)),
  saves: 'operands',
  int: (x, y, out, layout, _, count) => kernels.maximumI(x, y, out, layout, count),
})
/**
 * The smaller of x and y; NaN wins. Where they are equal, each gets half of the gradient, as in PyTorch. Shapes broadcast, or it throws
 * ShapeError.
 * @example tensor([1, 5]).minimum(3).toArray() // [1, 3]
 */
export const minimum = binary('minimum', kernels.minimum, {
  left: (g, x, y) => mul(g, preference(y, x)),
  right: (g, x, y) => mul(g, preference(x, y)),
  saves: 'operands',
  int: (x, y, out, layout, _, count) => kernels.minimumI(x, y, out, layout, count),
})

/** 1 where x is larger, a half where they are equal, else 0. */
function preference(x: Operand, y: Operand): Tensor {
  return mul(add(cast(greater(x, y), 'float32'), cast(greaterEqual(x, y), 'float32')), 0.5)
}

/** x == y as bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2]).equal(2).toArray() // [false, true] */
export const equal = comparison('equal', kernels.equal, kernels.equalI)
/** x != y as bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2]).notEqual(2).toArray() // [true, false] */
export const notEqual = comparison('notEqual', kernels.notEqual, kernels.notEqualI)
/** x < y as bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2]).less(2).toArray() // [true, false] */
export const less = comparison('less', kernels.less, kernels.lessI)
/** x <= y as bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2, 3]).lessEqual(2).toArray() // [true, true, false] */
export const lessEqual = comparison('lessEqual', kernels.lessEqual, kernels.lessEqualI)
/** x > y as bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2, 3]).greater(2).toArray() // [false, false, true] */
export const greater = /* @__PURE__ */ turned('greater', less)
/** x >= y as bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 2, 3]).greaterEqual(2).toArray() // [false, true, true] */
export const greaterEqual = /* @__PURE__ */ turned('greaterEqual', lessEqual)
/** Are both not 0? bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([1, 1]).logicalAnd(tensor([0, 2])).toArray() // [false, true] */
export const logicalAnd = /* @__PURE__ */ ofTruths('logicalAnd', mul)
/** Is either not 0? bool; shapes broadcast, or it throws ShapeError.
 * @example tensor([0, 1]).logicalOr(tensor([0, 0])).toArray() // [false, true] */
export const logicalOr = /* @__PURE__ */ ofTruths('logicalOr', add)
/** Is x 0? bool.
 * @example tensor([0, 2]).logicalNot().toArray() // [true, false] */
export function logicalNot(x: Tensor): Tensor {
  if (arguments.length > 1) refuseSurplus('logicalNot', 1, arguments)
  checkTensor('logicalNot', x)
  return equal(x, 0)
}

/** A comparison the other way round, which refuses its operands in its own name. */
function turned(name: string, compare: (x: Operand, y: Operand) => Tensor): (x: Operand, y: Operand) => Tensor {
  return composed(name, 2, (x: Operand, y: Operand) => {
    if (typeof x !== 'number') checkTensor(name, x)
    if (typeof x === 'number' || typeof y !== 'number') checkTensor(name, y as Tensor)
    if (typeof x !== 'number' && typeof y !== 'number') broadcastShapes(name, x.dims, y.dims)
    return compare(y, x)
  })
}

/** Whether two truths, as 0 and 1, come to anything. */
function ofTruths(name: string, join: (x: Tensor, y: Tensor) => Tensor): (x: Tensor, y: Tensor) => Tensor {
  const asInt = (x: Tensor) => cast(cast(x, 'bool'), 'int32')
  return composed(name, 2, (x: Tensor, y: Tensor) => {
    checkTensor(name, x)
    checkTensor(name, y)
    broadcastShapes(name, x.dims, y.dims)
    return notEqual(join(asInt(x), asInt(y)), 0)
  })
}

const test = (name: string, kernel: UnaryKernel) => {
  const run = operation({
    name,
    types: () => ({ inputs: 'float32', output: 'bool' }),
    shape: ([shape]) => shape,
    forward: (y, [x]) => kernel(x.pointer, y.pointer, y.count),
  })
  return function (x: Tensor): Tensor {
    if (arguments.length > 1) refuseSurplus(name, 1, arguments)
    return run([x], undefined)
  }
}
/** Where x is NaN, as bool.
 * @example tensor([1, Number.NaN]).isNaN().toArray() // [false, true] */
export const isNaN = test('isNaN', kernels.isNaN)
/** Where x is neither NaN nor infinite, as bool.
 * @example tensor([1, 1 / 0]).isFinite().toArray() // [true, false] */
export const isFinite = test('isFinite', kernels.isFinite)

const runClamp = operation<{ low: number; high: number }, { x: Tensor }>({
  name: 'clamp',
  shape: ([shape]) => shape,
  forward: (y, [x], { low, high }) => kernels.clamp(x.pointer, y.pointer, low as Real, high as Real, y.count),
  save: (_, [x]) => ({ x }),
  pullback: [(g, { x }, bounds) => mul(g, runClampMask([x], bounds))],
})
const runClampMask = operation<{ low: number; high: number }>({
  name: 'clampMask',
  shape: ([shape]) => shape,
  forward: (y, [x], { low, high }) => kernels.clampMask(x.pointer, y.pointer, low as Real, high as Real, y.count),
})

/**
 * x kept between `low` and `high`; keeps NaN. The derivative is 1 from bound to bound, both included. Throws RangeError for low > high,
 * TypeError for what is no number.
 * @example tensor([-2, 0.5, 2]).clamp(-1, 1).toArray() // [-1, 0.5, 1] */
export const clamp = /* @__PURE__ */ composed(
  'clamp',
  3,
  function clamp(x: Tensor, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY): Tensor {
    checkTensor('clamp', x)
    if (typeof low !== 'number' || typeof high !== 'number')
      throw typeError('clamp', 'low and high are numbers', `${kindOf(low)}, ${kindOf(high)}`)
    if (!(low <= high)) throw rangeError('clamp', 'low must not be above high', `${low}, ${high}`)
    if (x.type === 'float32') return runClamp([x], { low, high })
    return speaking('clamp', () => {
      const above = low <= -(2 ** 31) ? cast(x, 'int32') : maximum(x, low)
      return high >= 2 ** 31 - 1 ? above : minimum(above, high)
    })
  },
)

const runSelect = operation<undefined, { condition: Tensor }>({
  name: 'where',
  types: dtypes => ({ output: dtypes[1] }),
  shape: ([, shape]) => shape,
  forward: (out, [condition, x, y]) => kernels.select(condition.pointer, x.pointer, y.pointer, out.pointer, out.count),
  save: (_, [condition]) => ({ condition }),
  pullback: [null, (g, { condition }) => where(condition, g, 0), (g, { condition }) => where(condition, 0, g)],
})

/**
 * x where the condition is true (not 0), y elsewhere; shapes broadcast, or it throws ShapeError; x and y may be numbers. int32 if both are
 * integers.
 * @example where(tensor([true, false]), tensor([1, 2]), 0).toArray() // [1, 0]
 */
export const where = /* @__PURE__ */ composed('where', 3, function where(condition: Tensor, x: Operand, y: Operand): Tensor {
  checkTensor('where', condition)
  for (const each of [x, y]) if (typeof each !== 'number') checkTensor('where', each)
  const dtypes = [x, y].flatMap(each => (each instanceof Tensor ? [each.type] : []))
  const number = [x, y].find(each => typeof each === 'number')
  const type = dtypes.length === 0 ? 'float32' : commonType('where', dtypes, number)
  const [a, b] = [x, y].map(each => (typeof each === 'number' ? full([], each, { dtype: type }) : cast(each, type)))
  const shape = broadcastShapes('where', condition.dims, broadcastShapes('where', a.dims, b.dims))
  return runSelect([broadcastTo(cast(condition, 'bool'), shape), broadcastTo(a, shape), broadcastTo(b, shape)], undefined)
})

const runCast = operation<{ dtype: DType }>({
  name: 'cast',
  types: (_, { dtype }) => ({ output: dtype }),
  shape: ([shape]) => shape,
  forward: (y, [x]) => convert(x, y, 'cast'),
})

/**
 * x in another dtype, x itself if it has it. To integers towards zero, to bool: not zero. Throws RangeError for what does not fit (NaN, 300
 * into uint8), DTypeError for an unknown dtype.
 * @example tensor([1.9, -1.9]).cast('int32').toArray() // [1, -1]
 */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (arguments.length > 2) refuseSurplus('cast', 2, arguments)
  checkTensor('cast', x)
  checkDType('cast', dtype)
  return x.type === dtype ? x : runCast([x], { dtype })
}
