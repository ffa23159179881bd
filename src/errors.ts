import { type Carried, type Complaint, complain, kindOf, typeError, written } from './words.ts'

export { COPY, type Complaint, kindOf, rangeError, SHARED, TENSOR, typeError, written } from './words.ts'

/** What to do about a tensor of another copy of the library. */
export const ONE_COPY = 'Import it from one place: npm ls fluxtape.'

/** The error for what is no tensor where one is needed; `place` says where it lay. */
export function noTensor(operation: string, value: unknown, place = ''): TypeError {
  const came = kindOf(value)
  const wayOut = came.startsWith('a tensor of') ? ONE_COPY : 'Make one with tensor(...).'
  return typeError(operation, `a tensor is needed${place && ` ${place}`}`, came, wayOut)
}

/** The error for what a function gave, of which `who` says whose it is, where a tensor is needed. */
export function gaveNone(
  operation: string,
  who: string,
  value: unknown,
  wayOut = 'Return one from a function that is not async.',
): TypeError {
  return typeError(operation, `${who} gave no tensor`, kindOf(value), wayOut)
}

/** Throws TypeError for what is no number; `what` is what it stands for. */
export function checkNumber(operation: string, what: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw typeError(operation, `${what} is a number`, `${written(value)} came`)
}

/** Throws TypeError for what is neither true nor false; `what` is what it stands for. */
export function checkBoolean(operation: string, what: string, value: unknown): asserts value is boolean {
  if (typeof value !== 'boolean') throw typeError(operation, `${what} is true or false`, `${written(value)} came`)
}

/** Throws TypeError for what is no function; `what` is what it stands for. */
export function checkFunction(operation: string, what: string, value: unknown): void {
  if (typeof value !== 'function') throw typeError(operation, `${what} is a function`, `${written(value)} came`)
}

function enumerated(parts: readonly string[]): string {
  return parts.length === 1 ? parts[0] : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
}

function listed(names: readonly string[]): string {
  return `${names.length === 1 ? 'There is' : 'There are'} ${enumerated(names)}`
}

/** What options are called elsewhere, in small letters; a sentence is what to write instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ddof: 'correction',
  unbiased: 'correction',
  dim: 'axis',
  reduction: 'agg',
  type: 'dtype',
  droplast: 'partial',
  stratify: 'stratified',
  transposea: 'transposeLeft',
  transposeb: 'transposeRight',
  maxnewtokens: 'length',
  needweights: 'returnWeights',
  batchfirst: 'Sequences are [batch, time, features].',
  hiddensize: 'Sizes come first: LSTM(inputs, units).',
  nonlinearity: 'An activation is an argument: RNN(3, 5, relu).',
  attnmask: 'A mask goes to the call, { mask }: bool, true where a query may attend.',
  keypaddingmask: 'A mask goes to the call, { mask }: bool, true where a query may attend.',
}

/** What to write where an option has a name that is none of those known: that of which it has another name, or one nearly so. */
function meant(name: string, known: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '')
  const wanted = Object.hasOwn(ELSEWHERE, plain(name)) ? ELSEWHERE[plain(name)] : name
  if (/ /.test(wanted)) return `${wanted} `
  const begins = (text: string, start: string) => start !== '' && plain(text).startsWith(plain(start))
  const same = (text: string) => known.find(each => plain(each) === text)
  const near =
    same(plain(wanted)) ??
    same(plain(wanted).replace(/^(num|n|is|max|use)/, '')) ??
    known.find(each => begins(each, wanted) || begins(wanted, each))
  return near ? `Is ${near} meant? ` : ''
}

/** What options take that take no number. */
const TAKEN: Readonly<Record<string, string>> = {
  function: 'agg collate init rename initKernel initRecurrentKernel',
  string: 'dtype mode average side prefix label path',
  boolean:
    'keepDims bias transposeLeft transposeRight descending shuffle partial deterministic restart leading trailing strict keep trace flipKernel bidirectional returnState causal affine trackStats',
  none: 'metadata trainable module worker stratified signal progress validation onDiverged callbacks weight forgetBias trainState recurrentBias',
}

/** How a bare value would be written: as the first option that takes its kind, a switch as the only one. */
function optionOf(value: unknown, known: readonly string[]): string {
  if (value === undefined || value === null) return `Write { ${known[0]}: ... }. `
  const kindsOf = (name: string) => Object.keys(TAKEN).find(kind => TAKEN[kind].split(' ').includes(name)) ?? 'number'
  const [name, second] = known.filter(each => kindsOf(each) === typeof value)
  return name && !(second && typeof value === 'boolean') ? `Write { ${name}: ${written(value)} }. ` : ''
}

