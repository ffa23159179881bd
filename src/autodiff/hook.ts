import { checkFunction, DTypeError, refuseSurplus, ShapeError } from '../errors.ts'
import { cast } from '../ops/pointwise.ts'
import { isRecording, record, trackedAlias } from '../tape/level.ts'
import { checkTensor, type Entry } from '../tape/operation.ts'
import { giveBack } from '../tensor/scope.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { ownedAlias, type Tensor } from '../tensor/tensor.ts'
import { refusePromise } from './gradient.ts'

/**
 * x, unchanged; on the way back `f` gets its gradient, of its shape, and gives the one that goes on, or nothing where it only looks. It is called once
 * a walk, with the whole gradient of the result, and never where x takes no part in a gradient. Written in operations, it can be differentiated again.
 * The tensor that it gets ends with the walk: `keep(g)`, or read it; under `jit` neither, as it is not called again when a step is replayed.
 *
 * Throws TypeError for what is no tensor, no function or a promise, DTypeError for an x that has no derivative; on the way back TypeError for
 * what is no tensor, ShapeError for one of another shape.
 *
 * @example
 * gradient(x => onGradient(x.mul(3), g => g.clamp(-1, 1)).mul(5), 2)[0].item() // 3
 */
export function onGradient(x: Tensor, f: ((g: Tensor) => Tensor | undefined) | ((g: Tensor) => void)): Tensor {
  if (arguments.length > 2) refuseSurplus('onGradient', 2, arguments)
  checkTensor('onGradient', x)
  checkFunction('onGradient', 'the second argument', f)
  if (x.type !== 'float32') {
    const wayOut = "Cast it before: x.cast('float32')."
    throw new DTypeError({ operation: 'onGradient', problem: `${x.type} has no derivative`, wayOut }, [x.type])
  }
  const y = ownedAlias(x, x.dims)
  if (isRecording()) record(entry, [x], y, f)
  return y
}

const entry: Entry = {
  name: 'onGradient',
  differentiable: () => true,
  pull(_, g, __, options) {
    // A handle of its own: that of the tape ends with its node.
    const seen = trackedAlias(g)
    giveBack(seen)
    const given = (options as (g: Tensor) => unknown)(seen)
    if (given === undefined) return g
    refusePromise('onGradient', given)
    checkTensor('onGradient', given)
    // What is made of comparisons counts, too.
    if (sameShape(given.dims, g.dims)) return cast(given, 'float32')
    const came = `${show(given.dims)} for ${show(g.dims)}`
    throw new ShapeError({ operation: 'onGradient', problem: 'the gradient must keep its shape', came }, [given.dims, g.dims])
  },
}
