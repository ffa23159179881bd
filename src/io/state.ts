import { checkOptions, kindOf, noTensor, refuseSurplus, ShapeError, typeError, written } from '../errors.ts'
import { assign } from '../ops/assign.ts'
import { add, cast } from '../ops/pointwise.ts'
import { copyTensor } from '../params/clone.ts'
import { isRecording } from '../tape/level.ts'
import { isWritten, tensor, type WrittenTensor } from '../tensor/create.ts'
import { isMap, isPlain, isThenable, tagOf } from '../tensor/realm.ts'
import { scoped } from '../tensor/scope.ts'
import { sameShape, show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { refusesForeign, walk } from '../tensor/walk.ts'

/** Tensors by path. */
export type State = Map<string, Tensor>

/**
 * All tensors of a model by path, parameters and buffers: the tensors themselves, so later training shows in it. `clone(state(model))` is a
 * snapshot. A tied tensor stands under each of its paths, those of a layer that stands in several places under the first. Throws TypeError
 * where two tensors have one path.
 *
 * @example [...state(Dense(3, 2)).keys()] // ['weight', 'bias']
 */
export function state(model: unknown): State {
  if (arguments.length > 1) refuseSurplus('state', 1, arguments)
  return tensorsOf('state', model).found
}

/** The state of a model, and for each place where a part of it stands again the first one. */
export function tensorsOf(operation: string, model: unknown): { found: State; firsts: ReadonlyMap<string, string> } {
  const found: State = new Map()
  const firsts = new Map<string, string>()
  const visit = (tensor: Tensor, path: string): void => {
    const other = found.get(path)
    if (other && other !== tensor) {
      throw typeError(
        operation,
        `two tensors have the path '${path}', so one would be lost`,
        '',
        'Rename a field that has a dot in its name.',
      )
    }
    found.set(path, tensor)
  }
  walk(model, visit, { foreign: refusesForeign(operation), again: (path, first) => firsts.set(path, first) })
  Object.defineProperty(found, 'toJSON', { value: tableOf })
  return { found, firsts }
}

function tableOf(this: State): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(this)
}

/** What is written where: a table from names of the state to paths of the model, or a function that gives a path, or a list of paths with values. `state` is what is
 * renamed, whole. */
export type Rename =
  | Readonly<Record<string, string>>
  | ((name: string, tensor: Tensor, state: ReadonlyMap<string, Tensor>) => string | readonly (readonly [path: string, tensor: Tensor])[])

/** How a state is taken. */
export interface LoadStateOptions {
  /** true: what does not fit is an error. false: it is left as it is, and told. */
  readonly strict?: boolean | undefined
  /** Take only what lies under this path of the state, without it: of `encoder.0.weight` under `encoder`, `0.weight`. */
  readonly prefix?: string | undefined
  /** Other names than the state's, without the prefix. Values for one path add up. */
  readonly rename?: Rename | undefined
}

/** What did not fit, by path. */
export interface LoadedState {
  /** Paths of the model for which the state has nothing. */
  readonly missing: readonly string[]
  /** Paths of the state that the model does not have. */
  readonly unexpected: readonly string[]
  /** Paths where the two differ in shape. */
  readonly reshaped: readonly string[]
}

/** A state by path: tensors, or what JSON has of them. */
export type StateInput = ReadonlyMap<string, Tensor | WrittenTensor> | Readonly<Record<string, Tensor | WrittenTensor>>

/**
 * Writes a state into the tensors of a model, in place: what `state` gave, the `tensors` of a file, or
 * the table that JSON has of a state. Returns `{ missing, unexpected, reshaped }`.
 *
 * All three are errors, but for a bias of zeros that the model does not have; with `strict: false` they are left as they were. A tied tensor, or
 * a layer that stands in several places, may be stored under any of its paths, and under several with the same values. A part of a model that has no other field than `layers`, as a Chain, takes PyTorch's names too:
 * `0.weight` for `layers.0.weight`. `prefix` takes a part of the state, `rename` other names: a table, or `(name, tensor, state) => path` or
 * `[[path, tensor], ...]`; `[]` leaves out; `fromPyTorch` knows PyTorch's. Values for one path add up, so that PyTorch's two biases of an LSTM become one.
 *
 * Nothing is written unless all fits: throws TypeError for paths that are missing or unknown, tied tensors that would differ, and what is no
 * state or no option; ShapeError for other shapes.
 *
 * @example
 * const model = Dense(3, 2)
 * loadState(Dense(3, 2), state(model))
 * loadState(Dense(3, 2), { 'fc.w': ones([2, 3]) }, { prefix: 'fc', rename: { w: 'weight' }, strict: false }).missing // ['bias']
 */
