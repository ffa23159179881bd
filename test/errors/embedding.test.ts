// Embedding, EmbeddingBag and layers of positions: how they are made, and what they are called with.
import { Chain, Dense, Embedding, EmbeddingBag, ones, RotaryPositions, rotary, SinusoidalPositions, tensor, zeros } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 3, 4])
const bag = EmbeddingBag(5, 2)

describe('Embedding and EmbeddingBag refuse', () => {
  refuses([
    ['no size', () => Embedding(...([5] as never as [number, number])), 'TypeError: Embedding: the sizes must be whole numbers from 1: 5, undefined. Write Embedding(vocabulary, features).'],
    ['a size of 0', () => EmbeddingBag(0, 2), 'TypeError: EmbeddingBag: the sizes must be whole numbers from 1: 0, 2. Write EmbeddingBag(vocabulary, features).'],
    ['a vector as weight', () => Embedding(ones([3])), 'ShapeError: Embedding: the weight is [vocabulary, features]: [3].'],
    ['an init of a ready weight', () => Embedding(ones([3, 2]), { init: ones } as never), "TypeError: Embedding: there is no option 'init'. There is paddingIdx."],
    ['an init of another shape', () => Embedding(3, 2, { init: () => ones([2, 3]) }), 'ShapeError: Embedding: init gives [3, 2]: [2, 3].'],
    ['a padding outside', () => Embedding(3, 2, { paddingIdx: 3 }), 'RangeError: Embedding: paddingIdx is an index from 0 to 2: 3.'],
    ['a padding from the end', () => EmbeddingBag(3, 2, { paddingIdx: -1 }), 'RangeError: EmbeddingBag: paddingIdx is an index from 0 to 2: -1.'],
    ['another reduction', () => EmbeddingBag(3, 2, 'min' as never), "TypeError: EmbeddingBag: the reduction is 'mean', 'sum' or 'max': 'min' came. Write EmbeddingBag(vocabulary, features, 'sum')."],
    ['an index beyond', () => Chain(Embedding(5, 2), Dense(2, 1))(tensor([[0, 4], [5, 1]])), 'RangeError: Embedding: index 5 at place 2 is not in the vocabulary: indices go from 0 to 4.\nin Chain[0]: Embedding(5, 2)'],
    ['an index below', () => Embedding(5, 2)([-1]), 'RangeError: Embedding: index -1 at place 0 is not in the vocabulary: indices go from 0 to 4.\nin Embedding(5, 2)'],
    ['half an index', () => Embedding(5, 2)(tensor([0.5])), 'RangeError: Embedding: index 0.5 at place 0 is not a whole number.\nin Embedding(5, 2)'],
    ['a text', () => Embedding(5, 2)(['a'] as never), "TypeError: Embedding: an index is a number: 'a' came. Count names: labels.map(each => names.indexOf(each)).\nin Embedding(5, 2)"],
    ['bool of another size', () => Embedding(5, 2)(ones([2, 4]).cast('bool')), 'ShapeError: Embedding: bool is one-hot, [..., 5]: [2, 4]. Whole numbers are indices: cast them to int32.\nin Embedding(5, 2)'],
    ['several at once', () => Embedding(5, 2)(ones([2, 5]).cast('bool')), 'RangeError: Embedding: row 0 is not one-hot: not one of it is true, or more than one.\nin Embedding(5, 2)'],
    ['none at all', () => Embedding(5, 2)(zeros([5]).cast('bool')), 'RangeError: Embedding: row 0 is not one-hot: not one of it is true, or more than one.\nin Embedding(5, 2)'],
    ['a second input', () => (Embedding(5, 2) as (...xs: number[]) => unknown)(1, 2), 'TypeError: Embedding: there is an argument too many: 2 came.\nin Embedding(5, 2)'],
    ['a mode among the options', () => EmbeddingBag(5, 4, { mode: 'sum' } as never), "TypeError: EmbeddingBag: the reduction is 'mean', 'sum' or 'max': object came. Write EmbeddingBag(vocabulary, features, 'sum')."],
    ['an index beyond, in a bag', () => bag([[0], [7, 9]]), 'RangeError: EmbeddingBag: index 7 at place 1 is not in the vocabulary: indices go from 0 to 4.\nin EmbeddingBag(5, 2)'],
    ['a first offset', () => bag([0, 1, 2], [1, 2]), 'RangeError: EmbeddingBag: offset 1 at place 0 cannot be. Offsets begin at 0, do not go back, and go up to 3.\nin EmbeddingBag(5, 2)'],
    ['offsets that go back', () => bag([0, 1, 2], [0, 2, 1]), 'RangeError: EmbeddingBag: offset 1 at place 2 cannot be. Offsets begin at 0, do not go back, and go up to 3.\nin EmbeddingBag(5, 2)'],
    ['an offset beyond', () => bag([0, 1, 2], [0, 4]), 'RangeError: EmbeddingBag: offset 4 at place 1 cannot be. Offsets begin at 0, do not go back, and go up to 3.\nin EmbeddingBag(5, 2)'],
    ['half an offset', () => bag([0, 1, 2], [0, 0.5]), 'RangeError: EmbeddingBag: offset 0.5 at place 1 is not a whole number.\nin EmbeddingBag(5, 2)'],
    ['offsets of bool', () => bag([0, 1, 2], ones([2]).cast('bool')), 'DTypeError: EmbeddingBag: offsets cannot be bool: [2]. Cast them to int32.\nin EmbeddingBag(5, 2)'],
    ['half an index of an array', () => Embedding(5, 2)(Float32Array.of(0.5) as never), 'RangeError: Embedding: index 0.5 at place 0 is not a whole number.\nin Embedding(5, 2)'],
    ['a matrix with offsets', () => bag(tensor([[0, 1]]), [0]), 'ShapeError: EmbeddingBag: a bag, and offsets, have one axis: [1, 2].\nin EmbeddingBag(5, 2)'],
    ['one index', () => bag(tensor(3)), 'ShapeError: EmbeddingBag: a bag, and offsets, have one axis: [].\nin EmbeddingBag(5, 2)'],
  ]) // biome-ignore format: one row a case
})

