import {
  checkNumber,
  checkOptions,
  gaveNone,
  kindOf,
  noTensor,
  rangeError,
  refuseSurplus,
  ShapeError,
  typeError,
  written,
} from '../errors.ts'
import { unrecorded } from '../tape/level.ts'
import { recalling } from '../tape/mode.ts'
import { drawIntegers, keyed, type Randomness, splitRandomness } from '../tensor/random.ts'
import { scoped } from '../tensor/scope.ts'
import { show } from '../tensor/shape.ts'
import { make, Tensor, unwritten } from '../tensor/tensor.ts'
import { isForeign } from '../tensor/walk.ts'
import { breather } from '../train/breathe.ts'
import { Cache } from './cache.ts'

/** What `generate` can be told. */
export interface GenerateOptions {
  /** How many tokens it gives; 100 by default. */
  readonly length?: number | undefined
  /** What the logits are divided by: below 1 likely tokens become likelier, 0 takes the likeliest; 1 by default. */
  readonly temperature?: number | undefined
  /** Only so many of the likeliest tokens are drawn; all by default. */
  readonly topK?: number | undefined
  /** Only the likeliest tokens are drawn that have this probability together, and at least one; 1 by default. */
  readonly topP?: number | undefined
  /** The model sees at most so many of the last tokens; all by default. */
  readonly context?: number | undefined
  /** Fixes what is drawn; by default it follows from the random numbers in use. */
  readonly seed?: number | undefined
  /** Ends it: what is waited for rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** What `generate` takes: from tokens, int32 [1, t], to logits [1, t, vocabulary]. */
export type LanguageModel = (tokens: Tensor) => Tensor

type Settings = Required<Omit<GenerateOptions, 'seed' | 'signal'>> & {
  readonly random: Randomness
  readonly signal: AbortSignal | undefined
}

/**
 * The tokens with which a model goes on, one after the other: an async iterable of numbers. The model gives for tokens, int32 [1, t], the logits of what
 * follows each, [1, t, vocabulary]; `tokens` are what it begins with, a list or an integer tensor [t] or [1, t]. Each token is drawn from the softmax of
 * the last logits divided by `temperature` (1; 0 takes the first of the largest), from the `topK` likeliest and from the likeliest that have the
 * probability `topP` together (Holtzman et al. 2020). `length` is how many come, 100 by default.
 *
 * The first call of the model gets all tokens, each later one the new token alone, with a cache of its own: causal attention, recurrent layers and
 * positions go on from there (`cachePart` for layers of one's own). Where that is not enough the model gets all tokens each time: where no layer asks for
 * the cache, where one needs what comes later, and where the logits are others, which are compared at the first new token and each time that the model
 * comes to twice as many as ever. `context` is the most that the model sees: beyond it, it gets the last ones each time.
 *
 * It runs in test mode, records no gradient, lets the event loop run, and holds nothing when the loop is left. Throws TypeError for what is no model, token
 * or option, and where it comes out late that the model needs all tokens; RangeError for numbers out of range and logits that are NaN, ShapeError for
 * other shapes, no token, or a batch of several.
 *
 * @example
 * const model = x => oneHot(x, 5).roll(1, -1).cast('float32')
 * const found = []
 * for await (const token of generate(model, [0], { length: 6, temperature: 0 })) found.push(token)
 * found // [1, 2, 3, 4, 0, 1]
 */
export function generate(
  model: LanguageModel,
  tokens: Tensor | ArrayLike<number>,
  options: GenerateOptions = {},
): AsyncGenerator<number, void, void> {
  if (arguments.length > 3) refuseSurplus('generate', 3, arguments)
  if (typeof model !== 'function') throw typeError('generate', 'the model comes first, and is a function', `${kindOf(model)} came`)
  const seen = tokensOf(tokens)
  checkOptions('generate', options, ['length', 'temperature', 'topK', 'topP', 'context', 'seed', 'signal'])
  const { length = 100, temperature = 1, topK = Infinity, topP = 1, context = Infinity, seed, signal } = options
  const within = (name: string, value: number, least: number, isWhole: boolean, most = Infinity) => {
    checkNumber('generate', name, value)
    if (value >= least && value <= most && (!isWhole || value === Infinity || Number.isInteger(value))) return
    const range = most === Infinity ? `from ${least}` : `from ${least} to ${most}`
    throw rangeError('generate', `${name} is ${isWhole ? 'a whole number' : 'a number'} ${range}`, value)
  }
  within('length', length, 0, true)
  within('temperature', temperature, 0, false)
  within('topK', topK, 1, true)
  within('topP', topP, 0, false, 1)
  within('context', context, 1, true)
  if (signal !== undefined && !(Object(signal) === signal && 'throwIfAborted' in signal))
    throw typeError('generate', 'the signal is an AbortSignal', `${written(signal)} came`)
  const random = seed === undefined ? splitRandomness() : keyed('generate', seed)
  return generated(model, seen, { length, temperature, topK, topP, context, random, signal })
}

/** The tokens as a list of our own. */
function tokensOf(tokens: Tensor | ArrayLike<number>): number[] {
  const wrong = (came: string, wayOut = 'Text is encoded first: a list of numbers.') =>
    typeError('generate', 'tokens are whole numbers, or an integer tensor', came, wayOut)
  if (tokens instanceof Tensor) {
    tokens.check('generate')
    if (tokens.type === 'bool' || tokens.type === 'float32') throw wrong(`${tokens.type} came`, "Write tokens.cast('int32').")
    if (tokens.rank === 0 || tokens.rank > 2 || (tokens.rank === 2 && tokens.dims[0] !== 1)) {
      const wayOut = 'Call it for each sequence of a batch: generate(model, tokens.slice([i]), ...).'
      throw new ShapeError({ operation: 'generate', problem: 'tokens are one sequence, [t] or [1, t]', came: show(tokens.dims), wayOut }, [
        tokens.dims,
      ])
    }
  } else if (isForeign(tokens)) throw noTensor('generate', tokens)
  else if (!Array.isArray(tokens) && (!ArrayBuffer.isView(tokens) || tokens instanceof DataView)) throw wrong(`${written(tokens)} came`)
  const list = Array.from(tokens instanceof Tensor ? (tokens.view() as ArrayLike<number>) : tokens)
  if (list.length === 0)
    throw new ShapeError({
      operation: 'generate',
      problem: 'there is no token to begin with',
      came: '[0]',
      wayOut: 'Begin with one, such as that of a new line.',
    })
  for (const each of list) {
    if (typeof each !== 'number') throw wrong(`${written(each)} among them`, typeof each === 'bigint' ? 'Write Number(token).' : undefined)
    if (!Number.isInteger(each) || each < 0 || each >= 2 ** 31)
      throw rangeError('generate', 'a token is a whole number from 0', written(each))
  }
  return list
}

/** Up to how many tokens a model is known to give the same logits by new tokens alone as by all of them; 0 where it does not. */
const known = /* @__PURE__ */ new WeakMap<LanguageModel, number>()

async function* generated(model: LanguageModel, seen: number[], settings: Settings): AsyncGenerator<number, void, void> {
  const { length, context, signal } = settings
  const breathe = breather(signal)
  const cache = Cache()
  cache.isDeclined = false
  let told = 0
  let isWhole = known.get(model) === 0
  const run = <T>(f: () => T): T =>
    unrecorded(() =>
      recalling(
        () => false,
        () => scoped(f),
      ),
    )
  const whole = () => logitsOf(model, seen.slice(-context))
  /** The last logits, from the tokens that the model has not been told. */
  const next = (): Float32Array => {
    if (seen.length > context) cache.dispose()
    if (isWhole || seen.length > context) return whole()
    const logits = cache.during(() => logitsOf(model, told === 0 ? seen : seen.slice(told)))
    const isFirst = told === 0
    told = seen.length
    isWhole = !cache.isAsked || cache.isDeclined === true
    const before = known.get(model)
    if (!isFirst && !isWhole && seen.length >= 2 * (before ?? 1)) {
      isWhole = !areClose(logits, whole())
      known.set(model, isWhole ? 0 : seen.length)
      // Tokens since may have been others.
      if (isWhole && before) throw misled()
    }
    if (!isWhole) return logits
    cache.dispose()
    return isFirst ? logits : whole()
  }
  try {
    for (let i = 0; i < length; i++) {
      const pause = breathe()
      if (pause) await pause
      signal?.throwIfAborted()
      const token = run(() => drawn(next(), settings))
      seen.push(token)
      yield token
    }
  } finally {
    cache.dispose()
  }
}

/** The logits of what follows the last token. */
function logitsOf(model: LanguageModel, tokens: readonly number[]): Float32Array {
  const x = make([1, tokens.length], 'int32', 'generate')
  unwritten(x).set(tokens)
  const y: unknown = model(x)
  if (!(y instanceof Tensor)) throw gaveNone('generate', 'the model', y, Array.isArray(y) ? 'Write x => model(x)[0].' : undefined)
  y.check('generate')
  const [batch, time, vocabulary] = y.dims
  if (y.type !== 'float32' || y.rank !== 3 || batch !== 1 || time !== tokens.length || vocabulary < 1) {
    const problem = `for tokens [1, ${tokens.length}] the model gives logits [1, ${tokens.length}, vocabulary]`
    throw new ShapeError({ operation: 'generate', problem, came: `${y.type} ${show(y.dims)}` }, [y.dims])
  }
  return (y.view() as Float32Array).slice(-vocabulary)
}

function misled(): TypeError {
  const problem = 'new tokens alone give other logits than all of them, and shorter texts did not show it'
  const wayOut = 'Call it again: it now gives the model all tokens each time. A layer that looks back asks for its cachePart.'
  return typeError('generate', problem, '', wayOut)
}

/** Are they the same but for rounding? */
function areClose(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false
  const size = b.reduce((most, each) => (Number.isFinite(each) ? Math.max(most, Math.abs(each)) : most), 0)
  return a.every((each, i) => Object.is(each, b[i]) || Math.abs(each - b[i]) <= 1e-3 * size)
}

/** A token, drawn by its logits. */
function drawn(logits: Float32Array, { temperature, topK, topP, random }: Settings): number {
  let best = 0
  for (let i = 0; i < logits.length; i++) {
    if (Number.isNaN(logits[i])) throw rangeError('generate', 'the logits are numbers', `NaN for token ${i}`)
    if (logits[i] > logits[best]) best = i
  }
  const most = logits[best]
  if (temperature === 0 || topK === 1) return best
  if (!Number.isFinite(most)) throw rangeError('generate', 'the largest of the logits is finite', most)
  const weights = new Float64Array(logits.length)
  for (let i = 0; i < weights.length; i++) weights[i] = logits[i] === -Infinity ? 0 : Math.exp((logits[i] - most) / temperature)
  let sum = 0
  let order: readonly number[] | undefined
  if (topK < weights.length || topP < 1) [order, sum] = likeliest(weights, topK, topP)
  else for (const each of weights) sum += each
  const at = (i: number) => (order ? order[i] : i)
  const [high, low] = drawIntegers(2, random)
  let left = ((high * 2 ** 21 + (low >>> 11)) / 2 ** 53) * sum
  const last = order?.length ?? weights.length
  for (let i = 0; i < last - 1; i++) {
    left -= weights[at(i)]
    if (left < 0) return at(i)
  }
  return at(last - 1)
}

/** The tokens that may be drawn, the likeliest first, of equals the one that comes first; and the sum of their weights. */
function likeliest(weights: Float64Array, topK: number, topP: number): readonly [order: readonly number[], sum: number] {
  // Numbers sort several times as fast as tokens by their numbers: these are only those that are left.
  const sorted = weights.slice().sort()
  let count = Math.min(topK, sorted.length)
  let sum = 0
  for (let i = 1; i <= count; i++) sum += sorted[sorted.length - i]
  if (topP < 1) {
    let [kept, i] = [0, 0]
    do kept += sorted[sorted.length - ++i]
    while (kept < topP * sum && i < count)
    count = i
    sum = kept
  }
  const least = sorted[sorted.length - count]
  const order: number[] = []
  for (let i = 0; i < weights.length; i++) if (weights[i] >= least) order.push(i)
  order.sort((a, b) => weights[b] - weights[a] || a - b).length = count
  return [order, sum]
}