export function loadState(model: unknown, source: StateInput, options: LoadStateOptions = {}): LoadedState {
  if (arguments.length > 3) refuseSurplus('loadState', 3, arguments)
  checkOptions('loadState', options, ['strict', 'prefix', 'rename'])
  const { strict = true, prefix = '', rename = {} } = options
  const wrong = (what: string, came: unknown) => typeError('loadState', what, `${written(came)} came`)
  if (typeof strict !== 'boolean') throw wrong('strict is true or false', strict)
  if (typeof prefix !== 'string') throw wrong('prefix is the beginning of paths', prefix)
  if (typeof rename !== 'function' && !isPlain(rename)) throw wrong('rename is an object from names to paths, or a function', rename)
  if (isRecording()) throw typeError('loadState', 'a gradient is being taken, and it could not see the change', '', 'Load before.')
  return scoped(() => load(model, namedAnew(entriesOf(source), prefix, rename), strict, typeof rename === 'function'))
}

function load(model: unknown, values: ReadonlyMap<string, unknown>, strict: boolean, isRenamed: boolean): LoadedState {
  const { found: targets, firsts } = tensorsOf('loadState', model)
  const pathOf = pathsBy([...targets.keys()], firsts, values)
  const loads: [name: string, path: string, target: Tensor, value: Tensor][] = []
  const unexpected: string[] = []
  for (const [name, value] of values) {
    const path = pathOf(name)
    const target = path === undefined ? undefined : targets.get(path)
    if (path !== undefined && target) loads.push([name, path, target, asTensor(path, value)])
    else if (!isZeroBias(name, value)) unexpected.push(name)
  }
  const filled = new Set(loads.map(([, , target]) => target))
  const missing = [...targets].flatMap(([path, target]) => (filled.has(target) ? [] : [path]))
  if (strict && missing.length + unexpected.length > 0) throw misfit(missing, unexpected, isRenamed)
  const reshaped = new Set<string>()
  const writes = new Map<Tensor, Tensor>()
  for (const [name, path, target, value] of loads) {
    if (!sameShape(value.dims, target.dims)) {
      if (strict) throw otherShape(`'${path}' has another shape`, value, target, 'into')
      reshaped.add(path)
      continue
    }
    const other = writes.get(target)
    if (other && other !== value && !sameValues(other, value)) {
      throw typeError('loadState', `'${name}' is tied to another parameter of the model, and the state has different values for them`)
    }
    writes.set(target, value)
  }
  write(writes)
  return { missing, unexpected, reshaped: [...reshaped] }
}

/** Whatever can fail comes first: conversions, copies of what is itself written over, memory. */
function write(writes: ReadonlyMap<Tensor, Tensor>): void {
  const written = new Set([...writes.keys()].map(target => target.storage))
  const ready = [...writes].map(([target, value]): [Tensor, Tensor] => {
    if (value.type !== target.type) return [target, cast(value, target.type)]
    return [target, value.storage !== target.storage && written.has(value.storage) ? copyTensor(value) : value]
  })
  for (const [target] of ready) target.settleWaiting()
  for (const [target, value] of ready) assign(target, value)
}

/** What the state holds, by name. */
function entriesOf(source: unknown): [string, unknown][] {
  const isFile = ArrayBuffer.isView(source) || tagOf(source).endsWith('ArrayBuffer')
  const isOther = Array.isArray(source) || isThenable(source) || source instanceof Tensor
  if (isFile || typeof source !== 'object' || source === null || isOther) {
    const given = source === undefined ? '(await load(path)).tensors' : 'state(other)'
    const [came, wayOut] = isFile ? ['bytes', 'loadSafetensors(bytes).tensors'] : [kindOf(source), given]
    throw typeError('loadState', 'the second argument is a state', `${came} came`, `Write loadState(model, ${wayOut}).`)
  }
  if (isMap(source)) return fromTable([...(source as ReadonlyMap<string, unknown>)])
  if ('tensors' in source && isMap(source.tensors)) {
    throw typeError('loadState', 'the second argument is a state', 'a file came', 'Write loadState(model, file.tensors).')
  }
  return fromTable(Object.entries(source))
}

