/**
 * Runs the reference values of generate.py against the library, through what its users may call.
 *
 * A case is `{ op, name, args, out, cotangent, gradients, tolerance }`: `op` applied to `args` gives `out` (a tensor or a list), and
 * `back(cotangent)` of its `pullback` gives `gradients`, one for each tensor of `args`, read from left to right; null where there is none.
 *
 * How a result is compared: its shape and dtype are the reference's (float64 references stand for float32 results), and each element is
 * within `ulp` float32 ulps of the reference (`gradientUlp` for gradients) plus its `floor`, an absolute error. The generator makes the floor
 * from the size of the summands, largest sum of |summand| times a few 2^-24, wherever a result is a sum; it also stands for cancellation
 * inside a function (1 - tanh²). The reference beyond float32's range is an infinity. Below its normal numbers zero is as good. NaN equals NaN, infinities
 * equal their like, and the sign of zero counts only where `signedZero` is set. An absent gradient counts as zeros. `free` lists elements
 * that are not compared: limits such as 0 * Infinity at an infinite input, and gradients at NaN.
 */
import { readFileSync } from 'node:fs'
import { errorOf, noteError, noteErrorsOf, ulpOf } from './errors.ts'

type DType = 'float32' | 'int32' | 'bool' | 'uint8'
type Library = Readonly<Record<string, unknown>>
type Values = Float32Array | Float64Array | Int32Array | Uint8Array
type Call = (...args: readonly unknown[]) => unknown

/** An input: its values, or a formula that makes them. */
export type TensorSpec =
  | { readonly $: DType; readonly shape: readonly number[]; readonly data: string }
  | { readonly $: DType; readonly shape: readonly number[]; readonly fill: number; readonly low?: number; readonly high?: number }

/** What a result is compared with. */
export interface Reference {
  readonly $: DType | 'float64'
  readonly shape: readonly number[]
  readonly data: string
  readonly floor?: number
  readonly free?: readonly number[]
}

interface Tolerance {
  readonly ulp: number
  readonly gradientUlp: number
}

interface Common {
  readonly op: string
  readonly name: string
  readonly args: readonly unknown[]
  readonly tolerance: Tolerance
  /** Not asked for yet: skipped while the library does not export `op`, or one that the arguments call. */
  readonly later?: boolean
  readonly note?: string
}

export interface OperationCase extends Common {
  readonly kind?: undefined
  readonly out: Reference | readonly Reference[]
  readonly cotangent?: TensorSpec | readonly TensorSpec[]
  readonly gradients?: readonly (Reference | null)[]
  readonly signedZero?: boolean
  readonly anyDtype?: boolean
}

/**
 * A layer: `op(...args)` makes it; gradients are those of the input, or of each, and of its parameters, as `params` walks them. A list that it gives
 * is joined along axis 0.
 */
export interface LayerCase extends Common {
  readonly kind: 'layer'
  readonly input: TensorSpec | readonly TensorSpec[]
  readonly out: Reference
  readonly cotangent: TensorSpec
  readonly gradients: readonly Reference[]
  /** The values of its parameters, where its arguments are none, and the options of its call; several results are then joined as rows of numbers. */
  readonly parameters?: readonly TensorSpec[]
  readonly call?: unknown
}

/** An optimizer rule: `op(...args)` updates `parameters` with the gradients of each step, and they are then as `after` says. */
export interface RuleCase extends Common {
  readonly kind: 'rule'
  readonly parameters: readonly TensorSpec[]
  readonly steps: readonly (readonly TensorSpec[])[]
  readonly after: readonly (readonly Reference[])[]
  readonly from: string
}

/**
 * A layer with running statistics: what it gives for each of `inputs` in training, its mean and variance `after` that, and what it gives for the first in
 * use.
 */
export interface StatsCase extends Common {
  readonly kind: 'stats'
  readonly inputs: readonly TensorSpec[]
  readonly outs: readonly Reference[]
  readonly after: readonly [mean: Reference, variance: Reference]
  readonly used: Reference
}

/**
 * A recurrent cell or layer: `op(...args)` makes it, with `parameters` as `params` walks them; of the input, the states and the lengths it gives `outs`, all
 * results in a row. `gradients` are those of input, states and parameters, `second` those of the sum of their squares.
 */
export interface SequenceCase extends Common {
  readonly kind: 'sequence'
  readonly parameters: readonly TensorSpec[]
  readonly input: TensorSpec
  readonly states: readonly TensorSpec[]
  readonly lengths?: readonly number[]
  readonly outs: readonly Reference[]
  readonly cotangents: readonly TensorSpec[]
  readonly gradients: readonly Reference[]
  readonly second?: readonly Reference[]
}

