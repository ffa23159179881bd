// How errors are told. Without state, so that the datasets, a bundle of their own, may have it too.

/** Under this symbol every tensor has the mark of its copy of the library. */
export const TENSOR: unique symbol = Symbol.for('fluxtape.tensor')
export const COPY = {}
/** What `inWorker`, a bundle of its own, says to `threads` where it lends. */
export const LENT: unique symbol = Symbol.for('fluxtape.lent')

/** Under this symbol an optimizer has what `distribute` of `fluxtape/mpi`, a bundle of its own, gave it. */
export const SHARED: unique symbol = Symbol.for('fluxtape.shared')

/** What kind of thing came where another was wanted: `a promise`, `null`, `an array`, `a tensor`, `a Map`, `string`. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  const copy = (Object(value) as { [TENSOR]?: object })[TENSOR]
  if (copy) return copy === COPY ? 'a tensor' : 'a tensor of another copy of fluxtape'
  if (typeof (value as { then?: unknown } | undefined)?.then === 'function') return 'a promise'
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  const isPlain = typeof value === 'function' ? !/.Function$/.test(tag) : typeof value !== 'object' || tag === 'Object'
  return isPlain ? typeof value : `${/^[AEIO]/.test(tag) ? 'an' : 'a'} ${tag}`
}

/** A value as an argument was written, where that is short; else its kind. Bundlers number functions of one name: sum$2. */
export function written(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 40)}${value.length > 40 ? '...' : ''}'`
  if (typeof value === 'function') return value.name.replace(/\$\d+$/, '') || 'a function'
  return Object(value) === value ? kindOf(value) : `${String(value)}${typeof value === 'bigint' ? 'n' : ''}`
}

/** What an error says, part by part: `operation: problem: came. Way out.` */
export interface Complaint {
  /** The function or layer that was called. */
  readonly operation: string
  /** What is wrong, without a full stop. */
  readonly problem: string
  /** The shapes, values or names that came, if they say more. */
  readonly came?: string | number | undefined
  /** What to do instead, as a sentence. */
  readonly wayOut?: string | undefined
}

/** The text of a complaint, as every error of the library reads. What came too early is to be awaited, but for what a function gives. */
export function complain({ operation, problem, came = '', wayOut }: Complaint): string {
  const isEarly = /^a promise( came)?$/.test(String(came)) && !/^[^:,]* g[ai]ves? /.test(problem)
  const way = isEarly ? 'Await it first.' : wayOut
  return `${operation}: ${problem}${came === '' ? '' : `: ${came}`}.${way ? ` ${way}` : ''}`
}

/** What every error of the library carries, whatever its class: the operation that failed, and the layers around it. */
export interface Carried {
  operation: string
  path: readonly string[]
}

/** Makes an error of the parts of a complaint; '' leaves one out. */
type Maker<E> = (operation: string, problem: string, came?: string | number, wayOut?: string, options?: ErrorOptions) => E

/** A native error carries its data unseen: it prints, and is compared, as one that has none. */
function makerOf<E extends Error>(Kind: new (message: string, options?: ErrorOptions) => E): Maker<E> {
  return (operation, problem, came, wayOut, options) => {
    const unseen = (value: unknown) => ({ value, writable: true, configurable: true })
    const error = new Kind(complain({ operation, problem, came, wayOut }), options)
    return Object.defineProperties(error, { operation: unseen(operation), path: unseen([]) })
  }
}
export const typeError: Maker<TypeError> = /* @__PURE__ */ makerOf(TypeError)
export const rangeError: Maker<RangeError> = /* @__PURE__ */ makerOf(RangeError)

/** Throws TypeError for more arguments than a function of a bundle of its own takes. */
export function refuseMore(operation: string, most: number, came: ArrayLike<unknown>): void {
  if (came.length <= most) return
  throw typeError(operation, 'there is an argument too many', `${written(came[most])} came`)
}
