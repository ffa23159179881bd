// What attention and caches refuse, each text whole.
import * as f from 'fluxtape'
import { describe } from 'vitest'
import { refuses, rejects } from './table.ts'

// biome-ignore lint/suspicious/noExplicitAny: what types refuse, too
const any = f as any
const attention = f.MultiHeadAttention([6, [8, 4], 3], { heads: 2 })
// biome-ignore lint/suspicious/noExplicitAny: what types refuse, too
const call = attention as any
const x = f.ones([2, 5, 6])
const at = '\nin MultiHeadAttention([6, [8, 4], 3], { heads: 2 })'
const sizes = 'Write a number, [in, inner, out], or [[q, k, v], [queriesAndKeys, values], out].'
const cache = f.Cache()
/** What a layer of one's own does with its part. */
const part = (act: (own: f.CachePart) => unknown) => {
  const mine = f.layer('Mine', {}, (self, y: f.Tensor) => {
    act(f.cachePart(self) as f.CachePart)
    return y
  })
  return f.withCache(f.Cache(), () => mine(x))
}
const causal = f.MultiHeadAttention(6, { heads: 2, causal: true })

describe('MultiHeadAttention refuses', () => {
  refuses([
    [
      'heads that do not divide',
      () => f.MultiHeadAttention(12),
      'TypeError: MultiHeadAttention: heads divide the inner sizes: 8 came for 12. Write { heads: 4 }, or another size.',
    ],
    [
      'no heads',
      () => f.MultiHeadAttention(12, { heads: 0 }),
      'TypeError: MultiHeadAttention: the sizes must be whole numbers from 1: 0. heads is how many there are.',
    ],
    [
      'no sizes',
      () => any.MultiHeadAttention(),
      `TypeError: MultiHeadAttention: the sizes must be whole numbers from 1: undefined, undefined, undefined, undefined, undefined, undefined. ${sizes}`,
    ],
    [
      'two sizes',
      () => any.MultiHeadAttention([8, 8]),
      `TypeError: MultiHeadAttention: the sizes must be whole numbers from 1: 8, 8, 8, 8, 8, undefined. ${sizes}`,
    ],
    [
      'four sizes',
      () => any.MultiHeadAttention([8, 8, 8, 8]),
      `TypeError: MultiHeadAttention: the sizes are one number, or three: an array. ${sizes}`,
    ],
    [
      'heads as the second argument',
      () => any.MultiHeadAttention(8, 2),
      'TypeError: MultiHeadAttention: options are an object: 2 came. Write { heads: 2 }. There are heads, bias, dropout, causal, positions and init.',
    ],
    [
      'a bias that is a tensor',
      () => any.MultiHeadAttention(8, { bias: x }),
      'TypeError: MultiHeadAttention: bias is true or false: a tensor came.',
    ],
    [
      'positions that are no function',
      () => any.MultiHeadAttention(8, { positions: 'rotary' }),
      "TypeError: MultiHeadAttention: positions is a function: 'rotary' came.",
    ],
    [
      'positions that give no tensor',
      () => any.MultiHeadAttention(8, { positions: () => 1 })(f.ones([1, 2, 8])),
      'TypeError: MultiHeadAttention: positions gave no tensor: number. Return one from a function that is not async.\nin MultiHeadAttention(8, { positions: positions })',
    ],
    [
      'positions of another shape',
      () => f.MultiHeadAttention(8, { positions: y => y.sum(-1) })(f.ones([1, 2, 8])),
      'ShapeError: MultiHeadAttention: positions keep the shape: [1, 2] for [1, 2, 8].\nin MultiHeadAttention(8, { positions: positions })',
    ],
    ['a dropout above 1', () => f.MultiHeadAttention(8, { dropout: 2 }), 'RangeError: MultiHeadAttention: dropout lies in [0, 1]: 2.'],
    [
      'a dropout of text',
      () => any.MultiHeadAttention(8, { dropout: '1' }),
      "TypeError: MultiHeadAttention: dropout is a number: '1' came.",
    ],
    [
      'an init of another shape',
      () => f.MultiHeadAttention(8, { init: () => x }),
      'ShapeError: MultiHeadAttention: init gives [8, 8]: [2, 5, 6].',
    ],
    ['an init that is none', () => any.MultiHeadAttention(8, { init: 1 }), 'TypeError: MultiHeadAttention: init is a function: 1 came.'],
    [
      'a bias of bool',
      () => attention(x, { bias: f.ones([5, 5]).cast('bool') }),
      `DTypeError: MultiHeadAttention: the bias is added to the scores, and is numbers: bool. Write { mask } for what may attend.${at}`,
    ],
    [
      'a bias of another shape',
      () => attention(x, { bias: f.ones([4]) }),
      `ShapeError: MultiHeadAttention: the bias does not fit the scores: [4] and [2, 2, 5, 5]. It broadcasts to [batch, heads, queries, keys].${at}`,
    ],
    [
      'one sequence without a batch',
      () => attention(f.ones([5, 6])),
      `ShapeError: MultiHeadAttention: q is [batch, time, 6]: [5, 6]. Write x.expandDims(0) for one sequence.${at}`,
    ],
    ['other features', () => attention(f.ones([2, 5, 4])), `ShapeError: MultiHeadAttention: q is [batch, time, 6]: [2, 5, 4].${at}`],
    [
      'other features of v',
      () => attention(x, x, f.ones([2, 5, 4])),
      `ShapeError: MultiHeadAttention: v is [batch, time, 6]: [2, 5, 4].${at}`,
    ],
    [
      'another batch of keys',
      () => attention(x, f.ones([1, 5, 6])),
      `ShapeError: MultiHeadAttention: q, k and v have one batch, k and v as many positions: [2, 5, 6], [1, 5, 6], [1, 5, 6].${at}`,
    ],
    [
      'more values than keys',
      () => attention(x, x, f.ones([2, 6, 6])),
      `ShapeError: MultiHeadAttention: q, k and v have one batch, k and v as many positions: [2, 5, 6], [2, 5, 6], [2, 6, 6].${at}`,
    ],
    [
      'four inputs',
      () => call(x, x, x, x),
      `TypeError: MultiHeadAttention: there is an argument too many: a tensor came. Write { mask }.${at}`,
    ],
    [
      'tokens',
      () => attention(f.zeros([2, 7], { dtype: 'int32' })),
      `DTypeError: MultiHeadAttention: q is float32: int32. Tokens go through an Embedding or oneHot first, other numbers through cast('float32').${at}`,
    ],
    [
      'whole numbers as keys and values',
      () => attention(x, x.cast('uint8')),
      `DTypeError: MultiHeadAttention: k is float32: uint8. Tokens go through an Embedding or oneHot first, other numbers through cast('float32').${at}`,
    ],
    [
      'bool as values',
      () => attention(x, x, x.cast('bool')),
      `DTypeError: MultiHeadAttention: v is float32: bool. Write v.cast('float32').${at}`,
    ],
    [
      'positions of other heads',
      () => f.MultiHeadAttention(8, { heads: 4, positions: f.RotaryPositions({ heads: 2 }) }),
      'TypeError: MultiHeadAttention: positions have the same heads: 2 for 4.',
    ],
    [
      'what is no option',
      () => call(x, { dropout: 0.1 }),
      `TypeError: MultiHeadAttention: there is no option 'dropout'. There are mask, bias, causal, returnWeights and cache.${at}`,
    ],
    [
      'a mask of numbers',
      () => attention(x, { mask: f.ones([5, 5]) }),
      `DTypeError: MultiHeadAttention: the mask is bool, true where a query may attend: float32. Write mask.cast('bool'), or { bias } for what is added.${at}`,
    ],
    [
      'a mask of another shape',
      () => attention(x, { mask: f.ones([4]).cast('bool') }),
      `ShapeError: MultiHeadAttention: the mask does not fit the scores: [4] and [2, 2, 5, 5]. It broadcasts to [batch, heads, queries, keys].${at}`,
    ],
    ['a list', () => call([x, x, x]), `TypeError: MultiHeadAttention: a tensor is needed: an array. Make one with tensor(...).${at}`],
    ['a causal that is no boolean', () => call(x, { causal: 1 }), `TypeError: MultiHeadAttention: causal is true or false: 1 came.${at}`],
  ])
})

