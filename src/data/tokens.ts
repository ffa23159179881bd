import { kindOf, noTensor, rangeError, refuseSurplus, typeError, written } from '../errors.ts'
import { tensor } from '../tensor/create.ts'
import { Tensor } from '../tensor/tensor.ts'
import { isForeign } from '../tensor/walk.ts'

/** Texts as tokens, whole numbers from 0 to below `size`, and back. */
export interface Tokenizer {
  /** How many tokens there are: the vocabulary of an `Embedding`. */
  readonly size: number
  /** The tokens of a text, int32 [tokens]. Throws RangeError for a character that is none of them, TypeError for what is no text. */
  encode(text: string): Tensor
  /** The text of tokens, of any shape. Throws RangeError for what is no token. */
  decode(tokens: Tensor | number | readonly number[] | ArrayBufferView): string
}

/** Tokens that are characters: `JSON.stringify` writes their list, and `characters` takes it back. */
export interface CharacterTokenizer extends Tokenizer {
  /** The characters, whose places are their tokens. */
  readonly characters: readonly string[]
  toJSON(): readonly string[]
}

/** The numbers of tokens, each of which is below `size`. Throws RangeError for one that is not. */
function numbersOf(name: string, tokens: unknown, size: number): readonly number[] {
  if (isForeign(tokens)) throw noTensor(name, tokens)
  const isList = Array.isArray(tokens) || (ArrayBuffer.isView(tokens) && !(tokens instanceof DataView)) || typeof tokens === 'number'
  if (!(tokens instanceof Tensor) && !isList) throw typeError(name, 'tokens are a tensor or a list of numbers', `${kindOf(tokens)} came`)
  const numbers = tokens instanceof Tensor ? Array.from(tokens.data()) : [tokens].flat().flatMap(each => [...toList(each)])
  numbers.forEach((token, place) => {
    if (!Number.isInteger(token) || token < 0 || token >= size)
      throw rangeError(name, `${written(token)} at place ${place} is no token`, `they go from 0 to ${size - 1}`)
  })
  return numbers
}

const toList = (value: unknown): Iterable<number> => (ArrayBuffer.isView(value) ? (value as Uint8Array) : [value as number])

function checkText(name: string, text: unknown, args: ArrayLike<unknown>): asserts text is string {
  if (args.length > 1) refuseSurplus(name, 1, args)
  if (typeof text !== 'string') throw typeError(name, 'takes a text', `${kindOf(text)} came`)
}

/**
 * Tokens by characters: those of a text, each once, in the order of their code points, or a list that `toJSON` gave. Characters are code points, so that an emoji is one.
 *
 * Throws TypeError for what is neither a text nor a list of single characters, and for a list that has one twice; `encode` RangeError for a character that is none of them.
 *
 * @example
 * const tokens = characters('hello')
 * tokens.size // 4
 * tokens.encode('hole').toArray() // [1, 3, 2, 0]
 * tokens.decode([1, 3, 2, 0]) // 'hole'
 * characters(JSON.parse(JSON.stringify(tokens))).characters.join('') // 'ehlo'
 */
export function characters(text: string | readonly string[]): CharacterTokenizer {
  if (arguments.length > 1) refuseSurplus('characters', 1, arguments)
  const isList = Array.isArray(text)
  if (typeof text !== 'string' && !isList) throw typeError('characters', 'takes a text, or a list of characters', `${kindOf(text)} came`)
  const given = isList ? [...(text as readonly string[])] : [...new Set(text as string)].sort((a, b) => pointOf(a) - pointOf(b))
  const list = Object.freeze(given)
  const odd = list.findIndex(each => typeof each !== 'string' || [...each].length !== 1)
  if (odd >= 0) throw typeError('characters', 'each of a list is one character', `${written(list[odd])} came`)
  const places = new Map(list.map((each, i) => [each, i]))
  const twice = list.find((each, i) => places.get(each) !== i)
  if (twice !== undefined) throw typeError('characters', `${written(twice)} stands twice in the list`)
  return {
    size: list.length,
    characters: list,
    encode(text) {
      checkText('encode', text, arguments)
      const found = [...text].map((each, place) => {
        const token = places.get(each)
        if (token === undefined) throw rangeError('encode', `${nameOf(each)} at place ${place} is none of the ${list.length} characters`)
        return token
      })
      return tensor(Int32Array.from(found))
    },
    decode(tokens) {
      if (arguments.length > 1) refuseSurplus('decode', 1, arguments)
      return numbersOf('decode', tokens, list.length)
        .map(token => list[token])
        .join('')
    },
    toJSON: () => list,
  }
}

const pointOf = (character: string): number => character.codePointAt(0) ?? 0

/** A character as it is read, with its number, since many look alike or like nothing. */
function nameOf(character: string): string {
  return `${JSON.stringify(character)} (U+${pointOf(character).toString(16).toUpperCase().padStart(4, '0')})`
}

/**
 * Tokens by bytes, 256 of them, those of UTF-8: any text has some. What is cut within a character decodes to U+FFFD there. `encode` throws TypeError for what is
 * no text, `decode` RangeError for what is no byte.
 *
 * @example
 * bytes().encode('né').toArray() // [110, 195, 169]
 * bytes().decode([110, 195, 169]) // 'né'
 */
export function bytes(): Tokenizer {
  if (arguments.length > 0) refuseSurplus('bytes', 0, arguments)
  return {
    size: 256,
    encode(text) {
      checkText('encode', text, arguments)
      return tensor(Int32Array.from(new TextEncoder().encode(text)))
    },
    decode(tokens) {
      if (arguments.length > 1) refuseSurplus('decode', 1, arguments)
      // A mark at the beginning is a character like others.
      return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(numbersOf('decode', tokens, 256)))
    },
  }
}
