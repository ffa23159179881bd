// The loss of sequences whose labels lie nobody knows where.
import { checkNumber, rangeError, ShapeError } from '../../errors.ts'
import { ctcLosses } from '../../ops/ctc.ts'
import { asIndices } from '../../ops/indices.ts'
import { expandDims, reshape } from '../../ops/movement.ts'
import { logSoftmax } from '../../ops/softmax.ts'
import { checkTensor } from '../../tape/operation.ts'
import { full } from '../../tensor/create.ts'
import { show } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { aggregation, type LossOptions, loss } from './loss.ts'

/** What `ctc` can be told. */
export interface CtcOptions extends LossOptions {
  /** The class that stands for no label: the last one. */
  readonly blank?: number | undefined
  /** How many steps each sample has: all. */
  readonly lengths?: Tensor | readonly number[] | number | undefined
  /** How many labels each target has, for targets of different lengths that are filled up with whatever it be: all. */
  readonly targetLengths?: Tensor | readonly number[] | number | undefined
}

/**
 * Connectionist temporal classification (Graves et al. 2006): -log of the probability that logits [batch, time, classes] read as targets
 * [batch, labels], integer classes, where repeated classes are one and blanks are left out; the mean over the samples, whatever their lengths.
 * Without the batch axis it is one sequence, and its loss.
 *
 * `blank` is the last class. `lengths` and `targetLengths` say how many steps and labels of each sample count: all. A target that its steps have no
 * room for costs Infinity, with a derivative of 0 (`agg: l => where(isFinite(l), l, 0).mean()` leaves it out); an empty one is all blanks. Throws ShapeError for other shapes, RangeError for a label that is
 * no class or the blank, and for a blank and lengths that are out of range, TypeError for an `agg` that is no function.
 *
 * @example ctc(tensor([[0, 0], [0, 0]]), tensor([0])).item() // 0.2877
 */
export const ctc = /* @__PURE__ */ loss(
  'ctc',
  {},
  ['blank', 'lengths', 'targetLengths'],
  (logits, target: Tensor, options: CtcOptions, _, name) => {
    checkTensor(name, logits)
    checkTensor(name, target)
    const isOne = logits.rank === 2
    const [x, y] = isOne && target.rank === 1 ? [expandDims(logits), expandDims(target)] : [logits, target]
    const [batch, time, classes] = x.dims
    if (x.rank !== 3 || y.rank !== 2 || y.dims[0] !== batch) {
      throw new ShapeError(
        {
          operation: name,
          problem: 'logits and targets do not fit',
          came: `${show(logits.dims)} and ${show(target.dims)}`,
          wayOut: 'They are [batch, time, classes] and [batch, labels], or [time, classes] and [labels].',
        },
        [logits.dims, target.dims],
      )
    }
    const { blank = classes - 1 } = options
    checkNumber(name, 'blank', blank)
    if (!Number.isInteger(blank) || blank < 0 || blank >= classes) {
      throw rangeError(name, `the blank ${blank} is no class`, `classes count from 0 to ${classes - 1}`)
    }
    const sizes = (what: 'lengths' | 'targetLengths', all: number) => {
      const given = options[what]
      if (given === undefined) return full([batch], all, { dtype: 'int32' })
      const each = asIndices(name, given)
      if (each.count === batch) return reshape(each, [batch])
      throw new ShapeError({ operation: name, problem: `${what} are [${batch}]`, came: show(each.dims) }, [each.dims])
    }
    const losses = ctcLosses([logSoftmax(x), asIndices(name, y), sizes('lengths', time), sizes('targetLengths', y.dims[1])], blank)
    return aggregation(name, options)(isOne ? reshape(losses, []) : losses)
  },
)