/** Throws TypeError for what is no object with options, and for an option that is none of those known. */
export function checkOptions(operation: string, options: object, known: readonly string[]): void {
  if (!isRecord(options)) {
    const wayOut = Array.isArray(options)
      ? `In map, write x => ${operation}(x). `
      : options === null || typeof options !== 'object'
        ? optionOf(options, known)
        : 'Several things that belong together stand in a list: [x, y]. '
    throw typeError(operation, 'options are an object', `${written(options)} came`, `${wayOut}${listed(known)}.`)
  }
  for (const name in options) if (!known.includes(name)) throw unknownOption(operation, name, known)
}

function unknownOption(operation: string, name: string, known: readonly string[]): TypeError {
  return typeError(operation, `there is no option '${name}'`, '', `${meant(name, known)}${listed(known)}.`)
}

/** @internal Whether it is an object with names, as options are: no list, no promise, nothing of the runtime's own such as a Date. */
export function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  // Most are plain objects of this realm.
  if (Object.getPrototypeOf(value) === Object.prototype) return true
  const tag = Object.prototype.toString.call(value)
  return (tag === '[object Object]' || tag === '[object Module]') && !(Symbol.iterator in value) && !('then' in value)
}

/**
 * Throws TypeError for arguments beyond those that an operation takes. What `map` and `forEach` pass to a function of one argument is let pass:
 * (x, i, xs) with xs[i] === x. Who calls it has counted, by `arguments.length`: a list of the rest would be made at each call.
 */
export function refuseSurplus(operation: string, most: number, came: ArrayLike<unknown>, wayOut = ''): void {
  const [at, xs] = [came[1], came[2] as ArrayLike<unknown>]
  const isMapped = came.length === 3 && (Array.isArray(xs) || ArrayBuffer.isView(xs)) && typeof at === 'number' && xs[at] === came[0]
  if (isMapped && most <= 1) return
  if (isMapped) throw typeError(operation, 'map passes an index, which would be an argument', '', `Write x => ${operation}(x).`)
  const surplus = Array.from(came).slice(most)
  const what = surplus.length === 1 ? 'is an argument' : `are ${surplus.length} arguments`
  throw typeError(operation, `there ${what} too many`, `${enumerated(surplus.map(written))} came`, wayOut)
}

/** Throws TypeError for the numbers of a list that came one by one, the second of two or more; `what` says which list it is: 'the shape is'. */
export function refuseLoose(operation: string, what: string, came: ArrayLike<unknown>, from = 0, to = came.length): void {
  const numbers = Array.from(came).slice(from, to)
  if (numbers.length < 2 || !numbers.every(each => typeof each === 'number')) return
  throw typeError(operation, `${what} a list`, `${numbers.join(', ')} came`, `Write [${numbers.join(', ')}].`)
}

/** Throws TypeError for more than x and a list, whose numbers may have come one by one. */
export function refuseMore(operation: string, what: string, came: ArrayLike<unknown>): void {
  refuseLoose(operation, what, came, 1)
  refuseSurplus(operation, 2, came)
}

/** Lets an error say something else, in the stack too, which some runtimes begin with the message. */
export function retell<E extends Error>(error: E, message: string): E {
  const { message: before, stack } = error
  error.message = message
  if (stack) error.stack = stack.replace(before, () => message)
  return error
}

function isOurs(error: unknown): error is Error & Carried {
  return error instanceof Error && 'operation' in error && Array.isArray((error as Partial<Carried>).path)
}

/** Runs what is made of other functions: an error of theirs names the one that was called. */
export function speaking<T>(operation: string, f: () => T): T {
  try {
    return f()
  } catch (error) {
    if (!isOurs(error)) throw error
    const text = error.message.slice(error.operation.length)
    error.operation = operation
    throw retell(error, operation + text)
  }
}

/** What was thrown for a value: if that is because it is no tensor, it says who gave it, and of several things how one goes on. */
export function givenBy(giver: string, value: unknown, error: unknown): unknown {
  const text = `: a tensor is needed: ${kindOf(value)}`
  const isList = Array.isArray(value) && kindOf(value[0]) === 'a tensor'
  const [before, after] = isList ? [' Make one with tensor(...).', ' Leave out returnState, or put ([y]) => y between.'] : ['', '']
  return isOurs(error)
    ? retell(
        error,
        error.message.replace(`${text}.${before}`, () => `${text} from ${giver}.${after}`),
      )
    : error
}

