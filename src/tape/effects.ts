// What layers write while they train: put off until the step has come to its end, so that one that fails leaves no trace.
import { DTypeError, kindOf, ReleasedError, refuseSurplus, ShapeError, typeError } from '../errors.ts'
import { convert } from '../tensor/convert.ts'
import { isThenable } from '../tensor/realm.ts'
import { detachSince, madeSince, mark, type Owned, scoped } from '../tensor/scope.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { make, ownedAlias, Tensor } from '../tensor/tensor.ts'
import { unrecorded } from './level.ts'
import { called, isTraining } from './mode.ts'
import { checkTensor } from './operation.ts'

type Next = (old: Tensor) => Tensor

interface Effect {
  readonly buffer: Tensor
  /** Undefined for the result of a replay. */
  readonly f: Next | undefined
  /** What `f` gave, as a handle of its own. */
  next: Tensor
  /** How often the buffer had been written then, what is put off before it included. */
  version: number
}

let current: Effects | 'none' | undefined

/**
 * Writes a buffer of a layer, such as a running mean: what `next` makes of its old value, of the same shape and dtype, not recorded. In the order of
 * the calls, so a layer used twice moves it twice, and once a step: at once where nobody records, else when the outermost `gradient` has succeeded,
 * at the first `back()` of a `pullback`, in training after the loss and the gradients were found finite and nothing was skipped. What fails leaves
 * no trace, and a layer in test mode writes nothing. `next` is called at once; what is put off is its result.
 *
 * Throws TypeError for what is no tensor, no function, or a promise, and in training for a parameter, which the optimizer writes; ShapeError and DTypeError for a value that does not fit, ReleasedError for a
 * buffer that was freed.
 *
 * @example
 * const Centered = n =>
 *   layer(
 *     'Centered',
 *     { mean: zeros([n]) },
 *     (self, x) => {
 *       later(self.mean, old => old.mul(0.9).add(x.mean(0).mul(0.1)))
 *       return x.sub(isTraining(self) ? x.mean(0) : self.mean)
 *     },
 *     { trainable: [] },
 *   )
 * const center = Centered(1)
 * gradient(x => center(x).square().sum(), tensor([[10], [30]]))
 * center.mean.toArray() // [2]
 */
export function later(buffer: Tensor, next: (old: Tensor) => Tensor): void {
  if (arguments.length > 2) refuseSurplus('later', 2, arguments)
  checkTensor('later', buffer)
  if (typeof next !== 'function') {
    throw typeError(
      'later',
      'takes a buffer and a function of its old value',
      `${kindOf(next)} came`,
      'Write later(mean, old => old.mul(0.9).add(x.mul(0.1))).',
    )
  }
  if (current === 'none' || (called.layer && !isTraining())) return
  const effects = current ?? new Effects()
  effects.add(buffer, next)
  if (!current) effects.commit()
}

/** Runs `f`, in which nothing is written or put off: what runs in test mode, or a second time. */
export function withoutEffects<T>(f: () => T): T {
  return replacing('none', f)
}

/** Runs `f`; what it puts off is written when it has succeeded and nobody around puts off, and forgotten if it throws. */
export function committing<T>(f: () => T): T {
  const outer = current
  if (outer === 'none') return f()
  const effects = outer ?? new Effects()
  const start = effects.size
  let isDone = false
  current = effects
  try {
    const result = f()
    isDone = true
    return result
  } finally {
    current = outer
    if (effects.size > start) {
      if (!isDone) effects.forget(start)
      else if (!outer) effects.commit()
    }
  }
}

/** Does somebody take effects, or forbid them? */
export function isPuttingOff(): boolean {
  return current !== undefined
}

/** Where nobody takes effects, undefined. */
export function currentEffects(): Effects | undefined {
  return current === 'none' ? undefined : current
}

function replacing<T>(effects: typeof current, f: () => T): T {
  const outer = current
  current = effects
  try {
    return f()
  } finally {
    current = outer
  }
}

/** What is put off, in the order of the calls. */
export class Effects {
  private readonly list: Effect[] = []
  /** What the functions may read, kept for them beyond the scope in which it was made. */
  private held: readonly Owned[] | undefined = undefined

  get size(): number {
    return this.list.length
  }

  /** Takes what `f` puts off; nothing if it throws. */
  during<T>(f: () => T): T {
    if (current === 'none') return f()
    try {
      return replacing(this, f)
    } catch (error) {
      this.forget()
      throw error
    }
  }

  add(buffer: Tensor, f: Next): void {
    const before = this.newest(buffer)
    this.list.push({ buffer, f, next: evaluated(buffer, f, before?.next ?? buffer), version: this.versionOf(buffer) })
  }

