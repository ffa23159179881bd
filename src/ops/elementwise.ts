// How pointwise operations are made: one line of a table each. Conversions, broadcasting and its undoing, numbers as operands and
// recording are here, so that no entry has to think of them.
import { DTypeError, kindOf, rangeError, refuseSurplus, typeError } from '../errors.ts'
import { checkTensor, operation, type Run } from '../tape/operation.ts'
import { fitting } from '../tensor/convert.ts'
import { zerosLike } from '../tensor/create.ts'
import { type DType, promote } from '../tensor/dtype.ts'
import { misfit } from '../tensor/fits.ts'
import { broadcastShapes, broadcastSteps, type Shape, sameShape, writeLayout } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { type Address, type Layout, NONE, type Real, type Status } from '../wasm/kinds.ts'
import { f32, i32, SCRATCH } from '../wasm/memory.ts'
import { sumTo } from './broadcasting.ts'
import { type Epilogue, withTraits } from './epilogue.ts'
import { fusion } from './fusion.ts'

/** The numbers of an operation, such as elu's alpha, in the order of its arguments. */
type Numbers = readonly Real[]
export type UnaryKernel = (x: Address, out: Address, count: number) => void
type NumberedKernel = (x: Address, out: Address, a: Real, count: number) => void
type IntUnaryKernel = (x: Address, out: Address, status: Status, count: number) => void
type SlopeKernel = (x: Address, out: Address, slope: Address, count: number) => void
type GradientKernel = (g: Address, x: Address, out: Address, count: number) => void
type NumberedGradient = (g: Address, x: Address, out: Address, a: Real, count: number) => void
/** Any of them: addresses, numbers, and a count. */
type AnyKernel = (...words: number[]) => void
type BinaryKernel = (x: Address, y: Address, out: Address, layout: Layout, count: number) => void
type IntBinaryKernel = (x: Address, y: Address, out: Address, layout: Layout, status: Status, count: number) => void

type UnaryPullback = (g: Tensor, x: Tensor, numbers: Numbers) => Tensor
export type SecondPullback = (h: Tensor, g: Tensor, x: Tensor, first: (g: Tensor, x: Tensor) => Tensor, numbers: Numbers) => Tensor

/** One row of the table of unary operations: its derivative from its input, from its output, or 0 everywhere, and what else it has. */
interface UnaryRule<Gradient> {
  readonly fromInput?: UnaryPullback
  readonly fromOutput?: (g: Tensor, y: Tensor) => Tensor
  readonly constant?: (g: Tensor) => Tensor
  /** The derivative from the input by a kernel: g f'(x). */
  readonly gradient?: Gradient
  /** With `gradient`: h g f″(x), in operations, of which `first` is the gradient; 0 if left out. */
  readonly second?: SecondPullback
  /** A kernel that gives the slope, too, where that costs little more: an extra, of which the gradient is made. */
  readonly slope?: SlopeKernel
  readonly fromSlope?: (g: Tensor, slope: Tensor) => Tensor
  /** The numbers behind x, by name, as they are if left out; kernels take them before the count. */
  readonly numbers?: Readonly<Record<string, number>>
  /** The kernel for integers, which reports a result that does not fit; without one they are converted to float32. */
  readonly int?: IntUnaryKernel
  /** How a product computes it while it is written. */
  readonly epilogue?: Epilogue
}

/** An operation on each element. */
export function unary(name: string, kernel: UnaryKernel, rule: UnaryRule<GradientKernel>): (x: Tensor) => Tensor {
  const run = runOf(name, kernel, rule)
  const none: Numbers = []
  return finished(name, rule, function (x: Tensor): Tensor {
    if (arguments.length > 1) refuseSurplus(name, 1, arguments)
    return run([x], none)
  })
}

/** An operation on each element that takes numbers, too. */
export function numbered(
  name: string,
  kernel: NumberedKernel,
  rule: UnaryRule<NumberedGradient> & { readonly numbers: Readonly<Record<string, number>> },
): (x: Tensor, ...numbers: (number | undefined)[]) => Tensor {
  const run = runOf(name, kernel, rule)
  return finished(name, rule, (x: Tensor, ...given: (number | undefined)[]): Tensor => run([x], numbersOf(name, rule.numbers, x, given)))
}

/** The numbers behind x, each checked, or as it is if left out. */
export function numbersOf(name: string, numbers: Readonly<Record<string, number>>, x: Tensor, given: readonly unknown[]): Real[] {
  const named = Object.entries(numbers)
  if (given.length > named.length) refuseSurplus(name, 1 + named.length, [x, ...given])
  return named.map(([each, value], i) => checkedNumber(name, each, given[i] === undefined ? value : given[i]))
}

function finished<F extends object>(name: string, { epilogue }: UnaryRule<unknown>, f: F): F {
  return named(name, epilogue ? withTraits(f, { epilogue }) : f)
}

