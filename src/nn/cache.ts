import { refusePromise } from '../autodiff/gradient.ts'
import { checkFunction, kindOf, noTensor, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { copyElements } from '../ops/copying.ts'
import { isRecording } from '../tape/level.ts'
import { madeSince, mark, own, scoped } from '../tensor/scope.ts'
import { show } from '../tensor/shape.ts'
import { Storage } from '../tensor/storage.ts'
import { make, Tensor } from '../tensor/tensor.ts'
import { ownedIn } from '../tensor/walk.ts'

/** What one layer, at one place of a model, keeps in a cache from call to call. What a call changes counts when the whole call of the model has succeeded. */
export class CachePart {
  private at = 0
  private advanced = 0
  private carried: readonly Tensor[] | undefined
  private next: readonly Tensor[] | undefined
  private rooms: Tensor[] = []

  /** How many positions the layer has seen in earlier calls: 0 at first. */
  get offset(): number {
    return this.at
  }

  /** What `keep` was given in the last call; undefined at first. */
  get states(): readonly Tensor[] | undefined {
    return this.carried
  }

  /** Counts positions that the layer sees in this call, and gives the first one's: the offset. Throws TypeError for what is no whole number from 0. */
  advance(count: number): number {
    if (!(Number.isInteger(count) && count >= 0))
      throw typeError('advance', 'takes how many positions come', `${written(count)} came`, 'Write advance(x.shape[1]).')
    this.advanced = count
    return this.at
  }

  /** Takes tensors for the next call's `states`: other handles of them, so that they may end with the call. Throws TypeError for what is no list of tensors. */
  keep(states: readonly Tensor[]): void {
    if (!Array.isArray(states)) throw typeError('keep', 'the states are a list of tensors', `${written(states)} came`, 'Write keep([h]).')
    for (const each of states as readonly unknown[]) {
      if (!(each instanceof Tensor)) throw noTensor('keep', each)
      each.check('keep')
    }
    this.drop(this.next)
    this.next = states.map(each => {
      const handle = each.alias()
      handle.escape()
      return handle
    })
  }

  /** @internal Rows [batch, time, features] behind those of the earlier calls, each of as many positions: all that there are. They grow in place. */
  grow(rows: readonly Tensor[]): Tensor[] {
    const [batch, time] = rows[0].dims
    const count = this.advance(time) + time
    return rows.map((each, i) => {
      const width = each.dims[2]
      const room = this.roomFor(i, batch, count, width)
      const steps = [room.dims[1] * width, width, 1]
      if (each.count > 0) copyElements('cache', each.dims, each, [time * width, width, 1], 0, room, steps, this.at * width)
      // One sequence is the beginning of its room; of several each has its own beginning.
      if (batch === 1) return beginning(room, [1, count, width])
      const all = make([batch, count, width], 'float32', 'cache')
      copyElements('cache', all.dims, room, steps, 0, all, [count * width, width, 1], 0)
      return all
    })
  }

  /** Room for so many positions; each time that it is too small it doubles, so that what is copied stays in proportion to what came. */
  private roomFor(i: number, batch: number, count: number, width: number): Tensor {
    const room = this.rooms[i] as Tensor | undefined
    if (room && this.at > 0 && (room.dims[0] !== batch || room.dims[2] !== width)) {
      const problem = `the cache holds [${room.dims[0]}, ${this.at}, ${room.dims[2]}]`
      throw new ShapeError({
        operation: 'cache',
        problem,
        came: show([batch, count - this.at, width]),
        wayOut: 'Begin with a new Cache().',
      })
    }
    if (room && room.dims[0] === batch && room.dims[2] === width && room.dims[1] >= count) return room
    const larger = make([batch, Math.max(32, 2 * count), width], 'float32', 'cache')
    if (room && this.at > 0) {
      const steps = (of: Tensor) => [of.dims[1] * width, width, 1]
      copyElements('cache', [batch, this.at, width], room, steps(room), 0, larger, steps(larger), 0)
    }
    larger.kept = 'user'
    room?.dispose()
    this.rooms[i] = larger
    return larger
  }

  /** @internal Ends a call of the model. */
  settle(succeeded: boolean): void {
    if (!succeeded) this.drop(this.next)
    else {
      this.at += this.advanced
      if (this.next) {
        this.drop(this.carried)
        this.carried = this.next
      }
    }
    this.advanced = 0
    this.next = undefined
  }

  /** @internal */
  dispose(): void {
    this.drop(this.carried)
    this.drop(this.rooms)
    this.carried = undefined
    this.rooms = []
    this.at = 0
  }

  private drop(tensors: readonly Tensor[] | undefined): void {
    if (tensors) for (const each of tensors) each.dispose()
  }
}

/** The first elements of a tensor, as one of another shape, without a copy. */
function beginning(room: Tensor, shape: readonly number[]): Tensor {
  const part = new Tensor(shape, room.type, null)
  own(part)
  part.block = new Storage(4 * part.count, room.storage)
  return part
}

/** A layer's parts: one for each time that a call of the model calls it. */
interface Parts {
  readonly list: CachePart[]
  /** In which call of the model it was called last, and how often by now. */
  call: number
  count: number
}

/** What the layers of a model keep between its calls: keys and values of attention, states of recurrent layers, how far positions have come. */
export class Keeping {
  private readonly parts = new Map<object, Parts>()
  private readonly touched: CachePart[] = []
  private call = 0
  /** @internal Has a layer asked for its part? */
  isAsked = false
  /** @internal Has a layer said that new positions alone are not enough? Undefined where that is an error. */
  isDeclined: boolean | undefined = undefined
  /** @internal Where the list of made tensors stood when the call began. */
  start = 0

  /** @internal */
  partOf(layer: object): CachePart {
    this.isAsked = true
    let parts = this.parts.get(layer)
    if (!parts) {
      parts = { list: [], call: 0, count: 0 }
      this.parts.set(layer, parts)
    }
    if (parts.call !== this.call) {
      parts.call = this.call
      parts.count = 0
    }
    parts.list[parts.count] ??= new CachePart()
    const part = parts.list[parts.count++]
    this.touched.push(part)
    return part
  }

  /** @internal Runs one call of the model; what is open already goes on. */
  during<T>(f: () => T): T {
    const outer = open
    if (outer === this) return f()
    this.call++
    this.start = mark()
    let succeeded = false
    open = this
    try {
      const y = f()
      succeeded = true
      return y
    } finally {
      open = outer
      for (let part = this.touched.pop(); part; part = this.touched.pop()) part.settle(succeeded)
    }
  }

  /** Frees what is kept now, instead of when the garbage collector finds it; the next call begins anew. */
  dispose(): void {
    for (const { list } of this.parts.values()) for (const each of list) each.dispose()
    this.parts.clear()
    this.isAsked = false
  }
}

/** What `Cache` makes. */
export type Cache = Keeping

/** The cache of the call of a model that is running. */
let open: Keeping | undefined

/**
 * A cache for the calls of a model that gets a sequence piece by piece: see `withCache`. One cache holds one sequence, or one batch of them; `dispose()`
 * frees it at once, and it can then be used anew.
 *
 * @example
 * const attention = MultiHeadAttention(4, { heads: 2, causal: true })
 * const x = randn([1, 3, 4])
 * const cache = Cache()
 * attention(x.slice(':, :2'), { cache })
 * attention(x.slice(':, 2:'), { cache }).sub(attention(x).slice(':, 2:')).abs().max().item() < 1e-6 // true
 */
export function Cache(): Cache {
  if (arguments.length > 0) refuseSurplus('Cache', 0, arguments)
  return new Keeping()
}

/**
 * Calls `f`, a call of a model with the next piece of its sequence, [batch, time, ...]: attention that is causal sees the keys and values of the pieces
 * before, recurrent layers go on from their last states, positions count on. Each layer keeps its part of the cache by its identity (and by how often it
 * is called), so one cache belongs to one model. If `f` throws, the cache is as it was. Returns what `f` does; what else was made in it is freed.
 *
 * Throws TypeError for what is no cache, no function or one that is async, while a gradient is being taken, and where a layer gives for a position what depends on later ones
 * (attention that is not causal, a recurrent layer in both directions); ShapeError where the batch changes.
 *
 * @example
 * const model = Chain(Dense(2, 4), MultiHeadAttention(4, { heads: 2, causal: true }))
 * const x = randn([1, 3, 2])
 * const cache = Cache()
 * const pieces = [x.slice(':, :2'), x.slice(':, 2:')].map(piece => withCache(cache, () => model(piece)))
 * concat(pieces, 1).sub(model(x)).abs().max().item() < 1e-6 // true
 */
export function withCache<T>(cache: Cache, f: () => T extends PromiseLike<unknown> ? 'a function that is not async' : T): T
export function withCache<T>(cache: Cache, f: () => T): T {
  if (arguments.length > 2) refuseSurplus('withCache', 2, arguments)
  checkCache('withCache', cache)
  checkFunction('withCache', 'what runs with it', f)
  return cached('withCache', cache, () => {
    const y = f()
    refusePromise('withCache', y)
    return y
  })
}

/** Runs `f` with the cache. Throws TypeError while a gradient is being taken. */
export function cached<T>(operation: string, cache: Cache, f: () => T): T {
  if (isRecording())
    throw typeError(operation, 'a gradient is being taken, and what is cached has none', '', 'Call the model without a cache there.')
  return scoped(() => cache.during(f), ownedIn)
}

/** Throws TypeError for what is no cache. */
export function checkCache(operation: string, cache: unknown): asserts cache is Cache {
  if (!(cache instanceof Keeping)) throw typeError(operation, 'the cache is a Cache', `${written(cache)} came`, 'Write Cache().')
}

/**
 * What a layer keeps in the cache of the call that is running: undefined where there is none. For layers of one's own that must know what came before:
 * `advance(n)` counts n positions and gives the first one's, `states` are the tensors that `keep` was given in the call before. Throws TypeError for what
 * is no layer.
 *
 * @example
 * const Sum = () => layer('Sum', {}, (self, x) => {
 *   const part = cachePart(self)
 *   const [before] = part?.states ?? [zeros([1, 1])]
 *   const y = x.cumsum(1).add(before)
 *   part?.keep([y.slice(':, -1:')])
 *   return y
 * })
 * const sum = Sum()
 * const cache = Cache()
 * withCache(cache, () => sum(tensor([[1, 2]]))).toArray() // [[1, 3]]
 * withCache(cache, () => sum(tensor([[4]]))).toArray() // [[7]]
 */
export function cachePart(self: object): CachePart | undefined {
  if (arguments.length > 1) refuseSurplus('cachePart', 1, arguments)
  if (Object(self) !== self) throw typeError('cachePart', 'takes a layer', `${kindOf(self)} came`, 'Write cachePart(self).')
  return open?.isDeclined ? undefined : open?.partOf(self)
}

/** Does a call with a cache run? */
export function isCaching(): boolean {
  return open !== undefined
}

/** Says that what a layer gives cannot be had from new positions alone: an error, but where the whole sequence can be had instead. */
export function declineCache(operation: string, problem: string, wayOut = ''): void {
  if (open === undefined) return
  if (open.isDeclined === undefined) throw typeError(operation, `there is a cache, and ${problem}`, '', wayOut)
  open.isDeclined = true
}

/** Was the tensor there before the call with the cache that is running, so that it cannot depend on its input? */
export function isFromBefore(x: Tensor): boolean {
  return open === undefined || !madeSince(open.start, x)
}

/**
 * Runs a layer that carries a state: from the one that it was given, or else from what it kept in the cache at its last call. `run` gives y and the last
 * states, which are kept.
 */
export function carried(
  self: object,
  given: readonly Tensor[] | undefined,
  run: (states: readonly Tensor[] | undefined) => readonly Tensor[],
): readonly Tensor[] {
  const part = given === undefined ? cachePart(self) : undefined
  const results = run(given ?? part?.states)
  part?.keep(results.slice(1))
  return results
}