export type Case = OperationCase | LayerCase | RuleCase | StatsCase | SequenceCase

/** What the driver needs of a tensor. */
interface Tensor {
  readonly shape: readonly number[]
  readonly dtype: string
  data(): ArrayLike<number>
}

/** The files that generate.py writes. */
export const files = [
  'pointwise',
  'activations',
  'reductions',
  'movement',
  'products',
  'losses',
  'rules',
  'layers',
  'convolutions',
  'pooling',
  'composing',
  'embedding',
  'norms',
  'attention',
  'recurrent',
  'heads',
  'derivatives',
] as const

/** The cases of one file, such as 'pointwise'. */
export function loadCases(file: string): readonly Case[] {
  return JSON.parse(readFileSync(new URL(`./${file}.json`, import.meta.url), 'utf8')) as readonly Case[]
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, n) => size * n, 1)
}

/** n 32-bit hashes: a Weyl sequence through murmur3's finalizer, as `hashed` in records.py. */
function hashed(n: number, seed: number): Uint32Array {
  return Uint32Array.from({ length: n }, (_, i) => {
    let h = (Math.imul(i, 2654435761) + Math.imul(seed, 40503) + 1) >>> 0
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
    return h ^ (h >>> 16)
  })
}

function decoded(dtype: DType | 'float64', data: string): Values {
  const bytes = new Uint8Array(Buffer.from(data, 'base64'))
  switch (dtype) {
    case 'float64':
      return new Float64Array(bytes.buffer)
    case 'float32':
      return new Float32Array(bytes.buffer)
    case 'int32':
      return new Int32Array(bytes.buffer)
    default:
      return bytes
  }
}

function valuesOf(spec: TensorSpec): Values {
  if ('data' in spec) return decoded(spec.$, spec.data)
  const { fill, low = -1, high = 1 } = spec
  const hashes = hashed(sizeOf(spec.shape), fill)
  if (spec.$ === 'float32') return Float32Array.from(hashes, h => low + (high - low) * ((h >>> 9) / 2 ** 23))
  const whole = (h: number) => low + ((h >>> 9) % (high - low))
  return spec.$ === 'int32' ? Int32Array.from(hashes, whole) : Uint8Array.from(hashes, whole)
}

function exported(library: Library, name: string): Call {
  const found = library[name]
  if (typeof found !== 'function') throw new Error(`the library exports no ${name}`)
  return found as Call
}

/** The tensor that a record describes. */
export function toTensor(library: Library, spec: TensorSpec): Tensor {
  return exported(library, 'tensor')(valuesOf(spec), [...spec.shape], { dtype: spec.$ }) as Tensor
}

const dtypes = new Set<unknown>(['float32', 'int32', 'bool', 'uint8'])

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTensorSpec(value: unknown): value is TensorSpec {
  return isRecord(value) && dtypes.has(value.$)
}

/** All tensors of an argument tree, from left to right. */
function specsIn(arg: unknown): TensorSpec[] {
  if (isTensorSpec(arg)) return [arg]
  if (Array.isArray(arg)) return arg.flatMap(specsIn)
  return isRecord(arg) ? Object.values(arg).flatMap(specsIn) : []
}

/** All names of the library that an argument tree calls. */
function namesIn(arg: unknown): string[] {
  if (Array.isArray(arg)) return arg.flatMap(namesIn)
  if (!isRecord(arg) || isTensorSpec(arg)) return []
  if (arg.$ === 'call') return [String(arg.op), ...namesIn(arg.args)]
  if (arg.$ === 'function') return [String(arg.value)]
  return Object.values(arg).flatMap(namesIn)
}

/** The aggregations of a loss by name. */
function aggregation(library: Library, name: unknown): Call {
  return name === 'identity' ? x => x : x => exported(library, String(name))(x)
}

/** The arguments as the library takes them, tensors drawn from `next` from left to right. */
function resolved(library: Library, arg: unknown, next: () => Tensor): unknown {
  if (isTensorSpec(arg)) return next()
  if (Array.isArray(arg)) return arg.map(each => resolved(library, each, next))
  if (!isRecord(arg)) return arg
  switch (arg.$) {
    case 'undefined':
      return undefined
    case 'number':
      return Number(arg.value)
    case 'function':
      return exported(library, String(arg.value))
    case 'call':
      return exported(library, String(arg.op))(...(resolved(library, arg.args, next) as unknown[]))
    default:
      return Object.fromEntries(
        Object.entries(arg).map(([key, value]) => [key, key === 'agg' ? aggregation(library, value) : resolved(library, value, next)]),
      )
  }
}

