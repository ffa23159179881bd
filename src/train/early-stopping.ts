import { keep } from '../autodiff/lifetime.ts'
import { checkBoolean, refuseSurplus } from '../errors.ts'
import { overwrite } from '../optimizers/rule.ts'
import { copyTensor } from '../params/clone.ts'
import { sameShape } from '../tensor/shape.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { CallbackObject } from './callbacks.ts'
import { fitting, stateOf } from './remembered.ts'
import { tensorsOf } from './saved.ts'
import { Watch, type WatchOptions } from './watch.ts'

/** When a run is to end, and what is left then. */
export interface EarlyStoppingOptions extends WatchOptions {
  /** Leave the weights of the best epoch, however the run ended. */
  readonly restoreBest?: boolean | undefined
}

/** The callback, and which epoch was best. */
export interface EarlyStopping extends CallbackObject {
  /** The best epoch so far, and its number; undefined before there is one. */
  readonly best: { readonly epoch: number; readonly value: number } | undefined
}

/** What it remembers, with the weights by path. */
interface Memory {
  readonly epoch: number
  readonly tensors: Readonly<Record<string, Tensor>>
}

/**
 * A callback that ends a run once a number of its epochs has been no better than the best before for `patience` of them: the validation, the loss,
 * or one of `metrics`. Better is by more than `minDelta`; NaN is no better. With `restoreBest` the weights of the best epoch are left, however the
 * run ended (stopped, out of epochs, aborted, diverged, failed): parameters, and what lies beside them, as running means. `best` says which epoch
 * that was.
 *
 * `earlyStopping({ metric = 'validation', patience = 5, minDelta = 0, mode = 'min', restoreBest = true })`. Throws TypeError and RangeError for
 * options that are none; the run rejects with TypeError if it has no such number.
 *
 * @example
 * const model = Dense(2, 1)
 * const stopping = earlyStopping({ metric: 'loss', patience: 3 })
 * const loss = (x, y) => mse(model(x), y)
 * await train(loss, params(model), [[zeros([4, 2]), zeros([4, 1])]], Descent(0.1), { epochs: 100, callbacks: stopping })
 * stopping.best // { epoch: 0, value: 0 }
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): EarlyStopping {
  if (arguments.length > 1) refuseSurplus('earlyStopping', 1, arguments)
  const watch = new Watch('earlyStopping', options, ['restoreBest'], 5)
  const { restoreBest = true } = options
  checkBoolean('earlyStopping', 'restoreBest', restoreBest)
  let epoch = -1
  let tensors: ReadonlyMap<string, Tensor> = new Map()
  let of: () => ReadonlyMap<string, Tensor> = () => tensors
  const forget = () => {
    for (const each of tensors.values()) each.dispose()
    tensors = new Map()
  }
  return {
    get best() {
      return epoch < 0 ? undefined : { epoch, value: watch.best }
    },
    onStart(run) {
      watch.begin()
      forget()
      epoch = -1
      of = () => tensorsOf(run)
    },
    onEpoch(record) {
      if (watch.isBetter(record)) {
        if (restoreBest) tensors = snapshot(of(), tensors)
        epoch = record.epoch
      }
      return watch.answer()
    },
    onEnd() {
      restore(of(), tensors)
      forget()
    },
    state: () => ({ ...watch.state(), epoch, tensors: Object.fromEntries(tensors) }),
    load(state) {
      const memory = stateOf<Memory>('earlyStopping', state, { epoch: 'number', tensors: 'object' })
      const found = fitting('earlyStopping', of(), memory.tensors)
      const answer = watch.load(state)
      tensors = snapshot(restoreBest ? found : new Map(), tensors)
      epoch = memory.epoch
      return answer
    },
  }
}

/** Copies that no scope ends, in the memory of those before where they fit. If there is no memory for it, those before are as they were. */
function snapshot(values: ReadonlyMap<string, Tensor>, before: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor> {
  const copies = new Map<string, Tensor>()
  const made = new Set<Tensor>()
  for (const [path, value] of values) {
    const room = before.get(path)
    if (room && room.type === value.type && sameShape(room.dims, value.dims)) copies.set(path, room)
    else {
      const copy = keep(copyTensor(value))
      made.add(copy)
      copies.set(path, copy)
    }
  }
  for (const [path, value] of values) {
    const copy = copies.get(path)
    if (copy && !made.has(copy)) overwrite(copy, value)
  }
  for (const [path, each] of before) if (copies.get(path) !== each) each.dispose()
  return copies
}

/** Writes what is there of them. */
function restore(targets: ReadonlyMap<string, Tensor>, values: ReadonlyMap<string, Tensor>): void {
  const writes = [...targets].flatMap(([path, target]) => {
    const value = values.get(path)
    return value && !target.released && sameShape(value.dims, target.dims) ? [[target, value] as const] : []
  })
  for (const [target] of writes) target.settleWaiting()
  for (const [target, value] of writes) overwrite(target, value)
}