/** What JSON has of a tensor is one again, and a model in a record or a list lies under its name or place. */
function fromTable(entries: readonly (readonly [string, unknown])[]): [string, unknown][] {
  const found: [string, unknown][] = []
  const pending = [...entries].reverse()
  for (let next = pending.pop(); next; next = pending.pop()) {
    const [name, value] = next
    if (isWritten(value)) found.push([name, tensor(value)])
    else if (!isPlain(value) && !isListOfParts(value)) found.push([name, value])
    else for (const [key, part] of Object.entries(value).reverse()) pending.push([`${name}.${key}`, part])
  }
  return found
}

/** A list of numbers is no part of a model. */
function isListOfParts(value: unknown): value is readonly object[] {
  return Array.isArray(value) && value.every(each => Object(each) === each)
}

/** What lies under the prefix, under its new names. */
function namedAnew(entries: readonly [string, unknown][], prefix: string, rename: Rename): ReadonlyMap<string, unknown> {
  const under = prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`
  const part = entries.flatMap(([name, value]): [string, unknown][] => (name.startsWith(under) ? [[name.slice(under.length), value]] : []))
  if (prefix !== '' && part.length === 0) {
    throw typeError(
      'loadState',
      `nothing in the state lies under '${prefix}'`,
      '',
      `It has ${list(entries.map(([name]) => name)) || 'no paths'}.`,
    )
  }
  const odd = typeof rename === 'object' && Object.keys(rename).find(name => !part.some(([key]) => key === name))
  if (typeof odd === 'string')
    throw typeError('loadState', `rename has '${odd}', and the state has not`, '', `It has ${list(part.map(([name]) => name))}.`)
  const values = new Map<string, unknown>()
  const whole = new Map(typeof rename === 'function' ? part.map(([name, value]) => [name, asTensor(name, value)]) : [])
  for (const [name, value] of part) {
    const given = typeof rename === 'function' ? rename(name, value as Tensor, whole) : Object.hasOwn(rename, name) ? rename[name] : name
    for (const [path, piece] of renamed(given, name, value))
      values.set(path, values.has(path) ? sumOf(path, values.get(path), piece) : piece)
  }
  return values
}

function renamed(result: unknown, name: string, value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof result === 'string') return [[result, value]]
  const isList = Array.isArray(result) && result.every(each => Array.isArray(each) && each.length === 2 && typeof each[0] === 'string')
  if (isList) return result
  throw typeError(
    'loadState',
    'rename gives a path, or a list of [path, tensor]',
    `${kindOf(result)} came for '${name}'`,
    'Return the name to keep it, [] to leave it out.',
  )
}

function sumOf(path: string, a: unknown, b: unknown): Tensor {
  const [x, y] = [asTensor(path, a), asTensor(path, b)]
  if (!sameShape(x.dims, y.dims)) throw otherShape(`the values for '${path}' differ in shape, and would be added`, x, y, 'and')
  return add(x, y)
}

function asTensor(path: string, value: unknown): Tensor {
  if (!(value instanceof Tensor)) throw noTensor('loadState', value, `for '${path}'`)
  value.check('loadState')
  return value
}

/**
 * Gives the path of the model for a name: a path; one without `layers`, where the state does not have it in full; or one through another place of
 * a part that stands in several.
 */
function pathsBy(
  paths: readonly string[],
  firsts: ReadonlyMap<string, string>,
  values: ReadonlyMap<string, unknown>,
): (name: string) => string | undefined {
  const short = shortened([...paths, ...firsts.keys()])
  const known = new Map(paths.flatMap(path => (values.has(path) ? [] : [[short(path), path] as const])))
  for (const path of paths) known.set(path, path)
  const first = new Map([...[...firsts].map(([path, to]) => [short(path), short(to)] as const), ...firsts])
  return name => {
    let at = name
    // Each round comes further from the beginning, but where names with dots in them look like paths.
    for (let rounds = name.length; rounds >= 0; rounds--) {
      const path = known.get(at)
      const place = path === undefined ? parentsOf(at).find(parent => first.has(parent)) : undefined
      if (place === undefined) return path
      const to = first.get(place)
      at = at.slice(to ? place.length : place.length + 1)
      if (to) at = to + at
    }
    return undefined
  }
}

/** The paths above a path, the outermost first. */
function parentsOf(path: string): string[] {
  const keys = path.split('.')
  return keys.map((_, i) => keys.slice(0, i).join('.'))
}

/** Leaves out `layers` where nothing stands beside it. */
function shortened(paths: readonly string[]): (path: string) => string {
  const fields = new Map<string, Set<string>>()
  for (const path of paths) {
    const keys = path.split('.')
    parentsOf(path).forEach((parent, i) => fields.set(parent, (fields.get(parent) ?? new Set()).add(keys[i])))
  }
  return path => {
    const above = parentsOf(path)
    const kept = path.split('.').filter((key, i) => key !== 'layers' || fields.get(above[i])?.size !== 1)
    return kept.join('.')
  }
}

function list(paths: readonly string[]): string {
  return paths.slice(0, 5).join(', ') + (paths.length > 5 ? `, and ${paths.length - 5} more` : '')
}

function misfit(missing: readonly string[], unexpected: readonly string[], isRenamed: boolean): TypeError {
  const parts = [
    ...(missing.length ? [`not in the state: ${list(missing)}`] : []),
    ...(unexpected.length ? [`not in the model: ${list(unexpected)}`] : []),
  ]
  if (missing.length === 0 && unexpected.every(path => path.endsWith('hiddenBias'))) {
    const problem = 'the GRU has no hiddenBias, and the b_hn of the state is not 0'
    return typeError('loadState', problem, parts.join('; '), 'Make it GRU(..., { recurrentBias: true }).')
  }
  return typeError('loadState', 'the paths do not fit', parts.join('; '), fitting(missing, unexpected, isRenamed))
}

/** What to do where paths do not fit, as far as they tell. */
function fitting(missing: readonly string[], unexpected: readonly string[], isRenamed: boolean): string {
  const has = (part: RegExp) => unexpected.some(path => part.test(path))
  if (has(/(^|\.)weight_hr/)) return "An LSTM with PyTorch's proj_size has a projection of h, which no layer here has."
  const isNorm = missing.some(path => /(^|\.)scale$/.test(path) && unexpected.includes(path.replace(/scale$/, 'weight')))
  if (!isRenamed && (isNorm || has(/(^|\.)(in_proj_|weight_[ih]h|running_)/)))
    return "Those are PyTorch's names: pass { rename: fromPyTorch }."
  const [first = ''] = missing
  const prefixes = unexpected.flatMap(path => (path.endsWith(`.${first}`) ? path.slice(0, -first.length - 1) : []))
  const prefix = prefixes.find(each => missing.every(path => unexpected.includes(`${each}.${path}`)))
  if (first && prefix) return `Those of the model lie under '${prefix}': pass { prefix: '${prefix}' }.`
  const made = [
    ...(unexpected.every(path => /(^|\.)bias$/.test(path)) ? ['bias: true'] : []),
    ...(has(/(^|\.)backward\./) ? ['bidirectional: true'] : []),
    ...(has(/(^|\.)layers\.\d+\.(backward\.)?Wh$/) ? ['more layers'] : []),
  ]
  const how = missing.length === 0 && made.length > 0 ? `, made with ${made.join(', ')}` : ''
  return `Load it into a model of the same layers${how}, pass { rename } for other names, or { strict: false } to leave those.`
}

function otherShape(problem: string, { dims: a }: Tensor, { dims: b }: Tensor, word: string): ShapeError {
  return new ShapeError({ operation: 'loadState', problem, came: `${show(a)} ${word} ${show(b)}` }, [a, b])
}

function isZeroBias(path: string, value: unknown): boolean {
  return /(^|\.)(b|hiddenB)ias$/.test(path) && value instanceof Tensor && value.view().every(each => each === 0)
}

function sameValues(a: Tensor, b: Tensor): boolean {
  const other = b.view()
  return a.view().every((value, i) => Object.is(value, other[i]))
}