/** Calls `op` with the arguments, their tensors replaced by `tensors`. */
function apply(library: Library, { op, args }: Common, tensors: readonly Tensor[]): unknown {
  let at = 0
  const next = () => tensors[at++] as Tensor
  return exported(library, op)(...(resolved(library, args, next) as unknown[]))
}

/** The error of an element in what is allowed; above 1 it is wrong. */
function excess(got: number, reference: number, ulp: number, floor: number, signedZero: boolean): number {
  const rounded = Math.fround(reference)
  if (Number.isNaN(reference) || Number.isNaN(got)) return Number.isNaN(reference) && Number.isNaN(got) ? 0 : Infinity
  if (got === rounded) return signedZero && !Object.is(got, rounded) ? Infinity : 0
  if (!Number.isFinite(got)) return Infinity
  const expected = Number.isFinite(rounded) ? reference : Math.sign(rounded) * 2 ** 128
  const allowed = ulp * ulpOf(expected) + floor + (Math.abs(expected) < 2 ** -126 ? 2 ** -126 : 0)
  return allowed > 0 ? Math.abs(got - expected) / allowed : Infinity
}

interface Comparison {
  readonly ulp: number
  readonly signedZero?: boolean
  readonly anyDtype?: boolean
}

/** What is wrong with a result, or undefined. */
function compared(what: string, result: Tensor | null | undefined, reference: Reference, how: Comparison): string | undefined {
  const { ulp, signedZero = false, anyDtype = false } = how
  const expected = decoded(reference.$, reference.data)
  const got = result ? result.data() : new Float64Array(expected.length)
  if (result) {
    if (result.shape.join() !== reference.shape.join()) return `${what}: shape [${result.shape}] instead of [${reference.shape}]`
    const dtype = reference.$ === 'float64' ? 'float32' : reference.$
    if (result.dtype !== dtype && !anyDtype) return `${what}: dtype ${result.dtype} instead of ${dtype}`
  }
  if (got.length !== expected.length) return `${what}: ${got.length} elements instead of ${expected.length}`
  const free = new Set(reference.free)
  let worst = -1
  let error = 1
  let wrong = 0
  let largest = 0
  for (let i = 0; i < expected.length; i++) {
    if (free.has(i)) continue
    largest = Math.max(largest, errorOf(Number(got[i]), Number(expected[i]), reference.floor ?? 0))
    const here = excess(Number(got[i]), Number(expected[i]), ulp, reference.floor ?? 0, signedZero)
    if (here <= 1) continue
    wrong++
    if (here > error) {
      error = here
      worst = i
    }
  }
  noteError(what, largest)
  if (worst < 0) return undefined
  const [value, right] = [Number(got[worst]), Number(expected[worst])]
  const ulps = (Math.abs(value - right) / ulpOf(right)).toPrecision(3)
  const show = (x: number) => (Object.is(x, -0) ? '-0' : String(x))
  const place = indexOf(worst, reference.shape)
  return `${what}${place}: ${show(value)} instead of ${show(right)} (${ulps} ulps; ${wrong} of ${expected.length} wrong)`
}

function indexOf(flat: number, shape: readonly number[]): string {
  const index: number[] = []
  for (const n of [...shape].reverse()) {
    index.unshift(flat % n)
    flat = Math.floor(flat / n)
  }
  return `[${index.join(', ')}]`
}

/** What gives several results by name gives them in order here. */
function inOrder(value: unknown): unknown {
  return isRecord(value) && !('dtype' in value) ? Object.values(value) : value
}

function tensorList(value: unknown): readonly Tensor[] {
  return Array.isArray(value) ? (value as readonly Tensor[]) : [value as Tensor]
}