describe('a cache refuses', () => {
  refuses([
    ['what is none', () => call(x, { cache: {} }), `TypeError: MultiHeadAttention: the cache is a Cache: object came. Write Cache().${at}`],
    ['what is no function', () => any.withCache(cache, x), 'TypeError: withCache: what runs with it is a function: a tensor came.'],
    ['a call without it', () => any.withCache(() => x), 'TypeError: withCache: the cache is a Cache: a function came. Write Cache().'],
    [
      'a function that is async',
      () => any.withCache(cache, async () => x),
      'TypeError: withCache: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    ...['a', -1, Number.NaN, 1.5, undefined, 2n].map(
      count =>
        [
          `to advance by ${count}`,
          () => part(own => own.advance(count as number)),
          `TypeError: advance: takes how many positions come: ${count === 'a' ? "'a'" : count === 2n ? '2n' : count} came. Write advance(x.shape[1]).\nin Mine`,
        ] as const,
    ),
    ...[1, undefined, null].map(
      states =>
        [
          `to keep ${states}`,
          () => part(own => own.keep(states as never)),
          `TypeError: keep: the states are a list of tensors: ${states} came. Write keep([h]).\nin Mine`,
        ] as const,
    ),
    [
      'to keep a tensor alone',
      () => part(own => own.keep(x as never)),
      'TypeError: keep: the states are a list of tensors: a tensor came. Write keep([h]).\nin Mine',
    ],
    [
      'to keep a number',
      () => part(own => own.keep([x, 1] as never)),
      'TypeError: keep: a tensor is needed: number. Make one with tensor(...).\nin Mine',
    ],
    ['no layer', () => any.cachePart(), 'TypeError: cachePart: takes a layer: undefined came. Write cachePart(self).'],
    [
      'a gradient',
      () => f.gradient(z => causal(z, { cache }).sum(), x),
      'TypeError: MultiHeadAttention: a gradient is being taken, and what is cached has none. Call the model without a cache there.\nin MultiHeadAttention(6, { heads: 2, causal: true })',
    ],
    [
      'what sees later positions',
      () => f.withCache(cache, () => attention(x)),
      `TypeError: MultiHeadAttention: there is a cache, and attention that is not causal sees what comes later. Write { causal: true }.${at}`,
    ],
    [
      'a mask in a model',
      () => f.withCache(cache, () => causal(x, { mask: f.ones([5, 5]).cast('bool') })),
      'TypeError: MultiHeadAttention: there is a cache, and a mask does not know of the positions before. Pass { cache } to the layer, with all in it for all keys.\nin MultiHeadAttention(6, { heads: 2, causal: true })',
    ],
    [
      'keys that are made in a model',
      () => f.withCache(cache, () => causal(x, x.mul(2))),
      'TypeError: MultiHeadAttention: there is a cache, and keys and values are not the input. Pass { cache } to the layer, with all in it for all keys.\nin MultiHeadAttention(6, { heads: 2, causal: true })',
    ],
    [
      'another batch',
      () => {
        const other = f.Cache()
        causal(x, { cache: other })
        try {
          causal(f.ones([1, 5, 6]), { cache: other })
        } finally {
          other.dispose()
        }
      },
      'ShapeError: cache: the cache holds [2, 5, 6]: [1, 5, 6]. Begin with a new Cache().\nin MultiHeadAttention(6, { heads: 2, causal: true })',
    ],
  ])
})