describe('positions refuse', () => {
  refuses([
    ['an odd number of features', () => SinusoidalPositions()(ones([2, 3])), 'ShapeError: SinusoidalPositions: features are pairs: [2, 3].\nin SinusoidalPositions()'],
    ['tokens', () => SinusoidalPositions()(zeros([2, 6], { dtype: 'int32' })), "DTypeError: SinusoidalPositions: x is float32: int32. Tokens go through an Embedding or oneHot first, other numbers through cast('float32').\nin SinusoidalPositions()"],
    ['bool', () => RotaryPositions()(zeros([2, 6]).cast('bool')), "DTypeError: RotaryPositions: x is float32: bool. Write x.cast('float32').\nin RotaryPositions()"],
    ['a vector', () => rotary(ones([4])), 'ShapeError: rotary: x is [..., time, features]: [4].'],
    ['heads that are no pairs', () => RotaryPositions({ heads: 4 })(x), 'ShapeError: RotaryPositions: features are pairs in 4 heads: [2, 3, 4].\nin RotaryPositions({ heads: 4 })'],
    ['heads of 0', () => RotaryPositions({ heads: 0 }), 'TypeError: RotaryPositions: heads are a whole number from 1: 0 came.'],
    ...Object.entries({ rotary: (o: never) => rotary(x, o), RotaryPositions, SinusoidalPositions }).flatMap(([name, of]) => {
      const make = (base: unknown) => () => of({ base } as never)
      return [
        ...[0, -1, 0.5, 1e-300, NaN, Infinity].map(base => [`a base of ${base} of ${name}`, make(base), `RangeError: ${name}: base is a finite number from 1: ${base}.`] as const),
        ...['3', null, true].map(base => [`a base that is ${base} of ${name}`, make(base), `TypeError: ${name}: base is a number: ${base === '3' ? "'3'" : base} came.`] as const),
      ]
    }),
    ['no positions', () => RotaryPositions()(x, { positions: null } as never), 'TypeError: RotaryPositions: a tensor is needed: null. Make one with tensor(...).\nin RotaryPositions()'],
    ['another shape of positions', () => rotary(x, { positions: [0, 1] }), 'ShapeError: rotary: positions have the last axes of x before its features: [2] for x [2, 3, 4].'],
    ['half a position', () => rotary(x, { positions: 0.5 }), 'RangeError: rotary: a position is a whole number of 32 bits: 0.5.'],
    ['half positions', () => rotary(x, { positions: tensor([0, 0.5, 1]) }), 'RangeError: rotary: position 0.5 at place 1 is not a whole number.'],
    ['what is no tensor', () => SinusoidalPositions()([1] as never), 'TypeError: SinusoidalPositions: a tensor is needed: an array. Make one with tensor(...).\nin SinusoidalPositions()'],
    ['interleaved of a number', () => rotary(x, { interleaved: 1 as never }), 'TypeError: rotary: interleaved is true or false: 1 came.'],
    ['an unknown option', () => SinusoidalPositions({ bsae: 3 } as never), "TypeError: SinusoidalPositions: there is no option 'bsae'. There is base."],
  ]) // biome-ignore format: one row a case
})
