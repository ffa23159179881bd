import { FormatError } from '../errors.ts'

/** How deep objects and arrays may lie in each other. */
const DEPTH = 64

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const OPENERS: Readonly<Record<string, 'object' | 'array' | 'text'>> = { '{': 'object', '[': 'array', '"': 'text' }

/**
 * Reads JSON that somebody else wrote, by what is expected: the caller asks for an object, an array, a text or a whole number. Nothing is built
 * but what was asked for, a key that an object has twice is an error (`JSON.parse` keeps the last), and so is half a surrogate pair. Whatever is
 * wrong is a FormatError that says what and where.
 */
export class JsonReader {
  private at = 0
  private depth = 0
  private readonly text: string
  private readonly operation: string
  private readonly name: string

  /** `name` is what the errors call the text: `the header`. */
  constructor(text: string, operation: string, name: string) {
    this.text = text
    this.operation = operation
    this.name = name
  }

  /** What comes next, as its first character has it. */
  next(): 'object' | 'array' | 'text' | 'other' {
    this.space()
    return OPENERS[this.text.charAt(this.at)] ?? 'other'
  }

  /** Reads an object; `visit` is called after each key, and must read its value. */
  object(visit: (key: string) => void): void {
    const keys = new Set<string>()
    this.list('{', '}', () => {
      this.space()
      const start = this.at
      const key = this.string()
      if (keys.has(key)) throw this.wrong(`${quote(key)} comes twice in one object`, start)
      keys.add(key)
      this.expect(':')
      visit(key)
    })
  }

  /** Reads an array; `visit` is called for each element, and must read it. */
  array(visit: () => void): void {
    this.list('[', ']', visit)
  }

  /** Reads a text. */
  string(): string {
    this.expect('"')
    const start = this.at - 1
    let code = this.text.charCodeAt(this.at)
    while (code !== 34 && !Number.isNaN(code)) {
      this.at += code === 92 ? 2 : 1
      code = this.text.charCodeAt(this.at)
    }
    this.at++
    const value = parsed(this.text.slice(start, this.at))
    if (value === undefined) throw this.wrong('a text does not end, or has a character or an escape that JSON does not allow', start)
    if (hasHalfPair(value)) throw this.wrong('a text has half a surrogate pair', start)
    return value
  }

  /** Reads a whole number from 0 to 2^53 - 1, written with digits only; `what` is what the error calls it. */
  integer(what: string): number {
    this.space()
    const start = this.at
    const digits = this.number()
    const value = /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN
    if (Number.isSafeInteger(value)) return value
    throw this.wrong(`${what} is no whole number from 0 to 2^53 - 1`, start)
  }

  /** Reads over any value, whose keys and texts are checked all the same. */
  skip(): void {
    const kind = this.next()
    if (kind === 'object') this.object(() => this.skip())
    else if (kind === 'array') this.array(() => this.skip())
    else if (kind === 'text') this.string()
    else {
      const word = ['true', 'false', 'null'].find(each => this.text.startsWith(each, this.at))
      if (word) this.at += word.length
      else if (this.number() === '') throw this.wrong('a value was expected')
    }
  }

  /** Throws unless only white space is left. */
  end(): void {
    this.space()
    if (this.at < this.text.length) throw this.wrong('there is more after the last brace')
  }

  /** The error for a problem at the place where the reader stands, or at another one. */
  wrong(problem: string, at = this.at): FormatError {
    const more = at + 24 < this.text.length ? '...' : ''
    const found = at >= this.text.length ? 'its end' : `where it reads ${printable(this.text.slice(at, at + 24))}${more}`
    return new FormatError({
      operation: this.operation,
      problem,
      came: `at character ${Math.min(at, this.text.length)} of ${this.name}, ${found}`,
      wayOut: 'The file is damaged, or its writer made a mistake.',
    })
  }

  private list(open: '{' | '[', close: '}' | ']', item: () => void): void {
    this.expect(open)
    if (++this.depth > DEPTH) throw this.wrong(`values lie more than ${DEPTH} deep`)
    this.space()
    if (this.text.charAt(this.at) !== close) {
      item()
      while (this.next() === 'other' && this.text.charAt(this.at) === ',') {
        this.at++
        item()
      }
    }
    this.expect(close)
    this.depth--
  }

  private expect(character: string): void {
    this.space()
    if (this.text.charAt(this.at) !== character) throw this.wrong(`${character} was expected`)
    this.at++
  }

  private number(): string {
    NUMBER.lastIndex = this.at
    const digits = NUMBER.exec(this.text)?.[0] ?? ''
    this.at += digits.length
    return digits
  }

  private space(): void {
    let code = this.text.charCodeAt(this.at)
    while (code === 32 || code === 10 || code === 13 || code === 9) code = this.text.charCodeAt(++this.at)
  }
}

/** A name from a file as an error shows it: in quotes, control characters escaped, not longer than 60 characters. */
export function quote(name: string): string {
  return `'${printable(name.slice(0, 60))}${name.length > 60 ? '...' : ''}'`
}

function printable(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\')
}

/** Has the text half a surrogate pair, which UTF-8 has no bytes for? */
export function hasHalfPair(text: string): boolean {
  return /\p{Surrogate}/u.test(text)
}

function parsed(literal: string): string | undefined {
  try {
    return JSON.parse(literal) as string
  } catch {
    return undefined
  }
}