const model = (tokens: f.Tensor) => f.oneHot(tokens, 4).cast('float32')
const next = (m: unknown, tokens: unknown = [1]) => any.generate(m, tokens).next()
const batch = f.zeros([2, 3]).cast('int32')

describe('generate refuses', () => {
  refuses([
    ['no model', () => any.generate([1], model), 'TypeError: generate: the model comes first, and is a function: an array came.'],
    [
      'a text',
      () => any.generate(model, 'once'),
      "TypeError: generate: tokens are whole numbers, or an integer tensor: 'once' came. Text is encoded first: a list of numbers.",
    ],
    [
      'texts',
      () => any.generate(model, ['once']),
      "TypeError: generate: tokens are whole numbers, or an integer tensor: 'once' among them. Text is encoded first: a list of numbers.",
    ],
    [
      'numbers that are not whole',
      () => f.generate(model, f.ones([3])),
      "TypeError: generate: tokens are whole numbers, or an integer tensor: float32 came. Write tokens.cast('int32').",
    ],
    ...[new DataView(new ArrayBuffer(8)), new Set([1]), new ArrayBuffer(8), { 0: 1, length: 1 }].map(tokens => {
      const kind = Object.prototype.toString.call(tokens).slice(8, -1)
      const came = kind === 'Object' ? 'object' : kind === 'ArrayBuffer' ? 'an ArrayBuffer' : `a ${kind}`
      return [
        `tokens in ${came}`,
        () => any.generate(model, tokens),
        `TypeError: generate: tokens are whole numbers, or an integer tensor: ${came} came. Text is encoded first: a list of numbers.`,
      ] as const
    }),
    [
      'tokens to come',
      () => any.generate(model, Promise.resolve([1])),
      'TypeError: generate: tokens are whole numbers, or an integer tensor: a promise came. Await it first.',
    ],
    ...[[5n], BigInt64Array.of(5n)].map(
      tokens =>
        [
          `BigInt in ${tokens.constructor.name}`,
          () => any.generate(model, tokens),
          'TypeError: generate: tokens are whole numbers, or an integer tensor: 5n among them. Write Number(token).',
        ] as const,
    ),
    [
      'lists in a list',
      () => any.generate(model, [[1]]),
      'TypeError: generate: tokens are whole numbers, or an integer tensor: an array among them. Text is encoded first: a list of numbers.',
    ],
    ['a fraction', () => f.generate(model, [1.5]), 'RangeError: generate: a token is a whole number from 0: 1.5.'],
    ['a token below 0', () => f.generate(model, [-1]), 'RangeError: generate: a token is a whole number from 0: -1.'],
    [
      'no token',
      () => f.generate(model, []),
      'ShapeError: generate: there is no token to begin with: [0]. Begin with one, such as that of a new line.',
    ],
    [
      'a batch',
      () => f.generate(model, batch),
      'ShapeError: generate: tokens are one sequence, [t] or [1, t]: [2, 3]. Call it for each sequence of a batch: generate(model, tokens.slice([i]), ...).',
    ],
    [
      'what is no option',
      () => any.generate(model, [1], { top_k: 3 }),
      "TypeError: generate: there is no option 'top_k'. Is topK meant? There are length, temperature, topK, topP, context, seed and signal.",
    ],
    ['a length below 0', () => f.generate(model, [1], { length: -1 }), 'RangeError: generate: length is a whole number from 0: -1.'],
    [
      'a temperature below 0',
      () => f.generate(model, [1], { temperature: -1 }),
      'RangeError: generate: temperature is a number from 0: -1.',
    ],
    [
      'a temperature that is NaN',
      () => f.generate(model, [1], { temperature: NaN }),
      'RangeError: generate: temperature is a number from 0: NaN.',
    ],
    ['no likeliest', () => f.generate(model, [1], { topK: 0 }), 'RangeError: generate: topK is a whole number from 1: 0.'],
    ['a probability above 1', () => f.generate(model, [1], { topP: 90 }), 'RangeError: generate: topP is a number from 0 to 1: 90.'],
    ['a text for a number', () => any.generate(model, [1], { topP: 'all' }), "TypeError: generate: topP is a number: 'all' came."],
    ['half a context', () => f.generate(model, [1], { context: 1.5 }), 'RangeError: generate: context is a whole number from 1: 1.5.'],
    ['a seed below 0', () => f.generate(model, [1], { seed: -1 }), 'RangeError: generate: a seed is a whole number from 0: -1.'],
    [
      'a controller',
      () => any.generate(model, [1], { signal: new AbortController() }),
      'TypeError: generate: the signal is an AbortSignal: an AbortController came.',
    ],
  ])
  rejects([
    [
      'a model that gives none',
      () => next(() => 1),
      'TypeError: generate: the model gave no tensor: number. Return one from a function that is not async.',
    ],
    [
      'a model that gives its state, too',
      () => next((x: f.Tensor) => [model(x), x]),
      'TypeError: generate: the model gave no tensor: an array. Write x => model(x)[0].',
    ],
    [
      'a model that is async',
      () => next(async () => 1),
      'TypeError: generate: the model gave no tensor: a promise. Return one from a function that is not async.',
    ],
    [
      'logits of one position',
      () => next((x: f.Tensor) => model(x).slice(':, 0'), [1, 2]),
      'ShapeError: generate: for tokens [1, 2] the model gives logits [1, 2, vocabulary]: float32 [1, 4].',
    ],
    [
      'classes',
      () => next((x: f.Tensor) => model(x).argMax(-1)),
      'ShapeError: generate: for tokens [1, 1] the model gives logits [1, 1, vocabulary]: int32 [1, 1].',
    ],
    [
      'logits that are NaN',
      () => next((x: f.Tensor) => model(x).mul(NaN)),
      'RangeError: generate: the logits are numbers: NaN for token 0.',
    ],
    [
      'logits without a finite one',
      () => next((x: f.Tensor) => model(x).add(Infinity)),
      'RangeError: generate: the largest of the logits is finite: Infinity.',
    ],
    [
      'a token that the model does not know',
      () => next((x: f.Tensor) => f.ones([2, 4]).gather(x), [2]),
      'RangeError: gather: index 2 at place 0 is out of range: indices go from 0 to 1.',
    ],
  ])
})
