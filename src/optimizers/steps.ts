import { fusion } from '../ops/fusion.ts'
import { copyTensor } from '../params/clone.ts'
import { scoped } from '../tensor/scope.ts'
import { make, type Tensor } from '../tensor/tensor.ts'
import { f32, i32 } from '../wasm/memory.ts'
import { descent, RECORD, weightDecay } from '../wasm/rules.generated.ts'
import type { Hyper, LaneKernel, Slot } from './definition.ts'
import { firstIn, firstNotFinite } from './finite.ts'
import { type Optimizer, overwrite, type Rule } from './rule.ts'

/** A parameter and its gradient, or what rules have made of it: its step so far. */
export type Pair = readonly [x: Tensor, g: Tensor]

/** The steps of all parameters on their way through the rules. */
interface Steps {
  readonly pairs: readonly Pair[]
  /** What all of them are still to be multiplied by. */
  readonly factor: number
  /** Are these tensors nobody else's, so that they may be written over? */
  readonly areOwn: boolean
}

/** The path of a parameter, for rules that ask for it. */
export type PathOf = (x: Tensor) => string | undefined

/** The error for a gradient that is not finite. */
type Refusal = (pair: Pair) => Error

/** Takes a step with all parameters, and counts it. If something fails, nothing has changed. */
export function takeSteps(optimizer: Optimizer, pairs: readonly Pair[], pathOf: PathOf, refusal: Refusal): void {
  scoped(() => void pass(optimizer, pairs, true, pathOf, refusal))
}

/** The step for one parameter, not taken but counted: a new tensor; undefined to leave the parameter as it is. */
export function stepOf(optimizer: Optimizer, pair: Pair, refusal: Refusal): Tensor | undefined {
  return scoped(
    () => pass(optimizer, [pair], false, () => '', refusal).pairs[0]?.[1],
    step => (step ? [step] : []),
  )
}

/**
 * Sends the steps through all rules. With `takes` the last kernel subtracts them. Up to the last rule that may fail for what it is given, the
 * slots are remembered; behind it are kernels alone, and all that these need is made before the first one writes.
 */
function pass(optimizer: Optimizer, pairs: readonly Pair[], takes: boolean, pathOf: PathOf, refusal: Refusal): Steps {
  const { links, steps: count } = optimizer
  const counts = links.map(([, rule]) => rule.steps)
  const moves = new Moves(links.length * pairs.length, pathOf)
  let firm = links.length
  while (firm > 0 && links[firm - 1][1].definition.kernel) firm--
  const refuse = (at: number) => {
    if (at >= 0) throw refusal(pairs[at])
  }
  if (firm > 0) refuse(firstNotFinite(pairs.map(([, g]) => g)))
  try {
    for (let i = 0; i < firm; i++) moves.remember(links[i][1], pairs)
    let steps: Steps = { pairs, factor: 1, areOwn: false }
    let at = 0
    for (; at < firm && steps.pairs.length > 0; at++) steps = throughRule(links[at][1], steps, moves)
    let last: KernelCall | undefined
    for (; at < links.length && steps.pairs.length > 0; at++) {
      last = lanes(links[at][1], steps, moves, takes && fusion.optimizer && at === links.length - 1, last)
      steps = last.steps
    }
    if (!last?.takes && (takes || !steps.areOwn || steps.factor !== 1)) {
      last = plain(steps, takes, last)
      steps = last.steps
    }
    // Where kernels take the gradients themselves, what they were told of them will do.
    if (firm === 0 && last) refuse(notFiniteIn(last))
    if (takes) for (let i = 0; i < steps.pairs.length; i++) steps.pairs[i][0].settleWaiting()
    run(last)
    for (const slot of moves.given) slot.t = 0
    // Each rule counts what reaches it, wherever it is used. Without a call, too.
    for (let i = 0; i < at; i++) links[i][1].steps = counts[i] + 1
    optimizer.steps = count + 1
    return steps
  } catch (error) {
    // Without a call first: the stack may be full.
    for (let i = 0; i < moves.count; i++) moves.slots[i].t--
    moves.undo()
    throw error
  }
}

