import { abs, square, sub } from '../../ops/pointwise.ts'
import { elementwise } from './loss.ts'

/** The mean of |ŷ - y|; derivative 0 where they are equal. Throws ShapeError for different shapes, TypeError for an `agg` that is no
 * function.
 * @example mae(tensor([1, 2]), tensor([0, 4])).item() // 1.5 */
export const mae = /* @__PURE__ */ elementwise('mae', {}, (prediction, target) => abs(sub(prediction, target)))

/** The mean of (ŷ - y)². Throws ShapeError for different shapes, TypeError for an `agg` that is no function.
 * @example mse(tensor([1, 2]), tensor([0, 4])).item() // 2.5 */
export const mse = /* @__PURE__ */ elementwise('mse', {}, (prediction, target) => square(sub(prediction, target)))