  /** Takes the result of a replay, a handle of its own. */
  addResult(buffer: Tensor, next: Tensor): void {
    next.kept = 'tape'
    this.list.push({ buffer, f: undefined, next, version: this.versionOf(buffer) })
  }

  /** The buffers that are to be written, and what with, from the nth on. */
  since(start: number): readonly { readonly buffer: Tensor; readonly next: Tensor }[] {
    return this.list.slice(start)
  }

  /** Has what was put off from the nth on write other tensors instead of their copies. */
  exchange(start: number, ofCopy: ReadonlyMap<Tensor, Tensor>): void {
    for (const effect of this.list.splice(start)) {
      const buffer = ofCopy.get(effect.buffer) ?? effect.buffer
      this.list.push({ ...effect, buffer, version: this.versionOf(buffer) })
    }
  }

  /** Keeps what was made since the mark, but for `others`, until all is written or forgotten: the functions may have to be called again. */
  hold(mark: number, others: Iterable<Owned>): void {
    if (this.size > 0) this.held = detachSince(mark, others)
  }

  /** Writes what was put off, or hands it to who puts off around. */
  settle(): void {
    if (this.size === 0 || current === 'none') return
    if (!current) return this.commit()
    for (const effect of this.list) current.adopt(effect)
    this.list.length = 0
    this.forget()
  }

  commit(): void {
    try {
      this.prepare()()
    } finally {
      this.forget()
    }
  }

  /** Does whatever may fail. What it returns writes. */
  prepare(): () => void {
    const known = new Effects()
    for (const effect of this.list) known.adopt(effect)
    const writes = new Map<Tensor, { readonly next: Tensor; readonly room: Tensor | undefined }>()
    for (const { buffer, next } of this.list) {
      let room = writes.get(buffer)?.room
      if (!writes.has(buffer)) {
        buffer.check('later')
        buffer.settleWaiting()
        // What a tape has saved must stay as it is: the buffer moves.
        if (buffer.storage.saves > 0) room = make(buffer.dims, buffer.type, 'later')
      }
      writes.set(buffer, { next, room })
    }
    return () => {
      for (const [buffer, { next, room }] of writes) {
        if (next.storage === buffer.storage) continue
        if (!room) buffer.startWrite()
        convert(next, room ?? buffer, 'later')
        if (room) buffer.moveTo(room)
      }
    }
  }

  /** Forgets what was put off from the nth on. */
  forget(start = 0): void {
    while (this.list.length > start) this.list.pop()?.next.dispose()
    if (start > 0 || !this.held) return
    for (const each of this.held) each.dispose()
    this.held = undefined
  }

  dispose(): void {
    this.forget()
  }

  /** Adopts an effect; it is computed anew where its buffer has another value by now, if what it reads is still there. */
  private adopt(effect: Effect): void {
    const { buffer, f } = effect
    const version = this.versionOf(buffer)
    if (f && effect.version !== version) {
      try {
        const next = evaluated(buffer, f, this.newest(buffer)?.next ?? buffer)
        effect.next.dispose()
        effect.next = next
      } catch (error) {
        if (!(error instanceof ReleasedError)) throw error
      }
    }
    effect.version = version
    this.list.push(effect)
  }

  private newest(buffer: Tensor): Effect | undefined {
    return this.list.findLast(effect => effect.buffer === buffer)
  }

  private versionOf(buffer: Tensor): number {
    const before = this.newest(buffer)
    return before ? before.version + 1 : buffer.storage.version
  }
}

/** The next value of a buffer, which no scope owns. */
function evaluated(buffer: Tensor, f: Next, old: Tensor): Tensor {
  return scoped(() => {
    const start = mark()
    const next: unknown = unrecorded(() => f(ownedAlias(old, old.dims)))
    if (isThenable(next)) next.then(undefined, () => {})
    if (!(next instanceof Tensor)) {
      throw typeError('later', 'the function gives the next value, a tensor', `${kindOf(next)} came`, 'Return old.mul(0.9).add(...).')
    }
    next.check('later')
    if (next.type !== buffer.type) {
      const came = `${next.type} for ${buffer.type}`
      throw new DTypeError({ operation: 'later', problem: 'the next value has another dtype than the buffer', came }, [
        next.type,
        buffer.type,
      ])
    }
    if (!sameShape(next.dims, buffer.dims)) {
      const came = `${show(next.dims)} for ${show(buffer.dims)}`
      throw new ShapeError({ operation: 'later', problem: 'the next value has another shape than the buffer', came }, [
        next.dims,
        buffer.dims,
      ])
    }
    // The value, not a tensor that somebody may write before it is needed.
    const isOwn = madeSince(start, next) && next.storage.references === 1
    const value = isOwn ? next.alias() : make(next.dims, next.type, 'later')
    value.kept = 'tape'
    if (!isOwn) convert(next, value, 'later')
    return value
  })
}