/** What a step has done to the optimizer's state. */
class Moves {
  /** Slots whose count has moved on, and how many they are. */
  readonly slots: Slot[]
  count = 0
  /** Slots of rules that hold steps back, which gave one. */
  readonly given: Slot[] = []
  readonly pathOf: PathOf
  private undos: (() => void)[] | undefined

  /** `most`: how many slots may move. */
  constructor(most: number, pathOf: PathOf) {
    this.slots = new Array<Slot>(most)
    this.pathOf = pathOf
  }

  /** The hyperparameters for a parameter; `all` are those of a rule for which they are the same. */
  hyper(rule: Rule<Hyper>, x: Tensor, all: Hyper): Hyper {
    return rule.isByParameter ? rule.hyperOf(this.pathOf(x) ?? '', x) : all
  }

  /** The slot of a parameter, which takes a step. */
  slot(rule: Rule<Hyper>, x: Tensor): Slot {
    const slot = rule.existingSlot(x) ?? this.made(rule, x)
    this.slots[this.count++] = slot
    slot.t++
    return slot
  }

  private made(rule: Rule<Hyper>, x: Tensor): Slot {
    this.atFailure(() => rule.forget(x))
    return rule.slot(x, this.pathOf(x))
  }

  /** Copies what the rule will write over. */
  remember(rule: Rule<Hyper>, pairs: readonly Pair[]): void {
    if (rule.slotNames.length === 0) return
    for (const [x] of pairs) {
      for (const slot of rule.existingSlot(x)?.list ?? []) {
        const before = copyTensor(slot)
        this.atFailure(() => overwrite(slot, before))
      }
    }
  }

  private atFailure(undo: () => void): void {
    this.undos ??= []
    this.undos.push(undo)
  }

  /** Puts back everything but the counts. */
  undo(): void {
    for (const undo of this.undos ?? []) undo()
  }
}

/** Sends the steps through one rule of any kind. */
function throughRule(rule: Rule<Hyper>, steps: Steps, moves: Moves): Steps {
  const { kernel, factor } = rule.definition
  if (kernel) {
    const call = lanes(rule, steps, moves, false)
    run(call)
    return call.steps
  }
  const { pairs, areOwn } = scaled(steps)
  const { hyper } = rule
  if (factor) {
    const gs = pairs.map(([, g]) => g)
    const next = { pairs, factor: rule.factorOf(hyper, gs), areOwn }
    return isExtreme(next.factor) ? scaled(next) : next
  }
  const next: Pair[] = []
  for (const [x, g] of pairs) {
    const slot = moves.slot(rule, x)
    const step = scoped(
      () => rule.inOperations(x, g, slot, moves.hyper(rule, x, hyper)),
      step => (step ? [step] : []),
    )
    if (areOwn) g.dispose()
    if (step) next.push([x, step])
  }
  return { pairs: next, factor: 1, areOwn: true }
}

/** Would products by it as float32 lose digits, or overflow? */
function isExtreme(factor: number): boolean {
  return !(Math.abs(factor) >= 2 ** -126 && Math.abs(factor) < 2 ** 127)
}

/** The steps multiplied by their factor. */
function scaled(steps: Steps): Steps {
  if (steps.factor === 1) return steps
  const call = plain(steps, false)
  run(call)
  return call.steps
}

/** Moves averages on, each towards its tensor by a share of the difference, in one call: a ← a - (share a - share x). If x is a, it stays. */
export function moveAverages(pairs: readonly (readonly [average: Tensor, x: Tensor])[], share: number): void {
  scoped(() => {
    const call = kernelCall(weightDecay, { pairs, factor: -share, areOwn: true }, true, { lambda: share }, undefined)
    for (const [average] of pairs) average.settleWaiting()
    run(call)
  })
}

/** A call of a kernel that is ready to be made, and what the steps are behind it. */
interface KernelCall {
  /** To be made before. */
  readonly before: KernelCall | undefined
  readonly kernel: LaneKernel
  readonly records: Tensor
  readonly segments: number
  readonly units: number
  readonly steps: Steps
  /** The steps are subtracted. */
  readonly takes: boolean
}

