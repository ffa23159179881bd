// A convolution is one of three sides of a form that is linear in each of x, w and g: T(x, w, g) = sum of w[o, c, t] x[n, c, p s + t d - pad] g[n, o, p].
// Without g it is the convolution y, without x its transposition, without w the derivative by the weight. Each is an operation whose pullbacks are
// the other two, so that derivatives of every order are right.
import { ShapeError } from '../../errors.ts'
import { checkTensor, operation, type Run } from '../../tape/operation.ts'
import { sameShape, show } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { NONE } from '../../wasm/kinds.ts'
import { flip } from '../arranging.ts'
import type { Activation, Epilogue } from '../epilogue.ts'
import { epilogueOf, fusion, isFused, PLAIN } from '../fusion.ts'
import { reshape, sum } from '../movement.ts'
import { add } from '../pointwise.ts'
import type { Finish } from '../product.ts'
import { type Geometry, geometryOf, type Settings, transposedGeometry } from './geometry.ts'
import { runForward, runInput, runWeight } from './passes.ts'

interface Task extends Epilogue {
  readonly geometry: Geometry
}

interface Saved extends Readonly<Record<string, unknown>> {
  readonly from: Tensor
  readonly weight: Tensor
  readonly result?: Tensor
}

/** The same form without what is done to a result. */
const bare = ({ geometry }: Task): Task => ({ geometry, number: 0 })

/** Sums over the batch and space: the cotangent of a bias. */
const ofChannels = (g: Tensor) =>
  sum(
    g,
    [...g.dims.keys()].filter(axis => axis !== 1),
  )

const finishOf = (bias: Tensor | undefined, { number }: Task): Finish => ({ bias: bias?.pointer ?? NONE, epilogue: number })

/** The convolution or its transposition: of [from, weight] or [from, weight, bias]. */
function side(
  name: string,
  shape: (geometry: Geometry) => readonly number[],
  run: (result: Tensor, from: Tensor, weight: Tensor, geometry: Geometry, finish: Finish) => void,
  byFrom: (g: Tensor, weight: Tensor, task: Task) => Tensor,
  byWeight: (g: Tensor, from: Tensor, task: Task) => Tensor,
): Run<Task> {
  return operation<Task, Saved>({
    name,
    shape: (_, { geometry }) => shape(geometry),
    forward: (result, [from, weight, bias], task) => run(result, from, weight, task.geometry, finishOf(bias, task)),
    save: (result, [from, weight], { through }) => (through ? { from, weight, result } : { from, weight }),
    through: (g, { result }, { through }) => (result && through ? through(g, result) : g),
    pullback: [(g, { weight }, task) => byFrom(g, weight, bare(task)), (g, { from }, task) => byWeight(g, from, bare(task)), ofChannels],
  })
}

const runConv: Run<Task> = /* @__PURE__ */ side(
  'conv',
  ({ y }) => y,
  (y, x, weight, geometry, finish) => runForward(y, geometry, { x: x.pointer, weight: weight.pointer, y: y.pointer }, finish),
  (g, weight, task) => runTransposed([g, weight], task),
  (g, x, task) => runWeights([x, g], task),
)

const runTransposed: Run<Task> = /* @__PURE__ */ side(
  'convTranspose',
  ({ x }) => x,
  (x, y, weight, geometry, finish) => runInput(x, geometry, { x: x.pointer, weight: weight.pointer, y: y.pointer }, finish),
  (h, weight, task) => runConv([h, weight], task),
  (h, y, task) => runWeights([h, y], task),
)

const runWeights: Run<Task> = /* @__PURE__ */ operation<Task, { x: Tensor; y: Tensor }>({
  name: 'convWeight',
  shape: (_, { geometry }) => geometry.weight,
  forward: (weight, [x, y], { geometry }) => runWeight(weight, geometry, { x: x.pointer, weight: weight.pointer, y: y.pointer }),
  save: (_, [x, y]) => ({ x, y }),
  pullback: [(h, { y }, task) => runTransposed([y, h], task), (h, { x }, task) => runConv([x, h], task)],
})

/** @internal activation(conv(x, weight) + bias), or of the transposed convolution: what has an epilogue is computed while the result is written. */
export function convolved(
  name: string,
  isTransposed: boolean,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  settings: Settings,
  activation: Activation,
): Tensor {
  checkTensor(name, x)
  let geometry = settings.last
  const given = isTransposed ? geometry?.y : geometry?.x
  if (!geometry || !given || !sameShape(given, x.dims) || !sameShape(geometry.weight, weight.dims)) {
    geometry = settings.last = (isTransposed ? transposedGeometry : geometryOf)(name, x.dims, weight.dims, settings)
  }
  if (bias !== undefined) checkBias(name, bias, isTransposed ? geometry.x[1] : geometry.y[1])
  const run = isTransposed ? runTransposed : runConv
  const inputs = bias === undefined ? [x, weight] : [x, weight, bias]
  const epilogue = epilogueOf(activation, inputs)
  return epilogue ? biased(run, inputs, geometry, epilogue) : activation(biased(run, inputs, geometry, PLAIN))
}

/** The bias is added while the result is written, or behind it. */
function biased(run: Run<Task>, inputs: readonly Tensor[], geometry: Geometry, { number, through }: Epilogue): Tensor {
  const task: Task = through ? { geometry, number, through } : { geometry, number }
  const [x, weight, bias] = inputs
  if (bias === undefined || isFused(fusion.bias, inputs)) return run(inputs, task)
  return add(run([x, weight], task), reshape(bias, [bias.count, ...geometry.stride.map(() => 1)]))
}

/** Throws ShapeError for a bias that has not one number a channel. */
function checkBias(operation: string, bias: Tensor, channels: number): void {
  checkTensor(operation, bias)
  if (sameShape(bias.dims, [channels])) return
  throw new ShapeError({ operation, problem: `the bias is [${channels}]`, came: show(bias.dims) }, [bias.dims])
}

/** @internal A weight with its kernels turned around. */
export function flipped(weight: Tensor): Tensor {
  return flip(weight, [...weight.dims.keys()].slice(2))
}
