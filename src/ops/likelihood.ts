// What the losses of probabilities are made of.
import { rangeError } from '../errors.ts'
import { operation, type Run } from '../tape/operation.ts'
import { ownedAlias, type Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Real } from '../wasm/kinds.ts'
import { f32 } from '../wasm/memory.ts'
import { reported } from '../wasm/status.ts'
import { sigmoid, softplus } from './activations.ts'
import { sum } from './movement.ts'
import { add, cast, div, equal, greater, isFinite, logicalAnd, logicalNot, mul, neg, pow, stopGradient, sub, where } from './pointwise.ts'

/** Inputs of one shape: the logits x, and the shares of the positive and of the negative side. */
interface Sides {
  readonly x: Tensor
  readonly positive: Tensor
  readonly negative: Tensor
}

const sides = (_: Tensor, [x, positive, negative]: readonly Tensor[]) => ({ x, positive, negative })

const runBinary = /* @__PURE__ */ operation<undefined, Sides & Readonly<Record<string, unknown>>>({
  name: 'binaryCrossEntropy',
  shape: ([shape]) => shape,
  forward: (y, [x, positive, negative]) => kernels.binaryCrossEntropy(x.pointer, positive.pointer, negative.pointer, y.pointer, y.count),
  save: sides,
  pullback: [
    (g, { x, positive, negative }) => mul(g, runBinarySlope([x, positive, negative], undefined)),
    (g, { x }) => mul(g, softplus(neg(x))),
    (g, { x }) => mul(g, softplus(x)),
  ],
})

/** negative σ(x) - positive σ(-x) */
const runBinarySlope: Run<undefined> = /* @__PURE__ */ operation<undefined, Sides & Readonly<Record<string, unknown>>>({
  name: 'binaryCrossEntropySlope',
  shape: ([shape]) => shape,
  forward: (y, [x, positive, negative]) =>
    kernels.binaryCrossEntropySlope(x.pointer, positive.pointer, negative.pointer, y.pointer, y.count),
  save: sides,
  pullback: [
    (g, { x, positive, negative }) => mul(g, mul(add(positive, negative), mul(sigmoid(x), sigmoid(neg(x))))),
    (g, { x }) => neg(mul(g, sigmoid(neg(x)))),
    (g, { x }) => mul(g, sigmoid(x)),
  ],
})

/** @internal positive · softplus(-x) + negative · softplus(x), all of one shape; a share of 0 takes nothing of an infinite side. */
export function binaryCrossEntropy(x: Tensor, positive: Tensor, negative: Tensor): Tensor {
  return runBinary([x, positive, negative], undefined)
}

/** How far a probability may lie outside of [0, 1]: what sums of many roundings come to. */
const ROUNDING = 1e-5
/** The largest float32. */
const MOST = 3.4028234663852886e38

function improbable(loss: string, value: number, position: number, what: string, wayOut: string): RangeError {
  return rangeError(loss, `${value} at place ${position} of the ${what} is no probability`, '', wayOut)
}

/** Between which numbers the elements lie, and the error for the first that does not. */
interface Bounds {
  readonly low: number
  readonly high: number
  readonly refusal: (value: number, position: number) => RangeError
}

const runTarget = /* @__PURE__ */ operation<Bounds>({
  name: 'target',
  shape: ([shape]) => shape,
  view(y, shape, { low, high, refusal }) {
    const odd = reported(status => kernels.outside(y.pointer, low as Real, high as Real, status, y.count))
    if (odd >= 0) throw refusal(f32[(y.pointer >>> 2) + odd], odd)
    return ownedAlias(y, shape)
  },
  pullback: [g => g],
})

/** @internal Shares of classes, or of the positive side, as float32; throws RangeError in the name of a loss for what is none. NaN passes. */
export function checkedTarget(loss: string, y: Tensor, wayOut = 'A target lies from 0 to 1.'): Tensor {
  const floats = cast(y, 'float32')
  const refusal = (value: number, position: number) => improbable(loss, value, position, 'target', wayOut)
  return y.type === 'bool' ? floats : runTarget([floats], { low: -ROUNDING, high: 1 + ROUNDING, refusal })
}

