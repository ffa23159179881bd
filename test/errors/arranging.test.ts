// What the functions that arrange, pad and contract refuse.
import { diag, dot, einsum, flip, ones, outer, pad, repeat, roll, slice, tensor, tile, tril, triu } from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 3])
const bytes = tensor([1, 2], { dtype: 'uint8' })
const large = tensor([2 ** 30, 2 ** 30], { dtype: 'int32' })

describe('what puts elements in other places refuses', () => {
  refuses([
    ['an axis that is not there', () => flip(x, 2), 'ShapeError: flip: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    ['to flip a list', () => flip([1] as never), 'TypeError: flip: a tensor is needed: an array. Make one with tensor(...).'],
    ['half a shift', () => roll(x, 0.5), 'RangeError: roll: a shift is a whole number: 0.5.'],
    ['no shift', () => roll(x, []), 'ShapeError: roll: there is one shift for all axes, or one for each: [] and [0].'],
    ['a text as a shift', () => roll(x, '1' as never, 0), "TypeError: roll: a shift is a number: '1' came."],
    [
      'other numbers of shifts and axes',
      () => roll(x, [1, 2], 0),
      'ShapeError: roll: there is one shift for all axes, or one for each: [1, 2] and [0].',
    ],
    ['to roll along an axis that is not there', () => roll(x, 1, 2), 'ShapeError: roll: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    ['to tile less than never', () => tile(x, [1, -1]), 'RangeError: tile: how often is a whole number from 0: -1.'],
    ['to tile by a text', () => tile(x, 'a' as never), "TypeError: tile: how often is a number: 'a' came."],
    ['to repeat half', () => repeat(x, 0.5), 'RangeError: repeat: how often is a whole number from 0: 0.5.'],
    [
      'to repeat along an axis that is not there',
      () => repeat(x, 2, 2),
      'ShapeError: repeat: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    ["'...' twice", () => slice(x, '..., 0, ...'), "TypeError: slice: '...' may stand once."],
    ["too many entries beside '...'", () => slice(x, '0, ..., 0, 0'), 'ShapeError: slice: 4 entries for 2 axes: [2, 3].'],
  ])
})

describe('pad refuses', () => {
  refuses([
    [
      'a number as widths',
      () => pad(x, 1 as never),
      'TypeError: pad: widths are one pair [before, after] an axis: 1. Write [[1, 1], [1, 1]].',
    ],
    [
      'widths that are no pairs',
      () => pad(x, [1, 2] as never),
      'TypeError: pad: widths are one pair [before, after] an axis: an array. Write [[1, 2], [1, 2]].',
    ],
    ['other pairs than axes', () => pad(x, [[1, 1]]), 'ShapeError: pad: there is one pair an axis: 1 pairs for [2, 3].'],
    ['to cut', () => pad(x, [[-1, 0], [0, 0]]), 'RangeError: pad: widths are whole numbers from 0: [[-1, 0], [0, 0]].'], // biome-ignore format: one line
    ['a mode that it does not have', () => pad(x, [[1, 1], [0, 0]], { mode: 'wrap' as never }), "TypeError: pad: a mode is 'constant', 'reflect' or 'edge': 'wrap'."], // biome-ignore format: one line
    [
      'a value that does not fit',
      () => pad(bytes, [[1, 1]], { value: 256 }),
      'RangeError: pad: 256 does not fit into uint8. Clamp it first, or use float32.',
    ],
    ['a value that is no number', () => pad(bytes, [[1, 1]], { value: '0' as never }), "TypeError: pad: the value is a number: '0' came."],
    ['to mirror nothing', () => pad(ones([0]), [[1, 0]], { mode: 'reflect' }), 'ShapeError: pad: there is nothing to continue: [0].'],
    [
      'an option that it does not have',
      () => pad(bytes, [[1, 1]], { fill: 1 } as never),
      "TypeError: pad: there is no option 'fill'. There are mode and value.",
    ],
  ])
})

describe('diagonals refuse', () => {
  refuses([
    ['a vector as a triangle', () => triu(ones([3])), 'ShapeError: triu: needs two axes: [3].'],
    ['half a diagonal', () => tril(x, 0.5), 'RangeError: tril: a diagonal is a whole number: 0.5.'],
    ['a scalar', () => diag(ones([])), 'ShapeError: diag: takes a matrix or a vector: [].'],
    ['a batch', () => diag(ones([2, 3, 3])), 'ShapeError: diag: takes a matrix or a vector: [2, 3, 3].'],
    ['a diagonal that is a text', () => diag(x, '1' as never), "TypeError: diag: a diagonal is a number: '1' came."],
  ])
})

describe('contractions refuse', () => {
  refuses([
    ['vectors of two lengths', () => dot(ones([3]), ones([4])), 'ShapeError: dot: the last axis of x and axis 0 of y differ: [3] and [4].'],
    [
      'a matrix that would have to be transposed',
      () => dot(x, x),
      'ShapeError: dot: the last axis of x and axis 0 of y differ: [2, 3] and [2, 3].',
    ],
    ['no second tensor', () => dot(x, undefined as never), 'TypeError: dot: a tensor is needed: undefined. Make one with tensor(...).'],
    ['a number', () => outer(2 as never, x), 'TypeError: outer: a tensor is needed: number. Make one with tensor(...).'],
    ['a tensor as equation', () => einsum(x as never, x), "TypeError: einsum: the equation is a text: a tensor came. Write 'ij,jk->ik'."],
    ['no letter', () => einsum('i1', x), "TypeError: einsum: cannot read the equation: 'i1'. Write 'ij,jk->ik'."],
    ['two arrows', () => einsum('ij->i->j', x), "TypeError: einsum: cannot read the equation: 'ij->i->j'. Write 'ij,jk->ik'."],
    ['a lone point', () => einsum('i.j', x), "TypeError: einsum: cannot read the equation: 'i.j'. Write 'ij,jk->ik'."],
    [
      'fewer tensors than terms',
      () => einsum('ij,jk', x),
      "TypeError: einsum: 2 tensors are named, and 1 came: 'ij,jk'. Terms stand between commas, one for each tensor.",
    ],
    [
      'more tensors than terms',
      () => einsum('ij', x, x),
      "TypeError: einsum: 1 tensor is named, and 2 came: 'ij'. Terms stand between commas, one for each tensor.",
    ],
    [
      'a list of tensors',
      () => einsum('ij,ij', [x, x] as never),
      'TypeError: einsum: a tensor is needed: an array. Make one with tensor(...).',
    ],
    ['another rank', () => einsum('ijk', x), "ShapeError: einsum: 'ijk' names other axes than there are: [2, 3]."],
    [
      "fewer axes than letters beside '...'",
      () => einsum('i...jk', x),
      "ShapeError: einsum: 'i...jk' names other axes than there are: [2, 3].",
    ],
    [
      'a result that nobody has',
      () => einsum('ij->ik', x),
      "TypeError: einsum: 'k' in the result must be an axis of the tensors, and there once: 'ij->ik'. Write 'ij,jk->ik'.",
    ],
    [
      'a result that comes twice',
      () => einsum('ij->ii', x),
      "TypeError: einsum: 'i' in the result must be an axis of the tensors, and there once: 'ij->ii'. Write 'ij,jk->ik'.",
    ],
    [
      "axes of '...' that are gone",
      () => einsum('...i->i', x),
      "TypeError: einsum: '...' is missing in the result: '...i->i'. Write 'ij,jk->ik'.",
    ],
    ['sizes that differ', () => einsum('ij,jk', x, x), "ShapeError: einsum: the sizes of 'j' differ: [2, 3] and [2, 3] in 'ij,jk'."],
    [
      "sizes of '...' that differ",
      () => einsum('...i,...i', x, ones([3, 3])),
      "ShapeError: einsum: the sizes of '...' differ: [2, 3] and [3, 3] in '...i,...i'.",
    ],
    ['a diagonal that is none', () => einsum('ii', x), "ShapeError: einsum: the sizes of 'i' differ: [2, 3] in 'ii'."],
    ['a diagonal that would broadcast', () => einsum('ii', ones([1, 3])), "ShapeError: einsum: the sizes of 'i' differ: [1, 3] in 'ii'."],
    [
      'integers whose products do not fit',
      () => einsum('i,i->i', large, large),
      "RangeError: einsum: a result does not fit into int32: about 1152921504606847000. Write x.cast('float32') first.",
    ],
    [
      'integers whose sum does not fit',
      () => einsum('i->', large),
      "RangeError: einsum: a result does not fit into int32: about 2147483648. Write x.cast('float32') first.",
    ],
  ])
})
