import {
  add,
  arange,
  assign,
  broadcastTo,
  cast,
  chunk,
  clamp,
  concat,
  exp,
  expandDims,
  flatten,
  gather,
  gradient,
  isNaN as isNaNIn,
  leakyrelu,
  less,
  linear,
  logicalNot,
  logSumExp,
  matmul,
  max,
  mean,
  norm,
  oneCold,
  oneHot,
  ones,
  permute,
  reshape,
  scatterAdd,
  slice,
  softmax,
  split,
  squeeze,
  stack,
  sum,
  takeAlong,
  tensor,
  topK,
  transpose,
  where,
  zeros,
} from 'fluxtape'
import { describe } from 'vitest'
import { refuses } from './table.ts'

const x = ones([2, 3])
const y = ones([4])
const int = tensor(new Int32Array([1, 2]))

describe('operations on elements refuse', () => {
  refuses([
    [
      'shapes that do not broadcast',
      () => x.add(y),
      'ShapeError: add: shapes do not broadcast: [2, 3] and [4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
    ],
    ['a slope that is no number', () => leakyrelu(x, null as never), 'TypeError: leakyrelu: a is a number: null came.'],
    ['an alpha that is not finite', () => x.elu(Number.NaN), 'RangeError: elu: alpha must be finite: NaN.'],
    [
      'shapes that do not broadcast, compared',
      () => x.less(y),
      'ShapeError: less: shapes do not broadcast: [2, 3] and [4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
    ],
    [
      'shapes that do not broadcast, compared the other way',
      () => x.greater(y),
      'ShapeError: greater: shapes do not broadcast: [2, 3] and [4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
    ],
    [
      'a number as a truth',
      () => x.logicalAnd(0 as never),
      'TypeError: logicalAnd: a tensor is needed: number. Make one with tensor(...).',
    ],
    ['axes that are not there, asked for any', () => x.any(2), 'ShapeError: any: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    ['axes that are not there, asked for all', () => x.all([0, 0]), 'ShapeError: all: axis 0 comes twice: [0, 0].'],
    [
      'the largest norm along no axis',
      () => x.norm(2, { p: Number.POSITIVE_INFINITY }),
      'ShapeError: norm: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    [
      'shapes that do not broadcast, as truths',
      () => x.logicalAnd(y),
      'ShapeError: logicalAnd: shapes do not broadcast: [2, 3] and [4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
    ],
    [
      'shapes that do not broadcast, chosen from',
      () => where(x, y, 1),
      'ShapeError: where: shapes do not broadcast: [2, 3] and [4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
    ],
    ['text', () => x.mul('2' as never), 'TypeError: mul: a tensor is needed: string. Make one with tensor(...).'],
    ['nothing', () => x.mul(undefined as never), 'TypeError: mul: a tensor is needed: undefined. Make one with tensor(...).'],
    ['null', () => add(null as never, x), 'TypeError: add: a tensor is needed: null. Make one with tensor(...).'],
    ['an array', () => x.sub([1, 2, 3] as never), 'TypeError: sub: a tensor is needed: an array. Make one with tensor(...).'],
    ['a promise', () => x.div(Promise.resolve(x) as never), 'TypeError: div: a tensor is needed: a promise. Await it first.'],
    ['two numbers', () => add(1, 2), 'TypeError: add: a tensor is needed: number. Make one with tensor(...).'],
    ['two numbers to compare', () => less(1, 2), 'TypeError: less: a tensor is needed: number. Make one with tensor(...).'],
    ['a number where a tensor is needed', () => exp(3 as never), 'TypeError: exp: a tensor is needed: number. Make one with tensor(...).'],
    ['a number to test', () => isNaNIn(3 as never), 'TypeError: isNaN: a tensor is needed: number. Make one with tensor(...).'],
    ['a number to negate', () => logicalNot(1 as never), 'TypeError: logicalNot: a tensor is needed: number. Make one with tensor(...).'],
    [
      'a condition that is none',
      () => where(true as never, x, x),
      'TypeError: where: a tensor is needed: boolean. Make one with tensor(...).',
    ],
    ['a choice that is none', () => where(x, x, '0' as never), 'TypeError: where: a tensor is needed: string. Make one with tensor(...).'],
    ['bounds in the wrong order', () => x.clamp(1, 0), 'RangeError: clamp: low must not be above high: 1, 0.'],
    ['to clamp a number', () => clamp(3 as never), 'TypeError: clamp: a tensor is needed: number. Make one with tensor(...).'],
    [
      'a number that is not whole with integers',
      () => int.add(0.5),
      `DTypeError: add: a number takes the tensor's dtype, and is not whole: int32 and 0.5. Write x.cast('float32') first.`,
    ],
    [
      'a number that is not whole chosen among integers',
      () => where(int, int, 0.5),
      `DTypeError: where: a number takes the tensor's dtype, and is not whole: int32 and 0.5. Write x.cast('float32') first.`,
    ],
    [
      'an unknown dtype',
      () => x.cast('double' as never),
      `DTypeError: cast: unknown dtype: double. Use 'float32', 'int32', 'uint8' or 'bool'.`,
    ],
    ['to cast a number', () => cast(3 as never, 'int32'), 'TypeError: cast: a tensor is needed: number. Make one with tensor(...).'],
    [
      'more than 8 axes that do not merge',
      () => ones([2, 1, 2, 1, 2, 1, 2, 1, 2, 1]).add(ones([1, 2, 1, 2, 1, 2, 1, 2, 1, 2])),
      'ShapeError: add: more than 8 axes that do not merge: [2, 2, 2, 2, 2, 2, 2, 2, 2, 2].',
    ],
  ])
})

describe('reductions refuse', () => {
  refuses([
    ['an axis that is not there', () => x.sum(2), 'ShapeError: sum: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    ['a negative axis that is not there', () => x.mean(-3), 'ShapeError: mean: there is no axis -3: [2, 3]. Axes go from -2 to 1.'],
    ['an axis of a scalar', () => tensor(1).max(0), 'ShapeError: max: there is no axis 0: []. A scalar has no axes.'],
    ['an axis twice', () => x.sum([0, -2]), 'ShapeError: sum: axis 0 comes twice: [0, -2].'],
    ['an axis that is not whole', () => x.prod(0.5), 'ShapeError: prod: there is no axis 0.5: [2, 3]. Axes go from -2 to 1.'],
    ['text as an axis', () => x.std('0' as never), "TypeError: std: an axis is a number or a list of numbers: '0'."],
    ['null as an axis', () => x.variance(null as never), 'TypeError: variance: an axis is a number or a list of numbers: null.'],
    ['the largest of nothing', () => max(zeros([0])), 'ShapeError: max: there is nothing to choose from: [0].'],
    ['the largest along an empty axis', () => zeros([2, 0]).min(1), 'ShapeError: min: there is nothing to choose from: [2, 0].'],
    ['the place of the largest of nothing', () => zeros([0, 2]).argMax(0), 'ShapeError: argMax: there is nothing to choose from: [0, 2].'],
    ['the place along several axes', () => x.argMin([0, 1] as never), 'TypeError: argMin: an axis is a number: an array.'],
    ['more of the largest than there are', () => x.topK(4), 'RangeError: topK: k is a whole number from 0 to 3, the length of axis 1: 4.'],
    ['fewer than none', () => x.topK(-1, 0), 'RangeError: topK: k is a whole number from 0 to 2, the length of axis 0: -1.'],
    ['half of the largest', () => x.topK(1.5), 'RangeError: topK: k is a whole number from 0 to 3, the length of axis 1: 1.5.'],
    ['no number of the largest', () => x.topK(null as never), 'TypeError: topK: k is a number: null came.'],
    [
      'the largest along an axis that is not there',
      () => x.topK(1, 2),
      'ShapeError: topK: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    [
      'the largest of no tensor',
      () => topK([1, 2] as never, 1),
      'TypeError: topK: a tensor is needed: an array. Make one with tensor(...).',
    ],
    ['the largest of a scalar', () => topK(ones([]), 1), 'ShapeError: topK: there is no axis -1: []. A scalar has no axes.'],
    ['a scalar in order', () => tensor(1).sort(), 'ShapeError: sort: there is no axis -1: []. A scalar has no axes.'],
    [
      'an order that sort does not know',
      () => x.argSort(-1, { reverse: true } as never),
      "TypeError: argSort: there is no option 'reverse'. There is descending.",
    ],
    ['running sums along no axis', () => x.cumsum(2), 'ShapeError: cumsum: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    [
      'running sums that do not fit',
      () => tensor([2 ** 31 - 1, 1, -1], { dtype: 'int32' }).cumsum(),
      "RangeError: cumsum: a result does not fit into int32: about 2147483648. Write x.cast('float32') first.",
    ],
    ['a norm of order 0', () => norm(x, 0, { p: 0 }), 'RangeError: norm: p must be above 0: 0.'],
    [
      'softmax along an axis that is not there',
      () => softmax(x, 2),
      'ShapeError: softmax: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    ['softmax of a scalar', () => tensor(1).softmax(), 'ShapeError: softmax: there is no axis -1: []. A scalar has no axes.'],
    [
      'a logarithm of a sum along no axis',
      () => logSumExp(x, 5),
      'ShapeError: logSumExp: there is no axis 5: [2, 3]. Axes go from -2 to 1.',
    ],
    ['the sum of a number', () => sum(3 as never), 'TypeError: sum: a tensor is needed: number. Make one with tensor(...).'],
    ['the mean of an array', () => mean([1, 2] as never), 'TypeError: mean: a tensor is needed: an array. Make one with tensor(...).'],
  ])
})

describe('products refuse', () => {
  refuses([
    [
      'inner dimensions that differ',
      () => matmul(x, ones([4, 5])),
      'ShapeError: matmul: inner dimensions differ: [2, 3] x [4, 5]. The last axis of the left operand must be as long as the last but one of the right.',
    ],
    [
      'what would fit with the right transposed',
      () => matmul(x, ones([5, 3])),
      'ShapeError: matmul: inner dimensions differ: [2, 3] x [5, 3]. Transpose the right operand to contract the last axes.',
    ],
    [
      'what would fit with the left transposed',
      () => matmul(x, ones([2, 5])),
      'ShapeError: matmul: inner dimensions differ: [2, 3] x [2, 5]. Transpose the left operand to contract the first axes.',
    ],
    [
      'what does not fit transposed',
      () => matmul(x, ones([3, 5]), { transposeLeft: true }),
      'ShapeError: matmul: inner dimensions differ: [2, 3] transposed x [3, 5]. The last axis of the left operand must be as long as the last but one of the right.',
    ],
    [
      'a vector of another length',
      () => x.matmul(y),
      'ShapeError: matmul: inner dimensions differ: [2, 3] x [4, 1]. The last axis of the left operand must be as long as the last but one of the right.',
    ],
    [
      'vectors of different lengths',
      () => matmul(ones([3]), y),
      'ShapeError: matmul: inner dimensions differ: [3] x [4]. The last axis of the left operand must be as long as the last but one of the right.',
    ],
    ['a scalar', () => matmul(tensor(2), x), 'ShapeError: matmul: a scalar is no matrix: [] x [2, 3]. Use mul.'],
    [
      'batches that do not broadcast',
      () => matmul(ones([2, 2, 3]), ones([3, 3, 2])),
      'ShapeError: matmul: batches do not broadcast: [2, 2, 3] x [3, 3, 2]. All axes but the last two are compared from the right: sizes must be equal or 1.',
    ],
    ['a number', () => matmul(x, 2 as never), 'TypeError: matmul: a tensor is needed: number. Make one with tensor(...).'],
    [
      'a weight of other inputs',
      () => linear(x, ones([5, 4])),
      'ShapeError: linear: sizes differ: x [2, 3], weight [5, 4]. The last axis of x must be the second of the weight [out, in]; the bias is [out].',
    ],
    [
      'a weight that is no matrix',
      () => linear(x, ones([3])),
      'ShapeError: linear: sizes differ: x [2, 3], weight [3]. The last axis of x must be the second of the weight [out, in]; the bias is [out].',
    ],
    [
      'a bias of other outputs',
      () => linear(x, ones([5, 3]), ones([4])),
      'ShapeError: linear: sizes differ: x [2, 3], weight [5, 3], bias [4]. The last axis of x must be the second of the weight [out, in]; the bias is [out].',
    ],
  ])
})

describe('movements refuse', () => {
  refuses([
    [
      'a shape of another size',
      () => reshape(x, [4]),
      'ShapeError: reshape: the sizes do not multiply to the number of elements: [2, 3] to [4]. They must multiply to 6; one of them may be -1.',
    ],
    [
      'a shape with two open sizes',
      () => reshape(x, [-1, -1]),
      'ShapeError: reshape: the sizes do not multiply to the number of elements: [2, 3] to [-1, -1]. They must multiply to 6; one of them may be -1.',
    ],
    [
      'an open size that does not come out',
      () => reshape(x, [4, -1]),
      'ShapeError: reshape: the sizes do not multiply to the number of elements: [2, 3] to [4, -1]. They must multiply to 6; one of them may be -1.',
    ],
    ['a number as a shape', () => reshape(x, 6 as never), 'TypeError: reshape: a shape is a list of numbers: 6. Write [6].'],
    ['to reshape a number', () => reshape(6 as never, [1]), 'TypeError: reshape: a tensor is needed: number. Make one with tensor(...).'],
    [
      'to flatten from an axis that is not there',
      () => flatten(x, 2),
      'ShapeError: flatten: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    ['to squeeze a long axis', () => squeeze(x, 0), 'ShapeError: squeeze: axis 0 is longer than 1: [2, 3].'],
    [
      'to expand at an axis that is not there',
      () => expandDims(x, 4),
      'ShapeError: expandDims: there is no axis 4: [2, 3, 1]. Axes go from -3 to 2.',
    ],
    ['to transpose a vector', () => transpose(y), 'ShapeError: transpose: needs two axes: [4]. expandDims makes a row or column.'],
    [
      'to transpose an array',
      () => transpose([[1]] as never),
      'TypeError: transpose: a tensor is needed: an array. Make one with tensor(...).',
    ],
    ['an order that leaves out an axis', () => permute(x, [0]), 'ShapeError: permute: every axis must be named once: [0] for [2, 3].'],
    ['an order with an axis twice', () => permute(x, [0, 0]), 'ShapeError: permute: every axis must be named once: [0, 0] for [2, 3].'],
    ['an order that is no list', () => permute(x, 1 as never), 'TypeError: permute: takes the list of all axes in their new order: 1.'],
    ['to broadcast to a smaller shape', () => broadcastTo(x, [3]), 'ShapeError: broadcastTo: the shape does not broadcast: [2, 3] to [3].'],
    ['to broadcast a long axis', () => broadcastTo(x, [2, 2]), 'ShapeError: broadcastTo: the shape does not broadcast: [2, 3] to [2, 2].'],
    ['to assign another shape', () => assign(ones([3]), y), 'ShapeError: assign: shapes differ: [4] into [3].'],
    ['to assign a number', () => assign(y, 3 as never), 'TypeError: assign: a tensor is needed: number. Make one with tensor(...).'],
    [
      'to assign while a gradient is taken',
      () => gradient(z => z.assign(z.mul(2)).sum(), y),
      'TypeError: assign: a gradient is being taken, and it could not see the change. Compute a new tensor instead.',
    ],
  ])
})

describe('indexing refuses', () => {
  const small = arange(0, 3)
  refuses([
    [
      'an index that is too large',
      () => gather(small, [0, 3]),
      'RangeError: gather: index 3 at place 1 is out of range: indices go from 0 to 2.',
    ],
    [
      'a negative index',
      () => gather(small, tensor(new Int32Array([-1]))),
      'RangeError: gather: index -1 at place 0 is out of range: indices go from 0 to 2.',
    ],
    [
      'an index that is not whole',
      () => gather(small, tensor([0, 0.5])),
      'RangeError: gather: index 0.5 at place 1 is not a whole number.',
    ],
    ['a plain index that is not whole', () => gather(small, [0, 0.5]), 'RangeError: gather: index 0.5 at place 1 is not a whole number.'],
    ['an index that is NaN', () => gather(small, tensor([Number.NaN])), 'RangeError: gather: index NaN at place 0 is not a whole number.'],
    [
      'bool as indices',
      () => gather(small, tensor([true])),
      'DTypeError: gather: indices cannot be bool: [1]. Use where, or cast them to int32.',
    ],
    ['text as indices', () => gather(small, 'all' as never), 'TypeError: gather: a tensor is needed: string. Make one with tensor(...).'],
    ['an axis that is not there', () => gather(small, [0], 1), 'ShapeError: gather: there is no axis 1: [3]. Axes go from -1 to 0.'],
    [
      'an entry that is not there',
      () => takeAlong(x, tensor([[3], [0]]), 1),
      'RangeError: takeAlong: index 3 at place 0 is out of range: indices go from 0 to 2.',
    ],
    [
      'entries of another rank',
      () => takeAlong(x, tensor([0, 1]), 1),
      'ShapeError: takeAlong: x and indices differ on another axis than 1: [2, 3] and [2].',
    ],
    [
      'entries of another size elsewhere',
      () => takeAlong(x, tensor([[0], [1], [2]]), 1),
      'ShapeError: takeAlong: x and indices differ on another axis than 1: [2, 3] and [3, 1].',
    ],
    [
      'updates of another shape',
      () => scatterAdd(small, [0, 1], y),
      'ShapeError: scatterAdd: the updates do not fit: [4]. They must be [2].',
    ],
    [
      'updates out of range',
      () => scatterAdd(small, [0, 5], ones([2])),
      'RangeError: scatterAdd: index 5 at place 1 is out of range: indices go from 0 to 2.',
    ],
    [
      'a class that is too large',
      () => oneHot([0, 3], 3),
      'RangeError: oneHot: index 3 at place 1 is out of range: indices go from 0 to 2.',
    ],
    ['a negative class', () => oneHot([-1, 2]), 'RangeError: oneHot: index -1 at place 0 is out of range: indices go from 0 to 2.'],
    [
      'classes by name',
      () => oneHot([0, 1], { classes: 2 } as never),
      'TypeError: oneHot: the number of classes is a number: object came. Write oneHot(indices, 3), or oneHot(indices).',
    ],
    [
      'classes as text',
      () => oneHot([0, 1], '2' as never),
      "TypeError: oneHot: the number of classes is a number: '2' came. Write oneHot(indices, 3), or oneHot(indices).",
    ],
    [
      'a count of classes that is not whole',
      () => oneHot([0], 2.5),
      'RangeError: oneHot: the number of classes is a whole number from 0: 2.5.',
    ],
    ['a class of none', () => oneCold(zeros([2, 0])), 'ShapeError: oneCold: there are no classes: [2, 0].'],
    ['a class on no axis', () => oneCold(x, { axis: 2 }), 'ShapeError: oneCold: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    ['an index that is no number', () => gather(x, [null] as never), 'RangeError: gather: index null at place 0 is not a whole number.'],
    [
      'the class of NaN',
      () => oneCold(tensor([[1, Number.NaN]])),
      'RangeError: oneCold: NaN has no class. Look for where it comes from with isNaN(y).',
    ],
  ])
})

describe('joining and cutting refuse', () => {
  refuses([
    ['nothing to join', () => concat([]), 'TypeError: concat: the list of tensors is empty.'],
    ['no list to join', () => concat(x as never), 'TypeError: concat: takes a list of tensors: a tensor. Write concat([x, y]).'],
    ['a number to join', () => concat([x, 1 as never]), 'TypeError: concat: a tensor is needed: number. Make one with tensor(...).'],
    ['shapes that differ', () => concat([x, ones([2, 4])]), 'ShapeError: concat: shapes differ on another axis than 0: [2, 3] and [2, 4].'],
    ['ranks that differ', () => concat([x, y]), 'ShapeError: concat: shapes differ on another axis than 0: [2, 3] and [4].'],
    ['an axis that is not there', () => concat([x, x], 2), 'ShapeError: concat: there is no axis 2: [2, 3]. Axes go from -2 to 1.'],
    ['nothing to stack', () => stack([]), 'TypeError: stack: the list of tensors is empty.'],
    ['shapes that differ in a stack', () => stack([x, ones([2, 4])]), 'ShapeError: stack: shapes differ: [2, 3] and [2, 4].'],
    [
      'an axis of a stack that is not there',
      () => stack([x, x], 3),
      'ShapeError: stack: there is no axis 3: [2, 3, 1]. Axes go from -3 to 2.',
    ],
    [
      'parts that do not divide',
      () => split(x, 2, 1),
      'ShapeError: split: axis 1 does not divide so: [2, 3] into 2 parts. chunk makes the last part shorter.',
    ],
    [
      'sizes of parts that do not add up',
      () => split(x, [1, 1], 1),
      'ShapeError: split: axis 1 does not divide so: [2, 3] into [1, 1]. chunk makes the last part shorter.',
    ],
    [
      'a negative part',
      () => split(x, [4, -1], 1),
      'ShapeError: split: axis 1 does not divide so: [2, 3] into [4, -1]. chunk makes the last part shorter.',
    ],
    ['no parts', () => split(x, 0), 'RangeError: split: the number of parts is a whole number from 1: 0.'],
    [
      'what is no number of parts and no list',
      () => split(x, undefined as never),
      'TypeError: split: takes a number of parts, or a list of sizes: undefined. Write split(2) or split([1, 2]).',
    ],
    ['a billion parts', () => split(x, 1e9), 'RangeError: split: so many tensors cannot be made: 1000000000. There may be 1048576.'],
    [
      'a billion parts of nothing',
      () => split(zeros([0]), 1e9),
      'RangeError: split: so many tensors cannot be made: 1000000000. There may be 1048576.',
    ],
    [
      'millions of chunks',
      () => chunk(zeros([3e6], { dtype: 'uint8' }), 1e9),
      'RangeError: chunk: so many tensors cannot be made: 3000000. There may be 1048576.',
    ],
    ['no chunks', () => chunk(x, 0), 'RangeError: chunk: the number of parts is a whole number from 1: 0.'],
    [
      'a slice that cannot be read',
      () => slice(x, 'a:b'),
      `TypeError: slice: cannot read 'a:b' in 'a:b'. Write an index, or start:stop:step, for each axis.`,
    ],
    [
      'a slice with too many colons',
      () => slice(x, '1:2:3:4'),
      `TypeError: slice: cannot read '1:2:3:4' in '1:2:3:4'. Write an index, or start:stop:step, for each axis.`,
    ],
    ['an empty slice', () => slice(x, ''), `TypeError: slice: cannot read '' in ''. Write an index, or start:stop:step, for each axis.`],
    ['more entries than axes', () => slice(x, '0, 0, 0'), 'ShapeError: slice: 3 entries for 2 axes: [2, 3].'],
    ['an index of a slice that is not there', () => slice(x, '5'), 'RangeError: slice: index 5 is out of range on axis 0 of [2, 3].'],
    ['a step of 0', () => slice(x, '::0'), 'RangeError: slice: a step is a whole number other than 0: 0.'],
    ['a bound that is not whole', () => slice(x, [[0.5, 2]]), 'RangeError: slice: bounds are whole numbers: 0.5.'],
    ['an index of a slice that is not whole', () => slice(x, [0.5]), 'RangeError: slice: index 0.5 is out of range on axis 0 of [2, 3].'],
    [
      'a slice that is a number',
      () => slice(x, 1 as never),
      `TypeError: slice: takes a text, or a list with one entry an axis: number. Write slice('1') or slice([1]).`,
    ],
  ])
})
