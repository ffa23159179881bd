import { refuseSurplus, ShapeError, speaking, typeError } from '../errors.ts'
import { concat } from '../ops/joining.ts'
import { reshape } from '../ops/movement.ts'
import { cast } from '../ops/pointwise.ts'
import { section } from '../ops/ranges.ts'
import { copied } from '../params/clone.ts'
import { params } from '../params/params.ts'
import { inheritMode } from '../tape/mode.ts'
import { checkTensor } from '../tape/operation.ts'
import { scoped } from '../tensor/scope.ts'
import { show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { containersIn, ownedIn } from '../tensor/walk.ts'

/**
 * All parameters of a model as one vector, and the function that makes such a model of one: `[flat, rebuild]`, flat float32 [n], in the order of
 * `params`, tied ones once; frozen ones are not in it. `rebuild(flat)` is a new model of the same kind, whose parameters are parts of the vector, so
 * that a gradient flows to it; buffers and what is frozen it shares with the model. The modes of layers go along.
 *
 * Throws TypeError for what has no parameters that are not frozen; `rebuild` ShapeError for a vector of another length.
 *
 * @example
 * const model = Dense(2, 1)
 * const [flat, rebuild] = destructure(model)
 * flat.shape // [3]
 * const x = tensor([[1, 2]])
 * gradient(v => rebuild(v)(x).sum(), flat)[0].toArray() // [1, 2, 1]
 */
export function destructure<M>(model: M): [flat: Tensor, rebuild: (flat: Tensor) => M] {
  if (arguments.length > 1) refuseSurplus('destructure', 1, arguments)
  const all = speaking('destructure', () => params(model))
  const ps = [...all].filter(p => !p.frozen)
  if (ps.length === 0) throw typeError('destructure', 'all parameters are frozen', '', 'Write thaw(model).')
  const starts = new Map<Tensor, number>()
  let count = 0
  for (const p of ps) {
    starts.set(p, count)
    count += p.count
  }
  const rebuild = (flat: Tensor): M => {
    checkTensor('rebuild', flat)
    if (flat.rank !== 1 || flat.count !== count) {
      throw new ShapeError(
        { operation: 'rebuild', problem: 'the vector has another length than the parameters', came: `${show(flat.dims)}, not [${count}]` },
        [flat.dims],
      )
    }
    const floats = cast(flat, 'float32')
    const made = copied('rebuild', model, tensor => {
      const start = starts.get(tensor)
      return start === undefined ? tensor : reshape(section(floats, 0, start, tensor.count), tensor.dims)
    })
    const layers = containersIn(model)
    // In the same order, since they are made alike.
    containersIn(made).forEach((each, i) => {
      inheritMode(each, layers[i])
    })
    return made
  }
  const flat = scoped(() => concat(ps.map(p => reshape(p, [p.count]))), ownedIn)
  return [
    flat,
    function (vector) {
      if (arguments.length > 1) refuseSurplus('rebuild', 1, arguments)
      return scoped(() => rebuild(vector), ownedIn)
    },
  ]
}
