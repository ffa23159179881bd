import { kindOf, refuseSurplus, typeError } from '../errors.ts'

let depth = 0
const modes = /* @__PURE__ */ new WeakMap<object, boolean>()

// biome-ignore lint/suspicious/noExplicitAny: what a layer takes is known to it alone
type Around = (self: object, forward: (self: any, ...inputs: any) => unknown, inputs: readonly unknown[]) => unknown

/**
 * Whose function runs: set by the call of a layer, whose mode counts then. A record, so that it is put back without a call. `around` calls the
 * functions of layers in their place, where somebody wants to know.
 */
export const called: { layer: object | undefined; around: Around | undefined } = { layer: undefined, around: undefined }

/** Runs `f`; the functions of layers are called by `around` meanwhile. */
export function calledBy<T>(around: Around, f: () => T): T {
  const before = called.around
  called.around = around
  try {
    return f()
  } finally {
    called.around = before
  }
}

/** Counts the changes of modes: what a replay depends on. */
export let modeChanges = 0

/** The modes that layers had before they were changed, as far as somebody takes notes. */
export type Modes = Map<object, boolean | undefined>
let notes: Modes | undefined

/** Told of a layer that is asked for its mode, and of that; gives the one that counts. */
export type Recall = (layer: object, mode: boolean | undefined) => boolean | undefined
let recall: Recall | undefined

/**
 * Does a layer act as in training? So it is while a gradient is being taken, unless `trainMode` or `testMode` overrule. Without an argument: of the
 * layer whose function runs, or of everything. Takes a layer of any inputs and shapes; throws TypeError for what is no object or function.
 *
 * @example
 * const Noise = () => layer('Noise', {}, (self, x) => (isTraining(self) ? x.add(randn(x.shape)) : x))
 * Noise()(tensor([1, 2])).toArray() // [1, 2]
 */
export function isTraining(layer?: object): boolean {
  if (arguments.length > 1) refuseSurplus('isTraining', 1, arguments)
  if (layer !== undefined && (layer === null || (typeof layer !== 'object' && typeof layer !== 'function'))) {
    throw typeError('isTraining', 'takes a layer, or nothing', `${kindOf(layer)} came`)
  }
  const of = layer ?? called.layer
  const mode = of && modes.get(of)
  return (of && recall ? recall(of, mode) : mode) ?? depth > 0
}

/** Runs `f` in training mode. */
export function training<T>(f: () => T): T {
  const outer = depth
  depth = outer + 1
  try {
    return f()
  } finally {
    depth = outer
  }
}

/** Is nobody concerned with which layer is called, and in which mode? */
export function isOutsideOfLayers(): boolean {
  return depth === 0 && !called.layer && !called.around && !recall
}

/** Runs `f`; `by` says in which mode a layer is meanwhile. */
export function recalling<T>(by: Recall | undefined, f: () => T): T {
  const before = recall
  recall = by
  try {
    return f()
  } finally {
    recall = before
  }
}

/** Gives a layer that nobody has called yet the mode of another. */
export function inheritMode(to: object, from: object): void {
  const mode = modes.get(from)
  if (mode !== undefined) modes.set(to, mode)
}

/** Overrules the mode of a layer; undefined ends that. */
export function setMode(layer: object, isTraining: boolean | undefined): void {
  const before = modes.get(layer)
  if (before === isTraining) return
  if (notes && !notes.has(layer)) notes.set(layer, before)
  if (isTraining === undefined) modes.delete(layer)
  else modes.set(layer, isTraining)
  modeChanges++
}

/** Runs `f`, and notes the modes that it changes. */
export function noting<T>(into: Modes, f: () => T): T {
  const before = notes
  notes = into
  try {
    return f()
  } finally {
    notes = before
  }
}

/** Gives layers the modes that were noted. */
export function restoreModes(noted: Modes): void {
  for (const [layer, mode] of noted) setMode(layer, mode)
}
