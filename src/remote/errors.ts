// Errors on their way to another thread: they arrive as errors of the same class, with their fields.
import { DivergedError, DTypeError, FluxtapeError, FormatError, MemoryError, ReleasedError, ShapeError, WorkerError } from '../errors.ts'
import { tagOf } from '../tensor/realm.ts'

export interface WrittenError {
  /** The class, where the other side has it, too. */
  readonly kind: string
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly fields: readonly (readonly [name: string, value: unknown, isEnumerable: boolean])[]
}

type Maker = (message: string, name: string) => Error
const plain = { operation: '', problem: '' }
const of =
  (Kind: new (message: string) => Error): Maker =>
  message =>
    new Kind(message)

/** Fields are put in afterwards. */
const makers = (): Readonly<Record<string, Maker>> => ({
  FluxtapeError: () => new FluxtapeError(plain),
  ShapeError: () => new ShapeError(plain),
  DTypeError: () => new DTypeError(plain),
  ReleasedError: () => new ReleasedError(plain),
  MemoryError: () => new MemoryError(plain, 0),
  WorkerError: () => new WorkerError(plain),
  FormatError: () => new FormatError(plain),
  DivergedError: () => new DivergedError(plain, 0, 0),
  DOMException: (message, name) => new DOMException(message, name),
  ...{ TypeError: of(TypeError), RangeError: of(RangeError), SyntaxError: of(SyntaxError), ReferenceError: of(ReferenceError) },
  ...{ EvalError: of(EvalError), URIError: of(URIError) },
  AggregateError: message => new AggregateError([], message),
  Error: of(Error),
})

/** Of any realm. */
export function isError(value: object): value is Error {
  return value instanceof Error || tagOf(value) === 'Error' || tagOf(value) === 'DOMException'
}

const TOLD = ['name', 'message', 'stack']

export function partsOfError(error: Error, visit: (field: unknown) => unknown): WrittenError {
  const known = makers()
  const kind = tagOf(error) === 'DOMException' ? 'DOMException' : nearest(error, known)
  const fields = Object.getOwnPropertyNames(error).flatMap(name => {
    if (TOLD.includes(name)) return []
    const value: unknown = error[name as keyof Error]
    return [[name, visit(value), Object.prototype.propertyIsEnumerable.call(error, name)] as const]
  })
  const { name, message, stack } = error
  return { kind, name: String(name), message: String(message), stack: stack === undefined ? undefined : String(stack), fields }
}

/** The class of the error, or the first above it, that the other side knows. Minifiers rename the library's classes, and leave what is in `name`. */
function nearest(error: Error, known: object): string {
  if (error instanceof FluxtapeError)
    return /^[A-Z]\w+Error$/.test(error.name) && Object.hasOwn(known, error.name) ? error.name : 'FluxtapeError'
  for (let at: unknown = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    const { name } = (at as object).constructor
    if (Object.hasOwn(known, name)) return name
  }
  return 'Error'
}

export function errorOf({ kind, name, message, stack }: WrittenError): Error {
  const error = makers()[kind](message, name)
  const set = (field: string, value: unknown) => Object.defineProperty(error, field, { value, writable: true, configurable: true })
  if (error.message !== message) set('message', message)
  if (error.name !== name) set('name', name)
  if (stack !== undefined) set('stack', stack)
  return error
}

export function fillError(error: Error, { fields }: WrittenError, walk: (field: unknown) => unknown): void {
  for (const [name, value, enumerable] of fields) {
    Object.defineProperty(error, name, { value: walk(value), enumerable, writable: true, configurable: true })
  }
}