function runOf(name: string, kernel: UnaryKernel | NumberedKernel, rule: UnaryRule<GradientKernel | NumberedGradient>): Run<Numbers> {
  const call = kernel as AnyKernel
  const { fromOutput, constant, slope: slopeKernel, fromSlope, int } = rule
  const runGradient = rule.gradient && gradientFrom(name, rule.gradient, rule.second)
  const fromInput = runGradient ?? rule.fromInput
  const run: Run<Numbers> = operation<Numbers, { x?: Tensor; y?: Tensor; slope?: Tensor }>({
    name,
    types: ([dtype]) => {
      const type = int && dtype !== 'float32' ? 'int32' : 'float32'
      return { inputs: type, output: type }
    },
    shape: ([shape]) => shape,
    ...(slopeKernel && { extras: ([shape], _, isOnce) => (isOnce && fusion.slopes ? { slope: [shape, 'float32'] } : undefined) }),
    forward(y, [x], numbers, extras) {
      if (slopeKernel && extras?.slope) slopeKernel(x.pointer, y.pointer, extras.slope.pointer, y.count)
      else if (int && y.type === 'int32') {
        fitting(
          name,
          status => int(x.pointer, y.pointer, status, y.count),
          [x],
          floats => run(floats, numbers),
        )
      } else if (numbers.length === 0) call(x.pointer, y.pointer, y.count)
      else call(x.pointer, y.pointer, ...numbers, y.count)
    },
    save: fromInput ? (_, [x], __, extras) => (extras ? {} : { x }) : fromOutput ? y => ({ y }) : undefined,
    pullback: [
      (g, { x, y, slope }, numbers) => {
        if (fromSlope && slope) return fromSlope(g, slope)
        if (fromInput && x) return fromInput(g, x, numbers)
        if (fromOutput && y) return fromOutput(g, y)
        return constant ? constant(g) : g
      },
    ],
  })
  return run
}

function checkedNumber(operation: string, name: string, value: unknown): Real {
  if (typeof value !== 'number') throw typeError(operation, `${name} is a number`, `${kindOf(value)} came`)
  if (!Number.isFinite(value)) throw rangeError(operation, `${name} must be finite`, `${value}`)
  return value as Real
}

/** g f'(x), of one shape, by a kernel; `second` is h g f″(x), and without it 0. */
export function gradientFrom(name: string, kernel: GradientKernel | NumberedGradient, second: SecondPullback | undefined): UnaryPullback {
  const call = kernel as AnyKernel
  const run: Run<Numbers> = operation<Numbers, { g: Tensor; x: Tensor }>({
    name: `${name}Gradient`,
    shape: ([shape]) => shape,
    forward: (out, [g, x], numbers) => call(g.pointer, x.pointer, out.pointer, ...numbers, out.count),
    save: (_, [g, x]) => ({ g, x }),
    pullback: [
      (h, { x }, numbers) => run([h, x], numbers),
      (h, { g, x }, numbers) => (second ? second(h, g, x, (each, at) => run([each, at], numbers), numbers) : zerosLike(h)),
    ],
  })
  return (g, x, numbers) => run([g, x], numbers)
}

/** Gives a function the name that models print and errors show. */
function named<F>(name: string, f: F): F {
  return Object.defineProperty(f, 'name', { value: name })
}

/** The derivatives of a binary operation by its left and its right operand; either operand may be a number. */
interface BinaryRule {
  readonly left: BinaryPullback | null
  readonly right: BinaryPullback | null
  /** Which of its values the derivatives read. */
  readonly saves: 'operands' | 'operands and result' | 'nothing'
  /** The kernel for integers, which reports a result that does not fit; without one they are converted to float32. */
  readonly int?: IntBinaryKernel
}

type Operand = Tensor | number
type BinaryPullback = (g: Tensor, x: Operand, y: Operand, result: Tensor) => Tensor

interface BinarySaves extends Readonly<Record<string, unknown>> {
  readonly x?: Operand
  readonly y?: Operand
  readonly result?: Tensor
  readonly xShape: Shape
  readonly yShape: Shape
}