/** @internal Probabilities of the positive side; throws RangeError for what is none and would make log(x + eps) or log(1 - x + eps) NaN. */
export function checkedPrediction(loss: string, x: Tensor, eps: number): Tensor {
  const wayOut = 'Take the sigmoid of logits before, or use logitBinaryCrossEntropy.'
  const slack = Math.min(eps, ROUNDING)
  const refusal = (value: number, position: number) => improbable(loss, value, position, 'prediction', wayOut)
  return runTarget([x], { low: -slack, high: 1 + slack, refusal })
}

/** @internal Throws RangeError unless what an option named `what` gives is not negative, and finite. */
export function checkFactors(loss: string, what: string, factors: Tensor | number): void {
  const refusal = (value: number) => rangeError(loss, `${what} is out of range`, `${value}`, 'It is finite and not negative.')
  if (typeof factors !== 'number') runTarget([factors], { low: 0, high: MOST, refusal })
  else if (!(factors >= 0 && factors <= MOST)) throw refusal(factors)
}

/** @internal Throws RangeError unless targets are -1 and 1. */
export function checkSigns(loss: string, y: Tensor): void {
  const refusal = (_: number, position: number) =>
    rangeError(loss, `the target at place ${position} is neither -1 nor 1`, '', 'Write y.mul(2).sub(1) for targets of 0 and 1.')
  runTarget([mul(y, y)], { low: 1 - ROUNDING, high: 1 + ROUNDING, refusal })
}

/** How far the shares of all classes may be from 1 together: they may have been written with few digits. */
const SLACK = 0.01

/** @internal Throws RangeError unless targets are shares of the classes along an axis. */
export function checkShares(loss: string, y: Tensor, axis: number, wayOut: string): void {
  const refusal = (value: number, position: number) =>
    rangeError(loss, `the classes of row ${position} of the target are not 1 together`, `${value}`, wayOut)
  runTarget([sum(y, axis)], { low: 1 - SLACK, high: 1 + SLACK, refusal })
}

/** @internal share · f(x); a share of 0 takes nothing of what is not finite, nor of its derivative: there f is taken of `instead`. */
export function shareOf(share: Tensor, x: Tensor, f: (x: Tensor) => Tensor, instead: number): Tensor {
  const nothing = logicalAnd(equal(share, 0), logicalNot(isFinite(f(stopGradient(x)))))
  return mul(share, f(where(nothing, instead, x)))
}

/** @internal (1 - p)^γ score, 0 where p is 1 or, by its ε, above. */
export function modulated(score: Tensor, p: Tensor, gamma: number): Tensor {
  if (gamma === 0) return score
  const rest = sub(1, p)
  const counts = greater(rest, 0)
  // An operand in place of another: where γ is below 1 the slope at 0 is infinite.
  return mul(where(counts, pow(where(counts, rest, 1), gamma), 0), score)
}

const runLogProbability = /* @__PURE__ */ operation<{ loss: string; eps: number }, { x: Tensor }>({
  name: 'logProbability',
  shape: ([shape]) => shape,
  forward(y, [x], { loss, eps }) {
    // Below -eps the logarithm would be NaN.
    const low = -Math.min(eps, ROUNDING) as Real
    const odd = reported(status => kernels.logProbability(x.pointer, y.pointer, eps as Real, low, (1 + ROUNDING) as Real, status, y.count))
    if (odd >= 0)
      throw improbable(
        loss,
        f32[(x.pointer >>> 2) + odd],
        odd,
        'prediction',
        'Take the softmax of logits before, or use logitCrossEntropy.',
      )
  },
  save: (_, [x]) => ({ x }),
  pullback: [
    (g, { x }, { eps }) => {
      const p = add(x, eps)
      // Without eps: what does not count has no slope where it is 0 either.
      return div(g, eps > 0 ? p : where(logicalAnd(equal(g, 0), equal(p, 0)), 1, p))
    },
  ],
})

/** @internal log(x + eps) of probabilities; throws RangeError in the name of a loss for what is none. NaN passes. */
export function logProbability(loss: string, x: Tensor, eps: number): Tensor {
  return runLogProbability([x], { loss, eps })
}
