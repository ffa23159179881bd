// Derivatives of other shapes than the gradient's: all of them walk back, some twice (reverse over reverse), and none writes what layers put off.
import { checkFunction, kindOf, refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { concat, stack } from '../ops/joining.ts'
import { reshape, sum } from '../ops/movement.ts'
import { add, cast, mul } from '../ops/pointwise.ts'
import { section } from '../ops/ranges.ts'
import { withoutEffects } from '../tape/effects.ts'
import { checkTensor, isTensor } from '../tape/operation.ts'
import { full, tensor, zeros } from '../tensor/create.ts'
import { scoped } from '../tensor/scope.ts'
import { type Shape, sameShape, show } from '../tensor/shape.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import { type Back, differentiate, noDerivative, pulledBack, type Seen } from './gradient.ts'

/** What these derivatives are taken by: a tensor, or a number, which is one of shape []. */
export type Point = Tensor | number

/** One argument, or a list of several. */
export type PointsOf<X> = X extends readonly unknown[] ? { readonly [I in keyof X]: Point } : Point

/** For one argument one result, for several a list. */
export type EachOf<Xs extends readonly unknown[], Result> = Xs extends readonly [unknown] ? Result : { [I in keyof Xs]: Result }

/** For one argument a tensor, for several a list of lists. */
export type HessianOf<Xs extends readonly unknown[]> = EachOf<Xs, EachOf<Xs, Tensor>>

type Given<X> = X extends readonly unknown[] ? Seen<X> : [Tensor]
type AnyFunction = (...xs: never[]) => unknown
type Gradients = readonly Tensor[]

/**
 * All derivatives of a function: for y = f(x) a tensor [...y, ...x], ∂yᵢ/∂xⱼ at [i, j]. With several arguments a list, one for each. It takes a walk back
 * for each element of y, or, where they are far fewer, two for each of x. Nests in gradients; nothing is written by layers.
 *
 * Throws TypeError where an argument is no tensor or number, DTypeError for integers, MemoryError where there is no room for the result; else
 * errors as `pullback`.
 *
 * @example
 * jacobian(x => x.square(), tensor([1, 2])).toArray() // [[2, 0], [0, 4]]
 * const model = Dense(3, 2)
 * jacobian(() => model(ones([3])), model.weight).shape // [2, 2, 3]
 */
export function jacobian<Xs extends readonly Point[]>(f: (...xs: Seen<Xs>) => Tensor, ...xs: Xs): EachOf<Xs, Tensor> {
  return derived('jacobian', f, xs, at => one(jacobians('jacobian', f, at))) as EachOf<Xs, Tensor>
}

/**
 * All second derivatives of a scalar function: for f(x) a tensor [...x, ...x]. With several arguments a list of lists: those by the ith and the jth
 * [...xᵢ, ...xⱼ]. Errors as `jacobian`, and ShapeError for an f that is no scalar.
 *
 * @example
 * hessian(x => x.pow(3).sum(), tensor([1, 2])).toArray() // [[6, 0], [0, 12]]
 */
export function hessian<Xs extends readonly Point[]>(f: (...xs: Seen<Xs>) => Tensor, ...xs: Xs): HessianOf<Xs> {
  return derived('hessian', f, xs, at => {
    const all = jacobians('hessian', (...us: never[]) => slope('hessian', f, us), at)
    if (at.length === 1) return all[0]
    const starts = startsOf(at)
    return at.map(({ dims, count }, i) => all.map((each, j) => reshape(section(each, 0, starts[i], count), [...dims, ...at[j].dims])))
  }) as HessianOf<Xs>
}

/**
 * The second derivatives of a scalar function by each element alone, ∂²f/∂xᵢ²: for f(x) a tensor of the shape of x, with several arguments a list. It
 * takes a walk back for each element, as `hessian` does, but has no room for a matrix. Errors as `hessian`.
 *
 * @example
 * diagonalHessian(x => x.pow(3).sum(), tensor([1, 2])).toArray() // [6, 12]
 */
export function diagonalHessian<Xs extends readonly Point[]>(f: (...xs: Seen<Xs>) => Tensor, ...xs: Xs): EachOf<Xs, Tensor> {
  return derived('diagonalHessian', f, xs, at => {
    const [g, back] = walker('diagonalHessian', (...us: never[]) => slope('diagonalHessian', f, us), at)
    const starts = startsOf(at)
    const all = at.map(({ dims, count }, k) => {
      if (count === 0) return zeros(dims)
      const entry = (i: number) => section(reshape(back(unit(g.dims, starts[k] + i))[k], [count]), 0, i, 1)
      return reshape(concat(Array.from({ length: count }, (_, i) => scoped(() => entry(i), tensorsIn))), dims)
    })
    return one(all)
  }) as EachOf<Xs, Tensor>
}

/**
 * The value of a function and its derivative in a direction: `[y, dy]` with dy = Σⱼ ∂y/∂xⱼ vⱼ, both of the shape of y. With several arguments lists of
 * arguments and tangents, `jvp(f, [x, w], [v, u])`, where `jacobian(f, x, w)` takes them as f does. Works backwards twice, so it costs a few gradients however many elements there are.
 *
 * Throws ShapeError for a tangent that has another shape than its argument, TypeError where there is not one for each; else errors as `jacobian`.
 *
 * @example
 * const [y, dy] = jvp(x => x.square(), tensor([1, 2]), tensor([1, 10]))
 * dy.toArray() // [2, 40]
 */
export function jvp<const X extends Point | readonly Point[]>(
  f: (...xs: Given<X>) => Tensor,
  primals: X,
  tangents: PointsOf<X>,
): [y: Tensor, dy: Tensor] {
  if (arguments.length > 3) refuseSurplus('jvp', 3, arguments, 'Several arguments are a list: [x, w].')
  return directed('jvp', f, primals, tangents, (at, along) => {
    const [y, back] = walker('jvp', f as AnyFunction, at)
    // Linear in the cotangent, so that it does not matter at which one.
    const [dy] = gradients('jvp', (u: Tensor) => dots(back(u), along), [zeros(y.dims)])
    return [y, dy]
  })
}

/**
 * The second derivatives of a scalar function times a vector, Σⱼ ∂²f/∂xᵢ∂xⱼ vⱼ, without the matrix: a tensor of the shape of x, with several arguments
 * lists, as `jvp`; by all parameters of a model `hvp(() => loss(x, y), [...params(model)], vs)`. Costs a few gradients. Errors as `jvp`, and ShapeError for an f that is no scalar.
 *
 * @example
 * hvp(x => x.pow(3).sum(), tensor([1, 2]), tensor([1, 1])).toArray() // [6, 12]
 */
export function hvp<const X extends Point | readonly Point[]>(
  f: (...xs: Given<X>) => Tensor,
  x: X,
  v: PointsOf<X>,
): X extends readonly unknown[] ? { -readonly [I in keyof X]: Tensor } : Tensor {
  if (arguments.length > 3) refuseSurplus('hvp', 3, arguments, 'Several arguments are a list: [x, w].')
  const all = directed('hvp', f, x, v, (at, along) => gradients('hvp', (...us: never[]) => dots(gradients('hvp', f, us), along), at))
  return (Array.isArray(x) ? all : all[0]) as ReturnType<typeof hvp<X>>
}

/** Runs `take` on the arguments as tensors, in a scope, and without effects. */
function derived<T>(operation: string, f: unknown, xs: readonly unknown[], take: (xs: Gradients) => T): T {
  checkFunction(operation, 'the first argument', f)
  if (xs.length === 0) throw typeError(operation, 'there is nothing to differentiate by', '', `Write ${operation}(f, x).`)
  return scoped(() => withoutEffects(() => take(xs.map((x, i) => point(operation, x, i)))), tensorsIn)
}

/** The same, along the tangents. */
function directed(
  operation: string,
  f: unknown,
  x: unknown,
  v: unknown,
  take: (xs: Gradients, vs: Gradients) => Tensor[],
): [Tensor, Tensor] {
  const [xs, vs]: (readonly unknown[])[] = [x, v].map(each => (Array.isArray(each) ? each : [each]))
  return derived(operation, f, xs, at => {
    if (Array.isArray(x) !== Array.isArray(v) || xs.length !== vs.length) {
      throw typeError(operation, 'there is a tangent for each argument', `${vs.length} for ${xs.length}`)
    }
    const along = at.map(({ dims }, i) => {
      const v = vs[i]
      const each = typeof v === 'number' ? full([], v) : v
      checkTensor(operation, each)
      // Another handle: if it is the argument, too, it is none of its tangent.
      if (sameShape(each.dims, dims)) return reshape(cast(each, 'float32'), dims)
      const came = `${show(each.dims)} for ${show(dims)}`
      throw new ShapeError({ operation, problem: 'a tangent has the shape of its argument', came }, [each.dims, dims])
    })
    return take(at, along) as [Tensor, Tensor]
  })
}

function point(operation: string, x: unknown, i: number): Tensor {
  if (typeof x === 'number') return full([], x)
  if (!isTensor(x)) {
    const wayOut = 'A parameter is one, too: pass model.weight, and let the function close over the model.'
    throw typeError(operation, `argument ${i + 1} of the function is a tensor or a number`, `${kindOf(x)} came`, wayOut)
  }
  x.check(operation)
  if (x.type !== 'float32') throw noDerivative(operation, x, i)
  return x
}

function one(all: Tensor[]): Tensor | Tensor[] {
  return all.length === 1 ? all[0] : all
}

function walker(operation: string, f: AnyFunction, xs: readonly unknown[]): [Tensor, Back<Gradients>] {
  return pulledBack(operation, f as (...args: never[]) => unknown, xs) as [Tensor, Back<Gradients>]
}

function gradients(operation: string, f: (...xs: never[]) => unknown, xs: readonly unknown[]): Tensor[] {
  return differentiate(operation, f, xs, false).gradient as Tensor[]
}

/** The gradient by one argument, or those by several one after the other, in a vector. */
function slope(operation: string, f: (...xs: never[]) => unknown, xs: readonly unknown[]): Tensor {
  const all = gradients(operation, f, xs)
  return all.length === 1 ? all[0] : concat(all.map(each => reshape(each, [each.count])))
}

/** Where in that vector each begins. */
function startsOf(xs: Gradients): number[] {
  let end = 0
  return xs.map(({ count }) => {
    end += count
    return end - count
  })
}

function dots(xs: Gradients, ys: Gradients): Tensor {
  return xs.map((x, i) => sum(mul(x, ys[i]))).reduce((total, each) => add(total, each))
}

/** A tensor of zeros with a one. */
function unit(dims: Shape, at: number): Tensor {
  const elements = new Float32Array(dims.reduce((count, size) => count * size, 1))
  elements[at] = 1
  return tensor(elements, dims)
}

/** Those by each argument. */
function jacobians(operation: string, f: AnyFunction, xs: Gradients): Tensor[] {
  const [y, back] = walker(operation, f, xs)
  const { count: n, dims } = y
  const m = xs.reduce((total, { count }) => total + count, 0)
  if (n === 0 || m === 0) return xs.map(x => zeros([...dims, ...x.dims]))
  // The result and the rows that it is made of must find room, before they are computed.
  scoped(() => [make([n, m], 'float32', operation), make([n, m], 'float32', operation)])
  // A walk along an element of x takes two.
  const isWide = n <= 4 * m
  const rows = isWide ? Array.from({ length: n }, (_, i) => scoped(() => back(unit(dims, i)), tensorsIn)) : []
  return xs.map((x, k) => {
    if (x.count === 0) return zeros([...dims, ...x.dims])
    return reshape(isWide ? stack(rows.map(row => row[k])) : columns(operation, back, k, x, y), [...dims, ...x.dims])
  })
}

/** ∂y/∂xⱼ, side by side: the way back is linear in its cotangent, and so its derivative is the way along. */
function columns(operation: string, back: Back<Gradients>, k: number, x: Tensor, y: Tensor): Tensor {
  const [, along] = walker(operation, (u: Tensor) => back(u)[k], [zeros(y.dims)])
  return stack(
    Array.from({ length: x.count }, (_, j) => scoped(() => along(unit(x.dims, j))[0], tensorsIn)),
    -1,
  )
}
