// Losses of numbers.
import { shareOf } from '../../ops/likelihood.ts'
import { abs, add, clamp, log, mul, square, sub } from '../../ops/pointwise.ts'
import { asTensor, EPSILON, elementwise } from './loss.ts'

/** The mean of |ŷ - y|; derivative 0 where they are equal. Throws ShapeError for different shapes, TypeError for an `agg` that is no
 * function.
 * @example mae(tensor([1, 2]), tensor([0, 4])).item() // 1.5 */
export const mae = /* @__PURE__ */ elementwise('mae', {}, (prediction, target) => abs(sub(prediction, target)))

/** The mean of (ŷ - y)². Throws ShapeError for different shapes, TypeError for an `agg` that is no function.
 * @example mse(tensor([1, 2]), tensor([0, 4])).item() // 2.5 */
export const mse = /* @__PURE__ */ elementwise('mse', {}, (prediction, target) => square(sub(prediction, target)))

/** The mean of (log(ŷ + ε) - log(y + ε))², of numbers that are not negative. `eps` is 1.19e-7. Shapes and errors as `mse`, and RangeError for an `eps`
 * that is negative.
 * @example msle(tensor([1, 2]), tensor([1, 1])).item() // 0.2402 */
export const msle = /* @__PURE__ */ elementwise('msle', { eps: EPSILON }, (prediction, target, { eps }) =>
  square(sub(log(add(prediction, eps)), log(add(asTensor(target), eps)))),
)

/**
 * The mean of e²/2 where e = |ŷ - y| is below δ, and of δ (e - δ/2) where it is not (Huber 1964). `delta` is 1. Shapes and errors as `mse`, and
 * RangeError for a `delta` that is not above 0.
 * @example huber(tensor([1, 2]), tensor([0, 5])).item() // 1.5
 */
export const huber = /* @__PURE__ */ elementwise('huber', { delta: 1 }, (prediction, target, { delta }) => {
  const error = sub(prediction, target)
  const near = clamp(error, -delta, delta)
  return add(mul(square(near), 0.5), mul(abs(sub(error, near)), delta))
})

/** The mean of ŷ - y log ŷ, for rates ŷ and counts y; where y is 0 that is ŷ. Shapes and errors as `mse`.
 * @example poisson(tensor([1, 2]), tensor([0, 3])).item() // 0.4603 */
export const poisson = /* @__PURE__ */ elementwise('poisson', {}, (prediction, target) =>
  sub(prediction, shareOf(asTensor(target), prediction, log, 1)),
)
