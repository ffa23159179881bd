// A loss with its gradients, as what may be replayed.
import { differentiate } from '../autodiff/gradient.ts'
import { Grads } from '../autodiff/grads.ts'
import { kindOf, typeError } from '../errors.ts'
import type { Params } from '../params/params.ts'
import { Tensor } from '../tensor/tensor.ts'
import { type Replayed, Replays } from './replays.ts'

/** The gradients of a loss, with its value. */
export interface Differentiated {
  readonly value: unknown
  readonly gradient: Grads
}

const replays = /* @__PURE__ */ new WeakMap<object, Replays>()

/** Has steps with a loss replayed. */
export function replayStepsOf(loss: object): void {
  replays.set(loss, new Replays(false))
}

/** What is remembered of the steps with a loss; undefined for one that `jit` did not make. */
export function replaysOf(loss: object): Replays | undefined {
  return replays.get(loss)
}

/** `differentiate` of a loss of its inputs by `params`. */
export function replayedLoss(operation: string, loss: (inputs: readonly unknown[]) => unknown, params: Params): Replayed<Differentiated> {
  return {
    name: 'loss',
    run(inputs) {
      const result = differentiate(operation, () => loss(inputs), [params], true) as Differentiated
      refuseExtras(operation, result.value)
      return result
    },
    parts({ value, gradient }) {
      const isList = Array.isArray(value)
      const list = (isList ? value : [value]) as Tensor[]
      const { length } = list
      const reached = [...gradient.parameters()]
      return {
        tensors: [...list, ...gradient.tensors()],
        key: `${isList}${length}`,
        remade: (tensors, params) => ({
          value: isList ? tensors.slice(0, length) : tensors[0],
          gradient: new Grads(params as Params, new Map(reached.map((parameter, i) => [parameter, tensors[length + i]]))),
        }),
      }
    },
    around: f => f(),
  }
}

/** Throws TypeError where a loss that may be replayed returns something beside itself that is no tensor. */
function refuseExtras(operation: string, value: unknown): void {
  const odd = Array.isArray(value) ? value.findIndex(each => !(each instanceof Tensor)) : -1
  if (odd < 0) return
  throw typeError(
    operation,
    'what the loss of a jit returns beside itself are tensors',
    `${kindOf((value as unknown[])[odd])} came, at place ${odd}`,
    'Leave it out, or pass the loss without jit.',
  )
}