function runOperation(library: Library, record: OperationCase): (string | undefined)[] {
  const { out, cotangent, gradients, tolerance, signedZero, anyDtype } = record
  const specs = specsIn(record.args)
  const tensors = specs.map(spec => toTensor(library, spec))
  const references = Array.isArray(out) ? (out as readonly Reference[]) : [out as Reference]
  const y = inOrder(apply(library, record, tensors))
  if (Array.isArray(y) !== Array.isArray(out)) return [Array.isArray(out) ? 'a list was expected' : 'a list came']
  const results = tensorList(y)
  if (results.length !== references.length) return [`${results.length} results instead of ${references.length}`]
  const how = { ulp: tolerance.ulp, ...(signedZero && { signedZero }), ...(anyDtype && { anyDtype }) }
  const wrong = references.map((reference, i) => compared(Array.isArray(out) ? `out ${i}` : 'out', results[i], reference, how))
  if (!gradients || cotangent === undefined) return wrong

  const places = gradients.flatMap((gradient, i) => (gradient ? [i] : []))
  const cotangents = (Array.isArray(cotangent) ? (cotangent as readonly TensorSpec[]) : [cotangent as TensorSpec]).map(spec =>
    toTensor(library, spec),
  )
  const forward: Call = (...inputs) => {
    const values = [...tensors]
    places.forEach((place, i) => {
      values[place] = inputs[i] as Tensor
    })
    const result = inOrder(apply(library, record, values))
    return Array.isArray(cotangent) ? weighed(library, tensorList(result), cotangents) : result
  }
  const [again, back] = exported(library, 'pullback')(forward, ...places.map(i => tensors[i])) as [Tensor, Call]
  if (!Array.isArray(cotangent)) wrong.push(compared('out while recording', again, references[0] as Reference, how))
  const found = back(Array.isArray(cotangent) ? one(library) : cotangents[0]) as readonly (Tensor | null | undefined)[]
  if (!Array.isArray(found)) return [...wrong, 'back: no array of gradients']
  places.forEach((place, i) => {
    wrong.push(compared(`gradient ${place}`, found[i], gradients[place] as Reference, { ulp: tolerance.gradientUlp }))
  })
  return wrong
}

function one(library: Library): Tensor {
  return exported(library, 'tensor')(1) as Tensor
}

/** The sum over outputs of output times cotangent, whose gradient is that of the list. */
function weighed(library: Library, results: readonly Tensor[], cotangents: readonly Tensor[]): unknown {
  const [add, mul, sum] = [exported(library, 'add'), exported(library, 'mul'), exported(library, 'sum')]
  const parts = results.map((result, i) => sum(mul(result, cotangents[i])))
  return parts.reduce((total, part) => add(total, part))
}

function runLayer(library: Library, record: LayerCase): (string | undefined)[] {
  const { tolerance } = record
  const made = apply(
    library,
    record,
    specsIn(record.args).map(spec => toTensor(library, spec)),
  ) as Call
  const { parameters = [], call } = record
  const assign = exported(library, 'assign')
  const given = parameters.length > 0 ? [...(exported(library, 'params')(made) as Iterable<Tensor>)] : []
  given.forEach((each, i) => {
    assign(each, toTensor(library, parameters[i]))
  })
  const told = specsIn(call).map(spec => toTensor(library, spec))
  const options = () => {
    let at = 0
    return call === undefined ? [] : [resolved(library, call, () => told[at++])]
  }
  const flat = (y: Tensor) => (call === undefined ? y : exported(library, 'reshape')(y, [-1]))
  // Indices are no variables.
  const all = [record.input].flat().map(spec => toTensor(library, spec as TensorSpec))
  const xs = all.filter(({ dtype }) => dtype === 'float32')
  const model: Call = (...inputs) => {
    const y = made(...all.map(each => (each.dtype === 'float32' ? inputs[xs.indexOf(each)] : each)), ...options())
    return Array.isArray(y) ? exported(library, 'concat')(y.map(flat)) : y
  }
  const cotangent = toTensor(library, record.cotangent)
  const [y, back] = (xs.length > 0 ? exported(library, 'pullback')(model, ...xs) : [model(), () => []]) as [Tensor, Call]
  const ofInputs = record.gradients.slice(0, xs.length)
  const ofParameters = record.gradients.slice(xs.length)
  const wrong = [compared('out', model(...xs) as Tensor, record.out, tolerance), compared('out while recording', y, record.out, tolerance)]
  const gs = back(cotangent) as readonly Tensor[]
  ofInputs.forEach((wanted, i) => {
    wrong.push(compared(`gradient of input ${i}`, gs[i], wanted, { ulp: tolerance.gradientUlp }))
  })
  // Such as a pooling.
  if (ofParameters.length === 0) return wrong
  const ps = [...(exported(library, 'params')(made) as Iterable<Tensor>)]
  const loss: Call = () => weighed(library, [model(...xs) as Tensor], [cotangent])
  const found = exported(library, 'gradient')(loss, exported(library, 'params')(made)) as { get(p: Tensor): Tensor | undefined }
  if (ps.length !== ofParameters.length) return [...wrong, `${ps.length} parameters instead of ${ofParameters.length}`]
  ps.forEach((p, i) => {
    wrong.push(compared(`gradient of parameter ${i}`, found.get(p), ofParameters[i] as Reference, { ulp: tolerance.gradientUlp }))
  })
  return wrong
}