/** What was thrown by a function that stands where a layer should: if it is one that makes layers, it says so. */
export function uncalled(error: unknown, name: string): unknown {
  if (!isOurs(error) || error.operation !== name || error.path.length > 0) return error
  return retell(error, `${error.message} ${name} itself is no layer: call it, ${name}(...) makes one.`)
}

/** What was thrown within a layer: an error of the library has the place in its path and in its last line, any other stays as it is. */
export function placed(error: unknown, place: string): unknown {
  if (!isOurs(error)) return error
  const line = () => (error.path.length > 0 ? `\nin ${error.path.join(': ')}` : '')
  const text = error.message.replace(line(), '')
  error.path = [place, ...error.path]
  return retell(error, text + line())
}

/**
 * What all typed errors of the library share: the operation that failed, and the path of layers in which it did.
 *
 * The message reads `operation: what is wrong: what came. The way out.`; inside a model a last line says where. The TypeErrors and RangeErrors of
 * the library are JavaScript's own; they read the same, and have `operation` and `path`, too.
 */
export class FluxtapeError extends Error {
  override readonly name: string = 'FluxtapeError'
  /** The function or layer that was called. */
  readonly operation: string
  /** The layers around the operation, the innermost last: `['Chain[2]', 'Dense(784, 10)']`. */
  readonly path: readonly string[] = []

  constructor(complaint: Complaint) {
    super(complain(complaint))
    this.operation = complaint.operation
  }

  /** Adds an enclosing layer to the path and to the message. */
  within(place: string): this {
    return placed(this, place) as this
  }
}

/** Shapes, ranks or axes that do not fit. `shapes` are those that came. */
export class ShapeError extends FluxtapeError {
  override readonly name = 'ShapeError'
  readonly shapes: readonly (readonly number[])[]

  constructor(complaint: Complaint, shapes: readonly (readonly number[])[] = []) {
    super(complaint)
    this.shapes = shapes.map(shape => [...shape])
  }
}

/** A type of elements that the operation does not take. `dtypes` are those that came. */
export class DTypeError extends FluxtapeError {
  override readonly name = 'DTypeError'
  readonly dtypes: readonly string[]

  constructor(complaint: Complaint, dtypes: readonly string[] = []) {
    super(complaint)
    this.dtypes = dtypes
  }
}

/** A tensor whose memory was given back, or a pullback whose values were written over since. */
export class ReleasedError extends FluxtapeError {
  override readonly name = 'ReleasedError'
}

/** The linear memory cannot grow by what was asked; everything that exists is still usable. `bytes` were asked. */
export class MemoryError extends FluxtapeError {
  override readonly name = 'MemoryError'
  readonly bytes: number

  constructor(complaint: Complaint, bytes: number) {
    super(complaint)
    this.bytes = bytes
  }

  /** @internal Says which operation asked, and for what, where that is not said yet. */
  asked(operation: string, what?: string): this {
    if (this.operation !== 'memory') return this
    ;(this as { operation: string }).operation = operation
    return retell(this, this.message.replace('memory', operation).replace(' needed.', what ? ` needed for ${what}.` : ' needed.'))
  }
}

/** @internal An error that was caught, with the operation in it if it is a MemoryError. */
export function askedBy(error: unknown, operation: string, what?: string): unknown {
  return error instanceof MemoryError ? error.asked(operation, what) : error
}

/** A thread failed in the middle of a computation that cannot be done over. */
export class WorkerError extends FluxtapeError {
  override readonly name = 'WorkerError'
}

/** A file or a table of values that is not what it says it is. */
export class FormatError extends FluxtapeError {
  override readonly name = 'FormatError'
}

/**
 * A loss or a gradient is NaN or infinite at `step`; `loss` is what the loss was (NaN where only gradients came, as in `update`), `parameter`
 * the path of the first parameter whose gradient it is. Parameters and optimizer are those before that step.
 */
export class DivergedError extends FluxtapeError {
  override readonly name = 'DivergedError'
  readonly step: number
  readonly loss: number
  /** undefined: the loss itself is not finite, or the gradient is that of a single tensor. */
  readonly parameter: string | undefined

  constructor(complaint: Complaint, step: number, loss: number, parameter?: string) {
    super(complaint)
    this.step = step
    this.loss = loss
    this.parameter = parameter
  }
}
