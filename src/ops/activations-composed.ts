// Activations that are made of other operations: the formula and, where its operations would cancel or overflow, the derivative.
import { rangeError, ShapeError } from '../errors.ts'
import { composed } from '../tape/composed.ts'
import { unrecorded } from '../tape/level.ts'
import { isTraining } from '../tape/mode.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { rand } from '../tensor/random.ts'
import { resolveAxis, show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { leakyrelu, relu, relu6, sigmoid } from './activations.ts'
import { numbersOf } from './elementwise.ts'
import { withTraits } from './epilogue.ts'
import {
  abs,
  add,
  cast,
  clamp,
  div,
  expm1,
  greater,
  less,
  lessEqual,
  log1p,
  maximum,
  minimum,
  mul,
  neg,
  sqrt,
  square,
  sub,
  tanh,
  where,
} from './pointwise.ts'
import { sigmoidGradient } from './sigmoid-slope.ts'
import { split } from './slicing.ts'

type Numbers = readonly number[]
type Value = (x: Tensor, ...numbers: Numbers) => Tensor
/** g f'(x) */
type Slope = (g: Tensor, x: Tensor, ...numbers: Numbers) => Tensor

type Formula = (x: Tensor, ...numbers: (number | undefined)[]) => Tensor

/** A function of each element; its derivative is that of its operations, or `slope`. */
function formula(name: string, value: Value, slope?: Slope, numbers: Readonly<Record<string, number>> = {}): Formula {
  const run: Run<Numbers> = slope
    ? operation<Numbers, { x: Tensor }>({
        name,
        shape: ([shape]) => shape,
        view: (x, _, given) => unrecorded(() => value(x, ...given)),
        save: (_, [x]) => ({ x }),
        pullback: [(g, { x }, given) => slope(g, x, ...given)],
      })
    : ([x], given) => value(cast(x, 'float32'), ...given)
  return composed(name, Number.POSITIVE_INFINITY, (x: Tensor, ...given: (number | undefined)[]): Tensor => {
    checkTensor(name, x)
    return run([x], numbersOf(name, numbers, x, given))
  })
}

/** (x + 3) / 6, kept between 0 and 1 (Courbariaux, Bengio & David 2015, as PyTorch has it); keeps NaN. Derivative 0 at -3 and 3.
 * @example tensor([-4, 0, 1.5]).hardsigmoid().toArray() // [0, 0.5, 0.75] */
export const hardsigmoid: (x: Tensor) => Tensor = /* @__PURE__ */ formula('hardsigmoid', x => div(relu6(add(x, 3)), 6))
/** x times `hardsigmoid` of x (Howard et al. 2019). Derivative -1/2 at -3, 3/2 at 3.
 * @example tensor([-4, 0.6, 4]).hardswish().toArray() // [0, 0.36, 4] */
export const hardswish: (x: Tensor) => Tensor = /* @__PURE__ */ formula(
  'hardswish',
  x => mul(maximum(x, -3), div(relu6(add(x, 3)), 6)),
  (g, x) => mul(g, where(greater(x, 3), 1, where(less(x, -3), 0, add(div(x, 3), 0.5)))),
)
/** x tanh(x) (Roy et al. 2019).
 * @example tensor([-1, 0, 2]).lisht().toArray() // [0.7616, 0, 1.9281] */
export const lisht: (x: Tensor) => Tensor = /* @__PURE__ */ formula(
  'lisht',
  x => mul(x, tanh(x)),
  (g, x) => {
    // 1 - tanh² x is 4 σ'(2x), without cancellation.
    const c = clamp(x, -99, 99)
    return add(mul(g, tanh(x)), mul(sigmoidGradient(mul(g, c), mul(c, 2), []), 4))
  },
)
/** log(cosh x), exact near 0 and without overflow. Derivative tanh x.
 * @example tensor([0, 1]).logcosh().toArray() // [0, 0.4338] */
export const logcosh: (x: Tensor) => Tensor = /* @__PURE__ */ formula(
  'logcosh',
  x => {
    // cosh a - 1 = (eᵃ - 1) (1 - e⁻ᵃ) / 2; from 20 on the slope is 1.
    const a = abs(x)
    const c = minimum(a, 20)
    return add(log1p(mul(mul(expm1(c), expm1(neg(c))), -0.5)), sub(a, c))
  },
  (g, x) => mul(g, tanh(x)),
)
/**
 * `leakyrelu` with a slope of its own below 0 for each element: in training mode drawn anew from [lo, hi) (1/8 and 1/3), else their mean, as in PyTorch
 * (Xu et al. 2015). Throws TypeError for what is no number, RangeError for one that is not finite and for a lo above hi.
 * @example tensor([-48, 2]).rrelu().toArray() // [-11, 2]
 */
export const rrelu: (x: Tensor, lo?: number, hi?: number) => Tensor = /* @__PURE__ */ formula(
  'rrelu',
  (x, low, high) => {
    if (low > high) throw rangeError('rrelu', 'lo must not be above hi', `${low}, ${high}`)
    return isTraining() ? where(greater(x, 0), x, mul(x, rand(x.dims, { low, high }))) : leakyrelu(x, (low + high) / 2)
  },
  undefined,
  { lo: 1 / 8, hi: 1 / 3 },
)
/** x moved towards 0 by λ (0.5), and 0 where |x| ≤ λ (Donoho 1995); keeps NaN. Throws TypeError for a lambda that is no number, RangeError for one that is negative or
 * not finite.
 * @example tensor([-2, 0.3, 2]).softshrink().toArray() // [-1.5, 0, 1.5] */
export const softshrink: (x: Tensor, lambda?: number) => Tensor = /* @__PURE__ */ formula(
  'softshrink',
  (x, lambda) => {
    if (lambda < 0) throw rangeError('softshrink', 'lambda must not be negative', lambda)
    return sub(x, clamp(x, -lambda, lambda))
  },
  undefined,
  { lambda: 0.5 },
)
/** x / (1 + |x|) (Turian, Bergstra & Bengio 2009).
 * @example tensor([-3, 0, 1]).softsign().toArray() // [-0.75, 0, 0.5] */
export const softsign: (x: Tensor) => Tensor = /* @__PURE__ */ formula(
  'softsign',
  x => {
    const c = clamp(x, -1e30, 1e30)
    return div(c, add(abs(c), 1))
  },
  (g, x) => div(g, square(add(abs(x), 1))),
)
/** (x + √(x² + b)) / 2, b = 4 (Barron 2021, equation 1), without cancellation. Throws TypeError for a b that is no number, RangeError for one that is not
 * positive.
 * @example tensor([-1.5, 0, 1.5]).squareplus().toArray() // [0.5, 1, 2] */
export const squareplus: (x: Tensor, b?: number) => Tensor = /* @__PURE__ */ formula(
  'squareplus',
  (x, b) => {
    if (b <= 0) throw rangeError('squareplus', 'b must be positive', b, 'With 0 it would be relu(x).')
    // Far out the root is |x|, and the square would be infinite.
    const a = abs(x)
    const root = maximum(sqrt(add(square(minimum(a, 1e18)), b)), a)
    return add(relu(x), div(b / 2, add(root, a)))
  },
  (g, x, b) => {
    const c = clamp(x, -1e18, 1e18)
    return mul(g, div(squareplus(c, b), sqrt(add(square(c), b))))
  },
  { b: 4 },
)
/** x - tanh(x), exact near 0. Derivative tanh² x.
 * @example tensor([0, 1]).tanhshrink().toArray() // [0, 0.2384] */
export const tanhshrink: (x: Tensor) => Tensor = /* @__PURE__ */ formula(
  'tanhshrink',
  x => {
    // Near 0 by the continued fraction of tanh.
    const s = square(x)
    const q = [9, 7, 5, 3].reduce<Tensor>((rest, n) => add(div(s, rest), n), add(s, 11))
    const near = mul(x, div(s, add(s, q)))
    return where(less(abs(x), 1), near, sub(x, tanh(x)))
  },
  (g, x) => mul(g, square(tanh(x))),
)
/** x where x > θ (1), else 0 (Konda, Memisevic & Krueger 2014); keeps NaN. Derivative 0 at θ. Throws TypeError for a theta that is no number, RangeError for one that
 * is not finite.
 * @example tensor([0.5, 1, 2]).trelu().toArray() // [0, 0, 2] */
export const trelu: (x: Tensor, theta?: number) => Tensor = /* @__PURE__ */ formula(
  'trelu',
  (x, theta) => where(lessEqual(x, theta), 0, x),
  undefined,
  {
    theta: 1,
  },
)
/** `sigmoid` itself, which is as fast; Flux has an approximation by this name.
 * @example tensor([0, 1]).sigmoidFast().toArray() // [0.5, 0.7311] */
export const sigmoidFast: (x: Tensor) => Tensor = /* @__PURE__ */ formula('sigmoidFast', x => sigmoid(x))
/** `tanh` itself, which is as fast; Flux has an approximation by this name.
 * @example tensor([0, 1]).tanhFast().toArray() // [0, 0.7616] */
export const tanhFast: (x: Tensor) => Tensor = /* @__PURE__ */ formula('tanhFast', x => tanh(x))

/**
 * a σ(b), where a and b are the halves of x along an axis (-1) (Dauphin et al. 2016): gives an axis half as long. Throws ShapeError for a size that is
 * odd, or an axis that is not there.
 * @example tensor([3, 0]).glu().toArray() // [1.5]
 */
export const glu = /* @__PURE__ */ withTraits(
  /* @__PURE__ */ composed('glu', 2, function glu(x: Tensor, axis = -1): Tensor {
    checkTensor('glu', x)
    const at = resolveAxis('glu', axis, x.dims)
    if (x.dims[at] % 2 === 1) {
      throw new ShapeError({ operation: 'glu', problem: `the size of axis ${at} must be even`, came: show(x.dims) }, [x.dims])
    }
    const [a, b] = split(x, 2, at)
    return mul(a, sigmoid(b))
  }),
  { isOfRows: true },
)