function runRule(library: Library, record: RuleCase): (string | undefined)[] {
  const parameters = record.parameters.map(spec => toTensor(library, spec))
  const optimizer = exported(library, 'setup')(apply(library, record, []), parameters)
  const update = exported(library, 'update')
  for (const [t, specs] of record.steps.entries()) {
    const gradients = specs.map(spec => toTensor(library, spec))
    update(optimizer, parameters, gradients)
    const wrong = parameters.map((parameter, i) =>
      compared(`parameter ${i} after step ${t + 1}`, parameter, record.after[t]?.[i] as Reference, record.tolerance),
    )
    if (wrong.some(Boolean)) return wrong
  }
  return []
}

function runStats(library: Library, record: StatsCase): (string | undefined)[] {
  const { tolerance, inputs, outs, after, used } = record
  const model = apply(library, record, []) as Call & { readonly mean: Tensor; readonly variance: Tensor }
  const xs = inputs.map(spec => toTensor(library, spec))
  const [sum, gradient] = [exported(library, 'sum'), exported(library, 'gradient')]
  const wrong = xs.map((x, i) => {
    let y: string | undefined
    gradient((z: Tensor) => {
      const out = model(z) as Tensor
      y = compared(`out of step ${i + 1}`, out, outs[i], tolerance)
      return sum(out)
    }, x)
    return y
  })
  return [
    ...wrong,
    compared('the running mean', model.mean, after[0], tolerance),
    compared('the running variance', model.variance, after[1], tolerance),
    compared('out in use', model(xs[0]) as Tensor, used, tolerance),
  ]
}

function runSequence(library: Library, record: SequenceCase): (string | undefined)[] {
  const { tolerance, cotangents, lengths } = record
  const made = apply(library, record, []) as Call
  const ps = [...(exported(library, 'params')(made) as Iterable<Tensor>)]
  if (ps.length !== record.parameters.length) return [`${ps.length} parameters instead of ${record.parameters.length}`]
  ps.forEach((p, i) => {
    exported(library, 'assign')(p, toTensor(library, record.parameters[i] as TensorSpec))
  })
  const inputs = [record.input, ...record.states].map(spec => toTensor(library, spec))
  const run = (x: Tensor, ...states: Tensor[]) => {
    const given = states.length > 1 ? [states] : states
    const [y, state] = made(x, ...given, ...(lengths ? [{ lengths }] : [])) as readonly [Tensor, Tensor | readonly Tensor[]]
    return [y, ...[state].flat()] as readonly Tensor[]
  }
  const weights = cotangents.map(spec => toTensor(library, spec))
  const loss: Call = first => weighed(library, run(...(first as readonly [Tensor, ...Tensor[]])), weights)
  const gradient = exported(library, 'gradient')
  const [squares, of] = [(x: Tensor) => exported(library, 'sum')(exported(library, 'square')(x)), exported(library, 'add')]
  const first = (...args: readonly unknown[]) => (gradient(loss, ...args) as readonly Tensor[][]).flat()
  const again: Call = (...args) =>
    first(...args)
      .map(squares)
      .reduce((sum, each) => of(sum, each))
  const errors = (what: string, results: readonly Tensor[], references: readonly Reference[], ulp: number) =>
    references.map((reference, i) => compared(`${what} ${i}`, results[i], reference, { ulp }))
  return [
    ...errors('out', run(...(inputs as [Tensor, ...Tensor[]])), record.outs, tolerance.ulp),
    ...errors('gradient', first(inputs, ps), record.gradients, tolerance.gradientUlp),
    ...(record.second
      ? errors('gradient of gradients', (gradient(again, inputs, ps) as Tensor[][]).flat(), record.second, tolerance.gradientUlp)
      : []),
  ]
}

/** Whether the library lacks what a case that may come later asks for. */
export function isLacking(library: Library, record: Case): boolean {
  return record.later === true && [record.op, ...namesIn(record.args)].some(name => library[name] === undefined)
}

/** Everything that is wrong with a case, each line with its name; empty if it holds. A case that is lacking (`isLacking`) holds. */
export function runCase(library: Library, record: Case): readonly string[] {
  if (isLacking(library, record)) return []
  const label = `${record.op}, ${record.name}`
  noteErrorsOf(record.op)
  try {
    const found =
      record.kind === 'rule'
        ? runRule(library, record)
        : record.kind === 'layer'
          ? runLayer(library, record)
          : record.kind === 'stats'
            ? runStats(library, record)
            : record.kind === 'sequence'
              ? runSequence(library, record)
              : runOperation(library, record)
    return found.flatMap(problem => (problem === undefined ? [] : [`${label}: ${problem}`]))
  } catch (error) {
    return [`${label}: threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`]
  }
}