/** A rule's kernel. */
function lanes(rule: Rule<Hyper>, steps: Steps, moves: Moves, takes: boolean, before?: KernelCall): KernelCall {
  const { kernel = descent, holds } = rule.definition
  return kernelCall(kernel, steps, takes && !holds, rule.hyper, before, rule, moves)
}

/** The steps times their factor, nothing else. */
function plain(steps: Steps, takes: boolean, before?: KernelCall): KernelCall {
  const factor = !isExtreme(steps.factor) ? steps.factor : Math.abs(steps.factor) < 1 ? 2 ** -64 : 2 ** 64
  return kernelCall(descent, { ...steps, factor }, takes, { eta: steps.factor / factor }, before)
}

/**
 * Writes the records of a call, for a rule or without slots. The step goes where the one before lay if that is the optimizer's own, else into a new
 * tensor, or is subtracted.
 */
function kernelCall(
  kernel: LaneKernel,
  { pairs, factor, areOwn }: Steps,
  takes: boolean,
  hyper: Hyper,
  before: KernelCall | undefined,
  rule?: Rule<Hyper>,
  moves?: Moves,
): KernelCall {
  const { words } = RECORD
  const { numbers: names } = kernel
  const size = names.length
  const next = takes || areOwn ? pairs : pairs.map(([x]) => [x, make(x.dims, 'float32')] as const)
  const holds = rule?.definition.holds
  const given: Pair[] | undefined = holds && []
  const records = make([pairs.length * (words + 1 + size)], 'int32')
  let units = 0
  // Mostly all parameters have taken as many steps, and the numbers are the same.
  let at = records.pointer >>> 2
  let top = at + pairs.length * words
  let numbers = top
  let t = -1
  let own = hyper
  for (let i = 0; i < pairs.length; i++, at += words) {
    const [x, g] = pairs[i]
    const slot = rule ? moves?.slot(rule, x) : undefined
    const name = rule?.name ?? 'update'
    // A rule of the user's, or who read the state, may have ended them.
    x.check(name)
    g.check(name)
    if (slot) for (let k = 0; k < slot.list.length; k++) slot.list[k].check(name)
    const previous = own
    if (rule?.isByParameter && moves) own = moves.hyper(rule, x, hyper)
    if (t !== (slot?.t ?? 0) || own !== previous) {
      t = slot?.t ?? 0
      numbers = top
      f32[numbers] = factor
      const values = rule?.definition.numbers?.(own, t) ?? (own as Readonly<Record<string, number>>)
      for (let k = 0; k < size; k++) f32[numbers + 1 + k] = values[names[k]]
      top += 1 + size
    }
    i32[at] = x.pointer
    i32[at + 1] = g.pointer
    i32[at + 2] = takes ? 0 : next[i][1].pointer
    if (slot) for (let k = 0; k < slot.list.length; k++) i32[at + 3 + k] = slot.list[k].pointer
    i32[at + words - 3] = x.count
    i32[at + words - 2] = units
    i32[at + words - 1] = numbers << 2
    units += x.count
    if (!slot || holds?.(own, slot.t) !== false) continue
    moves?.given.push(slot)
    given?.push(next[i])
  }
  const steps = { pairs: given ?? next, factor: 1, areOwn: true }
  return { before, kernel, records, segments: pairs.length, units, steps, takes }
}

/** Which of the gradients that the first of the calls reads is not finite; -1: all are. */
function notFiniteIn(call: KernelCall): number {
  const { before, records, segments, units } = call
  return before ? notFiniteIn(before) : firstIn(records.pointer, segments, 4 * RECORD.words, 4, units)
}

/** Makes the call, and those before it first. */
function run(call: KernelCall | undefined): void {
  if (!call) return
  const { before, kernel, records, segments, units, takes } = call
  const { pairs } = call.steps
  if (before) run(before)
  kernel.run(records.pointer, segments, units)
  // Without a call: the stack may be full, and what was written counts.
  for (let i = 0; takes && i < pairs.length; i++) {
    const { block } = pairs[i][0]
    if (block) block.version++
  }
  records.dispose()
}
