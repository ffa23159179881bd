import { hearingReads } from '../nn/reads.ts'
import { madeSince, mark } from '../tensor/scope.ts'
import { show } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensorsIn } from '../tensor/walk.ts'
import type { Feature } from './loop.ts'
import type { RunRecord } from './record.ts'
import type { Subject } from './step.ts'

/** Runs a forward pass, and warns of what looks like a parameter that nobody trains: plain functions in a Chain hide the tensors they close over. */
export function warnOfUntrained<T>({ params, model }: Subject, batch: unknown, forward: () => T): T {
  const start = mark()
  const known = new Set(tensorsIn([batch, model]))
  const found = new Map<Tensor, string>()
  const hear = (tensor: Tensor, place: string): void => {
    const isConstant = tensor.type !== 'float32' || tensor.frozen || tensor.kept === 'tape'
    if (isConstant || params.has(tensor) || known.has(tensor) || madeSince(start, tensor)) return
    found.set(tensor, `${place} ${show(tensor.dims)}`)
  }
  try {
    return hearingReads(hear, forward)
  } finally {
    if (found.size > 0) {
      console.warn(
        `train: functions in a Chain read tensors that no params hold, and that are not trained: ${[...found.values()].join(', ')}. Add them to the params, or make a layer(...) of the function; freeze(w) says that w is a constant.`,
      )
    }
  }
}

/** Warns after the first epoch of parameters that took no part in any loss of it. */
export function warningOfUnreached({ params }: Subject, record: RunRecord): Feature {
  const unreached = new Set(params)
  return {
    stepped({ reached }) {
      if (unreached.size > 0) for (const parameter of reached) unreached.delete(parameter)
    },
    measure({ loss }) {
      // All of it skipped says nothing, nor does a part of it, where the run was taken up.
      const paths = Number.isNaN(loss) || record.first > 0 ? [] : [...unreached].filter(each => !each.frozen).map(each => params.path(each))
      if (paths.length > 0) console.warn(`train: parameters that took no part in the loss of the first epoch: ${paths.join(', ')}.`)
      unreached.clear()
    },
  }
}
