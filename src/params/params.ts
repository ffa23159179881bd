import { kindOf, refuseSurplus, typeError } from '../errors.ts'
import { hint, seal, unassignable } from '../tensor/seal.ts'
import { Tensor } from '../tensor/tensor.ts'
import { PARTS, refusesForeign, table, walk } from '../tensor/walk.ts'

let isClosed = false

/**
 * An ordered set of parameters by identity: a tensor that stands in several places (tied weights) is in it once, under its first path.
 *
 * @example
 * const ps = params(Chain(Dense(3, 2)))
 * ps.size // 2
 * ps.paths() // ['layers.0.weight', 'layers.0.bias']
 * for (const p of ps) console.log(p.shape) // in the order of the walk
 */
export class Params implements Iterable<Tensor> {
  private readonly pathOf = new Map<Tensor, string>()
  private readonly used = new Set<string>()
  /** @internal What lies beside the parameters, and is not trained: buffers, by tensor. */
  readonly buffers: Map<Tensor, string> = new Map()

  constructor() {
    if (isClosed) return
    isClosed = true
    Object.defineProperty(Params.prototype, PARTS, { value: Params.prototype.entries })
    hint(Params.prototype, 'Params', () => ({ length: 'ps.size counts parameters' }))
    seal(Params.prototype, name => unassignable('Params', name, 'add and delete change what is in it.'))
  }

  /** How many parameters there are. */
  get size(): number {
    return this.pathOf.size
  }

  /**
   * Adds a tensor, all trainable ones of a model, or another Params; those that are in already stay where they are. A path in use gets a
   * number in front. Returns itself.
   */
  add(source: unknown, path?: string): this {
    if (arguments.length > 2) refuseSurplus('Params', 2, arguments)
    const put = (tensor: Tensor, inner: string): void => {
      if (this.pathOf.has(tensor)) return
      const unused = this.unusedPath([path, inner].filter(Boolean).join('.'))
      this.pathOf.set(tensor, unused)
      this.used.add(unused)
    }
    const foreign = refusesForeign('params')
    const visit = (tensor: Tensor, inner: string, trainable: boolean): void => {
      if (trainable && tensor.type === 'float32') put(tensor, inner)
      else if (!this.buffers.has(tensor)) this.buffers.set(tensor, [path, inner].filter(Boolean).join('.'))
    }
    walk(source, visit, { foreign })
    if (source instanceof Params) for (const [buffer, inner] of source.buffers) this.buffers.set(buffer, inner)
    return this
  }

  private unusedPath(path: string): string {
    let unused = path || String(this.pathOf.size)
    for (let i = 1; this.used.has(unused); i++) unused = path ? `${i}.${path}` : String(this.pathOf.size + i)
    return unused
  }

  /** Takes a tensor, or all of a model or of another Params, out; says whether anything was in. */
  delete(source: unknown): boolean {
    if (arguments.length > 1) refuseSurplus('Params', 1, arguments)
    const before = this.pathOf.size
    const remove = (tensor: Tensor): void => {
      this.used.delete(this.pathOf.get(tensor) ?? '')
      this.pathOf.delete(tensor)
      this.buffers.delete(tensor)
    }
    walk(source, remove)
    return this.pathOf.size < before
  }

  /** Is the tensor in it? */
  has(tensor: Tensor): boolean {
    if (arguments.length > 1) refuseSurplus('Params', 1, arguments)
    return this.pathOf.has(tensor)
  }

  /** The path of a parameter: `layers.0.weight`; of a loose tensor its place. Undefined for one that is not in it. */
  path(tensor: Tensor): string | undefined {
    if (arguments.length > 1) refuseSurplus('Params', 1, arguments)
    return this.pathOf.get(tensor)
  }

  /** All paths, in order. */
  paths(): string[] {
    if (arguments.length > 0) refuseSurplus('Params', 0, arguments)
    return [...this.pathOf.values()]
  }

  /** Path and parameter, in order. */
  entries(): [string, Tensor][] {
    if (arguments.length > 0) refuseSurplus('Params', 0, arguments)
    return [...this.pathOf].map(([tensor, path]) => [path, tensor])
  }

  [Symbol.iterator](): Iterator<Tensor> {
    return this.pathOf.keys()
  }

  /** What `JSON.stringify` writes: the parameters by path, as of a model. */
  toJSON(): Readonly<Record<string, Tensor>> {
    return table(this)
  }

  toString(): string {
    return `Params (${this.size}): ${this.entries()
      .map(([path, tensor]) => `${path} [${tensor.dims.join(', ')}]`)
      .join(', ')}`
  }
}

/**
 * The parameters of models, layers, arrays, plain objects, Maps and loose tensors: every trainable float32 tensor in them, once, in the
 * order of their fields. Frozen ones are in it, too: they get no gradient and no update until `thaw`. Throws TypeError if there is none: a
 * closure hides the tensors it uses, so pass the tensors themselves.
 *
 * @example
 * const [W, b] = [zeros([2, 3]), zeros([2])]
 * params(W, b).size // 2
 * params(Dense(3, 2)).paths() // ['weight', 'bias']
 */
export function params(...sources: unknown[]): Params {
  const found = new Params()
  sources.forEach((source, i) => {
    found.add(source, sources.length === 1 || source instanceof Tensor ? undefined : String(i))
  })
  if (found.size > 0) return found
  const closure = sources.some(source => typeof source === 'function')
  throw typeError(
    'params',
    'no trainable tensor was found',
    sources.map(kind).join(', ') || 'nothing was passed',
    closure
      ? 'A function hides the tensors that it closes over: pass them, as in params(W, b), or make the model with layer(...).'
      : 'Pass float32 tensors, or models that hold them.',
  )
}

function kind(source: unknown): string {
  return source instanceof Tensor ? `a tensor of ${source.type}` : kindOf(source)
}

/**
 * Takes parameters out of training, those of a model or single ones: no gradient is computed for them and no update changes them. Gives back what it
 * was passed, of several a list. Throws TypeError for what holds no tensor; nothing is frozen then.
 *
 * @example
 * const model = Dense(2, 1)
 * freeze(model.weight)
 * model.weight.frozen // true
 */
export function freeze<Source>(source: Source): Source
export function freeze<Sources extends readonly unknown[]>(...sources: Sources): Sources
export function freeze(...sources: unknown[]): unknown {
  return setFrozen('freeze', sources, true)
}

/**
 * Undoes `freeze`: gradients are computed and updates change them again. Gives back what it was passed, of several a list. Throws TypeError for what
 * holds no tensor.
 *
 * @example
 * const model = Dense(2, 1)
 * freeze(model)
 * thaw(model.bias)
 * model.bias.frozen // false
 */
export function thaw<Source>(source: Source): Source
export function thaw<Sources extends readonly unknown[]>(...sources: Sources): Sources
export function thaw(...sources: unknown[]): unknown {
  return setFrozen('thaw', sources, false)
}

function setFrozen(operation: string, sources: readonly unknown[], frozen: boolean): unknown {
  const found: Tensor[] = []
  if (sources.length === 0)
    throw typeError(operation, 'nothing was passed', '', `Write ${operation}(model), or ${operation}(model[0].weight).`)
  for (const source of sources) {
    const before = found.length
    walk(source, tensor => void found.push(tensor), { foreign: refusesForeign(operation) })
    if (found.length === before) {
      throw typeError(
        operation,
        'holds no tensor',
        kind(source),
        'Pass the model, a layer such as model[0], or tensors such as model[0].weight.',
      )
    }
  }
  for (const tensor of found) tensor.frozen = frozen
  return sources.length > 1 ? sources : sources[0]
}