/** An operation on pairs of elements, broadcasting. */
export function binary(name: string, kernel: BinaryKernel, rule: BinaryRule): (x: Operand, y: Operand) => Tensor {
  const { left, right, saves, int } = rule
  const nothing = (): Operand => 0
  const run: Run<{ x?: number; y?: number }> = operation<{ x?: number; y?: number }, BinarySaves>({
    name,
    types: (dtypes, options) => {
      const type = int ? commonType(name, dtypes, options.x ?? options.y) : 'float32'
      return { inputs: type, output: type }
    },
    shape: ([a, b]) => (b ? broadcastShapes(name, a, b) : a),
    forward(y, xs, options) {
      const [a, b, layout] = operands(name, y.dims, xs, options, y.type)
      if (int && y.type === 'int32') {
        fitting(
          name,
          status => int(a, b, y.pointer, layout, status, y.count),
          xs,
          floats => run(floats, options),
        )
      } else kernel(a, b, y.pointer, layout, y.count)
    },
    save(result, xs, options) {
      const [first, last] = [xs[0], xs[xs.length - 1]]
      const [xShape, yShape] = [first.dims, last.dims]
      if (saves === 'nothing') return { xShape, yShape }
      const [x, y] = [options.x ?? first, options.y ?? last]
      return saves === 'operands' ? { x, y, xShape, yShape } : { x, y, result, xShape, yShape }
    },
    pullback: (g, { x = nothing(), y = nothing(), result = g, xShape, yShape }, options, index) => {
      const isLeft = index === 0 && options.x === undefined
      const pull = isLeft ? left : right
      return sumTo(pull ? pull(g, x, y, result) : g, isLeft ? xShape : yShape)
    },
  })
  return named(name, function (x: Operand, y: Operand) {
    if (arguments.length > 2) refuseSurplus(name, 2, arguments)
    if (typeof y === 'number') {
      checkTensor(name, x)
      return run([x], { y })
    }
    if (typeof x === 'number') {
      checkTensor(name, y)
      return run([y], { x })
    }
    return run([x, y], {})
  })
}

/** A comparison of pairs of elements, broadcasting; its result is bool and has no gradient. */
export function comparison(name: string, kernel: BinaryKernel, int: BinaryKernel): (x: Operand, y: Operand) => Tensor {
  const run = operation<{ x?: number; y?: number; type: DType }>({
    name,
    types: (_, { type }) => ({ inputs: type, output: 'bool' }),
    shape: ([a, b]) => (b ? broadcastShapes(name, a, b) : a),
    forward(y, xs, options) {
      const [a, b, layout] = operands(name, y.dims, xs, options, options.type)
      ;(options.type === 'int32' ? int : kernel)(a, b, y.pointer, layout, y.count)
    },
  })
  return named(name, function (x: Operand, y: Operand) {
    if (arguments.length > 2) refuseSurplus(name, 2, arguments)
    const number = typeof x === 'number' ? x : typeof y === 'number' ? y : undefined
    const tensors = [x, y].filter(each => typeof each !== 'number') as Tensor[]
    if (tensors.length === 0) checkTensor(name, x)
    for (const each of tensors) checkTensor(name, each)
    const dtypes = tensors.map(each => each.type)
    const whole = number === undefined || isInt32(number)
    const type = whole ? dtypes.reduce<DType>(promote, 'int32') : 'float32'
    return run(tensors, { x: typeof x === 'number' ? x : undefined, y: typeof y === 'number' ? y : undefined, type })
  })
}

/** The addresses of two operands and the layout of their broadcast; a number stands in the layout, with a step of 0. */
function operands(
  name: string,
  shape: Shape,
  xs: readonly Tensor[],
  options: { x?: number; y?: number },
  type: DType,
): [x: Address, y: Address, layout: Layout] {
  const [a, b] = xs
  if (b) {
    const left = a.pointer
    const right = b.pointer
    if (sameShape(a.dims, b.dims)) return [left, right, NONE]
    const { layout, flat } = writeLayout(name, shape, broadcastSteps(a.dims, shape), broadcastSteps(b.dims, shape))
    return [left, right, flat ? NONE : layout]
  }
  const number = options.x ?? options.y ?? 0
  const { pointer } = a
  const base = SCRATCH.layout >>> 2
  i32[base] = 1
  i32[base + 1] = a.count
  i32[base + 2] = options.x === undefined ? 1 : 0
  i32[base + 3] = options.x === undefined ? 0 : 1
  if (type === 'int32') i32[base + 4] = number
  else f32[base + 4] = number
  return options.x === undefined ? [pointer, NONE, SCRATCH.layout] : [NONE, pointer, SCRATCH.layout]
}

/** Divides all elements of a new float32 tensor in place. */
export function divideBy(y: Tensor, divisor: number): void {
  const [a, b, layout] = operands('div', y.dims, [y], { y: divisor }, 'float32')
  kernels.div(a, b, y.pointer, layout, y.count)
}

/** The type of the operands' arithmetic. Throws RangeError where a number does not fit it, DTypeError where it would have to be rounded. */
export function commonType(name: string, dtypes: readonly DType[], number: number | undefined): 'float32' | 'int32' {
  let type: 'float32' | 'int32' = 'int32'
  for (const dtype of dtypes) type = promote(type, dtype)
  if (number === undefined || type === 'float32' || isInt32(number)) return type
  const wayOut = "Write x.cast('float32') first."
  if (!Number.isFinite(number) || Number.isInteger(number)) throw misfit(name, number, 'int32', wayOut)
  throw new DTypeError(
    {
      operation: name,
      problem: `a number takes the tensor's dtype, and is not whole`,
      came: `${dtypes[0]} and ${number}`,
      wayOut,
    },
    dtypes,
  )
}

function isInt32(value: number): boolean {
  return value === (value | 0)
}
